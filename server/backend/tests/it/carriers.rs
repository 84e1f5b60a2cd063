//! Lines with several carriers: one thread, the cheapest way, the next one after a refusal, and never after an unknown
//! outcome.

use crate::photos::{jpeg, uploads};
use crate::twilio::{
    accepted, arrives, asked_to_send, draft, failed_status, failure, inbox_ids, is_read, refused, shown, sid,
    status, text, texts, to,
};
use backend::inbox::{self, Accepted};
use backend::lines::{self, AccountChange, NewAccount, NewLine, Prices};
use backend::providers::{Http, Netguard, WebhookKind, WebhookRequest};
use backend::testing::{TWILIO_ACCOUNT, TestBackend, fictitious_number, on_each_engine};
use backend::{Backend, Parts, conversations, live, messages};
use model::line::{Currency, LineView, ProviderKind, Tariff, Verification};
use model::message::{DeliveryState, Draft, Recipient};
use model::staff::Role;
use model::{AttachmentId, FailureCode, LineAccountId};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use wiremock::matchers::{method, path};
use wiremock::{Mock, Request, ResponseTemplate};

const MINUTE: Duration = Duration::from_secs(60);

/// The story's line with MessageMedia beside Twilio.
async fn two_carriers(t: &TestBackend) -> LineView {
    let line = lines::list(&t.backend, &t.admin).await.unwrap().remove(0);
    let credentials = json!({"api_key": "key", "api_secret": "secret", "api_base": t.carrier.uri()});
    let new = NewAccount { provider: ProviderKind::MessageMedia, credentials };
    lines::add_account(&t.backend, &t.admin, line.id, new).await.unwrap()
}

fn account(line: &LineView, provider: ProviderKind) -> LineAccountId {
    let mut accounts = line.accounts.iter().map(|account| &account.route);
    accounts.find(|route| route.provider == provider).unwrap().account_id
}

/// What Twilio answers; MessageMedia takes everything, under ids that end with the number of the message.
async fn twilio_answers(
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

async fn both_accept(t: &TestBackend) {
    let next = AtomicU32::new(1000);
    twilio_answers(t, move |_| accepted(&sid(next.fetch_add(1, Ordering::SeqCst)))).await;
}

/// MessageMedia's id of the n-th message.
fn media_id(n: u32) -> String {
    format!("877c19ef-fa2e-4cec-827a-{n:012}")
}

/// Whom the story's carriers were asked by, in order.
async fn asked(t: &TestBackend) -> Vec<ProviderKind> {
    let requests = t.carrier.received_requests().await.unwrap();
    let carrier = |request: &Request| match request.url.path() {
        "/v1/messages" => ProviderKind::MessageMedia,
        _ => ProviderKind::Twilio,
    };
    requests.iter().map(carrier).collect()
}

/// Bytes of the first picture of each request to the story's carriers, in order.
async fn offered(t: &TestBackend) -> Vec<u64> {
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
async fn media_calls(t: &TestBackend, address: &str, body: Value) -> Accepted {
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
fn written(n: u32, from: usize, words: &str) -> Value {
    let from = fictitious_number(from);
    json!({
        "reply_id": media_id(900 + n), "source_number": from.as_e164(), "destination_number": "+61491570006",
        "content": words,
    })
}

fn reported(n: u32, word: &str) -> Value {
    json!({"delivery_report_id": media_id(800 + n), "message_id": media_id(n), "status": word})
}

fn tariff(sms: i64, mms: i64) -> Prices {
    Prices::Own(Tariff {
        currency: Currency::Aud,
        sms: Some(sms),
        mms: Some(mms),
        whatsapp: None,
        sms_in: None,
        mms_in: None,
    })
}

async fn costs(t: &TestBackend, account: LineAccountId, prices: Prices) {
    let change = AccountChange { prices: Some(prices), ..AccountChange::default() };
    lines::update_account(&t.backend, &t.admin, account, change).await.unwrap();
}

/// Twilio's text is the cheaper one, MessageMedia's pictures are.
async fn usual_prices(t: &TestBackend, line: &LineView) {
    costs(t, account(line, ProviderKind::Twilio), tariff(50_000, 500_000)).await;
    costs(t, account(line, ProviderKind::MessageMedia), tariff(70_000, 300_000)).await;
}

fn with(attachments: Vec<AttachmentId>, text: &str, client_id: &str) -> Draft {
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
async fn a_refused_account_is_passed_by_and_rests_for_a_while() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        twilio_answers(&t, |_| refused(20003)).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Come at 3", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::Twilio, ProviderKind::MessageMedia]);
        let message = shown(&t, sent.id).await;
        assert_eq!((message.state, message.failure.as_deref()), (DeliveryState::Accepted, None));
        assert_eq!(message.carrier, Some(ProviderKind::MessageMedia));
        let detour = message.detour.unwrap();
        assert!(detour.starts_with("Twilio did not take it (Twilio does not accept"), "{detour}");
        assert!(detour.ends_with("sent through Sinch MessageMedia."), "{detour}");
        let resting = lines::list(&t.backend, &t.admin).await.unwrap().remove(0);
        assert!(resting.accounts[0].route.cooling && resting.accounts[0].cooling_until.is_some());

        // Whatever is written meanwhile goes round it at once, until the clock says otherwise.
        twilio_answers(&t, |_| accepted(&sid(2000))).await;
        messages::send(&t.backend, &t.admin, &to(0), &draft("Or at 4", "b")).await.unwrap();
        t.later(14 * MINUTE).await;
        assert_eq!(asked(&t).await, [ProviderKind::MessageMedia]);
        t.later(2 * MINUTE).await;
        messages::send(&t.backend, &t.admin, &to(0), &draft("Or at 5", "c")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::MessageMedia, ProviderKind::Twilio]);
        t
    })
    .await;
}

#[tokio::test]
async fn who_presses_retry_asks_every_carrier_anew() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        let (twilio, media) = (ProviderKind::Twilio, ProviderKind::MessageMedia);
        t.carrier.reset().await;
        let refusal = ResponseTemplate::new(401).set_body_json(json!({"message": "Unauthorized"}));
        Mock::given(path("/v1/messages")).respond_with(refusal).mount(&t.carrier).await;
        Mock::given(method("POST")).respond_with(refused(20003)).mount(&t.carrier).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Come at 3", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [twilio, media]);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Failed);
        // Somebody has seen to the second account meanwhile.
        twilio_answers(&t, |_| refused(20003)).await;
        messages::retry(&t.backend, &t.admin, sent.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [twilio, media]);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);
        t
    })
    .await;
}

#[tokio::test]
async fn a_message_whose_fate_is_unknown_or_that_nobody_may_send_goes_to_no_other_carrier() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        let answers = [
            (ResponseTemplate::new(502), DeliveryState::Uncertain),
            (refused(21211), DeliveryState::Failed),
            // As long as nobody knows what a code means.
            (refused(99999), DeliveryState::Failed),
            (refused(21610), DeliveryState::Failed),
        ];
        for (n, (answer, state)) in answers.into_iter().enumerate() {
            twilio_answers(&t, move |_| answer.clone()).await;
            let draft = draft("Come at 3", &n.to_string());
            let sent = messages::send(&t.backend, &t.admin, &to(n), &draft).await.unwrap();
            t.run_jobs().await;
            t.later(70 * MINUTE).await;
            assert_eq!(asked(&t).await, [ProviderKind::Twilio], "{n}");
            let message = shown(&t, sent.id).await;
            assert_eq!((message.state, message.detour), (state, None), "{n}");
        }
        // What a person said did not arrive may go another way.
        let unknown = conversations::thread(
            &t.backend,
            &t.admin,
            *inbox_ids(&t).await.last().unwrap(),
            &model::conversation::ThreadFrom::Newest,
        );
        let id = unknown.await.unwrap().messages[0].id;
        lines::pin(&t.backend, &t.admin, line.id, Some(account(&line, ProviderKind::MessageMedia)))
            .await
            .unwrap();
        messages::resolve(&t.backend, &t.admin, id, false).await.unwrap();
        messages::retry(&t.backend, &t.admin, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await.last(), Some(&ProviderKind::MessageMedia));
        t
    })
    .await;
}

#[tokio::test]
async fn a_carrier_that_cannot_be_reached_for_an_hour_gives_way() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        twilio_answers(&t, |_| ResponseTemplate::new(429)).await;
        let waiting = messages::send(&t.backend, &t.admin, &to(0), &draft("Come at 3", "a")).await.unwrap();
        t.run_jobs().await;
        // New messages do not wait for it.
        messages::send(&t.backend, &t.admin, &to(1), &draft("Hello", "b")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::Twilio, ProviderKind::MessageMedia]);
        for _ in 0..11 {
            t.later(5 * MINUTE).await;
        }
        assert_eq!(shown(&t, waiting.id).await.carrier, Some(ProviderKind::Twilio), "an hour is not over");
        t.later(10 * MINUTE).await;
        let message = shown(&t, waiting.id).await;
        assert_eq!(message.state, DeliveryState::Accepted);
        assert!(message.detour.unwrap().contains("could not be reached for an hour"));
        t
    })
    .await;
}

#[tokio::test]
async fn a_carrier_to_which_there_is_no_connection_holds_nobody_up_for_long() {
    on_each_engine(async |mut t: TestBackend| {
        // A port that was free a moment ago.
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        t.backend = Backend::new(Parts {
            store: t.backend.store.clone(),
            blobs: t.backend.blobs.clone(),
            http: Http::new(Netguard {
                allowed_private: HashSet::from([t.carrier.address().to_string(), nobody.to_string()]),
                own: None,
            })
            .unwrap(),
            pictures: t.backend.pictures.clone(),
            clock: t.backend.clock.clone(),
            keys: t.backend.keys.clone(),
            settings: t.backend.settings.clone(),
            live: live::Hub::default(),
        });
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        let gone = json!({"api_base": format!("http://{nobody}")});
        let change = AccountChange { credentials: Some(gone), ..AccountChange::default() };
        lines::update_account(&t.backend, &t.admin, account(&line, ProviderKind::Twilio), change)
            .await
            .unwrap();
        both_accept(&t).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Come at 3", "a")).await.unwrap();
        t.run_jobs().await;
        assert!(asked(&t).await.is_empty());
        assert_eq!(
            shown(&t, sent.id).await.state,
            DeliveryState::Sending,
            "once more, it may be a moment only"
        );
        t.later(Duration::from_secs(5)).await;
        assert_eq!(asked(&t).await, [ProviderKind::MessageMedia]);
        let message = shown(&t, sent.id).await;
        assert_eq!(message.state, DeliveryState::Accepted);
        assert!(message.detour.unwrap().contains("could not be reached"));

        // Where nobody stands ready, it is tried for its hour.
        lines::remove_account(&t.backend, &t.admin, account(&line, ProviderKind::MessageMedia))
            .await
            .unwrap();
        let waiting = messages::send(&t.backend, &t.admin, &to(1), &draft("Come at 4", "b")).await.unwrap();
        t.run_jobs().await;
        for _ in 0..10 {
            t.later(5 * MINUTE).await;
        }
        assert_eq!(shown(&t, waiting.id).await.state, DeliveryState::Sending);
        t.later(15 * MINUTE).await;
        assert_eq!(shown(&t, waiting.id).await.state, DeliveryState::Failed);
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
async fn pictures_that_are_too_large_are_made_smaller_once() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        costs(&t, account(&line, ProviderKind::Twilio), tariff(1, 1)).await;
        costs(&t, account(&line, ProviderKind::MessageMedia), tariff(2, 2)).await;
        let size = async |id| crate::photos::shown(&t, id).await.carrier.unwrap().byte_size;
        let ready = async |name: &str| {
            let photo = uploads(&t, name, &crate::lines::noisy_jpeg()).await.unwrap().media_id;
            t.run_jobs().await;
            photo
        };
        let first = AtomicU32::new(0);
        twilio_answers(&t, move |_| match first.fetch_add(1, Ordering::SeqCst) {
            0 => refused(11751),
            _ => accepted(&sid(1000)),
        })
        .await;
        let photo = ready("knee.jpg").await;
        let before = size(photo).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &with(vec![photo], "", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::Twilio; 2]);
        let [whole, half] = offered(&t).await[..] else { panic!("two requests") };
        assert_eq!(whole, before);
        assert!(half <= before / 2, "{half} of {before}");
        let message = shown(&t, sent.id).await;
        assert_eq!((message.state, message.detour), (DeliveryState::Accepted, None));

        // Whoever refuses the smaller one as well is not asked a third time.
        twilio_answers(&t, |_| refused(11751)).await;
        let photo = ready("foot.jpg").await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &with(vec![photo], "", "b")).await.unwrap();
        t.run_jobs().await;
        let [twilio, media] = [ProviderKind::Twilio, ProviderKind::MessageMedia];
        assert_eq!(asked(&t).await, [twilio, twilio, media]);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);
        // Each within what its carrier takes.
        let [whole, half, fitted] = offered(&t).await[..] else { panic!("three requests") };
        assert!(half <= whole / 2 && fitted <= 300_000, "{whole}, {half}, {fitted}");
        t
    })
    .await;
}

#[tokio::test]
async fn a_carrier_that_takes_more_gets_the_whole_picture_after_one_that_takes_less() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        costs(&t, account(&line, ProviderKind::Twilio), tariff(2, 2)).await;
        costs(&t, account(&line, ProviderKind::MessageMedia), tariff(1, 1)).await;
        let photo = uploads(&t, "knee.jpg", &crate::lines::noisy_jpeg()).await.unwrap().media_id;
        t.run_jobs().await;
        let whole = crate::photos::shown(&t, photo).await.carrier.unwrap().byte_size;
        t.carrier.reset().await;
        let refusal = ResponseTemplate::new(401).set_body_json(json!({"message": "Unauthorized"}));
        Mock::given(path("/v1/messages")).respond_with(refusal).mount(&t.carrier).await;
        Mock::given(method("POST")).respond_with(accepted(&sid(1000))).mount(&t.carrier).await;
        messages::send(&t.backend, &t.admin, &to(0), &with(vec![photo], "", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::MessageMedia, ProviderKind::Twilio]);
        let [less, more] = offered(&t).await[..] else { panic!("two requests") };
        assert!(less <= 300_000 && more == whole, "{less}, {more} of {whole}");
        t
    })
    .await;
}

#[tokio::test]
async fn a_picture_that_does_not_get_small_enough_is_not_offered() {
    on_each_engine(async |t: TestBackend| {
        both_accept(&t).await;
        let photo = uploads(&t, "knee.jpg", &jpeg(1)).await.unwrap().media_id;
        t.run_jobs().await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &with(vec![photo], "", "a")).await.unwrap();
        t.alter("UPDATE delivery SET media_bytes = 100").await;
        t.run_jobs().await;
        assert!(asked(&t).await.is_empty());
        let failed = shown(&t, sent.id).await;
        assert_eq!(failed.state, DeliveryState::Failed);
        assert!(failed.failure.unwrap().contains("knee.jpg"));
        t
    })
    .await;
}

#[tokio::test]
async fn what_a_carrier_refuses_only_after_it_took_it_finds_its_way_too() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        costs(&t, account(&line, ProviderKind::Twilio), tariff(1, 1)).await;
        costs(&t, account(&line, ProviderKind::MessageMedia), tariff(2, 2)).await;
        let (twilio, media) = (ProviderKind::Twilio, ProviderKind::MessageMedia);
        both_accept(&t).await;
        let photo = uploads(&t, "knee.jpg", &crate::lines::noisy_jpeg()).await.unwrap().media_id;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &with(vec![photo], "", "a")).await.unwrap();
        t.run_jobs().await;
        // Too large, once more with less, then through the other carrier. Words that say the same count once.
        is_read(&t, &failed_status(&t, &sid(1000), "undelivered", "11751")).await;
        is_read(&t, &failed_status(&t, &sid(1000), "failed", "11751")).await;
        assert_eq!(asked(&t).await, [twilio, twilio]);
        assert_eq!(t.count("SELECT COUNT(*) FROM delivery WHERE media_bytes IS NOT NULL").await, 1);
        is_read(&t, &failed_status(&t, &sid(1001), "failed", "11751")).await;
        assert_eq!(asked(&t).await, [twilio, twilio, media]);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);

        // What the carrier cannot do with this number goes elsewhere, also where the report was faster than the answer.
        let next = messages::send(&t.backend, &t.admin, &to(1), &draft("Come at 3", "b")).await.unwrap();
        t.run_jobs().await;
        is_read(&t, &failed_status(&t, &sid(1002), "undelivered", "30034")).await;
        let message = shown(&t, next.id).await;
        assert_eq!((message.state, message.carrier), (DeliveryState::Accepted, Some(media)));
        is_read(&t, &failed_status(&t, &sid(1003), "failed", "30034")).await;
        let early = messages::send(&t.backend, &t.admin, &to(2), &draft("Come at 4", "c")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(shown(&t, early.id).await.carrier, Some(media));
        assert_eq!(asked(&t).await[3..], [twilio, media, twilio, media]);

        // A phone that was switched off may have got it after all, and hours later nobody wants it any more.
        let unreached = messages::send(&t.backend, &t.admin, &to(3), &draft("Come at 5", "d")).await.unwrap();
        let late = messages::send(&t.backend, &t.admin, &to(4), &draft("Come at 6", "e")).await.unwrap();
        t.run_jobs().await;
        is_read(&t, &failed_status(&t, &sid(1004), "undelivered", "30003")).await;
        t.later(61 * MINUTE).await;
        is_read(&t, &failed_status(&t, &sid(1005), "failed", "30034")).await;
        for id in [unreached.id, late.id] {
            assert!(shown(&t, id).await.state.may_retry());
        }
        assert_eq!(asked(&t).await[7..], [twilio, twilio]);
        t
    })
    .await;
}

#[tokio::test]
async fn a_second_carrier_is_not_asked_when_the_first_one_corrects_itself_in_time() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        both_accept(&t).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Come at 3", "a")).await.unwrap();
        t.run_jobs().await;
        arrives(&t, &failed_status(&t, &sid(1000), "failed", "30034")).await.unwrap();
        arrives(&t, &status(&t, &sid(1000), "delivered")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::Twilio]);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Delivered);
        t
    })
    .await;
}

#[tokio::test]
async fn what_a_carrier_takes_one_by_one_leaves_one_by_one() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        both_accept(&t).await;
        let mut photos = Vec::new();
        for shade in 0..3 {
            photos.push(uploads(&t, &format!("{shade}.jpg"), &jpeg(shade)).await.unwrap().media_id);
        }
        lines::pin(&t.backend, &t.admin, line.id, Some(account(&line, ProviderKind::MessageMedia)))
            .await
            .unwrap();
        let sent = messages::send(&t.backend, &t.admin, &to(0), &with(photos.clone(), "Your scans", "a"))
            .await
            .unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::MessageMedia; 3]);
        let seen = live::newest(&t.backend, &t.admin).await.unwrap();
        // The message is as far as its slowest part, and only what failed is sent again.
        for (n, word) in [(1, "delivered"), (2, "delivered"), (3, "rejected")] {
            media_calls(&t, &line.accounts[1].status_url, reported(n, word)).await;
            t.run_jobs().await;
        }
        let message = shown(&t, sent.id).await;
        assert_eq!(message.state, DeliveryState::Failed);
        // Each picture tells for itself whether it arrived, as soon as that is known.
        let fates: Vec<_> = photos.iter().map(|id| message.request_with(*id).unwrap().state).collect();
        assert_eq!(fates, [DeliveryState::Delivered, DeliveryState::Delivered, DeliveryState::Failed]);
        assert!(message.request_with(photos[2]).unwrap().failure.is_some());
        assert_eq!(live::since(&t.backend, &t.admin, seen).await.unwrap().unwrap().len(), 3);
        messages::retry(&t.backend, &t.admin, sent.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::MessageMedia; 4]);
        media_calls(&t, &line.accounts[1].status_url, reported(4, "delivered")).await;
        t.run_jobs().await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Delivered);
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
        // Back again, under a new secret.
        let credentials =
            json!({"account_sid": TWILIO_ACCOUNT, "auth_token": "token_of_the_new_account_0123456"});
        let back = NewAccount { provider: ProviderKind::Twilio, credentials };
        let line = lines::add_account(b, admin, line.id, back).await.unwrap();
        assert_eq!(account(&line, ProviderKind::Twilio), twilio);
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
async fn addresses_are_a_second_proof_where_a_carrier_signs_nothing() {
    on_each_engine(async |t: TestBackend| {
        let (b, admin) = (&t.backend, &t.admin);
        let line = two_carriers(&t).await;
        let (media, inbound) = (account(&line, ProviderKind::MessageMedia), &line.accounts[1].inbound_url);
        let change = async |addresses: &str, verification| {
            let addresses = Some(addresses.to_owned());
            let change = AccountChange { addresses, verification, ..AccountChange::default() };
            lines::update_account(b, admin, media, change).await
        };
        assert_eq!(failure(change("somewhere", None).await).field.as_deref(), Some("addresses"));
        let line = change("198.51.100.0/24 203.0.113.9", None).await.unwrap();
        assert_eq!(line.accounts[1].addresses, "198.51.100.0/24 203.0.113.9");
        assert_eq!(media_calls(&t, inbound, written(1, 0, "From elsewhere")).await, Accepted::Quarantined);
        assert_eq!(lines::check_again(b, admin, media, false).await.unwrap(), 0);
        // Once its address is on the list, what came from it is read.
        let line = change("203.0.113.7", None).await.unwrap();
        assert_eq!(line.accounts[1].quarantined, 0);
        t.run_jobs().await;
        assert_eq!(texts(&t, inbox_ids(&t).await[0]).await, ["From elsewhere"]);
        change("198.51.100.1", Some(Verification::Observe)).await.unwrap();
        assert_eq!(media_calls(&t, inbound, written(2, 0, "Observed")).await, Accepted::Journalled);
        let forged = inbound.replace("?key=", "?key=x");
        assert_eq!(media_calls(&t, &forged, written(3, 0, "Observed too")).await, Accepted::Journalled);
        change("", Some(Verification::Enforce)).await.unwrap();
        assert_eq!(media_calls(&t, &forged, written(4, 0, "Forged")).await, Accepted::Quarantined);
        // Twilio's webhooks are not asked where they come from.
        assert_eq!(arrives(&t, &text(&t, 9, 0, "Signed")).await.unwrap(), Accepted::Journalled);
        t.run_jobs().await;
        t
    })
    .await;
}

#[tokio::test]
async fn what_a_carrier_that_was_taken_away_brought_into_quarantine_is_not_lost() {
    on_each_engine(async |t: TestBackend| {
        let (b, admin) = (&t.backend, &t.admin);
        let line = two_carriers(&t).await;
        let media = account(&line, ProviderKind::MessageMedia);
        let forged = line.accounts[1].inbound_url.replace("?key=", "?key=x");
        let line = lines::remove_account(b, admin, media).await.unwrap();
        assert_eq!(line.accounts.len(), 1);
        assert_eq!(
            media_calls(&t, &forged, written(1, 0, "Late, under a wrong address")).await,
            Accepted::Quarantined
        );
        let listed = lines::list(b, admin).await.unwrap().remove(0);
        let shown: Vec<_> =
            listed.accounts.iter().map(|one| (one.carrier, one.removed, one.quarantined)).collect();
        assert_eq!(shown, [(ProviderKind::Twilio, false, 0), (ProviderKind::MessageMedia, true, 1)]);
        // It is read and nothing else: the carrier stays away.
        assert_eq!(failure(lines::pin(b, admin, line.id, Some(media)).await).code, FailureCode::NotFound);
        let stranger = t.stranger().await;
        assert_eq!(failure(lines::check_again(b, &stranger, media, true).await).code, FailureCode::NotFound);
        assert_eq!(lines::check_again(b, admin, media, false).await.unwrap(), 0);
        assert_eq!(lines::check_again(b, admin, media, true).await.unwrap(), 1);
        t.run_jobs().await;
        assert_eq!(texts(&t, inbox_ids(&t).await[0]).await, ["Late, under a wrong address"]);
        assert_eq!(lines::list(b, admin).await.unwrap()[0].accounts.len(), 1);
        t
    })
    .await;
}

#[tokio::test]
async fn while_a_secret_is_exchanged_both_are_taken() {
    on_each_engine(async |t: TestBackend| {
        let (b, admin) = (&t.backend, &t.admin);
        let line = two_carriers(&t).await;
        let media = account(&line, ProviderKind::MessageMedia);
        let old = line.accounts[1].inbound_url.clone();
        let line = lines::exchange_secret(b, admin, media).await.unwrap();
        let new = line.accounts[1].inbound_url.clone();
        assert_ne!(old, new);
        assert!(line.accounts[1].old_secret_until.is_some() && line.accounts[1].by_secret);
        for (n, address) in [(1, &old), (2, &new)] {
            assert_eq!(media_calls(&t, address, written(n, 0, "Hello")).await, Accepted::Journalled);
        }
        // Another one now would cut off the addresses that the carrier still calls.
        let twice = failure(lines::exchange_secret(b, admin, media).await);
        assert_eq!(twice.code, FailureCode::Conflict);
        assert_eq!(media_calls(&t, &old, written(6, 0, "Hello")).await, Accepted::Journalled);
        t.later(8 * 24 * 60 * MINUTE).await;
        assert_eq!(media_calls(&t, &old, written(3, 0, "Hello")).await, Accepted::Quarantined);
        // Whoever knows that the old one has leaked does not wait for a week.
        let newest = lines::exchange_secret(b, admin, media).await.unwrap().accounts[1].inbound_url.clone();
        lines::end_exchange(b, admin, media).await.unwrap();
        assert_eq!(media_calls(&t, &new, written(4, 0, "Hello")).await, Accepted::Quarantined);
        assert_eq!(media_calls(&t, &newest, written(5, 0, "Hello")).await, Accepted::Journalled);
        t.run_jobs().await;
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

#[tokio::test]
async fn only_admins_of_the_organisation_change_its_carriers() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let line = two_carriers(&t).await;
        let id = account(&line, ProviderKind::MessageMedia);
        let staff = t.colleague(Role::Staff).await;
        let stranger = t.stranger().await;
        for (caller, code) in [(&staff, FailureCode::NotAllowed), (&stranger, FailureCode::NotFound)] {
            let new = NewAccount { provider: ProviderKind::Simulator, credentials: Value::Null };
            let told = [
                failure(lines::add_account(b, caller, line.id, new).await),
                failure(lines::update_account(b, caller, id, AccountChange::default()).await),
                failure(lines::remove_account(b, caller, id).await),
                failure(lines::exchange_secret(b, caller, id).await),
                failure(lines::end_exchange(b, caller, id).await),
                failure(lines::check_again(b, caller, id, true).await),
                failure(lines::rename(b, caller, line.id, "Ours").await),
            ];
            assert!(told.iter().all(|failure| failure.code == code), "{told:?}");
        }
        let dear = AccountChange { prices: Some(tariff(-1, 0)), ..AccountChange::default() };
        assert_eq!(failure(lines::update_account(b, &t.admin, id, dear).await).field.as_deref(), Some("sms"));
        costs(&t, id, tariff(79_000, 300_000)).await;
        let known = lines::list(b, &t.admin).await.unwrap().remove(0);
        assert!(known.accounts[1].own_tariff);
        assert_eq!(known.accounts[1].route.tariff.unwrap().mms, Some(300_000));
        costs(&t, id, Prices::Published).await;
        assert!(!lines::list(b, &t.admin).await.unwrap()[0].accounts[1].own_tariff);
        assert!(asked_to_send(&t).await.is_empty());
        t
    })
    .await;
}
