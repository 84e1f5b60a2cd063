//! Webhooks in Twilio's shape: signed ones become messages, forged ones are kept apart and counted.

use crate::running::{Running, read_events};
use backend::lines::{self, NewLine};
use backend::testing::alter;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use model::line::{LineView, ProviderKind};
use model::staff::Role;
use reqwest::Method;
use serde_json::json;
use sha1::Sha1;

pub(crate) const TOKEN: &str = "test_auth_token_0123456789abcdef";

pub(crate) fn new_line() -> NewLine {
    NewLine {
        name: "Twilio".to_owned(),
        number: "0491 570 313".to_owned(),
        provider: ProviderKind::Twilio,
        credentials: json!({"account_sid": "AC00000000000000000000000000000001", "auth_token": TOKEN}),
    }
}

pub(crate) async fn line(running: &Running) -> LineView {
    lines::add(&running.backend, running.org, new_line()).await.unwrap()
}

/// The address as Twilio calls and signs it: what is pasted ends with what Twilio keeps for itself.
pub(crate) fn called(line: &LineView) -> String {
    line.accounts[0].inbound_url.strip_suffix("#rc=5&rp=5xx,ct,rt").unwrap().to_owned()
}

pub(crate) fn inbound<'a>(sid: &'a str, text: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("AccountSid", "AC00000000000000000000000000000001"),
        ("Body", text),
        ("From", "+61491570157"),
        ("MessageSid", sid),
        ("NumMedia", "0"),
        ("NumSegments", "1"),
        ("To", "+61491570313"),
    ]
}

/// Twilio's signature: HMAC-SHA1 over the URL and the parameters, sorted by name.
pub(crate) fn sign(token: &str, url: &str, fields: &[(&str, &str)]) -> String {
    let mut sorted = fields.to_vec();
    sorted.sort_unstable();
    let text: String = sorted.iter().fold(url.to_owned(), |text, (name, value)| text + name + value);
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

pub(crate) async fn post(
    running: &Running,
    url: &str,
    fields: &[(&str, &str)],
    signature: &str,
) -> (u16, String) {
    let request = running.nobody().request(Method::POST, url).header("x-twilio-signature", signature);
    let response = request.form(fields).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn a_signed_webhook_becomes_one_message_however_often_it_comes() {
    let running = Running::start().await;
    let line = line(&running).await;
    let url = &called(&line);
    let fields = inbound("SM00000000000000000000000000000001", "Läuft es?");
    let signature = sign(TOKEN, url, &fields);
    let all = futures::future::join_all((0..4).map(|_| post(&running, url, &fields, &signature))).await;
    for (status, answer) in all {
        assert_eq!(status, 200);
        assert!(answer.contains("<Response"), "{answer}");
    }
    let found = running
        .until("the message", async || {
            let list = running.staff.get("/api/conversations").await.json;
            list["items"].as_array()?.first().cloned()
        })
        .await;
    let thread = running.staff.get(&format!("/api/conversations/{}", found["id"].as_str().unwrap())).await;
    let messages = thread.json["thread"]["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1, "{}", thread.json);
    assert_eq!(messages[0]["text"], "Läuft es?");
    running.stop().await;
}

#[tokio::test]
async fn a_forged_webhook_shows_nothing_and_is_counted() {
    let running = Running::start().await;
    let line = line(&running).await;
    let url = &called(&line);
    let fields = inbound("SM00000000000000000000000000000002", "Send me your money");
    let stream = running.staff.request(Method::GET, "/api/live").send().await.unwrap();
    let forged = post(&running, url, &fields, &sign("another_token", url, &fields)).await;
    let unsigned = post(&running, url, &inbound("SM3", "x"), "").await;
    let genuine = inbound("SM00000000000000000000000000000004", "Hello");
    let taken = post(&running, url, &genuine, &sign(TOKEN, url, &genuine)).await;
    assert_eq!(forged, taken, "a forger learns nothing from the answer");
    assert_eq!(unsigned, taken);
    // What came after the forged ones is here; they are not.
    read_events(stream, |text| text.contains("message_added")).await;
    let list = running.staff.get("/api/conversations").await.json;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["last"]["excerpt"], "Hello");
    let admin = backend::Caller { org_id: running.org, role: Role::Admin, staff_id: None, token_id: None };
    let lines = lines::list(&running.backend, &admin).await.unwrap();
    let counted = lines.iter().find(|other| other.id == line.id).unwrap().accounts[0].quarantined;
    assert_eq!(counted, 2);
    let metrics = running.nobody().request(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let counts: Vec<_> = metrics.lines().filter(|line| line.starts_with("webhooks_total{")).collect();
    assert!(counts.iter().any(|line| line.contains(r#"outcome="quarantined""#)), "{counts:?}");
    // Under one set of labels, or their sum would count each webhook twice.
    assert!(counts.iter().all(|line| line.contains("outcome=") && !line.contains("state=")), "{counts:?}");
    running.stop().await;
}

#[tokio::test]
async fn an_unknown_key_is_told_and_storage_that_fails_asks_to_come_again() {
    let running = Running::start().await;
    let line = line(&running).await;
    let fields = inbound("SM00000000000000000000000000000005", "x");
    let unknown = format!("{}/webhooks/twilio/unknown/inbound", running.base);
    assert_eq!(post(&running, &unknown, &fields, &sign(TOKEN, &unknown, &fields)).await.0, 404);
    let url = called(&line);
    let huge = running.nobody().request(Method::POST, &url).body(vec![b'x'; 9_000_000]);
    assert_eq!(huge.send().await.unwrap().status(), 413);
    running.backend.store.close().await;
    let signature = sign(TOKEN, &url, &fields);
    assert_eq!(post(&running, &url, &fields, &signature).await.0, 503);
    running.stop().await;
}

#[tokio::test]
async fn a_full_disk_is_answered_with_503_and_the_same_webhook_is_taken_later() {
    let running = Running::start().await;
    let line = line(&running).await;
    let (url, text) = (called(&line), "It hurts. ".repeat(2000));
    let sids: Vec<String> = (0..20).map(|n| format!("SM{n:032x}")).collect();
    let send = async |sid: &str| {
        let fields = inbound(sid, &text);
        post(&running, &url, &fields, &sign(TOKEN, &url, &fields)).await.0
    };
    let mut refused = Vec::new();
    for sid in &sids {
        // Each time: a writer whose transaction SQLite ended by itself goes, and the next one does not know the limit.
        alter(&running.backend, "PRAGMA max_page_count = 1").await;
        match send(sid).await {
            200 => {}
            503 => refused.push(sid),
            other => panic!("{other}"),
        }
    }
    assert!(refused.len() > 10, "{} of 20 were refused", refused.len());
    alter(&running.backend, "PRAGMA max_page_count = 1000000").await;
    for sid in refused {
        assert_eq!(send(sid).await, 200);
    }
    let all = sids.len();
    running
        .until("all of them", async || {
            let list = running.staff.get("/api/conversations").await.json;
            (list["items"].as_array()?.first()?["unread"] == all).then_some(())
        })
        .await;
    running.stop().await;
}
