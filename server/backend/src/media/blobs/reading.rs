//! Whole blobs, read to their ends; and what it means when they cannot be.

use super::{BlobError, BlobKey, Blobs, Place, Stored, counted, interrupted};
use futures::StreamExt;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;

impl Blobs {
    /// A blob as a file of this machine, for readers that take no stream. It vanishes when it is closed.
    pub(crate) async fn open_file(&self, key: &BlobKey) -> Result<File, BlobError> {
        if let Place::Folder(place) = &self.0 {
            return counted("get", self.judged(key, place.open(&key.path()).await).await);
        }
        let mut body = self.get(key, None).await?.stream;
        // A folder for temporary files that is missing is no missing blob.
        let of_temporary = |error: io::Error| BlobError::Unavailable(format!("a temporary file: {error}"));
        let unlinked = tokio::task::spawn_blocking(tempfile::tempfile).await.map_err(interrupted)?;
        let mut file = tokio::fs::File::from_std(unlinked.map_err(of_temporary)?);
        while let Some(chunk) = body.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Err(self.broken_off(key, &error).await),
            };
            tokio::io::AsyncWriteExt::write_all(&mut file, &chunk).await.map_err(of_temporary)?;
        }
        tokio::io::AsyncWriteExt::flush(&mut file).await.map_err(of_temporary)?;
        Ok(file.into_std().await)
    }

    /// Reads a blob to its end and tells what lies there.
    pub(crate) async fn digest(&self, key: &BlobKey) -> Result<Stored, BlobError> {
        let mut body = self.get(key, None).await?.stream;
        let mut hash = Sha256::new();
        let mut size = 0;
        while let Some(chunk) = body.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Err(self.broken_off(key, &error).await),
            };
            size += chunk.len() as u64;
            hash.update(&chunk);
        }
        Ok(Stored { size, sha256: hash.finalize().to_vec() })
    }

    /// What could not be read: one blob alone, or the store that it lies in.
    pub(super) async fn judged<T>(&self, key: &BlobKey, read: Result<T, BlobError>) -> Result<T, BlobError> {
        match read {
            Err(BlobError::Unreadable(why)) => Err(self.unreadable(key, &why).await),
            other => other,
        }
    }

    async fn unreadable(&self, key: &BlobKey, why: &str) -> BlobError {
        let there = match &self.0 {
            Place::Folder(place) => place.answers().await,
            Place::S3(_) | Place::Memory(_) => self.ready().await,
        };
        match there {
            Ok(()) => BlobError::Unreadable(format!("{}: {why}", key.path())),
            Err(outage) => outage,
        }
    }

    /// A blob whose bytes ended in an error. Those of a bucket end when the network does.
    pub(crate) async fn broken_off(&self, key: &BlobKey, error: &io::Error) -> BlobError {
        match &self.0 {
            Place::Folder(_) => self.unreadable(key, &error.to_string()).await,
            Place::S3(_) | Place::Memory(_) => {
                BlobError::Unavailable(format!("{}: {}", key.path(), error.kind()))
            }
        }
    }
}
