//! Where bytes lie: S3, a private folder, or memory.

mod folder;
mod key;
mod memory;
mod reading;
mod s3;

pub use key::{BlobKey, Variant};
pub use s3::S3Settings;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use model::Millis;
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::path::Path;
use url::Url;

/// Bytes on their way in or out.
pub type ByteStream = BoxStream<'static, std::io::Result<Bytes>>;

/// A failure of the blob store.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It cannot be reached, is full, or is not set up as it must be. Nothing is known about the blob.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The store answers, and this one blob cannot be read: its key, and why.
    #[error("{0}")]
    Unreadable(String),
    /// The store answers, and nothing lies under this key.
    #[error("missing")]
    Missing,
    /// What was to be stored ended in an error of its sender.
    #[error("interrupted")]
    Interrupted,
    /// What was to be stored is larger than allowed.
    #[error("too large")]
    TooLarge,
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// In bytes.
    pub size: u64,
    /// SHA-256 of all bytes, 32 of them.
    pub sha256: Vec<u8>,
}

/// A blob as its store lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What [`BlobKey::from_path`] reads, where it is one of ours.
    pub path: String,
    /// In bytes.
    pub size: u64,
}

/// A blob while it streams out.
pub struct BlobBody {
    /// Bytes of the whole blob, also where only a range of it was asked for.
    pub size: u64,
    /// The bytes.
    pub stream: ByteStream,
}

/// How a direct link hands out a blob.
pub(crate) struct LinkTerms<'a> {
    /// Valid from here (whole seconds count).
    pub(crate) from: Millis,
    /// For so long, at most a week.
    pub(crate) for_ms: Millis,
    /// What the answer says in `Content-Disposition`.
    pub(crate) disposition: &'a str,
    /// What the answer says in `Content-Type`.
    pub(crate) media_type: &'a str,
}

/// The blob store. Cheap to clone.
///
/// A blob appears whole or not at all: nothing can be read under a key before all of it is stored, and dropping
/// a future that stores one leaves nothing behind.
#[derive(Clone)]
pub struct Blobs(Place);

#[derive(Clone)]
enum Place {
    /// The futures of its library take kilobytes each; they are boxed here, so that callers' stay small.
    S3(s3::S3),
    Folder(folder::Folder),
    Memory(memory::Memory),
}

/// What bytes are written to until they are kept.
enum Writer {
    S3(s3::Writer),
    Folder(folder::Writer),
    Memory(memory::Writer),
}

impl Blobs {
    /// In a bucket.
    ///
    /// # Errors
    /// Names the setting that is wrong. Whether the bucket can be reached, [`ready`](Self::ready) tells.
    pub async fn s3(settings: S3Settings) -> Result<Self, BlobError> {
        Ok(Self(Place::S3(Box::pin(s3::S3::new(settings)).await?)))
    }

    /// In a folder that only the server's user can read; made when it is missing.
    pub async fn folder(root: &Path) -> Result<Self, BlobError> {
        Ok(Self(Place::Folder(folder::Folder::new(root).await?)))
    }

    /// In memory, gone with the process.
    pub fn memory() -> Self {
        Self(Place::Memory(memory::Memory::default()))
    }

    /// Stores a stream of unknown length, never whole in memory. What lay there before is replaced.
    ///
    /// # Errors
    /// `TooLarge` past `max_bytes`, `Interrupted` when `body` ends in an error; nothing is stored then.
    pub async fn put_stream(
        &self,
        key: &BlobKey,
        media_type: &str,
        body: ByteStream,
        max_bytes: u64,
    ) -> Result<Stored, BlobError> {
        counted("put", self.store(&key.path(), media_type, body, max_bytes).await)
    }

    async fn store(
        &self,
        path: &str,
        media_type: &str,
        mut body: ByteStream,
        max_bytes: u64,
    ) -> Result<Stored, BlobError> {
        let mut writer = match &self.0 {
            Place::S3(place) => Writer::S3(place.writer(path, media_type)),
            Place::Folder(place) => Writer::Folder(place.writer(path).await?),
            Place::Memory(place) => Writer::Memory(place.writer(path)),
        };
        let mut hash = Sha256::new();
        let mut size = 0u64;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| BlobError::Interrupted)?;
            size += chunk.len() as u64;
            if size > max_bytes {
                return Err(BlobError::TooLarge);
            }
            hash.update(&chunk);
            match &mut writer {
                Writer::S3(writer) => Box::pin(writer.write(&chunk)).await?,
                Writer::Folder(writer) => writer.write(&chunk).await?,
                Writer::Memory(writer) => writer.write(&chunk),
            }
        }
        match writer {
            Writer::S3(writer) => Box::pin(writer.finish()).await?,
            Writer::Folder(writer) => writer.finish().await?,
            Writer::Memory(writer) => writer.finish(),
        }
        Ok(Stored { size, sha256: hash.finalize().to_vec() })
    }

    /// Stores what is in memory already.
    pub async fn put_bytes(
        &self,
        key: &BlobKey,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<Stored, BlobError> {
        self.put_stream(key, media_type, futures::stream::iter([Ok(bytes)]).boxed(), u64::MAX).await
    }

    /// A blob, or a `range` of its bytes (cut at its end).
    pub async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobBody, BlobError> {
        let found = match &self.0 {
            Place::S3(place) => Box::pin(place.get(&key.path(), range)).await,
            Place::Folder(place) => place.get(&key.path(), range).await,
            Place::Memory(place) => place.get(&key.path(), range),
        };
        counted("get", self.judged(key, found).await)
    }

    /// Copies a blob inside the store; the bytes do not travel through the server where the store can avoid it.
    pub async fn copy(&self, from: &BlobKey, to: &BlobKey) -> Result<(), BlobError> {
        let copied = match &self.0 {
            Place::S3(place) => Box::pin(place.copy(&from.path(), &to.path())).await,
            Place::Folder(place) => place.copy(&from.path(), &to.path()).await,
            Place::Memory(place) => place.copy(&from.path(), &to.path()),
        };
        counted("copy", self.judged(from, copied).await)
    }

    /// Takes a blob away; fine when there is none.
    pub async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        let deleted = match &self.0 {
            Place::S3(place) => Box::pin(place.delete(&key.path())).await,
            Place::Folder(place) => place.delete(&key.path()).await,
            Place::Memory(place) => {
                place.delete(&key.path());
                Ok(())
            }
        };
        counted("delete", deleted)
    }

    /// Bytes of a blob, if there is one.
    pub async fn size(&self, key: &BlobKey) -> Result<Option<u64>, BlobError> {
        let size = match &self.0 {
            Place::S3(place) => Box::pin(place.size(&key.path())).await,
            Place::Folder(place) => place.size(&key.path()).await,
            Place::Memory(place) => place.size(&key.path()),
        };
        match self.judged(key, size).await {
            Ok(size) => Ok(Some(size)),
            Err(BlobError::Missing) => Ok(None),
            Err(error) => counted("size", Err(error)),
        }
    }

    /// Everything that lies in the store, in no order. What comes or goes meanwhile may be among it or not. After what is
    /// `Unreadable` there is more.
    pub fn list(&self) -> BoxStream<'static, Result<Listed, BlobError>> {
        match &self.0 {
            Place::S3(place) => place.list(),
            Place::Folder(place) => place.list(),
            Place::Memory(place) => futures::stream::iter(place.list().into_iter().map(Ok)).boxed(),
        }
    }

    /// Whether the other one is the same place.
    pub(crate) async fn is_same(&self, other: &Self) -> Result<bool, BlobError> {
        match (&self.0, &other.0) {
            (Place::S3(place), Place::S3(other)) => Ok(place.is_same(other)),
            (Place::Folder(place), Place::Folder(other)) => place.is_same(other).await,
            (Place::Memory(place), Place::Memory(other)) => Ok(place.is_same(other)),
            _ => Ok(false),
        }
    }

    /// Whether this is a folder, and one of it and the other one lies in the other.
    pub(crate) async fn is_nested(&self, other: &Path) -> Result<bool, BlobError> {
        match &self.0 {
            Place::Folder(place) => place.is_nested(other).await,
            Place::S3(_) | Place::Memory(_) => Ok(false),
        }
    }

    /// From now on a folder in which nothing lies is unavailable: its disk is not there. A bucket that is not there says so.
    pub(crate) fn expect_content(&self) {
        if let Place::Folder(place) = &self.0 {
            place.expect_content();
        }
    }

    /// Whether blobs can be stored now.
    ///
    /// # Errors
    /// What is wrong, in words for the operator.
    pub async fn ready(&self) -> Result<(), BlobError> {
        match &self.0 {
            Place::S3(place) => Box::pin(place.ready()).await,
            Place::Folder(place) => place.ready().await,
            Place::Memory(_) => Ok(()),
        }
    }

    /// A link on which the store itself hands out a blob; `None` where the app must do so.
    pub(crate) async fn direct_link(
        &self,
        key: &BlobKey,
        terms: &LinkTerms<'_>,
    ) -> Result<Option<String>, BlobError> {
        match &self.0 {
            Place::S3(place) => Box::pin(place.presign(&key.path(), terms)).await.map(Some),
            Place::Folder(_) | Place::Memory(_) => Ok(None),
        }
    }

    /// The key that a direct link names, whether or not its signature still holds.
    pub(crate) fn key_of_direct_link(&self, link: &Url) -> Option<BlobKey> {
        match &self.0 {
            Place::S3(place) => BlobKey::from_path(place.path_of_link(link)?),
            Place::Folder(_) | Place::Memory(_) => None,
        }
    }
}

/// Counts a failure of the store itself, by what was asked of it. What its sender did is none.
fn counted<T>(operation: &'static str, result: Result<T, BlobError>) -> Result<T, BlobError> {
    let error = match &result {
        Err(BlobError::Unavailable(_)) => "unavailable",
        Err(BlobError::Unreadable(_)) => "unreadable",
        Err(BlobError::Missing) => "missing",
        Ok(_) | Err(BlobError::Interrupted | BlobError::TooLarge) => return result,
    };
    metrics::counter!("blob_errors_total", "operation" => operation, "error" => error).increment(1);
    result
}

/// A blocking task that did not end well.
#[expect(clippy::needless_pass_by_value, reason = "an adapter for `map_err`, which hands over the error")]
fn interrupted(error: tokio::task::JoinError) -> BlobError {
    BlobError::Unavailable(if error.is_panic() { "a task panicked" } else { "shutting down" }.to_owned())
}
