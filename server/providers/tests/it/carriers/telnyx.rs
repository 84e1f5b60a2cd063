//! Telnyx's rows.

use super::{Asked, Case, MEDIA, Outcome, later, refused, retry};
use crate::support::*;
use model::line::{Currency, Price};
use model::message::DeliveryState;
use providers::{Blame, Receipt, SendError};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            text: "private words",
            media: MEDIA,
            credentials: with(
                telnyx_credentials(),
                "messaging_profile_id",
                "83d2343b-553f-4c5f-b8c8-fd27004f94bf",
            ),
            request: request(&json!({
                "from": "+61491570006", "to": "+61491570156", "text": "private words", "type": "MMS",
                "media_urls": MEDIA, "messaging_profile_id": "83d2343b-553f-4c5f-b8c8-fd27004f94bf",
                "webhook_url": "https://hooks.example.test/webhooks/twilio/status",
                "webhook_failover_url": "https://hooks.example.test/webhooks/twilio/status",
            })),
            ..case(
                "text with pictures",
                took("queued", &json!({ "amount": "0.0150", "currency": "USD" })),
                receipt(DeliveryState::Accepted, "queued", Some(15_000)),
            )
        },
        Case {
            text: "",
            media: &MEDIA[1..],
            request: request(&json!({
                "from": "+61491570006", "to": "+61491570156", "type": "MMS", "media_urls": &MEDIA[1..],
                "webhook_url": "https://hooks.example.test/webhooks/twilio/status",
                "webhook_failover_url": "https://hooks.example.test/webhooks/twilio/status",
            })),
            ..case(
                "a picture without a caption, the price as a number",
                took("queued", &json!({ "amount": 0.02, "currency": "USD" })),
                receipt(DeliveryState::Accepted, "queued", Some(20_000)),
            )
        },
        case("no price yet", took("sent", &Value::Null), receipt(DeliveryState::Sent, "sent", None)),
        case(
            "a state of tomorrow",
            took("beamed", &Value::Null),
            receipt(DeliveryState::Accepted, "beamed", None),
        ),
        case(
            "opted out, whatever else is wrong",
            problem(400, &["40310", "40300"]),
            refused(
                "40300",
                "This person has replied STOP and gets no messages from this number until they reply START.",
                true,
            ),
        ),
        case(
            "pictures too large",
            problem(422, &["40317"]),
            Err(SendError::Refused {
                code: "40317".to_owned(),
                reason: "The pictures are too large or too many for Telnyx. Send smaller ones.".to_owned(),
                opted_out: false,
                too_large: true,
                blame: Blame::Message,
            }),
        ),
        case(
            "bad credentials",
            problem(401, &["10009"]),
            refused(
                "10009",
                "Telnyx does not accept the line's API key. Check it in Settings > Lines.",
                false,
            ),
        ),
        case(
            "a code of tomorrow, as a number",
            ResponseTemplate::new(403).set_body_json(json!({ "errors": [{ "code": 49999, "title": "x" }] })),
            refused(
                "49999",
                "Telnyx refused the message with error 49999. See https://developers.telnyx.com/docs/overview/errors/49999.",
                false,
            ),
        ),
        case("too many requests", problem(429, &["10011"]).insert_header("retry-after", "7"), retry(Some(7))),
        case("too many requests, no hint", problem(429, &["10011"]), retry(None)),
        case("the sender's queue is full", problem(400, &["40318"]), later(60)),
        case("broken at Telnyx", problem(500, &["10007"]), Err(SendError::Unknown)),
        case("time-out on the way", problem(408, &["10015"]), Err(SendError::Unknown)),
        case("refused by something between", ResponseTemplate::new(403), Err(SendError::Unknown)),
        case("no reason", ResponseTemplate::new(400).set_body_json(json!({})), Err(SendError::Unknown)),
        case("garbled success", ResponseTemplate::new(200).set_body_string("{"), Err(SendError::Unknown)),
        case(
            "success without an id",
            ResponseTemplate::new(200).set_body_json(json!({ "data": { "id": null } })),
            Err(SendError::Unknown),
        ),
    ]
}

fn case(label: &'static str, answer: ResponseTemplate, outcome: Outcome) -> Case {
    let request = request(&json!({
        "from": "+61491570006", "to": "+61491570156", "text": "private words", "type": "SMS",
        "webhook_url": "https://hooks.example.test/webhooks/twilio/status",
        "webhook_failover_url": "https://hooks.example.test/webhooks/twilio/status",
    }));
    let credentials = telnyx_credentials();
    Case {
        label,
        carrier: telnyx(),
        credentials,
        text: "private words",
        media: &[],
        answer,
        request,
        outcome,
    }
}

fn request(body: &Value) -> Asked {
    ("/messages".to_owned(), "application/json", Some(format!("Bearer {TELNYX_KEY}")), body.to_string())
}

fn took(status: &str, cost: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({ "data": {
        "record_type": "message", "direction": "outbound", "id": "ac012cbf-5e09-46af-a69a-7c0e2d90993c",
        "to": [{ "phone_number": "+61491570156", "status": status }], "parts": 2, "cost": cost,
        "subject": null, "cc": [], "errors": [],
    }}))
}

fn receipt(state: DeliveryState, word: &str, micros: Option<i64>) -> Outcome {
    Ok(Receipt {
        carrier_id: "ac012cbf-5e09-46af-a69a-7c0e2d90993c".to_owned(),
        state,
        carrier_state: Some(word.to_owned()),
        parts: Some(2),
        price: micros.map(|micros| Price { micros, currency: Currency::Usd }),
    })
}

fn problem(status: u16, codes: &[&str]) -> ResponseTemplate {
    let errors: Vec<_> = codes
        .iter()
        .map(|code| json!({ "code": code, "title": "No", "detail": "of +61491570156" }))
        .collect();
    ResponseTemplate::new(status).set_body_json(json!({ "errors": errors }))
}
