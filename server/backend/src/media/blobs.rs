//! Where bytes lie: S3, a private folder, or memory.

use bytes::Bytes;
use futures::stream::BoxStream;
use model::media::RenditionRole;
use model::{AttachmentId, PatientId, PatientImageId};
use std::path::PathBuf;

/// A failure of the blob store.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It cannot be reached or is full.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Nothing lies under this key.
    #[error("missing")]
    Missing,
    /// What was to be stored ended in an error of its sender.
    #[error("interrupted")]
    Interrupted,
    /// What was to be stored is larger than allowed.
    #[error("too large")]
    TooLarge,
}

/// Owns every path; nobody else formats one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlobKey {
    /// `mms/outbound/{attachment_id}/original`.
    Outbound(AttachmentId, Copy_),
    /// `mms/inbound/{attachment_id}/original`.
    Inbound(AttachmentId, Copy_),
    /// `images/{patient_id}/{image_id}/original`.
    Image(PatientId, PatientImageId, Copy_),
}

/// The original, or a copy derived from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Copy_ {
    /// As it came.
    Original,
    /// A rendition.
    Rendition(RenditionRole),
}

/// A blob while it streams out.
pub struct BlobBody {
    /// Bytes in all.
    pub size: u64,
    /// The bytes.
    pub stream: BoxStream<'static, std::io::Result<Bytes>>,
}

/// The blob store. Cheap to clone.
#[derive(Clone)]
pub struct Blobs(Place);

#[derive(Clone)]
enum Place {
    Folder(PathBuf),
}

impl Blobs {
    /// In this process's memory; for stories.
    pub fn memory() -> Self {
        unimplemented!()
    }
}
