//! Webhooks become durable, those that come together in one commit.
//!
//! A durable commit costs the same for one row as for a hundred. Whoever comes while a commit is under way waits for it
//! to end, and then all who wait go together: alone nobody is held up, and under load the rate is not that of the disk.

use super::{Accepted, FLOOD, KEPT_FOR, MAX_QUARANTINED};
use crate::jobs::{Job, queue};
use crate::store::{StoreError, Tx, Value, args, placeholders, rows_at_once};
use crate::{Backend, Error, Result};
use futures::FutureExt;
use model::line::ProviderKind;
use model::{JournalEntryId, LineAccountId, Millis, OrgId};
use providers::WebhookKind;
use sqlx::AssertSqlSafe;
use std::collections::{BTreeSet, HashSet};
use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

/// Webhooks in one commit, at most: so many that the disk does not matter any more, so few that none waits long.
const TOGETHER: usize = 256;

/// Bytes of webhooks that may wait for a commit. A database that hangs must not fill the memory.
const WAITING_BYTES: usize = 64 * 1024 * 1024;

/// How long a commit may take: as long as the most patient carrier waits for an answer.
const COMMITTED_WITHIN: Duration = Duration::from_secs(30);

/// Webhooks within [`AT_ONCE`] from which on it is a crowd: about twice as many as are read in that time.
const CROWD: usize = 100;

/// How long webhooks are counted together, and how long after so many a crowd has gone.
const AT_ONCE: Duration = Duration::from_millis(200);

/// A webhook on its way into the journal.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) id: JournalEntryId,
    pub(super) org: OrgId,
    pub(super) account: LineAccountId,
    pub(super) provider: ProviderKind,
    pub(super) kind: WebhookKind,
    pub(super) state: State,
    /// Equal for repetitions of one event.
    pub(super) external_id: String,
    /// Why it is not read.
    pub(super) failure: Option<&'static str>,
    /// Webhooks with the same key are read one after the other.
    pub(super) order_key: Option<String>,
    /// All of it, sealed.
    pub(super) request_sealed: Vec<u8>,
    pub(super) received_at: Millis,
}

/// How a webhook stands in the journal when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// A job will read it.
    Pending,
    /// It was taken and makes no sense to us.
    Poisoned,
    /// It did not verify.
    Quarantined,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Poisoned => "poisoned",
            Self::Quarantined => "quarantined",
        }
    }
}

/// Where webhooks wait for the next commit of this process.
#[derive(Default)]
pub(crate) struct Journal {
    queue: Mutex<Queue>,
    crowd: Mutex<Crowd>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// Bytes of what waits.
    bytes: usize,
    /// Somebody commits what waits, and looks again before they leave. One at a time: what comes later from one sender is
    /// neither durable nor read before what came earlier.
    is_served: bool,
}

/// Whether webhooks come faster than they are read.
#[derive(Default)]
struct Crowd {
    /// Since when those that came are counted, and how many did.
    counted: Option<(Instant, usize)>,
    /// When there were last too many.
    seen: Option<Instant>,
}

impl Crowd {
    fn came(&mut self, webhooks: usize, now: Instant) {
        let (since, before) = self.counted.filter(|(since, _)| *since + AT_ONCE > now).unwrap_or((now, 0));
        self.counted = Some((since, before + webhooks));
        if before + webhooks >= CROWD {
            self.seen = Some(now);
        }
    }

    fn is_there(&self, now: Instant) -> bool {
        self.seen.is_some_and(|seen| now < seen + AT_ONCE)
    }
}

struct Waiting {
    entry: Entry,
    tell: oneshot::Sender<Result<Accepted>>,
}

impl Journal {
    /// Makes a webhook durable, together with those that come at the same time.
    pub(super) async fn take(&self, backend: &Backend, entry: Entry) -> Result<Accepted> {
        let (tell, told) = oneshot::channel();
        let is_served = {
            let mut queue = self.queue();
            let bytes = queue.bytes + entry.request_sealed.len();
            if bytes > WAITING_BYTES {
                return Err(StoreError::from(sqlx::Error::PoolTimedOut).into());
            }
            queue.bytes = bytes;
            queue.waiting.push(Waiting { entry, tell });
            mem::replace(&mut queue.is_served, true)
        };
        if !is_served {
            // A task of its own: a carrier that hangs up takes the others' commit down with it otherwise.
            tokio::spawn(commit_while_they_come(backend.clone()));
        }
        told.await.unwrap_or(Err(Error::Inconsistent("a webhook was dropped on its way into the journal")))
    }

    /// Carriers come in a crowd: taking in what they bring goes before working on what was taken. A carrier
    /// waits for seconds only, while a message that is durable can wait.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner).is_there(Instant::now())
    }

    /// Those who came first; `None` when nobody waits, and then whoever asks has left.
    fn next(&self) -> Option<Vec<Waiting>> {
        let next = {
            let mut queue = self.queue();
            let batch = queue.waiting.len().min(TOGETHER);
            let rest = queue.waiting.split_off(batch);
            let next = mem::replace(&mut queue.waiting, rest);
            queue.bytes -= next.iter().map(|waiting| waiting.entry.request_sealed.len()).sum::<usize>();
            queue.is_served = !next.is_empty();
            next
        };
        if next.is_empty() {
            return None;
        }
        // Those that prove nothing are not to keep those that do from being read.
        let genuine = next.iter().filter(|waiting| waiting.entry.state == State::Pending).count();
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner).came(genuine, Instant::now());
        Some(next)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn commit_while_they_come(backend: Backend) {
    while let Some(batch) = backend.journal().next() {
        if AssertUnwindSafe(commit_and_tell(&backend, batch)).catch_unwind().await.is_err() {
            // Those who waited for it have been told; the next ones are not to wait for ever.
            tracing::error!("committing webhooks panicked");
        }
    }
}

/// Commits all of them together, and tells each who waits what became of theirs.
async fn commit_and_tell(backend: &Backend, batch: Vec<Waiting>) {
    let (entries, tell): (Vec<_>, Vec<_>) = batch.into_iter().map(|w| (w.entry, w.tell)).unzip();
    let is_one = entries.len() == 1;
    match commit_within(COMMITTED_WITHIN, backend, &entries).await {
        Ok(accepted) => {
            for (tell, accepted) in tell.into_iter().zip(accepted) {
                // Nobody may be there to hear it any more.
                let _ = tell.send(Ok(accepted));
            }
        }
        // One of them may be what the database cannot take: it must not keep the others out.
        Err(error) if !is_one && !error.is_outage() => {
            for (tell, entry) in tell.into_iter().zip(entries) {
                let alone = commit_within(COMMITTED_WITHIN, backend, &[entry]).await;
                let _ = tell.send(alone.map(|accepted| accepted[0]));
            }
        }
        Err(error) => {
            tracing::error!(%error, webhooks = entries.len(), "webhooks could not be stored");
            for tell in tell {
                let _ = tell.send(Err(Error::Inconsistent("the journal cannot be written")));
            }
        }
    }
}

/// As [`commit`], unless it takes too long: carriers have hung up by then, and come again.
async fn commit_within(limit: Duration, backend: &Backend, entries: &[Entry]) -> Result<Vec<Accepted>> {
    let late = |_| Err(StoreError::from(sqlx::Error::PoolTimedOut).into());
    timeout(limit, commit(backend, entries)).await.unwrap_or_else(late)
}

/// Makes all of them durable, or none; answers what became of each.
async fn commit(backend: &Backend, entries: &[Entry]) -> Result<Vec<Accepted>> {
    let mut tx = backend.store.write_first().await?;
    let new = insert(&mut tx, entries).await?;
    let is_new = |entry: &&Entry| new.contains(&entry.id.0);
    let mut jobs = Vec::new();
    for entry in entries.iter().filter(is_new).filter(|entry| entry.state == State::Pending) {
        let job = Job::ReadWebhook { journal_entry_id: entry.id };
        jobs.push(queue::Push { org: entry.org, job, order_key: entry.order_key.clone(), behind: None });
    }
    queue::push_all(backend, &mut tx, &jobs, backend.clock.now()).await?;
    // In one order in every process, as the rows before.
    let flooded: BTreeSet<Uuid> = entries
        .iter()
        .filter(is_new)
        .filter(|entry| entry.state == State::Quarantined)
        .map(|entry| entry.account.0)
        .collect();
    for account in flooded {
        make_room(backend, &mut tx, account.into()).await?;
    }
    tx.commit().await?;
    let woken: HashSet<OrgId> = entries.iter().filter(is_new).map(|entry| entry.org).collect();
    for org in woken {
        backend.live.wake(org);
    }
    Ok(entries
        .iter()
        .map(|entry| match entry.state {
            State::Quarantined => Accepted::Quarantined,
            _ if new.contains(&entry.id.0) => Accepted::Journalled,
            _ => Accepted::Repeated,
        })
        .collect())
}

/// Inserts what is not there yet; answers the ids of what was inserted.
async fn insert(tx: &mut Tx, entries: &[Entry]) -> Result<HashSet<Uuid>> {
    const COLUMNS: usize = 10;
    let mut new = HashSet::new();
    // In one order in every process, or two that were brought the same webhooks would wait for each other.
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by_key(|entry| (entry.account.0, entry.kind.as_str(), entry.external_id.as_str()));
    let mut rest = sorted.as_slice();
    while !rest.is_empty() {
        let (these, others) = rest.split_at(rows_at_once(rest.len()));
        rest = others;
        let sql = format!(
            "INSERT INTO journal_entry
                 (id, org_id, account_id, kind, external_id, request_sealed, state, failure, received_at, provider)
             VALUES {} ON CONFLICT (account_id, kind, external_id) DO NOTHING",
            tx.rows_of_placeholders(these.len(), COLUMNS)
        );
        let mut values: Vec<Value> = Vec::with_capacity(these.len() * COLUMNS);
        for entry in these {
            values.extend(args![
                entry.id,
                entry.org,
                entry.account,
                entry.kind.as_str(),
                &entry.external_id,
                entry.request_sealed.as_slice(),
                entry.state.as_str(),
                entry.failure,
                entry.received_at,
                entry.provider.as_str()
            ]);
        }
        let inserted = tx.execute(AssertSqlSafe(sql), values).await?;
        let ids = these.iter().map(|entry| entry.id.0);
        // Asking for each id costs more than the rest, and repetitions are rare.
        if usize::try_from(inserted).is_ok_and(|inserted| inserted == these.len()) {
            new.extend(ids);
        } else {
            new.extend(there(tx, ids.collect()).await?);
        }
    }
    Ok(new)
}

/// Which of these entries are in the journal.
async fn there(tx: &mut Tx, ids: Vec<Uuid>) -> Result<Vec<Uuid>> {
    let sql = format!("SELECT id FROM journal_entry WHERE id IN ({})", placeholders(1, ids.len()));
    let there: Vec<(Uuid,)> = tx.all(AssertSqlSafe(sql), ids.into_iter().map(Value::from).collect()).await?;
    Ok(there.into_iter().map(|(id,)| id).collect())
}

/// What stands in quarantine makes room for what came just now: the old where there is much, anything where it is a
/// flood.
async fn make_room(backend: &Backend, tx: &mut Tx, account: LineAccountId) -> Result<()> {
    let now = backend.clock.now();
    for (most, before) in [(MAX_QUARANTINED, now - KEPT_FOR), (FLOOD, now + 1)] {
        tx.execute(
            "DELETE FROM journal_entry WHERE account_id = $1 AND state = 'quarantined' AND received_at < $3
               AND id NOT IN (SELECT id FROM journal_entry
                              WHERE account_id = $1 AND state = 'quarantined'
                              ORDER BY received_at DESC, id DESC LIMIT $2)",
            args![account, most, before],
        )
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::args;
    use crate::testing::{TestBackend, on_each_engine};
    use futures::future::join_all;
    use tokio::runtime::Handle;

    async fn entry(t: &TestBackend, name: &str) -> Entry {
        let mut tx = t.backend.store.read().await.expect("a transaction");
        let account: Option<(Uuid,)> = tx.one("SELECT id FROM line_account", args![]).await.expect("a query");
        Entry {
            id: t.backend.clock.new_id(),
            org: t.org,
            account: account.expect("the story's account").0.into(),
            provider: ProviderKind::Twilio,
            kind: WebhookKind::Inbound,
            state: State::Poisoned,
            external_id: name.to_owned(),
            failure: Some("for the story"),
            order_key: None,
            request_sealed: Vec::new(),
            received_at: t.backend.clock.now(),
        }
    }

    /// What becomes of entries that come while a commit is under way.
    async fn taken_together(t: &TestBackend, entries: Vec<Entry>) -> Vec<Result<Accepted>> {
        let journal = t.backend.journal();
        journal.queue().is_served = true;
        let wanted = entries.len();
        let calls = join_all(entries.into_iter().map(|entry| journal.take(&t.backend, entry)));
        let tasks = || Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        let serve = async {
            while journal.queue().waiting.len() < wanted {
                tokio::task::yield_now().await;
            }
            let spawned = tasks().saturating_sub(before);
            assert!(spawned < 10, "waiting costs no task: in a storm {spawned} would grow without end");
            commit_while_they_come(t.backend.clone()).await;
        };
        let (outcomes, ()) = tokio::join!(calls, serve);
        assert!(!journal.queue().is_served && journal.queue().bytes == 0);
        outcomes
    }

    #[tokio::test]
    async fn what_waits_goes_together_and_equal_ones_are_one() {
        on_each_engine(async |t: TestBackend| {
            let mut entries = Vec::new();
            for n in 0..2 * TOGETHER + 70 {
                entries.push(entry(&t, &format!("event {}", n / 2)).await);
            }
            let outcomes = taken_together(&t, entries).await;
            let new = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Accepted::Journalled))).count();
            let old = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Accepted::Repeated))).count();
            let half = TOGETHER + 35;
            assert_eq!((new, old), (half, half));
            assert_eq!(t.count("SELECT COUNT(*) FROM journal_entry").await, half as i64);
            t
        })
        .await;
    }

    #[tokio::test]
    async fn what_waits_has_a_limit() {
        on_each_engine(async |t: TestBackend| {
            t.backend.journal().queue().is_served = true;
            t.backend.journal().queue().bytes = WAITING_BYTES;
            let large = Entry { request_sealed: vec![0], ..entry(&t, "one too many").await };
            let refused = t.backend.journal().take(&t.backend, large).await;
            assert!(refused.is_err_and(|error| error.is_outage()));
            t
        })
        .await;
    }

    #[tokio::test]
    async fn a_database_that_hangs_is_not_waited_for_and_what_was_refused_does_not_come_later() {
        on_each_engine(async |t: TestBackend| {
            let mut holds = t.backend.store.write_first().await.expect("a transaction");
            if t.backend.store.is_postgres() {
                holds.execute("LOCK TABLE journal_entry", args![]).await.expect("a lock");
            }
            let entries = [entry(&t, "one that hangs").await];
            let refused = commit_within(Duration::from_millis(300), &t.backend, &entries).await;
            assert!(refused.is_err_and(|error| error.is_outage()));
            drop(holds);
            let repeated = taken_together(&t, entries.to_vec()).await;
            assert!(matches!(repeated[..], [Ok(Accepted::Journalled)]), "{repeated:?}");
            assert_eq!(t.count("SELECT COUNT(*) FROM journal_entry").await, 1);
            t
        })
        .await;
    }

    #[test]
    fn a_crowd_is_many_in_a_short_time_however_they_are_committed() {
        let (mut crowd, begin) = (Crowd::default(), Instant::now());
        for _ in 0..CROWD - 1 {
            crowd.came(1, begin);
        }
        assert!(!crowd.is_there(begin));
        crowd.came(1, begin);
        assert!(crowd.is_there(begin));
        let later = begin + AT_ONCE;
        assert!(!crowd.is_there(later));
        crowd.came(CROWD - 1, later);
        assert!(!crowd.is_there(later), "those of before do not count any more");
    }

    #[tokio::test]
    async fn one_that_cannot_be_stored_keeps_no_other_out() {
        on_each_engine(async |t: TestBackend| {
            let first = entry(&t, "one").await;
            let with_a_taken_id = Entry { id: first.id, ..entry(&t, "with a taken id").await };
            assert!(taken_together(&t, vec![first]).await[0].is_ok());
            let entries = vec![entry(&t, "another").await, with_a_taken_id, entry(&t, "third").await];
            let outcomes = taken_together(&t, entries).await;
            assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
            assert_eq!(t.count("SELECT COUNT(*) FROM journal_entry").await, 3);
            t
        })
        .await;
    }
}
