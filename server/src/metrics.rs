//! What an operator watches: counts and times, never a person.

use crate::App;
use crate::failure::Problem;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use backend::readiness::{self, Readiness};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

/// Bounds of the histograms, in seconds. A webhook has 0.1.
const SECONDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Bounds of the database's histograms, in seconds: on a machine that is well, most take less than a request's first.
const DATABASE_SECONDS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 5.0];

/// How often what was recorded is summed up, also when nobody collects it.
const SUM_UP: Duration = Duration::from_secs(30);

/// The process has one recorder, however many servers a test starts.
pub(crate) fn recorder() -> PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new()
                .set_buckets(&SECONDS)
                .and_then(|builder| {
                    builder.set_buckets_for_metric(Matcher::Prefix("db_".to_owned()), &DATABASE_SECONDS)
                })
                .expect("the lists of bounds are not empty")
                .build_recorder();
            let handle = recorder.handle();
            // Only fails when the program that embeds us has installed its own; then that one counts.
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("metrics are recorded elsewhere; /metrics stays empty");
            }
            handle
        })
        .clone()
}

/// A stream of changes that somebody listens to, counted from [`begin`](Self::begin) until it is dropped.
pub(crate) struct OpenStream;

impl OpenStream {
    pub(crate) fn begin() -> Self {
        metrics::gauge!("live_streams").increment(1.0);
        Self
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        metrics::gauge!("live_streams").decrement(1.0);
    }
}

/// Keeps what was recorded from piling up, until the process stops.
pub(crate) async fn sum_up(app: App) {
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = tokio::time::sleep(SUM_UP) => app.metrics.run_upkeep(),
        }
    }
}

/// `GET /metrics`: Prometheus text, for this machine or whoever has the token. To anyone else there is nothing here.
pub(crate) async fn metrics(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    if !may_read(&app, peer, &headers) {
        return Problem::not_found().into_response();
    }
    let Readiness { database, blobs } = readiness::find(&app.backend).await;
    for (part, ready) in [("database", database), ("blobs", blobs)] {
        metrics::gauge!("storage_ready", "part" => part).set(if ready { 1.0 } else { 0.0 });
    }
    // Whoever collects waits for some seconds only, and one that is away is not asked twice.
    if database && let Err(error) = backend::jobs::measure(&app.backend).await {
        // What this process counted by itself is told all the same.
        tracing::warn!(%error, "what stands aside could not be counted");
    }
    app.metrics.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render())
        .into_response()
}

fn may_read(app: &App, peer: SocketAddr, headers: &HeaderMap) -> bool {
    if let Some(token) = &app.metrics_token {
        let expected =
            app.backend.keys.hash(backend::keys::Purpose::Token, &format!("Bearer {}", token.expose()));
        let given =
            headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        return app.backend.keys.verify(backend::keys::Purpose::Token, given, &expected);
    }
    // Behind a proxy on this machine everyone seems to be local.
    let proxied =
        ["forwarded", "x-forwarded-for", "x-real-ip", "via"].iter().any(|name| headers.contains_key(*name));
    peer.ip().is_loopback() && !proxied
}
