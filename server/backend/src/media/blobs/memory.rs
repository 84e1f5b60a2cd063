//! Blobs in memory.

use super::{BlobBody, BlobError, Listed};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<HashMap<String, Bytes>>>);

pub(super) struct Writer {
    place: Memory,
    path: String,
    bytes: BytesMut,
}

impl Memory {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, path: &str) -> Result<Bytes, BlobError> {
        self.all().get(path).cloned().ok_or(BlobError::Missing)
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn writer(&self, path: &str) -> Writer {
        Writer { place: self.clone(), path: path.to_owned(), bytes: BytesMut::new() }
    }

    pub(super) fn get(&self, path: &str, range: Option<Range<u64>>) -> Result<BlobBody, BlobError> {
        let bytes = self.find(path)?;
        let size = bytes.len() as u64;
        let within = |at: u64| usize::try_from(at.min(size)).unwrap_or(bytes.len());
        let part = match range {
            Some(range) => bytes.slice(within(range.start)..within(range.end.max(range.start))),
            None => bytes,
        };
        Ok(BlobBody { size, stream: futures::stream::iter([Ok(part)]).boxed() })
    }

    pub(super) fn copy(&self, from: &str, to: &str) -> Result<(), BlobError> {
        let bytes = self.find(from)?;
        self.all().insert(to.to_owned(), bytes);
        Ok(())
    }

    pub(super) fn delete(&self, path: &str) {
        self.all().remove(path);
    }

    pub(super) fn list(&self) -> Vec<Listed> {
        let all = self.all();
        all.iter().map(|(path, bytes)| Listed { path: path.clone(), size: bytes.len() as u64 }).collect()
    }

    pub(super) fn size(&self, path: &str) -> Result<u64, BlobError> {
        Ok(self.find(path)?.len() as u64)
    }
}

impl Writer {
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn finish(self) {
        self.place.all().insert(self.path, self.bytes.freeze());
    }
}
