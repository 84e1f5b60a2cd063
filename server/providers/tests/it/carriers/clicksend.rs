//! ClickSend's rows.

use super::{Case, Outcome, refused, retry};
use crate::support::*;
use model::line::{Currency, Price};
use model::message::DeliveryState;
use providers::{Receipt, SendError};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "accepted, the price as text",
            took("SUCCESS", Some(1), &json!("0.0792")),
            receipt("SUCCESS", Some(79_200)),
        ),
        case(
            "accepted, the price as a number",
            took("SUCCESS", Some(1), &json!(0.16)),
            receipt("SUCCESS", Some(160_000)),
        ),
        case(
            "ours is not the first of the answer",
            ResponseTemplate::new(200).set_body_json(
                json!({ "http_code": "200", "response_code": "SUCCESS", "data": {
                    "messages": [
                        { "custom_string": "another", "message_id": "X", "status": "INVALID_RECIPIENT" },
                        { "custom_string": "delivery-1", "message_id": "bf7ad270", "status": "SUCCESS" },
                    ],
                }}),
            ),
            Ok(Receipt {
                carrier_id: "BF7AD270".to_owned(),
                state: DeliveryState::Accepted,
                carrier_state: Some("SUCCESS".to_owned()),
                parts: None,
                price: None,
            }),
        ),
        case(
            "refused within a success",
            took("COUNTRY_NOT_ENABLED", Some(0), &json!("0.0000")),
            refused(
                "COUNTRY_NOT_ENABLED",
                "The ClickSend account may not send to this country. Switch it on in ClickSend's dashboard under global sending.",
                false,
            ),
        ),
        case(
            "the same text again",
            took("THROTTLED", Some(0), &Value::Null),
            refused(
                "THROTTLED",
                "ClickSend has sent the same text to this number a moment ago, and did not send it again.",
                false,
            ),
        ),
        case(
            "opted out, in words that are not documented",
            took("RECIPIENT_OPTED_OUT", Some(0), &Value::Null),
            refused(
                "RECIPIENT_OPTED_OUT",
                "This person is on ClickSend's opt-out list and gets no messages from this account.",
                true,
            ),
        ),
        case(
            "a word of tomorrow, not queued",
            took("MOONLIGHT", Some(0), &Value::Null),
            refused(
                "MOONLIGHT",
                "ClickSend refused the message (MOONLIGHT). Look it up in ClickSend's dashboard.",
                false,
            ),
        ),
        case("a word of tomorrow, queued", took("WAITING", Some(1), &Value::Null), receipt("WAITING", None)),
        case(
            "a word of tomorrow, and nothing beside it",
            took("WAITING", None, &Value::Null),
            Err(SendError::Unknown),
        ),
        case(
            "broken, within a success",
            took("INTERNAL_ERROR", Some(0), &Value::Null),
            Err(SendError::Unknown),
        ),
        case(
            "no credit, with a good status",
            problem(200, "INSUFFICIENT_CREDIT"),
            refused(
                "INSUFFICIENT_CREDIT",
                "The ClickSend account has no credit left. Top it up in ClickSend's dashboard.",
                false,
            ),
        ),
        case(
            "bad credentials",
            problem(401, "UNAUTHORIZED"),
            refused(
                "UNAUTHORIZED",
                "ClickSend does not accept the line's credentials. Check user name and API key in Settings > Lines.",
                false,
            ),
        ),
        case("broken, with a bad status", problem(400, "SOMETHING_IS_WRONG"), Err(SendError::Unknown)),
        case(
            "too many requests",
            problem(429, "TOO_MANY_REQUESTS").insert_header("retry-after", "7"),
            retry(Some(7)),
        ),
        case("too many requests, no hint", ResponseTemplate::new(429), retry(None)),
        case("broken at ClickSend", problem(500, "INTERNAL_ERROR"), Err(SendError::Unknown)),
        case("time-out on the way", problem(408, "x"), Err(SendError::Unknown)),
        case("refused by something between", ResponseTemplate::new(403), Err(SendError::Unknown)),
        case("garbled success", ResponseTemplate::new(200).set_body_string("{"), Err(SendError::Unknown)),
        case("nothing about the message", problem(200, "SUCCESS"), Err(SendError::Unknown)),
        case(
            "success without an id",
            ResponseTemplate::new(200).set_body_json(
                json!({ "data": { "messages": [{ "status": "SUCCESS", "message_id": "" }] } }),
            ),
            Err(SendError::Unknown),
        ),
    ]
}

fn case(label: &'static str, answer: ResponseTemplate, outcome: Outcome) -> Case {
    let message = json!({
        "source": "heliograph", "to": "+61491570156", "from": "+61491570006", "body": "private words",
        "custom_string": "delivery-1",
    });
    let login = basic("clinic", CLICKSEND_KEY);
    let request = (
        "/v3/sms/send".to_owned(),
        "application/json",
        Some(login),
        json!({ "messages": [message] }).to_string(),
    );
    let credentials = clicksend_credentials();
    Case {
        label,
        carrier: clicksend(),
        credentials,
        text: "private words",
        media: &[],
        answer,
        request,
        outcome,
    }
}

/// An answer about one message, with the count that says whether it was queued.
fn took(status: &str, queued: Option<u32>, price: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "http_code": 200, "response_code": "SUCCESS", "response_msg": "Messages queued for delivery.",
        "data": {
            "total_price": 0.0792, "total_count": 1, "queued_count": queued,
            "messages": [{
                "to": "+61491570156", "body": "private words", "schedule": "", "status": status,
                "message_id": "bf7ad270-0de2-418b-b606-71d527d9c1ae", "message_parts": "2", "message_price": price,
                "custom_string": "delivery-1", "contact_id": null, "user_id": "1",
            }],
            "_currency": { "currency_name_short": "AUD", "currency_prefix_d": "$" },
        },
    }))
}

fn receipt(word: &str, micros: Option<i64>) -> Outcome {
    Ok(Receipt {
        carrier_id: "BF7AD270-0DE2-418B-B606-71D527D9C1AE".to_owned(),
        state: DeliveryState::Accepted,
        carrier_state: Some(word.to_owned()),
        parts: Some(2),
        price: micros.map(|micros| Price { micros, currency: Currency::Aud }),
    })
}

fn problem(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({
        "http_code": status, "response_code": code, "response_msg": "of +61491570156", "data": "nothing",
    }))
}
