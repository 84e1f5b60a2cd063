//! Kinds of files: by their bytes, by their sender's word, and what a browser may do with them.

use picture::PictureKind;

/// The media type of every rendition.
pub(crate) const RENDITION: &str = "image/jpeg";

/// The media type of bytes of which nothing is known.
pub(crate) const UNKNOWN: &str = "application/octet-stream";

/// How a link hands out its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// To show in a page.
    Inline,
    /// To save to disk.
    Download,
}

/// Whether a file of this type has renditions.
pub(crate) fn is_picture(media_type: &str) -> bool {
    PictureKind::ALL.iter().any(|kind| kind.media_type() == media_type)
}

/// The media type of a file that is kept as it came: by its first bytes, else as its sender says, if that is a
/// media type at all and not one that the bytes would have shown.
pub(crate) fn of(head: &[u8], claimed: Option<&str>) -> String {
    if let Some(kind) = picture::sniff(head) {
        return kind.media_type().to_owned();
    }
    if let Some(known) = by_bytes(head) {
        return known.to_owned();
    }
    let told = claimed.and_then(essence).filter(|told| PictureKind::from_media_type(told).is_none());
    told.unwrap_or_else(|| UNKNOWN.to_owned())
}

/// What a browser is told, so that no file can run in it: only types that it shows without running anything are
/// shown in a page; any other is saved under a type that says nothing.
pub(crate) fn harmless(media_type: &str, wanted: Disposition) -> (&str, Disposition) {
    let shown = is_picture(media_type)
        || matches!(media_type, "image/avif" | "image/bmp" | "application/pdf")
        || (media_type.starts_with("video/") || media_type.starts_with("audio/"))
            && media_type.bytes().skip(6).all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if shown { (media_type, wanted) } else { (UNKNOWN, Disposition::Download) }
}

/// A name for a file that came without one: `photo-1.jpg`, `video-2.mp4`.
pub(crate) fn made_up_name(media_type: &str, position: i64) -> String {
    let (word, extension) = in_words(media_type);
    format!("{word}-{}.{extension}", position + 1)
}

/// What a file is called where its own name may name a person: `photo.jpg`, `document.pdf`.
pub(crate) fn impersonal_name(media_type: &str) -> String {
    let (word, extension) = in_words(media_type);
    format!("{word}.{extension}")
}

fn in_words(media_type: &str) -> (&'static str, &'static str) {
    let (word, extension) = match media_type {
        picture if is_picture(picture) => ("photo", None),
        "video/mp4" => ("video", Some("mp4")),
        "video/quicktime" => ("video", Some("mov")),
        "video/3gpp" => ("video", Some("3gp")),
        "video/webm" => ("video", Some("webm")),
        "video/x-msvideo" => ("video", Some("avi")),
        "audio/mp4" => ("recording", Some("m4a")),
        "audio/mpeg" => ("recording", Some("mp3")),
        "audio/wav" => ("recording", Some("wav")),
        "audio/ogg" => ("recording", Some("ogg")),
        "audio/amr" => ("recording", Some("amr")),
        "audio/aac" => ("recording", Some("aac")),
        "application/pdf" => ("document", Some("pdf")),
        "text/vcard" => ("contact", Some("vcf")),
        "text/calendar" => ("appointment", Some("ics")),
        "text/plain" => ("text", Some("txt")),
        _ => ("file", None),
    };
    let of_picture = PictureKind::ALL.iter().find(|kind| kind.media_type() == media_type);
    (word, extension.or(of_picture.map(|kind| kind.extension())).unwrap_or("bin"))
}

/// The same name with another extension.
pub(crate) fn renamed(file_name: &str, extension: &str) -> String {
    let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
    format!("{stem}.{extension}")
}

/// The last component of a path as any system writes it, without control characters, at most 200 characters.
pub(crate) fn plain_name(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().filter(|c| !c.is_control()).collect();
    let plain = plain.trim();
    let chars = plain.chars().count();
    match plain {
        "" | "." | ".." => "file".to_owned(),
        // Its extension is at the end.
        _ => plain.chars().skip(chars.saturating_sub(200)).collect(),
    }
}

fn by_bytes(head: &[u8]) -> Option<&'static str> {
    Some(match head {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand {
            [b'q', b't', b' ', b' ', ..] => "video/quicktime",
            [b'3', b'g', ..] => "video/3gpp",
            [b'M', b'4', b'A' | b'B', ..] => "audio/mp4",
            [b'a', b'v', b'i', b'f' | b's', ..] => "image/avif",
            _ => "video/mp4",
        },
        [b'R', b'I', b'F', b'F', _, _, _, _, rest @ ..] if rest.starts_with(b"AVI ") => "video/x-msvideo",
        [b'R', b'I', b'F', b'F', _, _, _, _, rest @ ..] if rest.starts_with(b"WAVE") => "audio/wav",
        _ if head.starts_with(b"%PDF-") => "application/pdf",
        _ if head.starts_with(b"#!AMR") => "audio/amr",
        _ if head.starts_with(b"OggS") => "audio/ogg",
        _ if head.starts_with(b"ID3") => "audio/mpeg",
        _ if head.starts_with(b"\x1AE\xDF\xA3") => "video/webm",
        [0xFF, 0xF1 | 0xF9, ..] => "audio/aac",
        [0xFF, 0xFB | 0xF3 | 0xF2 | 0xFA, ..] => "audio/mpeg",
        _ if head.starts_with(b"BEGIN:VCARD") => "text/vcard",
        _ if head.starts_with(b"BEGIN:VCALENDAR") => "text/calendar",
        _ => return None,
    })
}

/// `type/subtype` in lower case, without parameters.
fn essence(claimed: &str) -> Option<String> {
    let essence = claimed.split(';').next()?.trim().to_ascii_lowercase();
    let (kind, subtype) = essence.split_once('/')?;
    let token = |part: &str| {
        (1..=60).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-'))
    };
    (token(kind) && token(subtype)).then_some(essence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_decide_over_words() {
        assert_eq!(of(b"\xFF\xD8\xFF\xE0", Some("video/mp4")), "image/jpeg");
        assert_eq!(of(b"%PDF-1.4", Some("image/png")), "application/pdf");
        assert_eq!(of(b"hello", Some("Text/Plain; charset=utf-8")), "text/plain");
        assert_eq!(of(b"hello", Some("text/html\r\nx: y")), UNKNOWN);
        assert_eq!(of(b"hello", Some("image/jpeg")), UNKNOWN);
        assert_eq!(of(b"hello", None), UNKNOWN);
    }

    #[test]
    fn nothing_that_runs_is_shown_in_a_page() {
        for media_type in
            ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "video/x+xml", "x"]
        {
            assert_eq!(harmless(media_type, Disposition::Inline), (UNKNOWN, Disposition::Download));
        }
        for media_type in ["image/heic", "video/mp4", "audio/amr", "application/pdf", "video/x-msvideo"] {
            assert_eq!(harmless(media_type, Disposition::Inline), (media_type, Disposition::Inline));
        }
    }

    #[test]
    fn names_are_the_last_component_and_printable() {
        assert_eq!(plain_name("C:\\photos\\IMG_1.heic"), "IMG_1.heic");
        assert_eq!(plain_name("../../etc/passwd"), "passwd");
        assert_eq!(plain_name("a\r\nb.jpg"), "ab.jpg");
        assert_eq!(plain_name("photos/"), "file");
        assert_eq!(plain_name(&format!("{}.jpg", "x".repeat(300))).len(), 200);
        assert_eq!(renamed("IMG.1.heic", "jpg"), "IMG.1.jpg");
        assert_eq!(made_up_name("image/heic", 0), "photo-1.heic");
        assert_eq!(made_up_name("application/zip", 1), "file-2.bin");
        assert_eq!(impersonal_name("application/pdf"), "document.pdf");
        for kind in picture::LinkedKind::ALL {
            assert!(!impersonal_name(kind.media_type()).starts_with("file"), "{kind:?}");
            assert_eq!(harmless(kind.media_type(), Disposition::Inline).1, Disposition::Inline);
        }
    }
}
