//! What browser and server must agree on about pictures: which files are pictures at all, how
//! large they are, which way is up, and how a copy is fitted into a number of bytes. And which
//! other files may go behind a private link.
//!
//! Pure bytes to bytes: no I/O, no clock, no decoder. It builds for the browser and adds next to
//! nothing to its download. Pixels are decoded elsewhere: in the browser by the preview worker, on
//! the server by the separate process of the crate `picture-worker`.

mod budget;
mod jpeg;
mod linked;
mod orientation;
mod size;
mod sniff;

pub use budget::{Budget, Fitted, fit};
pub use jpeg::jpeg_segments;
pub use linked::LinkedKind;
pub use orientation::Orientation;
pub use size::{MAX_PIXELS, MAX_SIDE, Size};
pub use sniff::{PictureKind, other_kind, sniff};

/// How many leading bytes of a file [`check`] wants to see, if the file has that many. Enough for
/// the size of nearly every picture; a JPEG with a large colour profile or preview before its
/// frame header is let through without a size and measured when it is decoded.
pub const HEAD_BYTES: usize = 256 * 1024;

/// For the `accept` attribute of a file input that takes pictures and what else may go behind a
/// private link.
pub const ACCEPTED_FILES: &str = "image/jpeg,image/png,image/gif,image/webp,image/heic,image/heif,.heic,.heif,\
                                  application/pdf,video/mp4,video/quicktime,video/webm,audio/mp4,audio/x-m4a,\
                                  audio/mpeg,.m4a,.mov";

/// What a look at the first bytes of a file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// The type, from the bytes and never from the name.
    pub kind: PictureKind,
    /// Size as coded (before any rotation), where the header tells it.
    pub size: Option<Size>,
}

/// A file that staff may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A picture, by whichever way it goes.
    Picture(Checked),
    /// Anything else, which only goes as a private link.
    Linked(LinkedKind),
}

impl FileKind {
    /// The registered media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Picture(checked) => checked.kind.media_type(),
            Self::Linked(kind) => kind.media_type(),
        }
    }

    /// What is known of it as a picture, if it is one.
    #[must_use]
    pub fn picture(self) -> Option<Checked> {
        match self {
            Self::Picture(checked) => Some(checked),
            Self::Linked(_) => None,
        }
    }
}

/// Why a file is not taken. The words are for staff; the caller adds the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing in the file.
    #[error("The file is empty. Choose it again, or ask for it again.")]
    Empty,
    /// It is not one of the accepted types; holds what it seems to be instead.
    #[error("This is {0}, which cannot be sent as a picture. Accepted are {accepted}.", accepted = PictureKind::ACCEPTED_WORDS)]
    NotAPicture(&'static str),
    /// It is nothing that can be sent in any way; holds what it seems to be instead.
    #[error("This is {0}, which cannot be sent. Accepted are {pictures}; as a private link also {others}.", pictures = PictureKind::ACCEPTED_WORDS, others = LinkedKind::ACCEPTED_WORDS)]
    NotAccepted(&'static str),
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
        return Err(Refusal::NotAPicture(seems(head)));
    };
    let size = size::read(kind, head);
    match size {
        Some(size) if !size.is_within_limits() => Err(Refusal::TooManyPixels(size)),
        _ => Ok(Checked { kind, size }),
    }
}

/// Decides from the first bytes of a file whether staff may send it, as a picture or as a private link.
///
/// # Errors
/// As [`check`], and [`Refusal::NotAccepted`] in place of [`Refusal::NotAPicture`].
pub fn check_file(head: &[u8]) -> Result<FileKind, Refusal> {
    match (check(head), LinkedKind::sniff(head)) {
        (Err(Refusal::NotAPicture(_)), Some(kind)) => Ok(FileKind::Linked(kind)),
        (Err(Refusal::NotAPicture(seems)), None) => Err(Refusal::NotAccepted(seems)),
        (checked, _) => checked.map(FileKind::Picture),
    }
}

/// What a file is that is no picture, with its article.
fn seems(head: &[u8]) -> &'static str {
    other_kind(head).unwrap_or("a file of an unknown type")
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
        let words = check_file(b"PK\x03\x04...").map_err(|refusal| refusal.to_string());
        assert_eq!(
            words,
            Err("This is a ZIP archive or an Office document, which cannot be sent. Accepted are JPEG, PNG, GIF, \
                 HEIC and WebP; as a private link also PDF, MP4, MOV, WebM, M4A and MP3."
                .to_owned())
        );
        assert_eq!(check_file(b""), Err(Refusal::Empty));
    }

    #[test]
    fn what_staff_may_send_is_a_picture_or_goes_as_a_link() {
        assert_eq!(check_file(b"%PDF-1.4 ..."), Ok(FileKind::Linked(LinkedKind::Pdf)));
        let picture = check_file(b"GIF89a\x02\0\x01\0");
        assert_eq!(
            picture.map(|kind| (kind.media_type(), kind.picture().is_some())),
            Ok(("image/gif", true))
        );
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
