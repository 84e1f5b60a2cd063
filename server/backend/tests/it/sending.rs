//! What may be sent, by whom, through which line, and who hears of it.

use crate::twilio::*;
use backend::testing::{APP_URL, TestBackend, on_each_engine};
use backend::{Backend, Parts, Settings, conversations, lines, live, messages};
use futures::future::join_all;
use model::FailureCode;
use model::conversation::InboxQuery;
use model::line::ProviderKind;
use model::live::Change;
use model::message::{DeliveryState, Draft, Recipient};
use model::staff::Role;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn sending_twice_with_one_id_sends_once() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_accepts(&t).await;
        let calls = (0..10).map(|_| {
            let (backend, admin) = (b.clone(), t.admin.clone());
            tokio::spawn(async move {
                messages::send(&backend, &admin, &to(0), &draft("Hello", "same")).await.unwrap().id
            })
        });
        let mut ids: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        ids.dedup();
        assert_eq!(ids.len(), 1);
        t.run_jobs().await;
        assert_eq!(asked_to_send(&t).await, ["Hello"]);
        let again = messages::send(b, &t.admin, &to(0), &draft("Hello", "same")).await.unwrap();
        assert_eq!((again.id, again.state), (ids[0], DeliveryState::Accepted));

        for (number, text) in [(0, "Hello!"), (1, "Hello")] {
            let other = messages::send(b, &t.admin, &to(number), &draft(text, "same")).await;
            assert_eq!(failure(other).code, FailureCode::Conflict);
        }
        assert_eq!(inbox_ids(&t).await.len(), 1, "a refused message makes no conversation");
        t
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_its_reason() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let unknown = model::AttachmentId(uuid::Uuid::from_u128(1));
        let with = |attachments: Vec<_>, text: &str| Draft { attachments, ..draft(text, "a") };
        let wrong = [
            (draft("", "a"), "text"),
            (draft(" \n", "a"), "text"),
            (draft(&"x".repeat(1601), "a"), "text"),
            (draft("Hello", ""), "client_id"),
            (with(vec![unknown], ""), "attachments"),
            (with(vec![unknown, unknown], ""), "attachments"),
            (with((0..11).map(|n| uuid::Uuid::from_u128(n).into()).collect(), ""), "attachments"),
        ];
        for (draft, field) in wrong {
            let failure = failure(messages::send(b, &t.admin, &to(0), &draft).await);
            assert_eq!((failure.code, failure.field.as_deref()), (FailureCode::Invalid, Some(field)));
        }
        let nobody = t.stranger().await;
        let failure_without_line = failure(messages::send(b, &nobody, &to(0), &draft("Hello", "a")).await);
        assert_eq!(failure_without_line.code, FailureCode::CannotSend);
        assert!(inbox_ids(&t).await.is_empty() && t.count("SELECT COUNT(*) FROM job").await == 0);
        messages::send(b, &t.admin, &to(0), &draft(&"😀".repeat(1600), "b")).await.unwrap();
        t
    })
    .await;
}

#[tokio::test]
async fn sending_can_be_switched_off_while_receiving_goes_on() {
    on_each_engine(async |mut t: TestBackend| {
        let waiting = messages::send(&t.backend, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        t.backend = with_settings(&t.backend, |settings| settings.messaging_enabled = false);
        carrier_accepts(&t).await;
        let refused = failure(messages::send(&t.backend, &t.admin, &to(0), &draft("Hello", "b")).await);
        assert_eq!(refused.code, FailureCode::CannotSend);
        assert!(refused.message.contains("MESSAGING_ENABLED"));
        is_read(&t, &text(&t, 1, 0, "Are you there?")).await;
        assert_eq!(texts(&t, waiting.conversation_id).await, ["Hello", "Are you there?"]);
        assert_eq!(shown(&t, waiting.id).await.state, DeliveryState::Failed);
        assert!(asked_to_send(&t).await.is_empty());
        let view = conversations::get(&t.backend, &t.admin, waiting.conversation_id).await.unwrap();
        assert!(view.can_send.blocked.unwrap().contains("MESSAGING_ENABLED"));
        t
    })
    .await;
}

#[tokio::test]
async fn a_patient_goes_on_seeing_the_number_that_they_know() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_accepts(&t).await;
        let first = messages::send(b, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        let second_line = lines::NewLine {
            name: "Second".to_owned(),
            number: "0491 572 549".to_owned(),
            provider: ProviderKind::Twilio,
            credentials: serde_json::json!({
                "account_sid": backend::testing::TWILIO_ACCOUNT,
                "auth_token": backend::testing::TWILIO_TOKEN,
                "api_base": t.carrier.uri(),
            }),
        };
        let line = lines::create(b, &t.admin, second_line).await.unwrap();
        lines::set_default(b, &t.admin, line.id).await.unwrap();
        t.backend.clock.advance(MINUTE);
        let known = Recipient::Conversation(first.conversation_id);
        messages::send(b, &t.admin, &known, &draft("Still us", "b")).await.unwrap();
        messages::send(b, &t.admin, &to(1), &draft("New patient", "c")).await.unwrap();
        t.run_jobs().await;
        let requests = t.carrier.received_requests().await.unwrap();
        let senders: Vec<_> = requests
            .iter()
            .map(|request| {
                let mut fields = url::form_urlencoded::parse(&request.body);
                fields.find(|(name, _)| name == "From").unwrap().1.into_owned()
            })
            .collect();
        assert_eq!(senders.iter().filter(|from| *from == "+61491570006").count(), 2);
        assert_eq!(senders.iter().filter(|from| *from == "+61491572549").count(), 1);
        t
    })
    .await;
}

#[tokio::test]
async fn the_addresses_to_paste_have_the_carrier_call_again() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let shown = lines::list(b, &t.admin).await.unwrap().remove(0);
        let base = format!("{APP_URL}/webhooks/twilio/{}", t.line_key);
        assert_eq!(shown.accounts[0].inbound_url, format!("{base}/inbound#rc=5&rp=5xx,ct,rt"));
        assert_eq!(shown.accounts[0].status_url, format!("{base}/status#rc=5&rp=5xx,ct,rt"));
        let simulator = lines::NewLine {
            name: "To try it".to_owned(),
            number: "0491 570 313".to_owned(),
            provider: ProviderKind::Simulator,
            credentials: serde_json::Value::Null,
        };
        let simulator = lines::create(b, &t.admin, simulator).await.unwrap();
        assert!(
            simulator.accounts[0].inbound_url.ends_with("/inbound"),
            "{}",
            simulator.accounts[0].inbound_url
        );
        t
    })
    .await;
}

#[tokio::test]
async fn another_organisations_messages_look_like_missing_ones() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_answers(&t, |_| refused(21211)).await;
        let sent = messages::send(b, &t.admin, &to(0), &draft("Private", "a")).await.unwrap();
        t.run_jobs().await;
        let stranger = t.stranger().await;
        let (id, conversation) = (sent.id, sent.conversation_id);
        let missing =
            (model::MessageId(uuid::Uuid::from_u128(5)), model::ConversationId(uuid::Uuid::from_u128(5)));
        let newest = model::conversation::ThreadFrom::Newest;
        for (id, conversation) in [(id, conversation), missing] {
            let told = [
                failure(conversations::get(b, &stranger, conversation).await),
                failure(conversations::thread(b, &stranger, conversation, &newest).await),
                failure(conversations::message(b, &stranger, id).await),
                failure(conversations::mark_read(b, &stranger, conversation, None).await),
                failure(conversations::mark_unread(b, &stranger, conversation).await),
                failure(conversations::assign(b, &stranger, conversation, None).await),
                failure(messages::retry(b, &stranger, id).await),
                failure(messages::resolve(b, &stranger, id, true).await),
                failure(backend::consent::record_consent(b, &stranger, conversation, "why").await),
                failure(
                    messages::send(b, &stranger, &Recipient::Conversation(conversation), &draft("x", "y"))
                        .await,
                ),
            ];
            for failure in told {
                assert_eq!(failure.code, FailureCode::NotFound);
                assert!(failure.message.ends_with("does not exist (any more)."));
            }
        }
        let page = conversations::list(b, &stranger, &InboxQuery::default()).await.unwrap();
        assert!(page.items.is_empty());
        assert_eq!(live::newest(b, &stranger).await.unwrap(), 0);
        t
    })
    .await;
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing_that_a_patient_could_notice() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        is_read(&t, &text(&t, 1, 0, "Hello")).await;
        let (viewer, id) = (t.colleague(Role::Viewer).await, inbox_ids(&t).await[0]);
        let view = conversations::get(b, &viewer, id).await.unwrap();
        assert!(view.can_send.blocked.unwrap().contains("Viewer"));
        let message = view.first_unread.unwrap();
        let refused = [
            failure(messages::send(b, &viewer, &to(0), &draft("x", "y")).await).code,
            failure(messages::retry(b, &viewer, message).await).code,
            failure(messages::resolve(b, &viewer, message, true).await).code,
            failure(conversations::open(b, &viewer, "0491 570 157").await).code,
            failure(conversations::assign(b, &viewer, id, viewer.staff_id).await).code,
            failure(backend::consent::record_consent(b, &viewer, id, "why").await).code,
        ];
        assert_eq!(refused, [FailureCode::NotAllowed; 6]);
        conversations::mark_read(b, &viewer, id, None).await.unwrap();
        t
    })
    .await;
}

#[tokio::test]
async fn open_screens_hear_of_every_change_in_order() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let begin = live::newest(b, &t.admin).await.unwrap();
        carrier_accepts(&t).await;
        let sent = messages::send(b, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        t.run_jobs().await;
        is_read(&t, &text(&t, 1, 0, "Hi")).await;
        conversations::mark_read(b, &t.admin, sent.conversation_id, None).await.unwrap();
        let events = live::since(b, &t.admin, begin).await.unwrap().unwrap();
        let numbers: Vec<_> = events.iter().map(|event| event.seq - begin).collect();
        assert_eq!(numbers, (1..=events.len() as i64).collect::<Vec<_>>());
        let (conversation_id, message_id) = (sent.conversation_id, sent.id);
        assert_eq!(events[0].change, Change::MessageAdded { conversation_id, message_id });
        assert_eq!(events[1].change, Change::MessageChanged { conversation_id, message_id }, "sending");
        assert_eq!(events[2].change, Change::MessageChanged { conversation_id, message_id }, "accepted");
        assert!(matches!(events[3].change, Change::MessageAdded { .. }));
        assert_eq!(events[4].change, Change::ConversationChanged { conversation_id });
        assert_eq!(events.len(), 5);
        assert_eq!(live::since(b, &t.admin, begin + 99).await.unwrap(), None, "a number of the future");
        t
    })
    .await;
}

/// The same backend, as if started with other settings.
pub(crate) fn with_settings(backend: &Backend, change: impl FnOnce(&mut Settings)) -> Backend {
    let mut settings = backend.settings.clone();
    change(&mut settings);
    Backend::new(Parts {
        store: backend.store.clone(),
        blobs: backend.blobs.clone(),
        http: backend.http.clone(),
        pictures: backend.pictures.clone(),
        clock: backend.clock.clone(),
        keys: backend.keys.clone(),
        settings,
        live: live::Hub::default(),
    })
}
