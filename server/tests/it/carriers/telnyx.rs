//! Telnyx: JSON both ways, webhooks signed with Ed25519, media that may ask for the API key.

use super::{Asked, Contract, Hook, Media, News, Outcome, Said, Sending, json, photo, text};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use model::Millis;
use model::line::{LineView, ProviderKind};
use serde_json::{Value, json};

const KEY: &str = "KEY_test_0123456789abcdef";

pub(super) struct Telnyx;

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

impl Contract for Telnyx {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Telnyx
    }

    fn line(&self) -> &'static str {
        "+12125550110"
    }

    fn patient(&self) -> &'static str {
        "+12125550123"
    }

    fn credentials(&self) -> Value {
        json!({"api_key": KEY, "public_key": STANDARD.encode(pair().public_key().as_ref())})
    }

    fn asks_to_send(&self, asked: &Asked) -> bool {
        asked.path == "/messages"
    }

    fn read(&self, asked: &[Asked]) -> Sending {
        let asked = asked.iter().rfind(|asked| self.asks_to_send(asked)).unwrap();
        let bearer = format!("Bearer {KEY}");
        assert_eq!((asked.method.as_str(), asked.header("authorization")), ("POST", Some(bearer.as_str())));
        let body = asked.json();
        let media = body["media_urls"].as_array().map_or(&[][..], Vec::as_slice);
        assert_eq!(body["type"], if media.is_empty() { "SMS" } else { "MMS" });
        Sending {
            to: text(&body["to"]),
            from: text(&body["from"]),
            text: text(&body["text"]),
            media: media.iter().map(text).map(Media::Link).collect(),
            reference: None,
            status_url: Some(text(&body["webhook_url"])),
        }
    }

    fn takes(&self, asked: &Asked, id: &str) -> Response {
        let body = asked.json();
        json(
            200,
            json!({"data": {
                "record_type": "message", "direction": "outbound", "id": id, "type": body["type"],
                "from": {"phone_number": body["from"], "carrier": "Telnyx", "line_type": "Wireless"},
                "to": [{"phone_number": body["to"], "status": "queued", "carrier": "T-MOBILE USA, INC.", "line_type": "Wireless"}],
                "cc": [], "subject": null, "text": body["text"], "media": [], "webhook_url": body["webhook_url"],
                "webhook_failover_url": null, "encoding": "GSM-7", "parts": 1, "tags": [],
                "cost": {"amount": "0.0150", "currency": "USD"}, "received_at": "2026-08-04T01:52:07.552+00:00",
                "sent_at": null, "completed_at": null, "valid_until": null, "errors": [],
            }}),
        )
    }

    fn refuses(&self) -> Response {
        json(
            422,
            json!({"errors": [{
                "code": "40310", "title": "Invalid 'to' address", "detail": "The 'to' address should be in E.164 format.",
                "source": {"pointer": "/to"}, "meta": {"url": "https://developers.telnyx.com/docs/overview/errors/40310"},
            }]}),
        )
    }

    fn answers(&self, asked: &Asked, file: &'static [u8]) -> Response {
        if asked.path.starts_with("/media/") {
            return photo(asked, &format!("Bearer {KEY}"), file);
        }
        StatusCode::NOT_FOUND.into_response()
    }

    fn id(&self, n: usize) -> String {
        format!("ac012cbf-5e09-46af-a69a-{n:012x}")
    }

    fn brings(&self, line: &LineView, said: &Said) -> Hook {
        let Said { id, from, to, text, photo, at } = said;
        let media = photo.as_ref().map(|(api, file)| {
            json!({"url": format!("{api}/media/example-image.png"), "content_type": "image/png", "size": file.len()})
        });
        let payload = json!({
            "completed_at": null, "cost": {"amount": "0.0000", "currency": "USD"}, "direction": "inbound",
            "encoding": "GSM-7", "errors": [],
            "from": {"carrier": "T-Mobile USA", "line_type": "Wireless", "phone_number": from},
            "id": id, "media": media.iter().collect::<Vec<_>>(), "parts": 1, "record_type": "message", "text": text,
            "to": [{"carrier": "Telnyx", "line_type": "Wireless", "phone_number": to, "status": "webhook_delivered"}],
            "type": if media.is_some() { "MMS" } else { "SMS" }, "webhook_url": line.accounts[0].inbound_url,
        });
        event(&line.accounts[0].inbound_url, "message.received", &payload, *at)
    }

    fn reports(&self, _: &LineView, news: &News<'_>) -> Hook {
        let (kind, word, errors) = match news.outcome {
            Outcome::Sent => ("message.sent", "sent", json!([])),
            Outcome::Delivered => ("message.finalized", "delivered", json!([])),
            Outcome::Unreachable => (
                "message.finalized",
                "delivery_failed",
                json!([{"code": "40006", "title": "Recipient server unavailable", "detail": "The recipient server is unavailable."}]),
            ),
        };
        let Sending { to, from, .. } = news.about;
        let payload = json!({
            "completed_at": "2026-08-04T01:52:14.148+00:00", "cost": {"amount": "0.0051", "currency": "USD"},
            "direction": "outbound", "encoding": "GSM-7", "errors": errors,
            "from": {"carrier": "Telnyx", "line_type": "Wireless", "phone_number": from}, "id": news.id, "media": [],
            "parts": 1, "record_type": "message", "tags": [],
            "to": [{"carrier": "T-MOBILE USA, INC.", "line_type": "Wireless", "phone_number": to, "status": word}],
            "type": "SMS",
        });
        event(news.about.status_url.as_ref().unwrap(), kind, &payload, news.at)
    }

    fn unreachable(&self) -> &'static str {
        "The recipient's network could not be reached. Try again later."
    }

    fn forged(&self, hook: Hook) -> Hook {
        Hook { body: hook.body.replace("your money", "all your money"), ..hook }
    }

    fn fetches_with(&self) -> Option<String> {
        Some(format!("Bearer {KEY}"))
    }
}

fn event(url: &str, kind: &str, payload: &Value, at: Millis) -> Hook {
    let id = format!("{kind}:{}", payload["id"]);
    let body = json!({
        "data": {
            "event_type": kind, "id": id, "occurred_at": "2026-08-04T01:52:07.588+00:00", "payload": payload,
            "record_type": "event",
        },
        "meta": {"attempt": 1, "delivered_to": url},
    });
    let mut hook = Hook::json(url, &body);
    let seconds = at / 1000;
    let signature = pair().sign(format!("{seconds}|{}", hook.body).as_bytes());
    hook.headers.push(("telnyx-timestamp", seconds.to_string()));
    hook.headers.push(("telnyx-signature-ed25519", STANDARD.encode(signature)));
    hook
}
