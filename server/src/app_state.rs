//! What every handler can reach.

use crate::config::{BlobPlace, Config, Secret};
use crate::metrics;
use crate::simulator::Simulators;
use axum::extract::FromRef;
use axum::http::HeaderName;
use backend::Backend;
use leptos::config::LeptosOptions;
use metrics_exporter_prometheus::PrometheusHandle;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The process. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub struct App(Arc<AppParts>);

/// What the process is made of.
pub struct AppParts {
    /// The product.
    pub backend: Backend,
    /// The simulated carrier's other side.
    pub(crate) simulators: Simulators,
    /// What the pages load, by hashed name.
    pub(crate) assets: app::Assets,
    pub(crate) leptos: LeptosOptions,
    /// Where else pictures come from: the S3 endpoint's origin.
    pub(crate) media_origins: String,
    pub(crate) site: PathBuf,
    pub(crate) client_address_header: Option<HeaderName>,
    pub(crate) metrics_token: Option<Secret>,
    pub(crate) metrics: PrometheusHandle,
    /// The process is about to stop: whoever asks is told to come back through a new connection.
    pub(crate) draining: CancellationToken,
    /// Streams end when the process stops.
    pub(crate) stopping: CancellationToken,
    /// What is under way then is not waited for much longer.
    pub(crate) hurrying: CancellationToken,
}

impl App {
    /// Puts the process together around an open product.
    pub fn new(backend: Backend, config: &Config) -> Self {
        let leptos = LeptosOptions::builder().output_name("frontend").build();
        Self(Arc::new(AppParts {
            simulators: Simulators::new(&backend),
            assets: crate::pages::assets(&config.site),
            leptos,
            media_origins: media_origins(config),
            site: config.site.clone(),
            client_address_header: config.client_address_header.clone(),
            metrics_token: config.metrics_token.clone(),
            metrics: metrics::recorder(),
            draining: CancellationToken::new(),
            stopping: CancellationToken::new(),
            hurrying: CancellationToken::new(),
            backend,
        }))
    }

    /// The simulated network has nothing under way: for tests that wait for it.
    pub async fn simulators_settled(&self) {
        self.simulators.network.settled().await;
    }
}

impl std::ops::Deref for App {
    type Target = AppParts;
    fn deref(&self) -> &AppParts {
        &self.0
    }
}

impl FromRef<App> for LeptosOptions {
    fn from_ref(app: &App) -> Self {
        app.leptos.clone()
    }
}

/// The origins that presigned links lead to.
fn media_origins(config: &Config) -> String {
    match &config.blobs {
        BlobPlace::Folder(_) => String::new(),
        BlobPlace::S3 { endpoint: Some(endpoint), .. } => endpoint.origin().ascii_serialization(),
        BlobPlace::S3 { bucket, region, .. } => {
            format!("https://{bucket}.s3.{region}.amazonaws.com https://{bucket}.s3.amazonaws.com")
        }
    }
}
