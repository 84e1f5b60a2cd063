//! The simulated carrier's rows.

use super::{Case, MEDIA, Outcome, refused, retry};
use crate::support::*;
use model::message::DeliveryState;
use providers::{Receipt, SendError};
use serde_json::json;
use wiremock::ResponseTemplate;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "accepted",
            ResponseTemplate::new(201).set_body_json(json!({ "id": "m1", "status": "accepted" })),
            Ok(Receipt {
                carrier_id: "m1".to_owned(),
                state: DeliveryState::Accepted,
                carrier_state: Some("accepted".to_owned()),
                parts: None,
                price: None,
            }),
        ),
        case(
            "refused",
            ResponseTemplate::new(422)
                .set_body_json(json!({ "error": { "code": "c", "message": "why", "field": null } })),
            refused("c", "why", false),
        ),
        case("busy", ResponseTemplate::new(429).insert_header("retry-after", "1"), retry(Some(1))),
        case("broken", ResponseTemplate::new(500), Err(SendError::Unknown)),
        case("garbled", ResponseTemplate::new(201), Err(SendError::Unknown)),
    ]
}

fn case(label: &'static str, answer: ResponseTemplate, outcome: Outcome) -> Case {
    let body = concat!(
        r#"{"reference":"delivery-1","from":"+61491570006","to":"+61491570156","text":"private words","#,
        r#""media":["https://media.example.test/b.png"],"#,
        r#""status_url":"https://hooks.example.test/webhooks/twilio/status"}"#,
    );
    let request = ("/simulator/messages".to_owned(), "application/json", None, body.to_owned());
    let credentials = json!({ "secret": SIMULATOR_SECRET });
    let media = &MEDIA[1..];
    Case { label, carrier: simulator(), credentials, text: "private words", media, answer, request, outcome }
}
