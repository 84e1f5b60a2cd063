//! How the work stands, for admins: what stands aside, and the way back to work.

use crate::conversations::rows::known;
use crate::jobs::{self, Requeued, aside};
use crate::store::{Tx, args};
use crate::{Backend, Caller, Result, alerts, audit, live};
use model::line::ProviderKind;
use model::live::Change;
use model::operation::{Operation, Quarantined, Replayed};
use model::staff::Permission;
use model::{JobId, JournalEntryId, LineAccountId};
use uuid::Uuid;

/// What stands aside in the caller's organisation, and what asks for somebody to look.
pub async fn view(backend: &Backend, caller: &Caller) -> Result<Operation> {
    caller.require(Permission::ManageOperation)?;
    let org = caller.org_id;
    let mut tx = backend.store.read().await?;
    let alerts = alerts::of_org(backend, &mut tx, org).await?;
    let webhooks = aside::webhooks(&mut tx, org, Operation::MOST_ASIDE).await?;
    let unread = tx
        .number("SELECT COUNT(*) FROM journal_entry WHERE org_id = $1 AND state = 'poisoned'", args![org])
        .await?;
    let mut jobs = aside::jobs(backend, &mut tx, org).await?;
    let jobs_total = whole(jobs.len());
    jobs.truncate(Operation::MOST_ASIDE);
    let quarantined = quarantined(&mut tx, caller).await?;
    Ok(Operation { alerts, webhooks, webhooks_total: whole(unread), jobs, jobs_total, quarantined })
}

async fn quarantined(tx: &mut Tx, caller: &Caller) -> Result<Vec<Quarantined>> {
    let rows: Vec<(Uuid, String, String, i64)> = tx
        .all(
            "SELECT a.id, l.name, a.provider, COUNT(*) FROM journal_entry j
             JOIN line_account a ON a.id = j.account_id JOIN line l ON l.id = a.line_id
             WHERE j.org_id = $1 AND j.state = 'quarantined' AND l.disabled_at IS NULL
             GROUP BY a.id, l.name, a.provider ORDER BY l.name, a.id",
            args![caller.org_id],
        )
        .await?;
    rows.into_iter()
        .map(|(id, line, carrier, count)| {
            let carrier = known(ProviderKind::from_word(&carrier))?;
            Ok(Quarantined { account_id: LineAccountId(id), line, carrier, count: whole(count) })
        })
        .collect()
}

/// Reads a webhook that could not be read once more.
///
/// # Errors
/// `NotFound` unless it is the organisation's and stands aside.
pub async fn replay_webhook(backend: &Backend, caller: &Caller, id: JournalEntryId) -> Result<()> {
    caller.require(Permission::ManageOperation)?;
    aside::read_again(backend, caller.org_id, id).await?;
    note(backend, caller, "webhook.replay", "journal_entry", Some(id.0)).await
}

/// Runs a job that was set aside once more. A delivery that failed is not made again by it: nobody is texted twice.
///
/// # Errors
/// `NotFound` unless it is the organisation's and stands aside; `Conflict` when this version cannot open it.
pub async fn replay_job(backend: &Backend, caller: &Caller, id: JobId) -> Result<()> {
    caller.require(Permission::ManageOperation)?;
    aside::run_again(backend, caller.org_id, id).await?;
    note(backend, caller, "job.replay", "job", Some(id.0)).await
}

/// Puts everything of the organisation that stands aside back to work.
pub async fn replay_all(backend: &Backend, caller: &Caller) -> Result<Replayed> {
    caller.require(Permission::ManageOperation)?;
    let Requeued { jobs, webhooks, left } = jobs::requeue_of(backend, Some(caller.org_id)).await?;
    note(backend, caller, "operation.replay", "organisation", Some(caller.org_id.0)).await?;
    Ok(Replayed { replayed: whole(jobs + webhooks), left: whole(left) })
}

/// A webhook that nobody needs any more stands aside no longer. It stays in the journal.
///
/// # Errors
/// As [`replay_webhook`].
pub async fn dismiss_webhook(backend: &Backend, caller: &Caller, id: JournalEntryId) -> Result<()> {
    caller.require(Permission::ManageOperation)?;
    aside::dismiss_webhook(backend, caller.org_id, id).await?;
    note(backend, caller, "webhook.dismiss", "journal_entry", Some(id.0)).await
}

/// Forgets a job that was set aside; what it was for is told of its end, if it was not yet.
///
/// # Errors
/// As [`replay_job`].
pub async fn dismiss_job(backend: &Backend, caller: &Caller, id: JobId) -> Result<()> {
    caller.require(Permission::ManageOperation)?;
    aside::dismiss_job(backend, caller.org_id, id).await?;
    note(backend, caller, "job.dismiss", "job", Some(id.0)).await
}

/// Who did it, and that open screens look again.
async fn note(
    backend: &Backend,
    caller: &Caller,
    action: &'static str,
    kind: &'static str,
    subject: Option<Uuid>,
) -> Result<()> {
    let mut tx = backend.store.write().await?;
    audit::note(backend, &mut tx, caller, action, kind, subject).await?;
    live::record(backend, &mut tx, caller.org_id, Change::SettingsChanged)?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(())
}

/// A count as it crosses the wire.
pub(crate) fn whole(count: impl TryInto<u32>) -> u32 {
    count.try_into().unwrap_or(u32::MAX)
}
