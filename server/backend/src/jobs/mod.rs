//! Work that outlives a request: one file per job, run from a queue in the database.

pub(crate) mod aside;
mod deliver_message;
mod fetch_media;
mod make_renditions;
mod measure;
pub mod queue;
mod read_webhook;
mod worker;

pub(crate) use aside::requeue_of;
pub use aside::{Requeued, requeue};
pub(crate) use deliver_message::failed_later;
pub use measure::measure;
pub(crate) use read_webhook::offered_at;
pub use worker::{run_due, work};

use crate::store::Tx;
use crate::{Backend, Result};
use model::{AttachmentId, DeliveryId, JournalEntryId, PatientImageId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

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
    /// Every kind, for what counts them.
    pub(crate) const KINDS: [&'static str; 4] = [DELIVER_MESSAGE, READ_WEBHOOK, FETCH_MEDIA, MAKE_RENDITIONS];

    /// The name of the job's kind and of the version of its payload.
    fn kind(&self) -> &'static str {
        match self {
            Self::DeliverMessage { .. } => DELIVER_MESSAGE,
            Self::ReadWebhook { .. } => READ_WEBHOOK,
            Self::FetchMedia { .. } => FETCH_MEDIA,
            Self::MakeRenditions { .. } => MAKE_RENDITIONS,
        }
    }

    /// Errors of ours after which a job of this kind is set aside for the operator. Those that pass by themselves are not
    /// counted: work waits for the database and the blob store however long they are away.
    fn max_errors(kind: &str) -> u32 {
        match kind {
            // What came after it, of the same sender or to the same patient, waits for it: half a minute, if it fails at once.
            DELIVER_MESSAGE | READ_WEBHOOK => 5,
            _ => 20,
        }
    }

    /// How long one run may take before it counts as an error of ours. Far beyond what an honest run needs: what it
    /// calls has limits of its own, and this one ends a run that waits for something that never comes.
    fn time_limit(&self) -> Duration {
        let minutes = match self {
            Self::DeliverMessage { .. } | Self::ReadWebhook { .. } => 10,
            // The largest files, over slow lines.
            Self::FetchMedia { .. } | Self::MakeRenditions { .. } => 60,
        };
        Duration::from_secs(minutes * 60)
    }

    /// Attempts count from 1; runs that ended in errors of ours are not counted.
    async fn run(&self, backend: &Backend, claimed: &queue::Claimed) -> Result<Outcome> {
        let attempt = claimed.waits().saturating_add(1);
        match *self {
            Self::DeliverMessage { delivery_id } => {
                deliver_message::run(backend, claimed.id(), delivery_id, attempt).await
            }
            Self::ReadWebhook { journal_entry_id } => {
                read_webhook::run(backend, claimed, journal_entry_id).await
            }
            Self::FetchMedia { attachment_id } => fetch_media::run(backend, attachment_id, attempt).await,
            Self::MakeRenditions { owner } => make_renditions::run(backend, owner, attempt).await,
        }
    }

    /// The job is set aside: what it was for gets an end that people see and can do something about.
    async fn tell_of_its_end(&self, backend: &Backend, tx: &mut Tx, why: &str) -> Result<()> {
        match *self {
            Self::DeliverMessage { delivery_id } => deliver_message::end(backend, tx, delivery_id).await,
            Self::ReadWebhook { journal_entry_id } => {
                read_webhook::end(backend, tx, journal_entry_id, why).await
            }
            Self::FetchMedia { attachment_id } => fetch_media::end(backend, tx, attachment_id).await,
            Self::MakeRenditions { owner } => make_renditions::end(backend, tx, owner).await,
        }
    }

    /// The job is put back: what it was for is open again.
    async fn reopen(&self, backend: &Backend, tx: &mut Tx) -> Result<()> {
        match *self {
            // It stays failed: staff may have sent it again by now, and nobody is texted twice.
            Self::DeliverMessage { .. } => Ok(()),
            Self::ReadWebhook { journal_entry_id } => {
                read_webhook::reopen(tx, journal_entry_id).await.map(drop)
            }
            Self::FetchMedia { attachment_id } => fetch_media::reopen(backend, tx, attachment_id).await,
            Self::MakeRenditions { owner } => make_renditions::reopen(backend, tx, owner).await,
        }
    }
}

/// What came of running a job once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing is left to do.
    Done,
    /// Nothing is left to do, and the job went with what it did, in one commit.
    Settled,
    /// Not yet: run it again after a while.
    Again { after: Duration },
    /// Its turn comes later. Nothing was tried, so that this is no attempt.
    NotItsTurn { until_then: Duration },
    /// It will never work. What depends on it has been told by the job itself; this is for the operator.
    GiveUp { why: &'static str },
}

const DELIVER_MESSAGE: &str = "deliver_message.v1";
const READ_WEBHOOK: &str = "read_webhook.v1";
const FETCH_MEDIA: &str = "fetch_media.v1";
const MAKE_RENDITIONS: &str = "make_renditions.v1";

/// A wait before attempt number `attempt + 1`: doubling from `first`, at most `longest`, spread by a fifth so that
/// jobs that failed together do not come back together.
pub(crate) fn backoff(attempt: u32, first: Duration, longest: Duration) -> Duration {
    let doubled = first.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(longest);
    let spread = u32::from(crate::clock::random_bytes::<1>()[0]);
    doubled.mul_f64(0.9 + 0.2 * f64::from(spread) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn payloads_keep_their_form() {
        let id = Uuid::from_u128(1);
        let jobs = [
            Job::DeliverMessage { delivery_id: id.into() },
            Job::ReadWebhook { journal_entry_id: id.into() },
            Job::FetchMedia { attachment_id: id.into() },
            Job::MakeRenditions { owner: Owner::PatientImage(id.into()) },
        ];
        assert_eq!(jobs.each_ref().map(Job::kind), Job::KINDS);
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
