//! Short signed links to blobs.

use super::blobs::{BlobBody, BlobKey};
use crate::{Backend, Result};
use model::Millis;

/// How a link hands out its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// To show in a page.
    Inline,
    /// To save to disk.
    Download,
}

/// A link to a blob that holds until about `for_ms` from now. The same link is given for some minutes, so that a
/// browser's cache can serve what it has shown before.
pub async fn link(
    backend: &Backend,
    key: &BlobKey,
    media_type: &str,
    file_name: &str,
    disposition: Disposition,
    for_ms: Millis,
) -> Result<String> {
    unimplemented!()
}

/// A blob that a signed link of ours names, to stream to whoever holds the link.
pub struct Opened {
    /// The bytes.
    pub body: BlobBody,
    /// By the bytes, as recorded when they came.
    pub media_type: String,
    /// As the file is called.
    pub file_name: String,
    /// How to hand it out.
    pub disposition: Disposition,
}

/// Opens what the path and query of a link name (`/media/…?…`). `NotFound` when it was altered or has expired.
pub async fn open(backend: &Backend, path_and_query: &str) -> Result<Opened> {
    unimplemented!()
}
