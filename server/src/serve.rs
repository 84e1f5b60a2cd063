//! The life of the process: listen, work, stop.

use crate::listening::{Door, Listening};
use crate::{App, guards, metrics, routes};
use axum::extract::Request;
use axum::serve::ListenerExt;
use axum::{Router, ServiceExt};
use backend::{Backend, jobs, live, schedule};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::Layer;
use tower::util::MapRequestLayer;

/// How long what is under way may take once the process was told to stop. A carrier answers within 30 seconds, so that
/// every delivery learns its outcome; jobs that take longer are begun again at the next start.
pub(crate) const GRACE: Duration = Duration::from_secs(45);

/// The same for a process whose place another has taken: an upload over a slow line is one request.
pub(crate) const GRACE_OF_THE_REPLACED: Duration = Duration::from_secs(15 * 60);

/// How long a process that shares its socket goes on answering those who are connected, telling each to come back through
/// a new connection, before it closes what is left: nobody who was just let in is sent away unheard.
const LINGER: Duration = Duration::from_secs(1);

/// What a process does of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Duty {
    /// Serves the pages, the API and the webhooks, and works on nothing.
    Web,
    /// Works on jobs and on what recurs. Answers /healthz, /readyz and /metrics alone.
    Worker,
    /// Both.
    All,
}

impl Duty {
    /// Its name on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Worker => "worker",
            Self::All => "all",
        }
    }

    /// Takes requests of people and carriers.
    pub(crate) fn serves(self) -> bool {
        self != Self::Worker
    }

    /// Takes jobs.
    pub(crate) fn works(self) -> bool {
        self != Self::Web
    }
}

/// Serves and works on jobs until `shutdown` resolves; what is under way then is finished first, as far as it ends
/// within 45 seconds.
///
/// # Errors
/// When connections cannot be accepted.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_beside(Router::new(), listener, app, shutdown).await
}

/// The same, with doors of somebody else's behind the same guards.
///
/// # Errors
/// When connections cannot be accepted.
pub async fn serve_beside(
    doors: Router<App>,
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = routes::with(app.clone(), doors);
    let hurrying = app.hurrying.clone();
    let shutdown = async move {
        shutdown.await;
        hurrying.cancel();
    };
    serve_router(router, Duty::All, Listening { listener, shared: false }, app, shutdown).await
}

/// The same, as one of several processes. After `shutdown` it takes its time until `app` is hurrying.
///
/// # Errors
/// When connections cannot be accepted.
pub(crate) async fn serve_as(
    duty: Duty,
    listening: Listening,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = if duty.serves() { routes::router(app.clone()) } else { routes::of_worker(app.clone()) };
    serve_router(router, duty, listening, app, shutdown).await
}

async fn serve_router(
    router: Router,
    duty: Duty,
    Listening { listener, shared }: Listening,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    if duty.serves() {
        app.simulators.register(&app.backend).await;
    }
    let (stopping, hurrying) = (app.stopping.clone(), app.hurrying.clone());
    // Longer than `stopping`: the others are told also of what is finished after that.
    let relaying = CancellationToken::new();
    tokio::spawn(live::relay(app.backend.clone(), relaying.clone().cancelled_owned()));
    let relaying = relaying.drop_guard();
    let worker = duty.works().then(|| tokio::spawn(work(app.backend.clone(), stopping.clone())));
    tokio::spawn(metrics::sum_up(app.clone()));
    let service = MapRequestLayer::new(guards::plain_address).layer(router);
    let service = ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service);
    let told_to_stop = {
        let (stopping, draining, hurrying) = (stopping.clone(), app.draining.clone(), hurrying.clone());
        async move {
            tokio::select! {
                () = shutdown => {}
                // By itself, since something broke.
                () = stopping.cancelled() => hurrying.cancel(),
            }
            draining.cancel();
            if shared {
                tokio::time::sleep(LINGER).await;
            }
            stopping.cancel();
        }
    };
    let door = Door { listener, draining: app.draining.clone() }.tap_io(|connection| {
        // An answer in two pieces would wait for the first to be acknowledged. Where it cannot be had, it waits.
        let _ = connection.set_nodelay(true);
    });
    let unfinished = worker.as_ref().map(tokio::task::JoinHandle::abort_handle);
    let finished = {
        let stopping = stopping.clone();
        async move {
            let served = axum::serve(door, service).with_graceful_shutdown(told_to_stop).await;
            // Also after an error of the listener the worker finishes what it began.
            stopping.cancel();
            if let Some(worker) = worker
                && worker.await.is_err()
            {
                return Err(io::Error::other("the worker ended in a panic"));
            }
            served
        }
    };
    let served = within_grace(&hurrying, GRACE, finished).await.unwrap_or_else(|| {
        tracing::warn!("what is still under way is left; jobs among it are begun again at the next start");
        if let Some(unfinished) = unfinished {
            unfinished.abort();
        }
        Ok(())
    });
    drop(relaying);
    app.backend.store.close().await;
    served
}

/// Runs jobs and what recurs, until the process stops.
async fn work(backend: Backend, stopping: CancellationToken) {
    // Should this end otherwise, the process ends with it and its keeper starts another: one that serves and no longer
    // works looks healthy.
    let _ends_all = stopping.clone().drop_guard();
    tokio::join!(
        jobs::work(backend.clone(), stopping.clone().cancelled_owned()),
        schedule::work(backend, stopping.cancelled_owned()),
    );
}

/// What `work` comes to; `None` when it is not done so long after the word to hurry.
async fn within_grace<T>(
    hurrying: &CancellationToken,
    grace: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let overdue = async {
        hurrying.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        done = work => Some(done),
        () = overdue => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    #[tokio::test]
    async fn what_never_ends_is_left_only_after_the_word_to_hurry() {
        let hurrying = CancellationToken::new();
        hurrying.cancel();
        assert_eq!(within_grace(&hurrying, Duration::ZERO, pending::<()>()).await, None);
        assert_eq!(within_grace(&hurrying, GRACE, ready(1)).await, Some(1));
        let (running, soon) = (CancellationToken::new(), tokio::time::sleep(Duration::from_millis(1)));
        assert_eq!(within_grace(&running, Duration::ZERO, soon).await, Some(()), "nobody said hurry");
    }
}
