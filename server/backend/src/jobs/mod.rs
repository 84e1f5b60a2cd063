//! Work that outlives a request: one file per job, run from a queue in the database.

mod aside;
mod deliver_message;
mod fetch_media;
mod make_renditions;
pub mod queue;
mod read_webhook;
mod worker;

pub use aside::{Requeued, measure, requeue};
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
    /// The name of the job's kind and of the version of its payload.
    fn kind(&self) -> &'static str {
        match self {
            Self::DeliverMessage { .. } => "deliver_message.v1",
            Self::ReadWebhook { .. } => "read_webhook.v1",
            Self::FetchMedia { .. } => FETCH_MEDIA,
            Self::MakeRenditions { .. } => MAKE_RENDITIONS,
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

    /// `attempt` counts from 1; runs that ended in errors of ours are not counted.
    async fn run(&self, backend: &Backend, attempt: u32) -> Result<Outcome> {
        match *self {
            Self::DeliverMessage { delivery_id } => deliver_message::run(backend, delivery_id, attempt).await,
            Self::ReadWebhook { journal_entry_id } => read_webhook::run(backend, journal_entry_id).await,
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
    /// Not yet: run it again after a while.
    Again { after: Duration },
    /// It will never work. What depends on it has been told by the job itself; this is for the operator.
    GiveUp { why: &'static str },
}

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
    use crate::media::upload::{Incoming, upload};
    use crate::testing::{TestBackend, fictitious_number, on_each_engine};
    use crate::{conversations, media, messages};
    use futures::StreamExt;
    use model::media::AttachmentState;
    use model::message::{DeliveryState, Draft, MessageView, Recipient};

    async fn claims_one(t: &TestBackend) -> Option<Claimed> {
        queue::claim(&t.backend, &[]).await.expect("a claim")
    }

    /// After any wait and any lease.
    async fn claims(t: &TestBackend) -> Claimed {
        t.backend.clock.advance(LONGEST_WAIT * 2);
        claims_one(t).await.expect("a job that is due")
    }

    /// The next job runs into a mistake of ours until it is set aside.
    async fn panics_until_set_aside(t: &TestBackend) {
        for _ in 0..MAX_ERRORS {
            let claimed = claims(t).await;
            let job = queue::open(&t.backend, &claimed).expect("a job");
            run_to_an_outcome(&t.backend, &claimed, &job, async { panic!("for the story") }).await;
        }
    }

    async fn sends(t: &TestBackend, text: &str) -> MessageView {
        let draft = Draft { text: text.to_owned(), attachments: Vec::new(), client_id: text.to_owned() };
        let to = Recipient::Number(fictitious_number(0));
        messages::send(&t.backend, &t.admin, &to, &draft).await.expect("a message")
    }

    async fn state(t: &TestBackend, message: &MessageView) -> DeliveryState {
        conversations::message(&t.backend, &t.admin, message.id).await.expect("a message").state
    }

    #[tokio::test]
    async fn jobs_that_panic_end_visibly() {
        on_each_engine(async |mut t: TestBackend| {
            let unmarked = sends(&t, "never offered").await;
            panics_until_set_aside(&t).await;
            assert_eq!(state(&t, &unmarked).await, DeliveryState::Failed);

            let marked = sends(&t, "perhaps offered").await;
            t.alter("UPDATE delivery SET state = 'sending', marked_at = created_at WHERE state = 'queued'")
                .await;
            panics_until_set_aside(&t).await;
            assert_eq!(state(&t, &marked).await, DeliveryState::Uncertain);

            let mut png = std::io::Cursor::new(Vec::new());
            image::RgbImage::new(8, 8).write_to(&mut png, image::ImageFormat::Png).expect("a picture");
            let body = futures::stream::iter([Ok(png.into_inner().into())]).boxed();
            let incoming = Incoming { file_name: "foot.png".to_owned(), body };
            let id = upload(&t.backend, &t.admin, incoming).await.expect("an upload").media_id;
            panics_until_set_aside(&t).await;
            let picture = media::get(&t.backend, &t.admin, id).await.expect("a picture");
            assert_eq!(picture.state, AttachmentState::Unreadable);
            assert!(picture.failure.is_some_and(|words| words.contains("Retry")));
            let again = media::retry(&t.backend, &t.admin, id).await.expect("a picture");
            assert_eq!(again.state, AttachmentState::Processing);
            t.expected_failed_jobs = 3;
            t
        })
        .await;
    }

    #[tokio::test]
    async fn waits_and_outages_do_not_count_as_errors() {
        on_each_engine(async |t: TestBackend| {
            sends(&t, "Hello").await;
            for _ in 0..2 * MAX_ERRORS {
                let claimed = claims(&t).await;
                settle(&t.backend, &claimed, None, Ok(Outcome::Again { after: LONGEST_WAIT })).await;
                let claimed = claims(&t).await;
                let away = media::blobs::BlobError::Unavailable("for the story".to_owned());
                settle(&t.backend, &claimed, None, Err(away.into())).await;
            }
            let claimed = claims(&t).await;
            assert_eq!((claimed.waits(), claimed.outages(), claimed.errors()), (2 * MAX_ERRORS, 1, 0));
            t
        })
        .await;
    }

    #[tokio::test]
    async fn a_running_job_holds_its_successor_back_and_one_set_aside_does_not() {
        on_each_engine(async |mut t: TestBackend| {
            sends(&t, "first").await;
            sends(&t, "second").await;
            let first = claims_one(&t).await.expect("the first");
            assert!(claims_one(&t).await.is_none(), "the first runs");
            queue::postpone(&t.backend, &first, Because::Outage, LONGEST_WAIT).await.expect("a commit");
            assert!(claims_one(&t).await.is_none(), "the first waits");
            let first = claims(&t).await;
            queue::set_aside(&t.backend, &first, None, "for the story").await.expect("a commit");
            assert!(claims_one(&t).await.is_some());
            t.expected_failed_jobs = 1;
            t
        })
        .await;
    }

    #[tokio::test]
    async fn a_holder_that_lost_its_lease_has_no_say() {
        on_each_engine(async |t: TestBackend| {
            let message = sends(&t, "Hello").await;
            let slow = claims(&t).await;
            let now = claims(&t).await;
            let job = queue::open(&t.backend, &slow).expect("a job");
            queue::set_aside(&t.backend, &slow, Some(&job), "too late").await.expect("a commit");
            assert_eq!(state(&t, &message).await, DeliveryState::Queued);
            queue::finish(&t.backend, &slow).await.expect("a commit");
            assert_eq!(t.count("SELECT COUNT(*) FROM job WHERE state = 'running'").await, 1);
            queue::finish(&t.backend, &now).await.expect("a commit");
            assert_eq!(t.count("SELECT COUNT(*) FROM job").await, 0);
            t
        })
        .await;
    }

    #[tokio::test]
    async fn a_run_without_an_end_is_an_error_of_ours() {
        on_each_engine(async |t: TestBackend| {
            sends(&t, "Hello").await;
            let claimed = claims(&t).await;
            let run = std::future::pending::<()>();
            let ended = queue::with_heartbeat(&t.backend, &claimed, Duration::from_millis(1), run).await;
            assert!(ended.is_err_and(|error| !error.is_outage()));
            t
        })
        .await;
    }

    #[test]
    fn payloads_keep_their_form() {
        let id = Uuid::from_u128(1);
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
