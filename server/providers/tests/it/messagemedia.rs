//! MessageMedia: its signature, its webhooks in every form that is known, and how an account is looked at.

use crate::support::*;
use model::message::{Channel, DeliveryState};
use providers::{
    Account, Health, Login, MediaPlace, OptOut, Received, Rejected, Subject, Verdict, Verification,
    WebhookKind, WebhookRequest,
};
use serde_json::{Value, json};
use wiremock::matchers::{any, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const KEY_ID: &str = "7ca628a8-08b0-4e42-aeb8-960b37049c31";
/// 2048 bits.
const PUBLIC_KEY: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAl7jUMY0hew9eerGV58jqRs82pmH9YNJE6qsbp6VGeVPTcCmio9WncrIlAhriHruGqUaHcBZI847GVzm7oS85WduODirq5AB0rH4y62n6Dpe4DK5VccFh/7DAPNDbsBrpDetLj6/F4XAf7JELIAt58ar5y8IGHJhQNBGeDhd8eqmCA7p6H4t58XNwQgUN4eZnPCrq7oHqVNNjMzNiTwby/KuUzUhGfOFPfbRw4NH9JatH1gBvw3Sep6CGxRNurM2FK4s0xOTnEVRbQhjyCLl8aWBdjG8x6Z0nkUrJMffkuDEBhwvkPF0rzgY9BBblJA13EmlvaN/PWaquASBlL9Af5QIDAQAB";
const INBOUND: &str = "https://hooks.example.test/webhooks/messagemedia/inbound?t=7";
const DATE: &str = "Tue, 04 Aug 2026 01:52:07 GMT";
/// The same moment.
const RECEIVED_AT: i64 = 1_785_808_327_000;
const BODY: &str = r#"{"reply_id":"a175e797-2b54-468b-9850-41a3eab32f74","source_number":"+61491570156","destination_number":"+61491593156","content":"Yes please"}"#;
const SHA256: &str = "LuELwPF/YjZGJ341HDEwt3nlu06XPz5RNq40nGwARuSa06xxEyhjlu8d3rtFMtAolyQ/le6CncHOIypAWq8KMlg3rSNTWjpNQs+Wp4RGwEx7NsEDH5MX/bcRkT0jp3LGeN5P93QjxvK0E+wcShpY1TGN6DWTrIbXEi4z3WIv6BQKRAQaRS2TmuL9UI3LcD/RIKv30bcgCp1HF37/2wMUqOEhsq/c1sJ+AyPjwiuvHTSRPgjZGbAaPMR5t0uVB84t5zSro4601A0TW3C8kVRv4XhAbnHeVa/jd7IL8hZFS0BtJGQZ7ssorgvoCXrWrQvoeZ7gSscTe8JkoFQ6+QMeCQ==";
const SHA512: &str = "eS5yqgFpJxoBzGFTDGx5ArF6ZEfXA5XQHE21YRnV9PxTvcIDU05pkEs5+sYXB+176bVVogkF5M+Hmf5+J35xfoZbY76S+Wj9gqkLUvmimcvRwfAHCeIrXTElMhJzT5yB9M1Z6VvxnX4IRHS0aJvlUGWBrXkIBmpYZdE4NOkqUyO6hD4Q6Hju4DbxsNGweE0ls4Ps1FOuP+YM2syhJu/eOP21/cehlEbOL6ekYD8kQXvoITeCeAGLapqkJxhHG6fWkWU5/AmjKHgAC88h8moEFw3Sm+fz1YHwkvTNiz7Bw5AGUHKEiRoNvM99j6MTvsVuCKjKi9hye5i/KZlLme3KkQ==";
const SHA224: &str = "AGGU/yoh6F/ZvEx8ZAxk/3v8Biy0pXtRgbMQo/24pS60wL3WQat89mWbAtb1N59Eb3Qy4z9sNFM//EV/5yKMBneq4B8zowzrf4J899MQ8PytSkRn6nKEpYcE1UKnhlIU7wkhocTDl6OiE71zHhlvF1HNr6cfGLqkMrUGoy6YZMt+YQIkWjbOpNte7vB0jkcDcf7wSUQTU+4lI9QFzyLIoocaZyT98gjp+EHzlBUosJQ9ypZUS2qSN41otN+31oEtXCAGhVpKcefnkd0oTXhFxlAtLjfFtN6d9TFrood6viutldHKzgjg+1JJCNl80NzS1PoMxUuxuaBMW2eaJNgrqw==";

/// 1024 bits, as in MessageMedia's own sample of a key.
const SHORT_KEY: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDjVx5lOj+whrmXFoEhdCirL/zJj92pHQlAu7cRIptgYw6MXJ3TTFbDj4sV+ZP0q/r73Dwl2pFqhbfiOPC0a2pGlrTQsC3TwUHdrGAAWlrmRCDqpf5BnEUiwgQ45NKuPNoKxqwhD36RhEShH8SdcoOIIBFUtGO81qTHlSMscthFqQIDAQAB";
const SHORT_KEY_ID: &str = "6a0108cf-3659-435e-800e-004beb910fd1";
const REPORT_URL: &str = "https://hooks.example.test/webhooks/messagemedia/k/status?key=5up3r-secret";
const REPORT: &str = r#"{"delivery_report_id":"01e1fa0a-6e27-4945-9cdb-18644b4de043","message_id":"877c19ef-fa2e-4cec-827a-e1df9b5509f7","source_number":"+61491570156","status":"delivered","error_code":"220"}"#;
const REPORT_SHA224: &str = "GluMrOT79XNhRHaFAFmnJECO6MzmsCiqxTgiwBfvaYkASm7bjNlrpSUtSKIti3XxRIIdS7ZqtzcgF6hM2MKWpFIYzFvdAxXUgbVG7FeEFlIwlWJ0cpzklNip1j9h5HQaODGlW5MPMm0BhcSX2oJEcy4m7QQTJWFRD6k+uu9iVy0=";
/// Made with the right key, but with a hash that MessageMedia does not offer.
const REPORT_SHA1: &str = "EFs+2o1t7MOH/aV9cHt+amvLiOupB1GiC5gFe9zfM6FbAxp9HS5w3t2V6SAW7cB7ewVmipSO8wvpREbN7o4r3nyZJI0CcBqHDRzsPWTrNQBiO2aYAF8ljI/RcLTgaE+36mcXCIaFszM52zWIW0J4zjq9OttyCCYX5zrxv+2hQ1o=";

const SECRET: &str = "webhook-secret-0123456789";

/// With both keys; neither is bound to a hash.
fn signing() -> Account {
    account(json!({
        "api_key": API_KEY, "api_secret": API_SECRET,
        "signature_keys": [
            { "key_id": SHORT_KEY_ID, "public_key": SHORT_KEY },
            { "key_id": KEY_ID, "public_key": PUBLIC_KEY, "cipher": "RSA", "enabled": false },
        ],
    }))
}

fn plain() -> Account {
    let webhook_secrets = vec![SECRET.to_owned(), "the-one-before".to_owned()];
    Account { webhook_secrets, ..account(messagemedia_credentials()) }
}

fn signed(digest: &str, signature: &str) -> WebhookRequest {
    request(INBOUND, BODY, KEY_ID, digest, signature)
}

fn report(signature: &str) -> WebhookRequest {
    request(REPORT_URL, REPORT, SHORT_KEY_ID, "SHA224", signature)
}

fn request(url: &str, body: &str, key: &str, digest: &str, signature: &str) -> WebhookRequest {
    let headers = [
        ("content-type", "application/json"),
        ("x-messagemedia-signature", signature),
        ("x-messagemedia-digest-type", digest),
        ("x-messagemedia-cipher-type", "RSA"),
        ("x-messagemedia-key-id", key),
        ("date", DATE),
    ];
    WebhookRequest {
        kind: WebhookKind::Inbound,
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: body.as_bytes().to_vec(),
        received_at: RECEIVED_AT,
        client: None,
    }
}

fn set(request: &mut WebhookRequest, name: &str, value: &str) {
    request.headers.iter_mut().find(|(known, _)| known == name).unwrap().1 = value.to_owned();
}

fn holds(account: &Account, request: &WebhookRequest) -> bool {
    match messagemedia().receive(account, request) {
        Ok(received) => received.verified,
        Err(Rejected::Malformed(_)) => true,
        Err(Rejected::Signature) => false,
    }
}

#[test]
fn signatures_of_every_hash_and_key_length_hold() {
    let account = signing();
    for (digest, signature) in [("SHA224", SHA224), ("SHA256", SHA256), ("SHA512", SHA512)] {
        assert!(holds(&account, &signed(digest, signature)), "{digest}");
        let dashed = digest.replace("SHA", "sha-");
        assert!(holds(&account, &signed(&dashed, signature)), "{dashed}");
    }
    assert!(holds(&account, &report(REPORT_SHA224)), "1024 bits");
    let mut shouted = signed("SHA256", SHA256);
    set(&mut shouted, "x-messagemedia-key-id", &KEY_ID.to_uppercase());
    assert!(holds(&account, &shouted));
}

#[test]
fn what_was_not_signed_like_this_is_refused() {
    let account = signing();
    let altered = |change: &dyn Fn(&mut WebhookRequest)| {
        let mut request = signed("SHA256", SHA256);
        change(&mut request);
        holds(&account, &request)
    };
    assert!(altered(&|_| {}));
    assert!(!altered(&|r| r.body.insert(0, b'\n')), "a line feed between the parts");
    assert!(!altered(&|r| r.url = INBOUND.replace("?t=7", "")), "without the query");
    assert!(!altered(&|r| r.url = INBOUND.replace("/inbound", "/status")), "another path");
    assert!(!altered(&|r| r.method = "GET".to_owned()), "another method");
    assert!(!altered(&|r| set(r, "x-messagemedia-digest-type", "SHA512")), "another hash");
    assert!(!altered(&|r| set(r, "x-messagemedia-digest-type", "SHA1")), "a weak hash");
    assert!(!altered(&|r| set(r, "x-messagemedia-cipher-type", "DSA")), "another cipher");
    assert!(!altered(&|r| set(r, "x-messagemedia-key-id", SHORT_KEY_ID)), "another key");
    assert!(!altered(&|r| set(r, "x-messagemedia-key-id", "f0000000-0000-4000-8000-000000000000")), "no key");
    assert!(!altered(&|r| set(r, "date", "Tue, 04 Aug 2026 01:52:08 GMT")), "another date");
    for header in ["x-messagemedia-signature", "x-messagemedia-key-id", "date"] {
        assert!(!altered(&|r| r.headers.retain(|(name, _)| name != header)), "without {header}");
    }
    assert!(!holds(&account, &report(REPORT_SHA1)), "signed over SHA-1");
}

#[test]
fn the_hash_that_a_key_was_made_for_is_the_only_one() {
    let bound = |digest: &str| {
        account(json!({
            "api_key": API_KEY, "api_secret": API_SECRET,
            "signature_keys": [{ "key_id": KEY_ID, "public_key": PUBLIC_KEY, "digest": digest }],
        }))
    };
    assert!(holds(&bound("SHA256"), &signed("SHA-256", SHA256)));
    assert!(!holds(&bound("SHA512"), &signed("SHA256", SHA256)));
    let mut silent = signed("SHA256", SHA256);
    silent.headers.retain(|(name, _)| name != "x-messagemedia-digest-type");
    assert!(holds(&bound("SHA256"), &silent));
    assert!(!holds(&signing(), &silent), "nothing says which hash");
}

#[test]
fn every_single_altered_byte_is_refused() {
    let account = signing();
    let original = report(REPORT_SHA224);
    let path = REPORT_URL.find("/webhooks").unwrap();
    for at in path..REPORT_URL.len() {
        let mut url = REPORT_URL.to_owned().into_bytes();
        url[at] ^= 1;
        let url = String::from_utf8(url).unwrap();
        assert!(!holds(&account, &WebhookRequest { url, ..original.clone() }), "URL, byte {at}");
    }
    for at in 0..original.body.len() {
        let mut altered = original.clone();
        altered.body[at] ^= 1;
        assert!(!holds(&account, &altered), "body, byte {at}");
    }
    for (name, value) in [("x-messagemedia-signature", REPORT_SHA224), ("date", DATE)] {
        for at in 0..value.len() {
            let mut bytes = value.to_owned().into_bytes();
            bytes[at] ^= 1;
            let mut altered = original.clone();
            set(&mut altered, name, &String::from_utf8(bytes).unwrap());
            assert!(!holds(&account, &altered), "{name}, byte {at}");
        }
    }
}

#[test]
fn a_signature_holds_for_minutes() {
    let at = |minutes: i64| WebhookRequest {
        received_at: RECEIVED_AT + minutes * 60_000,
        ..signed("SHA256", SHA256)
    };
    for (minutes, expected) in [(0, true), (15, true), (-15, true), (16, false), (-16, false)] {
        assert_eq!(holds(&signing(), &at(minutes)), expected, "{minutes} minutes");
    }
    let mut patient = signing();
    patient.credentials["signature_minutes"] = json!("120");
    assert!(holds(&patient, &at(119)));
    assert!(!holds(&patient, &at(121)));
}

#[test]
fn where_nothing_is_signed_the_secret_proves_it() {
    let mut unsigned = json_request(WebhookKind::Inbound, BODY);
    assert_eq!(messagemedia().receive(&plain(), &unsigned), Err(Rejected::Signature));
    for secret in [SECRET, "the-one-before"] {
        unsigned.url = format!("https://hooks.example.test/w?key={secret}");
        assert!(messagemedia().receive(&plain(), &unsigned).unwrap().verified);
    }
    unsigned.url = "https://hooks.example.test/w".to_owned();
    unsigned.headers.push(("x-heliograph-key".to_owned(), SECRET.to_owned()));
    assert!(messagemedia().receive(&plain(), &unsigned).unwrap().verified);

    // It also does for what MessageMedia brings to the address of a single message, unless signatures are required.
    let mut both = Account { webhook_secrets: vec![SECRET.to_owned()], ..signing() };
    assert!(holds(&both, &unsigned));
    both.credentials["signature_required"] = json!("yes");
    assert!(!holds(&both, &unsigned));
    assert!(holds(&both, &signed("SHA256", SHA256)));

    // A signature that does not hold is not made good by the secret, and one that cannot be checked does not matter.
    let mut forged = signed("SHA256", SHA512);
    forged.headers.push(("x-heliograph-key".to_owned(), SECRET.to_owned()));
    assert!(!holds(&Account { webhook_secrets: vec![SECRET.to_owned()], ..signing() }, &forged));
    assert!(holds(&plain(), &forged));
    assert!(messagemedia().proves_itself_by_secret());
}

#[test]
fn credentials_are_checked_by_field() {
    let with = |field: &str, value: Value| {
        let mut credentials = json!({ "api_key": format!(" {API_KEY}\n"), "api_secret": API_SECRET });
        credentials[field] = value;
        messagemedia().check_credentials(&credentials).map_err(|error| error.field)
    };
    let key = json!({ "key_id": KEY_ID, "public_key": PUBLIC_KEY, "digest": "SHA224", "created": "2018" });
    let pem = json!({
        "key_id": KEY_ID,
        "public_key": format!("-----BEGIN PUBLIC KEY-----\n{SHORT_KEY}\n-----END PUBLIC KEY-----\n"),
    });
    let good = [
        ("caption", json!("Your picture")),
        ("account_id", json!("MyAccount001")),
        ("api_base", json!("https://au.app.api.sinch.com")),
        ("signature_keys", json!("")),
        ("signature_keys", key.clone()),
        ("signature_keys", json!([key.clone(), pem])),
        ("signature_keys", json!(key.to_string())),
        ("signature_keys", json!(format!("[{key}]"))),
        ("signature_required", json!("no")),
    ];
    for (field, value) in good {
        assert_eq!(with(field, value.clone()), Ok(()), "{field} {value}");
    }
    let bad = [
        ("api_key", json!("")),
        ("api_secret", json!(7)),
        ("account_id", json!("two words")),
        ("api_base", json!("api.messagemedia.com")),
        ("signature_keys", json!("MIIB")),
        ("signature_keys", json!([{ "key_id": KEY_ID }])),
        ("signature_keys", json!([{ "key_id": KEY_ID, "public_key": "TUlJQg==" }])),
        ("signature_keys", json!([{ "key_id": KEY_ID, "public_key": PUBLIC_KEY, "digest": "MD5" }])),
        ("signature_required", json!("yes")),
        ("signature_required", json!("perhaps")),
        ("signature_minutes", json!("0")),
        ("signature_minutes", json!("soon")),
    ];
    for (field, value) in bad {
        assert_eq!(with(field, value.clone()), Err(field), "{field} {value}");
    }
}

#[test]
fn a_reply_arrives_from_both_doors() {
    let callback = json!({
        "metadata": { "msg": "7f1c" },
        "message_id": "877c19ef-fa2e-4cec-827a-e1df9b5509f7",
        "reply_id": "a175e797-2b54-468b-9850-41a3eab32f74",
        "date_received": "2026-08-04T01:55:00.850Z",
        "callback_url": "https://hooks.example.test/mm/cb",
        "destination_number": "+61491570006",
        "source_number": "+61491570156",
        "vendor_account_id": { "vendor_id": "MessageMedia", "account_id": "MyAccount001" },
        "content": "Yes please",
    });
    let received = read(WebhookKind::Status, &callback);
    assert_eq!(received.external_id, "inbound:a175e797-2b54-468b-9850-41a3eab32f74");
    let reply = inbound(&received);
    assert_eq!((reply.from.as_str(), reply.channel), ("+61491570156", Channel::Sms));
    assert_eq!((reply.text.as_str(), reply.opt_out), ("Yes please", None));
    assert_eq!(reply.to, Some(number("+61491570006")));

    let webhook = json!({
        "account_id": "DeveloperPortal7000", "reply_id": "a175e797-2b54-468b-9850-41a3eab32f74",
        "destination_number": "+61491570006", "source_number": "+61491570156",
        "date_received": "2026-08-04T01:55:00.850Z", "content": "Yes please", "metadata": "",
    });
    assert!(read(WebhookKind::Inbound, &webhook) == received, "told twice, and the same");
}

#[test]
fn a_photo_comes_within_the_webhook() {
    let mms = json!({
        "account_id": "DeveloperPortal7000", "reply_id": "a175e797-2b54-468b-9850-41a3eab32f74",
        "destination_number": "+61491593156", "source_number": "+61491570156",
        "date_received": "2026-08-04T01:55:00.850Z", "message_id": "877c19ef-fa2e-4cec-827a-e1df9b5509f7",
        "attachments": [
            { "content_type": "image/png", "content": "dGVzdA==", "original_name": "C:\\pictures\\file.png" },
            { "contentType": "image/jpeg", "base64": "dGVz\r\ndDI", "originalName": "../two.jpg" },
            { "content_type": "$a.contentType", "content": "not Base64!", "original_name": "" },
            { "content_type": "image/gif" },
        ],
        "metadata": { "myKey": "myValue" },
    });
    let received = read(WebhookKind::Inbound, &mms);
    let message = inbound(&received);
    assert_eq!((message.channel, message.text.as_str()), (Channel::Mms, ""));
    let files: Vec<_> = message
        .media
        .iter()
        .map(|media| {
            let MediaPlace::Inline(bytes) = &media.place else { panic!("inline") };
            (bytes.as_ref(), media.media_type.as_deref(), media.file_name.as_deref())
        })
        .collect();
    let expected: [(&[u8], _, _); 4] = [
        (b"test", Some("image/png"), Some("file.png")),
        (b"test2", Some("image/jpeg"), Some("two.jpg")),
        (b"", None, None),
        (b"", Some("image/gif"), None),
    ];
    assert_eq!(files, expected);
}

#[test]
fn a_photo_is_not_taken_for_a_repetition_of_its_text() {
    let told = json!({ "reply_id": "r1", "source_number": "+61491570156", "content": "Look" });
    let mut whole = told.clone();
    whole["attachments"] = json!([{ "content_type": "image/png", "content": "dGVzdA==" }]);
    let (told, whole) = (read(WebhookKind::Status, &told), read(WebhookKind::Inbound, &whole));
    assert_ne!(told.external_id, whole.external_id);
    assert_ne!(inbound(&told).carrier_id, inbound(&whole).carrier_id);
    assert_eq!(inbound(&whole).text, "Look");
}

#[test]
fn a_reply_that_shows_neither_text_nor_picture_shows_that_there_was_one() {
    let nothing =
        json!({ "reply_id": "r1", "source_number": "+61491570156", "callback_url": "https://x.test" });
    let received = read(WebhookKind::Status, &nothing);
    let [missing] = inbound(&received).media.as_slice() else { panic!("a place for the picture") };
    assert!(messagemedia().media_request(&plain(), link(missing)).is_err());
    let empty =
        json!({ "reply_id": "r1", "source_number": "+61491570156", "content": "", "attachments": [] });
    assert!(inbound(&read(WebhookKind::Inbound, &empty)).media.is_empty());
    let raw =
        json!({ "reply_id": "r1", "source_number": "+61491570156", "attachments": "[Attachment@1f2e]" });
    assert_eq!(inbound(&read(WebhookKind::Inbound, &raw)).media.len(), 1);
}

#[test]
fn an_opt_out_is_one_although_its_template_knows_no_reply() {
    for id in [json!("$replyId"), Value::Null] {
        let mut notice = json!({
            "notification_id": "3e6e6b1a-6c1d-4b1a-9c1e-6f1a6b1a6c1d", "account_id": "DeveloperPortal7000",
            "destination_number": "+61491593156", "source_number": "+61491570156",
            "date_received": "2026-08-04T01:55:00.850Z", "content": "STOP", "metadata": { "myKey": "myValue" },
        });
        notice["reply_id"] = id;
        let received = read(WebhookKind::Inbound, &notice);
        assert_eq!(received.external_id, "inbound:3e6e6b1a-6c1d-4b1a-9c1e-6f1a6b1a6c1d");
        assert_eq!(inbound(&received).opt_out, Some(OptOut::Stop));
        assert_eq!(inbound(&received).text, "STOP");
    }
    let by_kind =
        json!({ "kind": "optout", "source_number": "+61491570156", "notification_id": "$notificationId" });
    let received = read(WebhookKind::Inbound, &by_kind);
    assert_eq!(inbound(&received).opt_out, Some(OptOut::Stop));
    assert!(inbound(&received).media.is_empty());
}

#[test]
fn what_templates_leave_behind_does_not_hold_back_a_message() {
    let leftovers = json!({
        "reply_id": "r1", "message_id": "$messageId", "source_number": "61491570156",
        "destination_number": "", "content": "$50 is fine", "metadata": "$metadata", "attachments": "$attachments",
    });
    let received = read(WebhookKind::Inbound, &leftovers);
    let message = inbound(&received);
    assert_eq!((message.from.as_str(), message.text.as_str()), ("+61491570156", "$50 is fine"));
    assert!(message.to.is_none() && message.media.is_empty());

    let mut picture = leftovers.clone();
    picture["content"] = json!("$!esc.json($moContent)");
    picture["attachments"] = json!([{ "content": "dGVzdA==" }]);
    assert_eq!(inbound(&read(WebhookKind::Inbound, &picture)).text, "");

    // A text of several lines, written into the template as it is.
    let body = "{\"reply_id\":\"r1\",\"source_number\":\"+61491570156\",\"content\":\"one\ntwo\"}";
    let received = messagemedia().receive(&observed(), &json_request(WebhookKind::Inbound, body)).unwrap();
    assert_eq!(inbound(&received).text, "one\ntwo");
}

#[test]
fn a_message_arrives_by_form_and_by_get_as_well() {
    let fields = "reply_id=r1&source_number=%2B61491570156&content=Yes+please\
        &attachments=%5B%7B%22content%22%3A%22dGVzdA%3D%3D%22%7D%5D";
    let form = WebhookRequest {
        headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        ..json_request(WebhookKind::Inbound, fields)
    };
    let get = WebhookRequest {
        method: "GET".to_owned(),
        url: format!("https://hooks.example.test/w?{fields}"),
        headers: Vec::new(),
        ..json_request(WebhookKind::Inbound, "")
    };
    let unnamed = WebhookRequest {
        headers: Vec::new(),
        ..json_request(
            WebhookKind::Inbound,
            r#" {"reply_id":"r1","source_number":"+61491570156","content":"Yes please","attachments":[{"content":"dGVzdA=="}]}"#,
        )
    };
    for request in [form, get, unnamed] {
        let received = messagemedia().receive(&observed(), &request).unwrap();
        assert_eq!(received.external_id, "inbound:r1:media");
        assert_eq!(inbound(&received).text, "Yes please");
        assert!(inbound(&received).media[0].place == MediaPlace::Inline("test".into()));
    }
}

#[test]
fn without_an_id_equal_messages_are_the_same_and_others_are_not() {
    let message = |text: &str, date: &str| {
        let told = json!({ "source_number": "+61491570156", "content": text, "date_received": date });
        read(WebhookKind::Inbound, &told).external_id
    };
    assert_eq!(message("Yes", "2026-08-04T01:55:00Z"), message("Yes", "2026-08-04T01:55:00Z"));
    assert_ne!(message("Yes", "2026-08-04T01:55:00Z"), message("Yes", "2026-08-04T01:56:00Z"));
    assert_ne!(message("Yes", "2026-08-04T01:55:00Z"), message("No", "2026-08-04T01:55:00Z"));
}

#[test]
fn a_report_arrives_in_both_shapes() {
    let callback = json!({
        "callback_url": "https://hooks.example.test/mm/cb",
        "delivery_report_id": "01e1fa0a-6e27-4945-9cdb-18644b4de043", "source_number": "+61491570156",
        "date_received": "2026-08-04T01:52:09.807Z", "status": "delivered", "delay": 0, "billing_units": 1,
        "submitted_date": "2026-08-04T01:52:08.807Z", "original_text": "Your quote is ready",
        "message_id": "877c19ef-fa2e-4cec-827a-e1df9b5509f7",
        "vendor_account_id": { "vendor_id": "MessageMedia", "account_id": "MyAccount001" },
        "error_code": "220", "metadata": { "msg": "7f1c" },
    });
    let mut webhook = callback.clone();
    webhook["delay"] = json!("0");
    webhook["vendor_account_id"] = json!({ "vendor_id": "SinchEU", "account_id": "MyAccount001" });
    let received = read(WebhookKind::Status, &callback);
    assert_eq!(received.external_id, "status:01e1fa0a-6e27-4945-9cdb-18644b4de043");
    let told = news(&received);
    assert_eq!(told.carrier_id, "877c19ef-fa2e-4cec-827a-e1df9b5509f7");
    assert_eq!((told.state, told.carrier_state.as_str()), (Some(DeliveryState::Delivered), "delivered"));
    assert_eq!((told.error_code.as_deref(), told.failure.as_deref()), (None, None));
    assert!(read(WebhookKind::Inbound, &webhook) == received, "at the wrong door");
}

#[test]
fn statuses_come_in_our_words() {
    use DeliveryState::{Accepted, Delivered, Failed, Read, Sent, Undelivered};
    let table = [
        ("queued", Some(Accepted)),
        ("processing", Some(Accepted)),
        ("processed", Some(Accepted)),
        ("scheduled", Some(Accepted)),
        ("held", Some(Accepted)),
        ("enroute", Some(Accepted)),
        ("undefined", Some(Accepted)),
        ("submitted", Some(Sent)),
        ("delivered", Some(Delivered)),
        ("read", Some(Read)),
        ("expired", Some(Undelivered)),
        ("failed", Some(Undelivered)),
        ("rejected", Some(Failed)),
        ("cancelled", Some(Failed)),
        ("beamed", None),
        // A template that writes the code where the word belongs.
        ("220", Some(Delivered)),
        ("302", Some(Failed)),
    ];
    for (word, state) in table {
        let received = read(WebhookKind::Status, &json!({ "message_id": "m1", "status": word }));
        assert_eq!(received.external_id, format!("status:m1:{word}"));
        let told = news(&received);
        assert_eq!((told.carrier_state.as_str(), told.state), (word, state));
        assert_eq!(told.failure.is_some(), matches!(state, Some(Failed | Undelivered)), "{word}");
    }
}

#[test]
fn a_failure_is_explained() {
    let failed = |code: &str| {
        let told = json!({ "message_id": "m1", "status": "rejected", "error_code": code });
        news(&read(WebhookKind::Status, &told)).clone()
    };
    let unreachable = failed("413");
    assert_eq!(unreachable.error_code.as_deref(), Some("413"));
    let words = "This number cannot receive text messages. Is it a mobile number?";
    assert_eq!(unreachable.failure.as_deref(), Some(words));
    assert!(!unreachable.opted_out);
    assert!(failed("302").opted_out && failed("412").opted_out);
    assert!(failed("999").failure.unwrap().contains("999"));
    assert_eq!(failed("").error_code, None);
    assert!(failed("").failure.is_some());
}

#[test]
fn nonsense_is_named() {
    let malformed = |body: &str| {
        let request = json_request(WebhookKind::Status, body);
        messagemedia().receive(&observed(), &request).unwrap_err()
    };
    assert_eq!(malformed("{\"content\":"), Rejected::Malformed("not a JSON object"));
    assert_eq!(malformed("{}"), Rejected::Malformed("neither a message nor a report"));
    assert_eq!(malformed(r#"{"reply_id":"r1"}"#), Rejected::Malformed("no source_number"));
    assert_eq!(malformed(r#"{"status":"delivered"}"#), Rejected::Malformed("no message_id"));
}

#[test]
fn credentials_go_to_the_carriers_own_host_and_only_if_asked() {
    let request = |link: &str| messagemedia().media_request(&plain(), &url(link));
    let own = request("https://api.messagemedia.com/v1/media/1").unwrap();
    assert_eq!(own.login, Some(Login::Basic(API_KEY.to_owned(), API_SECRET.to_owned())));
    assert!(own.login_only_if_asked);
    assert_eq!(request("https://store.example.test/1").unwrap().login, None);
    for link in ["http://store.example.test/1", "http://api.messagemedia.com/1", "file:///etc/passwd"] {
        assert!(request(link).is_err(), "{link}");
    }
}

#[tokio::test]
async fn a_sub_account_is_named_in_every_request() {
    let server = MockServer::start().await;
    Mock::given(header("account", "MyAccount001"))
        .respond_with(ResponseTemplate::new(429))
        .mount(&server)
        .await;
    let mut account = plain();
    account.credentials["account_id"] = json!("MyAccount001");
    account.credentials["api_base"] = json!(format!("{}/engage/", server.uri()));
    let http = http_to(&[&server]);
    messagemedia().send(&http, &account, &outbound("hello", &[])).await.unwrap_err();
    messagemedia().health(&http, &account).await;
    let paths: Vec<_> =
        server.received_requests().await.unwrap().iter().map(|r| r.url.path().to_owned()).collect();
    assert_eq!(paths, ["/engage/v1/messages", "/engage/v1/webhooks/messages"]);
}

#[tokio::test]
async fn an_account_that_works_is_found_to_work() {
    let hook = hook(&["RECEIVED_SMS", "RECEIVED_MMS", "OPT_OUT_SMS"]);
    let health = look(json!([hook]), None, &signing()).await;
    let found: Vec<_> = health.findings.iter().map(|finding| (finding.subject, finding.verdict)).collect();
    let expected = [
        (Subject::Credentials, Verdict::Good),
        (Subject::Sender, Verdict::Unknown),
        (Subject::Webhooks, Verdict::Good),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_would_lose_messages_is_named() {
    let all = ["RECEIVED_SMS", "RECEIVED_MMS", "OPT_OUT_SMS"];
    let altered = |field: &str, value: Value| {
        let mut hook = hook(&all);
        hook[field] = value;
        json!([hook])
    };
    let cases = [
        (json!([]), "brings messages of this number nowhere"),
        (altered("url", json!("https://elsewhere.example.test/")), "to another address"),
        (json!([hook(&["RECEIVED_SMS", "DELIVERED_DR"])]), "Add to its webhook: RECEIVED_MMS, OPT_OUT_SMS."),
        (altered("encoding", json!("XML")), "as XML"),
        (altered("template", json!("{\"content\":\"$moContent\"}")), "leaves out the pictures"),
        (altered("retries", json!(0)), "once only"),
    ];
    for (listed, words) in cases {
        let health = look(listed, None, &plain()).await;
        let bad = health.findings.iter().find(|finding| finding.verdict == Verdict::Bad).unwrap();
        assert!(bad.subject == Subject::Webhooks && bad.words.contains(words), "{}", bad.words);
    }
    // Two webhooks for the kinds of message are as good as one for all.
    let mut other = hook(&all[1..]);
    other["url"] = json!(format!("{}?of=other", plain().inbound_url));
    let two = json!([hook(&all[..1]), other]);
    assert!(look(two, None, &plain()).await.findings.iter().all(|finding| finding.verdict != Verdict::Bad));
}

#[tokio::test]
async fn a_key_that_signs_must_be_known() {
    let hooks = || json!([hook(&["RECEIVED_SMS", "RECEIVED_MMS", "OPT_OUT_SMS"])]);
    let last = |health: Health| health.findings.last().unwrap().clone();
    assert_eq!(last(look(hooks(), Some(KEY_ID), &signing()).await).verdict, Verdict::Good);
    assert_eq!(last(look(hooks(), Some(KEY_ID), &plain()).await).verdict, Verdict::Good);
    let unknown = last(look(hooks(), Some("another"), &signing()).await);
    assert!(unknown.verdict == Verdict::Bad && unknown.words.contains("does not know"));
    let mut strict = signing();
    strict.credentials["signature_required"] = json!(true);
    let none = last(look(hooks(), None, &strict).await);
    assert!(none.verdict == Verdict::Bad && none.words.contains("insists"));
}

#[tokio::test]
async fn credentials_that_are_not_accepted_are_the_only_finding() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let mut account = plain();
    account.credentials["api_base"] = json!(server.uri());
    let health = messagemedia().health(&http_to(&[&server]), &account).await;
    let [finding] = health.findings.as_slice() else { panic!("one finding") };
    assert_eq!((finding.subject, finding.verdict), (Subject::Credentials, Verdict::Bad));
}

/// A webhook as MessageMedia lists it, to the line's own address.
fn hook(events: &[&str]) -> Value {
    json!({
        "id": "76fa7010-8c1f-4a24-917a-4d62a54e744d", "url": plain().inbound_url.as_str(), "method": "POST",
        "encoding": "JSON", "headers": {}, "events": events, "template": "{\"attachments\":[$attachments]}",
        "read_timeout": 20000, "retries": 5, "retry_delay": 60,
    })
}

async fn look(hooks: Value, enabled: Option<&str>, account: &Account) -> Health {
    let server = MockServer::start().await;
    let listed = json!({ "page": 0, "pageSize": 100, "pageData": hooks });
    Mock::given(path("/v1/webhooks/messages"))
        .respond_with(ResponseTemplate::new(200).set_body_json(listed))
        .mount(&server)
        .await;
    if let Some(id) = enabled {
        let key = json!({ "key_id": id, "cipher": "RSA", "digest": "SHA256", "enabled": true });
        Mock::given(path("/v1/iam/signature_keys/enabled"))
            .respond_with(ResponseTemplate::new(200).set_body_json(key))
            .mount(&server)
            .await;
    }
    Mock::given(any()).respond_with(ResponseTemplate::new(404)).mount(&server).await;
    let mut credentials = account.credentials.clone();
    credentials["api_base"] = json!(server.uri());
    messagemedia().health(&http_to(&[&server]), &self::account(credentials)).await
}

fn observed() -> Account {
    Account { verification: Verification::Observe, ..plain() }
}

fn json_request(kind: WebhookKind, body: &str) -> WebhookRequest {
    WebhookRequest {
        kind,
        method: "POST".to_owned(),
        url: "https://hooks.example.test/w".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.as_bytes().to_vec(),
        received_at: RECEIVED_AT,
        client: None,
    }
}

fn read(kind: WebhookKind, body: &Value) -> Received {
    messagemedia().receive(&observed(), &json_request(kind, &body.to_string())).unwrap()
}
