//! Taking in a file: streamed to the blob store, checked by its bytes.

use crate::{Backend, Caller, Result};
use bytes::Bytes;
use futures::stream::BoxStream;
use model::media::UploadedMedia;

/// A file on its way in.
pub struct Incoming {
    /// As its sender names it; only the last path component is kept.
    pub file_name: String,
    /// Its bytes; an error ends the upload and leaves nothing behind.
    pub body: BoxStream<'static, std::io::Result<Bytes>>,
}

/// Stores a picture for sending and starts making its renditions.
///
/// # Errors
/// `UnsupportedMedia` by its first bytes, `TooLarge` past the limit, `BrokenMedia` when empty or cut off.
pub async fn upload(backend: &Backend, caller: &Caller, incoming: Incoming) -> Result<UploadedMedia> {
    unimplemented!()
}
