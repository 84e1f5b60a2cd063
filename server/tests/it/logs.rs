//! The log tells what happened, and of nobody.

use crate::running::{NUMBER, Running};
use crate::story::Story;
use crate::twilio::{TOKEN, called, line, post, sign};
use serde_json::json;
use std::io;
use std::sync::{Arc, Mutex};
use tracing::Level;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_text_number_name_link_or_token_is_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // For the whole process: what other tests log meanwhile is looked at as well.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let story = Story::begin(Running::start().await, NUMBER).await;
    let running = &story.running;
    story.staff_send("Your results are in").await;
    story.until_state("Your results are in", "delivered").await;
    let replies = format!("/simulator/phones/{NUMBER}/replies");
    let photo = crate::running::PHOTO;
    assert_eq!(running.staff.upload(&replies, &[("text", "Here is my foot")], photo).await.status, 201);
    story.until_photo("Here is my foot", "ready").await;
    let line = line(running).await;
    let url = called(&line);
    let unreadable = [("From", NUMBER), ("Body", "Nobody can read this")];
    post(running, &url, &unreadable, &sign(TOKEN, &url, &unreadable)).await;
    post(running, &url, &unreadable, "not a signature").await;
    running.admin.post("/api/operation/replay", json!({})).await;
    // Refused: a person who is not there, a text that is too long, a session that nobody has.
    running.staff.get("/api/patients/Amelia").await;
    running.staff.post("/api/patients", json!({"name": ""})).await;
    running.nobody().get("/api/conversations").await;
    let cookie = running.session(model::staff::Role::Staff).await;
    running.app.simulators_settled().await;

    let text = log.text();
    assert!(
        text.contains("a webhook cannot be read") && text.contains("route="),
        "something is logged: {text}"
    );
    let token = running.staff.bearer.as_deref().unwrap();
    let secret = url.rsplit('/').nth(1).unwrap();
    let session = cookie.split_once('=').unwrap().1;
    for personal in [
        "Your results are in",
        "Here is my foot",
        "Nobody can read this",
        "Amelia",
        "clinic.example",
        "491570156",
        "491 570 156",
        "491570313",
        "rash.png",
        token,
        secret,
        session,
        TOKEN,
    ] {
        let line = text.lines().find(|line| line.contains(personal));
        assert!(line.is_none(), "{personal} in {line:?}");
    }
    story.running.stop().await;
}
