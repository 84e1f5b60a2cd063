//! A full disk: webhooks are told to come again, and are taken once there is room.

use crate::twilio::*;
use backend::inbox::{self, Accepted};
use backend::providers::WebhookRequest;
use backend::readiness;
use backend::testing::{TestBackend, on_each_engine};
use futures::future::join_all;
use model::FailureCode;
use model::line::ProviderKind;
use std::fs;

/// From now on nothing more fits.
async fn fills_up(t: &TestBackend) {
    if t.is_postgres().await {
        // The error that a server without room answers with: its disk is not ours to fill.
        t.alter(
            "CREATE OR REPLACE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$",
        )
        .await;
        t.alter(
            "CREATE OR REPLACE TRIGGER no_room BEFORE INSERT ON journal_entry EXECUTE FUNCTION no_room()",
        )
        .await;
    } else {
        // SQLite takes the file's present size where that is more.
        t.alter("PRAGMA max_page_count = 1").await;
    }
}

async fn has_room_again(t: &TestBackend) {
    if t.is_postgres().await {
        t.alter("DROP TRIGGER no_room ON journal_entry").await;
    } else {
        t.alter("PRAGMA max_page_count = 1000000").await;
    }
}

/// What is left of pages that are in use takes some of the first.
fn long_text(t: &TestBackend, n: u32) -> WebhookRequest {
    text(t, n, 0, &"It hurts. ".repeat(2000))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_and_taken_when_there_is_room_again() {
    on_each_engine(async |t: TestBackend| {
        arrives(&t, &text(&t, 1, 0, "Before")).await.unwrap();
        t.run_jobs().await;
        let mut refused = Vec::new();
        for wave in [2..12, 12..22, 22..32] {
            // SQLite may end a transaction that does not fit by itself; the next one is on another connection, to which
            // the limit has to be told anew.
            fills_up(&t).await;
            let calls = wave.map(|n| {
                let (backend, key, request) = (t.backend.clone(), t.line_key.clone(), long_text(&t, n));
                tokio::spawn(async move {
                    let taken = inbox::accept(&backend, ProviderKind::Twilio, &key, &request).await;
                    (n, taken)
                })
            });
            let answers: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
            let before = refused.len();
            refused.extend(answers.into_iter().filter(|(_, answer)| answer.is_err()));
            assert!(refused.len() > before, "something did not fit");
        }
        assert_eq!(
            t.count("SELECT COUNT(*) FROM journal_entry").await,
            31 - i64::try_from(refused.len()).unwrap(),
            "what was refused is not there, and what is there was not refused"
        );
        has_room_again(&t).await;
        for (n, refusal) in refused {
            let told = failure(refusal);
            assert_eq!(told.code, FailureCode::Unavailable);
            assert!(told.message.contains("again"), "{}", told.message);
            assert_eq!(arrives(&t, &long_text(&t, n)).await.unwrap(), Accepted::Journalled);
        }
        t.run_jobs().await;
        assert_eq!(t.count("SELECT COUNT(*) FROM message").await, 31);
        t
    })
    .await;
}

#[tokio::test]
async fn what_would_go_into_a_file_that_was_moved_away_is_refused_and_taken_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (file, away) = (folder.path().join("clinic.db"), folder.path().join("away.db"));
    let t = TestBackend::new(Some(&format!("sqlite:{}", file.display()))).await;
    arrives(&t, &text(&t, 1, 0, "Before")).await.unwrap();
    fs::rename(&file, &away).unwrap();
    assert_eq!(failure(arrives(&t, &text(&t, 2, 0, "Meanwhile")).await).code, FailureCode::Unavailable);
    assert!(!readiness::find(&t.backend).await.database);
    fs::write(&file, "another one").unwrap();
    assert_eq!(failure(arrives(&t, &text(&t, 2, 0, "Meanwhile")).await).code, FailureCode::Unavailable);
    fs::rename(&away, &file).unwrap();
    assert_eq!(arrives(&t, &text(&t, 2, 0, "Meanwhile")).await.unwrap(), Accepted::Journalled);
    t.backend.store.close().await;
}
