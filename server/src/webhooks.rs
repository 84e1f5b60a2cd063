//! One door for all carriers. A webhook is answered well only after its raw form is durable, and whoever forges
//! one learns nothing from the answer.

use crate::App;
use crate::failure::{Id, Problem, Raw};
use crate::guards::CalledUri;
use app::api::session::NetworkAddress;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request, State};
use axum::http::{HeaderMap, header};
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

/// The same door with no journal behind it, for measuring what keeping webhooks costs. No server of ours has it.
pub fn unkept() -> Router<App> {
    Router::new()
        .route("/webhooks-unkept/{provider}/{line_key}/{kind}", get(check).post(check))
        .layer(DefaultBodyLimit::max(MAX_BYTES))
}

async fn receive(State(app): State<App>, webhook: Webhook) -> Result<Response, Problem> {
    // However it was taken, the answer is the same.
    inbox::accept(&app.backend, webhook.provider, &webhook.line_key, &webhook.request).await?;
    Ok(acknowledgement(webhook.provider))
}

async fn check(State(app): State<App>, webhook: Webhook) -> Result<Response, Problem> {
    match inbox::is_genuine(&app.backend, webhook.provider, &webhook.line_key, &webhook.request).await? {
        true => Ok(acknowledgement(webhook.provider)),
        false => Err(Problem::not_found()),
    }
}

fn acknowledgement(provider: ProviderKind) -> Response {
    let (content_type, answer) = providers::for_kind(provider).acknowledgement();
    ([(header::CONTENT_TYPE, content_type)], answer).into_response()
}

/// A webhook as it was called.
struct Webhook {
    provider: ProviderKind,
    line_key: String,
    request: WebhookRequest,
}

impl FromRequest<App> for Webhook {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let Id((provider, line_key, kind)) =
            Id::<(String, String, String)>::from_request_parts(&mut parts, app).await?;
        let provider = ProviderKind::from_word(&provider).ok_or_else(Problem::not_found)?;
        let kind = match kind.as_str() {
            "inbound" => WebhookKind::Inbound,
            "status" => WebhookKind::Status,
            _ => return Err(Problem::not_found()),
        };
        let called = parts.extensions.get::<CalledUri>().map_or(&parts.uri, |CalledUri(called)| called);
        let path_and_query = called.path_and_query().map_or("/", |path_and_query| path_and_query.as_str());
        let url = public_url(&app.backend.settings.app_url, path_and_query);
        let client =
            parts.extensions.get::<NetworkAddress>().and_then(|NetworkAddress(client)| client.parse().ok());
        let (method, headers) = (parts.method.to_string(), kept_headers(&parts.headers));
        let Raw(body) = Raw::from_request(Request::from_parts(parts, body), app).await?;
        let received_at = app.backend.clock.now();
        let request = WebhookRequest { kind, method, url, headers, body: body.to_vec(), received_at, client };
        Ok(Self { provider, line_key, request })
    }
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
