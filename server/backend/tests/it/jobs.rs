//! Work that fails, waits or is slow: nothing is stranded, and no text waits for a picture.

use crate::leaving::with_worker;
use crate::photos::{
    announces, carrier_offers, handed_out, jpeg, newest_message, shown as picture, uploads, with_blobs,
};
use crate::twilio::*;
use backend::jobs::{self, Requeued};
use backend::providers::WebhookKind;
use backend::testing::{TestBackend, on_each_engine};
use backend::{Blobs, media, messages};
use model::media::AttachmentState;
use model::message::DeliveryState;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use wiremock::ResponseTemplate;

/// Longer than any wait after an error of ours.
const A_WHILE: Duration = Duration::from_secs(20 * 60);

/// How long a story waits for something that should come at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than a job that only ends in errors is tried.
async fn hours_pass(t: &TestBackend) {
    for _ in 0..30 {
        t.later(A_WHILE).await;
    }
}

async fn failed_jobs(t: &TestBackend) -> i64 {
    t.count("SELECT COUNT(*) FROM job WHERE state = 'failed'").await
}

#[tokio::test]
async fn photos_wait_for_the_blob_store_however_long_it_is_away() {
    on_each_engine(async |mut t: TestBackend| {
        let folder = tempfile::tempdir().unwrap();
        let (root, elsewhere) = (folder.path().join("media"), folder.path().join("elsewhere"));
        let blobs = Blobs::folder(&root).await.unwrap();
        t.backend = with_blobs(&t, blobs, t.backend.clock.clone(), &t.carrier.address().to_string());
        let upload = uploads(&t, "foot.jpg", &jpeg(1)).await.unwrap().media_id;
        let url = carrier_offers(&t, "one", handed_out(&jpeg(2), "image/jpeg")).await;
        announces(&t, 1, 0, "my foot", &[&url]).await;

        std::fs::rename(&root, &elsewhere).unwrap();
        std::fs::write(&root, "in the way").unwrap();
        hours_pass(&t).await;
        let message = newest_message(&t).await;
        assert_eq!((message.text.as_str(), failed_jobs(&t).await), ("my foot", 0));
        assert_eq!(message.attachments[0].state, AttachmentState::Arriving);
        assert_eq!(picture(&t, upload).await.state, AttachmentState::Processing);

        std::fs::remove_file(&root).unwrap();
        std::fs::rename(&elsewhere, &root).unwrap();
        t.later(A_WHILE).await;
        assert_eq!(newest_message(&t).await.attachments[0].state, AttachmentState::Ready);
        assert_eq!(picture(&t, upload).await.state, AttachmentState::Ready);
        t
    })
    .await;
}

#[tokio::test]
async fn work_that_is_set_aside_ends_visibly_and_has_ways_back() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let url = carrier_offers(&t, "one", ResponseTemplate::new(404)).await;
        announces(&t, 1, 0, "my foot", &[&url]).await;
        t.run_jobs().await;
        let photo = newest_message(&t).await.attachments.remove(0);
        assert_eq!(photo.state, AttachmentState::Arriving);
        arrives(&t, &text(&t, 2, 1, "Is anybody there?")).await.unwrap();
        let sent = messages::send(b, &t.admin, &to(2), &draft("See you at 3", "a")).await.unwrap();

        t.alter("UPDATE line_account SET provider = 'nobody'").await;
        // As older versions left it: the account tells whose door it was.
        t.alter("UPDATE journal_entry SET provider = NULL").await;
        hours_pass(&t).await;
        t.alter("UPDATE line_account SET provider = 'twilio'").await;
        assert_eq!(failed_jobs(&t).await, 3);
        let photo = picture(&t, photo.id).await;
        assert_eq!(photo.state, AttachmentState::Unfetchable);
        assert!(photo.failure.as_ref().unwrap().contains("Retry"), "{:?}", photo.failure);
        let unsent = shown(&t, sent.id).await;
        assert_eq!(unsent.state, DeliveryState::Failed);
        assert!(unsent.failure.unwrap().contains("could not prepare"));
        let poisoned = "SELECT COUNT(*) FROM journal_entry WHERE state = 'poisoned' AND failure <> ''";
        assert_eq!(t.count(poisoned).await, 1);

        carrier_accepts(&t).await;
        carrier_offers(&t, "one", handed_out(&jpeg(1), "image/jpeg")).await;
        media::retry(b, &t.admin, photo.id).await.unwrap();
        messages::retry(b, &t.admin, sent.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(picture(&t, photo.id).await.state, AttachmentState::Ready);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);

        let requeued = jobs::requeue(b).await.unwrap();
        // The picture's has gone with the retry.
        assert_eq!(requeued, Requeued { jobs: 2, webhooks: 0, left: 0 });
        t.run_jobs().await;
        assert_eq!(newest_message(&t).await.text, "Is anybody there?");
        let texted = asked_to_send(&t).await;
        assert_eq!(texted.iter().filter(|text| *text == "See you at 3").count(), 1, "{texted:?}");
        assert_eq!(t.count("SELECT COUNT(*) FROM job").await, 0);
        t
    })
    .await;
}

#[tokio::test]
async fn a_text_that_is_set_aside_lets_the_next_of_its_sender_through() {
    on_each_engine(async |mut t: TestBackend| {
        arrives(&t, &text(&t, 1, 0, "first")).await.unwrap();
        t.backend.clock.advance(Duration::from_secs(1));
        arrives(&t, &text(&t, 2, 0, "second")).await.unwrap();
        t.alter(
            "UPDATE journal_entry SET request_sealed = (SELECT address_sealed FROM number LIMIT 1)
             WHERE received_at = (SELECT MIN(received_at) FROM journal_entry)",
        )
        .await;
        t.run_jobs().await;
        assert!(inbox_ids(&t).await.is_empty(), "they are read in their order");
        for _ in 0..6 {
            t.later(Duration::from_secs(20)).await;
        }
        assert_eq!(texts(&t, inbox_ids(&t).await[0]).await, ["second"], "which nobody waits for longer");
        t.expected_failed_jobs = 1;
        t
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_read_is_read_again_on_demand() {
    on_each_engine(async |t: TestBackend| {
        let without_id = signed(&t, WebhookKind::Inbound, &[("From", "+61491570156"), ("Body", "hello")]);
        is_read(&t, &without_id).await;
        let mut forged = text(&t, 1, 0, "From the patient");
        forged.body.push(b'!');
        arrives(&t, &forged).await.unwrap();

        let requeued = jobs::requeue(&t.backend).await.unwrap();
        assert_eq!(requeued, Requeued { jobs: 0, webhooks: 1, left: 0 });
        let pending = "SELECT COUNT(*) FROM journal_entry WHERE state = 'pending' AND failure IS NULL";
        assert_eq!(t.count(pending).await, 1);
        assert_eq!(t.run_jobs().await, 1);
        assert_eq!(t.count("SELECT COUNT(*) FROM journal_entry WHERE state = 'poisoned'").await, 1);
        assert_eq!(t.count("SELECT COUNT(*) FROM journal_entry WHERE state = 'quarantined'").await, 1);
        t
    })
    .await;
}

/// A program that decodes nothing until a file appears.
fn slow_worker(folder: &Path, go: &Path) -> std::path::PathBuf {
    let program = folder.join("slow-worker");
    let script = format!("#!/bin/sh\nwhile [ ! -e '{}' ]; do /bin/sleep 0.05; done\n", go.display());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    program
}

/// Asks until `sql` counts as many.
async fn counts(t: &TestBackend, sql: &'static str, expected: i64) {
    let look = async {
        while t.count(sql).await != expected {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("never {expected}: {sql}"));
}

#[tokio::test]
async fn a_text_does_not_wait_for_pictures() {
    const RENDITIONS: &str =
        "SELECT COUNT(*) FROM job WHERE state = 'running' AND kind = 'make_renditions.v1'";
    const FETCHES: &str = "SELECT COUNT(*) FROM job WHERE state = 'running' AND kind = 'fetch_media.v1'";
    on_each_engine(async |mut t: TestBackend| {
        let folder = tempfile::tempdir().unwrap();
        let go = folder.path().join("go");
        let worker = slow_worker(folder.path(), &go);
        t.backend = with_worker(&t.backend, worker);
        for n in 0..10 {
            uploads(&t, "foot.jpg", &jpeg(n)).await.unwrap();
        }
        let never = ResponseTemplate::new(200).set_delay(Duration::from_secs(60 * 60));
        let url = carrier_offers(&t, "slow", never).await;
        announces(&t, 1, 0, "ten photos", &[url.as_str(); 10]).await;
        let working = tokio::spawn(jobs::work(t.backend.clone(), std::future::pending()));
        counts(&t, RENDITIONS, 2).await;
        counts(&t, FETCHES, 3).await;

        arrives(&t, &text(&t, 2, 1, "Are you open today?")).await.unwrap();
        counts(&t, "SELECT COUNT(*) FROM message WHERE body = 'Are you open today?'", 1).await;
        assert_eq!((t.count(RENDITIONS).await, t.count(FETCHES).await), (2, 3));

        // The children end before their folder does.
        std::fs::write(go, "").unwrap();
        counts(&t, "SELECT COUNT(*) FROM job WHERE kind = 'make_renditions.v1'", 0).await;
        working.abort();
        assert!(working.await.unwrap_err().is_cancelled());
        t
    })
    .await;
}
