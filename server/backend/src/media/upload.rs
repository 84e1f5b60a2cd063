//! Taking in a file: streamed to the blob store, checked by its bytes.

use super::blobs::{BlobError, BlobKey, ByteStream, Stored, Variant};
use super::kind::{self, Disposition};
use super::links::{self, TO_VIEW, Target};
use super::whole::Walk;
use crate::jobs::{Job, Owner, queue};
use crate::limits::{self, Action, Whose};
use crate::store::args;
use crate::{Backend, Caller, Error, Result};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use model::media::{AttachmentState, MediaKind, UploadedMedia, human_bytes};
use model::message::Direction;
use model::staff::Permission;
use model::{AttachmentId, FailureCode};
use picture::{FileKind, HEAD_BYTES, PictureKind, Refusal};
use std::sync::{Arc, Mutex, PoisonError};

/// A file on its way in.
pub struct Incoming {
    /// As its sender names it; only the last path component is kept.
    pub file_name: String,
    /// Its bytes; an error ends the upload and leaves nothing behind.
    pub body: ByteStream,
}

/// Stores a file for sending: a picture, whose renditions are begun, or one that only goes as a private link and is
/// never looked into.
///
/// # Errors
/// `UnsupportedMedia` by its first bytes, `TooLarge` past the limit of bytes or pixels, `BrokenMedia` when it is
/// empty, cut off, or its sender went away, `TooManyRequests` past the caller's share of [`limits`]. Nothing is kept
/// then.
pub async fn upload(backend: &Backend, caller: &Caller, incoming: Incoming) -> Result<UploadedMedia> {
    caller.require(Permission::SendMessages)?;
    limits::take(backend, Action::Upload, Whose::Caller(caller)).await?;
    let id: AttachmentId = backend.clock.new_id();
    let key = BlobKey::Outbound(id, Variant::Original);
    let taken = take_in(backend, key, incoming, picture::check_file).await?;
    let (backend, caller) = (backend.clone(), caller.clone());
    uninterrupted(async move { record(&backend, &caller, id, taken).await }).await
}

async fn record(backend: &Backend, caller: &Caller, id: AttachmentId, taken: Taken) -> Result<UploadedMedia> {
    let mut tx = backend.store.write().await?;
    let now = backend.clock.now();
    let media_type = taken.kind.media_type();
    let picture = taken.kind.picture();
    let state = if picture.is_some() { AttachmentState::Processing } else { AttachmentState::Ready };
    tx.execute(
        "INSERT INTO attachment (id, org_id, position, direction, state, file_name, media_type, byte_size, sha256,
                                 uploaded_by, created_at)
         VALUES ($1, $2, 0, $3, $4, $5, $6, $7, $8, $9, $10)",
        args![
            id,
            caller.org_id,
            Direction::Outbound.as_str(),
            state.as_str(),
            &taken.file_name,
            media_type,
            taken.stored.size,
            taken.stored.sha256.as_slice(),
            caller.staff_id,
            now
        ],
    )
    .await?;
    if picture.is_some() {
        let job = Job::MakeRenditions { owner: Owner::Attachment(id) };
        queue::push(backend, &mut tx, caller.org_id, &job, None, now).await?;
    }
    let target = Target { key: taken.blob.key, media_type, file_name: &taken.file_name };
    let media_url = links::link(backend, &target, Disposition::Download, TO_VIEW).await?;
    taken.blob.keep();
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    let size = picture.and_then(|picture| picture.size);
    Ok(UploadedMedia {
        media_id: id,
        media_url,
        media_type: media_type.to_owned(),
        media_size: taken.stored.size,
        media_filename: taken.file_name,
        width: size.map(|size| size.width),
        height: size.map(|size| size.height),
        kind: MediaKind::of(media_type),
    })
}

/// A file that lies in the blob store and in no row yet.
pub(crate) struct Taken {
    /// Deletes it again unless a row keeps it.
    pub(crate) blob: Unrecorded,
    pub(crate) file_name: String,
    pub(crate) kind: FileKind,
    pub(crate) stored: Stored,
}

/// Streams a file to the blob store and judges it on its way. `accepts` decides by its first bytes which kinds are taken.
pub(crate) async fn take_in(
    backend: &Backend,
    key: BlobKey,
    incoming: Incoming,
    accepts: impl FnOnce(&[u8]) -> std::result::Result<FileKind, Refusal>,
) -> Result<Taken> {
    let file_name = kind::plain_name(&incoming.file_name);
    let interrupted = |_| {
        Error::failure(
            FailureCode::BrokenMedia,
            format!("{file_name} did not arrive completely. Nothing of it was kept; choose it again."),
        )
    };
    let (head, body) = peek(incoming.body, HEAD_BYTES).await.map_err(interrupted)?;
    let kind = check(&head, accepts).map_err(|refusal| refused(&file_name, refusal))?;
    let walk = Arc::new(Mutex::new(kind.picture().map(|picture| Walk::new(picture.kind))));
    let watched = {
        let walk = walk.clone();
        body.inspect(move |chunk| {
            if let (Ok(chunk), Some(walk)) =
                (chunk, &mut *walk.lock().unwrap_or_else(PoisonError::into_inner))
            {
                walk.feed(chunk);
            }
        })
    };
    let limit = backend.settings.max_media_bytes;
    let blob = Unrecorded::new(backend, key);
    let stored = backend.blobs.put_stream(&key, kind.media_type(), watched.boxed(), limit).await;
    let whole = walk.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_none_or(Walk::is_whole);
    match stored {
        Ok(stored) if whole => Ok(Taken { blob, file_name, kind, stored }),
        Ok(_) => {
            blob.remove().await;
            Err(Error::failure(
                FailureCode::BrokenMedia,
                format!(
                    "{file_name} is incomplete: its end is missing. Choose it again, or ask for it again."
                ),
            ))
        }
        Err(error) => {
            // Nothing was stored.
            blob.keep();
            Err(match error {
                BlobError::TooLarge => Error::failure(
                    FailureCode::TooLarge,
                    format!(
                        "{file_name} is larger than {}, the most that one file may be. Choose a smaller one.",
                        human_bytes(limit)
                    ),
                ),
                BlobError::Interrupted => interrupted(std::io::ErrorKind::UnexpectedEof.into()),
                other => other.into(),
            })
        }
    }
}

/// A stored blob that no row names yet. Dropped, it is deleted again.
pub(crate) struct Unrecorded {
    backend: Backend,
    pub(crate) key: BlobKey,
    kept: bool,
}

impl Unrecorded {
    /// Watches over a blob that is about to be stored.
    fn new(backend: &Backend, key: BlobKey) -> Self {
        Self { backend: backend.clone(), key, kept: false }
    }

    /// Call right before the commit: from then on nobody can know that no row names it.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }

    /// Deletes it now.
    pub(crate) async fn remove(mut self) {
        self.kept = true;
        remove(&self.backend, &self.key).await;
    }
}

impl Drop for Unrecorded {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !self.kept {
            let (backend, key) = (self.backend.clone(), self.key);
            runtime.spawn(async move { remove(&backend, &key).await });
        }
    }
}

async fn remove(backend: &Backend, key: &BlobKey) {
    if let Err(error) = backend.blobs.delete(key).await {
        tracing::warn!(%error, "a blob that nothing refers to stays in the blob store");
    }
}

/// Awaits work that goes on when its caller goes away: what was stored must not be parted from its row half-way.
pub(crate) async fn uninterrupted<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work).await.unwrap_or(Err(Error::Inconsistent("a task panicked")))
}

/// The first bytes of a stream (`most`, or all of a shorter one), and the stream with them in front again.
pub(crate) async fn peek(mut body: ByteStream, most: usize) -> std::io::Result<(Bytes, ByteStream)> {
    let mut head = BytesMut::new();
    while head.len() < most {
        match body.next().await {
            Some(chunk) => head.extend_from_slice(&chunk?),
            None => break,
        }
    }
    let head = head.freeze();
    let first = futures::stream::iter([Ok(head.clone())]);
    let seen = head.slice(..head.len().min(most));
    Ok((seen, first.chain(body).boxed()))
}

enum Refused {
    By(Refusal),
    BrokenHeader(PictureKind),
}

fn check(
    head: &[u8],
    accepts: impl FnOnce(&[u8]) -> std::result::Result<FileKind, Refusal>,
) -> std::result::Result<FileKind, Refused> {
    let kind = accepts(head).map_err(Refused::By)?;
    // All of the file was seen, and it does not even say how large the picture is. HEIC alone has forms without.
    if let Some(checked) = kind.picture()
        && checked.size.is_none()
        && head.len() < HEAD_BYTES
        && checked.kind != PictureKind::Heic
    {
        return Err(Refused::BrokenHeader(checked.kind));
    }
    Ok(kind)
}

fn refused(file_name: &str, why: Refused) -> Error {
    match why {
        Refused::By(refusal) => {
            let code = match refusal {
                Refusal::Empty => FailureCode::BrokenMedia,
                Refusal::NotAPicture(_) | Refusal::NotAccepted(_) => FailureCode::UnsupportedMedia,
                Refusal::TooManyPixels(_) => FailureCode::TooLarge,
            };
            Error::failure(code, format!("{file_name}: {refusal}"))
        }
        Refused::BrokenHeader(kind) => Error::failure(
            FailureCode::BrokenMedia,
            format!(
                "{file_name}: The file begins like a {} picture and is damaged. Choose another copy.",
                kind.name()
            ),
        ),
    }
}
