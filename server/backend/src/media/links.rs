//! Short signed links to blobs: made by the store itself (S3), or by the app in front of it.

use super::blobs::{BlobError, BlobKey, ByteStream, LinkTerms, Variant};
use super::kind::{self, Disposition};
use crate::keys::Purpose;
use crate::store::args;
use crate::{Backend, Caller, Error, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::message::Direction;
use model::{AttachmentId, Millis};
use std::ops::Range;
use url::Url;

/// How long a link to look at something holds at least.
pub(crate) const TO_VIEW: Millis = 60 * 60 * 1000;

/// The same link is given for so long, so that a browser's cache can serve what it has shown before.
const STABLE_FOR: Millis = 5 * 60 * 1000;

/// What a patient's copy is called: the file's own name may name a person.
const TO_PATIENTS: &str = "photo.jpg";

/// Where the app's own links lie below its public address.
const PATH: &str = "/media/";

/// A blob with what whoever opens a link to it is told about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) key: BlobKey,
    /// By the bytes.
    pub(crate) media_type: &'a str,
    pub(crate) file_name: &'a str,
}

/// For whom a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// They are told a file's own name.
    Staff,
    /// They are told what it is alone.
    Patient,
}

/// An absolute link that whoever holds it can open without signing in, for at least `for_ms` from now.
pub(crate) async fn link(
    backend: &Backend,
    target: &Target<'_>,
    disposition: Disposition,
    for_ms: Millis,
) -> Result<String> {
    link_for(backend, target, (Reader::Staff, disposition), for_ms).await
}

/// As [`link`], for somebody who must not learn from an original what it is called here.
pub(crate) async fn link_for_patient(
    backend: &Backend,
    target: &Target<'_>,
    disposition: Disposition,
    for_ms: Millis,
) -> Result<String> {
    let file_name = kind::impersonal_name(target.media_type);
    let target = Target { file_name: &file_name, ..*target };
    link_for(backend, &target, (Reader::Patient, disposition), for_ms).await
}

async fn link_for(
    backend: &Backend,
    target: &Target<'_>,
    (reader, disposition): (Reader, Disposition),
    for_ms: Millis,
) -> Result<String> {
    let now = backend.clock.now();
    let from = now - now.rem_euclid(STABLE_FOR);
    let for_ms = for_ms + STABLE_FOR;
    let (media_type, disposition) = kind::harmless(target.media_type, disposition);
    let terms = LinkTerms {
        from,
        for_ms,
        media_type,
        disposition: &content_disposition(disposition, target.file_name),
    };
    if let Some(direct) = backend.blobs.direct_link(&target.key, &terms).await? {
        return Ok(direct);
    }
    let path = target.key.path();
    let (expires, word) = (from + for_ms, query_word(reader, disposition));
    let mac = backend.keys.hash(Purpose::MediaLink, &signed_text(&path, expires, word));
    Ok(format!("{}{path}?e={expires}&d={word}&s={}", base(backend), URL_SAFE_NO_PAD.encode(mac)))
}

/// The link under which a carrier fetches a carrier copy, for at least `for_ms` from now. Some carriers show a file's
/// name to the patient and some cut it.
pub(crate) async fn carrier_link(backend: &Backend, key: BlobKey, for_ms: Millis) -> Result<Url> {
    let target = Target { key, media_type: kind::RENDITION, file_name: TO_PATIENTS };
    let link = link(backend, &target, Disposition::Inline, for_ms).await?;
    link.parse().map_err(|_| Error::Inconsistent("a link of ours is no URL"))
}

/// A blob that a signed link of ours names, to stream to whoever holds the link.
pub struct Opened {
    key: BlobKey,
    /// How many bytes there are.
    pub size: u64,
    /// By the bytes, as recorded when they came; harmless to a browser that believes it (and nothing else).
    pub media_type: String,
    /// As the file is called.
    pub file_name: String,
    /// How to hand it out.
    pub disposition: Disposition,
    /// How long the link still holds.
    pub for_ms: Millis,
}

impl Opened {
    /// All bytes, or a `range` of them.
    ///
    /// # Errors
    /// `NotFound` when they are gone since.
    pub async fn read(&self, backend: &Backend, range: Option<Range<u64>>) -> Result<ByteStream> {
        match backend.blobs.get(&self.key, range).await {
            Err(BlobError::Missing) => Err(Error::not_found("link")),
            other => Ok(other?.stream),
        }
    }
}

/// Opens what the path and query of a link name (`/media/…?…`).
///
/// # Errors
/// `NotFound` when it was altered, has expired, or what it names is gone; the three are told alike.
pub async fn open(backend: &Backend, path_and_query: &str) -> Result<Opened> {
    let gone = || Error::not_found("link");
    let link = Signed::parse(path_and_query).ok_or_else(gone)?;
    let text = signed_text(link.path, link.expires, query_word(link.reader, link.disposition));
    let for_ms = link.expires - backend.clock.now();
    if !backend.keys.verify(Purpose::MediaLink, &text, &link.mac) || for_ms <= 0 {
        return Err(gone());
    }
    let key = BlobKey::from_path(link.path).ok_or_else(gone)?;
    let (own_name, media_type) = described(backend, &key).await?.ok_or_else(gone)?;
    let file_name = match link.reader {
        Reader::Staff => own_name,
        Reader::Patient => kind::impersonal_name(&media_type),
    };
    let size = backend.blobs.size(&key).await?.ok_or_else(gone)?;
    let (media_type, disposition) = kind::harmless(&media_type, link.disposition);
    Ok(Opened { key, size, media_type: media_type.to_owned(), file_name, disposition, for_ms })
}

/// The attachment that one of our own links names, also after the link has expired. `None` for a foreign URL.
///
/// # Errors
/// `NotFound` when it is ours and names nothing of the caller's organisation.
pub async fn attachment_of(backend: &Backend, caller: &Caller, link: &Url) -> Result<Option<AttachmentId>> {
    let by_app = || link[..url::Position::AfterPath].strip_prefix(base(backend).as_str());
    let key = match (backend.blobs.key_of_direct_link(link), by_app()) {
        (Some(key), _) => key,
        (None, Some(path)) => BlobKey::from_path(path).ok_or_else(|| Error::not_found("file"))?,
        (None, None) => return Ok(None),
    };
    let (BlobKey::Outbound(id, _) | BlobKey::Inbound(id, _)) = key else {
        return Err(Error::not_found("file"));
    };
    let mut tx = backend.store.read().await?;
    let known = tx
        .number("SELECT COUNT(*) FROM attachment WHERE id = $1 AND org_id = $2", args![id, caller.org_id])
        .await?;
    if known == 0 {
        return Err(Error::not_found("file"));
    }
    Ok(Some(id))
}

/// The value of `Content-Disposition` for a file of this name (RFC 6266).
pub fn content_disposition(disposition: Disposition, file_name: &str) -> String {
    let word = match disposition {
        Disposition::Inline => "inline",
        Disposition::Download => "attachment",
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let ascii: String = file_name.chars().map(|c| if plain(c) || c == ' ' { c } else { '_' }).collect();
    if ascii == file_name {
        return format!("{word}; filename=\"{ascii}\"");
    }
    let mut encoded = String::new();
    for byte in file_name.bytes() {
        match char::from(byte) {
            c if plain(c) => encoded.push(c),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("{word}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

/// An app-signed link, taken apart and not believed yet.
struct Signed<'a> {
    path: &'a str,
    expires: Millis,
    reader: Reader,
    disposition: Disposition,
    mac: Vec<u8>,
}

impl<'a> Signed<'a> {
    fn parse(path_and_query: &'a str) -> Option<Self> {
        let (path, query) = path_and_query.strip_prefix(PATH)?.split_once('?')?;
        let value = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')))
        };
        let (reader, disposition) = match value("d")? {
            "i" => (Reader::Staff, Disposition::Inline),
            "d" => (Reader::Staff, Disposition::Download),
            "pi" => (Reader::Patient, Disposition::Inline),
            "pd" => (Reader::Patient, Disposition::Download),
            _ => return None,
        };
        Some(Self {
            path,
            expires: value("e")?.parse().ok()?,
            reader,
            disposition,
            mac: URL_SAFE_NO_PAD.decode(value("s")?).ok()?,
        })
    }
}

/// How a link's query says to whom and how it hands out its bytes.
fn query_word(reader: Reader, disposition: Disposition) -> &'static str {
    match (reader, disposition) {
        (Reader::Staff, Disposition::Inline) => "i",
        (Reader::Staff, Disposition::Download) => "d",
        (Reader::Patient, Disposition::Inline) => "pi",
        (Reader::Patient, Disposition::Download) => "pd",
    }
}

fn signed_text(path: &str, expires: Millis, disposition: &str) -> String {
    format!("{path}\n{expires}\n{disposition}")
}

fn base(backend: &Backend) -> String {
    format!("{}{PATH}", backend.settings.app_url.as_str().trim_end_matches('/'))
}

/// File name and media type of a blob, unless its owner is gone.
async fn described(backend: &Backend, key: &BlobKey) -> Result<Option<(String, String)>> {
    let attachment = "SELECT file_name, media_type FROM attachment WHERE id = $1 AND direction = $2";
    let mut tx = backend.store.read().await?;
    let (owner, variant): (Option<(String, String)>, _) = match *key {
        BlobKey::Outbound(id, variant) => {
            (tx.one(attachment, args![id, Direction::Outbound.as_str()]).await?, variant)
        }
        BlobKey::Inbound(id, variant) => {
            (tx.one(attachment, args![id, Direction::Inbound.as_str()]).await?, variant)
        }
        BlobKey::Image(patient, id, variant) => {
            let image = "SELECT i.file_name, i.media_type FROM patient_image i JOIN patient p ON p.id = i.patient_id
                         WHERE i.id = $1 AND i.patient_id = $2 AND i.deleted_at IS NULL AND p.deleted_at IS NULL";
            (tx.one(image, args![id, patient]).await?, variant)
        }
    };
    Ok(owner.map(|(file_name, media_type)| match (key, variant) {
        (_, Variant::Original) => (file_name, media_type),
        (BlobKey::Outbound(..), Variant::Rendition(_) | Variant::Fitted(_)) => {
            (TO_PATIENTS.to_owned(), kind::RENDITION.to_owned())
        }
        (_, Variant::Rendition(_) | Variant::Fitted(_)) => {
            (kind::renamed(&file_name, "jpg"), kind::RENDITION.to_owned())
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_of_any_script_survive_a_download() {
        assert_eq!(
            content_disposition(Disposition::Download, "IMG 1.heic"),
            r#"attachment; filename="IMG 1.heic""#
        );
        assert_eq!(
            content_disposition(Disposition::Inline, "Röntgen \"1\".jpg"),
            r#"inline; filename="R_ntgen _1_.jpg"; filename*=UTF-8''R%C3%B6ntgen%20%221%22.jpg"#
        );
        assert!(!content_disposition(Disposition::Inline, "a\r\nSet-Cookie: b").contains('\n'));
    }
}
