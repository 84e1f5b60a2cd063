//! Which way is up.

use crate::{PictureKind, Size, jpeg_segments};

/// How stored pixels must be moved to stand upright: the eight values of the Exif tag 0x0112
/// (CIPA DC-008, 4.6.5.1.6), as a mirror image followed by a clockwise turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation {
    /// Left and right are exchanged, before the turn.
    pub mirrored: bool,
    /// Clockwise quarter turns, 0 to 3.
    pub quarter_turns: u8,
}

impl Orientation {
    /// Nothing to do.
    pub const UPRIGHT: Self = Self { mirrored: false, quarter_turns: 0 };

    /// From the value of the Exif tag; anything but 2 to 8 means upright.
    #[must_use]
    pub fn from_exif(value: u16) -> Self {
        let (mirrored, quarter_turns) = match value {
            2 => (true, 0),
            3 => (false, 2),
            4 => (true, 2),
            5 => (true, 3),
            6 => (false, 1),
            7 => (true, 1),
            8 => (false, 3),
            _ => (false, 0),
        };
        Self { mirrored, quarter_turns }
    }

    /// The orientation that a file states beside its pixels.
    ///
    /// Always upright for HEIC: its container has transforms of its own which every decoder
    /// applies, and the Exif tag must not be applied on top of them. GIF has none.
    #[must_use]
    pub fn of(kind: PictureKind, file: &[u8]) -> Self {
        let tiff = match kind {
            PictureKind::Jpeg => jpeg_exif(file),
            PictureKind::Png => chunk(file.get(8..).unwrap_or_default(), Chunking::Png, b"eXIf"),
            // Some writers put the JPEG's prefix into WebP as well.
            PictureKind::Webp => chunk(file.get(12..).unwrap_or_default(), Chunking::Riff, b"EXIF")
                .map(|data| data.strip_prefix(b"Exif\0\0").unwrap_or(data)),
            PictureKind::Heic | PictureKind::Gif => None,
        };
        tiff.and_then(exif_tag).map_or(Self::UPRIGHT, Self::from_exif)
    }

    /// The size of the upright picture.
    #[must_use]
    pub fn apply_to_size(self, size: Size) -> Size {
        if self.quarter_turns % 2 == 1 { size.turned() } else { size }
    }

    /// Moves pixels upright.
    ///
    /// `pixels`: row by row, `CHANNELS` bytes each; `size`: as stored. Returns the pixels in the order
    /// of the upright picture, whose size is [`Orientation::apply_to_size`].
    ///
    /// # Panics
    /// When `pixels` is not exactly as long as `size` and `CHANNELS` say.
    #[must_use]
    pub fn apply<const CHANNELS: usize>(self, pixels: Vec<u8>, size: Size) -> Vec<u8> {
        let (width, height) = (size.width as usize, size.height as usize);
        assert_eq!(pixels.len(), width * height * CHANNELS, "one value per pixel and channel");
        if self == Self::UPRIGHT {
            return pixels;
        }
        let (pixels, _) = pixels.as_chunks::<CHANNELS>();
        // Of the upright picture: where its first pixel is stored, and how far apart its neighbours to
        // the right and below are.
        let (column, row) = if self.mirrored { (-1, width as isize) } else { (1, width as isize) };
        let (right, below) = match self.quarter_turns {
            0 => (column, row),
            1 => (-row, column),
            2 => (-column, -row),
            _ => (row, -column),
        };
        let upright = self.apply_to_size(size);
        let backwards = |step: isize, count: u32| if step < 0 { -step * (count as isize - 1) } else { 0 };
        let first = backwards(right, upright.width) + backwards(below, upright.height);
        let mut moved = Vec::with_capacity(width * height * CHANNELS);
        for y in 0..upright.height as isize {
            let start = first + y * below;
            moved
                .extend((0..upright.width as isize).flat_map(|x| pixels[(start + x * right).unsigned_abs()]));
        }
        moved
    }
}

/// The TIFF block of the first Exif segment of a JPEG.
fn jpeg_exif(file: &[u8]) -> Option<&[u8]> {
    jpeg_segments(file)
        .filter(|(marker, _)| *marker == 0xE1)
        .find_map(|(_, data)| data.strip_prefix(b"Exif\0\0"))
}

#[derive(Clone, Copy)]
enum Chunking {
    /// Length (big endian), name, data, checksum.
    Png,
    /// Name, length (little endian), data padded to an even number of bytes.
    Riff,
}

/// The data of the first chunk of that name.
fn chunk<'a>(mut bytes: &'a [u8], chunking: Chunking, wanted: &[u8; 4]) -> Option<&'a [u8]> {
    loop {
        let (first, second) = (*bytes.first_chunk::<4>()?, *bytes.get(4..)?.first_chunk::<4>()?);
        let (name, length, trailer) = match chunking {
            Chunking::Png => (second, u32::from_be_bytes(first) as usize, 4),
            Chunking::Riff => {
                let length = u32::from_le_bytes(second) as usize;
                (first, length, length % 2)
            }
        };
        let end = length.checked_add(8)?;
        if &name == wanted {
            return bytes.get(8..end);
        }
        bytes = bytes.get(end.checked_add(trailer)?..)?;
    }
}

/// The orientation tag of the first directory of a TIFF block.
fn exif_tag(tiff: &[u8]) -> Option<u16> {
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let read16 = |at: usize| {
        let bytes = *tiff.get(at..)?.first_chunk::<2>()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let offset = *tiff.get(4..)?.first_chunk::<4>()?;
    let offset = if little { u32::from_le_bytes(offset) } else { u32::from_be_bytes(offset) } as usize;
    let entries = usize::from(read16(offset)?);
    (0..entries)
        .map(|index| offset + 2 + index * 12)
        .find(|&entry| read16(entry) == Some(0x0112))
        .and_then(|entry| read16(entry + 8))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tiff(little: bool, value: u16) -> Vec<u8> {
        let n16 = |n: u16| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let n32 = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let mut block = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
        block.extend(n32(8));
        block.extend(n16(2));
        for (tag, value) in [(0x010F, 9), (0x0112, value)] {
            block.extend(n16(tag));
            block.extend(n16(3));
            block.extend(n32(1));
            block.extend(n16(value));
            block.extend([0, 0]);
        }
        block
    }

    fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len() + 2).expect("short").to_be_bytes();
        [&[0xFF, marker], &length[..], data].concat()
    }

    #[test]
    fn the_tag_is_found_in_all_three_containers() {
        for (little, value) in [(true, 6), (false, 8)] {
            let wanted = Orientation::from_exif(value);
            let exif = [b"Exif\0\0", &tiff(little, value)[..]].concat();
            let jpeg = [b"\xFF\xD8", &segment(0xE0, b"JFIF\0")[..], &segment(0xE1, &exif)].concat();
            assert_eq!(Orientation::of(PictureKind::Jpeg, &jpeg), wanted);

            let block = tiff(little, value);
            let length = u32::try_from(block.len()).expect("short");
            let png = [b"\x89PNG\r\n\x1a\n\0\0\0\0IDAT\0\0\0\0", &length.to_be_bytes()[..], b"eXIf", &block]
                .concat();
            assert_eq!(Orientation::of(PictureKind::Png, &png), wanted);

            let webp = [b"RIFF\0\0\0\0WEBPVP8 \x01\0\0\0x\0EXIF", &length.to_le_bytes()[..], &block].concat();
            assert_eq!(Orientation::of(PictureKind::Webp, &webp), wanted);
            assert_eq!(Orientation::of(PictureKind::Heic, &jpeg), Orientation::UPRIGHT);
        }
    }

    /// Pixels `1 2 3 / 4 5 6` and what each tag makes of them, by the standard's own words for
    /// where row 0 and column 0 of the stored picture belong.
    #[test]
    fn all_eight_values_move_pixels_as_the_standard_says() {
        let upright: [(u16, [u8; 6]); 8] = [
            (1, [1, 2, 3, 4, 5, 6]),
            (2, [3, 2, 1, 6, 5, 4]),
            (3, [6, 5, 4, 3, 2, 1]),
            (4, [4, 5, 6, 1, 2, 3]),
            (5, [1, 4, 2, 5, 3, 6]),
            (6, [4, 1, 5, 2, 6, 3]),
            (7, [6, 3, 5, 2, 4, 1]),
            (8, [3, 6, 2, 5, 1, 4]),
        ];
        for (value, wanted) in upright {
            let size = Size { width: 3, height: 2 };
            let moved = Orientation::from_exif(value).apply::<1>(vec![1, 2, 3, 4, 5, 6], size);
            assert_eq!(moved, wanted, "value {value}");
            let colours =
                |gray: &[u8]| gray.iter().flat_map(|&gray| [gray, 10, gray + 100]).collect::<Vec<_>>();
            let moved = Orientation::from_exif(value).apply::<3>(colours(&[1, 2, 3, 4, 5, 6]), size);
            assert_eq!(moved, colours(&wanted), "value {value} in colours");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for kind in PictureKind::ALL {
                let _ = Orientation::of(kind, &bytes);
            }
            let _ = exif_tag(&bytes);
        }
    }
}
