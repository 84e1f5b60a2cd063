//! The pages and what they load: rendered here first, alive in the browser after.

use crate::App;
use crate::failure;
use app::api::session::PageSession;
use app::{Assets, MediaOrigins};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use backend::Backend;
use leptos::prelude::provide_context;
use leptos_axum::{
    LeptosRoutes, generate_route_list, handle_server_fns_with_context, render_app_async_with_context,
};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::path::Path;
use tower::ServiceExt;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::services::ServeDir;

/// Bytes of a server function's arguments, at most.
const ARGUMENT_BYTES: usize = 1024 * 1024;

/// The files of the browser by hashed name, as the bundler's manifest has them. Without a built site the pages are
/// still served, and their scripts are missing.
pub(crate) fn assets(site: &Path) -> Assets {
    let hashed: HashMap<String, String> = read(site, "manifest.json");
    if hashed.is_empty() {
        let site = site.display();
        tracing::warn!(%site, "there are no built pages: set HELIOGRAPH_SITE to their folder, or build them with `cargo xtask run`");
    }
    let path = |name: &str| match hashed.get(name) {
        Some(path) if path.starts_with('/') => path.clone(),
        Some(path) if path.starts_with("pkg/") => format!("/{path}"),
        Some(file) => format!("/pkg/{file}"),
        None => format!("/pkg/{name}"),
    };
    Assets {
        css: path("main.css"),
        frontend_js: path("frontend.js"),
        frontend_wasm: path("frontend.wasm"),
        parts_js: path("parts.js"),
        parts: read(site, "parts.json"),
        preview_worker_js: path("preview-worker.js"),
        preview_worker_wasm: path("preview-worker.wasm"),
    }
}

/// One of the bundler's tables; nothing where it cannot be read.
fn read<T: DeserializeOwned + Default>(site: &Path, table: &str) -> T {
    let json = std::fs::read(site.join("pkg").join(table)).ok();
    json.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
}

/// Pages, server functions and files.
pub(crate) fn routes(app: &App) -> Router<App> {
    let pages = generate_route_list(app::App);
    Router::new()
        .route("/api/ui/{*function}", post(server_function))
        // Leptos reads a body itself, so axum's own limit does not reach it.
        .layer(RequestBodyLimitLayer::new(ARGUMENT_BYTES))
        .leptos_routes_with_context(app, pages, contexts(app), shell(app))
        .layer(middleware::from_fn_with_state(app.clone(), with_session))
        .layer(middleware::from_fn(not_kept))
        .layer(CompressionLayer::new())
        .route("/pkg/{*file}", get(hashed_file))
}

/// What is no route: a file of the site, or the page that says so to people and the error that says so to programs.
pub(crate) async fn fallback(State(app): State<App>, request: Request) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let for_programs = ["/api/", "/webhooks/", "/media/", "/simulator/", "/pkg/"]
        .iter()
        .any(|prefix| request.uri().path().starts_with(prefix));
    if !reads || for_programs {
        return failure::no_such_address(request.uri().clone()).await.into_response();
    }
    let (parts, body) = request.into_parts();
    let mut file = file(&app, Request::from_parts(parts.clone(), Body::empty())).await;
    if file.status() != StatusCode::NOT_FOUND {
        // Icons and the manifest keep their names from one version to the next.
        let keep = HeaderValue::from_static("public, max-age=3600");
        file.headers_mut().insert(header::CACHE_CONTROL, keep);
        return file;
    }
    let wants_page = parts
        .headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if !wants_page {
        return failure::no_such_address(parts.uri).await.into_response();
    }
    let mut request = Request::from_parts(parts, body);
    know_session(&app, &mut request).await;
    let mut page = render_app_async_with_context(contexts(&app), shell(&app))(request).await;
    *page.status_mut() = StatusCode::NOT_FOUND;
    page
}

async fn server_function(State(app): State<App>, request: Request) -> Response {
    handle_server_fns_with_context(contexts(&app), request).await.into_response()
}

fn contexts(app: &App) -> impl Fn() + Clone + Send + Sync + 'static {
    let backend: Backend = app.backend.clone();
    let origins = app.media_origins.clone();
    move || {
        provide_context(backend.clone());
        provide_context(MediaOrigins(origins.clone()));
    }
}

fn shell(app: &App) -> impl Fn() -> leptos::prelude::AnyView + Clone + Send + Sync + 'static {
    use leptos::prelude::IntoAny;
    let assets = app.assets.clone();
    move || app::shell(&assets).into_any()
}

/// Pages are drawn from the session at once, so it is read before.
async fn with_session(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/api/") {
        know_session(&app, &mut request).await;
    }
    next.run(request).await
}

async fn know_session(app: &App, request: &mut Request) {
    let session = PageSession::of(&app.backend, request.headers()).await;
    request.extensions_mut().insert(session);
}

/// Pages and answers hold patients' data: nobody but the page itself may keep them.
async fn not_kept(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Its name changes with its content, so that it may be kept for good.
async fn hashed_file(State(app): State<App>, request: Request) -> Response {
    let mut response = file(&app, request).await;
    if response.status() == StatusCode::NOT_FOUND {
        return failure::Problem::not_found().into_response();
    }
    let keep = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, keep);
    response
}

/// A file of the site, in its compressed form where the browser takes it.
async fn file(app: &App, request: Request) -> Response {
    let files = ServeDir::new(&app.site)
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip();
    let mut response = match files.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    };
    // A worker's policy is that of its own file: it loads its wasm.
    let policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; style-src 'self'; \
                  frame-ancestors 'none'";
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}
