//! The API's description: made from the code, readable in a browser.

use axum::http::header;
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa::openapi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Heliograph",
        description = "Text with patients, pictures included. Ask with `Authorization: Bearer` and a token from \
            Settings, API tokens. Paths work with and without a trailing slash. Instants are milliseconds since \
            1970-01-01T00:00:00Z. Errors have one shape: \
            `{\"error\": {\"code\", \"message\", \"field\"}}`. While every line is a simulator, answers carry \
            `\"mock\": true`.",
    ),
    tags(
        (name = "sms", description = "Sending, threads and filing by patient"),
        (name = "conversations", description = "The inbox"),
        (name = "messages", description = "Old texts by their words"),
        (name = "links", description = "Private links in place of MMS"),
        (name = "patients", description = "Records"),
        (name = "images", description = "Photos in records"),
        (name = "reports", description = "How much came and went, and what it cost"),
        (name = "whatsapp", description = "Approved templates, which may be sent at any time"),
        (name = "operation", description = "What stands aside, and the way back"),
        (name = "live", description = "Changes as they happen"),
    ),
    security(("token" = []), ("session" = [])),
)]
struct Head;

pub(super) fn head() -> openapi::OpenApi {
    Head::openapi()
}

/// Adds what the calls' own annotations do not say: how to sign in, and the public spelling of the sms paths.
pub(super) fn finish(mut api: openapi::OpenApi) -> openapi::OpenApi {
    let components = api.components.get_or_insert_default();
    components.add_security_scheme(
        "token",
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
    );
    components.add_security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(app::api::SESSION_COOKIE))),
    );
    let paths = std::mem::take(&mut api.paths.paths);
    api.paths.paths = paths
        .into_iter()
        .map(|(path, item)| if path.starts_with("/api/sms/") { (path + "/", item) } else { (path, item) })
        .collect();
    api
}

pub(super) async fn page() -> impl IntoResponse {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                  frame-ancestors 'none'";
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
    (headers, include_str!("docs/page.html"))
}

pub(super) async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("docs/page.js"))
}

pub(super) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("docs/page.css"))
}
