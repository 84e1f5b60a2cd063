//! SMS Broadcast: forms in, lines of text out, webhooks by a template, with a secret in their address. It sends no
//! pictures and brings them within the webhook.

use super::{Asked, Contract, Hook, News, Outcome, Said, Sending, value};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use model::line::{LineView, ProviderKind};
use serde_json::{Value, json};

pub(super) struct SmsBroadcast;

impl Contract for SmsBroadcast {
    fn kind(&self) -> ProviderKind {
        ProviderKind::SmsBroadcast
    }

    fn credentials(&self) -> Value {
        json!({"username": "KEY", "password": "SECRET"})
    }

    fn sends_pictures(&self) -> bool {
        false
    }

    fn asks_to_send(&self, asked: &Asked) -> bool {
        asked.path == "/api-adv.php"
    }

    fn read(&self, asked: &[Asked]) -> Sending {
        let asked = asked.iter().rfind(|asked| self.asks_to_send(asked)).unwrap();
        assert_eq!(asked.method.as_str(), "POST", "so that nothing stands in a log");
        let form = asked.form();
        assert_eq!(
            (value(&form, "username"), value(&form, "password")),
            ("KEY".to_owned(), "SECRET".to_owned())
        );
        assert_eq!(value(&form, "maxsplit"), "5", "or a long text is cut");
        let reference = value(&form, "ref");
        assert!(reference.len() <= 20 && reference.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let number = |name| format!("+{}", value(&form, name));
        Sending {
            to: number("to"),
            from: number("from"),
            text: value(&form, "message"),
            media: Vec::new(),
            reference: Some(reference),
            status_url: None,
        }
    }

    fn takes(&self, asked: &Asked, id: &str) -> Response {
        format!("OK: {}:{id}\r\n", value(&asked.form(), "to")).into_response()
    }

    fn refuses(&self) -> Response {
        "BAD:0400abc111:Invalid Number\r\n".into_response()
    }

    fn answers(&self, _: &Asked, _: &'static [u8]) -> Response {
        StatusCode::NOT_FOUND.into_response()
    }

    fn id(&self, n: usize) -> String {
        (971_235_068 + n).to_string()
    }

    fn brings(&self, line: &LineView, said: &Said) -> Hook {
        let Said { id, from, to, text, photo, .. } = said;
        let body = match photo {
            None => json!({
                "kind": "mo", "from": from, "to": to, "message": text, "ref": "", "msgref": "", "reply_id": id,
            }),
            Some((_, file)) => json!({
                "kind": "mms", "from": from, "to": to, "message": text, "reply_id": id,
                "attachments": [{
                    "content_type": "image/png", "content": STANDARD.encode(file), "original_name": "IMG_1.png",
                }],
            }),
        };
        Hook::json(&line.accounts[0].inbound_url, &body)
    }

    fn reports(&self, line: &LineView, news: &News<'_>) -> Hook {
        let (status, code) = match news.outcome {
            Outcome::Sent => ("submitted", "200"),
            Outcome::Delivered => ("delivered", "220"),
            Outcome::Unreachable => ("failed", "414"),
        };
        let body = json!({
            "kind": "dr", "status": status, "code": code, "ref": news.about.reference, "msgref": news.id,
            "report_id": "01e1fa0a-6e27-4945-9cdb-18644b4de043",
        });
        Hook::json(&line.accounts[0].status_url, &body)
    }

    fn unreachable(&self) -> &'static str {
        "The phone could not be reached: switched off or without coverage. Try again later."
    }

    fn forged(&self, hook: Hook) -> Hook {
        hook.under_another_secret()
    }
}
