//! Runs what the queue holds, several jobs side by side.

use super::queue::{self, Claimed};
use super::{Job, Outcome, backoff, deliver_message, fetch_media, make_renditions, read_webhook};
use crate::{Backend, Error, Result};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::task::JoinSet;

/// Attempts after which a job that only ends in errors of ours is set aside for the operator.
const MAX_ATTEMPTS: u32 = 20;

/// Jobs that run side by side in one process.
const SIDE_BY_SIDE: usize = 8;

/// How often due jobs are looked for when nobody calls.
const POLL: Duration = Duration::from_millis(500);

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
            let run = AssertUnwindSafe(run(backend, job, claimed.attempt)).catch_unwind();
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

async fn run(backend: &Backend, job: Job, attempt: u32) -> Result<Outcome> {
    match job {
        Job::DeliverMessage { delivery_id } => deliver_message::run(backend, delivery_id, attempt).await,
        Job::ReadWebhook { journal_entry_id } => {
            read_webhook::run(backend, journal_entry_id, attempt).await
        }
        Job::FetchMedia { attachment_id } => fetch_media::run(backend, attachment_id, attempt).await,
        Job::MakeRenditions { owner } => make_renditions::run(backend, owner, attempt).await,
    }
}
