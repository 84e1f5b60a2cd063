//! What every request passes on its way in and out: its address made plain, its origin checked, its passing noted,
//! its answer made safe for browsers.

use crate::App;
use crate::failure::Problem;
use crate::session::bearer;
use app::api::session::NetworkAddress;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::FailureCode;
use std::net::{IpAddr, SocketAddr};
use tokio::time::Instant;
use url::Url;

/// The address exactly as it was called: carriers sign it.
#[derive(Debug, Clone)]
pub(crate) struct CalledUri(pub(crate) Uri);

/// Keeps the address as it was called and takes a trailing slash away, so that both spellings reach one route.
pub(crate) fn plain_address<B>(mut request: http::Request<B>) -> http::Request<B> {
    let called = request.uri().clone();
    let path = called.path();
    if path.len() > 1 && path.ends_with('/') {
        let trimmed = path.trim_end_matches('/');
        let query = called.query().map(|query| format!("?{query}")).unwrap_or_default();
        let plain = format!("{}{query}", if trimmed.is_empty() { "/" } else { trimmed });
        if let Ok(plain) = plain.parse::<PathAndQuery>() {
            let mut parts = called.clone().into_parts();
            parts.path_and_query = Some(plain);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
    request.extensions_mut().insert(CalledUri(called));
    request
}

/// Notes where a request came from, for limiting attempts.
pub(crate) async fn client_address(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let named = app.client_address_header.as_ref().and_then(|name| named_address(request.headers(), name));
    let address = named.or(peer).map(|ip| ip.to_string()).unwrap_or_default();
    request.extensions_mut().insert(NetworkAddress(address));
    next.run(request).await
}

/// The last entry: the trusted proxy wrote it; what stands before it, the caller may have made up.
fn named_address(headers: &HeaderMap, name: &HeaderName) -> Option<IpAddr> {
    let last = headers.get_all(name).into_iter().next_back()?.to_str().ok()?;
    let last = last.rsplit(',').next()?.trim();
    last.parse().ok().or_else(|| last.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Refuses what another site's page makes a browser send. Programs send neither header and pass.
pub(crate) async fn same_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // No browser sends a token by itself.
    let by_token = bearer(request.headers()).is_some();
    if safe || by_token || is_same_origin(request.headers(), &app.backend.settings.app_url) {
        return next.run(request).await;
    }
    Problem::new(FailureCode::NotAllowed, "This request comes from another site's page and was refused.")
        .into_response()
}

fn is_same_origin(headers: &HeaderMap, app_url: &Url) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(header::ORIGIN) else { return true };
    if origin == app_url.origin().ascii_serialization() {
        return true;
    }
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_some() && authority == text(header::HOST)
}

/// Logs and counts a request by its route's pattern, never by its address, which may carry a token or an id.
pub(crate) async fn note(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |matched| matched.as_str().to_owned());
    let started = Instant::now();
    let response = next.run(request).await;
    let took = started.elapsed();
    let status = response.status().as_u16();
    tracing::info!(%method, route, status, ms = took.as_millis() as u64, "request");
    let labels = [("method", method.to_string()), ("route", route), ("status", status.to_string())];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", &labels[..2]).record(took.as_secs_f64());
    response
}

/// Tells whoever is connected to a process that is about to stop to come back through a new connection, so that nothing is
/// asked through this one at the moment when it closes. Over HTTP/2 closing says so by itself.
pub(crate) async fn parting(State(app): State<App>, request: Request, next: Next) -> Response {
    let version = request.version();
    let mut response = next.run(request).await;
    if app.draining.is_cancelled() && version <= Version::HTTP_11 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Headers that tell browsers to be careful, unless the answer brought its own.
pub(crate) async fn careful(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    set(HeaderName::from_static("permissions-policy"), "camera=(self), geolocation=(), microphone=()");
    if app.backend.settings.app_url.scheme() == "https" {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn only_our_own_pages_and_programs_pass() {
        let app_url = "https://sms.clinic.example".parse().unwrap();
        let passes = |pairs| is_same_origin(&headers(pairs), &app_url);
        assert!(passes(&[]));
        assert!(passes(&[("sec-fetch-site", "same-origin"), ("origin", "https://sms.clinic.example")]));
        assert!(passes(&[("origin", "https://sms.clinic.example"), ("host", "10.0.0.5:3000")]));
        assert!(passes(&[("origin", "http://localhost:3000"), ("host", "localhost:3000")]));
        assert!(!passes(&[("sec-fetch-site", "cross-site")]));
        assert!(!passes(&[("sec-fetch-site", "same-site")]));
        assert!(!passes(&[("origin", "https://evil.example"), ("host", "sms.clinic.example")]));
        assert!(!passes(&[("origin", "null"), ("host", "sms.clinic.example")]));
    }

    #[test]
    fn a_trailing_slash_is_taken_away_and_remembered() {
        let plain = |address: &str| {
            let request = plain_address(http::Request::builder().uri(address).body(()).unwrap());
            let called = request.extensions().get::<CalledUri>().unwrap().0.to_string();
            (request.uri().to_string(), called)
        };
        assert_eq!(plain("/a/b/?x=/"), ("/a/b?x=/".to_owned(), "/a/b/?x=/".to_owned()));
        assert_eq!(plain("/").0, "/");
        assert_eq!(plain("//").0, "/");
        assert_eq!(plain("/a").0, "/a");
    }

    #[test]
    fn only_the_proxys_own_entry_counts() {
        let name = HeaderName::from_static("x-forwarded-for");
        let found =
            |value| named_address(&headers(&[("x-forwarded-for", value)]), &name).map(|ip| ip.to_string());
        assert_eq!(found("203.0.113.9, 198.51.100.7").as_deref(), Some("198.51.100.7"));
        assert_eq!(found("198.51.100.7:4711").as_deref(), Some("198.51.100.7"));
        assert_eq!(found("unknown"), None);
    }
}
