//! What becomes of what leaves: it goes once, in order, and its state is told truthfully.

use crate::twilio::*;
use backend::testing::{TestBackend, on_each_engine};
use backend::{jobs, messages};
use model::FailureCode;
use model::message::DeliveryState;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use wiremock::ResponseTemplate;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn a_message_travels_and_its_state_never_goes_backwards() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_accepts(&t).await;
        let sent = messages::send(b, &t.admin, &to(0), &draft("See you at 3", "a")).await.unwrap();
        assert_eq!((sent.state, sent.text.as_str()), (DeliveryState::Queued, "See you at 3"));
        assert_eq!(sent.author.as_deref(), Some("Admin"));
        t.run_jobs().await;
        assert_eq!(asked_to_send(&t).await, ["See you at 3"]);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);

        let reported = [
            ("queued", DeliveryState::Accepted),
            ("sent", DeliveryState::Sent),
            ("sending", DeliveryState::Sent),
            ("undelivered", DeliveryState::Undelivered),
            ("sent", DeliveryState::Undelivered),
            ("delivered", DeliveryState::Delivered),
            ("failed", DeliveryState::Delivered),
            ("sent", DeliveryState::Delivered),
        ];
        for (word, expected) in reported {
            is_read(&t, &status(&t, &sid(1000), word)).await;
            let shown = shown(&t, sent.id).await;
            assert_eq!(shown.state, expected, "after {word}");
            assert_eq!(shown.failure.is_some(), expected == DeliveryState::Undelivered, "after {word}");
        }
        t
    })
    .await;
}

#[tokio::test]
async fn a_status_that_comes_before_its_messages_id_is_kept() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        is_read(&t, &status(&t, &sid(1000), "sent")).await;
        is_read(&t, &failed_status(&t, &sid(1000), "undelivered", "30005")).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        t.run_jobs().await;
        let early = shown(&t, sent.id).await;
        assert_eq!(early.state, DeliveryState::Undelivered);
        assert!(early.failure.is_some());
        t.later(MINUTE).await;
        assert_eq!(t.count("SELECT COUNT(*) FROM parked_status").await, 0);
        assert_eq!(t.count("SELECT COUNT(*) FROM journal_entry WHERE state = 'done'").await, 2);

        // One of a message that another system sent through the same account: kept, and looked for no further.
        is_read(&t, &status(&t, &sid(7), "sent")).await;
        t.later(MINUTE).await;
        assert_eq!(t.count("SELECT COUNT(*) FROM parked_status").await, 1);
        assert_eq!(t.count("SELECT COUNT(*) FROM job").await, 0);
        t
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_after_the_mark_leaves_the_message_uncertain_and_never_sends_it_twice() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let (called, mut calls) = tokio::sync::mpsc::unbounded_channel();
        carrier_answers(&t, move |_| {
            called.send(()).unwrap();
            accepted(&sid(1000)).set_delay(DAY)
        })
        .await;
        let sent = messages::send(b, &t.admin, &to(0), &draft("Only once", "a")).await.unwrap();
        let backend = b.clone();
        let worker = tokio::spawn(async move { jobs::run_due(&backend).await.unwrap() });
        calls.recv().await.unwrap();
        worker.abort();
        assert!(worker.await.unwrap_err().is_cancelled());
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Sending);

        t.later(10 * MINUTE).await;
        let uncertain = shown(&t, sent.id).await;
        assert_eq!(uncertain.state, DeliveryState::Uncertain);
        assert!(uncertain.failure.unwrap().contains("may have arrived"));
        t.later(DAY).await;
        assert_eq!(asked_to_send(&t).await.len(), 1);
        assert_eq!(failure(messages::retry(b, &t.admin, sent.id).await).code, FailureCode::Conflict);

        // A person asked the patient.
        let resolved = messages::resolve(b, &t.admin, sent.id, false).await.unwrap();
        assert_eq!(resolved.state, DeliveryState::Failed);
        assert_eq!(failure(messages::resolve(b, &t.admin, sent.id, true).await).code, FailureCode::Conflict);
        carrier_accepts(&t).await;
        assert_eq!(messages::retry(b, &t.admin, sent.id).await.unwrap().state, DeliveryState::Queued);
        t.run_jobs().await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);
        assert_eq!(asked_to_send(&t).await.len(), 1);
        t
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_tells_nothing_leaves_the_message_uncertain() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_answers(&t, |_| ResponseTemplate::new(502)).await;
        let sent = messages::send(b, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        t.run_jobs().await;
        t.later(DAY).await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Uncertain);
        assert_eq!(asked_to_send(&t).await.len(), 1);
        let resolved = messages::resolve(b, &t.admin, sent.id, true).await.unwrap();
        assert_eq!((resolved.state, resolved.failure), (DeliveryState::Delivered, None));
        t
    })
    .await;
}

#[tokio::test]
async fn a_busy_carrier_is_tried_again_when_it_asks_and_for_an_hour() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let asked = AtomicU32::new(0);
        carrier_answers(&t, move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => ResponseTemplate::new(429).insert_header("retry-after", "120"),
            _ => accepted(&sid(1000)),
        })
        .await;
        let sent = messages::send(b, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        t.run_jobs().await;
        t.later(MINUTE).await;
        assert_eq!(asked_to_send(&t).await.len(), 1, "not before the carrier wishes");
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Sending);
        t.later(MINUTE).await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);

        carrier_answers(&t, |_| ResponseTemplate::new(429)).await;
        let sent = messages::send(b, &t.admin, &to(0), &draft("Hello", "b")).await.unwrap();
        for _ in 0..14 {
            t.later(5 * MINUTE).await;
        }
        let given_up = shown(&t, sent.id).await;
        assert_eq!(given_up.state, DeliveryState::Failed);
        assert!(given_up.failure.unwrap().contains("within an hour"));
        let tried = asked_to_send(&t).await.len();
        t.later(DAY).await;
        assert_eq!(asked_to_send(&t).await.len(), tried);
        t
    })
    .await;
}

#[tokio::test]
async fn a_refusal_says_why_and_can_be_tried_again_by_hand() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_answers(&t, |_| refused(21211)).await;
        let sent = messages::send(b, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        t.run_jobs().await;
        let failed = shown(&t, sent.id).await;
        assert_eq!(failed.state, DeliveryState::Failed);
        assert!(!failed.failure.unwrap().is_empty());

        carrier_accepts(&t).await;
        messages::retry(b, &t.admin, sent.id).await.unwrap();
        assert_eq!(failure(messages::retry(b, &t.admin, sent.id).await).code, FailureCode::Conflict);
        t.run_jobs().await;
        let delivered = shown(&t, sent.id).await;
        assert_eq!((delivered.state, delivered.failure), (DeliveryState::Accepted, None));
        assert_eq!(t.count("SELECT COUNT(*) FROM delivery").await, 2, "the first attempt stays as it ended");
        t
    })
    .await;
}

#[tokio::test]
async fn a_retry_is_not_sent_when_the_first_attempt_turns_out_to_have_arrived() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_accepts(&t).await;
        let sent = messages::send(b, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        t.run_jobs().await;
        is_read(&t, &failed_status(&t, &sid(1000), "undelivered", "30003")).await;
        arrives(&t, &status(&t, &sid(1000), "delivered")).await.unwrap();
        // The status is recorded before the retry, so it is also worked on before.
        messages::retry(b, &t.admin, sent.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Delivered);
        assert_eq!(asked_to_send(&t).await.len(), 1);
        t
    })
    .await;
}

#[tokio::test]
async fn messages_of_one_conversation_leave_in_their_order() {
    on_each_engine(async |t: TestBackend| {
        let busy = AtomicU32::new(0);
        carrier_answers(&t, move |_| match busy.fetch_add(1, Ordering::SeqCst) {
            0 => ResponseTemplate::new(429),
            n => accepted(&sid(1000 + n)),
        })
        .await;
        for text in ["one", "two", "three"] {
            messages::send(&t.backend, &t.admin, &to(0), &draft(text, text)).await.unwrap();
        }
        messages::send(&t.backend, &t.admin, &to(1), &draft("another patient", "x")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked_to_send(&t).await, ["one", "another patient"], "the first one holds its followers");
        t.later(MINUTE).await;
        assert_eq!(asked_to_send(&t).await[2..], ["one", "two", "three"]);
        t
    })
    .await;
}
