//! Sinch MessageMedia's rows.

use super::{Asked, Case, MEDIA, Outcome, refused, retry};
use crate::support::*;
use model::message::DeliveryState;
use providers::{Blame, Receipt, SendError};
use serde_json::json;
use wiremock::ResponseTemplate;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            text: "private words & quote",
            media: &MEDIA[..1],
            request: request(concat!(
                r#"{"messages":[{"content":"private words & quote","destination_number":"+61491570156","#,
                r#""source_number":"+61491570006","source_number_type":"INTERNATIONAL","format":"MMS","#,
                r#""media":["https://media.example.test/a.jpg?sig=link-secret"],"delivery_report":true,"#,
                r#""callback_url":"https://hooks.example.test/webhooks/twilio/status","#,
                r#""metadata":{"reference":"delivery-1"}}]}"#,
            )),
            ..case("text with a picture", queued(), receipt("queued"))
        },
        Case {
            text: "",
            media: &MEDIA[1..],
            request: request(concat!(
                r#"{"messages":[{"content":"Photo","destination_number":"+61491570156","#,
                r#""source_number":"+61491570006","source_number_type":"INTERNATIONAL","format":"MMS","#,
                r#""media":["https://media.example.test/b.png"],"delivery_report":true,"#,
                r#""callback_url":"https://hooks.example.test/webhooks/twilio/status","#,
                r#""metadata":{"reference":"delivery-1"}}]}"#,
            )),
            ..case("a picture without a caption, which is not taken", queued(), receipt("queued"))
        },
        case("text", queued(), receipt("queued")),
        case(
            "a recipient that is none",
            problem(400, &["/messages/0/destination_number: of +61491570156, invalid characters."]),
            refused("400", "This is not a valid telephone number. Check the patient's number.", false),
        ),
        case(
            "a sender that is not registered",
            problem(400, &["/messages/0/source_number: not registered."]),
            refused(
                "400",
                "MessageMedia does not accept the line's number as a sender. Register it under Numbers in MessageMedia's console.",
                false,
            ),
        ),
        case(
            "a picture that is too large",
            problem(400, &["/messages/0/media: media size exceeds the limit."]),
            Err(SendError::Refused {
                code: "400".to_owned(),
                reason: "MessageMedia could not use the picture. It takes JPEG, PNG and GIF; check that APP_URL can be reached from the internet."
                    .to_owned(),
                opted_out: false,
                too_large: true,
                blame: Blame::Message,
            }),
        ),
        case(
            "a picture that is too large, without the field's name",
            ResponseTemplate::new(400).set_body_json(json!({ "message": "The media file is too large." })),
            Err(SendError::Refused {
                code: "400".to_owned(),
                reason: "MessageMedia refused the message with status 400. Ask its support if it happens again."
                    .to_owned(),
                opted_out: false,
                too_large: true,
                blame: Blame::Message,
            }),
        ),
        case(
            "an objection of tomorrow",
            problem(422, &[]),
            refused(
                "422",
                "MessageMedia refused the message with status 422. Ask its support if it happens again.",
                false,
            ),
        ),
        case(
            "bad credentials",
            ResponseTemplate::new(401)
                .set_body_json(json!({ "message": "Invalid authentication credentials" })),
            refused(
                "401",
                "MessageMedia does not accept the line's credentials. Check API key and secret in Settings > Lines.",
                false,
            ),
        ),
        case(
            "bad credentials, by the older documents",
            ResponseTemplate::new(403)
                .set_body_json(json!({ "message": "Invalid authentication credentials" })),
            refused(
                "403",
                "MessageMedia does not accept the line's credentials. Check API key and secret in Settings > Lines.",
                false,
            ),
        ),
        case(
            "another address",
            ResponseTemplate::new(404).set_body_json(json!({ "message": "Resource not found." })),
            refused(
                "404",
                "MessageMedia does not know this API address or sub-account. Check the line in Settings > Lines.",
                false,
            ),
        ),
        case(
            "too many requests",
            ResponseTemplate::new(429).insert_header("retry-after", "7"),
            retry(Some(7)),
        ),
        case("too many requests, no hint", ResponseTemplate::new(429), retry(None)),
        case("broken at MessageMedia", problem(500, &[]), Err(SendError::Unknown)),
        case("overloaded", ResponseTemplate::new(503), Err(SendError::Unknown)),
        case("time-out on the way", problem(408, &[]), Err(SendError::Unknown)),
        case("refused by something between", ResponseTemplate::new(403), Err(SendError::Unknown)),
        case(
            "garbled success",
            ResponseTemplate::new(202).set_body_string("{\"messages\":["),
            Err(SendError::Unknown),
        ),
        case(
            "success without an id",
            ResponseTemplate::new(202).set_body_json(json!({ "messages": [] })),
            Err(SendError::Unknown),
        ),
    ]
}

fn case(label: &'static str, answer: ResponseTemplate, outcome: Outcome) -> Case {
    let request = request(concat!(
        r#"{"messages":[{"content":"private words","destination_number":"+61491570156","#,
        r#""source_number":"+61491570006","source_number_type":"INTERNATIONAL","format":"SMS","#,
        r#""delivery_report":true,"callback_url":"https://hooks.example.test/webhooks/twilio/status","#,
        r#""metadata":{"reference":"delivery-1"}}]}"#,
    ));
    let credentials = messagemedia_credentials();
    Case {
        label,
        carrier: messagemedia(),
        credentials,
        text: "private words",
        media: &[],
        answer,
        request,
        outcome,
    }
}

fn request(body: &str) -> Asked {
    let login = basic(API_KEY, API_SECRET);
    ("/v1/messages".to_owned(), "application/json", Some(login), body.to_owned())
}

fn queued() -> ResponseTemplate {
    ResponseTemplate::new(202).set_body_json(json!({ "messages": [{
        "message_id": "877c19ef-fa2e-4cec-827a-e1df9b5509f7", "status": "queued", "format": "SMS",
        "content": "private words", "destination_number": "+61491570156", "media": null,
    }] }))
}

fn receipt(word: &str) -> Outcome {
    let (carrier_id, carrier_state) =
        ("877c19ef-fa2e-4cec-827a-e1df9b5509f7".to_owned(), Some(word.to_owned()));
    Ok(Receipt { carrier_id, state: DeliveryState::Accepted, carrier_state, parts: None, price: None })
}

fn problem(status: u16, details: &[&str]) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({
        "message": "Request failed to parse correctly. Please ensure input is valid and try again.",
        "details": details,
    }))
}
