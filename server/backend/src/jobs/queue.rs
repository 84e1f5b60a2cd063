//! Claim, lease, settle.
//!
//! A queue of our own rather than a library's, because a job must be recorded through our one transaction type on
//! either engine, its payload sealed, its time taken from the clock that was handed in, and jobs of one
//! conversation run in order.

use super::Job;
use crate::clock::millis;
use crate::keys::Purpose;
use crate::store::{Tx, Value, args, rows_at_once};
use crate::{Backend, Error, Result};
use model::{JobId, Millis, OrgId};
use sqlx::AssertSqlSafe;
use std::convert::Infallible;
use std::time::Duration;
use uuid::Uuid;

/// How long a claimed job is nobody else's, unless its heartbeat prolongs it: what a killed process ran waits so long.
const LEASE: Duration = Duration::from_secs(60);

/// How often the heartbeat prolongs the lease.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// A job that this process runs now.
#[derive(sqlx::FromRow)]
pub(crate) struct Claimed {
    id: Uuid,
    org_id: Option<Uuid>,
    /// Name and version.
    pub(super) kind: String,
    payload_sealed: Vec<u8>,
    /// Claims so far, this one included: it names the holder, whatever came of the others.
    attempts: i64,
    waits: i64,
    outages: i64,
    errors: i64,
}

impl Claimed {
    pub(super) fn id(&self) -> JobId {
        self.id.into()
    }

    /// Runs that put the job off, as it asked for.
    pub(super) fn waits(&self) -> u32 {
        count(self.waits)
    }

    /// Runs in a row that failed because the database or the blob store could not be reached.
    pub(super) fn outages(&self) -> u32 {
        count(self.outages)
    }

    /// Runs that ended in another error of ours.
    pub(super) fn errors(&self) -> u32 {
        count(self.errors)
    }
}

fn count(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or(u32::MAX)
}

/// Why a job runs again; each is counted apart, except that it came before its turn.
#[derive(Debug, Clone, Copy)]
pub(super) enum Because {
    Waiting,
    Turn,
    Outage,
    Error,
}

/// A job to record.
pub(crate) struct Push {
    pub(crate) org: OrgId,
    pub(crate) job: Job,
    /// Jobs with the same key run one after the other, in the order they were pushed.
    pub(crate) order_key: Option<String>,
    /// Of the same order: this one comes right after it, before all that were pushed since.
    pub(crate) behind: Option<JobId>,
}

/// How many jobs may come right after another one, in ids that nobody else makes: its millisecond, and the random digits
/// after it, are its own.
const BEHIND: u128 = 255;

/// The id that sorts right after another one and those that came right after it before.
async fn behind(tx: &mut Tx, job: JobId) -> Result<JobId> {
    let at = |n: u128| Uuid::from_u128(job.0.as_u128().wrapping_add(n));
    let last: Option<(Uuid,)> = tx
        .one(
            "SELECT id FROM job WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT 1",
            args![JobId::from(at(0)), JobId::from(at(BEHIND))],
        )
        .await?;
    let last = last.map_or(job.0, |(last,)| last);
    Ok(Uuid::from_u128(last.as_u128().wrapping_add(1)).into())
}

/// The job of an order that runs now.
pub(super) async fn running_in(tx: &mut Tx, order_key: &str) -> Result<Option<JobId>> {
    let sql = "SELECT id FROM job WHERE order_key = $1 AND state = 'running' ORDER BY id LIMIT 1";
    Ok(tx.one::<(Uuid,)>(sql, args![order_key]).await?.map(|(id,)| id.into()))
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
    let push = Push { org, job: job.clone(), order_key: order_key.map(ToOwned::to_owned), behind: None };
    push_all(backend, tx, &[push], run_at).await
}

/// As [`push`], for several at once.
pub(crate) async fn push_all(backend: &Backend, tx: &mut Tx, jobs: &[Push], run_at: Millis) -> Result<()> {
    const COLUMNS: usize = 8;
    let mut rest = jobs;
    while !rest.is_empty() {
        let (these, others) = rest.split_at(rows_at_once(rest.len()));
        rest = others;
        let sql = format!(
            "INSERT INTO job (id, org_id, kind, payload_sealed, order_key, state, run_at, created_at) VALUES {}",
            tx.rows_of_placeholders(these.len(), COLUMNS)
        );
        let mut values: Vec<Value> = Vec::with_capacity(these.len() * COLUMNS);
        for Push { org, job, order_key, behind: other } in these {
            let id = match other {
                Some(other) => behind(tx, *other).await?,
                None => backend.clock.new_id(),
            };
            let payload =
                serde_json::to_vec(job).map_err(|_| Error::Inconsistent("a job does not serialise"))?;
            values.extend(args![
                id,
                *org,
                job.kind(),
                backend.keys.seal(Purpose::Job, &payload),
                order_key.clone(),
                "ready",
                run_at,
                backend.clock.now()
            ]);
        }
        tx.execute(AssertSqlSafe(sql), values).await?;
    }
    Ok(())
}

/// Stands for jobs whose holders stopped beating, where kinds are looked for.
const ABANDONED: &str = "abandoned";

/// How many jobs of each kind are wanted.
pub(super) type Wanted = (&'static str, usize);

/// Takes jobs that are due, of each kind at most as many as are wanted: what has waited longest, and of each order the
/// first. Those whose holders stopped beating are due again.
///
/// Each kind is looked for by itself, along its own stretch of the index: of a hundred thousand webhooks that wait, none
/// is looked at on the way to a picture.
pub(super) async fn claim(backend: &Backend, wanted: &[Wanted]) -> Result<Vec<Claimed>> {
    let now = backend.clock.now();
    // A look first, without the writer's lock: mostly there is nothing to do. By order and limit, which leave PostgreSQL no
    // choice: what it knows of a queue is always of some minutes ago, and for EXISTS or MIN it may read all of it.
    let mut branches: Vec<String> = (0..wanted.len())
        .map(|nth| {
            let kind = nth + 2;
            format!(
                "SELECT ${kind} AS found WHERE (
                     SELECT run_at FROM job WHERE kind = ${kind} AND state = 'ready' ORDER BY run_at LIMIT 1) <= $1"
            )
        })
        .collect();
    branches.push(format!(
        "SELECT '{ABANDONED}' AS found WHERE (
             SELECT lease_until FROM job WHERE state = 'running' ORDER BY lease_until LIMIT 1) < $1"
    ));
    let mut values = args![now];
    values.extend(wanted.iter().map(|(kind, _)| Value::from(*kind)));
    let mut look = backend.store.read().await?;
    let found: Vec<(String,)> = look.all(AssertSqlSafe(branches.join(" UNION ALL ")), values).await?;
    drop(look);
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let abandoned = found.iter().any(|(found,)| found == ABANDONED);
    let mut due = wanted.to_vec();
    due.retain(|(kind, _)| abandoned || found.iter().any(|(found,)| found == kind));
    let mut tx = backend.store.write().await?;
    if abandoned {
        tx.execute(
            "UPDATE job SET state = 'ready', lease_until = NULL WHERE state = 'running' AND lease_until < $1",
            args![now],
        )
        .await?;
    }
    let mut claimed: Vec<Claimed> = Vec::new();
    for (kind, most) in due {
        let values = args![now + millis(LEASE), now, kind];
        let take = AssertSqlSafe(take(most, tx.is_postgres()));
        claimed.extend(tx.all::<Claimed>(take, values).await?);
    }
    tx.commit().await?;
    // Ids rise with time; a statement answers in no order.
    claimed.sort_by_key(|job| job.id);
    Ok(claimed)
}

/// The statement that takes so many jobs: until `$1`, of what is due at `$2`, of the kind `$3`.
fn take(most: usize, postgres: bool) -> String {
    // PostgreSQL has several writers: each takes rows that no other holds.
    let lock = if postgres { "FOR UPDATE OF j SKIP LOCKED" } else { "" };
    // The limit in the text, or PostgreSQL plans anew each time, in the hope of a better plan for it.
    format!(
        "WITH next AS MATERIALIZED (
             SELECT j.id FROM job j
             WHERE j.kind = $3 AND j.state = 'ready' AND j.run_at <= $2
               AND NOT EXISTS (
                   SELECT 1 FROM job earlier
                   WHERE earlier.order_key = j.order_key AND earlier.id < j.id AND earlier.state <> 'failed')
             ORDER BY j.run_at, j.id LIMIT {most} {lock})
         UPDATE job SET state = 'running', lease_until = $1, attempts = attempts + 1
         WHERE id IN (SELECT id FROM next)
         RETURNING id, org_id, kind, payload_sealed, attempts, waits, outages, errors"
    )
}

/// Opens a claimed job's payload.
pub(super) fn open(backend: &Backend, claimed: &Claimed) -> Result<Job> {
    open_payload(backend, &claimed.payload_sealed)
}

fn open_payload(backend: &Backend, sealed: &[u8]) -> Result<Job> {
    let payload = backend.keys.open(Purpose::Job, sealed)?;
    serde_json::from_slice(&payload)
        .map_err(|_| Error::Inconsistent("a job of a form that this version does not know"))
}

/// Awaits `run` and prolongs the job's lease meanwhile; past `limit`, which ends the prolonging too, it is dropped.
pub(super) async fn with_heartbeat<T>(
    backend: &Backend,
    claimed: &Claimed,
    limit: Duration,
    run: impl Future<Output = T>,
) -> Result<T> {
    tokio::select! {
        done = run => Ok(done),
        () = tokio::time::sleep(limit) => Err(Error::Inconsistent("a job came to no end in its time")),
        never = beat(backend, claimed) => match never {},
    }
}

async fn beat(backend: &Backend, claimed: &Claimed) -> Infallible {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        if let Err(error) = prolong(backend, claimed).await {
            tracing::warn!(%error, "a job's lease could not be prolonged");
        }
    }
}

impl Claimed {
    /// It succeeded, in the same transaction as what it did: nothing of it is kept. `false` when it is somebody else's by
    /// now, because its lease ran out; then the transaction must not be committed.
    pub(super) async fn finish_in(&self, tx: &mut Tx) -> Result<bool> {
        let gone = tx
            .execute("DELETE FROM job WHERE id = $1 AND attempts = $2", args![self.id, self.attempts])
            .await?;
        Ok(gone > 0)
    }
}

/// It succeeded: nothing of it is kept.
pub(super) async fn finish(backend: &Backend, claimed: &Claimed) -> Result<()> {
    settle(backend, "DELETE FROM job WHERE id = $1 AND attempts = $2", args![claimed.id, claimed.attempts])
        .await
}

/// It runs again after a while.
pub(super) async fn postpone(
    backend: &Backend,
    claimed: &Claimed,
    because: Because,
    after: Duration,
) -> Result<()> {
    let sql = match because {
        Because::Waiting => {
            "UPDATE job SET state = 'ready', lease_until = NULL, run_at = $3, waits = waits + 1, outages = 0
             WHERE id = $1 AND attempts = $2"
        }
        Because::Turn => {
            "UPDATE job SET state = 'ready', lease_until = NULL, run_at = $3, outages = 0
             WHERE id = $1 AND attempts = $2"
        }
        Because::Outage => {
            "UPDATE job SET state = 'ready', lease_until = NULL, run_at = $3, outages = outages + 1
             WHERE id = $1 AND attempts = $2"
        }
        Because::Error => {
            "UPDATE job SET state = 'ready', lease_until = NULL, run_at = $3, errors = errors + 1, outages = 0
             WHERE id = $1 AND attempts = $2"
        }
    };
    settle(backend, sql, args![claimed.id, claimed.attempts, backend.clock.now() + millis(after)]).await
}

/// It stands aside with its reason and blocks nothing; `job` tells what it was for of its end in the same transaction.
pub(super) async fn set_aside(
    backend: &Backend,
    claimed: &Claimed,
    job: Option<&Job>,
    why: &str,
) -> Result<()> {
    let mut tx = backend.store.write().await?;
    let still_ours = tx
        .execute(
            "UPDATE job SET state = 'failed', lease_until = NULL, failure = $3 WHERE id = $1 AND attempts = $2",
            args![claimed.id, claimed.attempts, why],
        )
        .await?;
    if still_ours == 0 {
        return Ok(());
    }
    if let Some(job) = job {
        job.tell_of_its_end(backend, &mut tx, why).await?;
    }
    tx.commit().await?;
    if let Some(org) = claimed.org_id {
        backend.live.wake(org.into());
    }
    Ok(())
}

/// A job that stands aside.
#[derive(sqlx::FromRow)]
pub(super) struct SetAside {
    pub(super) id: Uuid,
    org_id: Option<Uuid>,
    /// Name and version.
    pub(super) kind: String,
    payload_sealed: Vec<u8>,
    /// Why it stands aside.
    pub(super) failure: Option<String>,
    pub(super) created_at: Millis,
}

impl SetAside {
    /// What it was to do.
    ///
    /// # Errors
    /// When this version cannot open its payload.
    pub(super) fn job(&self, backend: &Backend) -> Result<Job> {
        open_payload(backend, &self.payload_sealed)
    }
}

/// Every job that stands aside, of one organisation or of all, in the order they were made.
pub(super) async fn all_set_aside(tx: &mut Tx, org: Option<OrgId>) -> Result<Vec<SetAside>> {
    Ok(tx
        .all(
            "SELECT id, org_id, kind, payload_sealed, failure, created_at FROM job
             WHERE state = 'failed' AND ($1 IS NULL OR org_id = $1) ORDER BY id",
            args![org],
        )
        .await?)
}

/// Makes a job that stands aside due again, as if it had never run, and what it is for open again.
///
/// # Errors
/// When this version cannot open its payload: it stays aside.
pub(super) async fn put_back(backend: &Backend, aside: &SetAside) -> Result<()> {
    let job = aside.job(backend)?;
    let mut tx = backend.store.write().await?;
    let moved = tx
        .execute(
            "UPDATE job SET state = 'ready', run_at = $2, waits = 0, outages = 0, errors = 0, failure = NULL
             WHERE id = $1 AND state = 'failed'",
            args![aside.id, backend.clock.now()],
        )
        .await?;
    if moved == 0 {
        return Ok(());
    }
    job.reopen(backend, &mut tx).await?;
    tx.commit().await?;
    if let Some(org) = aside.org_id {
        backend.live.wake(org.into());
    }
    Ok(())
}

async fn prolong(backend: &Backend, claimed: &Claimed) -> Result<()> {
    settle(
        backend,
        "UPDATE job SET lease_until = $3 WHERE id = $1 AND attempts = $2",
        args![claimed.id, claimed.attempts, backend.clock.now() + millis(LEASE)],
    )
    .await
}

/// A holder whose lease ran out has lost its say: the number of claims no longer matches.
async fn settle(backend: &Backend, sql: &'static str, args: Vec<Value>) -> Result<()> {
    let mut tx = backend.store.write().await?;
    tx.execute(sql, args).await?;
    tx.commit().await?;
    Ok(())
}
