//! Twilio's rows.

use super::{Asked, Case, MEDIA, Outcome, later, refused, retry};
use crate::support::*;
use model::message::DeliveryState;
use providers::{Receipt, SendError};
use serde_json::json;
use wiremock::ResponseTemplate;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            text: "private words & quote",
            media: MEDIA,
            request: request(concat!(
                "To=%2B61491570156&From=%2B61491570006&Body=private+words+%26+quote",
                "&MediaUrl=https%3A%2F%2Fmedia.example.test%2Fa.jpg%3Fsig%3Dlink-secret",
                "&MediaUrl=https%3A%2F%2Fmedia.example.test%2Fb.png",
                "&StatusCallback=https%3A%2F%2Fhooks.example.test%2Fwebhooks%2Ftwilio%2Fstatus%23rc%3D5%26rp%3D5xx%2Cct%2Crt",
            )),
            ..case(
                "text with pictures",
                created("queued", "1"),
                receipt(DeliveryState::Accepted, "queued", Some(1)),
            )
        },
        Case {
            text: "",
            media: &MEDIA[1..],
            request: request(concat!(
                "To=%2B61491570156&From=%2B61491570006&MediaUrl=https%3A%2F%2Fmedia.example.test%2Fb.png",
                "&StatusCallback=https%3A%2F%2Fhooks.example.test%2Fwebhooks%2Ftwilio%2Fstatus%23rc%3D5%26rp%3D5xx%2Cct%2Crt",
            )),
            ..case(
                "a picture without a caption",
                created("queued", "1"),
                receipt(DeliveryState::Accepted, "queued", Some(1)),
            )
        },
        Case {
            credentials: json!({
                "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN,
                "api_key_sid": "SK00000000000000000000000000000009", "api_key_secret": "key-secret",
                "messaging_service_sid": "MG00000000000000000000000000000007",
            }),
            request: {
                let (path, content_type, _, _) = request("");
                let login = basic("SK00000000000000000000000000000009", "key-secret");
                let body = concat!(
                    "To=%2B61491570156&From=%2B61491570006&MessagingServiceSid=MG00000000000000000000000000000007",
                    "&Body=private+words",
                    "&StatusCallback=https%3A%2F%2Fhooks.example.test%2Fwebhooks%2Ftwilio%2Fstatus%23rc%3D5%26rp%3D5xx%2Cct%2Crt",
                );
                (path, content_type, Some(login), body.to_owned())
            },
            ..case(
                "API key and messaging service",
                created("accepted", "0"),
                receipt(DeliveryState::Accepted, "accepted", None),
            )
        },
        case("already failed", created("failed", "1"), receipt(DeliveryState::Failed, "failed", Some(1))),
        case(
            "a state of tomorrow",
            created("beamed", "1"),
            receipt(DeliveryState::Accepted, "beamed", Some(1)),
        ),
        case(
            "opted out",
            problem(400, 21610),
            refused(
                "21610",
                "This person has replied STOP and gets no messages from this number until they reply START.",
                true,
            ),
        ),
        case(
            "bad credentials",
            problem(401, 20003),
            refused(
                "20003",
                "Twilio does not accept the line's credentials. Check account SID and auth token in Settings > Lines.",
                false,
            ),
        ),
        case(
            "a code of tomorrow",
            problem(400, 29999),
            refused(
                "29999",
                "Twilio refused the message with error 29999. See https://www.twilio.com/docs/errors/29999.",
                false,
            ),
        ),
        case("too many requests", problem(429, 20429).insert_header("retry-after", "7"), retry(Some(7))),
        case("too many requests, no hint", ResponseTemplate::new(429).set_body_string("<html>"), retry(None)),
        case(
            "absurd hint",
            problem(429, 20429).insert_header("retry-after", "99999999"),
            retry(Some(86_400)),
        ),
        case("the sender's queue is full", problem(400, 21611), later(60)),
        case("broken at Twilio", problem(500, 20500), Err(SendError::Unknown)),
        case("overloaded", ResponseTemplate::new(503).set_body_string("<html>"), Err(SendError::Unknown)),
        case("time-out on the way", problem(408, 20408), Err(SendError::Unknown)),
        case("refused by something between", ResponseTemplate::new(403), Err(SendError::Unknown)),
        case(
            "garbled success",
            ResponseTemplate::new(201).set_body_string("{\"sid\":"),
            Err(SendError::Unknown),
        ),
        case(
            "success without an id",
            ResponseTemplate::new(201).set_body_json(json!({})),
            Err(SendError::Unknown),
        ),
        case(
            "an endless answer",
            ResponseTemplate::new(201).set_body_string("x".repeat(2 << 20)),
            Err(SendError::Unknown),
        ),
        case(
            "a redirect, which is not followed",
            ResponseTemplate::new(307).insert_header("location", "/elsewhere"),
            Err(SendError::Unknown),
        ),
    ]
}

fn case(label: &'static str, answer: ResponseTemplate, outcome: Outcome) -> Case {
    let request = request(concat!(
        "To=%2B61491570156&From=%2B61491570006&Body=private+words",
        "&StatusCallback=https%3A%2F%2Fhooks.example.test%2Fwebhooks%2Ftwilio%2Fstatus%23rc%3D5%26rp%3D5xx%2Cct%2Crt",
    ));
    let credentials = twilio_credentials();
    Case {
        label,
        carrier: twilio(),
        credentials,
        text: "private words",
        media: &[],
        answer,
        request,
        outcome,
    }
}

fn request(body: &str) -> Asked {
    let login = basic(ACCOUNT_SID, AUTH_TOKEN);
    let path = format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json");
    (path, "application/x-www-form-urlencoded", Some(login), body.to_owned())
}

fn created(status: &str, segments: &str) -> ResponseTemplate {
    ResponseTemplate::new(201).set_body_json(json!({
        "sid": "MM00000000000000000000000000000002", "status": status, "num_segments": segments,
        "num_media": "2", "error_code": null, "from": null, "price": null, "tags": {},
    }))
}

fn receipt(state: DeliveryState, word: &str, parts: Option<u32>) -> Outcome {
    let (carrier_id, carrier_state) =
        ("MM00000000000000000000000000000002".to_owned(), Some(word.to_owned()));
    Ok(Receipt { carrier_id, state, carrier_state, parts, price: None })
}

fn problem(status: u16, code: u32) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .set_body_json(json!({ "code": code, "message": "of +61491570156", "status": status }))
}
