//! Whatever a carrier does wrong: nothing that a patient sent is lost or shown twice, and nobody is texted twice.

use crate::running::{NUMBER, PHOTO, Running};
use crate::story::Story;
use backend::{lines, messages};
use model::line::LineView;
use model::simulator::{Fault, Faults};
use reqwest::Method;
use serde_json::json;

const FAULTS: &str = "/simulator/lines/+61491570006/faults";

impl Story {
    async fn today(&self, faults: Faults) {
        let put = self.running.admin.call(Method::PUT, FAULTS, json!(faults)).await;
        assert_eq!((put.status, &put.json), (200, &json!(faults)));
    }

    async fn phone_writes(&self, text: &str, photo: bool) {
        let path = format!("/simulator/phones/{NUMBER}/replies");
        let file: &[u8] = if photo { PHOTO } else { &[] };
        let written = self.running.staff.upload(&path, &[("text", text)], file).await;
        assert_eq!(written.status, 201, "{}", written.json);
    }

    /// How often a text rang the phone.
    async fn rang(&self, text: &str) -> usize {
        let phone = self.running.staff.get(&format!("/simulator/phones/{NUMBER}")).await.json;
        let messages = phone["messages"].as_array().unwrap().iter();
        messages.filter(|message| message["text"] == text && message["from_phone"] == false).count()
    }

    async fn line(&self) -> LineView {
        lines::list(&self.running.backend, &self.admin()).await.unwrap().remove(0)
    }

    /// An admin releases what stands in quarantine.
    async fn release(&self) -> u32 {
        let account = self.line().await.accounts[0].route.account_id;
        lines::check_again(&self.running.backend, &self.admin(), account, true).await.unwrap()
    }
}

#[tokio::test]
async fn reports_and_messages_that_come_twice_slowly_or_in_the_wrong_order_change_nothing() {
    let story = Story::begin(Running::start().await, NUMBER).await;
    let days = [
        ("twice", Faults::default().with(Fault::Duplicate, 100)),
        ("in the wrong order", Faults::default().with(Fault::Reordered, 100)),
        ("before the answer", Faults::default().with(Fault::Early, 100)),
        ("slowly", Faults { delay_ms: 200, ..Faults::default() }),
        ("after a refusal", Faults { seed: 8, busy: 50, ..Faults::default() }),
    ];
    for (day, faults) in days {
        story.today(faults).await;
        let (asked, answered) = (format!("asked {day}"), format!("answered {day}"));
        story.phone_writes(&asked, false).await;
        story.until_shown(&asked).await;
        story.staff_send(&answered).await;
        story.until_state(&answered, "delivered").await;
        story.running.app.simulators_settled().await;
        // What the same phone writes is read in order, so whatever came before was read by then.
        let last = format!("last {day}");
        story.phone_writes(&last, false).await;
        story.until_shown(&last).await;
        assert_eq!(story.shown(&asked).await.len(), 1, "{day}");
        assert_eq!(story.rang(&answered).await, 1, "{day}");
        assert_eq!(story.shown(&answered).await[0]["state"], "delivered", "{day}");
    }
    assert_eq!(story.thread().await.len(), 3 * days.len());
    story.running.stop().await;
}

#[tokio::test]
async fn a_message_that_nobody_reports_on_claims_nothing() {
    let story = Story::begin(Running::start().await, NUMBER).await;
    story.today(Faults::default().with(Fault::Missing, 100)).await;
    story.staff_send("Come at 3").await;
    story.until_state("Come at 3", "accepted").await;
    story.running.app.simulators_settled().await;
    assert_eq!(story.rang("Come at 3").await, 1);
    assert_eq!(story.shown("Come at 3").await[0]["state"], "accepted");
    story.running.stop().await;
}

#[tokio::test]
async fn a_message_whose_answer_got_lost_is_settled_by_its_report_and_not_sent_again() {
    let story = Story::begin(Running::start().await, NUMBER).await;
    // No report arrives before somebody has looked.
    story.today(Faults { lost_answers: 100, delay_ms: 60_000, ..Faults::default() }).await;
    story.staff_send("Come at 3").await;
    story.until_state("Come at 3", "uncertain").await;
    assert_eq!(story.rang("Come at 3").await, 1);
    story.today(Faults::default()).await;
    story.until_state("Come at 3", "delivered").await;
    story.running.app.simulators_settled().await;
    assert_eq!(story.rang("Come at 3").await, 1);
    story.running.stop().await;
}

#[tokio::test]
async fn a_message_that_the_carrier_failed_at_waits_for_a_person() {
    let story = Story::begin(Running::start().await, NUMBER).await;
    story.today(Faults::default().with(Fault::Broken, 100)).await;
    let id = story.staff_send("Come at 3").await;
    story.until_state("Come at 3", "uncertain").await;
    story.today(Faults::default()).await;
    assert_eq!(story.rang("Come at 3").await, 0);
    messages::resolve(&story.running.backend, &story.admin(), id, false).await.unwrap();
    messages::retry(&story.running.backend, &story.admin(), id).await.unwrap();
    story.until_state("Come at 3", "delivered").await;
    assert_eq!(story.rang("Come at 3").await, 1);
    story.running.stop().await;
}

#[tokio::test]
async fn a_photo_that_is_late_arrives_and_one_that_is_too_large_is_shown_as_such() {
    let story = Story::begin(Running::start().await, NUMBER).await;
    story.today(Faults::default().with(Fault::LateMedia, 100)).await;
    story.phone_writes("My foot", true).await;
    story.until_photo("My foot", "ready").await;
    story.today(Faults::default().with(Fault::HugeMedia, 100)).await;
    story.phone_writes("My scan", true).await;
    let huge = story.until_photo("My scan", "unfetchable").await;
    assert!(huge["failure"].as_str().unwrap().contains("larger than"), "{huge}");
    story.running.stop().await;
}

#[tokio::test]
async fn what_is_signed_wrongly_waits_in_quarantine_and_is_read_once_released() {
    let story = Story::begin(Running::start().await, NUMBER).await;
    story.today(Faults::default().with(Fault::Forged, 100).with(Fault::Duplicate, 100)).await;
    story.phone_writes("Are you open?", false).await;
    story.staff_send("Yes").await;
    story.until_state("Yes", "accepted").await;
    story.running.app.simulators_settled().await;
    assert!(story.shown("Are you open?").await.is_empty());
    assert_eq!(story.line().await.accounts[0].quarantined, 3, "a message and two reports, each once");

    assert_eq!(story.release().await, 3);
    story.until_shown("Are you open?").await;
    story.until_state("Yes", "delivered").await;
    assert_eq!(story.line().await.accounts[0].quarantined, 0);
    assert_eq!((story.shown("Are you open?").await.len(), story.rang("Yes").await), (1, 1));
    story.running.stop().await;
}

#[tokio::test]
async fn on_the_worst_of_days_everything_comes_once_or_says_that_it_did_not() {
    let story = Story::begin(Running::start().await, NUMBER).await;
    let worst = Faults { missing: 30, huge_media: 40, forged: 30, delay_ms: 20, ..Faults::BAD_DAY };
    story.today(worst).await;
    let texts = |who: &str| (0..8).map(|n| format!("{who} {n}")).collect::<Vec<_>>();
    let (asked, answered) = (texts("asked"), texts("answered"));
    for (n, (question, answer)) in asked.iter().zip(&answered).enumerate() {
        story.phone_writes(question, n % 2 == 0).await;
        story.staff_send(answer).await;
        // The next one leaves when this one has: which is hit is the same each time.
        let left = async || {
            let message = story.shown(answer).await.pop()?;
            (!matches!(message["state"].as_str()?, "queued" | "sending")).then_some(())
        };
        story.running.until(answer, left).await;
    }
    story.running.app.simulators_settled().await;
    story.today(Faults::default()).await;
    assert!(story.release().await > 0);
    for question in &asked {
        story.until_shown(question).await;
    }
    let settled = async || {
        let thread = story.thread().await;
        let photos = thread.iter().flat_map(|message| message["attachments"].as_array()).flatten();
        let done = photos.map(|photo| {
            photo["state"] == "ready" || photo["state"] == "unfetchable" && photo["failure"].is_string()
        });
        let done: Vec<_> = done.collect();
        (done.len() == 4 && done.iter().all(|done| *done)).then_some(thread)
    };
    let thread = story.running.until("every photo", settled).await;
    assert_eq!(thread.len(), asked.len() + answered.len());
    for question in &asked {
        assert_eq!(story.shown(question).await.len(), 1, "{question}");
    }
    let mut uncertain = 0;
    for answer in &answered {
        let message = story.shown(answer).await.remove(0);
        let state = message["state"].as_str().unwrap();
        match story.rang(answer).await {
            0 => assert_eq!(state, "uncertain", "{answer} never arrived"),
            1 => {
                assert!(
                    matches!(state, "accepted" | "sent" | "delivered" | "uncertain"),
                    "{answer}: {state}"
                );
            }
            times => panic!("{answer} rang {times} times"),
        }
        uncertain += usize::from(state == "uncertain");
    }
    assert!((1..answered.len()).contains(&uncertain), "{uncertain} uncertain");
    story.running.stop().await;
}

#[tokio::test]
async fn an_admin_makes_a_day_bad_and_others_cannot() {
    let running = Running::start().await;
    let bad = json!(Faults::BAD_DAY);
    for other in [&running.staff, &running.viewer] {
        assert_eq!(other.call(Method::PUT, FAULTS, bad.clone()).await.failure(), (403, "not_allowed"));
        assert_eq!(other.get(FAULTS).await.json, json!(Faults::default()));
    }
    assert_eq!(running.nobody().get(FAULTS).await.failure(), (401, "signed_out"));
    assert_eq!(running.nobody().get("/simulator/lines").await.failure(), (401, "signed_out"));
    assert_eq!(running.admin.call(Method::PUT, FAULTS, bad.clone()).await.json, bad);
    assert_eq!(running.viewer.get(FAULTS).await.json, bad);
    let lines = running.admin.get("/simulator/lines").await.json;
    assert_eq!(lines, json!([{"line": "+61491570006", "faults": bad}]));

    let partial = running.admin.call(Method::PUT, FAULTS, json!({"busy": 100})).await;
    assert_eq!(
        partial.json,
        json!(Faults::default().with(Fault::Busy, 100)),
        "what is not named does not happen"
    );
    for (wrong, field) in [(json!({"busy": 101}), Some("busy")), (json!({"bussy": 1}), None)] {
        let refused = running.admin.call(Method::PUT, FAULTS, wrong).await;
        assert_eq!(refused.failure(), (422, "invalid"));
        assert_eq!(refused.json["error"]["field"].as_str(), field);
    }
    let nobodys = "/simulator/lines/+61491570110/faults";
    assert_eq!(running.admin.call(Method::PUT, nobodys, bad).await.failure(), (404, "not_found"));
    running.stop().await;
}
