//! One table for all carriers: an answer, the exact request that it was given to, and what we make of it.

use crate::support::*;
use base64::{Engine, engine::general_purpose::STANDARD};
use model::line::{Currency, Price};
use model::message::DeliveryState;
use providers::simulator::SIGNATURE_HEADER;
use providers::{Account, Provider, Receipt, SendError};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

struct Case {
    label: &'static str,
    carrier: &'static dyn Provider,
    /// Without `api_base`, which is the stub's.
    credentials: Value,
    text: &'static str,
    media: &'static [&'static str],
    answer: ResponseTemplate,
    /// Path, content type, `Authorization` and body.
    request: (String, &'static str, Option<String>, String),
    outcome: Result<Receipt, SendError>,
}

const MEDIA: &[&str] =
    &["https://media.example.test/a.jpg?sig=link-secret", "https://media.example.test/b.png"];

#[tokio::test]
async fn every_carrier_asks_as_documented_and_understands_the_answer() {
    logged();
    for case in cases() {
        let Case { label, carrier, mut credentials, text, media, answer, request, outcome } = case;
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&server).await;
        credentials["api_base"] = json!(server.uri());
        carrier.check_credentials(&credentials).unwrap();
        let (http, account, outbound) = (http_to(&[&server]), account(credentials), outbound(text, media));
        let got = carrier.send(&http, &account, &outbound).await;
        assert_eq!(got, outcome, "{label}");

        let requests = server.received_requests().await.unwrap();
        let [sent] = requests.as_slice() else { panic!("{label}: {} requests", requests.len()) };
        let header = |name: &str| sent.headers.get(name).map(|v| v.to_str().unwrap().to_owned());
        let (path, content_type, authorization, body) = request;
        assert_eq!((sent.method.as_str(), sent.url.path()), ("POST", path.as_str()), "{label}");
        assert_eq!(header("content-type").as_deref(), Some(content_type), "{label}");
        assert_eq!(header("authorization"), authorization, "{label}");
        let sent_body = String::from_utf8_lossy(&sent.body).into_owned();
        if content_type == "application/json" {
            let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(parsed(&sent_body), parsed(&body), "{label}");
        } else {
            assert_eq!(sent_body, body, "{label}");
        }
        let signed = header(SIGNATURE_HEADER).is_some_and(|signature| signature.len() == 64);
        assert_eq!(signed, authorization.is_none(), "{label}: either credentials or a signature");

        let shown = format!("{http:?} {account:?} {got:?}");
        let log = logged();
        assert!(log.contains("reqwest"), "the client's own log lines are not recorded");
        let basic = STANDARD.encode(format!("{ACCOUNT_SID}:{AUTH_TOKEN}"));
        let of_messages = ["link-secret", "private words", "491570156"];
        let clicksend = STANDARD.encode(format!("clinic:{CLICKSEND_KEY}"));
        let secrets =
            [AUTH_TOKEN, SIMULATOR_SECRET, &basic, "key-secret", TELNYX_KEY, CLICKSEND_KEY, &clicksend];
        let secrets = secrets.into_iter().chain(of_messages);
        for secret in secrets {
            assert!(!shown.contains(secret), "{label}: Debug shows {secret}");
            let line = log.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{label}: logged {secret}");
        }
    }
}

fn cases() -> Vec<Case> {
    let created = |status: &str, segments: &str| {
        ResponseTemplate::new(201).set_body_json(json!({
            "sid": "MM00000000000000000000000000000002", "status": status, "num_segments": segments,
            "num_media": "2", "error_code": null, "from": null, "price": null, "tags": {},
        }))
    };
    let problem = |status: u16, code: u32| {
        ResponseTemplate::new(status)
            .set_body_json(json!({ "code": code, "message": "of +61491570156", "status": status }))
    };
    let receipt = |state, word: &str, parts| {
        let (carrier_id, carrier_state) =
            ("MM00000000000000000000000000000002".to_owned(), Some(word.to_owned()));
        Ok(Receipt { carrier_id, state, carrier_state, parts, price: None })
    };
    let refused = |code: &str, reason: &str, opted_out| {
        Err(SendError::Refused {
            code: code.to_owned(),
            reason: reason.to_owned(),
            opted_out,
            too_large: false,
        })
    };
    let retry = |seconds: Option<u64>| Err(SendError::Retry { after: seconds.map(Duration::from_secs) });
    let accepted = DeliveryState::Accepted;
    vec![
        Case {
            text: "private words & quote",
            media: MEDIA,
            request: twilio_request(concat!(
                "To=%2B61491570156&From=%2B61491570006&Body=private+words+%26+quote",
                "&MediaUrl=https%3A%2F%2Fmedia.example.test%2Fa.jpg%3Fsig%3Dlink-secret",
                "&MediaUrl=https%3A%2F%2Fmedia.example.test%2Fb.png",
                "&StatusCallback=https%3A%2F%2Fhooks.example.test%2Fwebhooks%2Ftwilio%2Fstatus",
            )),
            ..of_twilio("text with pictures", created("queued", "1"), receipt(accepted, "queued", Some(1)))
        },
        Case {
            text: "",
            media: &MEDIA[1..],
            request: twilio_request(concat!(
                "To=%2B61491570156&From=%2B61491570006&MediaUrl=https%3A%2F%2Fmedia.example.test%2Fb.png",
                "&StatusCallback=https%3A%2F%2Fhooks.example.test%2Fwebhooks%2Ftwilio%2Fstatus",
            )),
            ..of_twilio(
                "a picture without a caption",
                created("queued", "1"),
                receipt(accepted, "queued", Some(1)),
            )
        },
        Case {
            credentials: json!({
                "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN,
                "api_key_sid": "SK00000000000000000000000000000009", "api_key_secret": "key-secret",
                "messaging_service_sid": "MG00000000000000000000000000000007",
            }),
            request: {
                let (path, content_type, _, _) = twilio_request("");
                let user = STANDARD.encode("SK00000000000000000000000000000009:key-secret");
                let body = concat!(
                    "To=%2B61491570156&From=%2B61491570006&MessagingServiceSid=MG00000000000000000000000000000007",
                    "&Body=private+words",
                    "&StatusCallback=https%3A%2F%2Fhooks.example.test%2Fwebhooks%2Ftwilio%2Fstatus",
                );
                (path, content_type, Some(format!("Basic {user}")), body.to_owned())
            },
            ..of_twilio(
                "API key and messaging service",
                created("accepted", "0"),
                receipt(accepted, "accepted", None),
            )
        },
        of_twilio(
            "already failed",
            created("failed", "1"),
            receipt(DeliveryState::Failed, "failed", Some(1)),
        ),
        of_twilio("a state of tomorrow", created("beamed", "1"), receipt(accepted, "beamed", Some(1))),
        of_twilio(
            "opted out",
            problem(400, 21610),
            refused(
                "21610",
                "This person has replied STOP and gets no messages from this number until they reply START.",
                true,
            ),
        ),
        of_twilio(
            "bad credentials",
            problem(401, 20003),
            refused(
                "20003",
                "Twilio does not accept the line's credentials. Check account SID and auth token in Settings > Lines.",
                false,
            ),
        ),
        of_twilio(
            "a code of tomorrow",
            problem(400, 29999),
            refused(
                "29999",
                "Twilio refused the message with error 29999. See https://www.twilio.com/docs/errors/29999.",
                false,
            ),
        ),
        of_twilio("too many requests", problem(429, 20429).insert_header("retry-after", "7"), retry(Some(7))),
        of_twilio(
            "too many requests, no hint",
            ResponseTemplate::new(429).set_body_string("<html>"),
            retry(None),
        ),
        of_twilio(
            "absurd hint",
            problem(429, 20429).insert_header("retry-after", "99999999"),
            retry(Some(3600)),
        ),
        of_twilio("the sender's queue is full", problem(400, 21611), retry(Some(60))),
        of_twilio("broken at Twilio", problem(500, 20500), Err(SendError::Unknown)),
        of_twilio(
            "overloaded",
            ResponseTemplate::new(503).set_body_string("<html>"),
            Err(SendError::Unknown),
        ),
        of_twilio("time-out on the way", problem(408, 20408), Err(SendError::Unknown)),
        of_twilio("refused by something between", ResponseTemplate::new(403), Err(SendError::Unknown)),
        of_twilio(
            "garbled success",
            ResponseTemplate::new(201).set_body_string("{\"sid\":"),
            Err(SendError::Unknown),
        ),
        of_twilio(
            "success without an id",
            ResponseTemplate::new(201).set_body_json(json!({})),
            Err(SendError::Unknown),
        ),
        of_twilio(
            "an endless answer",
            ResponseTemplate::new(201).set_body_string("x".repeat(2 << 20)),
            Err(SendError::Unknown),
        ),
        of_twilio(
            "a redirect, which is not followed",
            ResponseTemplate::new(307).insert_header("location", "/elsewhere"),
            Err(SendError::Unknown),
        ),
        Case {
            text: "private words",
            media: MEDIA,
            credentials: with(
                telnyx_credentials(),
                "messaging_profile_id",
                "83d2343b-553f-4c5f-b8c8-fd27004f94bf",
            ),
            request: telnyx_request(&json!({
                "from": "+61491570006", "to": "+61491570156", "text": "private words", "type": "MMS",
                "media_urls": MEDIA, "messaging_profile_id": "83d2343b-553f-4c5f-b8c8-fd27004f94bf",
                "webhook_url": "https://hooks.example.test/webhooks/twilio/status",
            })),
            ..of_telnyx(
                "text with pictures",
                telnyx_took("queued", &json!({ "amount": "0.0150", "currency": "USD" })),
                telnyx_receipt(accepted, "queued", Some(15_000)),
            )
        },
        Case {
            text: "",
            media: &MEDIA[1..],
            request: telnyx_request(&json!({
                "from": "+61491570006", "to": "+61491570156", "type": "MMS", "media_urls": &MEDIA[1..],
                "webhook_url": "https://hooks.example.test/webhooks/twilio/status",
            })),
            ..of_telnyx(
                "a picture without a caption, the price as a number",
                telnyx_took("queued", &json!({ "amount": 0.02, "currency": "USD" })),
                telnyx_receipt(accepted, "queued", Some(20_000)),
            )
        },
        of_telnyx(
            "no price yet",
            telnyx_took("sent", &Value::Null),
            telnyx_receipt(DeliveryState::Sent, "sent", None),
        ),
        of_telnyx(
            "a state of tomorrow",
            telnyx_took("beamed", &Value::Null),
            telnyx_receipt(accepted, "beamed", None),
        ),
        of_telnyx(
            "opted out, whatever else is wrong",
            telnyx_problem(400, &["40310", "40300"]),
            refused(
                "40300",
                "This person has replied STOP and gets no messages from this number until they reply START.",
                true,
            ),
        ),
        of_telnyx(
            "pictures too large",
            telnyx_problem(422, &["40317"]),
            Err(SendError::Refused {
                code: "40317".to_owned(),
                reason: "The pictures are too large or too many for Telnyx. Send smaller ones.".to_owned(),
                opted_out: false,
                too_large: true,
            }),
        ),
        of_telnyx(
            "bad credentials",
            telnyx_problem(401, &["10009"]),
            refused(
                "10009",
                "Telnyx does not accept the line's API key. Check it in Settings > Lines.",
                false,
            ),
        ),
        of_telnyx(
            "a code of tomorrow, as a number",
            ResponseTemplate::new(403).set_body_json(json!({ "errors": [{ "code": 49999, "title": "x" }] })),
            refused(
                "49999",
                "Telnyx refused the message with error 49999. See https://developers.telnyx.com/docs/overview/errors/49999.",
                false,
            ),
        ),
        of_telnyx(
            "too many requests",
            telnyx_problem(429, &["10011"]).insert_header("retry-after", "7"),
            retry(Some(7)),
        ),
        of_telnyx("too many requests, no hint", telnyx_problem(429, &["10011"]), retry(None)),
        of_telnyx("the sender's queue is full", telnyx_problem(400, &["40318"]), retry(Some(60))),
        of_telnyx("broken at Telnyx", telnyx_problem(500, &["10007"]), Err(SendError::Unknown)),
        of_telnyx("time-out on the way", telnyx_problem(408, &["10015"]), Err(SendError::Unknown)),
        of_telnyx("refused by something between", ResponseTemplate::new(403), Err(SendError::Unknown)),
        of_telnyx("no reason", ResponseTemplate::new(400).set_body_json(json!({})), Err(SendError::Unknown)),
        of_telnyx(
            "garbled success",
            ResponseTemplate::new(200).set_body_string("{"),
            Err(SendError::Unknown),
        ),
        of_telnyx(
            "success without an id",
            ResponseTemplate::new(200).set_body_json(json!({ "data": { "id": null } })),
            Err(SendError::Unknown),
        ),
        of_clicksend(
            "accepted, the price as text",
            clicksend_took("SUCCESS", Some(1), &json!("0.0792")),
            clicksend_receipt("SUCCESS", Some(79_200)),
        ),
        of_clicksend(
            "accepted, the price as a number",
            clicksend_took("SUCCESS", Some(1), &json!(0.16)),
            clicksend_receipt("SUCCESS", Some(160_000)),
        ),
        of_clicksend(
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
                state: accepted,
                carrier_state: Some("SUCCESS".to_owned()),
                parts: None,
                price: None,
            }),
        ),
        of_clicksend(
            "refused within a success",
            clicksend_took("COUNTRY_NOT_ENABLED", Some(0), &json!("0.0000")),
            refused(
                "COUNTRY_NOT_ENABLED",
                "The ClickSend account may not send to this country. Switch it on in ClickSend's dashboard under global sending.",
                false,
            ),
        ),
        of_clicksend(
            "the same text again",
            clicksend_took("THROTTLED", Some(0), &Value::Null),
            refused(
                "THROTTLED",
                "ClickSend has sent the same text to this number a moment ago, and did not send it again.",
                false,
            ),
        ),
        of_clicksend(
            "opted out, in words that are not documented",
            clicksend_took("RECIPIENT_OPTED_OUT", Some(0), &Value::Null),
            refused(
                "RECIPIENT_OPTED_OUT",
                "This person is on ClickSend's opt-out list and gets no messages from this account.",
                true,
            ),
        ),
        of_clicksend(
            "a word of tomorrow, not queued",
            clicksend_took("MOONLIGHT", Some(0), &Value::Null),
            refused(
                "MOONLIGHT",
                "ClickSend refused the message (MOONLIGHT). Look it up in ClickSend's dashboard.",
                false,
            ),
        ),
        of_clicksend(
            "a word of tomorrow, queued",
            clicksend_took("WAITING", Some(1), &Value::Null),
            clicksend_receipt("WAITING", None),
        ),
        of_clicksend(
            "a word of tomorrow, and nothing beside it",
            clicksend_took("WAITING", None, &Value::Null),
            Err(SendError::Unknown),
        ),
        of_clicksend(
            "broken, within a success",
            clicksend_took("INTERNAL_ERROR", Some(0), &Value::Null),
            Err(SendError::Unknown),
        ),
        of_clicksend(
            "no credit, with a good status",
            clicksend_problem(200, "INSUFFICIENT_CREDIT"),
            refused(
                "INSUFFICIENT_CREDIT",
                "The ClickSend account has no credit left. Top it up in ClickSend's dashboard.",
                false,
            ),
        ),
        of_clicksend(
            "bad credentials",
            clicksend_problem(401, "UNAUTHORIZED"),
            refused(
                "UNAUTHORIZED",
                "ClickSend does not accept the line's credentials. Check user name and API key in Settings > Lines.",
                false,
            ),
        ),
        of_clicksend(
            "broken, with a bad status",
            clicksend_problem(400, "SOMETHING_IS_WRONG"),
            Err(SendError::Unknown),
        ),
        of_clicksend(
            "too many requests",
            clicksend_problem(429, "TOO_MANY_REQUESTS").insert_header("retry-after", "7"),
            retry(Some(7)),
        ),
        of_clicksend("too many requests, no hint", ResponseTemplate::new(429), retry(None)),
        of_clicksend(
            "broken at ClickSend",
            clicksend_problem(500, "INTERNAL_ERROR"),
            Err(SendError::Unknown),
        ),
        of_clicksend("time-out on the way", clicksend_problem(408, "x"), Err(SendError::Unknown)),
        of_clicksend("refused by something between", ResponseTemplate::new(403), Err(SendError::Unknown)),
        of_clicksend(
            "garbled success",
            ResponseTemplate::new(200).set_body_string("{"),
            Err(SendError::Unknown),
        ),
        of_clicksend("nothing about the message", clicksend_problem(200, "SUCCESS"), Err(SendError::Unknown)),
        of_clicksend(
            "success without an id",
            ResponseTemplate::new(200).set_body_json(
                json!({ "data": { "messages": [{ "status": "SUCCESS", "message_id": "" }] } }),
            ),
            Err(SendError::Unknown),
        ),
        of_simulator(
            "accepted",
            ResponseTemplate::new(201).set_body_json(json!({ "id": "m1", "status": "accepted" })),
            Ok(Receipt {
                carrier_id: "m1".to_owned(),
                state: accepted,
                carrier_state: Some("accepted".to_owned()),
                parts: None,
                price: None,
            }),
        ),
        of_simulator(
            "refused",
            ResponseTemplate::new(422)
                .set_body_json(json!({ "error": { "code": "c", "message": "why", "field": null } })),
            refused("c", "why", false),
        ),
        of_simulator("busy", ResponseTemplate::new(429).insert_header("retry-after", "1"), retry(Some(1))),
        of_simulator("broken", ResponseTemplate::new(500), Err(SendError::Unknown)),
        of_simulator("garbled", ResponseTemplate::new(201), Err(SendError::Unknown)),
    ]
}

fn of_twilio(label: &'static str, answer: ResponseTemplate, outcome: Result<Receipt, SendError>) -> Case {
    let request = twilio_request(concat!(
        "To=%2B61491570156&From=%2B61491570006&Body=private+words",
        "&StatusCallback=https%3A%2F%2Fhooks.example.test%2Fwebhooks%2Ftwilio%2Fstatus",
    ));
    let credentials = json!({ "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN });
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

fn twilio_request(body: &str) -> (String, &'static str, Option<String>, String) {
    let user = STANDARD.encode(format!("{ACCOUNT_SID}:{AUTH_TOKEN}"));
    let path = format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json");
    (path, "application/x-www-form-urlencoded", Some(format!("Basic {user}")), body.to_owned())
}

fn of_telnyx(label: &'static str, answer: ResponseTemplate, outcome: Result<Receipt, SendError>) -> Case {
    let request = telnyx_request(&json!({
        "from": "+61491570006", "to": "+61491570156", "text": "private words", "type": "SMS",
        "webhook_url": "https://hooks.example.test/webhooks/twilio/status",
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

fn telnyx_request(body: &Value) -> (String, &'static str, Option<String>, String) {
    ("/messages".to_owned(), "application/json", Some(format!("Bearer {TELNYX_KEY}")), body.to_string())
}

fn telnyx_took(status: &str, cost: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({ "data": {
        "record_type": "message", "direction": "outbound", "id": "ac012cbf-5e09-46af-a69a-7c0e2d90993c",
        "to": [{ "phone_number": "+61491570156", "status": status }], "parts": 2, "cost": cost,
        "subject": null, "cc": [], "errors": [],
    }}))
}

fn telnyx_receipt(state: DeliveryState, word: &str, micros: Option<i64>) -> Result<Receipt, SendError> {
    Ok(Receipt {
        carrier_id: "ac012cbf-5e09-46af-a69a-7c0e2d90993c".to_owned(),
        state,
        carrier_state: Some(word.to_owned()),
        parts: Some(2),
        price: micros.map(|micros| Price { micros, currency: Currency::Usd }),
    })
}

fn telnyx_problem(status: u16, codes: &[&str]) -> ResponseTemplate {
    let errors: Vec<_> = codes
        .iter()
        .map(|code| json!({ "code": code, "title": "No", "detail": "of +61491570156" }))
        .collect();
    ResponseTemplate::new(status).set_body_json(json!({ "errors": errors }))
}

fn of_clicksend(label: &'static str, answer: ResponseTemplate, outcome: Result<Receipt, SendError>) -> Case {
    let message = json!({
        "source": "heliograph", "to": "+61491570156", "from": "+61491570006", "body": "private words",
        "custom_string": "delivery-1",
    });
    let user = STANDARD.encode(format!("clinic:{CLICKSEND_KEY}"));
    let request = (
        "/v3/sms/send".to_owned(),
        "application/json",
        Some(format!("Basic {user}")),
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
fn clicksend_took(status: &str, queued: Option<u32>, price: &Value) -> ResponseTemplate {
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

fn clicksend_receipt(word: &str, micros: Option<i64>) -> Result<Receipt, SendError> {
    Ok(Receipt {
        carrier_id: "BF7AD270-0DE2-418B-B606-71D527D9C1AE".to_owned(),
        state: DeliveryState::Accepted,
        carrier_state: Some(word.to_owned()),
        parts: Some(2),
        price: micros.map(|micros| Price { micros, currency: Currency::Aud }),
    })
}

fn clicksend_problem(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({
        "http_code": status, "response_code": code, "response_msg": "of +61491570156", "data": "nothing",
    }))
}

fn of_simulator(label: &'static str, answer: ResponseTemplate, outcome: Result<Receipt, SendError>) -> Case {
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

#[tokio::test]
async fn without_a_connection_it_may_be_tried_again() {
    // A port that was free a moment ago.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for (carrier, account) in all(&format!("http://{address}")) {
        let http = http_to_address(address);
        let got = carrier.send(&http, &account, &outbound("hello", &[])).await;
        assert_eq!(got, Err(SendError::Retry { after: None }));
    }
}

#[tokio::test]
async fn where_no_tls_is_spoken_it_may_be_tried_again() {
    let address = raw_server("not TLS at all\r\n\r\n").await;
    for (carrier, account) in all(&format!("https://{address}")) {
        let got = carrier.send(&http_to_address(address), &account, &outbound("hello", &[])).await;
        assert_eq!(got, Err(SendError::Retry { after: None }));
    }
}

#[tokio::test]
async fn after_the_request_was_read_nobody_knows() {
    for half_an_answer in ["", "HTTP/1.1 201 Created\r\ncontent-length: 1000\r\n\r\n{"] {
        let address = raw_server(half_an_answer).await;
        for (carrier, account) in all(&format!("http://{address}")) {
            let got = carrier.send(&http_to_address(address), &account, &outbound("hello", &[])).await;
            assert_eq!(got, Err(SendError::Unknown));
        }
    }
}

#[tokio::test]
async fn a_private_api_address_is_refused_and_named() {
    let server = MockServer::start().await;
    for (carrier, account) in all(&server.uri()) {
        let got = carrier.send(&http_to(&[]), &account, &outbound("hello", &[])).await;
        assert!(matches!(got, Err(SendError::Refused { code, .. }) if code == "address"));
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[test]
fn telnyx_credentials_are_checked_by_field() {
    let padded =
        json!({ "api_key": format!(" {TELNYX_KEY}\n"), "public_key": format!("{TELNYX_PUBLIC_KEY} ") });
    assert_eq!(telnyx().check_credentials(&padded), Ok(()));
    let wrong = [
        (json!({}), "api_key"),
        (json!({ "api_key": TELNYX_KEY }), "public_key"),
        (with(telnyx_credentials(), "public_key", "c2hvcnQ="), "public_key"),
        (with(telnyx_credentials(), "public_key", "not Base64"), "public_key"),
        (with(telnyx_credentials(), "previous_public_key", "c2hvcnQ="), "previous_public_key"),
        (with(telnyx_credentials(), "api_base", "api.example.test"), "api_base"),
    ];
    for (credentials, field) in wrong {
        assert_eq!(telnyx().check_credentials(&credentials).unwrap_err().field, field);
    }
}

#[test]
fn clicksend_credentials_are_checked_by_field() {
    let good = with(clicksend_credentials(), "media_hosts", "media.example.com, files.example.com");
    assert_eq!(clicksend().check_credentials(&good), Ok(()));
    let wrong = [
        (json!({}), "username"),
        (json!({ "username": "clinic" }), "api_key"),
        (with(clicksend_credentials(), "mms_subject", "More than twenty letters"), "mms_subject"),
        (with(clicksend_credentials(), "media_hosts", "https://media.example.com"), "media_hosts"),
        (with(clicksend_credentials(), "media_hosts", "localhost"), "media_hosts"),
        (with(clicksend_credentials(), "api_base", "rest.example.test"), "api_base"),
    ];
    for (credentials, field) in wrong {
        assert_eq!(clicksend().check_credentials(&credentials).unwrap_err().field, field);
    }
}

#[test]
fn credentials_are_checked_by_field() {
    let good =
        json!({ "account_sid": format!(" {ACCOUNT_SID}\n"), "auth_token": AUTH_TOKEN, "api_base": "" });
    assert_eq!(twilio().check_credentials(&good), Ok(()));
    let wrong = [
        (json!({}), "account_sid"),
        (json!({ "account_sid": "AC1", "auth_token": AUTH_TOKEN }), "account_sid"),
        (json!({ "account_sid": ACCOUNT_SID }), "auth_token"),
        (json!({ "account_sid": ACCOUNT_SID, "auth_token": 7 }), "auth_token"),
        (with(twilio_credentials(), "api_key_sid", "SK00000000000000000000000000000009"), "api_key_secret"),
        (with(twilio_credentials(), "api_key_secret", "key-secret"), "api_key_sid"),
        (with(twilio_credentials(), "messaging_service_sid", "MG"), "messaging_service_sid"),
        (with(twilio_credentials(), "api_base", "ftp://api.example.test"), "api_base"),
    ];
    for (credentials, field) in wrong {
        assert_eq!(twilio().check_credentials(&credentials).unwrap_err().field, field);
    }
    let short = json!({ "api_base": "http://127.0.0.1:3000", "secret": "short" });
    assert_eq!(simulator().check_credentials(&short).unwrap_err().field, "secret");
    assert_eq!(simulator().check_credentials(&json!({ "api_base": "x" })).unwrap_err().field, "api_base");
}

fn twilio_credentials() -> Value {
    json!({ "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN })
}

fn with(mut credentials: Value, field: &str, value: &str) -> Value {
    credentials[field] = json!(value);
    credentials
}

/// Every carrier with an account whose API is at `base`.
fn all(base: &str) -> Vec<(&'static dyn Provider, Account)> {
    let at_base = |credentials| account(with(credentials, "api_base", base));
    vec![
        (twilio(), at_base(twilio_credentials())),
        (telnyx(), at_base(telnyx_credentials())),
        (clicksend(), at_base(clicksend_credentials())),
        (simulator(), simulator_account(base)),
    ]
}

fn http_to_address(address: std::net::SocketAddr) -> providers::Http {
    providers::Http::new(providers::Netguard { allowed_private: [address.to_string()].into(), own: None })
        .unwrap()
}

/// Reads the beginning of whatever comes, answers the same, and hangs up.
async fn raw_server(answer: &'static str) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let read = socket.read(&mut request).await.unwrap();
            assert!(read > 0);
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}
