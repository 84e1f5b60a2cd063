//! Messages that the server sends.

use super::reports::Story;
use super::{Carrier, Message, broken_off, knows_the_password};
use crate::torture::twilio::LINE;
use axum::Json;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Longer than anybody waits for an answer.
const SILENCE: Duration = Duration::from_secs(90);

/// How often a photo is asked for, a second apart: longer than anything is taken away from the server.
const FETCHES: usize = 120;

/// What every JPEG begins with.
const JPEG: [u8; 3] = [0xff, 0xd8, 0xff];

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Taken and confirmed.
    Takes,
    /// The same after a while.
    TakesSlowly,
    /// Taken, and the connection breaks before the answer is whole.
    TakesAndBreaksOff,
    /// Taken, and answered with a server error.
    TakesAndFails,
    /// Taken, and never answered.
    TakesAndFallsSilent,
    /// Not taken: too many requests.
    PutsOff,
    /// Not taken: a server error.
    Fails,
}

impl Mood {
    fn takes(self) -> bool {
        !matches!(self, Self::PutsOff | Self::Fails)
    }
}

impl Carrier {
    fn mood(&self) -> Mood {
        match self.dice().below(200) {
            0 if self.falls_silent => Mood::TakesAndFallsSilent,
            1..=19 => Mood::TakesSlowly,
            20..=33 => Mood::TakesAndBreaksOff,
            34..=43 => Mood::TakesAndFails,
            44..=59 => Mood::PutsOff,
            60..=67 => Mood::Fails,
            _ => Mood::Takes,
        }
    }

    /// Takes a message, which is never undone; answers with its id.
    fn takes(&self, to: &str, text: &str, media: usize) -> String {
        let mut known = self.known();
        let sid = format!("SM{:032x}", (1u64 << 40) + known.messages.len() as u64);
        known.messages.push(Message {
            sid: sid.clone(),
            inbound: false,
            from: LINE.to_owned(),
            to: to.to_owned(),
            text: text.to_owned(),
            media,
            status: "queued",
            at: self.clock.now(),
        });
        sid
    }

    /// A photo that is to go along, from the link that it was given, which holds for hours.
    async fn fetch(&self, url: &str, text: String) {
        for _ in 0..FETCHES {
            let answer = self.client.get(self.doors.through(url)).send().await;
            if let Ok(answer) = answer
                && answer.status() == StatusCode::OK
                && answer.bytes().await.is_ok_and(|bytes| bytes.starts_with(&JPEG))
            {
                self.known().fetched += 1;
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        self.known().unfetched.push(text);
    }
}

/// `POST …/Messages.json`.
pub(super) async fn send(
    State(carrier): State<Arc<Carrier>>,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    if !knows_the_password(&headers) {
        return problem(StatusCode::UNAUTHORIZED, 20003);
    }
    let field = |name: &str| {
        let found = fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let (to, text, callback) = (field("To"), field("Body"), field("StatusCallback"));
    if to.is_empty() || text.is_empty() || callback.is_empty() || field("From") != LINE {
        return problem(StatusCode::BAD_REQUEST, 21604);
    }
    let mood = carrier.mood();
    if !mood.takes() {
        return match mood {
            Mood::PutsOff => {
                let later = [(header::RETRY_AFTER, "1")];
                (later, problem(StatusCode::TOO_MANY_REQUESTS, 20429)).into_response()
            }
            _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        };
    }
    let photos: Vec<String> =
        fields.iter().filter(|(field, _)| field == "MediaUrl").map(|(_, url)| url.clone()).collect();
    let media = photos.len();
    let sid = carrier.takes(&to, &text, media);
    for url in photos {
        let (fetching, text) = (carrier.clone(), text.clone());
        carrier.reports.spawn(async move { fetching.fetch(&url, text).await });
    }
    let story = Story::new(&carrier, &sid, &to, &callback);
    // Some reports come before the answer which tells the id that they are about.
    if carrier.dice().chance(15) {
        story.tell_first(&carrier).await;
    }
    story.go_on(&carrier);
    match mood {
        Mood::TakesSlowly => {
            let wait = carrier.dice().between(Duration::from_millis(300), Duration::from_secs(4));
            tokio::time::sleep(wait).await;
        }
        Mood::TakesAndFallsSilent => tokio::time::sleep(SILENCE).await,
        Mood::TakesAndFails => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Mood::TakesAndBreaksOff => {
            let first = broken_off(Bytes::from_static(b"{\"sid\": \"SM"));
            return (StatusCode::CREATED, first).into_response();
        }
        Mood::Takes | Mood::PutsOff | Mood::Fails => {}
    }
    let created = json!({
        "sid": sid, "status": "queued", "to": to, "from": LINE, "body": text, "direction": "outbound-api",
        "num_segments": "1", "num_media": media.to_string(), "price": null, "price_unit": "USD", "error_code": null,
        "error_message": null, "api_version": "2010-04-01",
    });
    (StatusCode::CREATED, Json(created)).into_response()
}

fn problem(status: StatusCode, code: u32) -> Response {
    (status, Json(json!({ "code": code, "message": "No.", "status": status.as_u16() }))).into_response()
}
