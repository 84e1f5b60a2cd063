//! Files that are no pictures: nothing of them is decoded, and patients get them behind private links alone.

use crate::sniff::brands;

/// A type of file that is taken, stored as it came, and sent as a private link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkedKind {
    /// A document.
    Pdf,
    /// A video, as most phones record it.
    Mp4,
    /// A video, as an iPhone records it.
    QuickTime,
    /// A video, as browsers record it.
    Webm,
    /// A sound recording, as most phones make it.
    M4a,
    /// A sound recording.
    Mp3,
}

impl LinkedKind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Pdf, Self::Mp4, Self::QuickTime, Self::Webm, Self::M4a, Self::Mp3];

    /// For the sentence "Accepted are …".
    pub const ACCEPTED_WORDS: &str = "PDF, MP4, MOV, WebM, M4A and MP3";

    /// The registered media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Mp4 => "video/mp4",
            Self::QuickTime => "video/quicktime",
            Self::Webm => "video/webm",
            Self::M4a => "audio/mp4",
            Self::Mp3 => "audio/mpeg",
        }
    }

    /// The kind of a media type that bytes told before: the reverse of [`media_type`](Self::media_type).
    #[must_use]
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.media_type() == media_type)
    }

    /// The name that people use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pdf => "PDF",
            Self::Mp4 => "MP4",
            Self::QuickTime => "MOV",
            Self::Webm => "WebM",
            Self::M4a => "M4A",
            Self::Mp3 => "MP3",
        }
    }

    /// What it is, at the beginning of a sentence.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Pdf => "A PDF",
            Self::Mp4 | Self::QuickTime | Self::Webm => "A video",
            Self::M4a | Self::Mp3 => "A recording",
        }
    }

    /// The kind of a file from its first bytes; 64 are enough.
    #[must_use]
    pub fn sniff(head: &[u8]) -> Option<Self> {
        if let Some((major, compatible)) = brands(head) {
            return of_brands(major, compatible);
        }
        match head {
            [0xFF, 0xFA | 0xFB | 0xF2 | 0xF3, ..] => Some(Self::Mp3),
            _ if head.starts_with(b"ID3") => Some(Self::Mp3),
            _ if head.starts_with(b"%PDF-") => Some(Self::Pdf),
            // Matroska has the same beginning, and few phones play it.
            _ if head.starts_with(b"\x1AE\xDF\xA3") => {
                let named = head[..head.len().min(64)].windows(4).any(|name| name == b"webm");
                named.then_some(Self::Webm)
            }
            _ => None,
        }
    }
}

/// Raw pictures of cameras and AVIF name the brands of videos among theirs.
fn of_brands(major: &[u8; 4], compatible: &[u8]) -> Option<LinkedKind> {
    let all = || std::iter::once(major.as_slice()).chain(compatible.chunks_exact(4));
    match major {
        b"qt  " => Some(LinkedKind::QuickTime),
        b"M4A " | b"M4B " => Some(LinkedKind::M4a),
        _ if all().any(|brand| matches!(brand, b"avif" | b"avis" | b"crx ")) => None,
        _ => {
            let is_video = |brand: &[u8]| {
                brand.starts_with(b"iso") || matches!(brand, b"mp41" | b"mp42" | b"avc1" | b"M4V " | b"MSNV")
            };
            all().any(is_video).then_some(LinkedKind::Mp4)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_from_bytes() {
        let cases: [(&[u8], Option<LinkedKind>); 15] = [
            (b"%PDF-1.7", Some(LinkedKind::Pdf)),
            (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", Some(LinkedKind::Mp4)),
            (b"\0\0\0\x18ftypXAVC\0\0\0\0mp42iso2", Some(LinkedKind::Mp4)),
            (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", Some(LinkedKind::QuickTime)),
            (b"\0\0\0\x18ftypM4A \0\0\0\0isommp42", Some(LinkedKind::M4a)),
            (b"\x1AE\xDF\xA3\x9F\x42\x86\x81\x01\x42\x82\x84webm", Some(LinkedKind::Webm)),
            (b"\x1AE\xDF\xA3\x9F\x42\x86\x81\x01\x42\x82\x88matroska", None),
            (b"ID3\x04\0", Some(LinkedKind::Mp3)),
            (b"\xFF\xFB\x90\x64", Some(LinkedKind::Mp3)),
            (b"\0\0\0\x18ftypavis\0\0\0\0msf1iso8", None),
            (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", None),
            (b"PK\x03\x04", None),
            (b"MZ\x90\0", None),
            (b"<!doctype html>%PDF-1.7", None),
            (b"", None),
        ];
        for (head, kind) in cases {
            assert_eq!(LinkedKind::sniff(head), kind, "{head:?}");
        }
    }

    #[test]
    fn every_kind_is_found_again_by_its_media_type_and_named() {
        for kind in LinkedKind::ALL {
            assert_eq!(LinkedKind::from_media_type(kind.media_type()), Some(kind));
            assert!(LinkedKind::ACCEPTED_WORDS.contains(kind.name()));
            assert!(crate::ACCEPTED_FILES.contains(kind.media_type()));
        }
        for kind in crate::PictureKind::ALL {
            assert!(crate::ACCEPTED_FILES.contains(kind.media_type()));
            assert_eq!(LinkedKind::from_media_type(kind.media_type()), None);
        }
    }
}
