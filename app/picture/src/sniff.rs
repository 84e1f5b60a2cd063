//! File types by their first bytes.

/// A type of picture that is taken, stored and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PictureKind {
    /// JPEG, in all its codings.
    Jpeg,
    /// PNG, also animated (the first frame is what a copy shows).
    Png,
    /// GIF, also animated (the first frame is what a copy shows).
    Gif,
    /// HEIC and HEIF: what an iPhone photographs.
    Heic,
    /// WebP, also animated (the first frame is what a copy shows).
    Webp,
}

impl PictureKind {
    /// All of them, the most frequent first.
    pub const ALL: [Self; 5] = [Self::Jpeg, Self::Png, Self::Gif, Self::Heic, Self::Webp];

    /// For the sentence "Accepted are …".
    pub const ACCEPTED_WORDS: &str = "JPEG, PNG, GIF, HEIC and WebP";

    /// For the `accept` attribute of a file input. Names the extensions of HEIC as well, because
    /// most desktop systems know no media type for them.
    pub const ACCEPT_ATTRIBUTE: &str =
        "image/jpeg,image/png,image/gif,image/webp,image/heic,image/heif,.heic,.heif";

    /// The registered media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Heic => "image/heic",
            Self::Webp => "image/webp",
        }
    }

    /// The usual file extension, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Heic => "heic",
            Self::Webp => "webp",
        }
    }

    /// The kind of a media type as a carrier or a browser states it. Parameters and case do not
    /// matter. A claim only: what a file is, its bytes say ([`sniff`]).
    #[must_use]
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "image/jpeg" | "image/jpg" | "image/pjpeg" => Some(Self::Jpeg),
            "image/png" => Some(Self::Png),
            "image/gif" => Some(Self::Gif),
            "image/heic" | "image/heif" | "image/heic-sequence" | "image/heif-sequence" => Some(Self::Heic),
            "image/webp" => Some(Self::Webp),
            _ => None,
        }
    }

    /// The name that people use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::Heic => "HEIC",
            Self::Webp => "WebP",
        }
    }
}

/// The kind of a picture from the first bytes of its file; 64 are enough.
///
/// `None`: not a picture that we take. [`other_kind`] may know what it is instead.
#[must_use]
pub fn sniff(head: &[u8]) -> Option<PictureKind> {
    match head {
        [0xFF, 0xD8, 0xFF, ..] => Some(PictureKind::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(PictureKind::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(PictureKind::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(PictureKind::Webp),
        _ => is_heic(head).then_some(PictureKind::Heic),
    }
}

/// What a file is that [`sniff`] does not take, with its article, for a refusal: "This is …".
#[must_use]
pub fn other_kind(head: &[u8]) -> Option<&'static str> {
    if let Some((major, _)) = brands(head) {
        return Some(match major {
            b"avif" | b"avis" => "an AVIF picture",
            b"mif1" | b"msf1" | b"miaf" => "an AVIF picture",
            b"qt  " => "a QuickTime video",
            b"M4A " | b"M4B " => "a sound recording",
            b"crx " => "a raw camera picture",
            _ => "a video",
        });
    }
    let known: &[(&[u8], &str)] = &[
        (b"%PDF-", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive or an Office document"),
        (b"\xD0\xCF\x11\xE0", "an older Office document"),
        (b"II*\0", "a TIFF or raw camera picture"),
        (b"MM\0*", "a TIFF or raw camera picture"),
        (b"BM", "a BMP picture"),
        (b"\0\0\x01\0", "an icon"),
        (b"8BPS", "a Photoshop document"),
        (b"\xFF\x0A", "a JPEG XL picture"),
        (b"\0\0\0\x0CJXL ", "a JPEG XL picture"),
        (b"\0\0\0\x0CjP  ", "a JPEG 2000 picture"),
        (b"\x1AE\xDF\xA3", "a video"),
        (b"ID3", "a sound recording"),
        (b"OggS", "a sound recording"),
        (b"#!AMR", "a sound recording"),
        (b"fLaC", "a sound recording"),
        (b"\xFF\xF1", "a sound recording"),
        (b"\xFF\xF9", "a sound recording"),
        (b"\xFF\xFB", "a sound recording"),
        (b"BEGIN:VCARD", "a contact card"),
        (b"BEGIN:VCALENDAR", "a calendar entry"),
        (b"MZ", "a program"),
        (b"\x7FELF", "a program"),
    ];
    if let Some((_, name)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(name);
    }
    match head {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some("a sound recording"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => Some("a video"),
        _ => markup(head),
    }
}

/// SVG and HTML can carry scripts, so they are named, not just "text".
fn markup(head: &[u8]) -> Option<&'static str> {
    let head = &head[..head.len().min(512)];
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start().to_ascii_lowercase();
    let holds = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    if !text.starts_with(b"<") {
        return None;
    }
    if holds(b"<svg") {
        Some("an SVG drawing")
    } else if holds(b"<!doctype html") || holds(b"<html") || holds(b"<script") || holds(b"<body") {
        Some("a web page")
    } else {
        Some("a text document")
    }
}

/// HEIF brands whose pictures are coded in HEVC (ISO/IEC 23008-12 annex B).
const HEVC_BRANDS: [&[u8; 4]; 8] = [b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"];

fn is_heic(head: &[u8]) -> bool {
    let Some((major, compatible)) = brands(head) else { return false };
    let holds = |wanted: &[u8]| compatible.chunks_exact(4).any(|brand| brand == wanted);
    match major {
        b"mif1" | b"msf1" | b"miaf" => !(holds(b"avif") || holds(b"avis")),
        b"avif" | b"avis" => false,
        // Some cameras write a major brand of their own and name HEIC among the compatible ones.
        major => HEVC_BRANDS.iter().any(|&brand| brand == major || holds(brand)),
    }
}

/// Major brand and the bytes of the compatible brands of an ISO base media file, as far as `head`
/// reaches.
pub(crate) fn brands(head: &[u8]) -> Option<(&[u8; 4], &[u8])> {
    let length = u32::from_be_bytes(*head.first_chunk::<4>()?) as usize;
    let body = head.get(4..)?.strip_prefix(b"ftyp")?;
    let major = body.first_chunk::<4>()?;
    let end = length.clamp(16, 256).saturating_sub(8).min(body.len());
    Some((major, body.get(8..end).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ftyp(major: &[u8; 4], compatible: &[&[u8; 4]]) -> Vec<u8> {
        let length = 16 + 4 * u32::try_from(compatible.len()).expect("a handful of brands");
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend(b"ftyp");
        bytes.extend(major);
        bytes.extend([0; 4]);
        bytes.extend(compatible.iter().flat_map(|brand| brand.iter()));
        bytes.extend(b"\0\0\0\x08meta");
        bytes
    }

    #[test]
    fn heif_brands_are_told_apart_from_avif_and_video() {
        for brand in [b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"mif1", b"msf1"] {
            assert_eq!(sniff(&ftyp(brand, &[b"mif1"])), Some(PictureKind::Heic), "{brand:?}");
        }
        assert_eq!(sniff(&ftyp(b"MSQR", &[b"mif1", b"heic"])), Some(PictureKind::Heic));
        for (major, compatible, name) in [
            (b"avif", [b"mif1"], "an AVIF picture"),
            (b"mif1", [b"avif"], "an AVIF picture"),
            (b"isom", [b"mp42"], "a video"),
            (b"qt  ", [b"qt  "], "a QuickTime video"),
            (b"M4A ", [b"isom"], "a sound recording"),
        ] {
            let bytes = ftyp(major, &compatible);
            assert_eq!((sniff(&bytes), other_kind(&bytes)), (None, Some(name)));
        }
    }

    #[test]
    fn kinds_come_from_bytes() {
        let cases: [(&[u8], Option<PictureKind>); 7] = [
            (b"\xFF\xD8\xFF\xE0", Some(PictureKind::Jpeg)),
            (b"\x89PNG\r\n\x1a\n", Some(PictureKind::Png)),
            (b"GIF89a", Some(PictureKind::Gif)),
            (b"GIF87a", Some(PictureKind::Gif)),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some(PictureKind::Webp)),
            (b"\xFF\xD8", None),
            (b"", None),
        ];
        for (head, kind) in cases {
            assert_eq!(sniff(head), kind, "{head:?}");
        }
    }

    #[test]
    fn scripts_in_disguise_are_named() {
        assert_eq!(other_kind(b"<?xml version='1.0'?><svg xmlns=''>"), Some("an SVG drawing"));
        assert_eq!(other_kind(b"\xEF\xBB\xBF\n <!DOCTYPE HTML><p>"), Some("a web page"));
        assert_eq!(other_kind(b"hello"), None);
    }

    #[test]
    fn every_kind_is_found_again_by_its_media_type() {
        for kind in PictureKind::ALL {
            assert_eq!(PictureKind::from_media_type(kind.media_type()), Some(kind));
            assert!(PictureKind::ACCEPT_ATTRIBUTE.contains(kind.media_type()));
            assert!(PictureKind::ACCEPTED_WORDS.contains(kind.name()));
        }
        assert_eq!(PictureKind::from_media_type("IMAGE/JPEG; q=1"), Some(PictureKind::Jpeg));
        assert_eq!(PictureKind::from_media_type("image/svg+xml"), None);
    }
}
