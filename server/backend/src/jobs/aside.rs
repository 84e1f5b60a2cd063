//! What stands aside because it failed: how much it is, and the way back.

use super::{Job, queue, read_webhook};
use crate::store::args;
use crate::{Backend, Result};
use model::{JournalEntryId, OrgId};
use uuid::Uuid;

/// What [`requeue`] put back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requeued {
    /// Jobs that stood aside.
    pub jobs: usize,
    /// Webhooks that could not be read and had no job any more.
    pub webhooks: usize,
    /// Jobs that still stand aside, because this version cannot open them.
    pub left: usize,
}

/// Puts everything that failed back to work: jobs that were set aside, and journalled webhooks that could not be read.
/// Deliveries are not made again by it; whoever sees them failed sends them again.
pub async fn requeue(backend: &Backend) -> Result<Requeued> {
    let mut requeued = Requeued::default();
    for aside in queue::all_set_aside(backend).await? {
        match queue::put_back(backend, &aside).await {
            Ok(()) => requeued.jobs += 1,
            Err(error) if error.is_outage() => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "a job stays aside");
                requeued.left += 1;
            }
        }
    }
    let mut tx = backend.store.read().await?;
    let poisoned: Vec<(Uuid, Uuid)> = tx
        .all(
            "SELECT id, org_id FROM journal_entry WHERE state = 'poisoned' ORDER BY received_at, id",
            args![],
        )
        .await?;
    drop(tx);
    for (id, org) in poisoned {
        let (id, org) = (JournalEntryId(id), OrgId(org));
        let mut tx = backend.store.write().await?;
        if read_webhook::reopen(&mut tx, id).await? {
            let job = Job::ReadWebhook { journal_entry_id: id };
            queue::push(backend, &mut tx, org, &job, None, backend.clock.now()).await?;
            tx.commit().await?;
            backend.live.wake(org);
            requeued.webhooks += 1;
        }
    }
    Ok(requeued)
}
