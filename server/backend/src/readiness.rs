//! Whether what the server is given now would be kept, found out by keeping something.

use crate::clock::random_bytes;
use crate::store::args;
use crate::{Backend, Result};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Bytes that the database is given: about as much as a message with all that it brings along.
const FILLING: usize = 16 * 1024;

/// How long what was found is good for: whoever asks all the time does not keep the disk busy.
const HOLDS: Duration = Duration::from_secs(5);

/// Whoever would wait for longer than this is not served in time either. Whoever asks may wait for some seconds only.
const PATIENCE: Duration = Duration::from_secs(3);

/// What can be written now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// Rows.
    pub database: bool,
    /// Photos and files.
    pub blobs: bool,
}

/// What was found last, and when.
#[derive(Debug, Default)]
pub(crate) struct LastFound(Mutex<Option<(Instant, Readiness)>>);

/// Tries both, unless that was done some seconds ago.
pub async fn find(backend: &Backend) -> Readiness {
    let mut last = backend.last_found().0.lock().await;
    if let Some((at, found)) = *last
        && at.elapsed() < HOLDS
    {
        return found;
    }
    let (rows, blobs) =
        tokio::join!(timeout(PATIENCE, write_row(backend)), timeout(PATIENCE, backend.blobs.ready()));
    let found = Readiness { database: matches!(rows, Ok(Ok(()))), blobs: matches!(blobs, Ok(Ok(()))) };
    *last = Some((Instant::now(), found));
    found
}

/// Replaces a row, so that the pages of the one before it are there to be used again.
async fn write_row(backend: &Backend) -> Result<()> {
    // Never the bytes of before, which SQLite would leave as they are.
    let filling = random_bytes::<32>().repeat(FILLING / 32);
    let mut tx = backend.store.write_first().await?;
    tx.execute(
        "INSERT INTO readiness_trial (id, filling) VALUES (1, $1)
         ON CONFLICT (id) DO UPDATE SET filling = excluded.filling",
        args![filling],
    )
    .await?;
    tx.commit().await?;
    Ok(())
}
