//! ClickSend: pictures handed over before they are sent, webhooks that prove themselves by a secret, and what a
//! look at an account finds.

use crate::support::*;
use bytes::Bytes;
use model::message::{Channel, DeliveryState};
use providers::{
    Account, Blame, Event, Outbound, Receipt, Received, Rejected, SECRET_HEADER, SendError, Subject, Verdict,
    Verification, WebhookKind, WebhookRequest,
};
use serde_json::{Value, json};
use std::time::Duration;
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

const SECRET: &str = "current-secret-0123456789";
const PREVIOUS: &str = "previous-secret-0123456789";

const MESSAGE: &str = "originalsenderid=%2B61491570006&body=Yes+please&message=Yes+please&sms=%2B61491570156\
    &custom_string=7f1c&customstring=7f1c&to=%2B61491570006&from=%2B61491570156\
    &original_message_id=BF7AD270-0DE2-418B-B606-71D527D9C1AE&originalmessageid=BF7AD270-0DE2-418B-B606-71D527D9C1AE\
    &original_body=Hello&originalmessage=Hello&user_id=1&subaccount_id=1&timestamp=1785808500\
    &message_id=0E2A1C5B-7D6F-4B3A-9C1E-6F1A6B1A6C1D";
const RECEIPT: &str = "timestamp_send=1785808327&timestamp=1785808333&message_id=BF7AD270-0DE2-418B-B606-71D527D9C1AE\
    &status_code=201&status_text=Success%3A+Message+received+on+handset.&error_code=&error_text=&custom_string=7f1c\
    &user_id=1&subaccount_id=1&message_type=sms&digits=";

#[tokio::test]
async fn a_picture_is_handed_over_and_then_sent() {
    for (text, body) in [("private words", "private words"), ("", "Photo")] {
        let server = Server::new().await;
        server.takes_picture().await;
        let asked = json!({
            "media_file": "https://media.clicksend.test/6E1A.jpg",
            "messages": [{
                "source": "heliograph", "to": "+61491570156", "from": "+61491570006", "subject": "Photo",
                "body": body, "custom_string": "delivery-1",
            }],
        });
        Mock::given(method("POST"))
            .and(path("/v3/mms/send"))
            .and(header("authorization", basic("clinic", CLICKSEND_KEY)))
            .and(body_json(asked))
            .respond_with(took(json!({ "status": "SUCCESS", "_media_file_url": "x", "schedule": "" })))
            .mount(&server.0)
            .await;
        let receipt = server.send(clicksend_credentials(), &picture(text)).await.unwrap();
        assert_eq!(receipt.carrier_id, "BF7AD270-0DE2-418B-B606-71D527D9C1AE");
        assert_eq!(server.0.received_requests().await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn the_subject_may_be_chosen() {
    let server = Server::new().await;
    server.takes_picture().await;
    Mock::given(path("/v3/mms/send"))
        .respond_with(took(json!({ "status": "SUCCESS" })))
        .mount(&server.0)
        .await;
    let mut credentials = clicksend_credentials();
    credentials["mms_subject"] = json!("From your clinic");
    server.send(credentials, &picture("")).await.unwrap();
    let sent = server.0.received_requests().await.unwrap().remove(1);
    let sent: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(sent["messages"][0]["subject"], "From your clinic");
    assert_eq!(sent["messages"][0]["body"], "From your clinic");
}

#[tokio::test]
async fn while_the_picture_is_handed_over_nothing_is_sent() {
    let retry = |after: Option<u64>| SendError::Retry { after: after.map(Duration::from_secs) };
    let refused = |code: &str, reason: &str, too_large| SendError::Refused {
        code: code.to_owned(),
        reason: reason.to_owned(),
        opted_out: false,
        too_large,
        blame: if code == "UNAUTHORIZED" { Blame::Account } else { Blame::Carrier },
    };
    let says = |status: u16, code: &str| {
        ResponseTemplate::new(status)
            .set_body_json(json!({ "http_code": status, "response_code": code, "data": null }))
    };
    let unusable = "ClickSend cannot use the picture: too large, or broken. Send a smaller one.";
    let table = [
        ("broken", ResponseTemplate::new(500), retry(None)),
        ("broken, in words", says(400, "INTERNAL_ERROR"), retry(None)),
        ("overloaded", ResponseTemplate::new(503).insert_header("retry-after", "9"), retry(Some(9))),
        ("busy", says(429, "TOO_MANY").insert_header("retry-after", "7"), retry(Some(7))),
        ("time-out on the way", says(408, "x"), retry(None)),
        ("garbled", ResponseTemplate::new(200).set_body_string("{"), retry(None)),
        ("refused by something between", ResponseTemplate::new(403), retry(None)),
        ("too large for the gate", says(413, "x"), refused("INVALID_MEDIA_FILE", unusable, true)),
        ("too large", says(400, "INVALID_MEDIA_FILE"), refused("INVALID_MEDIA_FILE", unusable, true)),
        (
            "too large, with a good status",
            says(200, "INVALID_MEDIA_FILE"),
            refused("INVALID_MEDIA_FILE", unusable, true),
        ),
        (
            "bad credentials",
            says(401, "UNAUTHORIZED"),
            refused(
                "UNAUTHORIZED",
                "ClickSend does not accept the line's credentials. Check user name and API key in Settings > Lines.",
                false,
            ),
        ),
        (
            "no address",
            says(200, "SUCCESS"),
            refused(
                "upload",
                "ClickSend took the picture and did not say where it is. Ask its support.",
                false,
            ),
        ),
    ];
    for (label, answer, outcome) in table {
        let server = Server::new().await;
        Mock::given(path("/v3/uploads")).respond_with(answer).mount(&server.0).await;
        assert_eq!(server.send(clicksend_credentials(), &picture("Look")).await, Err(outcome), "{label}");
        assert_eq!(server.0.received_requests().await.unwrap().len(), 1, "{label}");
    }
}

#[tokio::test]
async fn after_an_mms_was_asked_for_nobody_knows() {
    let server = Server::new().await;
    server.takes_picture().await;
    Mock::given(path("/v3/mms/send")).respond_with(ResponseTemplate::new(500)).mount(&server.0).await;
    assert_eq!(server.send(clicksend_credentials(), &picture("Look")).await, Err(SendError::Unknown));
}

#[tokio::test]
async fn what_would_be_cut_is_not_sent() {
    let server = Server::new().await;
    Mock::given(method("POST")).respond_with(took(json!({ "status": "SUCCESS" }))).mount(&server.0).await;
    let long = |text: &str, times: usize| text.repeat(times);
    let too_long = |sent: Result<Receipt, SendError>| matches!(sent, Err(SendError::Refused { code, .. }) if code == "length");
    for (text, fits) in
        [(long("a", 1224), true), (long("a", 1225), false), (long("漢", 536), true), (long("漢", 537), false)]
    {
        let sent = server.send(clicksend_credentials(), &outbound(&text, &[])).await;
        assert_eq!(sent.is_ok(), fits, "{} characters", text.chars().count());
        assert_eq!(too_long(sent), !fits);
    }
    for text in [long("a", 1501), long("漢", 501)] {
        assert!(too_long(server.send(clicksend_credentials(), &picture(&text)).await));
    }
    assert_eq!(server.0.received_requests().await.unwrap().len(), 2);
}

#[test]
fn only_who_knows_the_secret_is_believed() {
    let account = webhook_account();
    for (query, held) in [
        (format!("?key={SECRET}"), true),
        (format!("?key={PREVIOUS}"), true),
        (format!("?key={SECRET}x"), false),
        (format!("?key={}", &SECRET[1..]), false),
        ("?key=".to_owned(), false),
        (String::new(), false),
    ] {
        let request = WebhookRequest { url: format!("{URL}{query}"), ..push(MESSAGE) };
        match clicksend().receive(&account, &request) {
            Ok(received) => assert!(held && received.verified, "{query}"),
            Err(rejected) => assert_eq!((held, rejected), (false, Rejected::Signature), "{query}"),
        }
        let observed = Account { verification: Verification::Observe, ..webhook_account() };
        assert_eq!(clicksend().receive(&observed, &request).unwrap().verified, held, "{query}");
    }
    for at in 0..SECRET.len() {
        let mut altered = SECRET.to_owned().into_bytes();
        altered[at] ^= 1;
        let url = format!("{URL}?key={}", String::from_utf8(altered).unwrap());
        let request = WebhookRequest { url, ..push(MESSAGE) };
        assert_eq!(clicksend().receive(&account, &request), Err(Rejected::Signature));
    }
    let mut by_header = WebhookRequest { url: URL.to_owned(), ..push(MESSAGE) };
    by_header.headers.push((SECRET_HEADER.to_owned(), SECRET.to_owned()));
    assert!(clicksend().receive(&account, &by_header).unwrap().verified);
    let without = Account { webhook_secrets: Vec::new(), ..webhook_account() };
    assert_eq!(clicksend().receive(&without, &push(MESSAGE)), Err(Rejected::Signature));
    assert!(clicksend().proves_itself_by_secret());
}

#[test]
fn a_message_reads_the_same_in_every_form() {
    let received = read(&push(MESSAGE));
    assert_eq!(received.external_id, "inbound:0E2A1C5B-7D6F-4B3A-9C1E-6F1A6B1A6C1D");
    let inbound = inbound(&received);
    assert_eq!((inbound.from.as_str(), inbound.text.as_str()), ("+61491570156", "Yes please"));
    assert_eq!((inbound.to.clone(), inbound.channel), (Some(number("+61491570006")), Channel::Sms));
    assert!(inbound.media.is_empty());

    let get = WebhookRequest {
        method: "GET".to_owned(),
        url: format!("{URL}?key={SECRET}&{MESSAGE}"),
        headers: Vec::new(),
        body: Vec::new(),
        ..push("")
    };
    let by_json = json!({
        "from": "+61491570156", "to": "+61491570006", "body": "Yes please",
        "message_id": "0E2A1C5B-7D6F-4B3A-9C1E-6F1A6B1A6C1D", "original_message_id": null, "original_body": "Hello",
        "custom_string": "7f1c", "timestamp": 1_785_808_500, "user_id": "1", "subaccount_id": 1, "_keyword": [],
    });
    let legacy = "originalsenderid=61491570006&message=Yes+please&sms=%2B61491570156\
        &messageid=0e2a1c5b-7d6f-4b3a-9c1e-6f1a6b1a6c1d";
    let unnamed = WebhookRequest { headers: Vec::new(), ..push_json(&by_json) };
    for (label, request) in [
        ("query", get),
        ("JSON", push_json(&by_json)),
        ("JSON without a type", unnamed),
        ("legacy names", push(legacy)),
    ] {
        assert!(read(&request) == received, "{label}");
    }
}

#[test]
fn a_message_without_an_id_is_not_lost() {
    let bare = |body: &str, received_at| read(&WebhookRequest { received_at, ..push(body) }).external_id;
    let said = "from=%2B61491570156&body=Yes&timestamp=1785808500";
    assert_eq!(bare(said, 1), bare(said, 2));
    assert_ne!(bare(said, 1), bare("from=%2B61491570156&body=Yes&timestamp=1785808501", 1));
    assert_ne!(bare(said, 1), bare("from=%2B61491570156&body=No&timestamp=1785808500", 1));
    assert_ne!(bare("from=%2B61491570156&body=Yes", 1), bare("from=%2B61491570156&body=Yes", 2));
}

#[test]
fn a_photo_comes_as_a_link_that_is_followed_only_where_the_line_says() {
    let link = "https://media.example.test/in/abc.jpg";
    let in_text = json!({ "from": "+61491570156", "to": "+61491570006", "body": format!("See photo ({link})."), "message_id": "5D" });
    let in_field =
        json!({ "from": "+61491570156", "body": "See photo", "message_id": "5D", "media_url": link });
    let nested = json!({ "from": "+61491570156", "body": "See photo", "message_id": "5D", "Attachments": [{ "url": link }] });
    let form = push(
        "from=%2B61491570156&body=See+photo&message_id=5D&media=https%3A%2F%2Fmedia.example.test%2Fin%2Fabc.jpg",
    );

    let trusting =
        Account { credentials: with_hosts("media.example.test, other.example"), ..webhook_account() };
    for request in [push_json(&in_text), push_json(&in_field), push_json(&nested), form.clone()] {
        let received = clicksend().receive(&trusting, &request).unwrap();
        let inbound = inbound(&received);
        assert_eq!((inbound.channel, inbound.media.len()), (Channel::Mms, 1));
        assert_eq!(self::link(&inbound.media[0]).as_str(), link);
        assert!(inbound.text.starts_with("See photo"));
        let fetch = clicksend().media_request(&trusting, self::link(&inbound.media[0])).unwrap();
        assert!(fetch.login.is_none() && !fetch.login_only_if_asked);
    }

    // Nothing is fetched, and staff see the link.
    for request in [push_json(&in_field), push_json(&nested), form] {
        let received = read(&request);
        let inbound = inbound(&received);
        assert_eq!((inbound.text.as_str(), inbound.media.len()), (format!("See photo\n{link}").as_str(), 0));
        assert_eq!(inbound.channel, Channel::Mms);
    }
    let received = read(&push_json(&in_text));
    assert_eq!(inbound(&received).text, format!("See photo ({link})."));
    assert_eq!((inbound(&received).channel, inbound(&received).media.len()), (Channel::Sms, 0));
    let only = json!({ "from": "+61491570156", "message_id": "5D", "media_url": link });
    assert_eq!(inbound(&read(&push_json(&only))).text, link);
}

#[test]
fn media_is_fetched_by_https_from_named_hosts_and_without_credentials() {
    let account =
        Account { credentials: with_hosts("Media.Example.Test other.example"), ..webhook_account() };
    let may = |link: &str| clicksend().media_request(&account, &url(link)).is_ok();
    assert!(may("https://media.example.test/x"));
    assert!(may("https://eu.media.example.test/x"));
    assert!(may("https://other.example/x"));
    let elsewhere = [
        "http://media.example.test/x",
        "https://media.example.test:8443/x",
        "https://evilmedia.example.test/x",
        "https://media.example.test.example.com/x",
        "https://rest.clicksend.com/v3/account",
        "file:///etc/passwd",
    ];
    for link in elsewhere {
        assert!(!may(link), "{link}");
    }
}

#[test]
fn a_message_at_the_wrong_door_is_still_a_message() {
    let message = WebhookRequest { kind: WebhookKind::Status, ..push(MESSAGE) };
    assert!(matches!(read(&message).events[..], [Event::Inbound(_)]));
    let news = WebhookRequest { kind: WebhookKind::Inbound, ..push(RECEIPT) };
    assert!(matches!(read(&news).events[..], [Event::Status(_)]));
}

#[test]
fn receipts_come_in_our_words() {
    use DeliveryState::{Delivered, Failed, Sent, Undelivered};
    let table = [
        ("200", "Queued", Some(Sent)),
        ("201", "Success: Message received on handset.", Some(Delivered)),
        ("300", "Temporary failure", Some(Sent)),
        ("301", "Failed", Some(Undelivered)),
        ("301", "Cancelled", Some(Failed)),
        ("999", "Beamed", None),
    ];
    for (code, text, state) in table {
        let numbers = json!({
            "message_id": "bf7ad270-0de2-418b-b606-71d527d9c1ae", "status_code": code.parse::<u32>().unwrap(),
            "status_text": text, "error_code": null, "error_text": null, "message_type": "MMS", "timestamp": "1785808333",
        });
        let received = read(&push_json(&numbers));
        assert_eq!(received.external_id, format!("status:BF7AD270-0DE2-418B-B606-71D527D9C1AE:{code}"));
        let status = news(&received);
        assert_eq!((status.carrier_state.as_str(), status.state), (code, state));
        assert_eq!(status.failure.is_some(), matches!(state, Some(Failed | Undelivered)), "{code}");
        let form = RECEIPT.replace("status_code=201", &format!("status_code={code}"));
        let by_form = read(&push(&form));
        assert_eq!(by_form.external_id, received.external_id);
        assert_eq!((status.reference.as_deref(), news(&by_form).reference.as_deref()), (None, Some("7f1c")));
    }
    for other in ["voice", "email", "fax"] {
        let receipt = RECEIPT.replace("message_type=sms", &format!("message_type={other}"));
        assert!(matches!(read(&push(&receipt)).events[..], [Event::Ignored { .. }]), "{other}");
    }
}

#[test]
fn a_failure_is_explained() {
    let failed = RECEIPT
        .replace("status_code=201", "status_code=301")
        .replace("error_code=&error_text=", "error_code=12&error_text=Absent+subscriber");
    let received = read(&push(&failed));
    let status = news(&received);
    assert_eq!(status.error_code.as_deref(), Some("12"));
    assert_eq!(status.failure.as_deref(), Some("ClickSend could not deliver it: Absent subscriber"));
    let received = read(&push("message_id=m1&status_code=301"));
    let status = news(&received);
    assert_eq!(status.error_code.as_deref(), Some("301"));
    assert_eq!(status.failure.as_deref(), Some("ClickSend could not deliver it and does not say why."));
    let endless = read(&push(&format!("message_id=m1&status_code=301&error_text={}", "x".repeat(5000))));
    assert!(news(&endless).failure.as_ref().unwrap().len() < 300);
}

#[test]
fn nonsense_is_named() {
    let of = |request: &WebhookRequest| clicksend().receive(&webhook_account(), request);
    let neither = Err(Rejected::Malformed("neither a message nor a receipt"));
    assert_eq!(of(&push("")), neither);
    assert_eq!(of(&push("body=Hi")), neither);
    assert_eq!(of(&push("status_code=201")), Err(Rejected::Malformed("no message_id")));
    assert_eq!(of(&push_json(&json!([]))), Err(Rejected::Malformed("not a JSON object")));
}

#[test]
fn what_was_read_shows_no_content_in_debug() {
    let shown = format!("{:?} {:?} {:?}", read(&push(MESSAGE)), push(MESSAGE), webhook_account());
    for secret in ["491570156", "Yes please", SECRET, CLICKSEND_KEY] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn credentials_are_checked_by_field() {
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

#[tokio::test]
async fn a_sound_account_is_found_sound() {
    let found = look(Dashboard::sound()).await;
    let expected = [
        (Subject::Credentials, Verdict::Good, "ClickSend accepts the credentials."),
        (Subject::Sender, Verdict::Good, "The number belongs to this ClickSend account."),
        (Subject::Webhooks, Verdict::Good, "ClickSend brings messages to this line."),
        (Subject::Webhooks, Verdict::Good, "ClickSend reports to this line what becomes of messages."),
        (Subject::Balance, Verdict::Good, "12.50 AUD are left at ClickSend."),
    ];
    assert_eq!(found, expected.map(|(subject, verdict, words)| (subject, verdict, words.to_owned())));
}

#[tokio::test]
async fn what_is_wrong_with_an_account_is_named() {
    let sound = Dashboard::sound();
    let rule = |field: &str, value: Value| {
        let mut rules = sound.inbound.clone();
        rules[0][field] = value;
        Dashboard { inbound: rules, ..Dashboard::sound() }
    };
    let wrong = [
        (
            Dashboard { numbers: json!([{ "dedicated_number": "61491570110" }]), ..Dashboard::sound() },
            1,
            Verdict::Bad,
        ),
        (Dashboard { numbers: json!("?"), ..Dashboard::sound() }, 1, Verdict::Unasked),
        (rule("enabled", json!(0)), 2, Verdict::Bad),
        (rule("action", json!("EMAIL_USER")), 2, Verdict::Bad),
        (rule("dedicated_number", json!("+61491570110")), 2, Verdict::Bad),
        (rule("message_search_type", json!(1)), 2, Verdict::Bad),
        (rule("action_address", json!("https://elsewhere.example.test/")), 2, Verdict::Bad),
        (Dashboard { receipts: json!([]), ..Dashboard::sound() }, 3, Verdict::Bad),
        (Dashboard { balance: json!("0.0000"), ..Dashboard::sound() }, 4, Verdict::Bad),
    ];
    for (n, (dashboard, at, verdict)) in wrong.into_iter().enumerate() {
        let found = look(dashboard).await;
        assert_eq!(found[at].1, verdict, "{n}: {found:?}");
        let others = found.iter().enumerate().filter(|(position, _)| *position != at);
        assert!(others.into_iter().all(|(_, (_, verdict, _))| *verdict == Verdict::Good), "{n}: {found:?}");
    }
}

#[tokio::test]
async fn credentials_that_are_not_accepted_end_the_look() {
    let server = Server::new().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(401)).mount(&server.0).await;
    let health = clicksend().health(&http_to(&[&server.0]), &server.account(clicksend_credentials())).await;
    let [finding] = health.findings.as_slice() else { panic!("{health:?}") };
    assert_eq!((finding.subject, finding.verdict), (Subject::Credentials, Verdict::Bad));
    let health = clicksend().health(&http_to(&[]), &account(json!({}))).await;
    assert_eq!(health.findings[0].verdict, Verdict::Bad);
}

const URL: &str = "https://hooks.example.test/webhooks/clicksend/k/inbound";

/// ClickSend's API.
struct Server(MockServer);

impl Server {
    async fn new() -> Self {
        Self(MockServer::start().await)
    }

    fn account(&self, mut credentials: Value) -> Account {
        credentials["api_base"] = json!(self.0.uri());
        account(credentials)
    }

    async fn send(&self, credentials: Value, message: &Outbound) -> Result<Receipt, SendError> {
        clicksend().send(&http_to(&[&self.0]), &self.account(credentials), message).await
    }

    async fn takes_picture(&self) {
        let answer = json!({
            "http_code": "200", "response_code": "SUCCESS", "response_msg": "Your file has been uploaded.",
            "data": { "file_name": "6E1A.jpg", "_url": "https://media.clicksend.test/6E1A.jpg" },
        });
        Mock::given(method("POST"))
            .and(path("/v3/uploads"))
            .and(query_param("convert", "mms"))
            .and(header("authorization", basic("clinic", CLICKSEND_KEY)))
            .and(body_json(json!({ "content": "YSBwaWN0dXJl", "convert": "mms" })))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
            .mount(&self.0)
            .await;
    }
}

/// An answer about one message.
fn took(mut message: Value) -> ResponseTemplate {
    message["message_id"] = json!("BF7AD270-0DE2-418B-B606-71D527D9C1AE");
    ResponseTemplate::new(200).set_body_json(json!({
        "http_code": 200, "response_code": "SUCCESS",
        "data": { "total_count": 1, "queued_count": 1, "messages": [message] },
    }))
}

fn picture(text: &str) -> Outbound {
    let mut message = outbound(text, &["https://media.example.test/a.jpg"]);
    message.media[0].bytes = Bytes::from_static(b"a picture");
    message
}

/// What ClickSend's dashboard shows.
struct Dashboard {
    numbers: Value,
    inbound: Value,
    receipts: Value,
    balance: Value,
}

impl Dashboard {
    fn sound() -> Self {
        let lines = account(json!({}));
        Self {
            numbers: json!([{ "dedicated_number": "61491570006" }]),
            inbound: json!([
                { "dedicated_number": "*", "message_search_type": 0, "action": "URL", "enabled": 1,
                  "action_address": lines.inbound_url },
            ]),
            receipts: json!([{ "action": "URL", "enabled": "1", "action_address": lines.status_url }]),
            balance: json!("12.50"),
        }
    }
}

async fn look(dashboard: Dashboard) -> Vec<(Subject, Verdict, String)> {
    let server = Server::new().await;
    let lists = [
        ("/v3/numbers", dashboard.numbers),
        ("/v3/automations/sms/inbound", dashboard.inbound),
        ("/v3/automations/sms/receipts", dashboard.receipts),
    ];
    for (at, list) in lists {
        let answer =
            json!({ "http_code": 200, "response_code": "SUCCESS", "data": { "total": 1, "data": list } });
        Mock::given(method("GET"))
            .and(path(at))
            .and(query_param("limit", "100"))
            .and(header("authorization", basic("clinic", CLICKSEND_KEY)))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
            .mount(&server.0)
            .await;
    }
    let own = json!({ "balance": dashboard.balance, "_currency": { "currency_name_short": "AUD" }, "api_key": "x" });
    let answer = ResponseTemplate::new(200).set_body_json(json!({ "response_code": "SUCCESS", "data": own }));
    Mock::given(path("/v3/account")).respond_with(answer).mount(&server.0).await;
    let health = clicksend().health(&http_to(&[&server.0]), &server.account(clicksend_credentials())).await;
    health.findings.into_iter().map(|found| (found.subject, found.verdict, found.words)).collect()
}

fn webhook_account() -> Account {
    Account {
        webhook_secrets: vec![SECRET.to_owned(), PREVIOUS.to_owned()],
        ..account(clicksend_credentials())
    }
}

fn with_hosts(hosts: &str) -> Value {
    with(clicksend_credentials(), "media_hosts", hosts)
}

/// A form as ClickSend pushes it, at the address with the secret.
fn push(body: &str) -> WebhookRequest {
    form(WebhookKind::Inbound, &format!("{URL}?key={SECRET}"), body, "")
}

fn push_json(body: &Value) -> WebhookRequest {
    let mut request = push(&body.to_string());
    request.headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    request
}

fn read(request: &WebhookRequest) -> Received {
    clicksend().receive(&webhook_account(), request).unwrap()
}
