//! Tells a file that was cut off from a whole one, by its container alone, while it streams by.

use picture::PictureKind;

/// Walks through a picture's segments, chunks or boxes without keeping them.
///
/// It judges with restraint: a file is called incomplete only when its own structure announces bytes that never
/// came. What stands inside is for the decoders.
pub(crate) struct Walk {
    kind: PictureKind,
    /// Of the segment, chunk or box that begins here, as far as it has come.
    header: Vec<u8>,
    /// Bytes that are of no interest.
    skip: u64,
    /// JPEG: compressed data follows after what is skipped.
    scan_follows: bool,
    /// JPEG: within compressed data.
    in_scan: bool,
    /// HEIC: what is skipped belongs to the picture, rather than to a maker's addition behind it.
    needed: bool,
    seen: u64,
    /// WebP: bytes of the whole file.
    announced: u64,
    ended: bool,
}

impl Walk {
    /// At the beginning of a file of this kind.
    pub(crate) fn new(kind: PictureKind) -> Self {
        Self {
            kind,
            header: Vec::with_capacity(16),
            // PNG's signature stands in no chunk.
            skip: if kind == PictureKind::Png { 8 } else { 0 },
            scan_follows: false,
            in_scan: false,
            needed: false,
            seen: 0,
            announced: 0,
            ended: false,
        }
    }

    /// Takes the next bytes of the file.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        self.seen += bytes.len() as u64;
        while !self.ended && !bytes.is_empty() {
            if self.skip > 0 {
                let step = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                bytes = &bytes[step..];
                self.skip -= step as u64;
                self.in_scan = self.skip == 0 && std::mem::take(&mut self.scan_follows) || self.in_scan;
                self.scan_follows &= self.skip > 0;
                continue;
            }
            if self.in_scan && self.header.is_empty() {
                // Within compressed data only 0xFF can begin a marker.
                let marker = bytes.iter().position(|byte| *byte == 0xFF).unwrap_or(bytes.len());
                bytes = &bytes[marker..];
            }
            if let Some((first, rest)) = bytes.split_first() {
                self.header.push(*first);
                bytes = rest;
                self.step();
            }
        }
    }

    /// Whether nothing that was announced is missing, once the file has ended.
    pub(crate) fn is_whole(&self) -> bool {
        match self.kind {
            PictureKind::Jpeg | PictureKind::Png => self.ended,
            PictureKind::Heic => self.ended || self.skip == 0 || !self.needed,
            PictureKind::Webp => self.seen >= self.announced,
            // Many are shown well without their trailer.
            PictureKind::Gif => true,
        }
    }

    fn step(&mut self) {
        match self.kind {
            PictureKind::Jpeg => self.jpeg(),
            PictureKind::Png => {
                if let Some((length, name)) = self.length_and_name() {
                    self.ended = &name == b"IEND";
                    self.skip = u64::from(length) + 4;
                    self.header.clear();
                }
            }
            PictureKind::Heic => self.heic(),
            PictureKind::Webp => {
                if let [_, _, _, _, a, b, c, d] = *self.header.as_slice() {
                    self.announced = u64::from(u32::from_le_bytes([a, b, c, d])) + 8;
                    self.skip = u64::MAX;
                }
            }
            PictureKind::Gif => self.skip = u64::MAX,
        }
    }

    fn jpeg(&mut self) {
        match *self.header.as_slice() {
            [0xFF] => {}
            [0xFF, 0xFF] => self.header.truncate(1),
            [0xFF, 0xD9] => self.ended = true,
            // Stuffing and restarts within compressed data, and markers that stand alone.
            [0xFF, 0x00 | 0x01 | 0xD0..=0xD8] => self.header.clear(),
            [0xFF, _] | [0xFF, _, _] => {}
            [0xFF, marker, high, low] => {
                self.skip = u64::from(u16::from_be_bytes([high, low])).saturating_sub(2);
                self.in_scan = marker == 0xDA && self.skip == 0;
                self.scan_follows = marker == 0xDA && self.skip > 0;
                self.header.clear();
            }
            // Bytes that belong to nothing are passed over like compressed data.
            _ => {
                self.header.clear();
                self.in_scan = true;
            }
        }
    }

    fn heic(&mut self) {
        let Some((short, name)) = self.length_and_name() else { return };
        let length = match (short, self.header.get(8..16)) {
            // To the end of the file.
            (0, _) => {
                self.ended = true;
                return;
            }
            (1, None) => return,
            (1, Some(long)) => long.try_into().map_or(0, u64::from_be_bytes),
            (short, _) => u64::from(short),
        };
        self.needed = matches!(&name, b"ftyp" | b"meta" | b"mdat");
        self.skip = length.saturating_sub(self.header.len() as u64);
        self.header.clear();
    }

    fn length_and_name(&self) -> Option<(u32, [u8; 4])> {
        let (length, rest) = self.header.split_first_chunk::<4>()?;
        Some((u32::from_be_bytes(*length), *rest.first_chunk::<4>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg() -> Vec<u8> {
        // A thumbnail of its own within an APP1 segment must not count as the end.
        let mut file = b"\xFF\xD8\xFF\xE1\0\x08\xFF\xD8\xFF\xD9xx\xFF\xDA\0\x04ab".to_vec();
        file.extend(b"scan\xFF\x00data\xFF\xD0more\xFF\xC4\0\x03h\xFF\xDA\0\x02second\xFF\xD9");
        file
    }

    fn png() -> Vec<u8> {
        b"\x89PNG\r\n\x1a\n\0\0\0\x03IDATabc1234\0\0\0\0IEND\xAE\x42\x60\x82".to_vec()
    }

    fn heic() -> Vec<u8> {
        b"\0\0\0\x0CftypheicIGNORED"[..12]
            .iter()
            .copied()
            .chain(*b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x14data")
            .collect()
    }

    fn whole(kind: PictureKind, file: &[u8], step: usize) -> bool {
        let mut walk = Walk::new(kind);
        for bytes in file.chunks(step) {
            walk.feed(bytes);
        }
        walk.is_whole()
    }

    #[test]
    fn every_cut_is_noticed_however_the_bytes_arrive() {
        // The last: how many bytes at the end may be missing unnoticed (a PNG's last checksum).
        for (kind, file, spare) in
            [(PictureKind::Jpeg, jpeg(), 0), (PictureKind::Png, png(), 4), (PictureKind::Heic, heic(), 0)]
        {
            for step in [1, 2, 3, 7, 1000] {
                assert!(whole(kind, &file, step), "{kind:?} by {step}");
                let mut longer = file.clone();
                longer.extend(b"a maker's addition");
                assert!(whole(kind, &longer, step), "{kind:?} with something behind it");
                // A box's header may be cut without notice: nothing is announced yet.
                let from = if kind == PictureKind::Heic { file.len() - 4 } else { 2 };
                for cut in from..file.len() - spare {
                    assert!(!whole(kind, &file[..cut], step), "{kind:?} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn a_webp_tells_its_length() {
        let file = b"RIFF\x0C\0\0\0WEBPVP8 data";
        assert!(whole(PictureKind::Webp, file, 5));
        assert!(!whole(PictureKind::Webp, &file[..19], 5));
    }
}
