//! Lines: whose their numbers are, credentials that change, a server that only pretends to send, several numbers
//! behind one address.

use crate::sending::with_settings;
use crate::twilio::{
    accepted, arrives, asked_to_send, carrier_accepts, carrier_answers, draft, failure, inbox_ids, is_read,
    shown, sid, signed, signed_with, text, texts, to,
};
use backend::inbox::{self, Accepted};
use backend::lines::{self, LineChange, NewLine};
use backend::messages;
use backend::providers::{WebhookKind, WebhookRequest};
use backend::testing::{APP_URL, TestBackend, fictitious_number, on_each_engine};
use model::FailureCode;
use model::line::ProviderKind;
use model::message::DeliveryState;
use serde_json::json;
use wiremock::ResponseTemplate;

const NEW_TOKEN: &str = "a_new_auth_token_0123456789abcdef";

fn written_under_the_new_token(t: &TestBackend, n: u32, body: &str) -> WebhookRequest {
    let from = fictitious_number(1);
    let id = sid(n);
    let fields = [
        ("MessageSid", id.as_str()),
        ("SmsStatus", "received"),
        ("From", from.as_e164()),
        ("To", "+61491570006"),
        ("Body", body),
    ];
    let url = format!("{APP_URL}/webhooks/twilio/{}/inbound", t.line_key);
    signed_with(NEW_TOKEN, WebhookKind::Inbound, url, &fields)
}

#[tokio::test]
async fn what_came_while_the_token_was_wrong_is_read_once_it_is_right() {
    on_each_engine(async |t: TestBackend| {
        let (b, line) = (&t.backend, lines::list(&t.backend, &t.admin).await.unwrap()[0].id);
        let request = written_under_the_new_token(&t, 1, "My knee is swollen");
        assert_eq!(arrives(&t, &request).await.unwrap(), Accepted::Quarantined);
        assert_eq!(lines::check_again(b, &t.admin, line, false).await.unwrap(), 0);

        let wrong = LineChange { credentials: Some(json!({"auth_token": 7})), ..LineChange::default() };
        assert_eq!(
            failure(lines::update(b, &t.admin, line, wrong).await).field.as_deref(),
            Some("auth_token")
        );
        let right = LineChange {
            name: Some("Reception".to_owned()),
            credentials: Some(json!({"auth_token": NEW_TOKEN})),
        };
        let view = lines::update(b, &t.admin, line, right).await.unwrap();
        assert_eq!((view.name.as_str(), view.quarantined), ("Reception", 0));
        t.run_jobs().await;
        assert_eq!(texts(&t, inbox_ids(&t).await[0]).await, ["My knee is swollen"]);
        // The carrier may send it once more, and what is not named stays.
        assert_eq!(arrives(&t, &request).await.unwrap(), Accepted::Repeated);
        carrier_accepts(&t).await;
        messages::send(b, &t.admin, &to(1), &draft("Come at 3", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked_to_send(&t).await, ["Come at 3"]);
        t
    })
    .await;
}

#[tokio::test]
async fn an_exchange_of_tokens_loses_nothing() {
    let t = TestBackend::new(None).await;
    let line = lines::list(&t.backend, &t.admin).await.unwrap()[0].id;
    let both = json!({"auth_token": NEW_TOKEN, "previous_auth_token": backend::testing::TWILIO_TOKEN});
    let change = LineChange { credentials: Some(both), ..LineChange::default() };
    lines::update(&t.backend, &t.admin, line, change).await.unwrap();
    let (old, new) =
        (text(&t, 1, 1, "Under the old one"), written_under_the_new_token(&t, 2, "Under the new one"));
    assert_eq!(arrives(&t, &old).await.unwrap(), Accepted::Journalled);
    assert_eq!(arrives(&t, &new).await.unwrap(), Accepted::Journalled);
    let finished =
        LineChange { credentials: Some(json!({"previous_auth_token": ""})), ..LineChange::default() };
    lines::update(&t.backend, &t.admin, line, finished).await.unwrap();
    let late = text(&t, 3, 1, "Under the old one");
    assert_eq!(arrives(&t, &late).await.unwrap(), Accepted::Quarantined);
}

#[tokio::test]
async fn an_admin_who_knows_better_reads_what_does_not_verify() {
    on_each_engine(async |t: TestBackend| {
        let line = lines::list(&t.backend, &t.admin).await.unwrap()[0].id;
        let request = written_under_the_new_token(&t, 1, "Hello?");
        for _ in 0..2 {
            assert_eq!(arrives(&t, &request).await.unwrap(), Accepted::Quarantined);
        }
        assert_eq!(lines::check_again(&t.backend, &t.admin, line, true).await.unwrap(), 1);
        t.run_jobs().await;
        assert_eq!(texts(&t, inbox_ids(&t).await[0]).await, ["Hello?"]);
        assert_eq!(lines::check_again(&t.backend, &t.admin, line, true).await.unwrap(), 0);
        t
    })
    .await;
}

#[tokio::test]
async fn patients_are_heard_while_the_server_only_pretends_to_send() {
    on_each_engine(async |t: TestBackend| {
        let pretending = with_settings(&t.backend, |settings| settings.mock_mode = true);
        let request = text(&t, 1, 1, "Is this on?");
        let through = |kind| inbox::accept(&pretending, kind, &t.line_key, &request);
        assert_eq!(through(ProviderKind::Twilio).await.unwrap(), Accepted::Journalled);
        backend::jobs::run_due(&pretending).await.unwrap();
        assert_eq!(texts(&t, inbox_ids(&t).await[0]).await, ["Is this on?"]);
        // The simulator's door is open then too, and to nobody without its secret.
        assert_eq!(through(ProviderKind::Simulator).await.unwrap(), Accepted::Quarantined);
        let real = inbox::accept(&t.backend, ProviderKind::Simulator, &t.line_key, &request).await;
        assert_eq!(failure(real).code, FailureCode::NotFound);
        t
    })
    .await;
}

#[tokio::test]
async fn what_was_meant_for_one_phone_never_rings_the_other() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        let pretending = with_settings(&t.backend, |settings| settings.mock_mode = true);
        let meant = messages::send(&t.backend, &t.admin, &to(1), &draft("Come at 3", "real")).await.unwrap();
        backend::jobs::run_due(&pretending).await.unwrap();
        let tried =
            messages::send(&pretending, &t.admin, &to(1), &draft("Only a test", "mock")).await.unwrap();
        t.run_jobs().await;
        for id in [meant.id, tried.id] {
            let message = shown(&t, id).await;
            assert_eq!(message.state, DeliveryState::Failed);
            assert!(message.failure.unwrap().contains("MESSAGING_MOCK_MODE"));
        }
        assert!(asked_to_send(&t).await.is_empty());
        t
    })
    .await;
}

#[tokio::test]
async fn a_report_settles_a_message_whose_answer_got_lost() {
    on_each_engine(async |t: TestBackend| {
        carrier_answers(&t, |_| ResponseTemplate::new(502)).await;
        let sent = messages::send(&t.backend, &t.admin, &to(1), &draft("Come at 3", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Uncertain);
        let asked = &t.carrier.received_requests().await.unwrap()[0];
        let (_, callback) = url::form_urlencoded::parse(&asked.body)
            .into_owned()
            .find(|(name, _)| name == "StatusCallback")
            .unwrap();
        // What is for the carrier alone is not called.
        let callback = callback.split('#').next().unwrap().to_owned();
        let report = |n: u32, word: &str| {
            let id = sid(n);
            let fields = [("MessageSid", id.as_str()), ("MessageStatus", word)];
            signed_with(backend::testing::TWILIO_TOKEN, WebhookKind::Status, callback.clone(), &fields)
        };
        is_read(&t, &report(7, "sent")).await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Sent);
        // From here on the id is known, and no other one is believed for the same delivery.
        is_read(&t, &report(8, "failed")).await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Sent);
        let id = sid(7);
        is_read(&t, &signed(&t, WebhookKind::Status, &[("MessageSid", &id), ("MessageStatus", "delivered")]))
            .await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Delivered);
        t
    })
    .await;
}

#[tokio::test]
async fn an_answer_leaves_from_the_number_that_was_written_to() {
    on_each_engine(async |t: TestBackend| {
        let to_number = |n: u32, number: &str| {
            let (id, from) = (sid(n), fictitious_number(1));
            let fields = [
                ("MessageSid", id.as_str()),
                ("SmsStatus", "received"),
                ("From", from.as_e164()),
                ("To", number),
                ("Body", "Hello"),
            ];
            signed(&t, WebhookKind::Inbound, &fields)
        };
        is_read(&t, &to_number(1, "+61491573770")).await;
        let refused = messages::send(&t.backend, &t.admin, &to(1), &draft("Hi", "a")).await;
        let refused = failure(refused);
        assert_eq!(refused.code, FailureCode::CannotSend);
        assert!(refused.message.contains("another number"));

        let second = NewLine {
            name: "Pharmacy".to_owned(),
            number: "0491 573 770".to_owned(),
            provider: ProviderKind::Twilio,
            credentials: json!({
                "account_sid": backend::testing::TWILIO_ACCOUNT,
                "auth_token": backend::testing::TWILIO_TOKEN,
                "api_base": t.carrier.uri(),
            }),
        };
        lines::create(&t.backend, &t.admin, second).await.unwrap();
        is_read(&t, &to_number(2, "+61491573770")).await;
        carrier_answers(&t, |_| accepted(&sid(9))).await;
        messages::send(&t.backend, &t.admin, &to(1), &draft("Hi", "b")).await.unwrap();
        t.run_jobs().await;
        let asked = &t.carrier.received_requests().await.unwrap()[0];
        let from = url::form_urlencoded::parse(&asked.body).find(|(name, _)| name == "From").unwrap().1;
        assert_eq!(from, "+61491573770");
        t
    })
    .await;
}

fn simulator(number: &str) -> NewLine {
    NewLine {
        name: "Front desk".to_owned(),
        number: number.to_owned(),
        provider: ProviderKind::Simulator,
        credentials: serde_json::Value::Null,
    }
}

#[tokio::test]
async fn a_simulated_number_belongs_to_one_organisation_of_a_server() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let stranger = t.stranger().await;
        let ours = lines::create(b, &t.admin, simulator("0491 570 110")).await.unwrap();
        let taken = failure(lines::create(b, &stranger, simulator("+61 491 570 110")).await);
        assert_eq!((taken.code, taken.field.as_deref()), (FailureCode::Invalid, Some("number")));
        lines::create(b, &stranger, simulator("0491 570 157")).await.unwrap();
        // Ours is with a real carrier, and no number of the simulated network.
        lines::create(b, &stranger, simulator("0491 570 006")).await.unwrap();

        // Unless every line is a simulator.
        let mock = with_settings(b, |settings| settings.mock_mode = true);
        let taken = failure(lines::create(&mock, &stranger, simulator("0491 570 110")).await);
        assert_eq!(taken.field.as_deref(), Some("number"));
        let known = lines::simulators(&mock).await.unwrap();
        let front_desk: Vec<_> =
            known.iter().filter(|line| line.account.sender.as_e164() == "+61491570006").collect();
        assert_eq!(front_desk.len(), 1, "the network knows a number once");
        assert_eq!(front_desk[0].org_id, t.org, "and as whose it was first");
        assert!(known.iter().any(|line| line.line_id == ours.id));
        t
    })
    .await;
}
