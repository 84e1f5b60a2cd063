//! Sinch MessageMedia: JSON both ways, a secret in its webhooks' address, photos within them.

use super::{Asked, Contract, Hook, Media, News, Outcome, Said, Sending, basic, json, text};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use model::line::{LineView, ProviderKind};
use serde_json::{Value, json};

pub(super) struct MessageMedia;

impl Contract for MessageMedia {
    fn kind(&self) -> ProviderKind {
        ProviderKind::MessageMedia
    }

    fn credentials(&self) -> Value {
        json!({"api_key": "api-key", "api_secret": "api-secret"})
    }

    fn asks_to_send(&self, asked: &Asked) -> bool {
        asked.path == "/v1/messages"
    }

    fn read(&self, asked: &[Asked]) -> Sending {
        let asked = asked.iter().rfind(|asked| self.asks_to_send(asked)).unwrap();
        let login = basic("api-key", "api-secret");
        assert_eq!((asked.method.as_str(), asked.header("authorization")), ("POST", Some(login.as_str())));
        let body = asked.json();
        let [message] = body["messages"].as_array().unwrap().as_slice() else { panic!("one message") };
        let media = message["media"].as_array().map_or(&[][..], Vec::as_slice);
        assert_eq!(message["format"], if media.is_empty() { "SMS" } else { "MMS" });
        assert_eq!(message["delivery_report"], true, "without it no report comes");
        Sending {
            to: text(&message["destination_number"]),
            from: text(&message["source_number"]),
            text: text(&message["content"]),
            media: media.iter().map(text).map(Media::Link).collect(),
            reference: Some(text(&message["metadata"]["reference"])),
            status_url: Some(text(&message["callback_url"])),
        }
    }

    fn takes(&self, asked: &Asked, id: &str) -> Response {
        let mut message = asked.json()["messages"][0].take();
        message["message_id"] = json!(id);
        message["status"] = json!("queued");
        json(202, json!({"messages": [message]}))
    }

    fn refuses(&self) -> Response {
        let detail = "/messages/0/destination_number: International address must be between 8 and 15 characters \
                      excluding the first '+', International address contains invalid characters.";
        json(
            400,
            json!({
                "message": "Request failed to parse correctly. Please ensure input is valid and try again.",
                "details": [detail],
            }),
        )
    }

    fn answers(&self, _: &Asked, _: &'static [u8]) -> Response {
        json(StatusCode::NOT_FOUND.as_u16(), json!({"message": "Resource not found."})).into_response()
    }

    fn id(&self, n: usize) -> String {
        format!("877c19ef-fa2e-4cec-827a-{n:012x}")
    }

    fn brings(&self, line: &LineView, said: &Said) -> Hook {
        let Said { id, from, to, text, photo, .. } = said;
        let attachments = photo.iter().map(|(_, file)| {
            json!({"content_type": "image/png", "content": STANDARD.encode(file), "original_name": "file.png"})
        });
        let body = json!({
            "kind": "mo", "reply_id": id, "message_id": "", "source_number": from, "destination_number": to,
            "date_received": "2026-08-04T01:55:00.850Z", "content": text,
            "attachments": attachments.collect::<Vec<_>>(),
        });
        Hook::json(&line.accounts[0].inbound_url, &body)
    }

    fn reports(&self, _: &LineView, news: &News<'_>) -> Hook {
        let (status, code) = match news.outcome {
            Outcome::Sent => ("submitted", "200"),
            Outcome::Delivered => ("delivered", "220"),
            Outcome::Unreachable => ("failed", "414"),
        };
        let Sending { to, text, reference, status_url, .. } = news.about;
        let url = status_url.as_ref().unwrap();
        let body = json!({
            "callback_url": url, "delivery_report_id": format!("{status}-{}", news.id), "source_number": to,
            "date_received": "2026-08-04T01:52:09.807Z", "status": status, "delay": 0, "billing_units": 1,
            "submitted_date": "2026-08-04T01:52:08.807Z", "original_text": text, "message_id": news.id,
            "vendor_account_id": {"vendor_id": "MessageMedia", "account_id": "MyAccount001"}, "error_code": code,
            "metadata": {"reference": reference},
        });
        Hook::json(url, &body)
    }

    fn unreachable(&self) -> &'static str {
        "The phone could not be reached: switched off or without coverage. Try again later."
    }

    fn forged(&self, hook: Hook) -> Hook {
        hook.under_another_secret()
    }
}
