//! What an operator reads at `/metrics`, after some traffic.

use crate::running::{NUMBER, Running, read_events};
use crate::story::Story;
use reqwest::Method;
use std::collections::BTreeMap;

/// Every sample by its name and labels.
async fn samples(running: &Running) -> BTreeMap<String, f64> {
    let answer = running.nobody().request(Method::GET, "/metrics").send().await.unwrap();
    let text = answer.text().await.unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
        })
        .collect()
}

/// The sum of a name's samples whose labels contain all of these.
fn sum(samples: &BTreeMap<String, f64>, name: &str, labels: &[&str]) -> Option<f64> {
    let of_name = samples.iter().filter(|(key, _)| key.split('{').next() == Some(name));
    let found: Vec<f64> = of_name
        .filter(|(key, _)| labels.iter().all(|label| key.contains(label)))
        .map(|(_, value)| *value)
        .collect();
    (!found.is_empty()).then(|| found.iter().sum())
}

#[tokio::test]
async fn every_number_of_the_page_on_operation_is_told() {
    let story = Story::begin(Running::start().await, NUMBER).await;
    let running = &story.running;
    let stream = running.staff.request(Method::GET, "/api/live").send().await.unwrap();
    story.staff_send("Come at 3").await;
    story.until_state("Come at 3", "delivered").await;
    let replies = format!("/simulator/phones/{NUMBER}/replies");
    assert_eq!(running.staff.upload(&replies, &[("text", "I will")], &[]).await.status, 201);
    story.until_shown("I will").await;
    running.app.simulators_settled().await;

    let samples = samples(running).await;
    let page = include_str!("../../../docs/operation.md");
    let at_least = |name: &str, labels: &[&str], least: f64| {
        let family = name.trim_end_matches("_count").trim_end_matches("_bucket");
        assert!(page.contains(&format!("| `{family}` |")), "{family} is not on the page");
        let found = sum(&samples, name, labels).unwrap_or_else(|| panic!("no {name} {labels:?}"));
        assert!(found >= least, "{name} {labels:?}: {found}");
    };
    // Other tests of this process may have counted too; what is read from the database is this server's own.
    at_least("http_requests_total", &[], 1.0);
    at_least("http_request_duration_seconds_count", &[], 1.0);
    at_least("webhooks_total", &[r#"outcome="journalled""#, r#"provider="simulator""#], 1.0);
    at_least("inbound_messages_total", &[r#"channel="sms""#], 1.0);
    at_least("deliveries_total", &[r#"provider="simulator""#, r#"state="delivered""#], 1.0);
    at_least("db_acquire_seconds_count", &[r#"kind="read""#], 1.0);
    at_least("db_acquire_seconds_count", &[r#"kind="write""#], 1.0);
    at_least("db_commit_seconds_count", &[], 1.0);
    at_least("db_transaction_seconds_bucket", &[r#"le="0.0005""#], 0.0);
    at_least("live_streams", &[], 1.0);
    for kind in ["deliver_message", "read_webhook", "fetch_media", "make_renditions"] {
        let kind = format!("kind=\"{kind}\"");
        at_least("jobs_oldest_due_seconds", &[kind.as_str()], 0.0);
        for state in [r#"state="ready""#, r#"state="running""#, r#"state="failed""#] {
            at_least("jobs", &[kind.as_str(), state], 0.0);
        }
    }
    for gauge in
        ["journal_pending", "journal_oldest_pending_seconds", "webhooks_quarantined", "messages_uncertain"]
    {
        at_least(gauge, &[], 0.0);
    }
    for (name, value) in &samples {
        assert!(value.is_finite() && *value >= 0.0, "{name} {value}");
        assert!(!name.contains("61491570156") && !name.contains("Amelia"), "{name}");
    }
    read_events(stream, |text| text.contains("message_added")).await;
    story.running.stop().await;
}

#[tokio::test]
async fn the_blob_stores_errors_are_counted_by_what_was_asked_of_it() {
    let running = Running::start().await;
    // The folder is taken away: whatever is stored next fails.
    let media = running.folder.path().join("data").join("media");
    std::fs::remove_dir_all(&media).unwrap();
    std::fs::write(&media, "in the way").unwrap();
    let refused = running.staff.upload("/api/sms/upload-media/", &[], crate::running::PHOTO).await;
    assert_eq!(refused.status, 503, "{}", refused.json);
    let samples = samples(&running).await;
    let labels = [r#"error="unavailable""#, r#"operation="put""#];
    assert!(sum(&samples, "blob_errors_total", &labels).is_some_and(|errors| errors >= 1.0), "{samples:?}");
    running.stop().await;
}
