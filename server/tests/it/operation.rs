//! What stands aside, over HTTP.

use crate::running::Running;
use crate::twilio::{TOKEN, called, line, post, sign};
use serde_json::{Value, json};

#[tokio::test]
async fn what_could_not_be_read_is_listed_replayed_and_dismissed() {
    let running = Running::start().await;
    let line = line(&running).await;
    let url = called(&line);
    // Signed, and without what names it.
    let fields = [("From", "+61491570157"), ("Body", "Where is the clinic?")];
    assert_eq!(post(&running, &url, &fields, &sign(TOKEN, &url, &fields)).await.0, 200);
    let forged = [("From", "+61491570157"), ("Body", "Send me your money")];
    assert_eq!(post(&running, &url, &forged, "not a signature").await.0, 200);

    let stands = running.admin.get("/api/operation").await.json;
    assert_eq!(stands["webhooks_total"], 1, "{stands}");
    assert_eq!(stands["webhooks"][0]["line"], "Twilio");
    assert_eq!(stands["webhooks"][0]["carrier"], "twilio");
    assert_eq!(stands["webhooks"][0]["reason"], "No MessageSid");
    assert_eq!(stands["quarantined"][0]["count"], 1);
    let kinds: Vec<&Value> =
        stands["alerts"].as_array().unwrap().iter().map(|alert| &alert["kind"]).collect();
    assert_eq!(kinds, ["webhooks_unread", "webhooks_rejected"]);
    for personal in ["61491570157", "Where is", "money", TOKEN] {
        assert!(!stands.to_string().contains(personal), "{stands}");
    }

    let path = format!("/api/operation/webhooks/{}", stands["webhooks"][0]["id"].as_str().unwrap());
    assert_eq!(running.admin.post(&format!("{path}/replay"), json!({})).await.status, 204);
    running
        .until("the webhook that still cannot be read", async || {
            let again = running.admin.get("/api/operation").await.json;
            let reason = again["webhooks"][0]["reason"].as_str()?;
            reason.contains("cannot be read any more").then_some(())
        })
        .await;
    assert_eq!(running.admin.post("/api/operation/replay", json!({})).await.json["replayed"], 1);
    running
        .until("the webhook once more", async || {
            let again = running.admin.get("/api/operation").await.json;
            (again["webhooks_total"] == 1).then_some(())
        })
        .await;
    assert_eq!(running.admin.post(&format!("{path}/dismiss"), json!({})).await.status, 204);
    let stands = running.admin.get("/api/operation").await.json;
    assert_eq!(stands["webhooks"], json!([]));
    let gone = running.admin.post(&format!("{path}/dismiss"), json!({})).await;
    assert_eq!(gone.failure(), (404, "not_found"));
    running.stop().await;
}
