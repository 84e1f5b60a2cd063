//! A caller that lost the answer asks again, and nothing happens twice.

use crate::running::{PHOTO, Running};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;

/// Another organisation's server with a photo at `/rash.png`, which counts how often it is asked for it.
struct Elsewhere {
    address: String,
    asked: Arc<AtomicUsize>,
}

impl Elsewhere {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let photo = move || {
            count.fetch_add(1, Ordering::SeqCst);
            async { PHOTO }
        };
        let gone = || async { StatusCode::NOT_FOUND };
        let router = Router::new().route("/rash.png", get(photo)).route("/gone.png", get(gone));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_foreign_picture_is_fetched_and_sent_once() {
    let elsewhere = Elsewhere::start().await;
    let running = Running::with(&["--allow-private", &elsewhere.address]).await;
    let patient = running.patient().await;
    let send = format!("/api/sms/patient/{patient}/send/");
    let message = json!({"message": "Yours", "media_url": elsewhere.url("rash.png"), "client_id": "once"});
    let sent = running.staff.post(&send, message.clone()).await;
    assert_eq!(sent.status, 201, "{}", sent.json);
    assert_eq!(sent.json["attachments"][0]["file_name"], "rash.png");
    assert_eq!((&sent.json["channel"], elsewhere.asked()), (&json!("mms"), 1));

    let again = running.staff.post(&send, message).await;
    assert_eq!((again.status, &again.json["id"]), (201, &sent.json["id"]), "{}", again.json);
    assert_eq!(elsewhere.asked(), 1, "what was sent is not fetched again");

    let others = [
        json!({"message": "Mine", "media_url": elsewhere.url("rash.png"), "client_id": "once"}),
        json!({"message": "Yours", "media_url": elsewhere.url("rash.png?v=2"), "client_id": "once"}),
        json!({"message": "Yours", "client_id": "once"}),
    ];
    for other in others {
        assert_eq!(running.staff.post(&send, other).await.failure(), (409, "conflict"));
    }
    assert_eq!(elsewhere.asked(), 1, "a conflict is known before anything is fetched");
    let gone = json!({"message": "Yours", "media_url": elsewhere.url("gone.png")});
    let gone = running.staff.post(&send, gone).await;
    assert_eq!((gone.failure(), &gone.json["error"]["field"]), ((422, "invalid"), &json!("media_url")));
    running.stop().await;
}

#[tokio::test]
async fn the_same_request_twice_at_once_is_one_message_with_one_picture() {
    let elsewhere = Elsewhere::start().await;
    let running = Running::with(&["--allow-private", &elsewhere.address]).await;
    let patient = running.patient().await;
    let send = format!("/api/sms/patient/{patient}/send/");
    let message = json!({"media_url": elsewhere.url("rash.png"), "client_id": "at once"});
    let calls = (0..4).map(|_| running.staff.post(&send, message.clone()));
    let answers = futures::future::join_all(calls).await;
    let ids: Vec<_> = answers.iter().map(|answer| &answer.json["id"]).collect();
    assert!(ids[0].is_string() && ids.iter().all(|id| *id == ids[0]), "{answers:?}");
    let thread = running.staff.get(&format!("/api/sms/patient/{patient}/messages")).await.json;
    let messages = thread["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1, "{thread}");
    assert_eq!(messages[0]["attachments"].as_array().unwrap().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_form_that_comes_again_with_its_files_is_the_same_message() {
    let running = Running::start().await;
    let patient = running.patient().await;
    let send = format!("/api/sms/patient/{patient}/send/");
    let first = running.staff.post(&send, json!({"message": "Hello"})).await;
    let conversation = first.json["conversation_id"].as_str().unwrap();
    let reply = format!("/api/conversations/{conversation}/reply-with-media");
    let say = async |text: &str, file: &[u8]| {
        running.staff.upload(&reply, &[("client_id", "form"), ("message", text)], file).await
    };
    let sent = say("Here we are", PHOTO).await;
    assert_eq!(sent.status, 201, "{}", sent.json);
    let again = say("Here we are", PHOTO).await;
    assert_eq!((again.status, &again.json["id"]), (201, &sent.json["id"]), "{}", again.json);
    assert_eq!(say("Here you are", PHOTO).await.failure(), (409, "conflict"));
    let other_photo = [PHOTO, b" with something behind it"].concat();
    assert_eq!(say("Here we are", &other_photo).await.failure(), (409, "conflict"));
    running.stop().await;
}
