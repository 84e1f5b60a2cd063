//! One table for all carriers: an answer, the exact request that it was given to, and what we make of it.

use crate::support::*;
use base64::{Engine, engine::general_purpose::STANDARD};
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
        assert_eq!(String::from_utf8_lossy(&sent.body), body, "{label}");
        let signed = header(SIGNATURE_HEADER).is_some_and(|signature| signature.len() == 64);
        let in_form = body.contains("&password=");
        let proofs = [signed, authorization.is_some(), in_form].into_iter().filter(|proven| *proven).count();
        assert_eq!(proofs, 1, "{label}: either credentials or a signature");

        let shown = format!("{http:?} {account:?} {got:?}");
        let log = logged();
        assert!(log.contains("reqwest"), "the client's own log lines are not recorded");
        let basic = STANDARD.encode(format!("{ACCOUNT_SID}:{AUTH_TOKEN}"));
        let key = STANDARD.encode(format!("{API_KEY}:{API_SECRET}"));
        let secrets = [
            AUTH_TOKEN,
            API_SECRET,
            SIMULATOR_SECRET,
            &basic,
            &key,
            "key-secret",
            "link-secret",
            "private words",
            "491570156",
        ];
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
    let queued = || {
        ResponseTemplate::new(202).set_body_json(json!({ "messages": [{
            "message_id": "877c19ef-fa2e-4cec-827a-e1df9b5509f7", "status": "queued", "format": "SMS",
            "content": "private words", "destination_number": "+61491570156", "media": null,
        }] }))
    };
    let taken = |word: &str| {
        let (carrier_id, carrier_state) =
            ("877c19ef-fa2e-4cec-827a-e1df9b5509f7".to_owned(), Some(word.to_owned()));
        Ok(Receipt { carrier_id, state: accepted, carrier_state, parts: None, price: None })
    };
    let listed = |id: &str| {
        let (carrier_id, carrier_state) = (id.to_owned(), Some("OK".to_owned()));
        Ok(Receipt { carrier_id, state: accepted, carrier_state, parts: None, price: None })
    };
    let objection = |status: u16, details: &[&str]| {
        ResponseTemplate::new(status).set_body_json(json!({
            "message": "Request failed to parse correctly. Please ensure input is valid and try again.",
            "details": details,
        }))
    };
    vec![
        Case {
            text: "private words & quote",
            media: MEDIA,
            request: twilio_request(concat!(
                "To=%2B61491570156&From=%2B61491570006&Body=private+words+%26+quote",
                "&MediaUrl=https%3A%2F%2Fmedia.example.test%2Fa.jpg%3Fsig%3Dlink-secret",
                "&MediaUrl=https%3A%2F%2Fmedia.example.test%2Fb.png",
                "&StatusCallback=https%3A%2F%2Fhooks.example.test%2Fwebhooks%2Ftwilio%2Fstatus%23rc%3D5%26rp%3D5xx%2Cct%2Crt",
            )),
            ..of_twilio("text with pictures", created("queued", "1"), receipt(accepted, "queued", Some(1)))
        },
        Case {
            text: "",
            media: &MEDIA[1..],
            request: twilio_request(concat!(
                "To=%2B61491570156&From=%2B61491570006&MediaUrl=https%3A%2F%2Fmedia.example.test%2Fb.png",
                "&StatusCallback=https%3A%2F%2Fhooks.example.test%2Fwebhooks%2Ftwilio%2Fstatus%23rc%3D5%26rp%3D5xx%2Cct%2Crt",
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
                    "&StatusCallback=https%3A%2F%2Fhooks.example.test%2Fwebhooks%2Ftwilio%2Fstatus%23rc%3D5%26rp%3D5xx%2Cct%2Crt",
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
            text: "private words & quote",
            media: &MEDIA[..1],
            request: messagemedia_request(concat!(
                r#"{"messages":[{"content":"private words & quote","destination_number":"+61491570156","#,
                r#""source_number":"+61491570006","source_number_type":"INTERNATIONAL","format":"MMS","#,
                r#""media":["https://media.example.test/a.jpg?sig=link-secret"],"delivery_report":true,"#,
                r#""callback_url":"https://hooks.example.test/webhooks/twilio/status","#,
                r#""metadata":{"reference":"delivery-1"}}]}"#,
            )),
            ..of_messagemedia("text with a picture", queued(), taken("queued"))
        },
        Case {
            text: "",
            media: &MEDIA[1..],
            request: messagemedia_request(concat!(
                r#"{"messages":[{"content":"Photo","destination_number":"+61491570156","#,
                r#""source_number":"+61491570006","source_number_type":"INTERNATIONAL","format":"MMS","#,
                r#""media":["https://media.example.test/b.png"],"delivery_report":true,"#,
                r#""callback_url":"https://hooks.example.test/webhooks/twilio/status","#,
                r#""metadata":{"reference":"delivery-1"}}]}"#,
            )),
            ..of_messagemedia("a picture without a caption, which is not taken", queued(), taken("queued"))
        },
        of_messagemedia("text", queued(), taken("queued")),
        of_messagemedia(
            "a recipient that is none",
            objection(400, &["/messages/0/destination_number: of +61491570156, invalid characters."]),
            refused("400", "This is not a valid telephone number. Check the patient's number.", false),
        ),
        of_messagemedia(
            "a sender that is not registered",
            objection(400, &["/messages/0/source_number: not registered."]),
            refused(
                "400",
                "MessageMedia does not accept the line's number as a sender. Register it under Numbers in MessageMedia's console.",
                false,
            ),
        ),
        of_messagemedia(
            "a picture that is too large",
            objection(400, &["/messages/0/media: media size exceeds the limit."]),
            Err(SendError::Refused {
                code: "400".to_owned(),
                reason: "MessageMedia could not use the picture. It takes JPEG, PNG and GIF; check that APP_URL can be reached from the internet."
                    .to_owned(),
                opted_out: false,
                too_large: true,
            }),
        ),
        of_messagemedia(
            "an objection of tomorrow",
            objection(422, &[]),
            refused(
                "422",
                "MessageMedia refused the message with status 422. Ask its support if it happens again.",
                false,
            ),
        ),
        of_messagemedia(
            "bad credentials",
            ResponseTemplate::new(401)
                .set_body_json(json!({ "message": "Invalid authentication credentials" })),
            refused(
                "401",
                "MessageMedia does not accept the line's credentials. Check API key and secret in Settings > Lines.",
                false,
            ),
        ),
        of_messagemedia(
            "bad credentials, by the older documents",
            ResponseTemplate::new(403)
                .set_body_json(json!({ "message": "Invalid authentication credentials" })),
            refused(
                "403",
                "MessageMedia does not accept the line's credentials. Check API key and secret in Settings > Lines.",
                false,
            ),
        ),
        of_messagemedia(
            "another address",
            ResponseTemplate::new(404).set_body_json(json!({ "message": "Resource not found." })),
            refused(
                "404",
                "MessageMedia does not know this API address or sub-account. Check the line in Settings > Lines.",
                false,
            ),
        ),
        of_messagemedia(
            "too many requests",
            ResponseTemplate::new(429).insert_header("retry-after", "7"),
            retry(Some(7)),
        ),
        of_messagemedia("too many requests, no hint", ResponseTemplate::new(429), retry(None)),
        of_messagemedia("broken at MessageMedia", objection(500, &[]), Err(SendError::Unknown)),
        of_messagemedia("overloaded", ResponseTemplate::new(503), Err(SendError::Unknown)),
        of_messagemedia("time-out on the way", objection(408, &[]), Err(SendError::Unknown)),
        of_messagemedia("refused by something between", ResponseTemplate::new(403), Err(SendError::Unknown)),
        of_messagemedia(
            "garbled success",
            ResponseTemplate::new(202).set_body_string("{\"messages\":["),
            Err(SendError::Unknown),
        ),
        of_messagemedia(
            "success without an id",
            ResponseTemplate::new(202).set_body_json(json!({ "messages": [] })),
            Err(SendError::Unknown),
        ),
        of_smsbroadcast("taken", "OK: 61491570156:2942263\r\n", listed("2942263")),
        of_smsbroadcast("taken, without a space", "\r\nOK:61491570156:2942263", listed("2942263")),
        of_smsbroadcast(
            "a refusal beside it",
            "BAD:0400abc111:Invalid Number\nOK: 61491570156: 7 \n",
            listed("7"),
        ),
        of_smsbroadcast(
            "a recipient that is none",
            "BAD:61491570156:Invalid Number",
            refused("BAD", "This is not a valid telephone number. Check the patient's number.", false),
        ),
        of_smsbroadcast(
            "bad credentials",
            "ERROR: Username or password is incorrect",
            refused(
                "ERROR",
                "SMS Broadcast does not accept the line's credentials. Check user name and password in Settings > Lines.",
                false,
            ),
        ),
        of_smsbroadcast(
            "a sender that is none",
            "ERROR: The sender cannot be longer than 11 characters.",
            refused(
                "ERROR",
                "SMS Broadcast does not accept the line's number as a sender. Check it in SMS Broadcast's portal.",
                false,
            ),
        ),
        of_smsbroadcast(
            "opted out",
            "BAD:61491570156:Recipient has opted out",
            refused(
                "BAD",
                "SMS Broadcast has blocked this number, probably because the person has asked to stop.",
                true,
            ),
        ),
        of_smsbroadcast(
            "a sentence of tomorrow",
            "ERROR: Wait: 61491570156 is busy",
            refused("ERROR", "SMS Broadcast refused the message (ERROR): Wait: is busy", false),
        ),
        of_smsbroadcast("taken without an id", "OK: 61491570156", Err(SendError::Unknown)),
        of_smsbroadcast("taken with an empty id", "OK: 61491570156:", Err(SendError::Unknown)),
        of_smsbroadcast("a page that reports a fault", "<html>OK</html>", Err(SendError::Unknown)),
        of_smsbroadcast("nothing at all", "", Err(SendError::Unknown)),
        Case {
            answer: ResponseTemplate::new(500).set_body_string("ERROR: Internal"),
            ..of_smsbroadcast("broken at SMS Broadcast", "", Err(SendError::Unknown))
        },
        Case {
            answer: ResponseTemplate::new(408).set_body_string("ERROR: Time-out"),
            ..of_smsbroadcast("time-out on the way", "", Err(SendError::Unknown))
        },
        Case {
            answer: ResponseTemplate::new(403).set_body_string("<html>"),
            ..of_smsbroadcast("refused by something between", "", Err(SendError::Unknown))
        },
        Case {
            answer: ResponseTemplate::new(429).insert_header("retry-after", "7"),
            ..of_smsbroadcast("too many requests", "", retry(Some(7)))
        },
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
        "&StatusCallback=https%3A%2F%2Fhooks.example.test%2Fwebhooks%2Ftwilio%2Fstatus%23rc%3D5%26rp%3D5xx%2Cct%2Crt",
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

fn of_messagemedia(
    label: &'static str,
    answer: ResponseTemplate,
    outcome: Result<Receipt, SendError>,
) -> Case {
    let request = messagemedia_request(concat!(
        r#"{"messages":[{"content":"private words","destination_number":"+61491570156","#,
        r#""source_number":"+61491570006","source_number_type":"INTERNATIONAL","format":"SMS","#,
        r#""delivery_report":true,"callback_url":"https://hooks.example.test/webhooks/twilio/status","#,
        r#""metadata":{"reference":"delivery-1"}}]}"#,
    ));
    let credentials = json!({ "api_key": API_KEY, "api_secret": API_SECRET });
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

fn messagemedia_request(body: &str) -> (String, &'static str, Option<String>, String) {
    let user = STANDARD.encode(format!("{API_KEY}:{API_SECRET}"));
    ("/v1/messages".to_owned(), "application/json", Some(format!("Basic {user}")), body.to_owned())
}

fn of_smsbroadcast(label: &'static str, answer: &str, outcome: Result<Receipt, SendError>) -> Case {
    let body = format!(
        "username={API_KEY}&password={API_SECRET}&to=61491570156&from=61491570006&message=private+words\
         &ref=delivery1&maxsplit=5"
    );
    Case {
        label,
        carrier: smsbroadcast(),
        credentials: json!({ "username": API_KEY, "password": API_SECRET }),
        text: "private words",
        media: &[],
        answer: ResponseTemplate::new(200).set_body_string(answer),
        request: ("/api-adv.php".to_owned(), "application/x-www-form-urlencoded", None, body),
        outcome,
    }
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
fn credentials_are_checked_by_field() {
    let good =
        json!({ "account_sid": format!(" {ACCOUNT_SID}\n"), "auth_token": AUTH_TOKEN, "api_base": "" });
    assert_eq!(twilio().check_credentials(&good), Ok(()));
    let wrong = [
        (json!({}), "account_sid"),
        (json!({ "account_sid": "AC1", "auth_token": AUTH_TOKEN }), "account_sid"),
        (json!({ "account_sid": ACCOUNT_SID }), "auth_token"),
        (json!({ "account_sid": ACCOUNT_SID, "auth_token": 7 }), "auth_token"),
        (with("api_key_sid", "SK00000000000000000000000000000009"), "api_key_secret"),
        (with("api_key_secret", "key-secret"), "api_key_sid"),
        (with("messaging_service_sid", "MG"), "messaging_service_sid"),
        (with("api_base", "ftp://api.example.test"), "api_base"),
    ];
    for (credentials, field) in wrong {
        assert_eq!(twilio().check_credentials(&credentials).unwrap_err().field, field);
    }
    let short = json!({ "api_base": "http://127.0.0.1:3000", "secret": "short" });
    assert_eq!(simulator().check_credentials(&short).unwrap_err().field, "secret");
    assert_eq!(simulator().check_credentials(&json!({ "api_base": "x" })).unwrap_err().field, "api_base");
}

fn with(field: &str, value: &str) -> Value {
    let mut credentials = json!({ "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN });
    credentials[field] = json!(value);
    credentials
}

fn all(base: &str) -> Vec<(&'static dyn Provider, Account)> {
    let key = json!({ "api_key": API_KEY, "api_secret": API_SECRET, "api_base": base });
    vec![
        (twilio(), account(with("api_base", base))),
        (messagemedia(), account(key)),
        (smsbroadcast(), account(json!({ "username": API_KEY, "password": API_SECRET, "api_base": base }))),
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
