//! What a patient sees behind a private link: plain pages for phones, without scripts, cookies, or anything from elsewhere.
//!
//! Reading the page only looks, since messengers open whatever they preview; pressing its button opens.

mod page;

use crate::App;
use crate::failure::ask_again_after;
use app::api::session::NetworkAddress;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Extension, Form, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use backend::limits::{self, Action, Whose};
use backend::share_links::{self, Place};
use model::Failure;
use page::Page;
use serde::Deserialize;

/// Bytes of the form, at most.
const FORM_BYTES: usize = 1024;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/i/{token}", get(look).post(open)).layer(DefaultBodyLimit::max(FORM_BYTES))
}

/// What the page's button sends: a date of birth as people type it, in three inputs, since calendars on phones begin with
/// today; and what the page carries to be known again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Born {
    day: String,
    month: String,
    year: String,
    page: String,
}

impl Born {
    fn date(&self) -> String {
        format!("{}-{:0>2}-{:0>2}", self.year.trim(), self.month.trim(), self.day.trim())
    }
}

async fn look(
    State(app): State<App>,
    Extension(NetworkAddress(from)): Extension<NetworkAddress>,
    Path(token): Path<String>,
) -> Response {
    match limits::take(&app.backend, Action::LinkView, Whose::Address(&from)).await {
        Ok(()) => answer(&app, share_links::look(&app.backend, &token).await),
        Err(failure) => too_often(&app, &failure),
    }
}

async fn open(
    State(app): State<App>,
    Extension(NetworkAddress(from)): Extension<NetworkAddress>,
    Path(token): Path<String>,
    headers: HeaderMap,
    form: Result<Form<Born>, FormRejection>,
) -> Response {
    if let Err(failure) = limits::take(&app.backend, Action::LinkOpening, Whose::Address(&from)).await {
        return too_often(&app, &failure);
    }
    if is_from_elsewhere(&headers) {
        return answer(&app, share_links::look(&app.backend, &token).await);
    }
    let born = form.map(|Form(born)| born).unwrap_or_default();
    let opened = share_links::open_from(&app.backend, &token, Some(&born.date()), &born.page).await;
    answer(&app, opened)
}

/// Another site's page may not press the button. Only what the browser itself says counts: the page gives no referrer,
/// so that older browsers name no origin even for its own form.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    site.is_some_and(|site| !matches!(site, b"same-origin" | b"none"))
}

fn answer(app: &App, place: backend::Result<Place>) -> Response {
    let (status, page) = match place {
        Ok(place) => {
            let status = match &place {
                Place::Before(_, None) | Place::Inside(..) => StatusCode::OK,
                Place::Before(_, Some(_)) => StatusCode::UNPROCESSABLE_ENTITY,
                Place::Closed(..) => StatusCode::GONE,
                Place::Nowhere => StatusCode::NOT_FOUND,
            };
            (status, Page::of(&place, &share_links::new_form(&app.backend)))
        }
        Err(error) => {
            let status = app::api::status(Failure::from(error).code);
            (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Page::of_outage())
        }
    };
    respond(app, status, &page)
}

fn too_often(app: &App, failure: &Failure) -> Response {
    let mut response = respond(app, StatusCode::TOO_MANY_REQUESTS, &Page::of_haste());
    ask_again_after(response.headers_mut(), failure.retry_after);
    response
}

fn respond(app: &App, status: StatusCode, page: &Page) -> Response {
    let policy = format!(
        "default-src 'none'; style-src '{}'; img-src 'self' {origins}; media-src 'self' {origins}; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        page::style_hash(),
        origins = app.media_origins
    );
    let mut response = (status, Html(page.html())).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_people_type_them() {
        let born = |day: &str, month: &str, year: &str| {
            let (day, month, year) = (day.to_owned(), month.to_owned(), year.to_owned());
            Born { day, month, year, page: String::new() }.date()
        };
        assert_eq!(born("9", "2", "1984"), "1984-02-09");
        assert_eq!(born(" 29", "02 ", "1984"), "1984-02-29");
        assert_eq!(born("", "", ""), "-00-00");
    }

    #[test]
    fn only_another_sites_page_is_from_elsewhere() {
        let said = |site: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.extend(
                site.map(|site| (HeaderName::from_static("sec-fetch-site"), HeaderValue::from_static(site))),
            );
            is_from_elsewhere(&headers)
        };
        assert!(!said(None) && !said(Some("same-origin")) && !said(Some("none")));
        assert!(said(Some("cross-site")) && said(Some("same-site")));
    }
}
