//! Telnyx: its signature, its webhooks read into our words, and what a look at an account finds.

use crate::support::*;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine, engine::general_purpose::STANDARD};
use model::line::{Currency, Price};
use model::message::{Channel, DeliveryState};
use proptest::prelude::*;
use proptest::sample::Index;
use providers::{
    Account, Event, Login, OptOut, Received, Rejected, Subject, Verdict, Verification, WebhookKind,
    WebhookRequest,
};
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// The secret half of [`TELNYX_PUBLIC_KEY`].
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const SIGNED_AT: i64 = 1_785_808_327;

const EMPTY: (&str, &str) = (
    r#"{"data":{}}"#,
    "lDyPn6zwuc+ytUw0z04mDMsQBJEZsRnOT6PSINHn5SA76idoHjdYR5hpWRFycG+Afn9BhWujGN0OGHlMG/ASBg==",
);
const MESSAGE: (&str, &str) = (
    r#"{"data":{"event_type":"message.received","id":"b301ed3f-1490-491f-995f-6e64e69674d4","occurred_at":"2026-08-04T01:52:07.588+00:00","payload":{"direction":"inbound","from":{"carrier":"T-Mobile USA","line_type":"Wireless","phone_number":"+13125550001"},"id":"84cca175-9755-4859-b67f-4730d7f58aa3","media":[],"record_type":"message","text":"Café at 5?","to":[{"phone_number":"+17735550002","status":"webhook_delivered"}],"type":"SMS"},"record_type":"event"},"meta":{"attempt":1,"delivered_to":"https://hooks.example.test/telnyx"}}"#,
    "EBCg3r5YyPT1btLCeZfwVGFkk/nzfQqI/tvMDGVnCcZH2wq5gcYoMgLsek2/okgqbwC18S82BDI6bBXVhohmCg==",
);

#[test]
fn the_known_signatures_hold() {
    for (body, signature) in [EMPTY, MESSAGE] {
        let request = request(body, &SIGNED_AT.to_string(), signature);
        assert!(holds(&telnyx_account(), &request));
        for (early_or_late, held) in [(-301, false), (-300, true), (300, true), (301, false)] {
            let received_at = (SIGNED_AT + early_or_late) * 1000;
            let moved = WebhookRequest { received_at, ..request.clone() };
            assert_eq!(holds(&telnyx_account(), &moved), held, "{early_or_late} seconds");
        }
    }
}

#[test]
fn what_differs_from_what_was_signed_does_not_hold() {
    let (body, signature) = MESSAGE;
    let at = SIGNED_AT.to_string();
    let hex = hex::encode(STANDARD.decode(signature).unwrap());
    let short = STANDARD.encode(&STANDARD.decode(signature).unwrap()[..63]);
    let wrong = [
        ("a space more", request(&format!("{body} "), &at, signature)),
        ("another time", request(body, &(SIGNED_AT + 1).to_string(), signature)),
        ("the time written otherwise", request(body, &format!("+{at}"), signature)),
        ("no number", request(body, "now", signature)),
        ("63 bytes", request(body, &at, &short)),
        ("hexadecimal", request(body, &at, &hex)),
        ("empty", request(body, &at, "")),
    ];
    for (label, request) in wrong {
        assert!(!holds(&telnyx_account(), &request), "{label}");
    }
    for missing in ["telnyx-timestamp", "telnyx-signature-ed25519"] {
        let mut request = request(body, &at, signature);
        request.headers.retain(|(name, _)| name != missing);
        assert!(!holds(&telnyx_account(), &request), "without {missing}");
    }
    assert!(!holds(&account(json!({})), &request(body, &at, signature)), "without a key");
}

#[test]
fn two_keys_hold_while_they_are_exchanged() {
    let other = STANDARD.encode([7; 32]);
    let request = signed(MESSAGE.0);
    let with = |current: &str, previous: Option<&str>| {
        account(json!({ "api_key": TELNYX_KEY, "public_key": current, "previous_public_key": previous }))
    };
    assert!(holds(&with(TELNYX_PUBLIC_KEY, Some(&other)), &request));
    assert!(holds(&with(&other, Some(TELNYX_PUBLIC_KEY)), &request));
    assert!(!holds(&with(&other, None), &request));
}

#[test]
fn what_does_not_verify_is_read_only_where_that_is_wanted() {
    let forged = request(MESSAGE.0, "0", "");
    assert_eq!(telnyx().receive(&telnyx_account(), &forged), Err(Rejected::Signature));
    for verification in [Verification::Observe, Verification::Off] {
        let account = Account { verification, ..telnyx_account() };
        let received = telnyx().receive(&account, &forged).unwrap();
        assert!(!received.verified);
        assert!(received.events == read(MESSAGE.0).events);
    }
}

proptest! {
    #[test]
    fn one_altered_byte_is_refused(part in 0..3_usize, at in any::<Index>(), mask in 1..=255_u8) {
        let mut altered = signed(MESSAGE.0);
        let flip = |bytes: &mut [u8]| bytes[at.index(bytes.len())] ^= mask;
        if part == 2 {
            flip(&mut altered.body);
        } else {
            let mut bytes = altered.headers[part].1.clone().into_bytes();
            flip(&mut bytes);
            altered.headers[part].1 = String::from_utf8_lossy(&bytes).into_owned();
        }
        prop_assert_eq!(telnyx().receive(&telnyx_account(), &altered), Err(Rejected::Signature));
    }
}

#[test]
fn a_text_arrives() {
    let received = read(MESSAGE.0);
    assert!(received.verified);
    assert_eq!(received.external_id, "event:b301ed3f-1490-491f-995f-6e64e69674d4");
    let inbound = inbound(&received);
    assert_eq!((inbound.from.as_str(), inbound.channel), ("+13125550001", Channel::Sms));
    assert_eq!(inbound.carrier_id, "84cca175-9755-4859-b67f-4730d7f58aa3");
    assert_eq!((inbound.text.as_str(), inbound.opt_out), ("Café at 5?", None));
    assert_eq!(inbound.to, Some(number("+17735550002")));
    assert!(inbound.media.is_empty());
}

#[test]
fn a_photo_arrives_with_its_link() {
    for digest in ["sha256", "hash_sha256"] {
        let received = read_inbound(&json!({
            "type": "MMS", "text": null, "subject": "My knee",
            "media": [
                { "url": "https://media.telnyx.com/example-image.png", "content_type": "image/png", "size": 102_400,
                  digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" },
                { "url": null, "content_type": null },
                {},
            ],
        }));
        let inbound = inbound(&received);
        assert_eq!((inbound.text.as_str(), inbound.channel), ("My knee", Channel::Mms));
        assert_eq!(inbound.media.len(), 3);
        assert_eq!(inbound.media[0].media_type.as_deref(), Some("image/png"));
        let request = telnyx().media_request(&telnyx_account(), link(&inbound.media[0])).unwrap();
        assert_eq!(request.login, Some(Login::Bearer(TELNYX_KEY.to_owned())));
        assert!(request.login_only_if_asked);
        for broken in &inbound.media[1..] {
            assert!(telnyx().media_request(&telnyx_account(), link(broken)).is_err());
        }
    }
}

#[test]
fn a_group_message_came_to_the_line() {
    let received = read_inbound(&json!({
        "type": "MMS", "text": "All of you", "media": [],
        "to": [{ "phone_number": "+17735550002" }, { "phone_number": "38383" }],
        "cc": [{ "phone_number": "+61491570006" }],
    }));
    let inbound = inbound(&received);
    assert_eq!(inbound.to, Some(number("+61491570006")));
    assert_eq!(inbound.channel, Channel::Mms);
}

#[test]
fn little_is_needed_of_a_message() {
    let bare =
        r#"{"data":{"event_type":"message.received","id":"e1","payload":{"from":{"phone_number":"38383"}}}}"#;
    let received = read(bare);
    let inbound = inbound(&received);
    assert_eq!((inbound.carrier_id.as_str(), inbound.from.as_str()), ("e1", "38383"));
    assert_eq!((inbound.text.as_str(), inbound.to.as_ref()), ("", None));
}

#[test]
fn telnyxs_own_opt_outs_are_passed_on() {
    let table = [("STOP", Some(OptOut::Stop)), ("START", Some(OptOut::Start)), ("HELP", None)];
    for (word, expected) in table {
        let received = read_inbound(&json!({ "text": word, "autoresponse_type": word }));
        assert_eq!(inbound(&received).opt_out, expected, "{word}");
    }
}

#[test]
fn a_message_at_the_wrong_door_is_still_a_message() {
    let message = WebhookRequest { kind: WebhookKind::Status, ..signed(MESSAGE.0) };
    let received = telnyx().receive(&telnyx_account(), &message).unwrap();
    assert!(matches!(received.events[..], [Event::Inbound(_)]));
    let news = WebhookRequest { kind: WebhookKind::Inbound, ..signed(&finalized("delivered", &json!([]))) };
    let received = telnyx().receive(&telnyx_account(), &news).unwrap();
    assert!(matches!(received.events[..], [Event::Status(_)]));
}

#[test]
fn a_repetition_has_the_same_key_and_another_event_has_not() {
    let again = MESSAGE.0.replace(r#""attempt":1"#, r#""attempt":2"#).replace("test/telnyx", "test/fallback");
    assert_eq!(read(MESSAGE.0).external_id, read(&again).external_id);
    let other = MESSAGE.0.replace("b301ed3f", "b301ed40");
    assert_ne!(read(MESSAGE.0).external_id, read(&other).external_id);
    let nameless =
        |body: &str| read(&body.replace(r#""id":"b301ed3f-1490-491f-995f-6e64e69674d4","#, "")).external_id;
    assert_eq!(nameless(MESSAGE.0), nameless(MESSAGE.0));
    assert_ne!(nameless(MESSAGE.0), nameless(&MESSAGE.0.replace("Café", "Tea")));
}

#[test]
fn statuses_come_in_our_words() {
    use DeliveryState::{Accepted, Delivered, Failed, Sent, Undelivered};
    let table = [
        ("queued", Some(Accepted)),
        ("sending", Some(Accepted)),
        ("sent", Some(Sent)),
        ("delivery_unconfirmed", Some(Sent)),
        ("delivered", Some(Delivered)),
        ("delivery_failed", Some(Undelivered)),
        ("sending_failed", Some(Failed)),
        ("expired", Some(Failed)),
        ("beamed", None),
    ];
    for (word, state) in table {
        let received = read(&finalized(word, &json!([])));
        let status = news(&received);
        assert_eq!((status.carrier_state.as_str(), status.state), (word, state));
        assert_eq!(status.carrier_id, "ac012cbf-5e09-46af-a69a-7c0e2d90993c");
        assert_eq!(status.price, Some(Price { micros: 5100, currency: Currency::Usd }));
        assert_eq!(status.failure.is_some(), matches!(state, Some(Failed | Undelivered)), "{word}");
    }
    let bare = r#"{"data":{"event_type":"message.sent","id":"e2","payload":{"id":"m1"}}}"#;
    let received = read(bare);
    assert_eq!((news(&received).state, news(&received).carrier_state.as_str()), (Some(Sent), "message.sent"));
}

#[test]
fn a_failure_is_explained() {
    let received = read(&finalized("delivery_failed", &json!([{ "code": "40006", "title": "Unavailable" }])));
    let status = news(&received);
    assert_eq!(status.error_code.as_deref(), Some("40006"));
    let words = "The recipient's network could not be reached. Try again later.";
    assert_eq!((status.failure.as_deref(), status.opted_out), (Some(words), false));
    let stopped = read(&finalized("sending_failed", &json!([{ "code": 40300 }])));
    assert!(news(&stopped).opted_out);
    let fine = read(&finalized("delivered", &json!([{ "code": "40006" }])));
    assert_eq!((news(&fine).error_code.as_deref(), news(&fine).failure.as_deref()), (None, None));
}

#[test]
fn nonsense_is_named() {
    let of = |body: &str| telnyx().receive(&telnyx_account(), &signed(body));
    assert_eq!(of(""), Err(Rejected::Malformed("not JSON")));
    let version = "no event_type; the messaging profile must be set to webhook API version 2";
    for older in [r#"{"data":{}}"#, r#"{"sms_id":"1","from":"+13125550001","body":"Hi"}"#, "[]", "null"] {
        assert_eq!(of(older), Err(Rejected::Malformed(version)));
    }
    let no_from = r#"{"data":{"event_type":"message.received","id":"e","payload":{"id":"m"}}}"#;
    assert_eq!(of(no_from), Err(Rejected::Malformed("no from")));
    let no_id = r#"{"data":{"event_type":"message.sent","id":"e","payload":{}}}"#;
    assert_eq!(of(no_id), Err(Rejected::Malformed("no id")));
    let call = r#"{"data":{"event_type":"call.initiated","id":"e","payload":{"direction":"incoming"}}}"#;
    assert!(matches!(of(call).unwrap().events[..], [Event::Ignored { .. }]));
}

#[test]
fn the_key_goes_to_telnyxs_hosts_only() {
    let account = account(json!({
        "api_key": TELNYX_KEY, "public_key": TELNYX_PUBLIC_KEY, "api_base": "http://127.0.0.1:9/v2",
    }));
    let login =
        |link: &str| telnyx().media_request(&account, &url(link)).map(|request| request.login.is_some());
    assert_eq!(login("https://media.telnyx.com/x"), Ok(true));
    assert_eq!(login("http://127.0.0.1:9/anything"), Ok(true));
    // Signed links may lead to any store; there the key stays at home.
    assert_eq!(login("https://eviltelnyx.com/x"), Ok(false));
    assert_eq!(login("https://media.telnyx.com.example.com/x"), Ok(false));
    assert_eq!(login("https://store.example.test/telnyx.com?signature=1"), Ok(false));
    for link in ["http://media.telnyx.com/x", "https://media.telnyx.com:8443/x", "file:///etc/passwd"] {
        assert!(login(link).is_err(), "{link}");
    }
}

#[tokio::test]
async fn the_key_is_shown_only_where_the_media_asks_for_it() {
    let server = MockServer::start().await;
    let photo = ResponseTemplate::new(200).set_body_raw("bytes", "image/png");
    let asks = Mock::given(path("/signed")).respond_with(photo.clone()).expect(1);
    asks.mount(&server).await;
    let keyed = Mock::given(path("/guarded")).and(header("authorization", format!("Bearer {TELNYX_KEY}")));
    keyed.respond_with(photo).with_priority(1).mount(&server).await;
    Mock::given(path("/guarded")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let account = account(json!({
        "api_key": TELNYX_KEY, "public_key": TELNYX_PUBLIC_KEY, "api_base": server.uri(),
    }));
    for place in ["/signed", "/guarded"] {
        let remote = url(&format!("{}{place}", server.uri()));
        let request = telnyx().media_request(&account, &remote).unwrap();
        assert!(http_to(&[&server]).fetch_media(&request, 100).await.is_ok(), "{place}");
    }
    let requests = server.received_requests().await.unwrap();
    let shown: Vec<_> =
        requests.iter().map(|request| request.headers.contains_key("authorization")).collect();
    assert_eq!(shown, [false, false, true]);
}

#[test]
fn credentials_are_checked_by_field() {
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
fn what_was_read_shows_no_content_in_debug() {
    let received = read(MESSAGE.0);
    let shown =
        format!("{received:?} {:?} {:?}", signed(MESSAGE.0), read(&finalized("delivered", &json!([]))));
    for secret in ["3125550001", "Café", "84cca175"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn a_sound_account_is_found_sound() {
    let portal = Portal::new(
        json!({ "id": "p2", "webhook_url": INBOUND_URL, "webhook_api_version": "2", "enabled": true }),
    );
    let found = portal.look(telnyx_credentials()).await;
    assert_eq!(
        found,
        [
            (Subject::Credentials, Verdict::Good, "Telnyx accepts the API key.".to_owned()),
            (
                Subject::Sender,
                Verdict::Good,
                "The number can send and receive texts, but no pictures.".to_owned()
            ),
            (Subject::Webhooks, Verdict::Good, "Telnyx brings messages to this line.".to_owned()),
            (Subject::Balance, Verdict::Good, "400.00 USD are left at Telnyx.".to_owned()),
        ]
    );
}

#[tokio::test]
async fn what_is_wrong_with_an_account_is_named() {
    let profile = |field: &str, value: Value| {
        let mut profile =
            json!({ "id": "p2", "webhook_url": INBOUND_URL, "webhook_api_version": "2", "enabled": true });
        profile[field] = value;
        profile
    };
    let wrong = [
        (
            profile("enabled", json!(false)),
            "The number's messaging profile is switched off. Switch it on in Telnyx's portal.",
        ),
        (
            profile("webhook_api_version", json!("1")),
            "Set the messaging profile's webhook API version to 2 in Telnyx's portal.",
        ),
        (
            profile("webhook_url", Value::Null),
            "Telnyx brings messages of this number nowhere. Paste the line's inbound address from Settings > Lines into its console.",
        ),
    ];
    for (profile, words) in wrong {
        let found = Portal::new(profile).look(telnyx_credentials()).await;
        assert!(found.contains(&(Subject::Webhooks, Verdict::Bad, words.to_owned())), "{found:?}");
    }
    let mut elsewhere = telnyx_credentials();
    elsewhere["messaging_profile_id"] = json!("p1");
    let found = Portal::new(profile("enabled", json!(true))).look(elsewhere).await;
    assert_eq!((found[1].0, found[1].1), (Subject::Sender, Verdict::Bad));
}

#[tokio::test]
async fn a_key_that_is_not_accepted_ends_the_look() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let mut credentials = telnyx_credentials();
    credentials["api_base"] = json!(server.uri());
    let health = telnyx().health(&http_to(&[&server]), &account(credentials)).await;
    let [finding] = health.findings.as_slice() else { panic!("{health:?}") };
    assert_eq!((finding.subject, finding.verdict), (Subject::Credentials, Verdict::Bad));
    let health = telnyx().health(&http_to(&[]), &account(json!({}))).await;
    assert_eq!(health.findings[0].verdict, Verdict::Bad);
}

const INBOUND_URL: &str = "https://hooks.example.test/webhooks/twilio/inbound";

/// Telnyx's account, in which the line's number belongs to the second of two profiles.
struct Portal {
    second_profile: Value,
}

impl Portal {
    fn new(second_profile: Value) -> Self {
        Self { second_profile }
    }

    async fn look(self, mut credentials: Value) -> Vec<(Subject, Verdict, String)> {
        let server = MockServer::start().await;
        let answers = [
            ("/messaging_profiles", json!([{ "id": "p1" }, self.second_profile])),
            ("/messaging_profiles/p1/phone_numbers", json!([])),
            (
                "/messaging_profiles/p2/phone_numbers",
                json!([
                    { "phone_number": "+61491570110", "features": null },
                    { "phone_number": "+61491570006",
                      "features": { "sms": { "domestic_two_way": true }, "mms": null } },
                ]),
            ),
        ];
        for (at, data) in answers {
            let answer = ResponseTemplate::new(200).set_body_json(json!({ "data": data, "meta": {} }));
            Mock::given(method("GET"))
                .and(path(at))
                .and(query_param("page[size]", "250"))
                .and(header("authorization", format!("Bearer {TELNYX_KEY}")))
                .respond_with(answer)
                .mount(&server)
                .await;
        }
        let balance = json!({ "balance": "300.00", "available_credit": "400.00", "currency": "USD" });
        let answer = ResponseTemplate::new(200).set_body_json(json!({ "data": balance }));
        Mock::given(path("/balance")).respond_with(answer).mount(&server).await;
        credentials["api_base"] = json!(server.uri());
        let health = telnyx().health(&http_to(&[&server]), &account(credentials)).await;
        health.findings.into_iter().map(|found| (found.subject, found.verdict, found.words)).collect()
    }
}

fn request(body: &str, timestamp: &str, signature: &str) -> WebhookRequest {
    let headers = [
        ("telnyx-timestamp", timestamp),
        ("telnyx-signature-ed25519", signature),
        ("content-type", "application/json"),
    ];
    WebhookRequest {
        kind: WebhookKind::Inbound,
        method: "POST".to_owned(),
        url: "https://hooks.example.test/webhooks/telnyx/k/inbound".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: body.as_bytes().to_vec(),
        received_at: SIGNED_AT * 1000,
        client: None,
    }
}

fn signed(body: &str) -> WebhookRequest {
    let pair = Ed25519KeyPair::from_seed_unchecked(&hex::decode(SEED).unwrap()).unwrap();
    let signature = pair.sign(format!("{SIGNED_AT}|{body}").as_bytes());
    request(body, &SIGNED_AT.to_string(), &STANDARD.encode(signature))
}

/// Whether the signature holds; what the webhook says does not matter here.
fn holds(account: &Account, request: &WebhookRequest) -> bool {
    match telnyx().receive(account, request) {
        Ok(received) => received.verified,
        Err(Rejected::Malformed(_)) => true,
        Err(Rejected::Signature) => false,
    }
}

fn read(body: &str) -> Received {
    telnyx().receive(&telnyx_account(), &signed(body)).unwrap()
}

/// A message from a patient of which only a part is said.
fn read_inbound(part: &Value) -> Received {
    let mut payload =
        json!({ "id": "m1", "direction": "inbound", "from": { "phone_number": "+13125550001" } });
    payload.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
    read(&json!({ "data": { "event_type": "message.received", "id": "e1", "payload": payload } }).to_string())
}

fn finalized(status: &str, errors: &Value) -> String {
    json!({
        "data": {
            "event_type": "message.finalized", "id": "4ee8c3a6-4995-4309-a3c6-38e3db9ea4be", "record_type": "event",
            "payload": {
                "id": "ac012cbf-5e09-46af-a69a-7c0e2d90993c", "direction": "outbound", "errors": errors,
                "cost": { "amount": "0.0051", "currency": "USD" }, "text": "Hello there!", "type": "SMS",
                "from": { "phone_number": "+13125550001" },
                "to": [{ "carrier": "T-MOBILE USA, INC.", "phone_number": "+13125550002", "status": status }],
            },
        },
        "meta": { "attempt": 1, "delivered_to": "https://hooks.example.test/telnyx" },
    })
    .to_string()
}
