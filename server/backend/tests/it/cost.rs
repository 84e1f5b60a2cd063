//! What messages cost: by the tariff until the carrier tells, and nothing for what it never took.

use crate::photos::{jpeg, uploads};
use crate::sending::with_settings;
use crate::twilio::*;
use backend::lines::{self, NewLine};
use backend::providers::{WebhookKind, WebhookRequest};
use backend::testing::{APP_URL, TestBackend, on_each_engine};
use backend::{conversations, inbox, messages};
use model::MessageId;
use model::conversation::ThreadFrom;
use model::line::{Currency, Price, ProviderKind};
use model::message::{DeliveryState, Draft};
use model::staff::Role;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

/// The organisation's contract with the carrier of its line: 5 cents a part, 25 an MMS, 1 for a part that comes in.
pub(crate) async fn has_a_contract(t: &TestBackend) {
    t.alter(
        r#"UPDATE line_account SET tariff =
           '{"currency": "AUD", "sms": 50000, "mms": 250000, "whatsapp": null, "sms_in": 10000, "mms_in": null}'
           WHERE provider = 'twilio'"#,
    )
    .await;
}

/// In Australian dollars.
fn aud(micros: i64) -> Option<Price> {
    Some(Price { micros, currency: Currency::Aud })
}

/// What a message costs as it is shown, and whether that is by the tariff.
async fn price(t: &TestBackend, id: MessageId) -> (Option<Price>, bool) {
    let message = shown(t, id).await;
    (message.price, message.price_estimated)
}

/// A line with another carrier, from which everything leaves from now on. Its webhooks need no signature.
async fn moves_to(t: &TestBackend, provider: ProviderKind, credentials: Value) -> String {
    let new = NewLine {
        name: provider.label().to_owned(),
        number: "0491 570 313".to_owned(),
        provider,
        credentials,
    };
    let line = lines::create(&t.backend, &t.admin, new).await.unwrap();
    lines::set_default(&t.backend, &t.admin, line.id).await.unwrap();
    t.alter("UPDATE line_account SET verification = 'off'").await;
    line.accounts[0].inbound_url.rsplit('/').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn a_message_costs_what_the_contract_says_from_when_the_carrier_takes_it() {
    on_each_engine(async |t: TestBackend| {
        has_a_contract(&t).await;
        let parts = |n: u32| json!({"sid": sid(n), "status": "accepted", "num_segments": "3"});
        carrier_answers(&t, move |_| ResponseTemplate::new(201).set_body_json(parts(1))).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("A long text", "a")).await.unwrap();
        assert_eq!((sent.price, sent.price_estimated), (None, false), "nobody has taken it yet");
        t.run_jobs().await;
        assert_eq!(price(&t, sent.id).await, (aud(150_000), true), "three parts, as the carrier counted");

        carrier_accepts(&t).await;
        let mut ids = Vec::new();
        for shade in 0..10 {
            ids.push(uploads(&t, &format!("{shade}.jpg"), &jpeg(shade)).await.unwrap().media_id);
        }
        let scans = Draft { attachments: ids, ..draft("Your scans", "b") };
        let scans = messages::send(&t.backend, &t.admin, &to(0), &scans).await.unwrap();
        t.run_jobs().await;
        assert_eq!(price(&t, scans.id).await, (aud(250_000), true), "one MMS, however many pictures");
        t
    })
    .await;
}

#[tokio::test]
async fn what_the_carrier_never_took_costs_nothing() {
    on_each_engine(async |mut t: TestBackend| {
        has_a_contract(&t).await;
        carrier_answers(&t, |_| refused(21211)).await;
        let refused = messages::send(&t.backend, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(shown(&t, refused.id).await.state, DeliveryState::Failed);
        assert_eq!(price(&t, refused.id).await, (None, false));

        carrier_answers(&t, |_| ResponseTemplate::new(502)).await;
        let lost = messages::send(&t.backend, &t.admin, &to(0), &draft("Hello?", "b")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(price(&t, lost.id).await, (None, false), "nobody knows yet");
        messages::resolve(&t.backend, &t.admin, lost.id, true).await.unwrap();
        assert_eq!(price(&t, lost.id).await, (aud(50_000), true), "it arrived, so the carrier had it");

        t.backend = with_settings(&t.backend, |settings| settings.mock_mode = true);
        let pretended = messages::send(&t.backend, &t.admin, &to(0), &draft("Hello!", "c")).await.unwrap();
        t.alter("UPDATE delivery SET state = 'uncertain', marked_at = 1 WHERE mock").await;
        messages::resolve(&t.backend, &t.admin, pretended.id, true).await.unwrap();
        assert_eq!(price(&t, pretended.id).await, (None, false), "no carrier had it");
        t
    })
    .await;
}

#[tokio::test]
async fn a_report_of_a_lost_answer_tells_that_it_was_taken() {
    on_each_engine(async |t: TestBackend| {
        has_a_contract(&t).await;
        carrier_answers(&t, |_| ResponseTemplate::new(502)).await;
        let sent = messages::send(&t.backend, &t.admin, &to(1), &draft("Come at 3", "a")).await.unwrap();
        t.run_jobs().await;
        let asked = &t.carrier.received_requests().await.unwrap()[0];
        let mut fields = url::form_urlencoded::parse(&asked.body).into_owned();
        let (_, callback) = fields.find(|(name, _)| name == "StatusCallback").unwrap();
        let callback = callback.split('#').next().unwrap().to_owned();
        let id = sid(7);
        let news = [("MessageSid", id.as_str()), ("MessageStatus", "sent")];
        let token = backend::testing::TWILIO_TOKEN;
        is_read(&t, &signed_with(token, WebhookKind::Status, callback, &news)).await;
        assert_eq!(price(&t, sent.id).await, (aud(50_000), true));
        t
    })
    .await;
}

#[tokio::test]
async fn a_price_that_the_carrier_tells_at_once_goes_before_the_contract() {
    on_each_engine(async |t: TestBackend| {
        let credentials =
            json!({"username": "clinic", "api_key": "0123456789ABCDEF", "api_base": t.carrier.uri()});
        moves_to(&t, ProviderKind::ClickSend, credentials).await;
        t.alter(r#"UPDATE line_account SET tariff = '{"currency": "USD", "sms": 1}'"#).await;
        let taken = json!({
            "response_code": "SUCCESS",
            "data": {
                "queued_count": 1,
                "messages": [{"message_id": "BF7AD270", "message_parts": 1, "message_price": "0.0792", "status": "SUCCESS"}],
                "_currency": {"currency_name_short": "AUD"}
            }
        });
        let answer = ResponseTemplate::new(200).set_body_json(taken);
        Mock::given(method("POST")).and(path("/v3/sms/send")).respond_with(answer).mount(&t.carrier).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(price(&t, sent.id).await, (aud(79_200), false));
        t
    })
    .await;
}

/// Telnyx tells how far a message has come, and what it cost.
fn telnyx_says(line_key: &str, id: &str, word: &str, amount: &str) -> WebhookRequest {
    let event = json!({"data": {
        "event_type": "message.finalized",
        "id": format!("{id}-{word}"),
        "payload": {
            "id": id,
            "direction": "outbound",
            "to": [{"status": word}],
            "cost": {"amount": amount, "currency": "USD"},
        },
    }});
    WebhookRequest {
        kind: WebhookKind::Status,
        method: "POST".to_owned(),
        url: format!("{APP_URL}/webhooks/telnyx/{line_key}/status"),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: event.to_string().into_bytes(),
        received_at: 0,
        client: None,
    }
}

#[tokio::test]
async fn a_later_report_of_the_price_corrects_it_also_when_it_came_too_early() {
    on_each_engine(async |t: TestBackend| {
        let credentials = json!({
            "api_key": "KEY0123", "public_key": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
            "api_base": t.carrier.uri(),
        });
        let line_key = moves_to(&t, ProviderKind::Telnyx, credentials).await;
        t.alter(r#"UPDATE line_account SET tariff = '{"currency": "USD", "sms": 4000}'"#).await;
        let takes = async |id: &str| {
            t.carrier.reset().await;
            let taken = json!({"data": {"id": id, "to": [{"status": "queued"}], "parts": 2}});
            let answer = ResponseTemplate::new(200).set_body_json(taken);
            Mock::given(method("POST")).and(path("/messages")).respond_with(answer).mount(&t.carrier).await;
        };
        let says = async |id: &str, word: &str, amount: &str| {
            let request = telnyx_says(&line_key, id, word, amount);
            inbox::accept(&t.backend, ProviderKind::Telnyx, &line_key, &request).await.unwrap();
            t.run_jobs().await;
        };
        let usd = |micros| Some(Price { micros, currency: Currency::Usd });

        takes("first").await;
        let first = messages::send(&t.backend, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(price(&t, first.id).await, (usd(8_000), true), "two parts");
        says("first", "delivered", "0.0102").await;
        assert_eq!(price(&t, first.id).await, (usd(10_200), false));

        takes("second").await;
        says("second", "sent", "0.0051").await;
        let second = messages::send(&t.backend, &t.admin, &to(0), &draft("Hello?", "b")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(price(&t, second.id).await, (usd(5_100), false));
        t.later(std::time::Duration::from_secs(60)).await;
        t
    })
    .await;
}

#[tokio::test]
async fn whoever_sees_no_reports_sees_no_prices_in_conversations_either() {
    on_each_engine(async |t: TestBackend| {
        has_a_contract(&t).await;
        carrier_accepts(&t).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        t.run_jobs().await;
        for (role, sees) in [(Role::Viewer, false), (Role::Staff, true)] {
            let caller = t.colleague(role).await;
            let one = conversations::message(&t.backend, &caller, sent.id).await.unwrap();
            let thread =
                conversations::thread(&t.backend, &caller, sent.conversation_id, &ThreadFrom::Newest);
            let listed = thread.await.unwrap().messages.remove(0);
            for message in [one, listed] {
                assert_eq!((message.price.is_some(), message.price_estimated), (sees, sees), "{role:?}");
            }
            let view = conversations::get(&t.backend, &caller, sent.conversation_id).await.unwrap();
            let routes = view.can_send.line.unwrap().routes;
            assert_eq!(routes[0].tariff.is_some(), sees, "{role:?}");
        }
        t
    })
    .await;
}
