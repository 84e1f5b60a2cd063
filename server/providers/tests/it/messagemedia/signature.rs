//! MessageMedia's signature, and the secret where there is none.

use super::*;
use providers::Rejected;

const INBOUND: &str = "https://hooks.example.test/webhooks/messagemedia/inbound?t=7";
/// [`RECEIVED_AT`].
const DATE: &str = "Tue, 04 Aug 2026 01:52:07 GMT";
const BODY: &str = r#"{"reply_id":"a175e797-2b54-468b-9850-41a3eab32f74","source_number":"+61491570156","destination_number":"+61491593156","content":"Yes please"}"#;
const SHA256: &str = "LuELwPF/YjZGJ341HDEwt3nlu06XPz5RNq40nGwARuSa06xxEyhjlu8d3rtFMtAolyQ/le6CncHOIypAWq8KMlg3rSNTWjpNQs+Wp4RGwEx7NsEDH5MX/bcRkT0jp3LGeN5P93QjxvK0E+wcShpY1TGN6DWTrIbXEi4z3WIv6BQKRAQaRS2TmuL9UI3LcD/RIKv30bcgCp1HF37/2wMUqOEhsq/c1sJ+AyPjwiuvHTSRPgjZGbAaPMR5t0uVB84t5zSro4601A0TW3C8kVRv4XhAbnHeVa/jd7IL8hZFS0BtJGQZ7ssorgvoCXrWrQvoeZ7gSscTe8JkoFQ6+QMeCQ==";
const SHA512: &str = "eS5yqgFpJxoBzGFTDGx5ArF6ZEfXA5XQHE21YRnV9PxTvcIDU05pkEs5+sYXB+176bVVogkF5M+Hmf5+J35xfoZbY76S+Wj9gqkLUvmimcvRwfAHCeIrXTElMhJzT5yB9M1Z6VvxnX4IRHS0aJvlUGWBrXkIBmpYZdE4NOkqUyO6hD4Q6Hju4DbxsNGweE0ls4Ps1FOuP+YM2syhJu/eOP21/cehlEbOL6ekYD8kQXvoITeCeAGLapqkJxhHG6fWkWU5/AmjKHgAC88h8moEFw3Sm+fz1YHwkvTNiz7Bw5AGUHKEiRoNvM99j6MTvsVuCKjKi9hye5i/KZlLme3KkQ==";
const SHA224: &str = "AGGU/yoh6F/ZvEx8ZAxk/3v8Biy0pXtRgbMQo/24pS60wL3WQat89mWbAtb1N59Eb3Qy4z9sNFM//EV/5yKMBneq4B8zowzrf4J899MQ8PytSkRn6nKEpYcE1UKnhlIU7wkhocTDl6OiE71zHhlvF1HNr6cfGLqkMrUGoy6YZMt+YQIkWjbOpNte7vB0jkcDcf7wSUQTU+4lI9QFzyLIoocaZyT98gjp+EHzlBUosJQ9ypZUS2qSN41otN+31oEtXCAGhVpKcefnkd0oTXhFxlAtLjfFtN6d9TFrood6viutldHKzgjg+1JJCNl80NzS1PoMxUuxuaBMW2eaJNgrqw==";

const REPORT_URL: &str = "https://hooks.example.test/webhooks/messagemedia/k/status?key=5up3r-secret";
const REPORT: &str = r#"{"delivery_report_id":"01e1fa0a-6e27-4945-9cdb-18644b4de043","message_id":"877c19ef-fa2e-4cec-827a-e1df9b5509f7","source_number":"+61491570156","status":"delivered","error_code":"220"}"#;
const REPORT_SHA224: &str = "GluMrOT79XNhRHaFAFmnJECO6MzmsCiqxTgiwBfvaYkASm7bjNlrpSUtSKIti3XxRIIdS7ZqtzcgF6hM2MKWpFIYzFvdAxXUgbVG7FeEFlIwlWJ0cpzklNip1j9h5HQaODGlW5MPMm0BhcSX2oJEcy4m7QQTJWFRD6k+uu9iVy0=";
/// Made with the right key, but with a hash that MessageMedia does not offer.
const REPORT_SHA1: &str = "EFs+2o1t7MOH/aV9cHt+amvLiOupB1GiC5gFe9zfM6FbAxp9HS5w3t2V6SAW7cB7ewVmipSO8wvpREbN7o4r3nyZJI0CcBqHDRzsPWTrNQBiO2aYAF8ljI/RcLTgaE+36mcXCIaFszM52zWIW0J4zjq9OttyCCYX5zrxv+2hQ1o=";

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
