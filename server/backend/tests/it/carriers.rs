//! Lines with several carriers: one thread, the cheapest way, the next one after a refusal, and never after an unknown
//! outcome.

use crate::photos::{jpeg, uploads};
use crate::twilio::{
    accepted, draft, failure, inbox_ids, is_read, refused, shown, sid, status, text, texts, to,
};
use backend::inbox::{self, Accepted};
use backend::lines::{self, AccountChange, NewAccount, NewLine, Prices};
use backend::providers::{WebhookKind, WebhookRequest};
use backend::testing::{TWILIO_ACCOUNT, TestBackend, fictitious_number, on_each_engine};
use backend::{conversations, messages};
use model::line::{Currency, LineView, ProviderKind, Tariff};
use model::message::{DeliveryState, Draft, Recipient};
use model::staff::Role;
use model::{AttachmentId, FailureCode, LineAccountId};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use wiremock::matchers::{method, path};
use wiremock::{Mock, Request, ResponseTemplate};

const MINUTE: Duration = Duration::from_secs(60);

/// The story's line with MessageMedia beside Twilio.
pub(crate) async fn two_carriers(t: &TestBackend) -> LineView {
    let line = lines::list(&t.backend, &t.admin).await.unwrap().remove(0);
    let credentials = json!({"api_key": "key", "api_secret": "secret", "api_base": t.carrier.uri()});
    let new = NewAccount { provider: ProviderKind::MessageMedia, credentials };
    lines::add_account(&t.backend, &t.admin, line.id, new).await.unwrap()
}

pub(crate) fn account(line: &LineView, provider: ProviderKind) -> LineAccountId {
    let mut accounts = line.accounts.iter().map(|account| &account.route);
    accounts.find(|route| route.provider == provider).unwrap().account_id
}

/// What Twilio answers; MessageMedia takes everything, under ids that end with the number of the message.
pub(crate) async fn twilio_answers(
    t: &TestBackend,
    answer: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static,
) {
    t.carrier.reset().await;
    let messages = format!("/2010-04-01/Accounts/{TWILIO_ACCOUNT}/Messages.json");
    Mock::given(method("POST")).and(path(messages)).respond_with(answer).mount(&t.carrier).await;
    let next = AtomicU32::new(1);
    let taken = move |_: &Request| {
        let id = media_id(next.fetch_add(1, Ordering::SeqCst));
        ResponseTemplate::new(202)
            .set_body_json(json!({"messages": [{"message_id": id, "status": "queued"}]}))
    };
    Mock::given(method("POST")).and(path("/v1/messages")).respond_with(taken).mount(&t.carrier).await;
}

pub(crate) async fn both_accept(t: &TestBackend) {
    let next = AtomicU32::new(1000);
    twilio_answers(t, move |_| accepted(&sid(next.fetch_add(1, Ordering::SeqCst)))).await;
}

/// MessageMedia's id of the n-th message.
pub(crate) fn media_id(n: u32) -> String {
    format!("877c19ef-fa2e-4cec-827a-{n:012}")
}

/// Whom the story's carriers were asked by, in order.
pub(crate) async fn asked(t: &TestBackend) -> Vec<ProviderKind> {
    let requests = t.carrier.received_requests().await.unwrap();
    let carrier = |request: &Request| match request.url.path() {
        "/v1/messages" => ProviderKind::MessageMedia,
        _ => ProviderKind::Twilio,
    };
    requests.iter().map(carrier).collect()
}

/// Bytes of the first picture of each request to the story's carriers, in order.
pub(crate) async fn offered(t: &TestBackend) -> Vec<u64> {
    let mut sizes = Vec::new();
    for request in t.carrier.received_requests().await.unwrap() {
        let link = match request.url.path() {
            "/v1/messages" => {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                body["messages"][0]["media"][0].as_str().unwrap().to_owned()
            }
            _ => {
                let mut fields = url::form_urlencoded::parse(&request.body);
                fields.find(|(name, _)| name == "MediaUrl").unwrap().1.into_owned()
            }
        };
        sizes.push(crate::photos::opened(&t.backend, &link).await.unwrap().1.len() as u64);
    }
    sizes
}

/// MessageMedia calls one of a line's addresses.
pub(crate) async fn media_calls(t: &TestBackend, address: &str, body: Value) -> Accepted {
    let url: url::Url = address.parse().unwrap();
    let mut path = url.path_segments().unwrap();
    let (line_key, kind) = (path.nth(2).unwrap().to_owned(), path.next().unwrap().to_owned());
    let request = WebhookRequest {
        kind: if kind == "inbound" { WebhookKind::Inbound } else { WebhookKind::Status },
        method: "POST".to_owned(),
        url: address.to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_string().into_bytes(),
        received_at: 0,
        client: Some("203.0.113.7".parse().unwrap()),
    };
    inbox::accept(&t.backend, ProviderKind::MessageMedia, &line_key, &request).await.unwrap()
}

/// Patient `from` writes, and MessageMedia brings it.
pub(crate) fn written(n: u32, from: usize, words: &str) -> Value {
    let from = fictitious_number(from);
    json!({
        "reply_id": media_id(900 + n), "source_number": from.as_e164(), "destination_number": "+61491570006",
        "content": words,
    })
}

pub(crate) fn reported(n: u32, word: &str) -> Value {
    json!({"delivery_report_id": media_id(800 + n), "message_id": media_id(n), "status": word})
}

pub(crate) fn tariff(sms: i64, mms: i64) -> Prices {
    Prices::Own(Tariff {
        currency: Currency::Aud,
        sms: Some(sms),
        mms: Some(mms),
        whatsapp: None,
        sms_in: None,
        mms_in: None,
    })
}

pub(crate) async fn costs(t: &TestBackend, account: LineAccountId, prices: Prices) {
    let change = AccountChange { prices: Some(prices), ..AccountChange::default() };
    lines::update_account(&t.backend, &t.admin, account, change).await.unwrap();
}

/// Twilio's text is the cheaper one, MessageMedia's pictures are.
pub(crate) async fn usual_prices(t: &TestBackend, line: &LineView) {
    costs(t, account(line, ProviderKind::Twilio), tariff(50_000, 500_000)).await;
    costs(t, account(line, ProviderKind::MessageMedia), tariff(70_000, 300_000)).await;
}

pub(crate) fn with(attachments: Vec<AttachmentId>, text: &str, client_id: &str) -> Draft {
    Draft { attachments, ..draft(text, client_id) }
}

#[tokio::test]
async fn two_carriers_of_one_number_make_one_thread() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        both_accept(&t).await;
        is_read(&t, &text(&t, 1, 0, "Through Twilio")).await;
        t.backend.clock.advance(MINUTE);
        let inbound = &line.accounts[1].inbound_url;
        assert_eq!(
            media_calls(&t, inbound, written(1, 0, "Through MessageMedia")).await,
            Accepted::Journalled
        );
        assert_eq!(media_calls(&t, inbound, written(1, 0, "Through MessageMedia")).await, Accepted::Repeated);
        t.run_jobs().await;
        let [thread] = inbox_ids(&t).await[..] else { panic!("one conversation") };
        assert_eq!(texts(&t, thread).await, ["Through Twilio", "Through MessageMedia"]);

        // Text leaves through the one, pictures through the other.
        t.backend.clock.advance(MINUTE);
        let photo = uploads(&t, "knee.jpg", &jpeg(1)).await.unwrap().media_id;
        let to = Recipient::Conversation(thread);
        let sms = messages::send(&t.backend, &t.admin, &to, &draft("Come at 3", "a")).await.unwrap();
        let mms =
            messages::send(&t.backend, &t.admin, &to, &with(vec![photo], "Your knee", "b")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::Twilio, ProviderKind::MessageMedia]);
        // A report finds its message through either.
        is_read(&t, &status(&t, &sid(1000), "delivered")).await;
        media_calls(&t, &line.accounts[1].status_url, reported(1, "delivered")).await;
        t.run_jobs().await;
        for (sent, carrier) in [(sms, ProviderKind::Twilio), (mms, ProviderKind::MessageMedia)] {
            let sent = shown(&t, sent.id).await;
            assert_eq!((sent.state, sent.carrier), (DeliveryState::Delivered, Some(carrier)));
            assert_eq!(sent.line_id, Some(line.id));
        }
        t
    })
    .await;
}

#[tokio::test]
async fn a_pin_goes_before_the_price_where_it_can_carry_the_message() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        both_accept(&t).await;
        let (b, admin) = (&t.backend, &t.admin);
        let sends = async |id: &str| {
            messages::send(b, admin, &to(0), &draft("Hello", id)).await.unwrap();
            t.run_jobs().await;
            asked(&t).await.pop().unwrap()
        };
        assert_eq!(sends("a").await, ProviderKind::Twilio);
        let media = account(&line, ProviderKind::MessageMedia);
        let pinned = lines::pin(b, admin, line.id, Some(media)).await.unwrap();
        assert!(pinned.accounts[1].route.pinned && !pinned.accounts[0].route.pinned);
        assert_eq!(sends("b").await, ProviderKind::MessageMedia);
        lines::pin(b, admin, line.id, None).await.unwrap();
        assert_eq!(sends("c").await, ProviderKind::Twilio);
        let stranger = t.stranger().await;
        assert_eq!(failure(lines::pin(b, &stranger, line.id, Some(media)).await).code, FailureCode::NotFound);
        assert_eq!(failure(lines::pin(b, &stranger, line.id, None).await).code, FailureCode::NotFound);
        t
    })
    .await;
}

#[tokio::test]
async fn another_number_is_offered_and_never_taken_without_being_asked_for() {
    on_each_engine(async |t: TestBackend| {
        let (b, admin) = (&t.backend, &t.admin);
        both_accept(&t).await;
        is_read(&t, &text(&t, 1, 0, "Can you send me the scan?")).await;
        let thread = Recipient::Conversation(inbox_ids(&t).await[0]);
        let new = NewLine {
            name: "Radiology".to_owned(),
            number: "0491 573 770".to_owned(),
            provider: ProviderKind::MessageMedia,
            credentials: json!({"api_key": "key", "api_secret": "secret", "api_base": t.carrier.uri()}),
        };
        let other = lines::create(b, admin, new).await.unwrap();
        // However much better the other one would be.
        costs(&t, other.accounts[0].route.account_id, tariff(1, 1)).await;
        lines::set_default(b, admin, other.id).await.unwrap();
        messages::send(b, admin, &thread, &draft("One moment", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::Twilio]);
        let view = conversations::get(b, admin, inbox_ids(&t).await[0]).await.unwrap().can_send;
        assert_eq!(view.line.unwrap().number.as_e164(), "+61491570006");
        let offer = &view.offers[0];
        assert_eq!((view.offers.len(), offer.id, offer.number.as_e164()), (1, other.id, "+61491573770"));

        t.backend.clock.advance(MINUTE);
        let through = |line, id: &str| Draft { line: Some(line), ..draft("From radiology", id) };
        let sent = messages::send(b, admin, &thread, &through(other.id, "b")).await.unwrap();
        assert_eq!(sent.line_id, Some(other.id));
        let same = messages::send(b, admin, &thread, &through(other.id, "b")).await.unwrap();
        assert_eq!(same.id, sent.id);
        // With one id, another number is another message.
        let other_message = messages::send(b, admin, &thread, &draft("From radiology", "b")).await;
        assert_eq!(failure(other_message).code, FailureCode::Conflict);
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::Twilio, ProviderKind::MessageMedia]);
        // It was asked for once: the next message leaves from the number that the patient wrote to.
        t.backend.clock.advance(MINUTE);
        let next = messages::send(b, admin, &thread, &draft("Anything else?", "next")).await.unwrap();
        assert_ne!(next.line_id, Some(other.id));
        t.run_jobs().await;
        assert_eq!(asked(&t).await.last(), Some(&ProviderKind::Twilio));
        let foreign = through(model::LineId(uuid::Uuid::from_u128(7)), "c");
        assert_eq!(
            failure(messages::send(b, admin, &thread, &foreign).await).field.as_deref(),
            Some("line_id")
        );
        // Nothing is offered to who may not send.
        let viewer = t.colleague(Role::Viewer).await;
        let view = conversations::get(b, &viewer, inbox_ids(&t).await[0]).await.unwrap().can_send;
        assert!(view.blocked.is_some() && view.offers.is_empty());
        t
    })
    .await;
}

#[tokio::test]
async fn a_patient_who_never_wrote_knows_the_number_that_they_were_written_to_from() {
    on_each_engine(async |t: TestBackend| {
        let (b, admin) = (&t.backend, &t.admin);
        let usual = lines::list(b, admin).await.unwrap().remove(0).id;
        let new = NewLine {
            name: "Radiology".to_owned(),
            number: "0491 573 770".to_owned(),
            provider: ProviderKind::MessageMedia,
            credentials: json!({"api_key": "key", "api_secret": "secret", "api_base": t.carrier.uri()}),
        };
        let other = lines::create(b, admin, new).await.unwrap().id;
        let sends = async |patient: usize, id: &str, line: Option<model::LineId>| {
            t.backend.clock.advance(MINUTE);
            let draft = Draft { line, ..draft("Hello", id) };
            let sent = messages::send(b, admin, &to(patient), &draft).await.unwrap();
            t.run_jobs().await;
            sent.line_id.unwrap()
        };
        // What certainly never left made nothing known.
        twilio_answers(&t, |_| refused(21211)).await;
        assert_eq!(sends(2, "a", None).await, usual);
        both_accept(&t).await;
        lines::set_default(b, admin, other).await.unwrap();
        assert_eq!(sends(2, "b", None).await, other);

        lines::set_default(b, admin, usual).await.unwrap();
        assert_eq!(sends(0, "c", None).await, usual);
        assert_eq!(sends(0, "d", Some(other)).await, other);
        assert_eq!(sends(0, "e", None).await, usual, "one press does not stick");
        // Where nothing else ever reached the patient, it is the number that they know.
        assert_eq!(sends(1, "f", Some(other)).await, other);
        assert_eq!(sends(1, "g", None).await, other);
        t
    })
    .await;
}

#[tokio::test]
async fn the_thread_goes_on_when_the_carrier_is_switched() {
    on_each_engine(async |t: TestBackend| {
        let (b, admin) = (&t.backend, &t.admin);
        both_accept(&t).await;
        is_read(&t, &text(&t, 1, 0, "Hello")).await;
        let id = inbox_ids(&t).await[0];
        let thread = Recipient::Conversation(id);
        t.backend.clock.advance(MINUTE);
        let before = messages::send(b, admin, &thread, &draft("Before", "a")).await.unwrap();
        t.run_jobs().await;
        let line = two_carriers(&t).await;
        let twilio = account(&line, ProviderKind::Twilio);
        t.backend.clock.advance(MINUTE);
        // Written before the switch, sent after it: through the carrier that is there.
        costs(&t, twilio, tariff(1, 1)).await;
        let during = messages::send(b, admin, &thread, &draft("During", "b")).await.unwrap();
        let line = lines::remove_account(b, admin, twilio).await.unwrap();
        assert_eq!(line.accounts.len(), 1);
        t.run_jobs().await;
        let during = shown(&t, during.id).await;
        assert_eq!(
            (during.state, during.carrier),
            (DeliveryState::Accepted, Some(ProviderKind::MessageMedia))
        );
        // What the old carrier still brings is heard.
        is_read(&t, &status(&t, &sid(1000), "delivered")).await;
        assert_eq!(shown(&t, before.id).await.state, DeliveryState::Delivered);
        is_read(&t, &text(&t, 2, 0, "Late, through the old one")).await;
        t.backend.clock.advance(MINUTE);
        media_calls(&t, &line.accounts[0].inbound_url, written(2, 0, "Through the new one")).await;
        t.run_jobs().await;
        assert_eq!(inbox_ids(&t).await, [id]);
        let all = texts(&t, id).await;
        assert_eq!(all.len(), 5, "{all:?}");

        let only = account(&line, ProviderKind::MessageMedia);
        assert_eq!(failure(lines::remove_account(b, admin, only).await).code, FailureCode::Conflict);
        // Back again, under a new secret and at the carrier's usual pace.
        let credentials =
            json!({"account_sid": TWILIO_ACCOUNT, "auth_token": "token_of_the_new_account_0123456"});
        let back = NewAccount { provider: ProviderKind::Twilio, credentials };
        let line = lines::add_account(b, admin, line.id, back).await.unwrap();
        assert_eq!((account(&line, ProviderKind::Twilio), line.accounts[0].pause_ms), (twilio, None));
        let credentials = json!({"api_key": "key", "api_secret": "secret"});
        let twice = NewAccount { provider: ProviderKind::MessageMedia, credentials };
        let twice = failure(lines::add_account(b, admin, line.id, twice).await);
        assert_eq!(twice.field.as_deref(), Some("provider"));
        t
    })
    .await;
}

#[tokio::test]
async fn the_simulator_gives_its_place_to_a_real_carrier_and_takes_none() {
    on_each_engine(async |t: TestBackend| {
        let (b, admin) = (&t.backend, &t.admin);
        let new = NewLine {
            name: "To try it".to_owned(),
            number: "0491 573 770".to_owned(),
            provider: ProviderKind::Simulator,
            credentials: Value::Null,
        };
        let line = lines::create(b, admin, new).await.unwrap();
        lines::set_default(b, admin, line.id).await.unwrap();
        let tried = messages::send(b, admin, &to(0), &draft("Only a test", "a")).await.unwrap();
        lines::pin(b, admin, line.id, Some(line.accounts[0].route.account_id)).await.unwrap();
        let credentials = json!({"api_key": "key", "api_secret": "secret", "api_base": t.carrier.uri()});
        let real = NewAccount { provider: ProviderKind::MessageMedia, credentials };
        let line = lines::add_account(b, admin, line.id, real).await.unwrap();
        let behind: Vec<_> = line.accounts.iter().map(|account| account.route.provider).collect();
        assert_eq!(behind, [ProviderKind::MessageMedia]);
        // What was meant for a simulated phone rings no real one, also not when it is tried again.
        both_accept(&t).await;
        t.run_jobs().await;
        messages::retry(b, admin, tried.id).await.unwrap();
        t.run_jobs().await;
        assert!(asked(&t).await.is_empty());
        assert_eq!(shown(&t, tried.id).await.state, DeliveryState::Failed);
        // The thread goes on.
        t.backend.clock.advance(MINUTE);
        let sent = messages::send(b, admin, &to(0), &draft("Come at 3", "b")).await.unwrap();
        assert_eq!(sent.conversation_id, tried.conversation_id);
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::MessageMedia]);

        let simulator = || NewAccount { provider: ProviderKind::Simulator, credentials: Value::Null };
        let refused = failure(lines::add_account(b, admin, line.id, simulator()).await);
        assert_eq!((refused.code, refused.field.as_deref()), (FailureCode::Invalid, Some("provider")));
        assert!(refused.message.contains("a line of its own"), "{}", refused.message);

        // A server that only pretended to send may have made them neighbours: they stay apart.
        let pretending = crate::sending::with_settings(b, |settings| settings.mock_mode = true);
        lines::add_account(&pretending, admin, line.id, simulator()).await.unwrap();
        t.carrier.reset().await;
        let refusal = ResponseTemplate::new(401).set_body_json(json!({"message": "Unauthorized"}));
        Mock::given(path("/v1/messages")).respond_with(refusal).mount(&t.carrier).await;
        let sent = messages::send(b, admin, &to(0), &draft("Come at 4", "c")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::MessageMedia]);
        let failed = shown(&t, sent.id).await;
        assert_eq!((failed.state, failed.carrier), (DeliveryState::Failed, Some(ProviderKind::MessageMedia)));
        t
    })
    .await;
}

#[tokio::test]
async fn what_no_carrier_can_carry_is_refused_with_the_reasons() {
    on_each_engine(async |t: TestBackend| {
        let new = NewLine {
            name: "Text only".to_owned(),
            number: "0491 573 770".to_owned(),
            provider: ProviderKind::SmsBroadcast,
            credentials: json!({"username": "user", "password": "secret"}),
        };
        let line = lines::create(&t.backend, &t.admin, new).await.unwrap();
        let telnyx = json!({"api_key": "key", "public_key": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="});
        let telnyx = NewAccount { provider: ProviderKind::Telnyx, credentials: telnyx };
        lines::add_account(&t.backend, &t.admin, line.id, telnyx).await.unwrap();
        let photo = uploads(&t, "knee.jpg", &jpeg(1)).await.unwrap().media_id;
        let send = async |draft: Draft| {
            let draft = Draft { line: Some(line.id), ..draft };
            messages::send(&t.backend, &t.admin, &to(0), &draft).await
        };
        let refused = failure(send(with(vec![photo], "", "a")).await);
        assert_eq!(refused.code, FailureCode::CannotSend);
        assert!(refused.message.contains("SMS Broadcast cannot send pictures"), "{}", refused.message);
        assert!(refused.message.contains("Telnyx cannot send pictures with numbers"), "{}", refused.message);
        // Six parts are too many for the one, and not for the other.
        let sent = send(draft(&"x".repeat(800), "b")).await.unwrap();
        assert_eq!(sent.carrier, Some(ProviderKind::Telnyx));
        t
    })
    .await;
}

#[tokio::test]
async fn while_the_server_only_pretends_the_simulator_stands_in_for_all() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        let media = account(&line, ProviderKind::MessageMedia);
        lines::pin(&t.backend, &t.admin, line.id, Some(media)).await.unwrap();
        let pretending = crate::sending::with_settings(&t.backend, |settings| settings.mock_mode = true);
        let sent = messages::send(&pretending, &t.admin, &to(0), &draft("Only a test", "a")).await.unwrap();
        assert_eq!(sent.carrier, Some(ProviderKind::Simulator));
        // Reports come through the simulator's door, which leads to the line's first account.
        let through_first = t
            .count("SELECT COUNT(*) FROM delivery d JOIN line_account a ON a.id = d.account_id WHERE a.provider = 'twilio'")
            .await;
        assert_eq!(through_first, 1);
        t
    })
    .await;
}
