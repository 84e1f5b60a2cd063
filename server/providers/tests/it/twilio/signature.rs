//! Twilio's signature: the vectors that its own libraries publish, our worked examples, and alterations.

use crate::support::*;
use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use proptest::sample::Index;
use providers::{Account, Received, Rejected, Verification, WebhookKind, WebhookRequest};
use serde_json::json;

const P: &[(&str, &str)] = &[
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
];
/// Label, URL as received, parameters, signature.
type Vector<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

const U: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const HASH: &str = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";

const INBOUND: &str = "https://hooks.example.test/webhooks/twilio/inbound?tenant=7";
const STATUS: &str = "https://hooks.example.test/webhooks/twilio/status";
const SMS_BODY: &str = "AccountSid=AC00000000000000000000000000000001&ApiVersion=2010-04-01&Body=Yes+please%2C+2pm+%2B+parking%3F&From=%2B61491570156&FromCountry=AU&MessageSid=SM00000000000000000000000000000003&NumMedia=0&NumSegments=1&SmsMessageSid=SM00000000000000000000000000000003&SmsSid=SM00000000000000000000000000000003&SmsStatus=received&To=%2B61491570006&ToCountry=AU";
pub(crate) const MMS_BODY: &str = "ToCountry=AU&MediaContentType0=image%2Fjpeg&ToState=&SmsMessageSid=MM00000000000000000000000000000001&NumMedia=1&ToCity=&FromZip=&SmsSid=MM00000000000000000000000000000001&FromState=&SmsStatus=received&FromCity=&Body=Here+is+the+caf%C3%A9+%E2%98%95+photo&FromCountry=AU&To=%2B61491570006&ToZip=&NumSegments=1&MessageSid=MM00000000000000000000000000000001&AccountSid=AC00000000000000000000000000000001&From=%2B61491570156&MediaUrl0=https%3A%2F%2Fapi.twilio.com%2F2010-04-01%2FAccounts%2FAC00000000000000000000000000000001%2FMessages%2FMM00000000000000000000000000000001%2FMedia%2FME00000000000000000000000000000001&ApiVersion=2010-04-01";
const WHATSAPP_BODY: &str = "AccountSid=AC00000000000000000000000000000001&ApiVersion=2010-04-01&Body=Hola&From=whatsapp%3A%2B61491570156&MessageSid=SM00000000000000000000000000000004&MessageType=text&NumMedia=0&NumSegments=1&ProfileName=Sam+Example&SmsMessageSid=SM00000000000000000000000000000004&SmsSid=SM00000000000000000000000000000004&SmsStatus=received&To=whatsapp%3A%2B61491570006&WaId=61491570156";
const STATUS_BODY: &str = "AccountSid=AC00000000000000000000000000000001&ApiVersion=2010-04-01&From=%2B61491570006&MessageSid=SM00000000000000000000000000000002&MessageStatus=delivered&RawDlrDoneDate=2608040152&SmsSid=SM00000000000000000000000000000002&SmsStatus=delivered&To=%2B61491570156";

pub(crate) fn sms() -> WebhookRequest {
    form(WebhookKind::Inbound, INBOUND, SMS_BODY, "UNBM/iOCAQAkjgnNn8NJvnCQYHI=")
}

pub(crate) fn mms() -> WebhookRequest {
    form(WebhookKind::Inbound, INBOUND, MMS_BODY, "9h9D23AHQs5d4OJYMIYUx6++P4k=")
}

pub(crate) fn whatsapp() -> WebhookRequest {
    form(WebhookKind::Inbound, INBOUND, WHATSAPP_BODY, "35xrifVdTjKO1UTct/8gwi6RLto=")
}

pub(crate) fn status() -> WebhookRequest {
    form(WebhookKind::Status, STATUS, STATUS_BODY, "oW0Q2TWvT3fTkvEqaZZwIo9oIms=")
}

#[test]
fn published_form_signatures_hold() {
    let digits = &[
        ("Sid", "CA123"),
        ("SidAccount", "AC123"),
        ("Digits", "5678"),
        ("Digits", "1234"),
        ("Digits", "1234"),
    ];
    let one_way =
        &[("MessagingBinding.Address", "+1325xxxxxxx"), ("MessagingBinding.Address", "+1415xxxxxxx")];
    let other_way = &[one_way[1], one_way[0]];
    let vectors: &[Vector<'_>] = &[
        ("1", U, P, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (
            "1, receiver sees the port",
            "https://mycompany.com:443/myapp.php?foo=1&bar=2",
            P,
            "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        ),
        ("2", U, P, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("3", "http://mycompany.com:1234/myapp.php?foo=1&bar=2", P, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        ("4", "http://mycompany.com/myapp.php?foo=1&bar=2", P, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        ("5", U, digits, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
        ("9", "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", P, "CukzLTc1tT5dXEDIHm/tKBanW10="),
        ("9b", "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", P, "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="),
        ("10", "https://user@mycompany.com/myapp.php?foo=1&bar=2", P, "2YRLlVAflCqxaNicjMpJcSTgzSs="),
        ("11", &format!("{U}&Body=It's+amazing"), P, "TfZzewPq8wqrGlMfyAud8+/IvJ0="),
        ("12", U, one_way, "83O6e2vORAoJHUNzJjDWN1jz+BA="),
        ("12, other order", U, other_way, "83O6e2vORAoJHUNzJjDWN1jz+BA="),
        ("1 with a fragment", &format!("{U}#rc=3"), P, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ];
    for (label, url, parameters, signature) in vectors {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(*parameters).finish();
        let request = form(WebhookKind::Inbound, url, &body, signature);
        assert!(holds("12345", &request), "vector {label}");
        assert!(!holds("12346", &request), "vector {label} with a wrong token");
    }
}

#[test]
fn published_json_signatures_hold() {
    let body = r#"{"property": "value", "boolean": true}"#;
    let vectors = [
        ("6", format!("{U}&bodySHA256={HASH}"), body, "a9nBmqA0ju/hNViExpshrM61xv4="),
        (
            "7",
            format!("{U}&bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
            "{}",
            "Ldidvp12m26NI7eqEvxnEpkd9Hc=",
        ),
        (
            "8",
            format!("https://mycompany.com/myapp.php?bodySHA256={HASH}"),
            body,
            "y77kIzt2vzLz71DgmJGsen2scGs=",
        ),
    ];
    for (label, url, body, signature) in vectors {
        let request = json_request(&url, body, signature);
        assert!(holds("12345", &request), "vector {label}");
        let altered = WebhookRequest { body: b"{\"property\": 1}".to_vec(), ..request };
        assert!(!holds("12345", &altered), "vector {label} with another body");
    }
    let unhashed = json_request(U, body, &sign("12345", U));
    assert!(!holds("12345", &unhashed), "a body that nothing covers");
}

#[test]
fn a_query_in_the_legacy_spelling_holds() {
    // Repeated names move together, and the escapes are those of `encodeURIComponent`.
    let (called, signed) =
        ("https://a.example.test/in?a=1&b=x+y%21'&a=2", "https://a.example.test/in?a=1&a=2&b=x%20y!'");
    let request = form(WebhookKind::Inbound, called, "", &sign("12345", signed));
    assert!(holds("12345", &request));
}

#[test]
fn a_value_cannot_be_turned_into_a_name() {
    let signature = sign(AUTH_TOKEN, &format!("{STATUS}MessageSidsome"));
    let request = form(WebhookKind::Status, STATUS, "MessageSid=some", &signature);
    assert!(holds(AUTH_TOKEN, &request));
    assert!(!holds(AUTH_TOKEN, &WebhookRequest { body: b"MessageSid&some".to_vec(), ..request }));
}

#[test]
fn worked_examples_hold_and_their_alterations_do_not() {
    for request in [sms(), mms(), whatsapp(), status()] {
        assert!(holds(AUTH_TOKEN, &request));
        assert!(!holds("another_token", &request), "wrong token");
        let body = String::from_utf8(request.body.clone()).unwrap();
        let bodies = [
            ("one removed", body.replace("ApiVersion=2010-04-01&", "").replace("&ApiVersion=2010-04-01", "")),
            ("one added", format!("{body}&Extra=1")),
            ("an empty one added", format!("{body}&Extra=")),
            ("plus as plus", body.replace('+', "%2B")),
            ("trimmed", body.replace("Body=", "Body=+")),
            ("name and value run together", body.replacen("AccountSid=", "AccountSid&", 1)),
        ];
        for (label, altered) in bodies {
            if altered != body {
                let altered = WebhookRequest { body: altered.into_bytes(), ..request.clone() };
                assert!(!holds(AUTH_TOKEN, &altered), "{label}");
            }
        }
        let urls = [
            ("host", request.url.replace("hooks", "other")),
            ("scheme", request.url.replace("https", "http")),
            ("query", format!("{}?tenant=8", request.url.split('?').next().unwrap())),
            ("path", request.url.replace("/webhooks/", "/webhooks//")),
        ];
        for (label, url) in urls {
            assert!(!holds(AUTH_TOKEN, &WebhookRequest { url, ..request.clone() }), "{label}");
        }
        let mut unsigned = request.clone();
        unsigned.headers.retain(|(name, _)| name != "x-twilio-signature");
        assert!(!holds(AUTH_TOKEN, &unsigned), "no header");
        let mut untyped = request.clone();
        untyped.headers.retain(|(name, _)| name != "content-type");
        assert!(!holds(AUTH_TOKEN, &untyped), "a body of no known type");
    }
}

#[test]
fn what_does_not_verify_is_read_only_where_that_is_wanted() {
    let mut forged = sms();
    forged.headers.retain(|(name, _)| name != "x-twilio-signature");
    let mut account = twilio_account();
    assert_eq!(twilio().receive(&account, &forged), Err(Rejected::Signature));
    for verification in [Verification::Observe, Verification::Off] {
        account.verification = verification;
        let received = twilio().receive(&account, &forged).unwrap();
        assert!(!received.verified);
        assert!(received.events == twilio().receive(&twilio_account(), &sms()).unwrap().events);
    }
}

proptest! {
    /// A form may be spelled in two ways that mean the same (`%2b` and `%2B`); nothing else may pass.
    #[test]
    fn one_altered_byte_of_twilios_request_is_refused(
        which in 0..6_usize, part in 0..3_u8, at in any::<Index>(), mask in 1..=255_u8,
    ) {
        let original = signed_requests().swap_remove(which);
        let account = twilio_account();
        prop_assert!(holds(AUTH_TOKEN, &original));
        if let Some(altered) = alter(&original, "x-twilio-signature", part, at, mask)
            && let Ok(received) = twilio().receive(&account, &altered)
        {
            let spelled_otherwise = decoded(&altered) == decoded(&original);
            prop_assert!(spelled_otherwise && Ok(received) == twilio().receive(&account, &original));
        }
    }

    #[test]
    fn one_altered_byte_of_the_simulators_request_is_refused(part in 0..3_u8, at in any::<Index>(), mask in 1..=255_u8) {
        let original = simulated();
        let account = simulator_account("http://127.0.0.1:3000");
        prop_assert!(simulator().receive(&account, &original).is_ok());
        if let Some(altered) = alter(&original, "x-simulator-signature", part, at, mask) {
            prop_assert_eq!(simulator().receive(&account, &altered), Err(Rejected::Signature));
        }
    }
}

fn signed_requests() -> Vec<WebhookRequest> {
    let get_url = format!("{INBOUND}&{SMS_BODY}");
    let mut get = form(WebhookKind::Inbound, &get_url, "", &sign(AUTH_TOKEN, &get_url));
    get.method = "GET".to_owned();
    let json_url = format!("{INBOUND}&bodySHA256={HASH}");
    let json =
        json_request(&json_url, r#"{"property": "value", "boolean": true}"#, &sign(AUTH_TOKEN, &json_url));
    vec![sms(), mms(), whatsapp(), status(), get, json]
}

/// Signed with the independent knowledge of the algorithm that a test should have.
fn simulated() -> WebhookRequest {
    use hmac::{Hmac, KeyInit, Mac};
    let url = "http://127.0.0.1:3000/webhooks/simulator/k/inbound";
    let body =
        r#"{"event":"inbound","id":"m1","from":"+61491570156","to":"+61491570006","text":"Hi","media":[]}"#;
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SIMULATOR_SECRET.as_bytes()).unwrap();
    mac.update(format!("{url}\n{body}").as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    WebhookRequest {
        kind: WebhookKind::Inbound,
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: vec![("x-simulator-signature".to_owned(), signature)],
        body: body.as_bytes().to_vec(),
        received_at: 0,
        client: None,
    }
}

/// One byte of URL, body or signature changed; `None` where that part is empty or would not be text.
fn alter(original: &WebhookRequest, header: &str, part: u8, at: Index, mask: u8) -> Option<WebhookRequest> {
    let mut altered = original.clone();
    let flip = |bytes: &mut [u8]| (!bytes.is_empty()).then(|| bytes[at.index(bytes.len())] ^= mask);
    let flip_text = |text: &mut String| {
        let mut bytes = text.clone().into_bytes();
        flip(&mut bytes)?;
        *text = String::from_utf8(bytes).ok()?;
        Some(())
    };
    match part {
        0 => flip_text(&mut altered.url)?,
        1 => flip(&mut altered.body)?,
        _ => flip_text(&mut altered.headers.iter_mut().find(|(name, _)| name == header)?.1)?,
    }
    Some(altered)
}

fn decoded(request: &WebhookRequest) -> Vec<(String, String)> {
    let query = request.url.split_once('?').map_or("", |(_, query)| query);
    let form = form_urlencoded::parse(&request.body).into_owned();
    form_urlencoded::parse(query.as_bytes()).into_owned().chain(form).collect()
}

fn sign(token: &str, signed: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn json_request(url: &str, body: &str, signature: &str) -> WebhookRequest {
    let mut request = form(WebhookKind::Inbound, url, body, signature);
    request.headers[0].1 = "application/json; charset=utf-8".to_owned();
    request
}

/// Whether the signature holds; what the webhook says does not matter here.
fn holds(token: &str, request: &WebhookRequest) -> bool {
    let account = Account {
        credentials: json!({ "account_sid": ACCOUNT_SID, "auth_token": token }),
        ..twilio_account()
    };
    match twilio().receive(&account, request) {
        Ok(Received { verified, .. }) => verified,
        Err(Rejected::Malformed(_)) => true,
        Err(Rejected::Signature) => false,
    }
}
