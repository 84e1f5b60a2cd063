//! The stories' carrier: what it calls us with, signed, and what it answers.

use backend::providers::{WebhookKind, WebhookRequest};
use backend::testing::{APP_URL, TWILIO_ACCOUNT, TWILIO_TOKEN, TestBackend, fictitious_number};
use backend::{Error, conversations, inbox};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use model::conversation::{InboxQuery, ThreadFrom};
use model::line::ProviderKind;
use model::message::{Draft, MessageView, Recipient};
use model::{ConversationId, Failure, MessageId};
use sha1::Sha1;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use url::form_urlencoded;
use wiremock::matchers::{method, path};
use wiremock::{Mock, Request, ResponseTemplate};

/// A message's id as the carrier writes it.
pub(crate) fn sid(n: u32) -> String {
    format!("SM{n:032x}")
}

/// A webhook with these parameters, signed as the carrier signs it.
pub(crate) fn signed(t: &TestBackend, kind: WebhookKind, fields: &[(&str, &str)]) -> WebhookRequest {
    let url = format!("{APP_URL}/webhooks/twilio/{}/{}", t.line_key, kind.as_str());
    signed_with(TWILIO_TOKEN, kind, url, fields)
}

/// The same with another token, or at another address.
pub(crate) fn signed_with(
    token: &str,
    kind: WebhookKind,
    url: String,
    fields: &[(&str, &str)],
) -> WebhookRequest {
    let sorted: BTreeMap<_, _> = fields.iter().copied().collect();
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes();
    WebhookRequest {
        kind,
        method: "POST".to_owned(),
        url,
        headers: vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("x-twilio-signature".to_owned(), signature),
        ],
        body,
        received_at: 0,
        client: None,
    }
}

/// Patient `from` (see [`fictitious_number`]) writes.
pub(crate) fn text(t: &TestBackend, n: u32, from: usize, body: &str) -> WebhookRequest {
    let (sid, from) = (sid(n), fictitious_number(from));
    let fields = [
        ("MessageSid", sid.as_str()),
        ("SmsStatus", "received"),
        ("From", from.as_e164()),
        ("To", "+61491570006"),
        ("Body", body),
        ("NumMedia", "0"),
    ];
    signed(t, WebhookKind::Inbound, &fields)
}

/// The carrier tells how far one of our messages has come.
pub(crate) fn status(t: &TestBackend, sid: &str, word: &str) -> WebhookRequest {
    signed(t, WebhookKind::Status, &[("MessageSid", sid), ("MessageStatus", word)])
}

/// As [`status`], with the carrier's code.
pub(crate) fn failed_status(t: &TestBackend, sid: &str, word: &str, code: &str) -> WebhookRequest {
    signed(t, WebhookKind::Status, &[("MessageSid", sid), ("MessageStatus", word), ("ErrorCode", code)])
}

/// A webhook arrives.
pub(crate) async fn arrives(t: &TestBackend, request: &WebhookRequest) -> Result<inbox::Accepted, Error> {
    inbox::accept(&t.backend, ProviderKind::Twilio, &t.line_key, request).await
}

/// A webhook arrives and is worked on.
pub(crate) async fn is_read(t: &TestBackend, request: &WebhookRequest) {
    arrives(t, request).await.unwrap();
    t.run_jobs().await;
}

/// The carrier answers every request to send in this way.
pub(crate) async fn carrier_answers(
    t: &TestBackend,
    answer: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static,
) {
    t.carrier.reset().await;
    let messages = format!("/2010-04-01/Accounts/{TWILIO_ACCOUNT}/Messages.json");
    Mock::given(method("POST")).and(path(messages)).respond_with(answer).mount(&t.carrier).await;
}

/// The carrier takes everything: the first message as `sid(1000)`, the next as `sid(1001)`, and so on.
pub(crate) async fn carrier_accepts(t: &TestBackend) {
    let next = AtomicU32::new(1000);
    carrier_answers(t, move |_| accepted(&sid(next.fetch_add(1, Ordering::SeqCst)))).await;
}

/// The carrier's answer when it takes a message.
pub(crate) fn accepted(sid: &str) -> ResponseTemplate {
    let message = serde_json::json!({"sid": sid, "status": "accepted", "num_segments": "1"});
    ResponseTemplate::new(201).set_body_json(message)
}

/// The carrier's answer when it refuses one.
pub(crate) fn refused(code: u32) -> ResponseTemplate {
    let problem = serde_json::json!({"code": code, "message": "as documented", "status": 400});
    ResponseTemplate::new(400).set_body_json(problem)
}

/// The texts that the carrier was asked to send since it was last told what to answer.
pub(crate) async fn asked_to_send(t: &TestBackend) -> Vec<String> {
    let requests = t.carrier.received_requests().await.unwrap();
    let body = |request: &Request| {
        let found = form_urlencoded::parse(&request.body).find(|(name, _)| name == "Body");
        found.map(|(_, text)| text.into_owned()).unwrap_or_default()
    };
    requests.iter().map(body).collect()
}

/// To patient `n`.
pub(crate) fn to(n: usize) -> Recipient {
    Recipient::Number(fictitious_number(n))
}

/// Text alone, under an id of its sender's.
pub(crate) fn draft(text: &str, client_id: &str) -> Draft {
    Draft {
        text: text.to_owned(),
        attachments: Vec::new(),
        client_id: client_id.to_owned(),
        line: None,
        link: None,
        channel: None,
        template: None,
    }
}

/// A message as its thread shows it now.
pub(crate) async fn shown(t: &TestBackend, id: MessageId) -> MessageView {
    conversations::message(&t.backend, &t.admin, id).await.unwrap()
}

/// Every text of a thread's newest slice.
pub(crate) async fn texts(t: &TestBackend, id: ConversationId) -> Vec<String> {
    let slice = conversations::thread(&t.backend, &t.admin, id, &ThreadFrom::Newest).await.unwrap();
    slice.messages.into_iter().map(|message| message.text).collect()
}

/// The ids of the inbox's first page.
pub(crate) async fn inbox_ids(t: &TestBackend) -> Vec<ConversationId> {
    let page = conversations::list(&t.backend, &t.admin, &InboxQuery::default()).await.unwrap();
    page.items.into_iter().map(|row| row.id).collect()
}

/// What a caller would be told.
pub(crate) fn failure<T>(result: Result<T, Error>) -> Failure {
    match result {
        Err(Error::Failure(failure)) => failure,
        Err(other) => panic!("expected a failure, got {other}"),
        Ok(_) => panic!("expected a failure"),
    }
}
