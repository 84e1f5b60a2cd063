//! What we send and understand against Twilio's published description of its API.

use crate::support::*;
use providers::{Account, Event, Verification, WebhookKind};
use serde_json::{Value, json};
use std::path::PathBuf;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

#[tokio::test]
async fn every_field_we_send_is_described() {
    let Some(api) = description() else { return };
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
    let Some(api) = description() else { return };
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

/// Twilio's description, from the folder of shared reference data; `None`, with a note, where there is none.
fn description() -> Option<Value> {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    #[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
    let data =
        std::env::var_os("HELIOGRAPH_TEST_DATA").map_or(workspace.join("../shared/data"), PathBuf::from);
    let file = data.join("../providers/openapi/twilio-messages.json");
    match std::fs::read(&file) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(_) => {
            println!("Not compared with Twilio's API description: it is not beside the test data.");
            None
        }
    }
}
