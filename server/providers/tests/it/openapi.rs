//! What we send and understand against the carriers' published descriptions of their APIs.

use crate::support::*;
use providers::{Account, Event, Verification, WebhookKind};
use serde_json::{Value, json};
use std::path::PathBuf;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

#[tokio::test]
async fn every_field_we_send_is_described() {
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
fn every_described_status_is_understood() {
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
async fn every_field_for_messagemedia_is_described_and_fits() {
    let Some(api) = description("messagemedia-messaging.json") else { return };
    let message = &api["components"]["schemas"]["Message"];
    for media in [&[][..], &["https://media.example.test/a"][..]] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(500)).mount(&server).await;
        let account = account(json!({
            "api_key": API_KEY, "api_secret": API_SECRET, "api_base": server.uri(), "account_id": "MyAccount001",
        }));
        let text = if media.is_empty() { "hello" } else { "" };
        messagemedia().send(&http_to(&[&server]), &account, &outbound(text, media)).await.unwrap_err();
        let request = server.received_requests().await.unwrap().remove(0);
        assert!(api["paths"][request.url.path()]["post"].is_object());
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        let sent = sent["messages"][0].as_object().unwrap();
        for (name, value) in sent {
            let described = resolved(&api, &message["properties"][name]);
            let fits = match described["type"].as_str() {
                Some("string") => value.as_str().is_some_and(|text| {
                    let (least, most) = (&described["minLength"], &described["maxLength"]);
                    text.len() as u64 >= least.as_u64().unwrap_or(0)
                        && text.len() as u64 <= most.as_u64().unwrap_or(u64::MAX)
                }),
                Some("boolean") => value.is_boolean(),
                Some("array") => value.is_array(),
                Some("object") => value.is_object(),
                _ => false,
            };
            assert!(fits, "{name} is not described like this");
            let words = described["enum"].as_array();
            assert!(words.is_none_or(|words| words.contains(value)), "{name} has no such word");
        }
        for required in message["required"].as_array().unwrap() {
            assert!(sent.contains_key(required.as_str().unwrap()), "{required} is missing");
        }
    }
}

#[test]
fn every_described_status_of_messagemedia_is_understood() {
    let Some(api) = description("messagemedia-messaging.json") else { return };
    let words = api["components"]["schemas"]["Status"]["enum"].as_array().unwrap();
    assert!(words.len() > 10);
    let credentials = json!({ "api_key": API_KEY, "api_secret": API_SECRET });
    let account = Account { verification: Verification::Observe, ..account(credentials) };
    for word in words {
        let body = json!({ "message_id": "m1", "status": word }).to_string();
        let mut request = form(WebhookKind::Status, "https://hooks.example.test/w", &body, "");
        request.headers.clear();
        let received = messagemedia().receive(&account, &request).unwrap();
        assert!(matches!(&received.events[..], [Event::Status(status)] if status.state.is_some()), "{word}");
    }
}

/// What a description refers to, where it refers to something.
fn resolved<'a>(api: &'a Value, described: &'a Value) -> &'a Value {
    let pointer = described["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.map_or(described, |pointer| api.pointer(pointer).unwrap())
}

/// A carrier's description, from the folder of shared reference data; `None`, with a note, where there is none.
fn description(file: &str) -> Option<Value> {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    #[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
    let data =
        std::env::var_os("HELIOGRAPH_TEST_DATA").map_or(workspace.join("../shared/data"), PathBuf::from);
    match std::fs::read(data.join("../providers/openapi").join(file)) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(_) => {
            println!(
                "Not compared with the carrier's API description {file}: it is not beside the test data."
            );
            None
        }
    }
}
