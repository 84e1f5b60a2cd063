//! What open screens are told when something changes.

use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result};
use model::OrgId;
use model::live::{Change, LiveEvent};
use tokio::sync::{Notify, broadcast};

/// Events a client may catch up on at most; one that missed more loads its page anew.
pub const MAX_CATCH_UP: i64 = 500;

/// Wakes whoever waits for news in this process. It carries no content: listeners read the store.
#[derive(Debug)]
pub struct Hub {
    changed: broadcast::Sender<OrgId>,
    /// There may be a job to run.
    pub(crate) jobs: Notify,
}

impl Default for Hub {
    fn default() -> Self {
        Self { changed: broadcast::channel(1024).0, jobs: Notify::new() }
    }
}

impl Hub {
    /// Each organisation in which something changed, from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<OrgId> {
        self.changed.subscribe()
    }

    /// Call after the transaction that recorded changes or jobs was committed.
    pub(crate) fn wake(&self, org: OrgId) {
        // Nobody listening is fine.
        let _ = self.changed.send(org);
        self.jobs.notify_one();
    }
}

/// Records a change in the transaction that makes it. Call [`Hub::wake`] after the commit.
pub(crate) async fn record(backend: &Backend, tx: &mut Tx, org: OrgId, change: Change) -> Result<()> {
    // The row lock on the organisation keeps numbers in the order of the commits.
    let seq = tx
        .number(
            "UPDATE organisation SET live_seq = live_seq + 1 WHERE id = $1 RETURNING live_seq",
            args![org],
        )
        .await?;
    let change =
        serde_json::to_string(&change).map_err(|_| Error::Inconsistent("a change does not serialise"))?;
    tx.execute(
        "INSERT INTO live_event (org_id, seq, at, change) VALUES ($1, $2, $3, $4)",
        args![org, seq, backend.clock.now(), change],
    )
    .await?;
    if seq % MAX_CATCH_UP == 0 {
        // Nobody is given older ones any more.
        tx.execute(
            "DELETE FROM live_event WHERE org_id = $1 AND seq <= $2",
            args![org, seq - 2 * MAX_CATCH_UP],
        )
        .await?;
    }
    Ok(())
}

/// The number of the newest change.
pub async fn newest(backend: &Backend, caller: &Caller) -> Result<i64> {
    let mut tx = backend.store.read().await?;
    Ok(tx.number("SELECT live_seq FROM organisation WHERE id = $1", args![caller.org_id]).await?)
}

/// Changes after `seq`, oldest first, at most [`MAX_CATCH_UP`]. `None` when more were missed than are kept or
/// worth replaying: load the page anew.
pub async fn since(backend: &Backend, caller: &Caller, seq: i64) -> Result<Option<Vec<LiveEvent>>> {
    let mut tx = backend.store.read().await?;
    let newest = tx.number("SELECT live_seq FROM organisation WHERE id = $1", args![caller.org_id]).await?;
    if seq > newest || newest - seq > MAX_CATCH_UP {
        return Ok(None);
    }
    let rows: Vec<(i64, String)> = tx
        .all(
            "SELECT seq, change FROM live_event WHERE org_id = $1 AND seq > $2 ORDER BY seq",
            args![caller.org_id, seq],
        )
        .await?;
    if i64::try_from(rows.len()).ok() != Some(newest - seq) {
        return Ok(None);
    }
    rows.into_iter()
        .map(|(seq, change)| {
            let change =
                serde_json::from_str(&change).map_err(|_| Error::Inconsistent("a change does not read"))?;
            Ok(LiveEvent { seq, change })
        })
        .collect::<Result<_>>()
        .map(Some)
}
