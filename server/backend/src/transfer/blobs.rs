//! Blobs from one store into another.

use super::{Moved, refused};
use crate::media::blobs::{BlobError, BlobKey, Listed};
use crate::media::inventory;
use crate::{Blobs, Result, Store};
use futures::{StreamExt, TryStreamExt};

/// Blobs on their way at the same time.
const AT_ONCE: usize = 8;

/// After so many blobs there is a line of progress.
const TOLD_EVERY: u64 = 1000;

/// Of so many blobs in the other store, one at least lies in this one too if an earlier copy put them there.
const STRANGERS: usize = 10_000;

/// What became of one.
enum Carried {
    Written(u64),
    /// It lay there already, with the same bytes.
    There(u64),
    /// It was deleted before its turn came.
    Gone,
    /// Its name is none of ours.
    Strange,
}

/// Never touches a store that somebody else uses: beside our database, what is theirs would be nobody's, and the doctor
/// deletes what is nobody's.
pub(super) async fn refuse_foreign(from: &Blobs, to: &Blobs) -> Result<()> {
    let mut sizes_here = to
        .list()
        .try_filter_map(|listed| futures::future::ready(Ok::<_, BlobError>(BlobKey::from_path(&listed.path))))
        .take(STRANGERS)
        .map(|key| {
            let from = from.clone();
            async move { from.size(&key?).await }
        })
        .buffer_unordered(AT_ONCE);
    let mut is_empty = true;
    while let Some(size) = sizes_here.next().await {
        if size?.is_some() {
            return Ok(());
        }
        is_empty = false;
    }
    if is_empty {
        return Ok(());
    }
    Err(refused(
        "The other store holds photos and files, and none of them is in this one: somebody else uses it, or the disk of \
         this one is not there. Name an empty store, or an empty folder of a bucket.",
    ))
}

/// Copies every blob that is not there with the same bytes, and reads what was written back.
pub(super) async fn copy(
    from: &Blobs,
    to: &Blobs,
    moved: &mut Moved,
    tell: &mut dyn FnMut(&str),
) -> Result<()> {
    let mut carried = from
        .list()
        .map(|listed| {
            let (from, to) = (from.clone(), to.clone());
            async move { carry(&from, &to, listed?).await }
        })
        .buffer_unordered(AT_ONCE);
    while let Some(one) = carried.next().await {
        match one? {
            Carried::Written(bytes) => {
                moved.blobs_written += 1;
                moved.bytes += bytes;
            }
            Carried::There(bytes) => moved.bytes += bytes,
            Carried::Strange => {
                moved.strange += 1;
                continue;
            }
            Carried::Gone => continue,
        }
        moved.blobs += 1;
        if moved.blobs.is_multiple_of(TOLD_EVERY) {
            tell(&format!("photos and files: {} are there", moved.blobs));
        }
    }
    tell(&format!("photos and files: {} lie in both places with equal bytes", moved.blobs));
    Ok(())
}

/// How many originals that rows name do not lie in `to`. What is copied is what the other store lists, and one whose disk
/// is not there lists nothing.
pub(super) async fn missing(rows: &Store, to: &Blobs) -> Result<u64> {
    let mut sizes = inventory::all(rows)
        .map_ok(|original| {
            let to = to.clone();
            async move { Ok(to.size(&original.key).await?) }
        })
        .try_buffer_unordered(AT_ONCE);
    let mut missing = 0;
    while let Some(size) = sizes.try_next().await? {
        missing += u64::from(size.is_none());
    }
    Ok(missing)
}

async fn carry(from: &Blobs, to: &Blobs, listed: Listed) -> Result<Carried, BlobError> {
    let Some(key) = BlobKey::from_path(&listed.path) else { return Ok(Carried::Strange) };
    if to.size(&key).await? == Some(listed.size) {
        let ours = match from.digest(&key).await {
            Ok(ours) => ours,
            Err(BlobError::Missing) => return Ok(Carried::Gone),
            Err(error) => return Err(error),
        };
        if to.digest(&key).await? == ours {
            return Ok(Carried::There(ours.size));
        }
    }
    let body = match from.get(&key, None).await {
        Ok(body) => body,
        Err(BlobError::Missing) => return Ok(Carried::Gone),
        Err(error) => return Err(error),
    };
    let stored = to.put_stream(&key, key.noted_type(), body.stream, u64::MAX).await?;
    if to.digest(&key).await? != stored {
        return Err(BlobError::Unavailable("what was stored there reads back differently".to_owned()));
    }
    Ok(Carried::Written(stored.size))
}
