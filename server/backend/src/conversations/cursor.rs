//! Opaque places in lists that are sorted by time.

use crate::{Error, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::Millis;
use std::fmt;
use uuid::Uuid;

/// The place of one row in a list sorted by time, then id. It stays right while rows come and go around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The row's time.
    pub(crate) at: Millis,
    /// The row's id.
    pub(crate) id: Uuid,
}

impl Cursor {
    /// Reads what [`Display`](fmt::Display) wrote.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("cursor", "This is not a cursor of ours. Begin without one.");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        let (at, id) = bytes.split_at_checked(8).ok_or_else(wrong)?;
        Ok(Self {
            at: Millis::from_be_bytes(at.try_into().map_err(|_| wrong())?),
            id: Uuid::from_slice(id).map_err(|_| wrong())?,
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.at.to_be_bytes().as_slice(), self.id.as_bytes()].concat();
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::Cursor;
    use uuid::Uuid;

    #[test]
    fn reads_what_it_wrote_and_nothing_else() {
        let cursor = Cursor { at: 1_700_000_000_123, id: Uuid::from_u128(7) };
        assert_eq!(Cursor::read(&cursor.to_string()).ok(), Some(cursor));
        for text in ["", "x", "AAAA", "not base64!", &format!("{cursor}A"), &cursor.to_string()[1..]] {
            assert!(Cursor::read(text).is_err(), "{text}");
        }
    }
}
