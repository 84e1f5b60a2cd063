//! Twilio: forms in, JSON out, webhooks signed over address and fields, media behind the account's login.

use super::{Asked, Contract, Hook, Media, News, Outcome, Said, Sending, basic, json, photo, value, values};
use crate::twilio::sign;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::line::{LineView, ProviderKind};
use serde_json::{Value, json};

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const TOKEN: &str = "test_auth_token_0123456789abcdef";

pub(super) struct Twilio;

impl Contract for Twilio {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Twilio
    }

    fn credentials(&self) -> Value {
        json!({"account_sid": ACCOUNT, "auth_token": TOKEN})
    }

    fn asks_to_send(&self, asked: &Asked) -> bool {
        asked.path == format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    }

    fn read(&self, asked: &[Asked]) -> Sending {
        let asked = asked.iter().rfind(|asked| self.asks_to_send(asked)).unwrap();
        assert_eq!(
            (asked.method.as_str(), asked.header("authorization")),
            ("POST", Some(&*basic(ACCOUNT, TOKEN)))
        );
        let form = asked.form();
        let known = ["To", "From", "Body", "MediaUrl", "StatusCallback"];
        assert!(form.iter().all(|(name, _)| known.contains(&name.as_str())));
        // What stands behind the # is for Twilio alone.
        let callback = value(&form, "StatusCallback");
        let (status_url, overrides) = callback.split_once('#').unwrap();
        assert_eq!(overrides, "rc=5&rp=5xx,ct,rt");
        Sending {
            to: value(&form, "To"),
            from: value(&form, "From"),
            text: value(&form, "Body"),
            media: values(&form, "MediaUrl").into_iter().map(Media::Link).collect(),
            reference: None,
            status_url: Some(status_url.to_owned()),
        }
    }

    fn takes(&self, asked: &Asked, id: &str) -> Response {
        let form = asked.form();
        json(
            201,
            json!({
                "account_sid": ACCOUNT, "api_version": "2010-04-01", "body": value(&form, "Body"),
                "date_created": "Tue, 04 Aug 2026 01:52:07 +0000", "date_sent": null,
                "direction": "outbound-api", "error_code": null, "error_message": null, "from": value(&form, "From"),
                "messaging_service_sid": null, "num_media": values(&form, "MediaUrl").len().to_string(),
                "num_segments": "1", "price": null, "price_unit": "USD", "sid": id, "status": "queued",
                "to": value(&form, "To"), "tags": {},
            }),
        )
    }

    fn refuses(&self) -> Response {
        json(
            400,
            json!({
                "code": 21211, "message": "The 'To' number 5551234567 is not a valid phone number.",
                "more_info": "https://www.twilio.com/docs/errors/21211", "status": 400,
            }),
        )
    }

    fn answers(&self, asked: &Asked, file: &'static [u8]) -> Response {
        if asked.path.contains("/Media/ME") {
            return photo(asked, &basic(ACCOUNT, TOKEN), file);
        }
        StatusCode::NOT_FOUND.into_response()
    }

    fn id(&self, n: usize) -> String {
        format!("SM{n:032x}")
    }

    fn brings(&self, line: &LineView, said: &Said) -> Hook {
        let (id, text) = (said.id.as_str(), said.text);
        let link = said
            .photo
            .as_ref()
            .map(|(api, _)| format!("{api}/2010-04-01/Accounts/{ACCOUNT}/Messages/{id}/Media/ME{:032x}", 1));
        let mut fields = vec![
            ("AccountSid", ACCOUNT),
            ("ApiVersion", "2010-04-01"),
            ("Body", text),
            ("From", said.from),
            ("FromCity", ""),
            ("FromCountry", "AU"),
            ("MessageSid", id),
            ("NumMedia", if link.is_some() { "1" } else { "0" }),
            ("NumSegments", "1"),
            ("SmsMessageSid", id),
            ("SmsSid", id),
            ("SmsStatus", "received"),
            ("To", said.to),
            ("ToCountry", "AU"),
        ];
        if let Some(link) = &link {
            fields.extend([("MediaContentType0", "image/png"), ("MediaUrl0", link.as_str())]);
        }
        signed(&line.accounts[0].inbound_url, &fields)
    }

    fn reports(&self, _: &LineView, news: &News<'_>) -> Hook {
        let word = match news.outcome {
            Outcome::Sent => "sent",
            Outcome::Delivered => "delivered",
            Outcome::Unreachable => "undelivered",
        };
        let mut fields = vec![
            ("AccountSid", ACCOUNT),
            ("ApiVersion", "2010-04-01"),
            ("From", news.about.from.as_str()),
            ("MessageSid", news.id),
            ("MessageStatus", word),
            ("SmsSid", news.id),
            ("SmsStatus", word),
            ("To", news.about.to.as_str()),
        ];
        if news.outcome == Outcome::Unreachable {
            fields.push(("ErrorCode", "30003"));
        }
        signed(news.about.status_url.as_ref().unwrap(), &fields)
    }

    fn unreachable(&self) -> &'static str {
        "The phone could not be reached: switched off or without coverage. Try again later."
    }

    fn forged(&self, hook: Hook) -> Hook {
        Hook { body: hook.body.replace("your+money", "all+your+money"), ..hook }
    }

    fn fetches_with(&self) -> Option<String> {
        Some(basic(ACCOUNT, TOKEN))
    }
}

fn signed(address: &str, fields: &[(&str, &str)]) -> Hook {
    let url = address.split('#').next().unwrap();
    let mut hook = Hook::form(url, fields);
    hook.headers.push(("x-twilio-signature", sign(TOKEN, url, fields)));
    hook
}
