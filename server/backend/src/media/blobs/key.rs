//! Names of blobs.

use crate::media::kind;
use model::media::RenditionRole;
use model::{AttachmentId, PatientId, PatientImageId};
use std::borrow::Cow;
use std::str::FromStr;

/// How the names of fitted copies begin; their limit follows.
const FITTED: &str = "carrier-";

/// Owns every path; nobody else formats one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlobKey {
    /// `mms/outbound/{attachment_id}/{variant}`.
    Outbound(AttachmentId, Variant),
    /// `mms/inbound/{attachment_id}/{variant}`.
    Inbound(AttachmentId, Variant),
    /// `images/{patient_id}/{image_id}/{variant}`.
    Image(PatientId, PatientImageId, Variant),
}

/// The original, or a copy derived from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// As it came.
    Original,
    /// A rendition.
    Rendition(RenditionRole),
    /// A carrier copy of at most so many bytes, for a carrier that takes less than the usual one.
    Fitted(u64),
}

impl Variant {
    /// All that an upload has until it is sent, the original first: fitted copies are made on the way to a carrier.
    pub const OF_UPLOAD: [Self; 4] = [
        Self::Original,
        Self::Rendition(RenditionRole::Tile),
        Self::Rendition(RenditionRole::Screen),
        Self::Rendition(RenditionRole::Carrier),
    ];

    fn word(self) -> Cow<'static, str> {
        match self {
            Self::Original => "original".into(),
            Self::Rendition(role) => role.as_str().into(),
            Self::Fitted(most) => format!("{FITTED}{most}").into(),
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        if word == "original" {
            return Some(Self::Original);
        }
        if let Some(most) = word.strip_prefix(FITTED) {
            return most.parse().ok().map(Self::Fitted);
        }
        RenditionRole::from_word(word).map(Self::Rendition)
    }
}

impl BlobKey {
    /// Below the store's prefix; only lower-case letters, digits, `-` and `/`.
    pub fn path(&self) -> String {
        match self {
            Self::Outbound(id, variant) => format!("mms/outbound/{id}/{}", variant.word()),
            Self::Inbound(id, variant) => format!("mms/inbound/{id}/{}", variant.word()),
            Self::Image(patient, id, variant) => format!("images/{patient}/{id}/{}", variant.word()),
        }
    }

    /// The reverse of [`path`](Self::path), and of nothing else.
    pub fn from_path(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').collect();
        let key = match parts.as_slice() {
            ["mms", "outbound", id, variant] => Self::Outbound(parse(id)?, Variant::from_word(variant)?),
            ["mms", "inbound", id, variant] => Self::Inbound(parse(id)?, Variant::from_word(variant)?),
            ["images", patient, id, variant] => {
                Self::Image(parse(patient)?, parse(id)?, Variant::from_word(variant)?)
            }
            _ => return None,
        };
        // A UUID has several spellings; a key has one.
        (key.path() == path).then_some(key)
    }

    /// What a bucket notes of a blob that is copied into it. What an original really is stands in its row, and goes out
    /// with every link.
    pub(crate) fn noted_type(&self) -> &'static str {
        match self {
            Self::Outbound(_, variant) | Self::Inbound(_, variant) | Self::Image(_, _, variant) => {
                match variant {
                    Variant::Original => "application/octet-stream",
                    Variant::Rendition(_) | Variant::Fitted(_) => kind::RENDITION,
                }
            }
        }
    }

    /// The same owner's blob of another variant.
    #[must_use]
    pub fn variant(self, variant: Variant) -> Self {
        match self {
            Self::Outbound(id, _) => Self::Outbound(id, variant),
            Self::Inbound(id, _) => Self::Inbound(id, variant),
            Self::Image(patient, id, _) => Self::Image(patient, id, variant),
        }
    }
}

fn parse<Id: FromStr>(text: &str) -> Option<Id> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::*;

    #[test]
    fn a_key_is_read_back_from_its_path_and_from_no_other_spelling() {
        let id = "0190a5d2-7c1e-7aaa-8bbb-0123456789ab";
        let patient: PatientId = "0190a5d2-7c1e-7aaa-8bbb-0123456789ac".parse().unwrap();
        for variant in Variant::OF_UPLOAD.into_iter().chain([Variant::Fitted(300_000)]) {
            for key in [
                BlobKey::Outbound(id.parse().unwrap(), variant),
                BlobKey::Inbound(id.parse().unwrap(), variant),
                BlobKey::Image(patient, id.parse().unwrap(), variant),
            ] {
                assert_eq!(BlobKey::from_path(&key.path()), Some(key));
                assert_eq!(BlobKey::from_path(&key.path().to_uppercase()), None);
                assert_eq!(BlobKey::from_path(&format!("/{}", key.path())), None);
            }
        }
        for path in ["", "mms/outbound/../original", "mms/inbound/x/original", "images/a/b/c/d"] {
            assert_eq!(BlobKey::from_path(path), None, "{path}");
        }
        for limit in ["", "+1", "007", "-1", "99999999999999999999"] {
            assert_eq!(BlobKey::from_path(&format!("mms/outbound/{id}/carrier-{limit}")), None, "{limit}");
        }
        let unhyphenated = id.replace('-', "");
        assert_eq!(BlobKey::from_path(&format!("mms/inbound/{unhyphenated}/original")), None);
    }
}
