//! The pages for the people who connect carriers, as they are in `docs/`: Settings links to them, and they are those of
//! this very version.

use crate::App;
use crate::failure::{Id, Problem};
use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

/// By the name in the address.
const GUIDES: [(&str, &str); 6] = [
    ("twilio", include_str!("../../docs/carriers/twilio.md")),
    ("telnyx", include_str!("../../docs/carriers/telnyx.md")),
    ("messagemedia", include_str!("../../docs/carriers/messagemedia.md")),
    ("smsbroadcast", include_str!("../../docs/carriers/smsbroadcast.md")),
    ("clicksend", include_str!("../../docs/carriers/clicksend.md")),
    ("keeping-your-number", include_str!("../../docs/keeping-your-number.md")),
];

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/guides/{name}", get(guide))
}

async fn guide(Id(name): Id<String>) -> Result<impl IntoResponse, Problem> {
    let (_, text) = GUIDES.iter().find(|(known, _)| *known == name).ok_or_else(Problem::not_found)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], *text))
}
