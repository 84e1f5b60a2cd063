//! Originals and their renditions: taken in, kept, shown through short signed links.

pub mod blobs;
pub mod links;
pub mod upload;

use crate::{Backend, Caller, Result};
use model::AttachmentId;
use model::media::AttachmentView;

/// One attachment or upload.
pub async fn get(backend: &Backend, caller: &Caller, id: AttachmentId) -> Result<AttachmentView> {
    unimplemented!()
}

/// Drops an upload that is not sent.
pub async fn discard(backend: &Backend, caller: &Caller, id: AttachmentId) -> Result<()> {
    unimplemented!()
}

/// Tries again to fetch or to read an attachment that failed.
pub async fn retry(backend: &Backend, caller: &Caller, id: AttachmentId) -> Result<AttachmentView> {
    unimplemented!()
}
