//! How a MessageMedia account is entered and looked at.

use super::*;
use providers::{Health, Subject, Verdict};
use serde_json::Value;
use wiremock::matchers::{any, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

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
