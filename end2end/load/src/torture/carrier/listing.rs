//! What it knows, for whoever asks afterwards.

use super::{Carrier, Message, file_sid, knows_the_password};
use crate::torture::numbered::inbound_number;
use crate::torture::twilio::ACCOUNT;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model::Millis;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Twilio's own, where none is asked for.
const PAGE_SIZE: usize = 50;

/// A run is over before a day is: every message is of the days that may be asked for, so that dates leave none out.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Asked {
    from: Option<String>,
    to: Option<String>,
    page: Option<usize>,
    page_size: Option<usize>,
}

/// `GET …/Messages.json`: the newest first.
pub(super) async fn list(
    State(carrier): State<Arc<Carrier>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    if !knows_the_password(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let (page, size) = (asked.page.unwrap_or(0), asked.page_size.unwrap_or(PAGE_SIZE).clamp(1, 1000));
    let fits = |given: &Option<String>, own: &str| given.as_deref().is_none_or(|given| given == own);
    let found: Vec<Message> = {
        let known = carrier.known();
        let all = known.messages.iter().rev();
        all.filter(|message| fits(&asked.from, &message.from) && fits(&asked.to, &message.to))
            .cloned()
            .collect()
    };
    let messages: Vec<Value> = found.iter().skip(page * size).take(size).map(resource).collect();
    let address = |page: usize| {
        let mut query = format!("PageSize={size}&Page={page}");
        for (name, given) in [("From", &asked.from), ("To", &asked.to)] {
            if let Some(given) = given {
                query.push_str(&format!("&{name}={}", given.replace('+', "%2B")));
            }
        }
        format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json?{query}")
    };
    let next = (found.len() > (page + 1) * size).then(|| address(page + 1));
    let previous = page.checked_sub(1).map(address);
    Json(json!({
        "messages": messages, "page": page, "page_size": size, "start": page * size,
        "end": (page * size + messages.len()).saturating_sub(1), "uri": address(page), "first_page_uri": address(0),
        "next_page_uri": next, "previous_page_uri": previous,
    }))
    .into_response()
}

/// `GET …/Messages/{sid}.json`.
pub(super) async fn one(
    State(carrier): State<Arc<Carrier>>,
    Path((_, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    match find(&carrier, &headers, name.trim_end_matches(".json")) {
        Ok(message) => Json(resource(&message)).into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// `GET …/Messages/{sid}/Media.json`.
pub(super) async fn media(
    State(carrier): State<Arc<Carrier>>,
    Path((_, sid)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let message = match find(&carrier, &headers, &sid) {
        Ok(message) => message,
        Err(refused) => return refused.into_response(),
    };
    let number = inbound_number(&message.text).unwrap_or_default();
    let date = date(message.at);
    let files: Vec<Value> = (0..message.media)
        .map(|position| {
            let file = file_sid(number, position);
            let uri = format!("/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}/Media/{file}.json");
            json!({
                "sid": file, "account_sid": ACCOUNT, "parent_sid": sid, "content_type": "image/png",
                "date_created": date, "date_updated": date, "uri": uri,
            })
        })
        .collect();
    Json(json!({
        "media_list": files, "page": 0, "page_size": PAGE_SIZE, "start": 0, "end": files.len().saturating_sub(1),
        "next_page_uri": null, "previous_page_uri": null,
    }))
    .into_response()
}

fn find(carrier: &Carrier, headers: &HeaderMap, sid: &str) -> Result<Message, StatusCode> {
    if !knows_the_password(headers) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let known = carrier.known();
    known.messages.iter().find(|message| message.sid == sid).cloned().ok_or(StatusCode::NOT_FOUND)
}

/// Twilio's Message.
fn resource(message: &Message) -> Value {
    let date = date(message.at);
    let direction = if message.inbound { "inbound" } else { "outbound-api" };
    let error = (message.status == "undelivered").then_some(30003);
    json!({
        "account_sid": ACCOUNT, "api_version": "2010-04-01", "sid": message.sid, "body": message.text,
        "direction": direction,
        "from": message.from, "to": message.to, "status": message.status,
        "error_code": error, "error_message": null, "messaging_service_sid": null,
        "num_media": message.media.to_string(), "num_segments": "1", "price": null, "price_unit": "USD",
        "date_created": date, "date_sent": date, "date_updated": date,
        "subresource_uris": {
            "media": format!("/2010-04-01/Accounts/{ACCOUNT}/Messages/{}/Media.json", message.sid),
        },
        "uri": format!("/2010-04-01/Accounts/{ACCOUNT}/Messages/{}.json", message.sid),
    })
}

/// As Twilio writes dates: `Tue, 04 Aug 2026 01:52:07 +0000`.
fn date(at: Millis) -> String {
    let since = Duration::from_millis(u64::try_from(at).unwrap_or(0));
    httpdate::fmt_http_date(UNIX_EPOCH + since).replace("GMT", "+0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_twilio_writes_them() {
        assert_eq!(date(1_785_808_327_000), "Tue, 04 Aug 2026 01:52:07 +0000");
    }
}
