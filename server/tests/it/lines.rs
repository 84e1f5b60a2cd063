//! Lines over HTTP: choosing one for a message, where webhooks may come from, and the pages to read.

use crate::running::{Asking, Running};
use backend::Caller;
use backend::lines::{self, AccountChange, NewLine};
use model::line::ProviderKind;
use reqwest::Method;
use serde_json::json;

async fn sms_broadcast(running: &Running) -> model::line::LineView {
    let new = NewLine {
        name: "Text".to_owned(),
        number: "0491 570 313".to_owned(),
        provider: ProviderKind::SmsBroadcast,
        // Nothing of this test leaves the machine.
        credentials: json!({"username": "user", "password": "secret", "api_base": "https://127.0.0.1:9"}),
    };
    lines::add(&running.backend, running.org, new).await.unwrap()
}

#[tokio::test]
async fn a_program_may_choose_a_line_and_is_told_of_the_others() {
    let running = Running::start().await;
    let patient = running.patient().await;
    let other = sms_broadcast(&running).await;
    let path = format!("/api/sms/patient/{patient}/send/");
    let sent = running.staff.post(&path, json!({"message": "Hello"})).await;
    assert_eq!((sent.status, &sent.json["carrier"]), (201, &json!("simulator")), "{}", sent.json);
    let conversation = sent.json["conversation_id"].as_str().unwrap();
    let known = running.staff.get(&format!("/api/conversations/{conversation}")).await.json;
    assert_eq!(known["can_send"]["line"]["number"], "+61491570006");
    assert_eq!(known["can_send"]["offers"][0]["id"], json!(other.id));
    let chosen = json!({"message": "Hello", "line_id": other.id});
    let sent = running.staff.post(&path, chosen).await;
    assert_eq!((sent.status, &sent.json["line_id"]), (201, &json!(other.id)));
    let nowhere = json!({"message": "Hello", "line_id": "00000000-0000-7000-8000-000000000000"});
    let refused = running.staff.post(&path, nowhere).await;
    assert_eq!((refused.status, &refused.json["error"]["field"]), (422, &json!("line_id")));
    running.stop().await;
}

#[tokio::test]
async fn a_webhook_comes_from_where_the_trusted_proxy_says() {
    let running = Running::with(&["--client-address-header", "X-Forwarded-For"]).await;
    let line = sms_broadcast(&running).await;
    let account = line.accounts[0].route.account_id;
    let operator = Caller::operator(running.org);
    let addresses = Some("203.0.113.0/24".to_owned());
    let change = AccountChange { addresses, ..AccountChange::default() };
    lines::update_account(&running.backend, &operator, account, change).await.unwrap();
    let calls = async |from: &str, id: &str| {
        let message =
            json!({"kind": "mo", "from": "61491570157", "to": "61491570313", "message": id, "reply_id": id});
        let request = running.nobody().request(Method::POST, &line.accounts[0].inbound_url);
        let answer = request.header("x-forwarded-for", from).json(&message).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "a forger learns nothing");
        lines::list(&running.backend, &operator).await.unwrap()[1].accounts[0].quarantined
    };
    assert_eq!(calls("198.51.100.7", "one").await, 1);
    // What stands before the proxy's own entry, the caller may have made up.
    assert_eq!(calls("203.0.113.7, 198.51.100.7", "two").await, 2);
    assert_eq!(calls("198.51.100.7, 203.0.113.7", "three").await, 2);
    running
        .until("the message", async || {
            let inbox = running.staff.get("/api/conversations").await.json;
            inbox.to_string().contains("three").then_some(())
        })
        .await;
    running.stop().await;
}

#[tokio::test]
async fn the_pages_on_carriers_are_those_of_this_version() {
    let running = Running::start().await;
    let nobody: Asking = running.nobody();
    let carriers = ProviderKind::ALL.into_iter().filter(|kind| *kind != ProviderKind::Simulator);
    for name in carriers.map(ProviderKind::as_str).chain(["keeping-your-number"]) {
        let page = nobody.request(Method::GET, &format!("/guides/{name}")).send().await.unwrap();
        assert_eq!(page.status().as_u16(), 200, "{name}");
        assert!(page.text().await.unwrap().starts_with("# "), "{name}");
    }
    assert_eq!(nobody.get("/guides/nobody").await.status, 404);
    running.stop().await;
}
