//! Photos behind signed links, for staff and for carriers: whoever holds the link may see it while it holds.

use crate::App;
use crate::failure::Problem;
use crate::guards::CalledUri;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use backend::media::links;

/// `GET /media/…`.
pub(crate) async fn media(
    State(app): State<App>,
    Extension(CalledUri(called)): Extension<CalledUri>,
) -> Result<Response, Problem> {
    let path_and_query = called.path_and_query().map_or("", |path_and_query| path_and_query.as_str());
    let opened = links::open(&app.backend, path_and_query).await?;
    let headers: [(HeaderName, String); 6] = [
        (header::CONTENT_TYPE, opened.media_type),
        (header::CONTENT_LENGTH, opened.body.size.to_string()),
        (header::CONTENT_DISPOSITION, links::content_disposition(opened.disposition, &opened.file_name)),
        (header::CACHE_CONTROL, format!("private, max-age={}, immutable", opened.for_ms / 1000)),
        // A file that poses as a page can do nothing.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin".to_owned()),
    ];
    let mut response = Body::from_stream(opened.body.stream).into_response();
    for (name, value) in headers {
        let value =
            HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("application/octet-stream"));
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
