//! What the tests share.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use model::PhoneNumber;
use model::line::ProviderKind;
use model::message::Channel;
use providers::{
    Account, Event, Http, Inbound, InboundMedia, MediaPlace, Netguard, Outbound, OutboundMedia, Provider,
    Received, Status, Verification, WebhookKind, WebhookRequest, for_kind,
};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Mutex, OnceLock};
use url::Url;
use wiremock::MockServer;

pub(crate) const ACCOUNT_SID: &str = "AC00000000000000000000000000000001";
pub(crate) const AUTH_TOKEN: &str = "test_auth_token_0123456789abcdef";
pub(crate) const API_KEY: &str = "api-key-0123456789";
pub(crate) const API_SECRET: &str = "api-secret-0123456789";
pub(crate) const SIMULATOR_SECRET: &str = "simulator-secret-0123456789";
pub(crate) const CLICKSEND_KEY: &str = "clicksend-api-key-0123456789";
pub(crate) const TELNYX_KEY: &str = "KEY_test_0123456789abcdef";
/// Of the first test key pair in RFC 8032.
pub(crate) const TELNYX_PUBLIC_KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

pub(crate) fn twilio() -> &'static dyn Provider {
    for_kind(ProviderKind::Twilio)
}

pub(crate) fn telnyx() -> &'static dyn Provider {
    for_kind(ProviderKind::Telnyx)
}

pub(crate) fn messagemedia() -> &'static dyn Provider {
    for_kind(ProviderKind::MessageMedia)
}

pub(crate) fn smsbroadcast() -> &'static dyn Provider {
    for_kind(ProviderKind::SmsBroadcast)
}

pub(crate) fn clicksend() -> &'static dyn Provider {
    for_kind(ProviderKind::ClickSend)
}

pub(crate) fn simulator() -> &'static dyn Provider {
    for_kind(ProviderKind::Simulator)
}

/// A client that may call these servers and nothing else on this machine.
pub(crate) fn http_to(servers: &[&MockServer]) -> Http {
    Http::new(Netguard {
        allowed_private: servers.iter().map(|s| s.address().to_string()).collect(),
        own: None,
    })
    .unwrap()
}

pub(crate) fn number(e164: &str) -> PhoneNumber {
    PhoneNumber::from_e164(e164).unwrap()
}

pub(crate) fn url(text: &str) -> Url {
    text.parse().unwrap()
}

pub(crate) fn account(credentials: Value) -> Account {
    Account {
        sender: number("+61491570006"),
        credentials,
        verification: Verification::Enforce,
        webhook_secrets: Vec::new(),
        inbound_url: url("https://hooks.example.test/webhooks/twilio/inbound"),
        status_url: url("https://hooks.example.test/webhooks/twilio/status"),
    }
}

pub(crate) fn twilio_account() -> Account {
    account(twilio_credentials())
}

pub(crate) fn twilio_credentials() -> Value {
    json!({ "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN })
}

pub(crate) fn telnyx_account() -> Account {
    account(telnyx_credentials())
}

pub(crate) fn telnyx_credentials() -> Value {
    json!({ "api_key": TELNYX_KEY, "public_key": TELNYX_PUBLIC_KEY })
}

pub(crate) fn messagemedia_credentials() -> Value {
    json!({ "api_key": API_KEY, "api_secret": API_SECRET })
}

pub(crate) fn smsbroadcast_credentials() -> Value {
    json!({ "username": API_KEY, "password": API_SECRET })
}

pub(crate) fn clicksend_credentials() -> Value {
    json!({ "username": "clinic", "api_key": CLICKSEND_KEY })
}

pub(crate) fn simulator_account(base: &str) -> Account {
    account(json!({ "api_base": base, "secret": SIMULATOR_SECRET }))
}

/// The same credentials with one field set.
pub(crate) fn with(mut credentials: Value, field: &str, value: &str) -> Value {
    credentials[field] = json!(value);
    credentials
}

/// What `Authorization` says of a user name and a password.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

pub(crate) fn outbound(text: &str, media: &[&str]) -> Outbound {
    Outbound {
        to: number("+61491570156"),
        channel: if media.is_empty() { Channel::Sms } else { Channel::Mms },
        text: text.to_owned(),
        media: media
            .iter()
            .map(|link| OutboundMedia {
                url: url(link),
                media_type: "image/jpeg".to_owned(),
                bytes: Bytes::new(),
            })
            .collect(),
        template: None,
        reference: "delivery-1".to_owned(),
    }
}

/// The only event, a message.
pub(crate) fn inbound(received: &Received) -> &Inbound {
    let [Event::Inbound(inbound)] = received.events.as_slice() else { panic!("one message") };
    inbound
}

/// The only event, a status.
pub(crate) fn news(received: &Received) -> &Status {
    let [Event::Status(status)] = received.events.as_slice() else { panic!("one status") };
    status
}

/// Where an attachment waits.
pub(crate) fn link(media: &InboundMedia) -> &Url {
    let MediaPlace::Link(link) = &media.place else { panic!("an attachment behind a link") };
    link
}

/// A form as Twilio posts it.
pub(crate) fn form(kind: WebhookKind, url: &str, body: &str, signature: &str) -> WebhookRequest {
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", signature)];
    WebhookRequest {
        kind,
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: body.as_bytes().to_vec(),
        received_at: 0,
        client: None,
    }
}

/// Everything that this process has logged so far, at the finest level, but for the carriers that tests play: they tell each
/// request that they do not expect. Starts to record with the first call.
pub(crate) fn logged() -> String {
    static RECORD: OnceLock<()> = OnceLock::new();
    RECORD.get_or_init(|| {
        tracing_subscriber::fmt().with_env_filter("trace,wiremock=off").with_writer(|| Recorder).init();
    });
    String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned()
}

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Recorder;

impl Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
