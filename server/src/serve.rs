//! The life of the process: listen, work, stop.

use crate::{App, guards, metrics, routes};
use axum::ServiceExt;
use axum::extract::Request;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tower::Layer;
use tower::util::MapRequestLayer;

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
