//! WhatsApp through REST and the simulated carrier: an answer goes the way that the patient wrote, and where nobody has
//! written, an approved template goes and nothing else.

use crate::running::{NUMBER, PHOTO, Running};
use crate::story::Story;
use serde_json::{Value, json};

impl Story {
    /// What stands on the patient's phone: text, and whether it travelled by WhatsApp.
    async fn phone(&self) -> Vec<(String, bool)> {
        let shown = self.running.staff.get(&format!("/simulator/phones/{NUMBER}")).await.json;
        let all = shown["messages"].as_array().unwrap().iter();
        all.map(|one| (one["text"].as_str().unwrap().to_owned(), one["whatsapp"] == true)).collect()
    }

    async fn send(&self, body: Value) -> crate::running::Answer {
        self.running.staff.post(&format!("/api/sms/patient/{}/send/", self.patient), body).await
    }
}

#[tokio::test]
async fn an_answer_to_whatsapp_goes_by_whatsapp() {
    let story = Story::begin(Running::start().await, NUMBER).await;
    let staff = &story.running.staff;
    let replies = format!("/simulator/phones/{NUMBER}/replies");
    let written = staff.upload(&replies, &[("text", "Hola"), ("channel", "whatsapp")], &[]).await;
    assert_eq!((written.status, &written.json["whatsapp"]), (201, &json!(true)), "{}", written.json);
    let asked = story.until_shown("Hola").await;
    assert_eq!(asked["channel"], "whatsapp");
    let conversation = format!("/api/conversations/{}", asked["conversation_id"].as_str().unwrap());
    let view = staff.get(&conversation).await.json;
    assert_eq!(view["can_send"]["whatsapp"], json!({"heard_at": asked["at"], "usual": true}));

    let answered = staff.post(&format!("{conversation}/reply"), json!({"message": "Hello"})).await;
    assert_eq!((answered.status, &answered.json["channel"]), (201, &json!("whatsapp")), "{}", answered.json);
    story.until_state("Hello", "delivered").await;
    let as_text = json!({"message": "As a text", "channel": "sms"});
    assert_eq!(staff.post(&format!("{conversation}/reply"), as_text).await.json["channel"], "sms");
    story.until_state("As a text", "delivered").await;
    let with_photo = [("message", "A photo"), ("channel", "whatsapp")];
    let sent = staff.upload(&format!("{conversation}/reply-with-media"), &with_photo, PHOTO).await;
    assert_eq!((sent.status, &sent.json["channel"]), (201, &json!("whatsapp")), "{}", sent.json);
    story.until_state("A photo", "delivered").await;
    let shown = [("Hola", true), ("Hello", true), ("As a text", false), ("A photo", true)];
    assert_eq!(story.phone().await, shown.map(|(text, whatsapp)| (text.to_owned(), whatsapp)));
    let wrong = [("message", "A photo"), ("channel", "pigeon")];
    let refused = staff.upload(&format!("{conversation}/reply-with-media"), &wrong, PHOTO).await;
    assert_eq!((refused.status, &refused.json["error"]["field"]), (422, &json!("channel")));
    story.running.stop().await;
}

#[tokio::test]
async fn where_nobody_wrote_a_template_goes_and_nothing_else() {
    let story = Story::begin(Running::start().await, NUMBER).await;
    let refused = story.send(json!({"message": "Hello", "channel": "whatsapp"})).await;
    assert_eq!(refused.failure(), (409, "template_needed"), "{}", refused.json);
    assert!(story.thread().await.is_empty(), "nothing goes another way by itself");

    let staff = &story.running.staff;
    let listed = staff.get("/api/whatsapp-templates").await;
    assert_eq!((listed.status, &listed.json["next"]), (200, &Value::Null), "{}", listed.json);
    let templates = listed.json["items"].as_array().unwrap();
    let named = |name: &str| templates.iter().find(|template| template["name"] == name).unwrap();
    let results = named("results_ready");
    assert_eq!((&results["state"], &results["examples"]), (&json!("approved"), &json!({"1": "Amelia"})));
    let line = results["line_id"].as_str().unwrap();
    let of_line = staff.get(&format!("/api/whatsapp-templates?line_id={line}")).await;
    assert_eq!(of_line.json["items"], listed.json["items"]);
    let nowhere = "/api/whatsapp-templates?line_id=00000000-0000-7000-8000-000000000000";
    assert_eq!(staff.get(nowhere).await.failure(), (404, "not_found"));

    let template = json!({"id": results["id"], "variables": {"1": "Amelia"}});
    let sent = story.send(json!({"template": template, "client_id": "results"})).await;
    let words = "Hello Amelia, your results are ready. Reply to this message or call us to talk about them.";
    assert_eq!((sent.status, &sent.json["text"]), (201, &json!(words)), "{}", sent.json);
    assert_eq!((&sent.json["channel"], &sent.json["template"]), (&json!("whatsapp"), &template));
    story.until_state(words, "delivered").await;
    assert_eq!(story.phone().await, [(words.to_owned(), true)]);

    for template in [json!({"id": results["id"]}), json!({"id": named("special_offer")["id"]})] {
        let refused = story.send(json!({"template": template})).await;
        assert_eq!((refused.status, &refused.json["error"]["field"]), (422, &json!("template")));
    }
    story.running.stop().await;
}
