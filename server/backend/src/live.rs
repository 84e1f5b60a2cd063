//! What open screens are told when something changes.

mod relay;

pub use relay::relay;

use crate::clock::millis;
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result};
use model::OrgId;
use model::live::{Change, LiveEvent};
use std::time::Duration;
use tokio::sync::{Notify, broadcast};
use uuid::Uuid;

/// Events a client may catch up on; one that missed more loads its page anew, which is quicker.
pub const MAX_CATCH_UP: i64 = 5_000;

/// Events that are read at once.
pub const PAGE: i64 = 500;

/// How long an event is kept at least, unless there are more than [`KEPT`]: for a screen that slept through the night.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// Events of one organisation that are kept at most, whatever their age.
const KEPT: i64 = 50_000;

/// Events that are dropped in one transaction, so that nothing has to wait for all of them.
const DROPPED_AT_ONCE: i64 = 1_000;

/// Wakes whoever waits for news in this process. It carries no content: listeners read the store.
#[derive(Debug)]
pub struct Hub {
    changed: broadcast::Sender<Option<OrgId>>,
    /// What changed through this very process, for [`relay()`] to tell the others.
    own: broadcast::Sender<OrgId>,
    /// There may be a job to run.
    pub(crate) jobs: Notify,
}

impl Default for Hub {
    fn default() -> Self {
        Self { changed: broadcast::channel(1024).0, own: broadcast::channel(1024).0, jobs: Notify::new() }
    }
}

impl Hub {
    /// Each organisation in which something changed, from now on; `None` means that any may have.
    pub fn subscribe(&self) -> broadcast::Receiver<Option<OrgId>> {
        self.changed.subscribe()
    }

    /// Call after the transaction that recorded changes or jobs was committed.
    pub(crate) fn wake(&self, org: OrgId) {
        self.wake_here(Some(org));
        let _ = self.own.send(org);
    }

    /// Something changed through another process; `None` when that is all that is known.
    fn wake_here(&self, org: Option<OrgId>) {
        self.jobs.notify_one();
        // Nobody listening is fine.
        let _ = self.changed.send(org);
    }
}

/// Records a change in the transaction that makes it. Call [`Hub::wake`] after the commit.
///
/// It is written right before the commit: changes of an organisation are numbered in the order of the commits, so whoever
/// has a number holds up all others until its own.
pub(crate) fn record(backend: &Backend, tx: &mut Tx, org: OrgId, change: Change) -> Result<()> {
    let change =
        serde_json::to_string(&change).map_err(|_| Error::Inconsistent("a change does not serialise"))?;
    tx.before_commit(
        "INSERT INTO live_counter (org_id, seq) VALUES ($1, 1)
         ON CONFLICT (org_id) DO UPDATE SET seq = live_counter.seq + 1",
        args![org],
    );
    tx.before_commit(
        "INSERT INTO live_event (org_id, seq, at, change)
         SELECT org_id, seq, $2, $3 FROM live_counter WHERE org_id = $1",
        args![org, backend.clock.now(), change],
    );
    Ok(())
}

/// Drops events that are old, or too many.
pub(crate) async fn drop_old(backend: &Backend) -> Result<()> {
    let mut look = backend.store.read().await?;
    let counters: Vec<(Uuid, i64)> = look.all("SELECT org_id, seq FROM live_counter", args![]).await?;
    drop(look);
    for (org, newest) in counters {
        loop {
            let mut tx = backend.store.write().await?;
            // The key leads to the oldest; no more than those are looked at.
            let dropped = tx
                .execute(
                    // All up to the last of them: a transaction that took long has an older moment than its number.
                    "DELETE FROM live_event WHERE org_id = $1 AND seq <= (
                         SELECT MAX(seq) FROM (
                             SELECT seq, at FROM live_event WHERE org_id = $1 ORDER BY seq LIMIT $2) AS oldest
                         WHERE at < $3 OR seq <= $4)",
                    args![org, DROPPED_AT_ONCE, backend.clock.now() - millis(KEPT_FOR), newest - KEPT],
                )
                .await?;
            tx.commit().await?;
            if dropped == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// The number of the newest change.
pub async fn newest(backend: &Backend, caller: &Caller) -> Result<i64> {
    let mut tx = backend.store.read().await?;
    Ok(tx.number("SELECT seq FROM live_counter WHERE org_id = $1", args![caller.org_id]).await?)
}

/// Changes after `seq`, oldest first, at most [`PAGE`] of them: when as many come, ask again. `None` when more were missed
/// than are kept or worth replaying: load the page anew.
pub async fn since(backend: &Backend, caller: &Caller, seq: i64) -> Result<Option<Vec<LiveEvent>>> {
    let mut tx = backend.store.read().await?;
    let newest = tx.number("SELECT seq FROM live_counter WHERE org_id = $1", args![caller.org_id]).await?;
    if seq > newest || newest - seq > MAX_CATCH_UP {
        return Ok(None);
    }
    let rows: Vec<(i64, String)> = tx
        .all(
            "SELECT seq, change FROM live_event WHERE org_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
            args![caller.org_id, seq, PAGE],
        )
        .await?;
    // Only the oldest are ever dropped, so that what begins in the right place is whole. On PostgreSQL there may be more
    // than `newest` said: what was committed in between.
    let begins_at = rows.first().map_or(newest + 1, |(first, _)| *first);
    if begins_at != seq + 1 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestBackend, on_each_engine, postgres};
    use tokio::time::timeout;

    /// How long a story waits for what should not have to wait.
    const PATIENCE: Duration = Duration::from_secs(60);

    async fn change(t: &TestBackend, times: i64) {
        let mut tx = t.backend.store.write().await.expect("a transaction");
        for _ in 0..times {
            record(&t.backend, &mut tx, t.org, Change::SettingsChanged).expect("a change");
        }
        tx.commit().await.expect("a commit");
    }

    /// The numbers that a client hears of who knows everything up to `seq`.
    async fn caught_up(t: &TestBackend, mut seq: i64) -> Option<Vec<i64>> {
        let mut heard = Vec::new();
        loop {
            let page = since(&t.backend, &t.admin, seq).await.expect("a page")?;
            heard.extend(page.iter().map(|event| event.seq));
            match page.last() {
                Some(last) => seq = last.seq,
                None => return Some(heard),
            }
        }
    }

    #[tokio::test]
    async fn who_slept_for_an_hour_gets_exactly_what_they_missed() {
        on_each_engine(async |t: TestBackend| {
            change(&t, 1).await;
            let known = newest(&t.backend, &t.admin).await.expect("a number");
            change(&t, 2 * PAGE + 7).await;
            t.backend.clock.advance(Duration::from_secs(3600));
            change(&t, 1).await;
            let missed: Vec<_> = (known + 1..=known + 2 * PAGE + 8).collect();
            assert_eq!(caught_up(&t, known).await, Some(missed));
            t.alter("UPDATE live_counter SET seq = seq + 5000").await;
            assert_eq!(caught_up(&t, known).await, None, "too much to replay");
            t
        })
        .await;
    }

    #[tokio::test]
    async fn old_changes_are_dropped_and_young_ones_are_not() {
        on_each_engine(async |t: TestBackend| {
            let many = DROPPED_AT_ONCE + 7;
            let begin = newest(&t.backend, &t.admin).await.expect("a number");
            change(&t, many).await;
            t.backend.clock.advance(KEPT_FOR / 2);
            change(&t, 3).await;
            drop_old(&t.backend).await.expect("a tidy table");
            assert_eq!(caught_up(&t, begin).await.map(|all| all.len() as i64), Some(many + 3));
            t.backend.clock.advance(KEPT_FOR / 2 + Duration::from_secs(1));
            drop_old(&t.backend).await.expect("a tidy table");
            assert_eq!(caught_up(&t, begin).await, None, "the first ones are gone");
            assert_eq!(caught_up(&t, begin + many).await.map(|all| all.len()), Some(3));
            assert_eq!(t.count("SELECT COUNT(*) FROM live_event").await, 3);
            t
        })
        .await;
    }

    #[tokio::test]
    async fn a_change_holds_nobody_up_before_its_commit() {
        // SQLite has one writer.
        let Some(url) = postgres().await else { return };
        let t = TestBackend::new(Some(&url)).await;
        let known = newest(&t.backend, &t.admin).await.expect("a number");
        let mut slow = t.backend.store.write().await.expect("a transaction");
        record(&t.backend, &mut slow, t.org, Change::SettingsChanged).expect("a change");
        timeout(PATIENCE, change(&t, 1)).await.expect("nobody waits");
        assert_eq!(caught_up(&t, known).await, Some(vec![known + 1]));
        slow.commit().await.expect("a commit");
        assert_eq!(caught_up(&t, known).await, Some(vec![known + 1, known + 2]));
        t.backend.store.close().await;
    }
}
