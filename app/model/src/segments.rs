//! How many SMS parts a text takes, and in which alphabet.
//!
//! Alphabet: 3GPP TS 23.038 (GSM 7-bit default alphabet and its extension table). A text with one
//! character outside it travels as UCS-2 as a whole. Several parts lose room to the 6-byte
//! concatenation header (7 septets). The count is for previews; billing follows the carrier's own.

use serde::{Deserialize, Serialize};

/// The alphabet a text is sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// 160 septets in a single part, 153 in one of several.
    Gsm7,
    /// 70 UTF-16 code units in a single part, 67 in one of several.
    Ucs2,
}

/// What sending a text takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segments {
    /// The alphabet of the whole text.
    pub encoding: Encoding,
    /// Septets (an extension character counts two) or UTF-16 code units.
    pub units: usize,
    /// Parts the text is sent in; 0 for the empty text.
    pub parts: usize,
    /// Units that fit into as many parts as the text has now (into one for the empty text).
    pub room: usize,
}

/// Counts `text`.
pub fn count(text: &str) -> Segments {
    let (encoding, single, several) = if text.chars().all(|c| gsm7_septets(c).is_some()) {
        (Encoding::Gsm7, 160, 153)
    } else {
        (Encoding::Ucs2, 70, 67)
    };
    let widths = || {
        text.chars().map(move |c| match encoding {
            Encoding::Gsm7 => gsm7_septets(c).unwrap_or(1),
            Encoding::Ucs2 => c.len_utf16(),
        })
    };
    let units = widths().sum();
    let parts = match units {
        0 => 0,
        u if u <= single => 1,
        _ => packed_parts(widths(), several),
    };
    let room = if parts <= 1 { single } else { parts * several };
    Segments { encoding, units, parts, room }
}

/// Fills parts one after the other; an escape pair or a surrogate pair is never divided.
fn packed_parts(widths: impl Iterator<Item = usize>, capacity: usize) -> usize {
    let (parts, _) = widths.fold((1, 0), |(parts, used), width| {
        if used + width <= capacity { (parts, used + width) } else { (parts + 1, width) }
    });
    parts
}

/// Septets of a character in the GSM 7-bit alphabet, or `None` where it has none.
fn gsm7_septets(c: char) -> Option<usize> {
    const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    const EXTENSION: &str = "\u{c}^{}\\[~]|€";
    if BASIC.contains(c) {
        Some(1)
    } else if EXTENSION.contains(c) {
        Some(2)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated(c: &str, times: usize) -> String {
        c.repeat(times)
    }

    #[test]
    fn counts_the_published_vectors() {
        use Encoding::{Gsm7, Ucs2};
        let vectors: Vec<(String, Encoding, usize, usize)> = vec![
            (String::new(), Gsm7, 0, 0),
            (repeated("a", 160), Gsm7, 160, 1),
            (repeated("a", 161), Gsm7, 161, 2),
            (repeated("a", 306), Gsm7, 306, 2),
            (repeated("a", 307), Gsm7, 307, 3),
            (repeated("a", 459), Gsm7, 459, 3),
            (repeated("a", 460), Gsm7, 460, 4),
            (repeated("a", 765), Gsm7, 765, 5),
            (repeated("a", 766), Gsm7, 766, 6),
            (repeated("€", 80), Gsm7, 160, 1),
            (repeated("€", 81), Gsm7, 162, 2),
            (repeated("a", 159) + "€", Gsm7, 161, 2),
            (repeated("€", 153), Gsm7, 306, 3),
            ("Café at 5?".to_owned(), Gsm7, 10, 1),
            ("façade".to_owned(), Ucs2, 6, 1),
            ("it’s ok".to_owned(), Ucs2, 7, 1),
            (repeated("漢", 70), Ucs2, 70, 1),
            (repeated("漢", 71), Ucs2, 71, 2),
            (repeated("漢", 134), Ucs2, 134, 2),
            (repeated("漢", 135), Ucs2, 135, 3),
            (repeated("😀", 35), Ucs2, 70, 1),
            (repeated("😀", 36), Ucs2, 72, 2),
            (repeated("😀", 66), Ucs2, 132, 2),
            (repeated("😀", 67), Ucs2, 134, 3),
            (repeated("a", 69) + "😀", Ucs2, 71, 2),
            (repeated("a", 159) + "\n", Gsm7, 160, 1),
        ];
        for (text, encoding, units, parts) in vectors {
            let got = count(&text);
            assert_eq!((got.encoding, got.units, got.parts), (encoding, units, parts), "{text:.20}");
        }
    }

    #[test]
    fn room_grows_with_the_parts() {
        assert_eq!(count("").room, 160);
        assert_eq!(count(&repeated("a", 134)).room, 160);
        assert_eq!(count(&repeated("a", 161)).room, 306);
        assert_eq!(count("漢").room, 70);
    }
}
