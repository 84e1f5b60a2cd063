//! Runs what the queue holds, several jobs side by side.

use super::queue::{self, Because, Claimed};
use super::{DELIVER_MESSAGE, FETCH_MEDIA, Job, MAKE_RENDITIONS, Outcome, READ_WEBHOOK, backoff};
use crate::{Backend, Error, Result};
use futures::FutureExt;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

/// The longest wait after an error of ours.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// How many jobs of each kind run side by side in one process. Each kind has places of its own, so that no text waits for
/// a picture, and no photo for a carrier that is slow.
const PLACES: [queue::Wanted; 4] = [
    (DELIVER_MESSAGE, 5),
    // So many because they are claimed by the half.
    (READ_WEBHOOK, 8),
    (FETCH_MEDIA, 3),
    // Each decodes on several threads and may take hundreds of megabytes.
    (MAKE_RENDITIONS, 2),
];

/// How often a portion of what a crowd of carriers brings is worked on while it lasts. The whole is read no sooner for
/// what is read meanwhile; it is enough that nothing stands still.
const PORTION: Duration = Duration::from_millis(250);

/// How often due jobs are looked for when nobody calls.
const POLL: Duration = Duration::from_millis(500);

/// Runs jobs until `stop` resolves; what is running then is finished first.
pub async fn work(backend: Backend, stop: impl Future<Output = ()> + Send) {
    let mut running = Running::default();
    let mut stop = std::pin::pin!(stop);
    loop {
        loop {
            match queue::claim(&backend, &running.wanted(&backend)).await {
                Ok(claimed) if claimed.is_empty() => break,
                Ok(claimed) => claimed.into_iter().for_each(|claimed| running.start(&backend, claimed)),
                Err(error) => {
                    tracing::error!(%error, "cannot look for jobs");
                    break;
                }
            }
        }
        tokio::select! {
            () = &mut stop => break,
            // A finished job may have made room, or made its successor due.
            Some(()) = running.ended() => {}
            () = backend.live.jobs.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
    while running.ended().await.is_some() {}
}

/// The jobs that this process runs now.
#[derive(Default)]
struct Running {
    tasks: JoinSet<()>,
    kinds: HashMap<Id, String>,
    /// When work was last begun on what a crowd brought.
    portion: Option<Instant>,
}

impl Running {
    /// What has a place left. While carriers come in a crowd, taking in what they bring goes before the work on it: that
    /// is done in portions, so that the newest message is late and the next webhook is not.
    fn wanted(&mut self, backend: &Backend) -> Vec<queue::Wanted> {
        let crowded = backend.journal().is_crowded();
        let portion_is_due = self.portion.is_none_or(|portion| portion.elapsed() >= PORTION);
        let mut wanted = Vec::with_capacity(PLACES.len());
        for (kind, places) in PLACES {
            let held_back = crowded && kind != DELIVER_MESSAGE;
            if held_back && !portion_is_due {
                continue;
            }
            let places = if held_back { places.div_ceil(2) } else { places };
            let running = self.kinds.values().filter(|running| *running == kind).count();
            let left = places.saturating_sub(running);
            // They are quick, and several claimed at once cost one commit.
            let least = if kind == READ_WEBHOOK { places.div_ceil(2) } else { 1 };
            if left >= least {
                wanted.push((kind, left));
            }
        }
        if crowded && portion_is_due {
            self.portion = Some(Instant::now());
        }
        wanted
    }

    fn start(&mut self, backend: &Backend, claimed: Claimed) {
        let (backend, kind) = (backend.clone(), claimed.kind.clone());
        let task = self.tasks.spawn(async move { run_claimed(&backend, claimed).await });
        self.kinds.insert(task.id(), kind);
    }

    /// Waits until one of them ends, and takes note of all that have ended by then; `None` when none runs.
    async fn ended(&mut self) -> Option<()> {
        let mut ended = Some(self.tasks.join_next_with_id().await?);
        while let Some(task) = ended {
            self.kinds.remove(&task.map_or_else(|error| error.id(), |(id, ())| id));
            ended = self.tasks.try_join_next_with_id();
        }
        Some(())
    }
}

/// Runs every job that is due, and those they lead to, until none is due. Answers how many ran. For stories.
pub async fn run_due(backend: &Backend) -> Result<usize> {
    let mut ran = 0;
    while let Some(claimed) = next(backend).await? {
        run_claimed(backend, claimed).await;
        ran += 1;
    }
    Ok(ran)
}

/// The next job, of whatever kind it is: pictures first, since messages wait for them.
async fn next(backend: &Backend) -> Result<Option<Claimed>> {
    for (kind, _) in PLACES.into_iter().rev() {
        if let Some(claimed) = queue::claim(backend, &[(kind, 1)]).await?.pop() {
            return Ok(Some(claimed));
        }
    }
    Ok(None)
}

async fn run_claimed(backend: &Backend, claimed: Claimed) {
    match queue::open(backend, &claimed) {
        Ok(job) => {
            // Boxed, or every caller would carry the largest job's future.
            let run = Box::pin(job.run(backend, &claimed));
            run_to_an_outcome(backend, &claimed, &job, run).await;
        }
        // What it was for stands in the payload alone; all that can be told is told to the operator.
        Err(error) => settle(backend, &claimed, None, Err(error)).await,
    }
}

async fn run_to_an_outcome(
    backend: &Backend,
    claimed: &Claimed,
    job: &Job,
    run: impl Future<Output = Result<Outcome>>,
) {
    let run = AssertUnwindSafe(run).catch_unwind();
    let outcome = match queue::with_heartbeat(backend, claimed, job.time_limit(), run).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Error::Inconsistent("a job panicked")),
        Err(error) => Err(error),
    };
    settle(backend, claimed, Some(job), outcome).await;
}

async fn settle(backend: &Backend, claimed: &Claimed, job: Option<&Job>, outcome: Result<Outcome>) {
    let kind = claimed.kind.as_str();
    let wait = |before: u32| backoff(before.saturating_add(1), Duration::from_secs(2), LONGEST_WAIT);
    let settled = match outcome {
        Ok(Outcome::Done) => queue::finish(backend, claimed).await,
        Ok(Outcome::Settled) => Ok(()),
        Ok(Outcome::Again { after }) => queue::postpone(backend, claimed, Because::Waiting, after).await,
        Ok(Outcome::NotItsTurn { until_then }) => {
            queue::postpone(backend, claimed, Because::Turn, until_then).await
        }
        Ok(Outcome::GiveUp { why }) => {
            tracing::warn!(kind, why, "a job gave up");
            queue::set_aside(backend, claimed, None, why).await
        }
        Err(error) if error.is_outage() => {
            tracing::warn!(kind, %error, outages = claimed.outages() + 1, "a job waits for storage");
            queue::postpone(backend, claimed, Because::Outage, wait(claimed.outages())).await
        }
        Err(error) if claimed.errors().saturating_add(1) >= Job::max_errors(kind) => {
            tracing::error!(kind, %error, "a job was set aside");
            set_aside(backend, claimed, job, &error.to_string()).await
        }
        Err(error) => {
            tracing::warn!(kind, %error, errors = claimed.errors() + 1, "a job will run again");
            queue::postpone(backend, claimed, Because::Error, wait(claimed.errors())).await
        }
    };
    if let Err(error) = settled {
        // Its lease runs out, and it is claimed again.
        tracing::error!(kind, %error, "a job's outcome could not be stored");
    }
}

async fn set_aside(backend: &Backend, claimed: &Claimed, job: Option<&Job>, why: &str) -> Result<()> {
    match queue::set_aside(backend, claimed, job, why).await {
        // What broke the job may break the telling too; it must not run for ever because of that.
        Err(error) if !error.is_outage() => {
            tracing::error!(kind = claimed.kind, %error, "what a job was for could not be told of its end");
            queue::set_aside(backend, claimed, None, why).await
        }
        told => told,
    }
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
        next(&t.backend).await.expect("a claim")
    }

    /// After any wait and any lease.
    async fn claims(t: &TestBackend) -> Claimed {
        t.backend.clock.advance(LONGEST_WAIT * 2);
        claims_one(t).await.expect("a job that is due")
    }

    /// The next job runs into a mistake of ours until it is set aside.
    async fn panics_until_set_aside(t: &TestBackend) {
        let mut errors = 0;
        let mut most = 1;
        while errors < most {
            let claimed = claims(t).await;
            most = Job::max_errors(&claimed.kind);
            errors += 1;
            let job = queue::open(&t.backend, &claimed).expect("a job");
            run_to_an_outcome(&t.backend, &claimed, &job, async { panic!("for the story") }).await;
        }
    }

    async fn sends(t: &TestBackend, text: &str) -> MessageView {
        let draft = Draft {
            text: text.to_owned(),
            attachments: Vec::new(),
            client_id: text.to_owned(),
            line: None,
            link: None,
            channel: None,
            template: None,
        };
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
            // The retry took the place of the third.
            t.expected_failed_jobs = 2;
            t
        })
        .await;
    }

    #[tokio::test]
    async fn waits_and_outages_do_not_count_as_errors() {
        on_each_engine(async |t: TestBackend| {
            sends(&t, "Hello").await;
            for _ in 0..2 * Job::max_errors(DELIVER_MESSAGE) {
                let claimed = claims(&t).await;
                settle(&t.backend, &claimed, None, Ok(Outcome::Again { after: LONGEST_WAIT })).await;
                let claimed = claims(&t).await;
                let away = media::blobs::BlobError::Unavailable("for the story".to_owned());
                settle(&t.backend, &claimed, None, Err(away.into())).await;
            }
            let claimed = claims(&t).await;
            assert_eq!(
                (claimed.waits(), claimed.outages(), claimed.errors()),
                (2 * Job::max_errors(DELIVER_MESSAGE), 1, 0)
            );
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
}
