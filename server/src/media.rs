//! Photos behind signed links, for staff and for carriers: whoever holds the link may see it while it holds.

use crate::App;
use crate::failure::Problem;
use crate::guards::CalledUri;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use backend::media::links;
use http_range_header::parse_range_header;
use model::FailureCode;
use std::ops::Range;

/// `GET /media/…`, whole or a part of it.
pub(crate) async fn media(
    State(app): State<App>,
    Extension(CalledUri(called)): Extension<CalledUri>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let path_and_query = called.path_and_query().map_or("", |path_and_query| path_and_query.as_str());
    let opened = links::open(&app.backend, path_and_query).await?;
    let part = match wanted(&asked, opened.size) {
        Wanted::Whole => None,
        Wanted::Part(part) => Some(part),
        Wanted::Nothing => return Ok(not_satisfiable(opened.size)),
    };
    let length = part.as_ref().map_or(opened.size, |part| part.end - part.start);
    let headers: [(HeaderName, String); 7] = [
        (header::CONTENT_TYPE, opened.media_type.clone()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_DISPOSITION, links::content_disposition(opened.disposition, &opened.file_name)),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CACHE_CONTROL, format!("private, max-age={}, immutable", opened.for_ms / 1000)),
        (header::CONTENT_SECURITY_POLICY, policy(&opened.media_type).to_owned()),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin".to_owned()),
    ];
    let mut response = Body::from_stream(opened.read(&app.backend, part.clone()).await?).into_response();
    for (name, value) in headers {
        let value =
            HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("application/octet-stream"));
        response.headers_mut().insert(name, value);
    }
    if let Some(Range { start, end }) = part {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let place = format!("bytes {start}-{}/{}", end - 1, opened.size);
        set_content_range(&mut response, &place);
    }
    Ok(response)
}

/// A file that poses as a page can do nothing. Around a document there is no sandbox: in one, the viewers of Safari and
/// Firefox show nothing. Its type is told and is not to be guessed, and viewers keep what runs in it to themselves.
fn policy(media_type: &str) -> &'static str {
    match media_type {
        "application/pdf" => "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'",
        _ => "default-src 'none'; sandbox",
    }
}

/// What of a file is asked for.
enum Wanted {
    Whole,
    Part(Range<u64>),
    /// A part that the file does not have.
    Nothing,
}

/// Reads `Range` (RFC 9110, section 14.2). What is malformed, conditional (there are no validators to compare) or
/// asks for several parts is answered with the whole, as the RFC allows.
fn wanted(asked: &HeaderMap, size: u64) -> Wanted {
    let range = asked.get(header::RANGE).filter(|_| !asked.contains_key(header::IF_RANGE));
    let Some(parsed) = range.and_then(|range| parse_range_header(range.to_str().ok()?).ok()) else {
        return Wanted::Whole;
    };
    match parsed.validate(size) {
        Ok(parts) => match parts.as_slice() {
            [part] => Wanted::Part(*part.start()..part.end() + 1),
            _ => Wanted::Whole,
        },
        Err(_) => Wanted::Nothing,
    }
}

fn not_satisfiable(size: u64) -> Response {
    let words = format!("The file has {size} bytes, and none in the range that was asked for.");
    let problem = Problem::new(FailureCode::Invalid, words).with_status(StatusCode::RANGE_NOT_SATISFIABLE);
    let mut response = problem.into_response();
    set_content_range(&mut response, &format!("bytes */{size}"));
    response
}

fn set_content_range(response: &mut Response, place: &str) {
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::CONTENT_RANGE, place);
    }
}
