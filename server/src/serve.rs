//! The life of the process: listen, work, stop.

use crate::{App, guards, metrics, routes};
use axum::ServiceExt;
use axum::extract::Request;
use backend::media;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tower::Layer;
use tower::util::MapRequestLayer;

/// How often uploads that were never sent are swept away.
const SWEEP: Duration = Duration::from_secs(24 * 3600);

/// Serves and works on jobs until `shutdown` resolves; what is under way then is finished first.
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
    let served = axum::serve(listener, service).with_graceful_shutdown(told_to_stop).await;
    // Also after an error of the listener the worker finishes what it began.
    stopping.cancel();
    if worker.await.is_err() {
        tracing::error!("the worker ended in a panic");
    }
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
