//! What stands aside because it failed: what it is, and the way back.

use super::measure::name_of;
use super::queue::SetAside;
use super::{DELIVER_MESSAGE, FETCH_MEDIA, Job, MAKE_RENDITIONS, READ_WEBHOOK, queue, read_webhook};
use crate::conversations::rows::known;
use crate::store::{Tx, args};
use crate::{Backend, Error, Result};
use model::line::ProviderKind;
use model::operation::{JobAside, WebhookAside};
use model::{FailureCode, JobId, JournalEntryId, Millis, OrgId};
use std::collections::HashSet;
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
    requeue_of(backend, None).await
}

/// As [`requeue`], for one organisation or for all.
pub(crate) async fn requeue_of(backend: &Backend, org: Option<OrgId>) -> Result<Requeued> {
    let mut requeued = Requeued::default();
    let mut tx = backend.store.read().await?;
    let jobs = queue::all_set_aside(&mut tx, org).await?;
    drop(tx);
    for aside in jobs {
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
            "SELECT id, org_id FROM journal_entry WHERE state = 'poisoned' AND ($1 IS NULL OR org_id = $1)
             ORDER BY received_at, id",
            args![org],
        )
        .await?;
    drop(tx);
    for (id, org) in poisoned {
        if read_anew(backend, OrgId(org), JournalEntryId(id)).await? {
            requeued.webhooks += 1;
        }
    }
    Ok(requeued)
}

/// Webhooks of an organisation that could not be read, the oldest first, at most so many.
pub(crate) async fn webhooks(tx: &mut Tx, org: OrgId, most: usize) -> Result<Vec<WebhookAside>> {
    let rows: Vec<(Uuid, String, String, Millis, Option<String>)> = tx
        .all(
            "SELECT j.id, l.name, COALESCE(j.provider, a.provider), j.received_at, j.failure
             FROM journal_entry j JOIN line_account a ON a.id = j.account_id JOIN line l ON l.id = a.line_id
             WHERE j.org_id = $1 AND j.state = 'poisoned' ORDER BY j.received_at, j.id LIMIT $2",
            args![org, most],
        )
        .await?;
    rows.into_iter()
        .map(|(id, line, carrier, received_at, failure)| {
            let carrier = known(ProviderKind::from_word(&carrier))?;
            Ok(WebhookAside { id: JournalEntryId(id), line, carrier, received_at, reason: in_words(failure) })
        })
        .collect()
}

/// Jobs of an organisation that were set aside, the oldest first. One that was to read a webhook is not among them
/// where the webhook itself stands aside.
pub(crate) async fn jobs(backend: &Backend, tx: &mut Tx, org: OrgId) -> Result<Vec<JobAside>> {
    let mut aside = queue::all_set_aside(tx, Some(org)).await?;
    if aside.iter().any(|aside| aside.kind == READ_WEBHOOK) {
        let poisoned: Vec<(Uuid,)> = tx
            .all("SELECT id FROM journal_entry WHERE org_id = $1 AND state = 'poisoned'", args![org])
            .await?;
        let poisoned: HashSet<Uuid> = poisoned.into_iter().map(|(id,)| id).collect();
        aside.retain(|aside| reads(backend, aside).is_none_or(|entry| !poisoned.contains(&entry.0)));
    }
    let view = |aside: SetAside| JobAside {
        id: JobId(aside.id),
        kind: name_of(&aside.kind).to_owned(),
        what: what_it_does(&aside.kind).to_owned(),
        created_at: aside.created_at,
        reason: in_words(aside.failure),
    };
    Ok(aside.into_iter().map(view).collect())
}

/// Puts a webhook that could not be read back to work, by the job that failed at it where that one is still there.
///
/// # Errors
/// `NotFound` unless it is the organisation's and stands aside.
pub(crate) async fn read_again(backend: &Backend, org: OrgId, id: JournalEntryId) -> Result<()> {
    let mut tx = backend.store.read().await?;
    let aside = queue::all_set_aside(&mut tx, Some(org)).await?;
    drop(tx);
    let there = match aside.iter().find(|aside| reads(backend, aside) == Some(id)) {
        Some(own) => {
            queue::put_back(backend, own).await?;
            true
        }
        None => read_anew(backend, org, id).await?,
    };
    if there { Ok(()) } else { Err(Error::not_found("webhook")) }
}

/// Puts a job that was set aside back to work.
///
/// # Errors
/// `NotFound` unless it is the organisation's and stands aside; `Conflict` when this version cannot open it.
pub(crate) async fn run_again(backend: &Backend, org: OrgId, id: JobId) -> Result<()> {
    let aside = job(backend, org, id).await?;
    queue::put_back(backend, &aside).await
}

/// A webhook that nobody needs any more: it stays in the journal as it came, and stands aside no longer.
///
/// # Errors
/// As [`read_again`].
pub(crate) async fn dismiss_webhook(backend: &Backend, org: OrgId, id: JournalEntryId) -> Result<()> {
    let mut tx = backend.store.write().await?;
    let moved = tx
        .execute(
            "UPDATE journal_entry SET state = 'dismissed' WHERE id = $1 AND org_id = $2 AND state = 'poisoned'",
            args![id, org],
        )
        .await?;
    if moved == 0 {
        return Err(Error::not_found("webhook"));
    }
    let aside = queue::all_set_aside(&mut tx, Some(org)).await?;
    for own in aside.iter().filter(|aside| reads(backend, aside) == Some(id)) {
        remove(&mut tx, own.id).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Forgets a job that was set aside. What it was for was told of its end then; where that failed, it is told now, since
/// nothing else remembers it: a webhook that was not read stands aside itself from here on.
///
/// # Errors
/// As [`run_again`]: of a job that cannot be opened nobody knows what it was for, so it stays. `NotFound` too when it was
/// put back meanwhile.
pub(crate) async fn dismiss_job(backend: &Backend, org: OrgId, id: JobId) -> Result<()> {
    let aside = job(backend, org, id).await?;
    let mut tx = backend.store.write().await?;
    if !remove(&mut tx, aside.id).await? {
        return Err(Error::not_found("job"));
    }
    aside.job(backend)?.tell_of_its_end(backend, &mut tx, "its job was dismissed").await?;
    tx.commit().await?;
    backend.live.wake(org);
    Ok(())
}

/// Forgets the jobs that stand aside with the same work as one that is recorded anew in this transaction: whoever asks for
/// it once more has seen that they failed, and nobody is to be told of them when it succeeds.
pub(crate) async fn give_way(backend: &Backend, tx: &mut Tx, org: OrgId, job: &Job) -> Result<()> {
    let aside = queue::all_set_aside(tx, Some(org)).await?;
    for same in aside.iter().filter(|aside| aside.kind == job.kind()) {
        if same.job(backend).is_ok_and(|same| same == *job) {
            remove(tx, same.id).await?;
        }
    }
    Ok(())
}

/// `false` when it stands aside no longer.
async fn remove(tx: &mut Tx, id: Uuid) -> Result<bool> {
    let gone = tx.execute("DELETE FROM job WHERE id = $1 AND state = 'failed'", args![id]).await?;
    Ok(gone > 0)
}

/// A job of an organisation that stands aside and can be opened.
async fn job(backend: &Backend, org: OrgId, id: JobId) -> Result<SetAside> {
    let mut tx = backend.store.read().await?;
    let aside = queue::all_set_aside(&mut tx, Some(org)).await?;
    let aside = aside.into_iter().find(|aside| aside.id == id.0).ok_or_else(|| Error::not_found("job"))?;
    if aside.job(backend).is_err() {
        let words = "This version of Heliograph cannot open this job. It stays for one that can.";
        return Err(Error::failure(FailureCode::Conflict, words));
    }
    Ok(aside)
}

/// Opens a webhook that stands aside without a job, and gives it one. `false` when it does not.
async fn read_anew(backend: &Backend, org: OrgId, id: JournalEntryId) -> Result<bool> {
    let mut tx = backend.store.write().await?;
    let theirs =
        tx.number("SELECT COUNT(*) FROM journal_entry WHERE id = $1 AND org_id = $2", args![id, org]).await?;
    if theirs == 0 || !read_webhook::reopen(&mut tx, id).await? {
        return Ok(false);
    }
    let job = Job::ReadWebhook { journal_entry_id: id };
    queue::push(backend, &mut tx, org, &job, None, backend.clock.now()).await?;
    tx.commit().await?;
    backend.live.wake(org);
    Ok(true)
}

/// The webhook that a job is to read.
fn reads(backend: &Backend, aside: &SetAside) -> Option<JournalEntryId> {
    if aside.kind != READ_WEBHOOK {
        return None;
    }
    match aside.job(backend) {
        Ok(Job::ReadWebhook { journal_entry_id }) => Some(journal_entry_id),
        _ => None,
    }
}

fn what_it_does(kind: &str) -> &'static str {
    match kind {
        DELIVER_MESSAGE => "Send a message",
        READ_WEBHOOK => "Read a webhook",
        FETCH_MEDIA => "Fetch a picture from the carrier",
        MAKE_RENDITIONS => "Prepare a picture",
        _ => "Other work",
    }
}

/// A stored reason for people. What a database or a blob store said is for the log, where it stands too.
fn in_words(reason: Option<String>) -> String {
    let reason = reason.unwrap_or_default();
    let words = match reason.split_once(": ") {
        Some(("store", _)) => "the database refused it, the log says why",
        Some(("blobs", _)) => "the blob store refused it, the log says why",
        Some(("inconsistent", why)) => why,
        _ if reason.is_empty() => "no reason was kept",
        _ => reason.as_str(),
    };
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn reasons_are_sentences_and_tell_nothing_of_the_inside() {
        let words = |reason: &str| in_words(Some(reason.to_owned()));
        assert_eq!(words("the body has no MessageSid"), "The body has no MessageSid");
        assert_eq!(words("inconsistent: a job panicked"), "A job panicked");
        assert_eq!(words("store: query: near \"x\""), "The database refused it, the log says why");
        assert_eq!(words("blobs: missing"), "The blob store refused it, the log says why");
        assert_eq!(in_words(None), "No reason was kept");
    }
}
