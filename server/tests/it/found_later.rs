//! What the simulated carrier has and its webhooks did not bring is found when it is asked.

use crate::running::{NUMBER, PHOTO, Running};
use crate::story::Story;
use backend::reconcile::{self, Found};
use model::simulator::{Fault, Faults};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

const FAULTS: &str = "/simulator/lines/+61491570006/faults";

async fn today(story: &Story, faults: Faults) {
    let put = story.running.admin.call(Method::PUT, FAULTS, json!(faults)).await;
    assert_eq!(put.status, 200, "{}", put.json);
}

/// A round that does not wait for webhooks: on this day they never come.
async fn round(story: &Story) -> Found {
    reconcile::run_but(&story.running.backend, Duration::ZERO).await.unwrap()
}

/// Waits until both messages are in a state.
async fn until_both(story: &Story, state: &str) {
    let reached = async || {
        let shown = story.shown("Come at 3").await;
        (shown.len() == 2 && shown.iter().all(|message| message["state"] == state)).then_some(())
    };
    story.running.until(state, reached).await;
}

#[tokio::test]
async fn a_message_that_no_webhook_brought_is_found_with_its_photo_and_marked() {
    let story = Story::begin(Running::start().await, NUMBER).await;
    today(&story, Faults::default().with(Fault::Lost, 100).with(Fault::Missing, 100)).await;
    let path = format!("/simulator/phones/{NUMBER}/replies");
    let written = story.running.staff.upload(&path, &[("text", "My foot")], PHOTO).await;
    assert_eq!(written.status, 201, "{}", written.json);
    story.staff_send("Come at 3").await;
    story.until_state("Come at 3", "accepted").await;
    story.running.app.simulators_settled().await;
    assert!(story.shown("My foot").await.is_empty());

    assert_eq!(round(&story).await, Found { messages: 1, reports: 1, incomplete: 0 });
    let found = story.until_shown("My foot").await;
    assert_eq!((&found["found_later"], &found["channel"]), (&json!(true), &json!("mms")));
    story.until_photo("My foot", "ready").await;
    let ours = story.until_state("Come at 3", "delivered").await;
    assert!(ours.get("found_later").is_none(), "{ours}");

    assert_eq!(round(&story).await, Found::default());
    assert_eq!(story.shown("My foot").await.len(), 1);
    story.running.stop().await;
}

#[tokio::test]
async fn a_message_whose_answer_and_reports_got_lost_is_settled_and_not_sent_again() {
    let story = Story::begin(Running::start().await, NUMBER).await;
    today(&story, Faults::default().with(Fault::LostAnswer, 100).with(Fault::Missing, 100)).await;
    // Two equal ones: the carrier gives our reference back, so that they cannot be mistaken for each other.
    for _ in 0..2 {
        story.staff_send("Come at 3").await;
    }
    until_both(&story, "uncertain").await;
    story.running.app.simulators_settled().await;
    assert_eq!(round(&story).await, Found { messages: 0, reports: 2, incomplete: 0 });
    until_both(&story, "delivered").await;
    let phone = story.running.staff.get(&format!("/simulator/phones/{NUMBER}")).await.json;
    assert_eq!(phone["messages"].as_array().unwrap().len(), 2, "{phone}");
    story.running.stop().await;
}
