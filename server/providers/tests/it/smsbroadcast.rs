//! SMS Broadcast: its answers in lines, and its webhooks of both generations.

use crate::support::*;
use model::message::{Channel, DeliveryState};
use providers::{
    Account, Health, MediaPlace, OptOut, Received, Rejected, SendError, Subject, Verdict, WebhookKind,
    WebhookRequest,
};
use serde_json::{Value, json};
use wiremock::matchers::body_string;
use wiremock::{Mock, MockServer, ResponseTemplate};

const SECRET: &str = "webhook-secret-0123456789";
const RECEIVED_AT: i64 = 1_785_808_327_000;

fn line() -> Account {
    let webhook_secrets = vec![SECRET.to_owned(), "the-one-before".to_owned()];
    Account { webhook_secrets, ..account(smsbroadcast_credentials()) }
}

/// What the older push asks for, at an address that carries the secret.
fn get(kind: WebhookKind, parameters: &str) -> WebhookRequest {
    WebhookRequest {
        kind,
        method: "GET".to_owned(),
        url: format!(
            "https://hooks.example.test/webhooks/smsbroadcast/k/{}?key={SECRET}{parameters}",
            kind.as_str()
        ),
        headers: Vec::new(),
        body: Vec::new(),
        received_at: RECEIVED_AT,
        client: None,
    }
}

fn post(kind: WebhookKind, body: &str) -> WebhookRequest {
    WebhookRequest {
        method: "POST".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.as_bytes().to_vec(),
        ..get(kind, "")
    }
}

fn read(request: &WebhookRequest) -> Received {
    smsbroadcast().receive(&line(), request).unwrap()
}

fn read_json(kind: WebhookKind, body: &Value) -> Received {
    read(&post(kind, &body.to_string()))
}

#[test]
fn a_text_arrives_by_the_older_push() {
    let parameters = "to=61400111222&from=61400111999&message=Hello%20World&ref=abc123";
    // The push may append its own `?` to an address that has one.
    for joint in ["&", "?"] {
        let received = read(&get(WebhookKind::Inbound, &format!("{joint}{parameters}")));
        assert!(received.verified);
        let message = inbound(&received);
        assert_eq!((message.from.as_str(), message.text.as_str()), ("+61400111999", "Hello World"));
        assert_eq!((message.channel, message.opt_out), (Channel::Sms, None));
        assert_eq!(message.to, Some(number("+61400111222")));
    }
}

#[test]
fn numbers_arrive_in_one_form() {
    for (given, expected) in [
        ("61491570156", "+61491570156"),
        ("%2B61491570156", "+61491570156"),
        ("0491570156", "+61491570156"),
        ("491570156", "+61491570156"),
        ("14155550123", "+14155550123"),
        ("131313", "131313"),
        ("ClinicName", "ClinicName"),
    ] {
        let received = read(&get(WebhookKind::Inbound, &format!("&to=&from={given}&message=Hi")));
        assert_eq!(inbound(&received).from, expected);
        assert_eq!(inbound(&received).to, None);
    }
}

#[test]
fn without_an_id_a_repetition_within_a_minute_is_the_same_and_nothing_else_is() {
    let told = |text: &str, reference: &str, later: i64| {
        let parameters = format!("&to=61400111222&from=61400111999&message={text}&ref={reference}");
        let request = get(WebhookKind::Inbound, &parameters);
        read(&WebhookRequest { received_at: RECEIVED_AT + later, ..request }).external_id
    };
    assert_eq!(told("Yes", "a1", 0), told("Yes", "a1", 20_000));
    assert_eq!(told("Yes", "a1", 0), told("Yes", "(a1)", 0));
    assert_ne!(told("Yes", "a1", 0), told("Yes", "a1", 120_000));
    assert_ne!(told("Yes", "a1", 0), told("No", "a1", 0));
    assert_ne!(told("Yes", "a1", 0), told("Yes", "a2", 0));
}

#[test]
fn the_portals_own_samples_are_understood() {
    let by_get = "&from=%2B61400000000&message=Reply%205&msgref=%28971221653%29&ref=%281214%29&to=";
    let by_post = json!({ "from": "+61400000000", "to": "", "message": "Reply 5", "ref": "1214", "msgref": "971221653" });
    // With the escape for addresses where that for JSON belongs.
    let escaped = json!({
        "from": "%2B61400000000", "to": "", "message": "Reply+5", "ref": "%281214%29", "msgref": "%28971221653%29",
    });
    let first = read(&get(WebhookKind::Inbound, by_get));
    assert_eq!(inbound(&first).from, "+61400000000");
    assert_eq!(inbound(&first).text, "Reply 5");
    assert!(read_json(WebhookKind::Inbound, &by_post) == first);
    assert!(read_json(WebhookKind::Status, &escaped) == first, "also at the wrong door");
}

#[test]
fn the_recommended_templates_are_understood() {
    let message = json!({
        "kind": "mo", "from": "+61400000000", "to": "+61491570006", "message": "$20, 100% sure",
        "ref": "$!esc.json($!metadata.apiClientRef)", "msgref": "", "reply_id": "r1",
    });
    let received = read_json(WebhookKind::Inbound, &message);
    assert_eq!(received.external_id, "inbound:r1");
    assert_eq!(inbound(&received).text, "$20, 100% sure");
    assert_eq!(inbound(&received).to, Some(number("+61491570006")));

    let report = json!({
        "kind": "dr", "status": "delivered", "code": "220", "ref": "112233", "msgref": "971235068",
        "report_id": "01e1fa0a-6e27-4945-9cdb-18644b4de043",
    });
    let received = read_json(WebhookKind::Inbound, &report);
    assert_eq!(received.external_id, "status:971235068:delivered");
    assert_eq!(news(&received).state, Some(DeliveryState::Delivered));
    assert_eq!(news(&received).reference.as_deref(), Some("112233"));

    let stop = json!({ "kind": "optout", "from": "+61400000000", "message": "STOP", "reply_id": "$moId" });
    assert_eq!(inbound(&read_json(WebhookKind::Inbound, &stop)).opt_out, Some(OptOut::Stop));
}

#[test]
fn a_photo_arrives_within_the_webhook_or_behind_a_link() {
    let within = json!({
        "kind": "mms", "from": "+61400000000", "to": "+61491570006", "message": "Photo of the leak",
        "attachments": [{ "content_type": "image/jpeg", "content": "/9j/4AAQSkZJRg==", "original_name": "IMG_1.jpg" }],
    });
    let received = read_json(WebhookKind::Inbound, &within);
    let message = inbound(&received);
    assert_eq!((message.channel, message.text.as_str()), (Channel::Mms, "Photo of the leak"));
    let [photo] = message.media.as_slice() else { panic!("one photo") };
    assert!(matches!(&photo.place, MediaPlace::Inline(bytes) if bytes.starts_with(&[0xff, 0xd8, 0xff])));
    assert_eq!(photo.file_name.as_deref(), Some("IMG_1.jpg"));

    let linked =
        "&from=61400000000&message=Look&media_url=https%3A%2F%2Fm.example.test%2F1&media_type=image%2Fpng";
    let received = read(&get(WebhookKind::Inbound, linked));
    let [photo] = inbound(&received).media.as_slice() else { panic!("one photo") };
    let request = smsbroadcast().media_request(&line(), link(photo)).unwrap();
    assert_eq!((request.login, request.simulated), (None, false));
    assert_eq!(photo.media_type.as_deref(), Some("image/png"));
    for elsewhere in ["http://m.example.test/1", "file:///etc/passwd", "invalid:no-link"] {
        assert!(smsbroadcast().media_request(&line(), &url(elsewhere)).is_err(), "{elsewhere}");
    }
    let nothing = read_json(WebhookKind::Inbound, &json!({ "kind": "mms", "from": "+61400000000" }));
    assert_eq!(inbound(&nothing).media.len(), 1, "a place for what did not come");
}

#[test]
fn receipts_of_both_generations_come_in_our_words() {
    use DeliveryState::{Accepted, Delivered, Failed, Sent, Undelivered};
    for (word, state) in [
        ("Delivered", Some(Delivered)),
        ("Expired", Some(Undelivered)),
        ("Failed", Some(Undelivered)),
        ("submitted", Some(Sent)),
        ("enroute", Some(Accepted)),
        ("rejected", Some(Failed)),
        ("Beamed", None),
    ] {
        let parameters = format!("&to=61400111222&ref=112233&smsref=1122334455&status={word}");
        let received = read(&get(WebhookKind::Status, &parameters));
        assert_eq!(received.external_id, format!("status:1122334455:{}", word.to_lowercase()));
        let told = news(&received);
        assert_eq!((told.carrier_id.as_str(), told.state), ("1122334455", state));
        assert_eq!(told.reference.as_deref(), Some("112233"));
        assert_eq!(told.carrier_state, word);
        assert_eq!(told.failure.is_some(), matches!(state, Some(Failed | Undelivered)), "{word}");
    }
    let blocked = json!({ "status": "rejected", "code": "302", "msgref": "(971235068)", "ref": "(1214)" });
    let received = read_json(WebhookKind::Status, &blocked);
    assert!(news(&received).opted_out);
    assert_eq!(news(&received).reference.as_deref(), Some("1214"));
    assert_eq!(
        (news(&received).carrier_id.as_str(), news(&received).error_code.as_deref()),
        ("971235068", Some("302"))
    );
}

#[test]
fn only_the_secret_proves_anything() {
    let genuine = get(WebhookKind::Inbound, "&from=61400111999&message=Hi");
    let with = |url: String| smsbroadcast().receive(&line(), &WebhookRequest { url, ..genuine.clone() });
    assert!(with(genuine.url.replace(SECRET, "the-one-before")).unwrap().verified);
    for at in 0..SECRET.len() {
        let mut altered = SECRET.to_owned().into_bytes();
        altered[at] ^= 1;
        let altered = String::from_utf8(altered).unwrap();
        assert_eq!(with(genuine.url.replace(SECRET, &altered)), Err(Rejected::Signature), "byte {at}");
    }
    assert_eq!(with(genuine.url.replace("key=", "k=")), Err(Rejected::Signature));
    assert_eq!(with(genuine.url.replace(SECRET, "")), Err(Rejected::Signature));
    let mut by_header = post(WebhookKind::Inbound, r#"{"from":"+61400000000","message":"Hi"}"#);
    by_header.url = "https://hooks.example.test/w".to_owned();
    assert_eq!(smsbroadcast().receive(&line(), &by_header), Err(Rejected::Signature));
    by_header.headers.push(("x-heliograph-key".to_owned(), SECRET.to_owned()));
    assert!(read(&by_header).verified);
    assert!(smsbroadcast().proves_itself_by_secret());
    assert_eq!(smsbroadcast().acknowledgement().1, "OK");
}

#[test]
fn nonsense_is_named() {
    let malformed = |request: WebhookRequest| smsbroadcast().receive(&line(), &request).unwrap_err();
    assert_eq!(malformed(get(WebhookKind::Inbound, "&message=Hi")), Rejected::Malformed("no from"));
    assert_eq!(malformed(get(WebhookKind::Status, "&status=Delivered")), Rejected::Malformed("no smsref"));
    let nothing = Rejected::Malformed("neither a message nor a report");
    assert_eq!(malformed(get(WebhookKind::Status, "")), nothing);
}

#[test]
fn credentials_are_checked_by_field() {
    let with = |field: &str, value: &str| {
        let mut credentials = json!({ "username": format!(" {API_KEY}\n"), "password": API_SECRET });
        credentials[field] = json!(value);
        smsbroadcast().check_credentials(&credentials).map_err(|error| error.field)
    };
    for sender in ["", "line", "account"] {
        assert_eq!(with("sender", sender), Ok(()));
    }
    for (field, value) in
        [("username", ""), ("password", " "), ("sender", "MyClinic"), ("api_base", "nowhere")]
    {
        assert_eq!(with(field, value), Err(field));
    }
}

#[tokio::test]
async fn the_account_may_choose_the_number() {
    let server = MockServer::start().await;
    let body = format!(
        "username={API_KEY}&password={API_SECRET}&to=61491570156&message=hello&ref=7b228c8d900a112f3e4d&maxsplit=5"
    );
    Mock::given(body_string(body))
        .respond_with(ResponseTemplate::new(200).set_body_string("OK: 61491570156:1\r\n"))
        .mount(&server)
        .await;
    let mut account = line();
    account.credentials["sender"] = json!("account");
    account.credentials["api_base"] = json!(server.uri());
    let mut message = outbound("hello", &[]);
    message.reference = "0198f3a1-5c4d-7b22-8c8d-900a112f3e4d".to_owned();
    assert_eq!(smsbroadcast().send(&http_to(&[&server]), &account, &message).await.unwrap().carrier_id, "1");
}

#[tokio::test]
async fn what_it_would_drop_or_cut_is_not_sent() {
    let server = MockServer::start().await;
    let mut account = line();
    account.credentials["api_base"] = json!(server.uri());
    let long = ["a".repeat(766), "é漢".repeat(200)];
    let picture = outbound("Look", &["https://media.example.test/a.jpg"]);
    let messages =
        [(picture, "media"), (outbound(&long[0], &[]), "too_long"), (outbound(&long[1], &[]), "too_long")];
    for (message, expected) in messages {
        let got = smsbroadcast().send(&http_to(&[&server]), &account, &message).await;
        assert!(matches!(got, Err(SendError::Refused { code, .. }) if code == expected), "{expected}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_password_never_travels_without_tls() {
    let mut account = line();
    account.credentials["api_base"] = json!("http://carrier.example.test");
    let got = smsbroadcast().send(&http_to(&[]), &account, &outbound("hello", &[])).await;
    assert!(matches!(got, Err(SendError::Refused { code, .. }) if code == "address"));
}

#[tokio::test]
async fn the_balance_tells_whether_the_account_works() {
    let found = |health: &Health| -> Vec<_> {
        health.findings.iter().map(|finding| (finding.subject, finding.verdict)).collect()
    };
    let unseen = [(Subject::Sender, Verdict::Unknown), (Subject::Webhooks, Verdict::Unknown)];
    for (answer, balance) in [
        ("OK: 5000", Verdict::Good),
        ("OK:12.5\r\n", Verdict::Good),
        ("OK: 0", Verdict::Bad),
        ("OK: many", Verdict::Unknown),
    ] {
        let mut expected = vec![(Subject::Credentials, Verdict::Good)];
        expected.extend(unseen);
        expected.push((Subject::Balance, balance));
        assert_eq!(found(&look(answer).await), expected, "{answer}");
    }
    let refused = look("ERROR: Username or password is incorrect").await;
    assert_eq!(found(&refused), [(Subject::Credentials, Verdict::Bad)]);
    assert_eq!(found(&look("<html>Sorry</html>").await), [(Subject::Credentials, Verdict::Unasked)]);
}

async fn look(answer: &str) -> Health {
    let server = MockServer::start().await;
    let asked = format!("username={API_KEY}&password={API_SECRET}&action=balance");
    Mock::given(body_string(asked))
        .respond_with(ResponseTemplate::new(200).set_body_string(answer))
        .mount(&server)
        .await;
    let mut account = line();
    account.credentials["api_base"] = json!(server.uri());
    smsbroadcast().health(&http_to(&[&server]), &account).await
}
