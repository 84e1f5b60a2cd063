//! Attachments, their derived copies, and the states of both.

use crate::{AttachmentId, Millis, PatientId, PatientImageId};
use serde::{Deserialize, Serialize};

/// Why a derived copy exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RenditionRole {
    /// Shortest side 200 pixels, for lists and bubbles.
    Tile,
    /// Longest side 1600 pixels, for the viewer.
    Screen,
    /// What leaves for a carrier: longest side at most 1024 pixels, at most 600 KB, no metadata.
    Carrier,
}

crate::words::words!(RenditionRole { Tile = "tile", Screen = "screen", Carrier = "carrier" });

impl RenditionRole {}

/// Longest side of the carrier copy, in pixels.
pub const CARRIER_LONGEST_SIDE: u32 = 1024;

/// Size of the carrier copy, in bytes, at most.
pub const CARRIER_MAX_BYTES: u64 = 600 * 1024;

/// How far an attachment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttachmentState {
    /// Announced by the carrier, bytes not here yet.
    Arriving,
    /// The carrier would not hand it out; a person may ask to try again.
    Unfetchable,
    /// The original is stored; its renditions are being made.
    Processing,
    /// Original and renditions are there.
    Ready,
    /// The original is stored, and no decoder can read it.
    Unreadable,
}

crate::words::words!(AttachmentState { Arriving = "arriving", Unfetchable = "unfetchable", Processing = "processing", Ready = "ready", Unreadable = "unreadable" });

impl AttachmentState {}

/// An attachment as staff and API callers see it. Links are short-lived and signed; read again for new ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttachmentView {
    /// The attachment.
    pub id: AttachmentId,
    /// How far it has come.
    pub state: AttachmentState,
    /// What went wrong and what to do, with an unfetchable or unreadable state.
    pub failure: Option<String>,
    /// As its sender named it, or made up from its kind.
    pub file_name: String,
    /// By its bytes; `application/octet-stream` until they are here.
    pub media_type: String,
    /// Bytes of the original; 0 until they are here.
    pub byte_size: u64,
    /// Upright, in pixels, once known.
    pub width: Option<u32>,
    /// Upright, in pixels, once known.
    pub height: Option<u32>,
    /// The tile rendition.
    pub tile_url: Option<String>,
    /// The screen rendition.
    pub screen_url: Option<String>,
    /// The untouched original, as a download.
    pub original_url: Option<String>,
    /// What the patient gets or got: the carrier rendition, for outbound attachments.
    pub carrier: Option<RenditionFacts>,
    /// Where it is filed, if it is.
    pub filed: Vec<FiledAs>,
}

/// Size and pixels of a rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RenditionFacts {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// In bytes.
    pub byte_size: u64,
}

/// An attachment's place in a patient's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FiledAs {
    /// The filed copy.
    pub image_id: PatientImageId,
    /// Whose record.
    pub patient_id: PatientId,
    /// Under what.
    pub category: Category,
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub at: Millis,
}

/// What a filed photo shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Prescriptions and scripts.
    Prescriptions,
    /// Devices and aids.
    Devices,
    /// Radiographs.
    XRays,
    /// Reports and letters.
    Reports,
    /// Anything else.
    Other,
}

crate::words::words!(Category { Prescriptions = "prescriptions", Devices = "devices", XRays = "x_rays", Reports = "reports", Other = "other" });

impl Category {
    /// The name to show.
    pub fn label(self) -> &'static str {
        match self {
            Self::Prescriptions => "Prescriptions",
            Self::Devices => "Devices",
            Self::XRays => "X-rays",
            Self::Reports => "Reports",
            Self::Other => "Other",
        }
    }
}

/// What a file is to whoever looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A moving one.
    Video,
    /// Something to listen to.
    Audio,
    /// Something to read, and whatever else there is.
    Document,
}

crate::words::words!(MediaKind { Image = "image", Video = "video", Audio = "audio", Document = "document" });

impl MediaKind {
    /// Of a file of this media type.
    pub fn of(media_type: &str) -> Self {
        match media_type.split_once('/') {
            Some(("image", _)) => Self::Image,
            Some(("video", _)) => Self::Video,
            Some(("audio", _)) => Self::Audio,
            _ => Self::Document,
        }
    }

    /// One of them in a word: `photo`, `video`, `recording`, `document`.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Image => "photo",
            Self::Video => "video",
            Self::Audio => "recording",
            Self::Document => "document",
        }
    }

    /// Several in words: `a photo`, `3 videos`, `2 files` where they are of different kinds.
    pub fn counted(all: &[Self]) -> String {
        match all {
            [only] => format!("a {}", only.noun()),
            [first, rest @ ..] if rest.iter().all(|other| other == first) => {
                format!("{} {}s", all.len(), first.noun())
            }
            _ => format!("{} files", all.len()),
        }
    }
}

/// Answer to an upload; field names are those of the public API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UploadedMedia {
    /// Give this to `send`.
    pub media_id: AttachmentId,
    /// A signed link to the original. It keeps naming this upload after its signature expired.
    pub media_url: String,
    /// By the file's bytes.
    pub media_type: String,
    /// In bytes.
    pub media_size: u64,
    /// As given.
    pub media_filename: String,
    /// As stored in the file, in pixels, where its header tells.
    pub width: Option<u32>,
    /// As stored in the file, in pixels, where its header tells.
    pub height: Option<u32>,
    /// Whatever is no `image` can only be sent as a private link.
    pub kind: MediaKind,
}

/// Bytes for people: `48 B`, `212 KB`, `3.4 MB`.
pub fn human_bytes(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KB", bytes.div_ceil(1024)),
        _ => format!("{:.1} MB", bytes as f64 / 1_048_576.0),
    }
}
