//! One table for all carriers: an answer, the exact request that it was given to, and what we make of it.

use crate::support::*;
use providers::simulator::SIGNATURE_HEADER;
use providers::{Account, Blame, Provider, Receipt, SendError};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

mod clicksend;
mod messagemedia;
mod simulator;
mod smsbroadcast;
mod telnyx;
mod twilio;

/// Path, content type, `Authorization` and body.
type Asked = (String, &'static str, Option<String>, String);

type Outcome = Result<Receipt, SendError>;

/// A row of the table; the rows are in a file per carrier.
struct Case {
    label: &'static str,
    carrier: &'static dyn Provider,
    /// Without `api_base`, which is the stub's.
    credentials: Value,
    text: &'static str,
    media: &'static [&'static str],
    answer: ResponseTemplate,
    request: Asked,
    outcome: Outcome,
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
        let (got, blamed) = apart(got);
        assert_eq!(got, outcome, "{label}");
        if let Some(expected) = to_blame(label) {
            assert_eq!(blamed, Some(expected), "{label}");
        }

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
        let in_form = body.contains("&password=");
        let proofs = [signed, authorization.is_some(), in_form].into_iter().filter(|proven| *proven).count();
        assert_eq!(proofs, 1, "{label}: either credentials or a signature");

        let shown = format!("{http:?} {account:?} {got:?}");
        let log = logged();
        assert!(log.contains("reqwest"), "the client's own log lines are not recorded");
        let logins = [(ACCOUNT_SID, AUTH_TOKEN), (API_KEY, API_SECRET), ("clinic", CLICKSEND_KEY)]
            .map(|(user, password)| basic(user, password).replace("Basic ", ""));
        let keys = [AUTH_TOKEN, API_SECRET, SIMULATOR_SECRET, "key-secret", TELNYX_KEY, CLICKSEND_KEY];
        let of_messages = ["link-secret", "private words", "491570156"];
        let logins = logins.iter().map(String::as_str);
        for secret in keys.into_iter().chain(of_messages).chain(logins) {
            assert!(!shown.contains(secret), "{label}: Debug shows {secret}");
            let line = log.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{label}: logged {secret}");
        }
    }
}

/// The rows of every carrier.
fn cases() -> Vec<Case> {
    [
        twilio::cases(),
        telnyx::cases(),
        messagemedia::cases(),
        smsbroadcast::cases(),
        clicksend::cases(),
        simulator::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn refused(code: &str, reason: &str, opted_out: bool) -> Outcome {
    let (code, reason) = (code.to_owned(), reason.to_owned());
    Err(SendError::Refused { code, reason, opted_out, too_large: false, blame: Blame::Message })
}

/// An outcome, and apart from it whose doing a refusal is.
fn apart(outcome: Outcome) -> (Outcome, Option<Blame>) {
    match outcome {
        Err(SendError::Refused { code, reason, opted_out, too_large, blame }) => {
            let refused = SendError::Refused { code, reason, opted_out, too_large, blame: Blame::Message };
            (Err(refused), Some(blame))
        }
        other => (other, None),
    }
}

/// Whose doing it is in rows that every carrier has in some form.
fn to_blame(label: &str) -> Option<Blame> {
    let begins = |words: &[&str]| words.iter().any(|word| label.starts_with(word));
    if begins(&["bad credentials", "another address", "no credit"]) {
        return Some(Blame::Account);
    }
    if begins(&["a sender", "a picture that is too large", "pictures too large"]) {
        return Some(Blame::Carrier);
    }
    begins(&["a recipient", "opted out", "the same text"]).then_some(Blame::Message)
}

fn retry(seconds: Option<u64>) -> Outcome {
    Err(SendError::Retry { after: seconds.map(Duration::from_secs) })
}

fn later(seconds: u64) -> Outcome {
    Err(SendError::Later { after: Duration::from_secs(seconds) })
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
        assert_eq!(got, Err(SendError::Unreached));
    }
}

#[tokio::test]
async fn where_no_tls_is_spoken_it_may_be_tried_again() {
    let address = raw_server("not TLS at all\r\n\r\n").await;
    for (carrier, account) in all(&format!("https://{address}")) {
        let got = carrier.send(&http_to_address(address), &account, &outbound("hello", &[])).await;
        assert_eq!(got, Err(SendError::Unreached));
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

/// Every carrier with an account whose API is at `base`.
fn all(base: &str) -> Vec<(&'static dyn Provider, Account)> {
    let at_base = |credentials| account(with(credentials, "api_base", base));
    vec![
        (twilio(), at_base(twilio_credentials())),
        (telnyx(), at_base(telnyx_credentials())),
        (messagemedia(), at_base(messagemedia_credentials())),
        (smsbroadcast(), at_base(smsbroadcast_credentials())),
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
