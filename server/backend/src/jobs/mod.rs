//! Work that outlives a request: one file per job, run from a queue in the database.

mod deliver_message;
mod fetch_media;
mod make_renditions;
pub mod queue;
mod read_webhook;

use crate::{Backend, Error, Result};
use futures::FutureExt;
use model::{AttachmentId, DeliveryId, JournalEntryId, PatientImageId};
use queue::Claimed;
use serde::{Deserialize, Serialize};
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::task::JoinSet;

/// A piece of work. The serialised form is a promise: jobs outlive the version that made them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Job {
    /// Makes one request to a carrier.
    DeliverMessage { delivery_id: DeliveryId },
    /// Turns a journalled webhook into messages and states.
    ReadWebhook { journal_entry_id: JournalEntryId },
    /// Fetches an attachment that waits at the carrier.
    FetchMedia { attachment_id: AttachmentId },
    /// Makes what staff and carriers look at from an original.
    MakeRenditions { owner: Owner },
}

/// Whose original it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Owner {
    Attachment(AttachmentId),
    PatientImage(PatientImageId),
}

impl Job {
    /// The name of the job's kind and of the version of its payload.
    fn kind(&self) -> &'static str {
        match self {
            Self::DeliverMessage { .. } => "deliver_message.v1",
            Self::ReadWebhook { .. } => "read_webhook.v1",
            Self::FetchMedia { .. } => "fetch_media.v1",
            Self::MakeRenditions { .. } => "make_renditions.v1",
        }
    }

    async fn run(self, backend: &Backend, attempt: u32) -> Result<Outcome> {
        match self {
            Self::DeliverMessage { delivery_id } => deliver_message::run(backend, delivery_id, attempt).await,
            Self::ReadWebhook { journal_entry_id } => {
                read_webhook::run(backend, journal_entry_id, attempt).await
            }
            Self::FetchMedia { attachment_id } => fetch_media::run(backend, attachment_id, attempt).await,
            Self::MakeRenditions { owner } => make_renditions::run(backend, owner, attempt).await,
        }
    }
}

/// What came of running a job once. `attempt` counts from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing is left to do.
    Done,
    /// Not yet: run it again after a while.
    Again { after: Duration },
    /// It will never work. What depends on it has been told by the job itself; this is for the operator.
    GiveUp { why: &'static str },
}

/// Attempts after which a job that only ends in errors of ours is set aside for the operator.
const MAX_ATTEMPTS: u32 = 20;

/// Jobs that run side by side in one process.
const SIDE_BY_SIDE: usize = 8;

/// How often due jobs are looked for when nobody calls.
const POLL: Duration = Duration::from_millis(500);

/// A wait before attempt number `attempt + 1`: doubling from `first`, at most `longest`, spread by a fifth so that
/// jobs that failed together do not come back together.
pub(crate) fn backoff(attempt: u32, first: Duration, longest: Duration) -> Duration {
    let doubled = first.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(longest);
    let spread = u32::from(crate::clock::random_bytes::<1>()[0]);
    doubled.mul_f64(0.9 + 0.2 * f64::from(spread) / 255.0)
}

/// Runs jobs until `stop` resolves; what is running then is finished first.
pub async fn work(backend: Backend, stop: impl Future<Output = ()> + Send) {
    let mut running = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        while running.len() < SIDE_BY_SIDE {
            match queue::claim(&backend).await {
                Ok(Some(claimed)) => {
                    let backend = backend.clone();
                    running.spawn(async move { run_claimed(&backend, claimed).await });
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "cannot look for jobs");
                    break;
                }
            }
        }
        tokio::select! {
            () = &mut stop => break,
            // A finished job may have made room, or made its successor due.
            Some(_) = running.join_next() => {}
            () = backend.live.jobs.notified(), if running.len() < SIDE_BY_SIDE => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// Runs every job that is due, and those they lead to, until none is due. Answers how many ran. For stories.
pub async fn run_due(backend: &Backend) -> Result<usize> {
    let mut ran = 0;
    while let Some(claimed) = queue::claim(backend).await? {
        run_claimed(backend, claimed).await;
        ran += 1;
    }
    Ok(ran)
}

async fn run_claimed(backend: &Backend, claimed: Claimed) {
    let kind = claimed.kind.clone();
    let outcome = match queue::open(backend, &claimed) {
        Ok(job) => {
            let run = AssertUnwindSafe(job.run(backend, claimed.attempt)).catch_unwind();
            match queue::with_heartbeat(backend, &claimed, run).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Error::Inconsistent("a job panicked")),
            }
        }
        Err(error) => Err(error),
    };
    let settled = match outcome {
        Ok(Outcome::Done) => queue::finish(backend, &claimed).await,
        Ok(Outcome::Again { after }) => queue::postpone(backend, &claimed, after).await,
        Ok(Outcome::GiveUp { why }) => {
            tracing::warn!(kind, why, "a job gave up");
            queue::set_aside(backend, &claimed, why).await
        }
        Err(error) if claimed.attempt >= MAX_ATTEMPTS => {
            tracing::error!(kind, %error, "a job was set aside");
            queue::set_aside(backend, &claimed, &error.to_string()).await
        }
        Err(error) => {
            tracing::warn!(kind, %error, attempt = claimed.attempt, "a job will run again");
            let after = backoff(claimed.attempt, Duration::from_secs(2), Duration::from_secs(15 * 60));
            queue::postpone(backend, &claimed, after).await
        }
    };
    if let Err(error) = settled {
        // Its lease runs out, and it is claimed again.
        tracing::error!(kind, %error, "a job's outcome could not be stored");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_keep_their_form() {
        let id = uuid::Uuid::from_u128(1);
        let jobs = [
            Job::DeliverMessage { delivery_id: id.into() },
            Job::ReadWebhook { journal_entry_id: id.into() },
            Job::FetchMedia { attachment_id: id.into() },
            Job::MakeRenditions { owner: Owner::PatientImage(id.into()) },
        ];
        let forms: Vec<_> =
            jobs.iter().map(|job| serde_json::to_string(job).expect("a job serialises")).collect();
        assert_eq!(
            forms,
            [
                r#"{"deliver_message":{"delivery_id":"00000000-0000-0000-0000-000000000001"}}"#,
                r#"{"read_webhook":{"journal_entry_id":"00000000-0000-0000-0000-000000000001"}}"#,
                r#"{"fetch_media":{"attachment_id":"00000000-0000-0000-0000-000000000001"}}"#,
                r#"{"make_renditions":{"owner":{"patient_image":"00000000-0000-0000-0000-000000000001"}}}"#,
            ]
        );
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let wait = |attempt| backoff(attempt, Duration::from_secs(2), Duration::from_secs(60)).as_secs_f64();
        assert!((1.8..=2.2).contains(&wait(1)));
        assert!((14.4..=17.6).contains(&wait(4)));
        assert!((54.0..=66.0).contains(&wait(40)));
    }
}
