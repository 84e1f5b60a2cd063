//! A caller that lost the answer asks again, and nothing happens twice.

use crate::running::{Answer, PATIENCE, PHOTO, Running};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use model::message::MAX_ATTACHMENTS;
use reqwest::Method;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
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

/// A form with several files.
fn files(files: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for file in files {
        body.extend_from_slice(
            b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"rash.png\"\r\n\r\n",
        );
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    body
}

#[tokio::test]
async fn nothing_stays_of_a_form_that_is_refused_half_way() {
    let running = Running::start().await;
    let patient = running.patient().await;
    let send = format!("/api/sms/patient/{patient}/send/");
    let first = running.staff.post(&send, json!({"message": "Hello"})).await;
    let reply =
        format!("/api/conversations/{}/reply-with-media", first.json["conversation_id"].as_str().unwrap());
    let refused = async |body: Vec<u8>| {
        let request = running.staff.request(Method::POST, &reply);
        let request = request.header("content-type", "multipart/form-data; boundary=edge").body(body);
        Answer::of(request.send().await.unwrap()).await
    };
    let broken = refused(files(&[PHOTO, PHOTO, b"PK\x03\x04 not a picture"])).await;
    assert_eq!(broken.failure(), (415, "unsupported_media"));
    let many = refused(files(&[PHOTO; MAX_ATTACHMENTS + 1])).await;
    assert_eq!((many.failure(), &many.json["error"]["field"]), ((422, "invalid"), &json!("file")));
    // What prepares a picture may still be at work on one that is gone already.
    let media = running.folder.path().join("data/media");
    let nothing_stays = async {
        while has_files(&media) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, nothing_stays).await.expect("no upload stays");
    running.stop().await;
}

fn has_files(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() { has_files(&path) } else { true }
    })
}
