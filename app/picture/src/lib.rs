//! What browser and server must agree on about pictures: which files are pictures at all, how
//! large they are, which way is up, and how a copy is fitted into a number of bytes.
//!
//! Pure bytes to bytes: no I/O, no clock, no decoder. It builds for the browser and adds next to
//! nothing to its download. Pixels are decoded elsewhere: in the browser by the preview worker, on
//! the server by the separate process of the crate `picture-worker`.

mod budget;
mod jpeg;
mod orientation;
mod size;
mod sniff;

pub use budget::{Budget, Fitted, fit};
pub use jpeg::jpeg_segments;
pub use orientation::Orientation;
pub use size::{MAX_PIXELS, MAX_SIDE, Size};
pub use sniff::{PictureKind, other_kind, sniff};

/// How many leading bytes of a file [`check`] wants to see, if the file has that many. Enough for
/// the size of nearly every picture; a JPEG with a large colour profile or preview before its
/// frame header is let through without a size and measured when it is decoded.
pub const HEAD_BYTES: usize = 256 * 1024;

/// What a look at the first bytes of a file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// The type, from the bytes and never from the name.
    pub kind: PictureKind,
    /// Size as coded (before any rotation), where the header tells it.
    pub size: Option<Size>,
}

/// Why a file is not taken as a picture. The words are for staff; the caller adds the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing in the file.
    #[error("The file is empty. Choose it again, or ask for it again.")]
    Empty,
    /// It is not one of the accepted types; holds what it seems to be instead.
    #[error("This is {0}, which cannot be sent as a picture. Accepted are {accepted}.", accepted = PictureKind::ACCEPTED_WORDS)]
    NotAPicture(&'static str),
    /// It would take too much memory to decode.
    #[error("The picture is {0} pixels, more than can be handled. Send a copy of at most {max_side} pixels a side and {max_megapixels} megapixels.", max_side = MAX_SIDE, max_megapixels = MAX_PIXELS / 1_000_000)]
    TooManyPixels(Size),
}

/// Decides from the first bytes of a file whether it is a picture that we take.
///
/// `head`: the first [`HEAD_BYTES`] bytes of the file, or all of a shorter one. Nothing is decoded,
/// so a file that passes may still turn out broken.
///
/// # Errors
/// [`Refusal`], with words for staff.
pub fn check(head: &[u8]) -> Result<Checked, Refusal> {
    if head.is_empty() {
        return Err(Refusal::Empty);
    }
    let Some(kind) = sniff(head) else {
        return Err(Refusal::NotAPicture(other_kind(head).unwrap_or("a file of an unknown type")));
    };
    let size = size::read(kind, head);
    match size {
        Some(size) if !size.is_within_limits() => Err(Refusal::TooManyPixels(size)),
        _ => Ok(Checked { kind, size }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_tell_staff_what_it_is_and_what_to_do() {
        let words = check(b"%PDF-1.4 ...").map_err(|refusal| refusal.to_string());
        assert_eq!(
            words,
            Err("This is a PDF document, which cannot be sent as a picture. \
                 Accepted are JPEG, PNG, GIF, HEIC and WebP."
                .to_owned())
        );
        assert_eq!(check(b""), Err(Refusal::Empty));
    }

    #[test]
    fn a_decompression_bomb_is_refused_by_its_header() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        png.extend(60_000u32.to_be_bytes());
        png.extend(60_000u32.to_be_bytes());
        let refusal = check(&png);
        assert_eq!(refusal, Err(Refusal::TooManyPixels(Size { width: 60_000, height: 60_000 })));
        assert_eq!(
            refusal.map_err(|refusal| refusal.to_string()),
            Err("The picture is 60000 x 60000 pixels, more than can be handled. Send a copy of at \
                 most 30000 pixels a side and 200 megapixels."
                .to_owned())
        );
    }
}
