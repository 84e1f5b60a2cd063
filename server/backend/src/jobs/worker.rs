//! Runs what the queue holds, several jobs side by side.

use super::queue::{self, Because, Claimed};
use super::{FETCH_MEDIA, Job, MAKE_RENDITIONS, Outcome, backoff};
use crate::{Backend, Error, Result};
use futures::FutureExt;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::task::{Id, JoinSet};

/// Errors of ours after which a job is set aside for the operator. Those that pass by themselves are not counted:
/// work waits for the database and the blob store however long they are away.
const MAX_ERRORS: u32 = 20;

/// The longest wait after an error of ours.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// Jobs that run side by side in one process.
const SIDE_BY_SIDE: usize = 8;

/// How many of them may be of one kind. Pictures take long; the places that are left read webhooks and deliver, so
/// that no text waits for a picture.
const CAPS: [(&str, usize); 2] = [
    (FETCH_MEDIA, 3),
    // Each decodes on several threads and may take hundreds of megabytes.
    (MAKE_RENDITIONS, 2),
];

/// How often due jobs are looked for when nobody calls.
const POLL: Duration = Duration::from_millis(500);

/// Runs jobs until `stop` resolves; what is running then is finished first.
pub async fn work(backend: Backend, stop: impl Future<Output = ()> + Send) {
    let mut running = Running::default();
    let mut stop = std::pin::pin!(stop);
    loop {
        while running.has_room() {
            match queue::claim(&backend, &running.full_kinds()).await {
                Ok(Some(claimed)) => running.start(&backend, claimed),
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
            Some(()) = running.ended() => {}
            () = backend.live.jobs.notified(), if running.has_room() => {}
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
}

impl Running {
    fn has_room(&self) -> bool {
        self.tasks.len() < SIDE_BY_SIDE
    }

    /// Kinds of which no more may run.
    fn full_kinds(&self) -> Vec<&'static str> {
        let running = |kind| self.kinds.values().filter(|running| *running == kind).count();
        CAPS.into_iter().filter(|(kind, most)| running(*kind) >= *most).map(|(kind, _)| kind).collect()
    }

    fn start(&mut self, backend: &Backend, claimed: Claimed) {
        let (backend, kind) = (backend.clone(), claimed.kind.clone());
        let task = self.tasks.spawn(async move { run_claimed(&backend, claimed).await });
        self.kinds.insert(task.id(), kind);
    }

    /// Waits until one of them ends; `None` when none runs.
    async fn ended(&mut self) -> Option<()> {
        let id = match self.tasks.join_next_with_id().await? {
            Ok((id, ())) => id,
            Err(error) => error.id(),
        };
        self.kinds.remove(&id);
        Some(())
    }
}

/// Runs every job that is due, and those they lead to, until none is due. Answers how many ran. For stories.
pub async fn run_due(backend: &Backend) -> Result<usize> {
    let mut ran = 0;
    while let Some(claimed) = queue::claim(backend, &[]).await? {
        run_claimed(backend, claimed).await;
        ran += 1;
    }
    Ok(ran)
}

async fn run_claimed(backend: &Backend, claimed: Claimed) {
    match queue::open(backend, &claimed) {
        Ok(job) => {
            // Boxed, or every caller would carry the largest job's future.
            let run = Box::pin(job.run(backend, claimed.waits().saturating_add(1)));
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
        Ok(Outcome::Again { after }) => queue::postpone(backend, claimed, Because::Waiting, after).await,
        Ok(Outcome::GiveUp { why }) => {
            tracing::warn!(kind, why, "a job gave up");
            queue::set_aside(backend, claimed, None, why).await
        }
        Err(error) if error.is_outage() => {
            tracing::warn!(kind, %error, outages = claimed.outages() + 1, "a job waits for storage");
            queue::postpone(backend, claimed, Because::Outage, wait(claimed.outages())).await
        }
        Err(error) if claimed.errors().saturating_add(1) >= MAX_ERRORS => {
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
