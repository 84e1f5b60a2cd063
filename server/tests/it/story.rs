//! A patient, and what staff see of the conversation with them.

use crate::running::Running;
use backend::Caller;
use model::staff::Role;
use model::{MessageId, PatientId};
use serde_json::{Value, json};

/// A running server and one patient of it.
pub(crate) struct Story {
    pub(crate) running: Running,
    pub(crate) patient: PatientId,
}

impl Story {
    /// With a patient who has this number.
    pub(crate) async fn begin(running: Running, number: &str) -> Self {
        let input = json!({"name": "Amelia Hart", "numbers": [{"number": number, "label": "Mobile"}]});
        let made = running.staff.post("/api/patients", input).await;
        assert_eq!(made.status, 201, "{}", made.json);
        let patient = made.json["id"].as_str().unwrap().parse().unwrap();
        Self { running, patient }
    }

    /// As the operator of the server.
    pub(crate) fn admin(&self) -> Caller {
        Caller { org_id: self.running.org, role: Role::Admin, staff_id: None, token_id: None }
    }

    /// Sends, and answers the message's id.
    pub(crate) async fn staff_send(&self, text: &str) -> MessageId {
        let path = format!("/api/sms/patient/{}/send/", self.patient);
        let sent = self.running.staff.post(&path, json!({"message": text})).await;
        assert_eq!(sent.status, 201, "{}", sent.json);
        sent.json["id"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) async fn thread(&self) -> Vec<Value> {
        let path = format!("/api/sms/patient/{}/messages/", self.patient);
        let mut thread = self.running.staff.get(&path).await.json;
        thread["messages"].as_array_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Messages of the thread with this text.
    pub(crate) async fn shown(&self, text: &str) -> Vec<Value> {
        self.thread().await.into_iter().filter(|message| message["text"] == text).collect()
    }

    pub(crate) async fn until_shown(&self, text: &str) -> Value {
        self.running.until(text, async || self.shown(text).await.pop()).await
    }

    /// Waits until the message with this text is in a state.
    pub(crate) async fn until_state(&self, text: &str, state: &str) -> Value {
        let reached = async || self.shown(text).await.pop().filter(|message| message["state"] == state);
        self.running.until(&format!("{text} {state}"), reached).await
    }

    /// Waits until the only attachment of the message with this text is in a state.
    pub(crate) async fn until_photo(&self, text: &str, state: &str) -> Value {
        let reached = async || {
            let attachment = self.shown(text).await.pop()?["attachments"][0].take();
            (attachment["state"] == state).then_some(attachment)
        };
        self.running.until(&format!("the photo of {text} {state}"), reached).await
    }
}
