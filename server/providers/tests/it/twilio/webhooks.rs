//! What Twilio tells, read into our words.

use super::signature::{mms, sms, status, whatsapp};
use crate::support::*;
use model::message::{Channel, DeliveryState};
use providers::{Account, Blame, Event, Login, OptOut, Received, Rejected, Verification, WebhookKind};
use serde_json::json;

#[test]
fn a_text_arrives() {
    let received = read(&sms());
    assert_eq!(received.external_id, "inbound:SM00000000000000000000000000000003");
    let inbound = inbound(&received);
    assert_eq!((inbound.from.as_str(), inbound.channel), ("+61491570156", Channel::Sms));
    assert_eq!(inbound.text, "Yes please, 2pm + parking?");
    assert!(inbound.media.is_empty());
}

#[test]
fn a_photo_arrives_with_its_link() {
    let received = read(&mms());
    let inbound = inbound(&received);
    assert_eq!((inbound.text.as_str(), inbound.channel), ("Here is the café ☕ photo", Channel::Mms));
    let [photo] = inbound.media.as_slice() else { panic!("one photo") };
    assert_eq!(photo.media_type.as_deref(), Some("image/jpeg"));
    let request = twilio().media_request(&twilio_account(), link(photo)).unwrap();
    assert_eq!(&request.url, link(photo));
    assert_eq!(request.login, Some(Login::Basic(ACCOUNT_SID.to_owned(), AUTH_TOKEN.to_owned())));
}

#[test]
fn whatsapp_is_a_channel_not_part_of_the_number() {
    let received = read(&whatsapp());
    let inbound = inbound(&received);
    assert_eq!((inbound.from.as_str(), inbound.channel), ("+61491570156", Channel::Whatsapp));
}

#[test]
fn a_repetition_has_the_same_key_with_or_without_twilios_token() {
    for first in [sms(), mms(), status()] {
        let mut again = first.clone();
        again.headers.push(("i-twilio-idempotency-token".to_owned(), "b3c0".to_owned()));
        assert_eq!(read(&first).external_id, read(&again).external_id);
    }
    let sent = unsigned(WebhookKind::Status, "MessageSid=SM2&MessageStatus=sent");
    let delivered = unsigned(WebhookKind::Status, "MessageSid=SM2&MessageStatus=delivered");
    assert_ne!(sent.unwrap().external_id, delivered.unwrap().external_id);
}

#[test]
fn a_request_by_get_reads_the_same() {
    let mut get = sms();
    get.url = format!("{}&{}", get.url, String::from_utf8(get.body).unwrap());
    get.method = "GET".to_owned();
    get.body = Vec::new();
    let observed = Account { verification: Verification::Observe, ..twilio_account() };
    assert!(twilio().receive(&observed, &get).unwrap().events == read(&sms()).events);
}

#[test]
fn every_attachment_is_kept_also_one_without_a_usable_link() {
    let body = "MessageSid=MM1&From=%2B61491570156&SmsStatus=received&Body=Two&NumMedia=3\
        &MediaUrl0=https%3A%2F%2Fapi.twilio.com%2Fa&MediaUrl1=%20&MediaContentType1=image%2Fpng";
    let received = unsigned(WebhookKind::Inbound, body).unwrap();
    let inbound = inbound(&received);
    assert_eq!(inbound.text, "Two");
    assert_eq!(inbound.media.len(), 3);
    for broken in &inbound.media[1..] {
        assert!(twilio().media_request(&twilio_account(), link(broken)).is_err());
    }
    assert_eq!(inbound.media[1].media_type.as_deref(), Some("image/png"));
    let miscounted =
        "MessageSid=MM1&From=%2B61491570156&NumMedia=&MediaUrl0=https%3A%2F%2Fapi.twilio.com%2Fa";
    assert_eq!(self::inbound(&unsigned(WebhookKind::Inbound, miscounted).unwrap()).media.len(), 1);
    let absurd = "MessageSid=MM1&From=%2B61491570156&NumMedia=4000000000";
    assert_eq!(self::inbound(&unsigned(WebhookKind::Inbound, absurd).unwrap()).media.len(), 32);
}

#[test]
fn a_message_at_the_wrong_door_is_still_a_message() {
    let (mut message, mut news) = (sms(), status());
    (message.kind, news.kind) = (WebhookKind::Status, WebhookKind::Inbound);
    assert!(matches!(read(&message).events[..], [Event::Inbound(_)]));
    assert!(matches!(read(&news).events[..], [Event::Status(_)]));
}

#[test]
fn twilios_own_opt_outs_are_passed_on() {
    for (word, expected) in
        [("STOP", Some(OptOut::Stop)), ("START", Some(OptOut::Start)), ("HELP", None), ("", None)]
    {
        let body = format!("MessageSid=SM1&From=%2B61491570156&Body=x&SmsStatus=received&OptOutType={word}");
        assert_eq!(inbound(&unsigned(WebhookKind::Inbound, &body).unwrap()).opt_out, expected);
    }
}

#[test]
fn statuses_come_in_our_words() {
    use DeliveryState::{Accepted, Delivered, Failed, Read, Sent, Undelivered};
    let table = [
        ("accepted", Some(Accepted)),
        ("scheduled", Some(Accepted)),
        ("queued", Some(Accepted)),
        ("sending", Some(Accepted)),
        ("sent", Some(Sent)),
        ("partially_delivered", Some(Sent)),
        ("delivered", Some(Delivered)),
        ("read", Some(Read)),
        ("undelivered", Some(Undelivered)),
        ("failed", Some(Failed)),
        ("canceled", Some(Failed)),
        ("beamed", None),
    ];
    for (word, state) in table {
        let body = format!("MessageSid=SM1&MessageStatus={word}&SmsStatus={word}");
        let received = unsigned(WebhookKind::Status, &body).unwrap();
        let status = news(&received);
        assert_eq!((status.carrier_state.as_str(), status.state), (word, state));
        assert_eq!(status.failure.is_some(), matches!(state, Some(Failed | Undelivered)), "{word}");
    }
}

#[test]
fn a_failure_is_explained() {
    let body = "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30005";
    let received = unsigned(WebhookKind::Status, body).unwrap();
    let status = news(&received);
    assert_eq!(status.error_code.as_deref(), Some("30005"));
    let words = "This number does not exist or is no longer in use. Check the patient's number.";
    assert_eq!(status.failure.as_deref(), Some(words));
    assert!(!status.opted_out);
    let stopped =
        unsigned(WebhookKind::Status, "MessageSid=SM1&MessageStatus=failed&ErrorCode=21610").unwrap();
    assert!(news(&stopped).opted_out);
    let fine = unsigned(WebhookKind::Status, "MessageSid=SM1&MessageStatus=sent&ErrorCode=30008").unwrap();
    assert_eq!(news(&fine).error_code, None);
}

#[test]
fn a_failure_says_whether_another_way_may_be_tried() {
    let table = [
        ("undelivered", "30034", Blame::Carrier, false),
        ("failed", "11751", Blame::Carrier, true),
        ("failed", "20003", Blame::Account, false),
        ("undelivered", "30003", Blame::Message, false),
        ("failed", "99999", Blame::Message, false),
        ("sent", "30034", Blame::Message, false),
    ];
    for (word, code, blame, too_large) in table {
        let body = format!("MessageSid=SM1&MessageStatus={word}&ErrorCode={code}");
        let received = unsigned(WebhookKind::Status, &body).unwrap();
        let status = news(&received);
        assert_eq!((status.blame, status.too_large), (blame, too_large), "{word} {code}");
    }
}

#[test]
fn nonsense_is_named() {
    assert_eq!(unsigned(WebhookKind::Inbound, ""), Err(Rejected::Malformed("no MessageSid")));
    assert_eq!(unsigned(WebhookKind::Inbound, "MessageSid=SM1"), Err(Rejected::Malformed("no From")));
    assert_eq!(unsigned(WebhookKind::Status, "MessageSid=SM1"), Err(Rejected::Malformed("no MessageStatus")));
}

#[test]
fn credentials_go_to_twilios_hosts_only() {
    let account = account(json!({
        "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "api_base": "http://127.0.0.1:9/base",
    }));
    let login =
        |link: &str| twilio().media_request(&account, &url(link)).map(|request| request.login.is_some());
    assert_eq!(login("https://api.twilio.com/2010-04-01/x"), Ok(true));
    assert_eq!(login("https://api.sydney.au1.twilio.com/x"), Ok(true));
    assert_eq!(login("http://127.0.0.1:9/anything"), Ok(true));
    assert_eq!(login("https://mms.twiliocdn.com/x"), Ok(false));
    let elsewhere = [
        "http://api.twilio.com/x",
        "https://api.twilio.com:8443/x",
        "https://twilio.com.example.com/x",
        "https://eviltwilio.com/x",
        "https://example.com/api.twilio.com",
        "http://127.0.0.1:10/x",
        "file:///etc/passwd",
    ];
    for link in elsewhere {
        assert!(login(link).is_err(), "{link}");
    }
}

#[test]
fn what_was_read_shows_no_content_in_debug() {
    let shown = format!("{:?} {:?} {:?}", read(&mms()), mms(), read(&status()));
    for secret in ["491570156", "café", "ME0000", "9h9D23"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn the_acknowledgement_asks_twilio_for_no_reply() {
    let expected = ("text/xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>");
    assert_eq!(twilio().acknowledgement(), expected);
}

fn read(request: &providers::WebhookRequest) -> Received {
    twilio().receive(&twilio_account(), request).unwrap()
}

/// Read without a signature, where the signature is not the matter.
fn unsigned(kind: WebhookKind, body: &str) -> Result<Received, Rejected> {
    let observed = Account { verification: Verification::Observe, ..twilio_account() };
    twilio().receive(&observed, &form(kind, "https://hooks.example.test/w", body, ""))
}
