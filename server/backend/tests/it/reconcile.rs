//! What no webhook brought is found in the carriers' lists, once, and what nobody was sure about is settled by them.

use crate::photos::newest_message;
use crate::twilio::*;
use backend::inbox::Accepted;
use backend::reconcile::{self, Found};
use backend::testing::{TWILIO_ACCOUNT, TestBackend, fictitious_number, on_each_engine};
use backend::{conversations, lines, messages};
use model::conversation::InboxQuery;
use model::line::ProviderKind;
use model::message::{DeliveryState, MessageView};
use serde_json::{Value, json};
use std::time::Duration;
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

pub(crate) const LINE: &str = "+61491570006";

/// What a round comes to in which nothing is new.
pub(crate) const NOTHING: Found = Found { messages: 0, reports: 0, incomplete: 0 };

#[tokio::test]
async fn a_message_whose_webhook_never_came_is_found_once_and_says_so() {
    on_each_engine(async |t: TestBackend| {
        is_read(&t, &text(&t, 1, 0, "Brought")).await;
        let list = [wrote(1, 0, "Brought", "09:00:00"), wrote(2, 0, "Are you open?", "09:03:00")];
        lists(&t.carrier, &list, &[]).await;
        t.later(MINUTE * 4).await;
        assert_eq!(round(&t).await, NOTHING, "its webhook may be on its way");
        t.later(MINUTE * 6).await;
        assert_eq!(round(&t).await, Found { messages: 1, ..NOTHING });
        t.run_jobs().await;

        let id = inbox_ids(&t).await[0];
        assert_eq!(texts(&t, id).await, ["Brought", "Are you open?"]);
        let found = newest_message(&t).await;
        assert!(found.found_later);
        assert_eq!(found.at, backend::testing::START + 3 * 60_000, "when it came to the carrier");
        assert_eq!(conversations::get(&t.backend, &t.admin, id).await.unwrap().row.unread, 2);
        assert_eq!(t.count("SELECT COUNT(*) FROM message WHERE found_later").await, 1);

        // The webhook comes after all, through either door, and the list goes on naming it.
        assert_eq!(arrives(&t, &text(&t, 2, 0, "Are you open?")).await.unwrap(), Accepted::Repeated);
        t.later(MINUTE * 10).await;
        assert_eq!(round(&t).await, NOTHING);
        t.run_jobs().await;
        assert_eq!(texts(&t, id).await.len(), 2);
        t
    })
    .await;
}

#[tokio::test]
async fn an_account_whose_list_was_never_read_is_asked_from_its_beginning_on() {
    on_each_engine(async |t: TestBackend| {
        t.carrier.reset().await;
        answers(&t.carrier, LIST, ResponseTemplate::new(503)).await;
        for _ in 0..6 {
            t.later(HOUR).await;
            assert_eq!(round(&t).await, Found { incomplete: 1, ..NOTHING });
        }
        lists(&t.carrier, &[wrote(1, 0, "In the first hour", "09:10:00")], &[]).await;
        assert_eq!(round(&t).await, Found { messages: 1, ..NOTHING });
        t.run_jobs().await;
        assert_eq!(newest_message(&t).await.text, "In the first hour");
        t
    })
    .await;
}

#[tokio::test]
async fn the_same_words_under_another_id_are_another_message() {
    on_each_engine(async |t: TestBackend| {
        // Somebody deleted the first one at the carrier.
        is_read(&t, &text(&t, 1, 0, "OK")).await;
        is_read(&t, &text(&t, 2, 0, "Yes")).await;
        let list =
            [wrote(2, 0, "Yes", "09:00:00"), wrote(3, 0, "Yes", "09:01:00"), wrote(4, 0, "OK", "09:02:00")];
        lists(&t.carrier, &list, &[]).await;
        t.later(MINUTE * 10).await;
        assert_eq!(round(&t).await, Found { messages: 2, ..NOTHING });
        t.run_jobs().await;
        let id = inbox_ids(&t).await[0];
        assert_eq!(texts(&t, id).await, ["OK", "Yes", "Yes", "OK"]);
        t
    })
    .await;
}

#[tokio::test]
async fn after_a_long_stop_a_round_reaches_back_to_the_last_one() {
    on_each_engine(async |t: TestBackend| {
        lists(&t.carrier, &[], &[]).await;
        t.later(MINUTE * 10).await;
        assert_eq!(round(&t).await, NOTHING);
        let before_the_line = wrote(1, 0, "To another program", "08:59:59");
        lists(&t.carrier, &[before_the_line, wrote(2, 0, "At half past nine", "09:30:00")], &[]).await;
        // From Monday to Thursday.
        t.later(MINUTE * 60 * 72).await;
        assert_eq!(round(&t).await, Found { messages: 1, ..NOTHING });
        t.run_jobs().await;
        assert_eq!(newest_message(&t).await.text, "At half past nine");
        t
    })
    .await;
}

#[tokio::test]
async fn a_message_that_nobody_was_sure_about_is_settled_by_the_list() {
    on_each_engine(async |t: TestBackend| {
        let message = uncertain(&t, "Come at 3", "a").await;
        // Somebody else's, another text, and too late for it.
        let others = [
            went(1, 1, "Come at 3", "09:00:00", "delivered"),
            went(2, 0, "Come at 4", "09:00:00", "delivered"),
            went(3, 0, "Come at 3", "09:09:00", "delivered"),
        ];
        lists(&t.carrier, &[], &others).await;
        assert_eq!(reconcile::look_up(&t.backend).await.unwrap(), NOTHING, "an answer may be on its way");
        t.later(MINUTE * 3).await;
        assert_eq!(reconcile::look_up(&t.backend).await.unwrap(), NOTHING);
        assert_eq!(shown(&t, message.id).await.state, DeliveryState::Uncertain, "which proves nothing");

        let own = with(went(4, 0, "Come at 3", "09:00:01", "delivered"), &json!({ "price": "-0.0500" }));
        lists(&t.carrier, &[], &[&others[..], &[own][..]].concat()).await;
        assert_eq!(reconcile::look_up(&t.backend).await.unwrap(), Found { reports: 1, ..NOTHING });
        let settled = shown(&t, message.id).await;
        assert_eq!((settled.state, settled.failure), (DeliveryState::Delivered, None));
        assert_eq!(settled.price.map(|price| price.micros), Some(50_000));
        assert_eq!(reconcile::look_up(&t.backend).await.unwrap(), NOTHING);
        // A report that comes late knows the message.
        is_read(&t, &status(&t, &sid(4), "read")).await;
        assert_eq!(shown(&t, message.id).await.state, DeliveryState::Read);
        assert_eq!(t.count("SELECT COUNT(*) FROM delivery").await, 1, "nothing was sent again");
        assert_eq!(t.count("SELECT COUNT(*) FROM parked_status").await, 0, "what others sent is not kept");
        t
    })
    .await;
}

#[tokio::test]
async fn what_was_reported_of_an_unknown_id_counts_once_the_list_makes_it_known() {
    on_each_engine(async |t: TestBackend| {
        let message = uncertain(&t, "Come at 3", "a").await;
        is_read(&t, &status(&t, &sid(4), "delivered")).await;
        assert_eq!(t.count("SELECT COUNT(*) FROM parked_status").await, 1);
        lists(&t.carrier, &[], &[went(4, 0, "Come at 3", "09:00:01", "sent")]).await;
        t.later(MINUTE * 3).await;
        assert_eq!(reconcile::look_up(&t.backend).await.unwrap(), Found { reports: 1, ..NOTHING });
        assert_eq!(shown(&t, message.id).await.state, DeliveryState::Delivered);
        assert_eq!(t.count("SELECT COUNT(*) FROM parked_status").await, 0);
        t
    })
    .await;
}

#[tokio::test]
async fn two_equal_texts_stay_uncertain() {
    on_each_engine(async |t: TestBackend| {
        // Two requests and one message of the list.
        let (first, second) = (uncertain(&t, "Come at 3", "a").await, uncertain(&t, "Come at 3", "b").await);
        // One request and two messages of the list.
        let third = uncertain(&t, "Bring your card", "c").await;
        // A person has settled one of two.
        let (fourth, fifth) = (uncertain(&t, "Call us", "d").await, uncertain(&t, "Call us", "e").await);
        messages::resolve(&t.backend, &t.admin, fourth.id, false).await.unwrap();
        let list = [
            went(1, 0, "Come at 3", "09:00:01", "sent"),
            went(2, 0, "Bring your card", "09:00:01", "sent"),
            went(3, 0, "Bring your card", "09:00:02", "sent"),
            went(4, 0, "Call us", "09:00:02", "sent"),
        ];
        lists(&t.carrier, &[], &list).await;
        t.later(MINUTE * 10).await;
        assert_eq!(round(&t).await, NOTHING);
        for message in [&first, &second, &third, &fifth] {
            assert_eq!(shown(&t, message.id).await.state, DeliveryState::Uncertain, "{}", message.text);
        }
        assert_eq!(shown(&t, fourth.id).await.state, DeliveryState::Failed);
        t
    })
    .await;
}

#[tokio::test]
async fn a_state_that_nobody_reported_is_heard_from_the_list() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        t.run_jobs().await;
        lists(&t.carrier, &[], &[went(1000, 0, "Hello", "09:00:00", "sent")]).await;
        assert_eq!(round(&t).await, Found { reports: 1, ..NOTHING });
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Sent);
        is_read(&t, &status(&t, &sid(1000), "delivered")).await;
        assert_eq!(round(&t).await, NOTHING, "nothing goes backwards");
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Delivered);
        t
    })
    .await;
}

#[tokio::test]
async fn a_carrier_that_is_down_stops_nobody_and_is_asked_again() {
    on_each_engine(async |t: TestBackend| {
        let (down, other) = (MockServer::start().await, t.stranger().await);
        lines::create(&t.backend, &other, line("0491 570 110", &down)).await.unwrap();
        t.carrier.reset().await;
        answers(&t.carrier, LIST, ResponseTemplate::new(503)).await;
        t.later(MINUTE * 10).await;
        // Neither may be called: the one answers with an error, the other is no address that is allowed.
        assert_eq!(round(&t).await, Found { incomplete: 2, ..NOTHING });
        lists(&t.carrier, &[wrote(1, 0, "Hello?", "09:01:00")], &[]).await;
        assert_eq!(round(&t).await, Found { messages: 1, incomplete: 1, ..NOTHING });
        t.run_jobs().await;
        assert_eq!(newest_message(&t).await.text, "Hello?");
        t
    })
    .await;
}

#[tokio::test]
async fn a_list_that_breaks_off_is_used_as_far_as_it_went() {
    on_each_engine(async |t: TestBackend| {
        let message = uncertain(&t, "Come at 3", "a").await;
        let newer = wrote(2, 0, "On the first page", "09:04:00");
        let ours = [went(4, 0, "Come at 3", "09:00:01", "sent")];
        t.carrier.reset().await;
        let page = |messages: &[Value], next: Option<String>| {
            ResponseTemplate::new(200).set_body_json(json!({ "messages": messages, "next_page_uri": next }))
        };
        let asked = |name: &str, value: &str| {
            Mock::given(method("GET")).and(path(LIST)).and(query_param(name, value))
        };
        let first = page(std::slice::from_ref(&newer), Some(format!("{LIST}?Page=1")));
        asked("To", LINE).respond_with(first).with_priority(1).mount(&t.carrier).await;
        asked("Page", "1").respond_with(ResponseTemplate::new(503)).mount(&t.carrier).await;
        asked("From", LINE).respond_with(page(&ours, None)).with_priority(1).mount(&t.carrier).await;
        answers(&t.carrier, LIST, page(&[], None)).await;
        t.later(MINUTE * 10).await;
        assert_eq!(round(&t).await, Found { messages: 1, incomplete: 1, ..NOTHING });
        t.run_jobs().await;
        assert_eq!(newest_message(&t).await.text, "On the first page");
        assert_eq!(shown(&t, message.id).await.state, DeliveryState::Uncertain, "another one may be alike");

        lists(&t.carrier, &[newer, wrote(1, 1, "On the second one", "09:03:00")], &ours).await;
        assert_eq!(round(&t).await, Found { messages: 1, reports: 1, incomplete: 0 });
        assert_eq!(shown(&t, message.id).await.state, DeliveryState::Sent);
        t
    })
    .await;
}

#[tokio::test]
async fn organisations_with_one_account_at_a_carrier_are_not_mixed() {
    on_each_engine(async |t: TestBackend| {
        let other = t.stranger().await;
        lines::create(&t.backend, &other, line(LINE, &t.carrier)).await.unwrap();
        is_read(&t, &text(&t, 1, 0, "For the clinic")).await;
        carrier_accepts(&t).await;
        messages::send(&t.backend, &t.admin, &to(0), &draft("From the clinic", "a")).await.unwrap();
        t.run_jobs().await;
        let sent = [went(1000, 0, "From the clinic", "09:00:00", "accepted")];
        lists(&t.carrier, &[wrote(1, 0, "For the clinic", "09:00:00")], &sent).await;
        t.later(MINUTE * 10).await;
        assert_eq!(round(&t).await, NOTHING);
        t.run_jobs().await;
        let inbox = conversations::list(&t.backend, &other, &InboxQuery::default()).await.unwrap();
        assert!(inbox.items.is_empty());
        assert_eq!(t.count("SELECT COUNT(*) FROM message").await, 2);
        t
    })
    .await;
}

pub(crate) const LIST: &str = "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json";

pub(crate) async fn round(t: &TestBackend) -> Found {
    reconcile::run(&t.backend).await.unwrap()
}

/// A message whose request the carrier did not answer.
async fn uncertain(t: &TestBackend, text: &str, client_id: &str) -> MessageView {
    carrier_answers(t, |_| ResponseTemplate::new(500)).await;
    let message = messages::send(&t.backend, &t.admin, &to(0), &draft(text, client_id)).await.unwrap();
    t.run_jobs().await;
    let message = shown(t, message.id).await;
    assert_eq!(message.state, DeliveryState::Uncertain);
    message
}

/// From now on the carrier lists these messages to the line and from it.
pub(crate) async fn lists(carrier: &MockServer, inbound: &[Value], outbound: &[Value]) {
    carrier.reset().await;
    for (side, messages) in [("To", inbound), ("From", outbound)] {
        let page = json!({ "messages": messages, "next_page_uri": null });
        let asked = Mock::given(method("GET")).and(path(LIST)).and(query_param(side, LINE));
        asked
            .respond_with(ResponseTemplate::new(200).set_body_json(page))
            .with_priority(1)
            .mount(carrier)
            .await;
    }
    let nothing = json!({ "messages": [], "next_page_uri": null });
    answers(carrier, LIST, ResponseTemplate::new(200).set_body_json(nothing)).await;
}

pub(crate) async fn answers(carrier: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(carrier).await;
}

/// Patient `from` wrote to the line, at a time of the story's day.
pub(crate) fn wrote(n: u32, from: usize, text: &str, time: &str) -> Value {
    let from = fictitious_number(from);
    json!({
        "sid": sid(n), "direction": "inbound", "status": "received", "num_media": "0", "from": from.as_e164(),
        "to": LINE, "body": text, "date_created": format!("Mon, 02 Mar 2026 {time} +0000"), "error_code": null,
        "price": null, "price_unit": "USD",
    })
}

/// The line sent to patient `to`.
fn went(n: u32, to: usize, text: &str, time: &str, state: &str) -> Value {
    let to = fictitious_number(to);
    let sent = json!({ "direction": "outbound-api", "status": state, "from": LINE, "to": to.as_e164() });
    with(wrote(n, 0, text, time), &sent)
}

/// A message with something else about it.
pub(crate) fn with(mut message: Value, particular: &Value) -> Value {
    for (name, value) in particular.as_object().unwrap() {
        message[name] = value.clone();
    }
    message
}

/// Another line at the same account.
fn line(number: &str, carrier: &MockServer) -> lines::NewLine {
    lines::NewLine {
        name: "Second".to_owned(),
        number: number.to_owned(),
        provider: ProviderKind::Twilio,
        credentials: json!({
            "account_sid": TWILIO_ACCOUNT,
            "auth_token": backend::testing::TWILIO_TOKEN,
            "api_base": carrier.uri(),
        }),
    }
}
