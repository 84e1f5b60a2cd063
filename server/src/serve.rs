//! The life of the process: listen, work, stop.

use crate::{App, guards, metrics, routes};
use axum::ServiceExt;
use axum::extract::Request;
use backend::media;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::Layer;
use tower::util::MapRequestLayer;

/// How often uploads that were never sent are swept away.
const SWEEP: Duration = Duration::from_secs(24 * 3600);

/// How long what is under way may take once the process was told to stop. A carrier answers within 30 seconds, so that
/// every delivery learns its outcome; jobs that take longer are begun again at the next start.
const GRACE: Duration = Duration::from_secs(45);

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
    app.simulators.register(&app.backend).await;
    let stopping = app.stopping.clone();
    let worker = tokio::spawn(backend::jobs::work(app.backend.clone(), stopping.clone().cancelled_owned()));
    tokio::spawn(metrics::sum_up(app.clone()));
    tokio::spawn(sweep(app.clone()));
    let service = MapRequestLayer::new(guards::plain_address).layer(routes::router(app.clone()));
    let service = ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service);
    let told_to_stop = {
        let stopping = stopping.clone();
        async move {
            tokio::select! {
                () = shutdown => stopping.cancel(),
                () = stopping.cancelled() => {}
            }
        }
    };
    let unfinished = worker.abort_handle();
    let finished = {
        let stopping = stopping.clone();
        async move {
            let served = axum::serve(listener, service).with_graceful_shutdown(told_to_stop).await;
            // Also after an error of the listener the worker finishes what it began.
            stopping.cancel();
            if worker.await.is_err() {
                tracing::error!("the worker ended in a panic");
            }
            served
        }
    };
    let served = within_grace(&stopping, GRACE, finished).await.unwrap_or_else(|| {
        tracing::warn!("what is still under way is left; jobs among it are begun again at the next start");
        unfinished.abort();
        Ok(())
    });
    app.backend.store.close().await;
    served
}

/// Sweeps at start and then every day, until the process stops.
async fn sweep(app: App) {
    loop {
        match media::sweep_unsent(&app.backend).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "uploads that were never sent are gone"),
            Err(error) => tracing::warn!(%error, "uploads that were never sent could not be swept away"),
        }
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}

/// What `work` comes to; `None` when it is not done so long after `stopping`.
async fn within_grace<T>(
    stopping: &CancellationToken,
    grace: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let overdue = async {
        stopping.cancelled().await;
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
    async fn what_never_ends_is_left_only_after_the_word_to_stop() {
        let stopping = CancellationToken::new();
        stopping.cancel();
        assert_eq!(within_grace(&stopping, Duration::ZERO, pending::<()>()).await, None);
        assert_eq!(within_grace(&stopping, GRACE, ready(1)).await, Some(1));
        let (running, soon) = (CancellationToken::new(), tokio::time::sleep(Duration::from_millis(1)));
        assert_eq!(within_grace(&running, Duration::ZERO, soon).await, Some(()), "nobody said stop");
    }
}
