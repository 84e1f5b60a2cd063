//! What the messages of a run say: their own number, so that each is found again wherever it went.

use sha2::{Digest, Sha256};

/// A picture of 96 x 64 pixels.
const PHOTO: &[u8] = include_bytes!("../../../../server/tests/it/photo.png");

const INBOUND: &str = "In ";
const OUTBOUND: &str = "Out ";

pub(super) fn inbound_text(number: usize) -> String {
    format!("{INBOUND}{number:06}")
}

/// What the carrier calls it.
pub(super) fn inbound_sid(number: usize, media: usize) -> String {
    format!("{}{number:032x}", if media == 0 { "SM" } else { "MM" })
}

/// Of a message whose event the server calls so.
pub(super) fn inbound_number_of_event(event: &str) -> Option<usize> {
    usize::from_str_radix(event.strip_prefix("inbound:")?.get(2..)?, 16).ok()
}

pub(super) fn outbound_text(number: usize) -> String {
    format!("{OUTBOUND}{number:06}")
}

pub(super) fn inbound_number(text: &str) -> Option<usize> {
    text.strip_prefix(INBOUND)?.parse().ok()
}

pub(super) fn outbound_number(text: &str) -> Option<usize> {
    text.strip_prefix(OUTBOUND)?.parse().ok()
}

/// Photos that go out with a message.
pub(super) fn outbound_photos(number: usize) -> usize {
    usize::from(number % 8 == 3)
}

/// A photo of the message with this text: readers of PNG stop at its end, so that what follows makes each one different.
pub(super) fn photo(text: &str, position: usize) -> Vec<u8> {
    [PHOTO, text.as_bytes(), &[b' ', b'0' + u8::try_from(position).unwrap_or(0)]].concat()
}

pub(super) fn photo_hash(text: &str, position: usize) -> Vec<u8> {
    Sha256::digest(photo(text, position)).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_tells_its_number_and_direction() {
        assert_eq!(inbound_number(&inbound_text(42)), Some(42));
        assert_eq!(outbound_number(&outbound_text(1_234_567)), Some(1_234_567));
        assert_eq!(outbound_number(&inbound_text(42)), None);
        assert_eq!(inbound_number_of_event(&format!("inbound:{}", inbound_sid(42, 2))), Some(42));
    }

    #[test]
    fn no_two_photos_are_alike() {
        let (one, other) = (inbound_text(1), inbound_text(10));
        let sent = outbound_text(1);
        let hashes = [photo_hash(&one, 0), photo_hash(&one, 1), photo_hash(&other, 0), photo_hash(&sent, 0)];
        for (position, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..position].contains(hash));
        }
    }
}
