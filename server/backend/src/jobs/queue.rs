//! Claim, lease, settle.
//!
//! A queue of our own rather than a library's, because a job must be recorded through our one transaction type on
//! either engine, its payload sealed, its time taken from the clock that was handed in, and jobs of one
//! conversation run in order.

use super::Job;
use crate::clock::millis;
use crate::keys::Purpose;
use crate::store::{Tx, args};
use crate::{Backend, Error, Result};
use model::{JobId, Millis, OrgId};
use std::time::Duration;
use uuid::Uuid;

/// How long a claimed job is nobody else's, unless its heartbeat prolongs it.
const LEASE: Duration = Duration::from_secs(120);

/// How often the heartbeat prolongs the lease.
const HEARTBEAT: Duration = Duration::from_secs(30);

macro_rules! claim_sql {
    ($lock:literal) => {
        concat!(
            "UPDATE job SET state = 'running', lease_until = $1, attempts = attempts + 1
             WHERE id = (
                 SELECT j.id FROM job j
                 WHERE j.state <> 'failed' AND j.run_at <= $2 AND (j.state = 'ready' OR j.lease_until < $2)
                   AND NOT EXISTS (
                       SELECT 1 FROM job earlier
                       WHERE earlier.order_key = j.order_key AND earlier.id < j.id AND earlier.state <> 'failed')
                 ORDER BY j.run_at, j.id LIMIT 1 ",
            $lock,
            ") RETURNING id, kind, payload_sealed, attempts"
        )
    };
}

/// A job that this process runs now.
pub(crate) struct Claimed {
    id: Uuid,
    payload: Vec<u8>,
    /// Name and version.
    pub(super) kind: String,
    /// Counts from 1.
    pub(super) attempt: u32,
}

/// Records a job in the transaction that makes it necessary; call [`Hub::wake`](crate::live::Hub::wake) after the commit.
///
/// Jobs with the same `order_key` run one after the other, in the order they were pushed.
pub(crate) async fn push(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    job: &Job,
    order_key: Option<&str>,
    run_at: Millis,
) -> Result<()> {
    let payload = serde_json::to_vec(job).map_err(|_| Error::Inconsistent("a job does not serialise"))?;
    tx.execute(
        "INSERT INTO job (id, org_id, kind, payload_sealed, order_key, state, run_at, created_at)
         VALUES ($1, $2, $3, $4, $5, 'ready', $6, $7)",
        args![
            backend.clock.new_id::<JobId>(),
            org,
            job.kind(),
            backend.keys.seal(Purpose::Job, &payload),
            order_key,
            run_at,
            backend.clock.now()
        ],
    )
    .await?;
    Ok(())
}

/// Takes the next job that is due, or one whose holder stopped beating.
pub(super) async fn claim(backend: &Backend) -> Result<Option<Claimed>> {
    #[derive(sqlx::FromRow)]
    struct Row {
        id: Uuid,
        kind: String,
        payload_sealed: Vec<u8>,
        attempts: i64,
    }
    const SQLITE: &str = claim_sql!("");
    // PostgreSQL has several writers: each takes a row that no other holds.
    const POSTGRES: &str = claim_sql!("FOR UPDATE OF j SKIP LOCKED");

    let now = backend.clock.now();
    // A look first, without the writer's lock: mostly there is nothing to do.
    let mut look = backend.store.read().await?;
    let due = look
        .number("SELECT COUNT(*) FROM job WHERE state <> 'failed' AND run_at <= $1 AND (state = 'ready' OR lease_until < $1)", args![now])
        .await?;
    drop(look);
    if due == 0 {
        return Ok(None);
    }
    let mut tx = backend.store.write().await?;
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    let row: Option<Row> = tx.one(sql, args![now + millis(LEASE), now]).await?;
    tx.commit().await?;
    Ok(row.map(|row| Claimed {
        id: row.id,
        payload: row.payload_sealed,
        kind: row.kind,
        attempt: u32::try_from(row.attempts).unwrap_or(u32::MAX),
    }))
}

/// Opens a claimed job's payload.
pub(super) fn open(backend: &Backend, claimed: &Claimed) -> Result<Job> {
    let payload = backend.keys.open(Purpose::Job, &claimed.payload)?;
    serde_json::from_slice(&payload)
        .map_err(|_| Error::Inconsistent("a job of a form that this version does not know"))
}

/// Awaits `run` and prolongs the job's lease meanwhile.
pub(super) async fn with_heartbeat<T>(
    backend: &Backend,
    claimed: &Claimed,
    run: impl Future<Output = T>,
) -> T {
    let mut run = std::pin::pin!(run);
    loop {
        match tokio::time::timeout(HEARTBEAT, &mut run).await {
            Ok(done) => return done,
            Err(_) => {
                if let Err(error) = prolong(backend, claimed).await {
                    tracing::warn!(%error, "a job's lease could not be prolonged");
                }
            }
        }
    }
}

/// It succeeded: nothing of it is kept.
pub(super) async fn finish(backend: &Backend, claimed: &Claimed) -> Result<()> {
    settle(backend, "DELETE FROM job WHERE id = $1 AND attempts = $2", args![claimed.id, claimed.attempt])
        .await
}

/// It runs again after a while.
pub(super) async fn postpone(backend: &Backend, claimed: &Claimed, after: Duration) -> Result<()> {
    settle(
        backend,
        "UPDATE job SET state = 'ready', lease_until = NULL, run_at = $3 WHERE id = $1 AND attempts = $2",
        args![claimed.id, claimed.attempt, backend.clock.now() + millis(after)],
    )
    .await
}

/// It stands aside with its reason and blocks nothing.
pub(super) async fn set_aside(backend: &Backend, claimed: &Claimed, why: &str) -> Result<()> {
    settle(
        backend,
        "UPDATE job SET state = 'failed', lease_until = NULL, failure = $3 WHERE id = $1 AND attempts = $2",
        args![claimed.id, claimed.attempt, why],
    )
    .await
}

async fn prolong(backend: &Backend, claimed: &Claimed) -> Result<()> {
    settle(
        backend,
        "UPDATE job SET lease_until = $3 WHERE id = $1 AND attempts = $2",
        args![claimed.id, claimed.attempt, backend.clock.now() + millis(LEASE)],
    )
    .await
}

/// A holder whose lease ran out has lost its say: the attempt number no longer matches.
async fn settle(backend: &Backend, sql: &'static str, args: Vec<crate::store::Value>) -> Result<()> {
    let mut tx = backend.store.write().await?;
    tx.execute(sql, args).await?;
    tx.commit().await?;
    Ok(())
}
