//! One door for all carriers. A webhook is answered well only after its raw form is durable, and whoever forges
//! one learns nothing from the answer.

use crate::App;
use crate::failure::{Id, Problem, Raw};
use crate::guards::CalledUri;
use app::api::session::NetworkAddress;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use backend::inbox;
use backend::providers::{self, WebhookKind, WebhookRequest};
use model::line::ProviderKind;
use url::Url;

/// Bytes of a webhook, at most: most carriers send media as links, some within it as Base64.
const MAX_BYTES: usize = 8 * 1024 * 1024;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/webhooks/{provider}/{line_key}/{kind}", get(receive).post(receive))
        .layer(DefaultBodyLimit::max(MAX_BYTES))
}

async fn receive(
    State(app): State<App>,
    Id((provider, line_key, kind)): Id<(String, String, String)>,
    Extension(CalledUri(called)): Extension<CalledUri>,
    Extension(NetworkAddress(client)): Extension<NetworkAddress>,
    method: Method,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let provider = ProviderKind::from_word(&provider).ok_or_else(Problem::not_found)?;
    let kind = match kind.as_str() {
        "inbound" => WebhookKind::Inbound,
        "status" => WebhookKind::Status,
        _ => return Err(Problem::not_found()),
    };
    let path_and_query = called.path_and_query().map_or("/", |path_and_query| path_and_query.as_str());
    let request = WebhookRequest {
        kind,
        method: method.to_string(),
        url: public_url(&app.backend.settings.app_url, path_and_query),
        headers: kept_headers(&headers),
        body: body.to_vec(),
        received_at: app.backend.clock.now(),
        client: client.parse().ok(),
    };
    // However it was taken, the answer is the same.
    inbox::accept(&app.backend, provider, &line_key, &request).await?;
    let (content_type, answer) = providers::for_kind(provider).acknowledgement();
    Ok(([(header::CONTENT_TYPE, content_type)], answer).into_response())
}

/// The address as the carrier called it: our public base, then the path and query untouched, since they are signed.
fn public_url(app_url: &Url, path_and_query: &str) -> String {
    format!("{}{path_and_query}", app_url.as_str().trim_end_matches('/'))
}

/// Everything but what a proxy or a browser adds about itself.
fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| !matches!(**name, header::COOKIE | header::AUTHORIZATION))
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}
