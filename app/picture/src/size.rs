//! Sizes: read from headers without decoding, limited, and fitted.

use std::fmt;

use crate::{PictureKind, jpeg_segments};

/// Longest side that is decoded, in pixels.
pub const MAX_SIDE: u32 = 30_000;

/// Most pixels that are decoded: 200 megapixels, the largest sensors of today's phones.
pub const MAX_PIXELS: u64 = 200_000_000;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.width, self.height)
    }
}

impl Size {
    /// The larger of both sides.
    #[must_use]
    pub fn longest(self) -> u32 {
        self.width.max(self.height)
    }

    /// Number of pixels.
    #[must_use]
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The same picture turned by a quarter.
    #[must_use]
    pub fn turned(self) -> Self {
        Self { width: self.height, height: self.width }
    }

    /// Whether it may be decoded: at most [`MAX_SIDE`] a side and [`MAX_PIXELS`] in all, and not
    /// empty.
    #[must_use]
    pub fn is_within_limits(self) -> bool {
        self.width > 0 && self.height > 0 && self.longest() <= MAX_SIDE && self.pixels() <= MAX_PIXELS
    }

    /// The largest size of the same shape whose sides are at most `longest`. Never larger than
    /// `self`, never empty.
    #[must_use]
    pub fn fit_within(self, longest: u32) -> Self {
        self.scaled(longest, self.longest())
    }

    /// The smallest size of the same shape whose sides are at least `side`, so that a square of
    /// `side` can be cut from it. Never larger than `self`, never empty.
    #[must_use]
    pub fn cover(self, side: u32) -> Self {
        self.scaled(side, self.width.min(self.height))
    }

    /// By the fraction `to / from`, rounded, if that makes it smaller.
    fn scaled(self, to: u32, from: u32) -> Self {
        if to >= from {
            return self;
        }
        let (to, from) = (u64::from(to), u64::from(from));
        let side = |side: u32| {
            let rounded = (u64::from(side) * to + from / 2) / from;
            u32::try_from(rounded).unwrap_or(side).max(1)
        };
        Self { width: side(self.width), height: side(self.height) }
    }
}

/// The size that the header of a file states, as coded: rotation is not applied. `None` where the
/// header does not reach into `head` or makes no sense. For HEIC, whose header lists several
/// images, the largest of them.
pub(crate) fn read(kind: PictureKind, head: &[u8]) -> Option<Size> {
    match kind {
        PictureKind::Jpeg => jpeg(head),
        PictureKind::Png => {
            let [width, height] = [be32(head, 16)?, be32(head, 20)?];
            (head.get(12..16)? == b"IHDR").then_some(Size { width, height })
        }
        PictureKind::Gif => {
            Some(Size { width: u32::from(le16(head, 6)?), height: u32::from(le16(head, 8)?) })
        }
        PictureKind::Webp => webp(head),
        PictureKind::Heic => heic(head),
    }
}

fn jpeg(head: &[u8]) -> Option<Size> {
    // Start of frame, except the three numbers in between that mean other things.
    let is_frame = |marker: u8| matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC);
    let (_, frame) = jpeg_segments(head).find(|(marker, _)| is_frame(*marker))?;
    let [height, width] = [be16(frame, 1)?, be16(frame, 3)?];
    Some(Size { width: u32::from(width), height: u32::from(height) })
}

fn webp(head: &[u8]) -> Option<Size> {
    match head.get(12..16)? {
        b"VP8 " => {
            let [width, height] = [le16(head, 26)?, le16(head, 28)?];
            Some(Size { width: u32::from(width & 0x3FFF), height: u32::from(height & 0x3FFF) })
        }
        b"VP8L" => {
            let bits = u32::from_le_bytes(*head.get(21..)?.first_chunk::<4>()?);
            Some(Size { width: (bits & 0x3FFF) + 1, height: ((bits >> 14) & 0x3FFF) + 1 })
        }
        b"VP8X" => {
            let le24 = |at: usize| Some(u32::from(le16(head, at)?) | u32::from(*head.get(at + 2)?) << 16);
            Some(Size { width: le24(24)? + 1, height: le24(27)? + 1 })
        }
        _ => None,
    }
}

fn heic(head: &[u8]) -> Option<Size> {
    let meta = boxes(head).find(|(name, _)| name == b"meta")?.1.get(4..)?;
    let properties = boxes(meta).find(|(name, _)| name == b"iprp")?.1;
    let container = boxes(properties).find(|(name, _)| name == b"ipco")?.1;
    boxes(container)
        .filter(|(name, _)| name == b"ispe")
        .filter_map(|(_, body)| Some(Size { width: be32(body, 4)?, height: be32(body, 8)? }))
        .max_by_key(|size| size.pixels())
}

/// The boxes of an ISO base media file or box: name and content, cut where `bytes` end.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let short = be32(bytes, 0)?;
        let name = *bytes.get(4..)?.first_chunk::<4>()?;
        let (header, length) = match short {
            0 => (8, bytes.len()),
            1 => (16, usize::try_from(u64::from_be_bytes(*bytes.get(8..)?.first_chunk::<8>()?)).ok()?),
            length => (8, length as usize),
        };
        let end = length.min(bytes.len());
        let body = bytes.get(header..end)?;
        bytes = &bytes[end..];
        Some((name, body))
    })
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk::<2>()?))
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk::<2>()?))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk::<4>()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_photo_is_fitted_and_covered() {
        let photo = Size { width: 3024, height: 4032 };
        assert_eq!(photo.fit_within(1024), Size { width: 768, height: 1024 });
        assert_eq!(photo.cover(200), Size { width: 200, height: 267 });
        let small = Size { width: 100, height: 80 };
        assert_eq!((small.fit_within(1024), small.cover(200)), (small, small));
        let line = Size { width: 30_000, height: 1 };
        assert_eq!(line.fit_within(1024), Size { width: 1024, height: 1 });
    }

    #[test]
    fn a_jpeg_header_is_found_behind_other_segments() {
        let mut jpeg = b"\xFF\xD8\xFF\xE1\0\x08Exif\0\0\xFF\xFF\xDB\0\x03x".to_vec();
        jpeg.extend(b"\xFF\xC2\0\x11\x08\x0B\xD0\x0F\xC0\x03");
        assert_eq!(read(PictureKind::Jpeg, &jpeg), Some(Size { width: 4032, height: 3024 }));
    }

    proptest! {
        #[test]
        fn headers_of_any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for kind in PictureKind::ALL {
                let _ = read(kind, &bytes);
            }
        }

        #[test]
        fn fitting_keeps_the_shape_and_never_enlarges(width in 1u32..40_000, height in 1u32..40_000, longest in 1u32..5_000) {
            let size = Size { width, height };
            let fitted = size.fit_within(longest);
            prop_assert!(fitted.longest() <= longest.max(1));
            prop_assert!(fitted.width <= width && fitted.height <= height && fitted.pixels() > 0);
            let exact = f64::from(width.min(height)) * f64::from(fitted.longest()) / f64::from(size.longest());
            prop_assert!((f64::from(fitted.width.min(fitted.height)) - exact).abs() <= 1.0);
        }
    }
}
