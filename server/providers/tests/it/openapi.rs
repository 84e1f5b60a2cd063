//! What we send and understand against the carriers' published descriptions of their APIs.

use crate::support::*;
use providers::{Account, Confirmation, Event, Listed, Outbound, Provider, Verification, WebhookKind};
use serde_json::{Value, json};
use std::path::PathBuf;
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

#[tokio::test]
async fn every_field_that_twilio_is_sent_is_described() {
    let Some(api) = description("twilio-messages.json") else { return };
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(500)).mount(&server).await;
    let account = account(json!({
        "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "api_base": server.uri(),
        "messaging_service_sid": "MG00000000000000000000000000000007",
    }));
    let message = outbound("hello", &["https://media.example.test/a", "https://media.example.test/b"]);
    twilio().send(&http_to(&[&server]), &account, &message).await.unwrap_err();
    let request = server.received_requests().await.unwrap().remove(0);

    let path = "/2010-04-01/Accounts/{AccountSid}/Messages.json";
    assert_eq!(request.url.path(), path.replace("{AccountSid}", ACCOUNT_SID));
    let body =
        &api["paths"][path]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
    let sent: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
    for (name, _) in &sent {
        let described = &body["properties"][name];
        assert!(described.is_object(), "{name} is not described");
        let repeated = sent.iter().filter(|(other, _)| other == name).count() > 1;
        assert_eq!(repeated, described["type"] == "array", "{name}");
    }
    for required in body["required"].as_array().unwrap() {
        assert!(sent.iter().any(|(name, _)| required == name), "{required} is missing");
    }
}

#[test]
fn every_status_that_twilio_describes_is_understood() {
    let Some(api) = description("twilio-messages.json") else { return };
    let words = api["components"]["schemas"]["message_enum_status"]["enum"].as_array().unwrap();
    assert!(words.len() > 10);
    let account = Account { verification: Verification::Observe, ..twilio_account() };
    for word in words.iter().map(|word| word.as_str().unwrap()) {
        let body = format!("MessageSid=SM1&From=%2B61491570156&MessageStatus={word}");
        let request = form(WebhookKind::Status, "https://hooks.example.test/w", &body, "");
        let understood = match &twilio().receive(&account, &request).unwrap().events[..] {
            [Event::Status(status)] => status.state.is_some(),
            events => matches!(events, [Event::Inbound(_)]) && word.starts_with("receiv"),
        };
        assert!(understood, "{word}");
    }
}

#[tokio::test]
async fn every_field_that_telnyx_is_sent_is_described() {
    let Some(api) = description("telnyx-messaging.json") else { return };
    let profile = "83d2343b-553f-4c5f-b8c8-fd27004f94bf";
    let credentials = with(telnyx_credentials(), "messaging_profile_id", profile);
    let message = outbound("hello", &["https://media.example.test/a"]);
    let (path, sent) = asked(telnyx(), credentials, &message).await;
    assert_fits(&api, &sent, body_of(&api, &path), "message");
}

#[test]
fn every_status_that_telnyx_describes_is_understood() {
    let Some(api) = description("telnyx-messaging.json") else { return };
    let payload = &api["components"]["schemas"]["OutboundMessagePayload"]["properties"];
    let words = payload["to"]["items"]["properties"]["status"]["enum"].as_array().unwrap();
    assert!(words.len() > 5);
    let account = Account { verification: Verification::Observe, ..telnyx_account() };
    for word in words {
        let payload = json!({ "id": "m1", "to": [{ "status": word }] });
        let body = json!({ "data": { "event_type": "message.finalized", "id": "e1", "payload": payload } });
        let request = form(WebhookKind::Status, "https://hooks.example.test/w", &body.to_string(), "");
        let received = telnyx().receive(&account, &request).unwrap();
        let [Event::Status(status)] = &received.events[..] else { panic!("{word}") };
        assert!(status.state.is_some(), "{word}");
    }
}

#[tokio::test]
async fn every_field_that_messagemedia_is_sent_is_described() {
    let Some(api) = description("messagemedia-messaging.json") else { return };
    let credentials = with(messagemedia_credentials(), "account_id", "MyAccount001");
    for message in [outbound("hello", &[]), outbound("", &["https://media.example.test/a"])] {
        let (path, sent) = asked(messagemedia(), credentials.clone(), &message).await;
        assert_fits(&api, &sent, body_of(&api, &path), "request");
    }
}

#[tokio::test]
async fn what_messagemedia_is_told_to_be_safe_is_told_as_described() {
    let Some(api) = description("messagemedia-messaging.json") else { return };
    let server = MockServer::start().await;
    let item = |name: &str, n: u32| {
        let item = json!({
            "message_id": "877c19ef-fa2e-4cec-827a-e1df9b5509f7", "date_received": "2026-08-04T01:55:00.850Z",
            "source_number": "+61491570156", "destination_number": "+61491570006",
        });
        with(item, name, &format!("a175e797-2b54-468b-9850-{n:012}"))
    };
    let replies: Vec<Value> = (0..100).map(|n| with(item("reply_id", n), "content", "Yes")).collect();
    let reports: Vec<Value> =
        (0..100).map(|n| with(item("delivery_report_id", n), "status", "delivered")).collect();
    let lists = [
        ("/v1/replies", json!({ "replies": replies })),
        ("/v1/delivery_reports", json!({ "delivery_reports": reports })),
    ];
    for (list, answer) in lists {
        let asked = Mock::given(method("GET")).and(path(list));
        asked.respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&server).await;
    }
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(202)).mount(&server).await;
    let credentials = with(messagemedia_credentials(), "account_id", "MyAccount001");
    let (http, account) = (http_to(&[&server]), account(with(credentials, "api_base", &server.uri())));
    let recent = messagemedia().recent(&http, &account, 0).await.unwrap();
    let confirmations = recent.messages.into_iter().filter_map(|listed| match listed {
        Listed::Inbound { confirm, .. }
        | Listed::Outbound { confirm, .. }
        | Listed::Wordless { confirm, .. } => confirm,
    });
    // More than are taken at once: those of two rounds.
    let twice: Vec<Confirmation> = confirmations.flat_map(|one| [one.clone(), one]).collect();
    messagemedia().confirm(&http, &account, &twice).await.unwrap();

    let mut told = server.received_requests().await.unwrap();
    told.retain(|request| request.method.as_str() == "POST");
    assert_eq!(told.len(), 4);
    for request in told {
        assert_eq!(request.headers["account"].to_str().unwrap(), "MyAccount001");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_fits(&api, &body, body_of(&api, request.url.path()), "request");
        let ids = body.as_object().unwrap().values().next().unwrap().as_array().unwrap();
        assert_eq!(ids.len(), 100, "as many as are taken at once");
    }
    server.reset().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(500)).mount(&server).await;
    assert!(messagemedia().confirm(&http, &account, &twice).await.is_err());
}

#[test]
fn every_status_that_messagemedia_describes_is_understood() {
    let Some(api) = description("messagemedia-messaging.json") else { return };
    let words = api["components"]["schemas"]["Status"]["enum"].as_array().unwrap();
    assert!(words.len() > 10);
    let account = Account { verification: Verification::Observe, ..account(messagemedia_credentials()) };
    for word in words {
        let body = json!({ "message_id": "m1", "status": word }).to_string();
        let mut request = form(WebhookKind::Status, "https://hooks.example.test/w", &body, "");
        request.headers.clear();
        let received = messagemedia().receive(&account, &request).unwrap();
        assert!(matches!(&received.events[..], [Event::Status(status)] if status.state.is_some()), "{word}");
    }
}

#[tokio::test]
async fn every_field_that_clicksend_is_sent_is_described() {
    let Some(api) = description("clicksend-sms.json") else { return };
    let (path, sent) = asked(clicksend(), clicksend_credentials(), &outbound("hello", &[])).await;
    let mut described = body_of(&api, &path).clone();
    // What a message must have is demanded of the whole request as well, which its own examples do not heed.
    described.as_object_mut().unwrap().remove("required");
    assert_fits(&api, &sent, &described, "request");
    assert!(sent["messages"][0]["to"].is_string(), "one of `to` and `list_id` must be there");
}

/// The path and the JSON that a carrier is asked with to send a message.
async fn asked(carrier: &dyn Provider, credentials: Value, message: &Outbound) -> (String, Value) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(500)).mount(&server).await;
    let account = account(with(credentials, "api_base", &server.uri()));
    carrier.send(&http_to(&[&server]), &account, message).await.unwrap_err();
    let request = server.received_requests().await.unwrap().remove(0);
    (request.url.path().to_owned(), serde_json::from_slice(&request.body).unwrap())
}

/// How the JSON that is posted to a path is described.
fn body_of<'a>(api: &'a Value, path: &str) -> &'a Value {
    &api["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
}

/// Whether everything in a value is described, of the described type, and nothing that must be there is missing.
fn assert_fits(api: &Value, value: &Value, described: &Value, name: &str) {
    if let Some(reference) = described["$ref"].as_str() {
        let described = api.pointer(reference.trim_start_matches('#')).unwrap();
        return assert_fits(api, value, described, name);
    }
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = match &described["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    let fits = types.iter().any(|kind| kind == found || kind == "integer" && value.is_i64());
    assert!(fits, "{name}: {found} is not described");
    if let Some(words) = described["enum"].as_array() {
        assert!(words.contains(value), "{name}: {value} is not described");
    }
    if let Some(text) = value.as_str() {
        let least = described["minLength"].as_u64().unwrap_or(0);
        let most = described["maxLength"].as_u64().unwrap_or(u64::MAX);
        assert!((least..=most).contains(&(text.len() as u64)), "{name}: {} letters", text.len());
    }
    // An object of which no properties are described takes any.
    let fields = value.as_object().filter(|_| described["properties"].is_object());
    for (name, value) in fields.into_iter().flatten() {
        assert_fits(api, value, &described["properties"][name], name);
    }
    for value in value.as_array().into_iter().flatten() {
        assert_fits(api, value, &described["items"], name);
    }
    for required in described["required"].as_array().into_iter().flatten() {
        assert!(value.get(required.as_str().unwrap()).is_some(), "{required} is missing");
    }
}

/// A carrier's description, from the folder that `HELIOGRAPH_TEST_OPENAPI` names, as `cargo xtask test` does: then it has
/// to be there. Otherwise from beside the checkout, and `None`, with a note, where there is none.
fn description(file: &str) -> Option<Value> {
    #[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
    let named = std::env::var_os("HELIOGRAPH_TEST_OPENAPI").map(PathBuf::from);
    let beside = PathBuf::from("../../../shared/providers/openapi");
    let path = named.as_ref().unwrap_or(&beside).join(file);
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(error) => {
            assert!(
                named.is_none(),
                "{}: {error}. The carriers' published descriptions belong there: name their folder in \
                 HELIOGRAPH_TEST_OPENAPI.",
                path.display()
            );
            println!("Not compared with {file}: it is not there.");
            None
        }
    }
}
