//! ClickSend: JSON both ways and a success that may be none, pictures handed over first, webhooks as forms with a secret
//! in their address, photos behind a link.

use super::{Asked, Contract, Hook, Media, News, Outcome, Said, Sending, basic, json, text};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use model::line::{LineView, ProviderKind};
use serde_json::{Value, json};

const UPLOADED: &str = "https://uploads.clicksend.example/6E1A.jpg";

pub(super) struct ClickSend;

impl Contract for ClickSend {
    fn kind(&self) -> ProviderKind {
        ProviderKind::ClickSend
    }

    fn credentials(&self) -> Value {
        json!({"username": "clinic", "api_key": "api-key"})
    }

    fn asks_to_send(&self, asked: &Asked) -> bool {
        matches!(asked.path.as_str(), "/v3/sms/send" | "/v3/mms/send")
    }

    fn read(&self, asked: &[Asked]) -> Sending {
        let newest = asked.iter().rfind(|asked| self.asks_to_send(asked)).unwrap();
        let login = basic("clinic", "api-key");
        assert_eq!((newest.method.as_str(), newest.header("authorization")), ("POST", Some(login.as_str())));
        let body = newest.json();
        let [message] = body["messages"].as_array().unwrap().as_slice() else { panic!("one message") };
        let mut media = Vec::new();
        if newest.path == "/v3/mms/send" {
            assert_eq!(body["media_file"], UPLOADED);
            assert!(message["subject"].as_str().unwrap().len() <= 20);
            let upload = asked.iter().rfind(|asked| asked.path == "/v3/uploads").unwrap();
            assert_eq!(upload.header("authorization"), Some(login.as_str()));
            let upload = upload.json();
            assert_eq!(upload["convert"], "mms");
            media.push(Media::Bytes(STANDARD.decode(text(&upload["content"])).unwrap()));
        }
        Sending {
            to: text(&message["to"]),
            from: text(&message["from"]),
            text: text(&message["body"]),
            media,
            reference: Some(text(&message["custom_string"])),
            status_url: None,
        }
    }

    fn takes(&self, asked: &Asked, id: &str) -> Response {
        let mut message = asked.json()["messages"][0].take();
        for (name, value) in [
            ("direction", json!("out")),
            ("schedule", json!("")),
            ("message_id", json!(id)),
            ("message_parts", json!(1)),
            ("message_price", json!("0.0792")),
            ("country", json!("AU")),
            ("carrier", json!("Telstra")),
            ("status", json!("SUCCESS")),
        ] {
            message[name] = value;
        }
        answer(&json!({
            "total_price": 0.0792, "total_count": 1, "queued_count": 1, "blocked_count": 0, "messages": [message],
            "_currency": {"currency_name_short": "AUD", "currency_prefix_d": "$"},
        }))
    }

    fn refuses(&self) -> Response {
        // A success, as far as the request as a whole goes.
        answer(&json!({
            "total_price": 0, "total_count": 1, "queued_count": 0, "blocked_count": 1,
            "messages": [{
                "to": "+85290000000", "body": "Hello", "message_id": "1F0A6E27-4945-4CDB-9864-4B4DE0431111",
                "message_parts": 0, "message_price": "0.0000", "schedule": "", "custom_string": "7f1c",
                "status": "INVALID_RECIPIENT",
            }],
        }))
    }

    fn answers(&self, asked: &Asked, file: &'static [u8]) -> Response {
        match asked.path.as_str() {
            "/v3/uploads" => answer(&json!({"file_name": "6E1A.jpg", "_url": UPLOADED})),
            "/in/abc.png" => ([(header::CONTENT_TYPE, "image/png")], file).into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }

    fn id(&self, n: usize) -> String {
        format!("BF7AD270-0DE2-418B-B606-{n:012X}")
    }

    fn brings(&self, line: &LineView, said: &Said) -> Hook {
        let link = said.photo.as_ref().map(|(api, _)| format!("{api}/in/abc.png"));
        let at = (said.at / 1000).to_string();
        let mut fields = vec![
            ("originalsenderid", said.to),
            ("body", said.text),
            ("message", said.text),
            ("sms", said.from),
            ("custom_string", ""),
            ("to", said.to),
            ("from", said.from),
            ("original_message_id", ""),
            ("user_id", "1"),
            ("subaccount_id", "1"),
            ("timestamp", at.as_str()),
            ("message_id", said.id.as_str()),
        ];
        if let Some(link) = &link {
            fields.push(("media_url", link.as_str()));
        }
        Hook::form(&line.accounts[0].inbound_url, &fields)
    }

    fn reports(&self, line: &LineView, news: &News<'_>) -> Hook {
        let (code, words, error) = match news.outcome {
            Outcome::Sent => ("200", "Queued", ""),
            Outcome::Delivered => ("201", "Success: Message received on handset.", ""),
            Outcome::Unreachable => ("301", "Failed: Absent subscriber", "12"),
        };
        let (at, reference) = ((news.at / 1000).to_string(), news.about.reference.as_deref().unwrap());
        let fields = [
            ("timestamp_send", at.as_str()),
            ("timestamp", at.as_str()),
            ("message_id", news.id),
            ("status_code", code),
            ("status_text", words),
            ("error_code", error),
            ("error_text", ""),
            ("custom_string", reference),
            ("user_id", "1"),
            ("subaccount_id", "1"),
            ("message_type", "sms"),
            ("digits", ""),
        ];
        Hook::form(&line.accounts[0].status_url, &fields)
    }

    fn unreachable(&self) -> &'static str {
        "ClickSend could not deliver it: Failed: Absent subscriber"
    }

    fn forged(&self, hook: Hook) -> Hook {
        hook.under_another_secret()
    }
}

fn answer(data: &Value) -> Response {
    json(
        200,
        json!({
            "http_code": 200, "response_code": "SUCCESS", "response_msg": "Messages queued for delivery.", "data": data,
        }),
    )
}
