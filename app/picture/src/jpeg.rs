//! The outer structure of a JPEG file (ITU-T T.81 annex B).

/// The segments of a JPEG before its first scan: marker (the byte after `FF`) and data without the
/// two bytes of length. Ends early where the file does or makes no sense.
pub fn jpeg_segments(file: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = file.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        loop {
            match rest {
                // Fill bytes, and markers that stand alone.
                [0xFF, 0xFF, ..] => rest = &rest[1..],
                [0xFF, 0x01 | 0xD0..=0xD8, ..] => rest = &rest[2..],
                [0xFF, 0xD9 | 0xDA, ..] => return None,
                [0xFF, marker, high, low, ..] => {
                    let end = 2 + usize::from(u16::from_be_bytes([*high, *low])).max(2);
                    // A frame header is of use even where the file is cut inside it.
                    let data = &rest[4..end.min(rest.len())];
                    rest = rest.get(end..).unwrap_or_default();
                    return Some((*marker, data));
                }
                _ => return None,
            }
        }
    })
}
