//! Old texts, found over HTTP.

use crate::running::Running;
use serde_json::{Value, json};

#[tokio::test]
async fn a_text_is_found_by_its_words() {
    let running = Running::start().await;
    let patient = running.patient().await;
    let mut sent = Vec::new();
    for text in ["Your crown is ready.", "Please call: it's about the crown's colour"] {
        let answer =
            running.staff.post(&format!("/api/sms/patient/{patient}/send/"), json!({"message": text})).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        sent.push(answer.json);
    }
    let found = running.viewer.get("/api/messages/search?q=CROWN").await;
    assert_eq!((found.status, &found.json["next"]), (200, &Value::Null), "{}", found.json);
    let items = found.json["items"].as_array().unwrap();
    let ids: Vec<_> = items.iter().map(|item| &item["message_id"]).collect();
    assert_eq!(ids, [&sent[1]["id"], &sent[0]["id"]]);
    for field in ["conversation_id", "at"] {
        assert_eq!(items[0][field], sent[1][field], "{field}");
    }
    assert_eq!(items[1]["excerpt"], "Your crown is ready.");
    for nothing in
        ["/api/messages/search", "/api/messages/search?q=%22*", "/api/messages/search?q=crow+ready+x"]
    {
        let found = running.staff.get(nothing).await;
        assert_eq!((found.status, &found.json["items"]), (200, &json!([])), "{nothing}: {}", found.json);
    }
    running.stop().await;
}
