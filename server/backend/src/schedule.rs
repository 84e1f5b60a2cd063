//! Work that recurs. Each occurrence is run by one process, however many there are: the one that moves its row on.

use crate::clock::millis;
use crate::messages::deliveries;
use crate::store::args;
use crate::{Backend, Error, Result, live, media, patients, reconcile};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// How often the schedule is looked at.
const LOOK: Duration = Duration::from_secs(15);

/// When an occurrence that failed is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// What recurs. A new kind of work is a variant, and a line in each function below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recurring {
    /// Drops uploads that were never sent.
    SweepUploads,
    /// Asks carriers for what their webhooks did not bring.
    Reconcile,
    /// Asks carriers what became of messages whose outcome nobody knows.
    LookUp,
    /// Indexes names that a process of an older version stored.
    IndexNames,
    /// Drops what screens that slept were to be told and need no longer.
    DropLiveEvents,
    /// Drops reports of messages that never became known.
    DropParked,
}

impl Recurring {
    const ALL: [Self; 6] = [
        Self::SweepUploads,
        Self::Reconcile,
        Self::LookUp,
        Self::IndexNames,
        Self::DropLiveEvents,
        Self::DropParked,
    ];

    /// What its row is called.
    fn name(self) -> &'static str {
        match self {
            Self::SweepUploads => "sweep_uploads",
            Self::Reconcile => "reconcile",
            Self::LookUp => "look_up",
            Self::IndexNames => "index_names",
            Self::DropLiveEvents => "drop_live_events",
            Self::DropParked => "drop_parked",
        }
    }

    /// From one occurrence to the next.
    fn period(self) -> Duration {
        match self {
            Self::SweepUploads | Self::DropParked => Duration::from_secs(24 * 3600),
            Self::Reconcile | Self::IndexNames | Self::DropLiveEvents => Duration::from_secs(10 * 60),
            Self::LookUp => Duration::from_secs(60),
        }
    }

    async fn run(self, backend: &Backend) -> Result<()> {
        match self {
            Self::SweepUploads => {
                let swept = media::sweep_unsent(backend).await?;
                if swept > 0 {
                    tracing::info!(swept, "uploads that were never sent are gone");
                }
            }
            Self::Reconcile => {
                reconcile::run(backend).await?;
            }
            Self::LookUp => {
                reconcile::look_up(backend).await?;
            }
            Self::IndexNames => patients::index_names(backend).await?,
            Self::DropLiveEvents => live::drop_old(backend).await?,
            Self::DropParked => {
                let dropped = deliveries::drop_parked(backend).await?;
                if dropped > 0 {
                    tracing::info!(dropped, "reports of messages that nobody knows are gone");
                }
            }
        }
        Ok(())
    }
}

/// Runs what is due, now and whenever it is again, until `stop` resolves; what is running then is finished first. An
/// occurrence whose process dies is not made up for: the next one does its work too.
pub async fn work(backend: Backend, stop: impl Future<Output = ()> + Send) {
    let mut stop = std::pin::pin!(stop);
    loop {
        if let Err(error) = run_due(&backend).await {
            tracing::error!(%error, "the schedule cannot be looked at");
        }
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Runs every occurrence that is due. Answers how many this process took.
///
/// # Errors
/// When the schedule cannot be read. Work that fails is logged and tried again a minute later.
pub async fn run_due(backend: &Backend) -> Result<usize> {
    let mut taken = 0;
    for work in Recurring::ALL {
        if !take(backend, work).await? {
            continue;
        }
        taken += 1;
        // Boxed, or every caller would carry the largest work's future.
        if let Err(error) = to_its_end(Box::pin(work.run(backend))).await {
            tracing::warn!(work = work.name(), %error, "work that recurs failed and is tried again");
            put_off(backend, work, AGAIN.min(work.period())).await?;
        }
    }
    Ok(taken)
}

/// Work that panics has failed like other work, and takes nothing else with it.
async fn to_its_end(run: impl Future<Output = Result<()>>) -> Result<()> {
    let ended = AssertUnwindSafe(run).catch_unwind().await;
    ended.unwrap_or(Err(Error::Inconsistent("recurring work panicked")))
}

/// Takes the occurrence that is due. `false` when none is, or another process has it.
async fn take(backend: &Backend, work: Recurring) -> Result<bool> {
    let now = backend.clock.now();
    // Further ahead nothing is ever put: a clock that was wrong did it, and the work must not wait until that is the
    // time. Twice the period, since the clocks of several machines are not quite the same.
    let furthest = now + 2 * millis(work.period());
    // A look first, without the writer's lock: mostly nothing is due.
    let mut look = backend.store.read().await?;
    let due_at: Option<(i64,)> =
        look.one("SELECT due_at FROM schedule WHERE name = $1", args![work.name()]).await?;
    drop(look);
    if due_at.is_some_and(|(due_at,)| due_at > now && due_at <= furthest) {
        return Ok(false);
    }
    let mut tx = backend.store.write().await?;
    // Work that nobody heard of yet is due at once.
    tx.execute(
        "INSERT INTO schedule (name, due_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        args![work.name(), now],
    )
    .await?;
    let moved = tx
        .execute(
            "UPDATE schedule SET due_at = $3 WHERE name = $1 AND (due_at <= $2 OR due_at > $4)",
            args![work.name(), now, now + millis(work.period()), furthest],
        )
        .await?;
    tx.commit().await?;
    Ok(moved > 0)
}

async fn put_off(backend: &Backend, work: Recurring, by: Duration) -> Result<()> {
    let mut tx = backend.store.write().await?;
    tx.execute(
        "UPDATE schedule SET due_at = $2 WHERE name = $1",
        args![work.name(), backend.clock.now() + millis(by)],
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_has_failed() {
        assert!(to_its_end(async { panic!("for the story") }).await.is_err());
        assert!(to_its_end(async { Ok(()) }).await.is_ok());
    }
}
