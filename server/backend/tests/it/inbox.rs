//! What carriers tell us: once, in order, and nothing of it lost.

use crate::twilio::*;
use backend::inbox::Accepted;
use backend::providers::{WebhookKind, WebhookRequest};
use backend::testing::{TestBackend, fictitious_number, on_each_engine};
use backend::{consent, conversations, inbox, jobs, messages};
use futures::future::join_all;
use model::line::ProviderKind;
use model::message::{Channel, DeliveryState, Direction};
use model::{Address, FailureCode};
use std::time::Duration;
use wiremock::ResponseTemplate;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn fifty_equal_webhooks_in_parallel_make_one_message() {
    on_each_engine(async |t: TestBackend| {
        let request = text(&t, 1, 0, "Is this the right number?");
        // Through two processes, each of which commits for itself.
        let processes = [t.backend.clone(), t.sibling()];
        let calls = (0..50).map(|n| {
            let (backend, key, request) = (processes[n % 2].clone(), t.line_key.clone(), request.clone());
            tokio::spawn(async move {
                inbox::accept(&backend, ProviderKind::Twilio, &key, &request).await.unwrap()
            })
        });
        let answers: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| **answer == Accepted::Journalled).count(), 1);
        assert_eq!(answers.iter().filter(|answer| **answer == Accepted::Repeated).count(), 49);
        // The same message through the other door is another webhook, and still the same message.
        arrives(&t, &signed_through_the_status_door(&t)).await.unwrap();
        let workers = (0..4).map(|n| {
            let backend = processes[n % 2].clone();
            tokio::spawn(async move { jobs::run_due(&backend).await.unwrap() })
        });
        join_all(workers).await;
        assert_eq!(t.count("SELECT COUNT(*) FROM message").await, 1);
        assert_eq!(t.count("SELECT COUNT(*) FROM journal_entry WHERE state = 'done'").await, 2);
        assert_eq!(t.count("SELECT unread FROM conversation").await, 1);
        t
    })
    .await;
}

fn signed_through_the_status_door(t: &TestBackend) -> WebhookRequest {
    let (sid, from) = (sid(1), fictitious_number(0));
    let fields = [
        ("MessageSid", sid.as_str()),
        ("SmsStatus", "received"),
        ("From", from.as_e164()),
        ("Body", "Is this the right number?"),
    ];
    signed(t, WebhookKind::Status, &fields)
}

#[tokio::test(flavor = "multi_thread")]
async fn first_messages_and_staff_at_the_same_moment_make_one_conversation() {
    on_each_engine(async |t: TestBackend| {
        for n in 1..=4 {
            arrives(&t, &text(&t, n, 0, &format!("Message {n}"))).await.unwrap();
        }
        let opening = (0..4).map(|_| {
            let (backend, admin) = (t.backend.clone(), t.admin.clone());
            let number = fictitious_number(0);
            tokio::spawn(async move {
                conversations::open(&backend, &admin, number.as_e164()).await.unwrap();
            })
        });
        let reading = (0..4).map(|_| {
            let backend = t.backend.clone();
            tokio::spawn(async move {
                jobs::run_due(&backend).await.unwrap();
            })
        });
        for task in join_all(opening.chain(reading).collect::<Vec<_>>()).await {
            task.unwrap();
        }
        t.later(HOUR).await;
        let ids = inbox_ids(&t).await;
        assert_eq!(ids.len(), 1);
        assert_eq!(t.count("SELECT COUNT(*) FROM number").await, 2, "the patient's and the line's");
        let mut texts = texts(&t, ids[0]).await;
        texts.sort();
        assert_eq!(texts, ["Message 1", "Message 2", "Message 3", "Message 4"]);
        t
    })
    .await;
}

#[tokio::test]
async fn a_message_from_a_stranger_makes_a_conversation() {
    on_each_engine(async |t: TestBackend| {
        is_read(&t, &text(&t, 1, 3, "Grüße 😀")).await;
        let id = inbox_ids(&t).await[0];
        let view = conversations::get(&t.backend, &t.admin, id).await.unwrap();
        assert_eq!((view.row.number.clone(), view.row.unread), (Address::Number(fictitious_number(3)), 1));
        assert!(view.row.patients.is_empty() && view.can_send.blocked.is_none() && view.can_send.pictures);
        let last = view.row.last.unwrap();
        assert_eq!((last.direction, last.channel), (Direction::Inbound, Channel::Sms));
        assert_eq!((last.excerpt.as_str(), last.state), ("Grüße 😀", DeliveryState::Delivered));
        let message = shown(&t, view.first_unread.unwrap()).await;
        assert_eq!((message.author, message.failure, message.mock), (None, None, false));
        t
    })
    .await;
}

#[tokio::test]
async fn a_forged_webhook_is_kept_apart_and_does_not_take_the_genuine_ones_place() {
    on_each_engine(async |t: TestBackend| {
        let genuine = text(&t, 1, 0, "From the patient");
        let mut forged = genuine.clone();
        forged.body = genuine.body.iter().map(|&b| if b == b'p' { b'q' } else { b }).collect();
        for _ in 0..2 {
            assert_eq!(arrives(&t, &forged).await.unwrap(), Accepted::Quarantined);
        }
        let mut unsigned = genuine.clone();
        unsigned.headers.pop();
        assert_eq!(arrives(&t, &unsigned).await.unwrap(), Accepted::Quarantined);
        assert_eq!(t.run_jobs().await, 0);
        assert!(inbox_ids(&t).await.is_empty());
        assert_eq!(t.count("SELECT COUNT(*) FROM journal_entry WHERE state = 'quarantined'").await, 2);

        assert_eq!(arrives(&t, &genuine).await.unwrap(), Accepted::Journalled);
        t.run_jobs().await;
        assert_eq!(texts(&t, inbox_ids(&t).await[0]).await, ["From the patient"]);
        t
    })
    .await;
}

#[tokio::test]
async fn the_quarantine_does_not_grow_without_end() {
    let t = TestBackend::new(None).await;
    let forged = async |n: i64| {
        let mut forged = text(&t, 1, 0, "x");
        forged.body.extend_from_slice(n.to_string().as_bytes());
        assert_eq!(arrives(&t, &forged).await.unwrap(), Accepted::Quarantined);
        t.count("SELECT COUNT(*) FROM journal_entry").await
    };
    for n in 0..inbox::MAX_QUARANTINED + 3 {
        // What is young may be genuine, and nobody has had the time to look.
        assert_eq!(forged(n).await, n + 1);
    }
    t.backend.clock.advance(Duration::from_secs(5 * 24 * 3600));
    assert_eq!(forged(-1).await, inbox::MAX_QUARANTINED);
}

#[tokio::test]
async fn what_nobody_can_read_stays_in_the_journal_with_its_reason() {
    on_each_engine(async |t: TestBackend| {
        let without_id = signed(&t, WebhookKind::Inbound, &[("From", "+61491570156"), ("Body", "hello")]);
        assert_eq!(arrives(&t, &without_id).await.unwrap(), Accepted::Journalled);
        assert_eq!(arrives(&t, &without_id).await.unwrap(), Accepted::Repeated);
        t.run_jobs().await;
        let poisoned = "SELECT COUNT(*) FROM journal_entry WHERE state = 'poisoned' AND failure <> ''";
        assert_eq!(t.count(poisoned).await, 1);
        assert!(inbox_ids(&t).await.is_empty());
        t
    })
    .await;
}

/// One engine's text holds no U+0000, and nobody's message may be refused for that.
#[tokio::test]
async fn a_text_with_a_nul_is_kept_and_blocks_nobody() {
    on_each_engine(async |t: TestBackend| {
        is_read(&t, &text(&t, 1, 0, "before\0after")).await;
        is_read(&t, &text(&t, 2, 0, "and another")).await;
        let id = inbox_ids(&t).await[0];
        assert_eq!(texts(&t, id).await, ["before\u{FFFD}after", "and another"]);

        carrier_accepts(&t).await;
        let odd = draft("see\0you", "id\0");
        let sent = messages::send(&t.backend, &t.admin, &to(1), &odd).await.unwrap();
        let again = messages::send(&t.backend, &t.admin, &to(1), &odd).await.unwrap();
        assert_eq!((again.id, again.text.as_str()), (sent.id, "see\u{FFFD}you"));
        t.run_jobs().await;
        assert_eq!(asked_to_send(&t).await, ["see\u{FFFD}you"]);
        t
    })
    .await;
}

#[tokio::test]
async fn a_webhook_that_cannot_be_stored_is_asked_for_again() {
    let t = TestBackend::new(None).await;
    let request = text(&t, 1, 0, "Important");
    let unknown = inbox::accept(&t.backend, ProviderKind::Twilio, "no-such-line", &request).await;
    assert_eq!(failure(unknown).code, FailureCode::NotFound);
    t.backend.store.close().await;
    assert_eq!(failure(arrives(&t, &request).await).code, FailureCode::Unavailable);
}

#[tokio::test]
async fn nothing_leaves_after_stop_until_start() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_answers(&t, |_| ResponseTemplate::new(429)).await;
        let early = messages::send(b, &t.admin, &to(0), &draft("See you at 3", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked_to_send(&t).await, ["See you at 3"], "busy, to be tried again");
        is_read(&t, &text(&t, 1, 0, " Stop. ")).await;
        carrier_accepts(&t).await;
        t.later(HOUR).await;
        let refused = shown(&t, early.id).await;
        assert_eq!(refused.state, DeliveryState::Failed);
        assert!(refused.failure.unwrap().contains("STOP"));
        assert!(asked_to_send(&t).await.is_empty());

        let view = conversations::get(b, &t.admin, early.conversation_id).await.unwrap();
        assert!(view.row.opted_out && view.can_send.blocked.unwrap().contains("STOP"));
        let again = messages::send(b, &t.admin, &to(0), &draft("Hello?", "b")).await;
        assert_eq!(failure(again).code, FailureCode::CannotSend);
        assert_eq!(failure(messages::retry(b, &t.admin, early.id).await).code, FailureCode::CannotSend);

        is_read(&t, &text(&t, 2, 0, "start")).await;
        let welcome = messages::send(b, &t.admin, &to(0), &draft("Welcome back", "c")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(shown(&t, welcome.id).await.state, DeliveryState::Accepted);
        t
    })
    .await;
}

#[tokio::test]
async fn an_ordinary_answer_stops_nothing_and_staff_may_record_consent() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        for (n, word) in [(1, "CANCEL"), (2, "yes"), (3, "End"), (4, "quit"), (5, "Please stop by at 3")] {
            is_read(&t, &text(&t, n, 0, word)).await;
        }
        let id = inbox_ids(&t).await[0];
        assert!(!conversations::get(b, &t.admin, id).await.unwrap().row.opted_out);

        is_read(&t, &text(&t, 6, 0, "UNSUBSCRIBE")).await;
        assert!(conversations::get(b, &t.admin, id).await.unwrap().row.opted_out);
        assert_eq!(
            failure(consent::record_consent(b, &t.admin, id, " ").await).field.as_deref(),
            Some("reason")
        );
        consent::record_consent(b, &t.admin, id, "Asked for it at the desk").await.unwrap();
        assert!(!conversations::get(b, &t.admin, id).await.unwrap().row.opted_out);
        assert_eq!(t.count("SELECT COUNT(*) FROM consent_entry").await, 2, "nothing is overwritten");
        t
    })
    .await;
}

#[tokio::test]
async fn the_carriers_word_that_someone_opted_out_counts() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_answers(&t, |_| refused(21610)).await;
        let sent = messages::send(b, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Failed);
        let view = conversations::get(b, &t.admin, sent.conversation_id).await.unwrap();
        assert!(view.row.opted_out);
        let (sid, from) = (sid(9), fictitious_number(0));
        let fields = [
            ("MessageSid", sid.as_str()),
            ("SmsStatus", "received"),
            ("From", from.as_e164()),
            ("Body", "yes"),
            ("OptOutType", "START"),
        ];
        is_read(&t, &signed(&t, WebhookKind::Inbound, &fields)).await;
        let view = conversations::get(b, &t.admin, sent.conversation_id).await.unwrap();
        assert!(!view.row.opted_out, "the carrier took YES as a keyword");
        t
    })
    .await;
}
