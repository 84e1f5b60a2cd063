//! How fast one number sends.

use crate::twilio::*;
use backend::lines::{self, AccountChange, Pace};
use backend::testing::{TestBackend, on_each_engine};
use backend::{jobs, messages};
use model::message::DeliveryState;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use wiremock::ResponseTemplate;

const SECOND: Duration = Duration::from_secs(1);

const ONE_A_SECOND: &str = "UPDATE line_account SET send_pause_ms = 1000";

async fn sends(t: &TestBackend, to_whom: usize, text: &str) {
    let client_id = &text[..text.len().min(40)];
    messages::send(&t.backend, &t.admin, &to(to_whom), &draft(text, client_id)).await.unwrap();
}

#[tokio::test]
async fn messages_to_several_patients_leave_as_fast_as_the_number_may_send() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        t.alter(ONE_A_SECOND).await;
        for (n, text) in ["zero", "one", "two", "three", "four"].into_iter().enumerate() {
            sends(&t, n, text).await;
        }
        t.run_jobs().await;
        assert_eq!(asked_to_send(&t).await, ["zero"], "the first one goes at once");
        assert_eq!(t.later(SECOND - Duration::from_millis(1)).await, 0, "nobody looks before their turn");
        t.later(Duration::from_millis(1)).await;
        assert_eq!(asked_to_send(&t).await, ["zero", "one"]);
        // Whoever comes meanwhile goes behind those who wait.
        sends(&t, 5, "five").await;
        for (second, last) in ["two", "three", "four", "five"].into_iter().enumerate() {
            t.later(SECOND).await;
            let sent = asked_to_send(&t).await;
            assert_eq!((sent.len(), sent.last().map(String::as_str)), (second + 3, Some(last)));
        }
        assert_eq!(t.count("SELECT COUNT(*) FROM delivery WHERE state = 'accepted'").await, 6);

        t.later(SECOND).await;
        sends(&t, 0, "six").await;
        t.run_jobs().await;
        assert_eq!(
            asked_to_send(&t).await.last().map(String::as_str),
            Some("six"),
            "a single text never waits"
        );
        t
    })
    .await;
}

#[tokio::test]
async fn an_admin_says_how_fast_a_number_sends() {
    on_each_engine(async |t: TestBackend| {
        let (b, admin) = (&t.backend, &t.admin);
        carrier_accepts(&t).await;
        let before = lines::list(b, admin).await.unwrap().remove(0).accounts.remove(0);
        assert_eq!((before.pace(), before.usual_pace()), (None, Some(10.0)));
        let id = before.route.account_id;
        let set = async |pace: Pace| {
            let change = AccountChange { pace: Some(pace), ..AccountChange::default() };
            lines::update_account(b, admin, id, change).await
        };
        for wrong in [0.0, 0.09, 100.1, -1.0, f64::NAN, f64::INFINITY] {
            let refused = failure(set(Pace::PerSecond(wrong)).await);
            assert_eq!(refused.field.as_deref(), Some("pace"), "{wrong}");
        }
        assert_eq!(set(Pace::PerSecond(2.0)).await.unwrap().accounts[0].pace(), Some(2.0));
        for (n, text) in ["zero", "one", "two"].into_iter().enumerate() {
            sends(&t, n, text).await;
        }
        t.run_jobs().await;
        assert_eq!(asked_to_send(&t).await, ["zero"]);
        assert_eq!(t.later(SECOND / 2 - Duration::from_millis(1)).await, 0, "nobody looks before their turn");
        t.later(Duration::from_millis(1)).await;
        assert_eq!(asked_to_send(&t).await, ["zero", "one"]);
        t.later(SECOND / 2).await;
        assert_eq!(asked_to_send(&t).await, ["zero", "one", "two"]);
        // What else is changed leaves the pace alone.
        let line = lines::update_account(b, admin, id, AccountChange::default()).await.unwrap();
        assert_eq!(line.accounts[0].pace(), Some(2.0));

        assert_eq!(set(Pace::Usual).await.unwrap().accounts[0].pace(), None);
        t.backend.clock.advance(SECOND);
        sends(&t, 3, "three").await;
        sends(&t, 4, "four").await;
        // Without `run_jobs`, which takes every pause away that the story does not set.
        jobs::run_due(b).await.unwrap();
        assert_eq!(asked_to_send(&t).await.len(), 4);
        for (wait, sent) in [(99, 4), (1, 5)] {
            t.backend.clock.advance(Duration::from_millis(wait));
            jobs::run_due(b).await.unwrap();
            assert_eq!(asked_to_send(&t).await.len(), sent, "ten a second");
        }
        t
    })
    .await;
}

#[tokio::test]
async fn each_part_of_an_sms_counts_and_a_conversation_keeps_its_order() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        t.alter(ONE_A_SECOND).await;
        // Three parts.
        let long = "x".repeat(400);
        sends(&t, 0, &long).await;
        sends(&t, 0, "then this").await;
        sends(&t, 1, "another patient").await;
        t.run_jobs().await;
        assert_eq!(asked_to_send(&t).await.len(), 1);
        t.later(2 * SECOND).await;
        assert_eq!(asked_to_send(&t).await.len(), 1);
        t.later(SECOND).await;
        t.later(SECOND).await;
        let mut last = asked_to_send(&t).await[1..].to_vec();
        last.sort_unstable();
        assert_eq!(last, ["another patient", "then this"]);
        t
    })
    .await;
}

#[tokio::test]
async fn a_pause_that_the_carrier_asks_for_holds_the_others_back() {
    on_each_engine(async |t: TestBackend| {
        let asked = AtomicU32::new(0);
        carrier_answers(&t, move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            1 => ResponseTemplate::new(429).insert_header("retry-after", "30"),
            n => accepted(&sid(1000 + n)),
        })
        .await;
        t.alter(ONE_A_SECOND).await;
        for (n, text) in ["zero", "one", "two", "three"].into_iter().enumerate() {
            sends(&t, n, text).await;
        }
        t.run_jobs().await;
        t.later(SECOND).await;
        assert_eq!(asked_to_send(&t).await, ["zero", "one"], "and the second one was too much");
        // Also somebody who has not been in the queue yet.
        sends(&t, 4, "four").await;
        for _ in 0..29 {
            t.later(SECOND).await;
        }
        assert_eq!(asked_to_send(&t).await.len(), 2, "thirty seconds are not over");
        for sent in 3..=6 {
            t.later(SECOND).await;
            assert_eq!(asked_to_send(&t).await.len(), sent, "one a second from then on");
        }
        let mut after = asked_to_send(&t).await[2..].to_vec();
        after.sort_unstable();
        assert_eq!(after, ["four", "one", "three", "two"]);
        t.later(60 * SECOND).await;
        assert_eq!(t.count("SELECT COUNT(*) FROM job").await, 0);
        t
    })
    .await;
}

#[tokio::test]
async fn who_would_have_to_wait_for_hours_hears_it_at_once() {
    on_each_engine(async |t: TestBackend| {
        carrier_answers(&t, |_| ResponseTemplate::new(429).insert_header("retry-after", "7200")).await;
        for (n, text) in ["zero", "one"].into_iter().enumerate() {
            let to = to(n);
            let sent = messages::send(&t.backend, &t.admin, &to, &draft(text, text)).await.unwrap();
            t.later(SECOND).await;
            let message = shown(&t, sent.id).await;
            assert_eq!(message.state, DeliveryState::Failed, "{text}");
            assert!(message.failure.unwrap().contains("could not take it within an hour"));
        }
        assert_eq!(asked_to_send(&t).await, ["zero"], "the other one was not even offered");
        t
    })
    .await;
}

#[tokio::test]
async fn waiting_for_a_turn_is_no_attempt() {
    on_each_engine(async |t: TestBackend| {
        let asked = AtomicU32::new(0);
        carrier_answers(&t, move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            1 => ResponseTemplate::new(429),
            n => accepted(&sid(1000 + n)),
        })
        .await;
        t.alter(ONE_A_SECOND).await;
        sends(&t, 0, "zero").await;
        sends(&t, 1, "one").await;
        t.run_jobs().await;
        t.later(SECOND).await;
        assert_eq!(asked_to_send(&t).await, ["zero", "one"], "and the second one was too much");
        // As long as after a first attempt, which doubles with each.
        t.later(5 * SECOND / 2).await;
        assert_eq!(asked_to_send(&t).await, ["zero", "one", "one"]);
        t
    })
    .await;
}

#[tokio::test]
async fn those_who_waited_do_not_leave_all_at_once_after_a_standstill() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        t.alter(ONE_A_SECOND).await;
        for (n, text) in ["zero", "one", "two", "three"].into_iter().enumerate() {
            sends(&t, n, text).await;
        }
        t.run_jobs().await;
        t.later(30 * 60 * SECOND).await;
        assert_eq!(asked_to_send(&t).await.len(), 2);
        t.later(SECOND).await;
        assert_eq!(asked_to_send(&t).await.len(), 3);
        t.later(SECOND).await;
        assert_eq!(asked_to_send(&t).await.len(), 4);
        t
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_was_wrong_once_holds_no_number_for_good() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        t.alter(ONE_A_SECOND).await;
        // 2036.
        t.alter("UPDATE line_account SET next_send_at = 2082758400000, sends_held_until = 2082758400000")
            .await;
        for (n, text) in ["zero", "one", "two"].into_iter().enumerate() {
            sends(&t, n, text).await;
        }
        t.run_jobs().await;
        for sent in 1..=3 {
            assert_eq!(asked_to_send(&t).await.len(), sent, "one a second");
            t.later(SECOND).await;
        }
        t
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_workers_take_turns_at_one_number() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        t.alter(ONE_A_SECOND).await;
        for n in 0..6 {
            sends(&t, n, &n.to_string()).await;
        }
        for sent in 1..=6 {
            let workers = [(); 3].map(|()| {
                let backend = t.backend.clone();
                tokio::spawn(async move { jobs::run_due(&backend).await.unwrap() })
            });
            for worker in workers {
                worker.await.unwrap();
            }
            assert_eq!(asked_to_send(&t).await.len(), sent);
            t.backend.clock.advance(SECOND);
        }
        t
    })
    .await;
}
