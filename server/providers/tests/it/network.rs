//! The simulated carrier: our side and the network, over HTTP, with a small server between them.

use crate::support::*;
use model::message::{Channel, DeliveryState};
use model::simulator::{Fault, Faults};
use providers::simulator::{
    AcceptError, Network, NetworkSetup, PhoneMessageState, Photo, ReplyError, SIGNATURE_HEADER,
};
use providers::{
    Account, Event, Http, Listed, Outbound, Received, Rejected, SendError, Template, Verification,
    WebhookKind, WebhookRequest,
};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const LINE: &str = "+61491570006";
const PHONE: &str = "+61491570156";

#[tokio::test]
async fn a_photo_travels_both_ways() {
    let world = World::new().await;
    let photo = b"\xff\xd8 a photo".to_vec();
    world.serve("/media/a.jpg", &photo, "image/jpeg").await;
    let message = outbound("Look", &[&format!("{}/media/a.jpg", world.server.uri())]);
    let receipt = simulator().send(&world.http, &world.account, &message).await.unwrap();
    assert_eq!(receipt.state, DeliveryState::Accepted);
    world.network.settled().await;

    let shown = world.network.phone(&number(PHONE), &number(LINE), 0);
    let [shown] = shown.as_slice() else { panic!("{} messages", shown.len()) };
    assert_eq!((shown.text.as_str(), shown.from_phone, shown.at), ("Look", false, 1_700_000_000_000));
    let kept = world.network.media(&shown.photos[0].id).unwrap();
    assert_eq!((kept.media_type.as_deref(), kept.bytes.as_ref()), (Some("image/jpeg"), photo.as_slice()));
    let states: Vec<_> = world.received("/hooks/status").await.into_iter().map(status_of).collect();
    let id = receipt.carrier_id;
    assert_eq!(states, [(id.clone(), Some(DeliveryState::Sent)), (id, Some(DeliveryState::Delivered))]);

    let answer = Photo { media_type: Some("image/png".to_owned()), bytes: b"png bytes".as_slice().into() };
    let since = shown.revision;
    let reply = world.network.reply(&number(LINE), &number(PHONE), "Back".to_owned(), vec![answer]).unwrap();
    assert_eq!(reply.state, PhoneMessageState::Sending);
    world.network.settled().await;
    let news = world.network.phone(&number(PHONE), &number(LINE), since);
    assert_eq!(
        news.iter().map(|m| (m.from_phone, m.state)).collect::<Vec<_>>(),
        [(true, PhoneMessageState::Delivered)]
    );

    let received = world.received("/hooks/inbound").await.remove(0);
    assert!(received.verified);
    let Event::Inbound(inbound) = &received.events[0] else { panic!("a message") };
    assert_eq!((inbound.from.as_str(), inbound.text.as_str()), (PHONE, "Back"));
    let request = simulator().media_request(&world.account, link(&inbound.media[0])).unwrap();
    let (media_type, bytes) =
        world.http.fetch_whole(&request.url, request.login.as_ref(), 1000).await.unwrap();
    assert_eq!((media_type.as_deref(), bytes.as_ref()), (Some("image/png"), b"png bytes".as_slice()));
    assert!(world.http.fetch(&request.url, None, 1000).await.is_err(), "a photo is not public");
    assert!(
        simulator()
            .media_request(&world.account, &url("https://media.example.test/simulator/media/1"))
            .is_err()
    );
}

#[tokio::test]
async fn what_no_webhook_brought_stands_in_the_list() {
    let world = World::new().await;
    world.today(Faults::default().with(Fault::Lost, 100).with(Fault::Missing, 100));
    for n in 0..150 {
        let text = format!("Message {n}");
        world.network.reply(&number(LINE), &number(PHONE), text, Vec::new()).unwrap();
    }
    let receipt = simulator().send(&world.http, &world.account, &outbound("Noted", &[])).await.unwrap();
    world.network.settled().await;
    assert!(
        world.received("/hooks/inbound").await.is_empty() && world.received("/hooks/status").await.is_empty()
    );

    let recent = simulator().recent(&world.http, &world.account, 1_700_000_000_000).await.unwrap();
    assert!(!recent.cut_short);
    let lenient = Account { verification: Verification::Off, ..simulator_account(&world.server.uri()) };
    let mut texts = Vec::new();
    for listed in &recent.messages {
        match listed {
            Listed::Inbound { webhook, at, .. } => {
                let received = simulator().receive(&lenient, webhook).unwrap();
                texts.push(inbound(&received).text.clone());
                assert_eq!(*at, 1_700_000_000_000);
            }
            Listed::Outbound { status, to, text, .. } => {
                assert_eq!((to.as_str(), text.as_str()), (PHONE, "Noted"));
                assert_eq!(status.carrier_id, receipt.carrier_id);
                assert_eq!(status.reference.as_deref(), Some("delivery-1"));
                assert_eq!(status.state, Some(DeliveryState::Delivered));
            }
            Listed::Wordless { .. } => panic!("every message is a text"),
        }
    }
    assert_eq!(texts, (0..150).map(|n| format!("Message {n}")).collect::<Vec<_>>());
    let later = simulator().recent(&world.http, &world.account, 1_700_000_000_001).await.unwrap();
    assert!(later.messages.is_empty());
    let stranger = account(json!({ "api_base": world.server.uri(), "secret": "another-secret-0123456789" }));
    assert!(simulator().recent(&world.http, &stranger, 0).await.is_err());
}

#[tokio::test]
async fn the_same_reference_is_delivered_once() {
    let world = World::new().await;
    let message = outbound("Once", &[]);
    let first = simulator().send(&world.http, &world.account, &message).await.unwrap();
    let again = simulator().send(&world.http, &world.account, &message).await.unwrap();
    assert_eq!(first, again);
    world.network.settled().await;
    assert_eq!(world.network.phone(&number(PHONE), &number(LINE), 0).len(), 1);
    assert_eq!(world.received("/hooks/status").await.len(), 2);
}

#[tokio::test]
async fn nothing_is_accepted_without_the_lines_secret() {
    let world = World::new().await;
    let uri = world.server.uri();
    let stranger = account(json!({ "api_base": uri, "secret": "another-secret-0123456789" }));
    let unknown = Account { sender: number("+61491570110"), ..simulator_account(&uri) };
    for account in [stranger, unknown] {
        let got = simulator().send(&world.http, &account, &outbound("Hi", &[])).await;
        assert!(matches!(got, Err(SendError::Refused { code, .. }) if code == "unauthorised"));
    }
    world.network.settled().await;
    assert!(world.network.phone(&number(PHONE), &number(LINE), 0).is_empty());
}

#[tokio::test]
async fn a_picture_that_cannot_be_fetched_fails_the_message() {
    let world = World::new().await;
    let message = outbound("Look", &[&format!("{}/media/gone.jpg", world.server.uri())]);
    simulator().send(&world.http, &world.account, &message).await.unwrap();
    world.network.settled().await;
    assert!(world.network.phone(&number(PHONE), &number(LINE), 0).is_empty());
    let received = world.received("/hooks/status").await.remove(0);
    let Event::Status(status) = &received.events[0] else { panic!("a status") };
    assert_eq!(status.state, Some(DeliveryState::Undelivered));
    assert_eq!(status.error_code.as_deref(), Some("media_unreachable"));
    assert!(status.failure.is_some());
}

#[tokio::test]
async fn a_webhook_is_tried_again_after_503_and_given_up_after_a_refusal() {
    let world = World::new().await;
    let say = |text: &str| world.network.reply(&number(LINE), &number(PHONE), text.to_owned(), Vec::new());
    world.answer_once("/hooks/inbound", 503).await;
    say("first").unwrap();
    world.network.settled().await;
    assert_eq!(world.received("/hooks/inbound").await.len(), 2);
    world.answer_once("/hooks/inbound", 401).await;
    say("second").unwrap();
    world.network.settled().await;
    assert_eq!(world.received("/hooks/inbound").await.len(), 3);
    let states: Vec<_> =
        world.network.phone(&number(PHONE), &number(LINE), 0).iter().map(|m| m.state).collect();
    assert_eq!(states, [PhoneMessageState::Delivered, PhoneMessageState::Failed]);
}

#[tokio::test]
async fn a_reply_needs_a_line_and_something_to_say() {
    let world = World::new().await;
    let reply = |line: &str, text: &str| {
        world.network.reply(&number(line), &number(PHONE), text.to_owned(), Vec::new()).map(|_| ())
    };
    assert_eq!(reply(LINE, ""), Err(ReplyError::Empty));
    assert_eq!(reply("+61491570110", "Hi"), Err(ReplyError::UnknownLine));
}

#[tokio::test]
async fn whatsapp_travels_both_ways_and_keeps_its_window() {
    let world = World::new().await;
    let send = async |text: &str, template: Option<Template>| {
        let channel = Channel::Whatsapp;
        // Each delivery has a reference of its own.
        let reference = format!("delivery-{text}-{}", template.is_some());
        let message = Outbound { channel, template, reference, ..outbound(text, &[]) };
        simulator().send(&world.http, &world.account, &message).await
    };
    world.network.reply_by_whatsapp(&number(LINE), &number(PHONE), "Hi".to_owned(), Vec::new()).unwrap();
    world.network.settled().await;
    let received = world.received("/hooks/inbound").await.remove(0);
    assert_eq!(inbound(&received).channel, Channel::Whatsapp);
    send("In time", None).await.unwrap();
    world.network.settled().await;

    world.clock.fetch_add(25 * 60 * 60 * 1000, Ordering::Relaxed);
    let late = send("Too late", None).await.unwrap().carrier_id;
    world.network.settled().await;
    let (id, state) = status_of(world.received("/hooks/status").await.pop().unwrap());
    assert_eq!((id, state), (late, Some(DeliveryState::Undelivered)));
    let told = world.requests("/hooks/status").await.pop().unwrap();
    assert!(String::from_utf8_lossy(&told.body).contains(r#""error_code":"63016""#));

    let variables = vec![("1".to_owned(), "Amelia".to_owned())];
    let results = Template { id: "HX00000000000000000000000000000002".to_owned(), variables };
    send("", Some(results)).await.unwrap();
    world.network.settled().await;
    for (id, variables) in [
        ("HX00000000000000000000000000000002", vec![]),
        ("HX00000000000000000000000000000004", vec![("1".to_owned(), "Amelia".to_owned())]),
        ("HX00000000000000000000000000000009", vec![]),
    ] {
        let reference = format!("delivery-{id}");
        let template = Some(Template { id: id.to_owned(), variables });
        let channel = Channel::Whatsapp;
        let message = Outbound { channel, template, reference, ..outbound("", &[]) };
        assert!(simulator().send(&world.http, &world.account, &message).await.is_err(), "{id}");
    }
    let shown = world.network.phone(&number(PHONE), &number(LINE), 0);
    let shown: Vec<_> = shown.iter().map(|message| (message.text.as_str(), message.whatsapp)).collect();
    let words = "Hello Amelia, your results are ready. Reply to this message or call us to talk about them.";
    assert_eq!(shown, [("Hi", true), ("In time", true), (words, true)]);
}

#[tokio::test]
async fn what_the_network_may_have_forgotten_is_taken_to_be_in_time() {
    let world = World::new().await;
    let send = async |text: &str| {
        let reference = format!("delivery-{text}");
        let message = Outbound { channel: Channel::Whatsapp, reference, ..outbound(text, &[]) };
        simulator().send(&world.http, &world.account, &message).await.unwrap();
        world.network.settled().await;
    };
    send("After a restart").await;
    world.clock.fetch_add(24 * 60 * 60 * 1000, Ordering::Relaxed);
    send("Never heard of").await;
    assert_eq!(world.on_phone(), 1);
}

#[tokio::test]
async fn a_phone_keeps_its_latest_messages_only() {
    let world = World::new().await;
    for n in 0..510 {
        world.network.reply(&number(LINE), &number(PHONE), n.to_string(), Vec::new()).unwrap();
    }
    world.network.settled().await;
    let thread = world.network.phone(&number(PHONE), &number(LINE), 0);
    assert_eq!((thread.len(), thread[0].text.as_str(), thread[499].text.as_str()), (500, "10", "509"));
}

#[tokio::test]
async fn a_carrier_that_is_busy_or_breaks_down_takes_nothing() {
    let world = World::new().await;
    let days = [(Fault::Busy, SendError::Retry { after: None }), (Fault::Broken, SendError::Unknown)];
    for (fault, error) in days {
        world.today(Faults::default().with(fault, 100));
        let got = simulator().send(&world.http, &world.account, &outbound("Hi", &[])).await;
        assert_eq!(got, Err(error), "{fault:?}");
        world.network.settled().await;
        assert_eq!(world.on_phone(), 0, "{fault:?}");
    }
    world.today(Faults::default());
    simulator().send(&world.http, &world.account, &outbound("Hi", &[])).await.unwrap();
    world.network.settled().await;
    assert_eq!(world.on_phone(), 1);
}

#[tokio::test]
async fn a_lost_answer_leaves_open_what_happened_and_the_reports_tell() {
    let world = World::new().await;
    world.today(Faults::default().with(Fault::LostAnswer, 100));
    let got = simulator().send(&world.http, &world.account, &outbound("Hi", &[])).await;
    assert_eq!(got, Err(SendError::Unknown));
    world.network.settled().await;
    assert_eq!((world.on_phone(), world.received("/hooks/status").await.len()), (1, 2));
    // As after any answer that got lost: asked again, the same message is not delivered again.
    simulator().send(&world.http, &world.account, &outbound("Hi", &[])).await.unwrap();
    world.network.settled().await;
    assert_eq!((world.on_phone(), world.received("/hooks/status").await.len()), (1, 2));
}

#[tokio::test]
async fn reports_come_twice_in_another_order_or_never() {
    use DeliveryState::{Delivered, Sent};
    let days: [(Fault, &[DeliveryState]); 4] = [
        (Fault::Duplicate, &[Sent, Sent, Delivered, Delivered]),
        (Fault::Reordered, &[Delivered, Sent]),
        (Fault::Missing, &[]),
        (Fault::Early, &[Sent, Delivered]),
    ];
    for (fault, expected) in days {
        let world = World::new().await;
        world.today(Faults::default().with(fault, 100));
        simulator().send(&world.http, &world.account, &outbound("Hi", &[])).await.unwrap();
        world.network.settled().await;
        let received = world.received("/hooks/status").await.into_iter();
        let states: Vec<_> = received.map(|received| status_of(received).1.unwrap()).collect();
        assert_eq!(states, expected, "{fault:?}");
    }
}

#[tokio::test]
async fn what_waits_arrives_once_nothing_takes_time_any_more() {
    let world = World::new().await;
    world.today(Faults { delay_ms: 60_000, ..Faults::default() });
    world.network.reply(&number(LINE), &number(PHONE), "Slow".to_owned(), Vec::new()).unwrap();
    simulator().send(&world.http, &world.account, &outbound("Hi", &[])).await.unwrap();
    assert!(world.received("/hooks/inbound").await.is_empty());
    world.today(Faults::default());
    world.network.settled().await;
    let both = (world.received("/hooks/inbound").await.len(), world.received("/hooks/status").await.len());
    assert_eq!(both, (1, 2));
}

#[tokio::test]
async fn a_forged_webhook_is_refused_by_our_side() {
    let world = World::new().await;
    world.today(Faults::default().with(Fault::Forged, 100));
    world.network.reply(&number(LINE), &number(PHONE), "Hi".to_owned(), Vec::new()).unwrap();
    world.network.settled().await;
    let request = world.requests("/hooks/inbound").await.remove(0);
    assert_eq!(simulator().receive(&world.account, &world.as_webhook(&request)), Err(Rejected::Signature));
}

#[tokio::test]
async fn a_photo_is_late_once_and_one_that_is_too_large_says_so() {
    let world = World::new().await;
    let photo = || Photo { media_type: None, bytes: b"bytes".as_slice().into() };
    let mut replies = Vec::new();
    for fault in [Fault::LateMedia, Fault::HugeMedia] {
        world.today(Faults::default().with(fault, 100));
        let reply = world.network.reply(&number(LINE), &number(PHONE), String::new(), vec![photo()]).unwrap();
        replies.push(reply.photos[0].id.clone());
    }
    world.network.settled().await;
    assert!(world.network.hand_out(&replies[0]).is_none());
    assert!(!world.network.hand_out(&replies[0]).unwrap().endless);
    assert!(world.network.hand_out(&replies[1]).unwrap().endless);
    assert_eq!(
        world.network.media(&replies[1]).unwrap().bytes.as_ref(),
        b"bytes",
        "for whoever looks at the phone"
    );
}

#[tokio::test]
async fn a_line_that_is_made_known_anew_keeps_its_day() {
    let world = World::new().await;
    world.today(Faults::BAD_DAY);
    let hook = url("https://hooks.example.test/w");
    world.network.register(number(LINE), hook.clone(), hook, SIMULATOR_SECRET.to_owned());
    assert_eq!(world.network.faults(&number(LINE)), Some(Faults::BAD_DAY));
    let stranger = number("+61491570110");
    assert!(!world.network.set_faults(&stranger, Faults::BAD_DAY));
    assert_eq!(world.network.faults(&stranger), None);
}

/// A network, and a server that mounts its routes and takes a line's webhooks.
struct World {
    server: MockServer,
    http: Http,
    network: Network,
    account: Account,
    /// What time it is.
    clock: Arc<AtomicI64>,
}

impl World {
    async fn new() -> Self {
        let server = MockServer::start().await;
        let base = url(&server.uri());
        let http = http_to(&[&server]);
        let counter = AtomicU64::new(0);
        let clock = Arc::new(AtomicI64::new(1_700_000_000_000));
        let now = clock.clone();
        let network = Network::new(NetworkSetup {
            http: http.clone(),
            base: base.clone(),
            now: Box::new(move || now.load(Ordering::Relaxed)),
            new_id: Box::new(move || format!("id-{}", counter.fetch_add(1, Ordering::Relaxed))),
        });
        let hook = |kind: &str| base.join(&format!("/hooks/{kind}")).unwrap();
        network.register(number(LINE), hook("inbound"), hook("status"), SIMULATOR_SECRET.to_owned());
        let account = Account { status_url: hook("status"), ..simulator_account(&server.uri()) };

        let taking = network.clone();
        let accept = move |request: &Request| {
            let signature = request.headers.get(SIGNATURE_HEADER).and_then(|v| v.to_str().ok());
            match taking.accept(signature, &request.body) {
                Ok(taken) => ResponseTemplate::new(201).set_body_json(taken.answer),
                Err(AcceptError::Busy) => ResponseTemplate::new(429),
                Err(AcceptError::Broken) => ResponseTemplate::new(500),
                Err(error) => ResponseTemplate::new(401).set_body_json(
                    json!({ "error": { "code": "unauthorised", "message": error.to_string(), "field": null } }),
                ),
            }
        };
        Mock::given(method("POST"))
            .and(path("/simulator/messages"))
            .respond_with(accept)
            .mount(&server)
            .await;
        let listing = network.clone();
        let list = move |request: &Request| {
            let signature = request.headers.get(SIGNATURE_HEADER).and_then(|v| v.to_str().ok());
            match listing.known(signature, request.url.query().unwrap_or_default()) {
                Ok(known) => ResponseTemplate::new(200).set_body_json(known),
                Err(_) => ResponseTemplate::new(401),
            }
        };
        let asked = Mock::given(method("GET")).and(path("/simulator/messages"));
        asked.respond_with(list).mount(&server).await;
        let serving = network.clone();
        let media = move |request: &Request| {
            let id = request.url.path().rsplit('/').next().unwrap();
            let authorization =
                request.headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
            match serving.media(id).filter(|_| serving.may_fetch(id, authorization)) {
                Some(photo) => {
                    ResponseTemplate::new(200).set_body_raw(photo.bytes, &photo.media_type.unwrap())
                }
                None => ResponseTemplate::new(404),
            }
        };
        let shelf = path_regex("^/simulator/media/");
        Mock::given(method("GET")).and(shelf).respond_with(media).mount(&server).await;
        let hooks = Mock::given(method("POST")).and(path_regex("^/hooks/"));
        hooks.respond_with(ResponseTemplate::new(200)).mount(&server).await;
        Self { server, http, network, account, clock }
    }

    async fn serve(&self, at: &str, bytes: &[u8], media_type: &str) {
        let answer = ResponseTemplate::new(200).set_body_raw(bytes, media_type);
        Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(&self.server).await;
    }

    async fn answer_once(&self, at: &str, status: u16) {
        let answer = ResponseTemplate::new(status);
        let mock = Mock::given(path(at)).respond_with(answer).up_to_n_times(1).with_priority(1);
        mock.mount(&self.server).await;
    }

    fn today(&self, faults: Faults) {
        assert!(self.network.set_faults(&number(LINE), faults));
    }

    /// How many messages the phone got.
    fn on_phone(&self) -> usize {
        self.network.phone(&number(PHONE), &number(LINE), 0).len()
    }

    /// The webhooks that came to a path, verified and read.
    async fn received(&self, at: &str) -> Vec<Received> {
        let read = |request| simulator().receive(&self.account, &self.as_webhook(request)).unwrap();
        self.requests(at).await.iter().map(read).collect()
    }

    /// The webhooks that came to a path.
    async fn requests(&self, at: &str) -> Vec<Request> {
        let requests = self.server.received_requests().await.unwrap();
        requests.into_iter().filter(|request| request.url.path() == at).collect()
    }

    fn as_webhook(&self, request: &Request) -> WebhookRequest {
        let headers = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        WebhookRequest {
            kind: WebhookKind::Inbound,
            method: request.method.to_string(),
            url: format!("{}{}", self.server.uri(), request.url.path()),
            headers: headers.collect(),
            body: request.body.clone(),
            received_at: 0,
            client: None,
        }
    }
}

fn status_of(received: Received) -> (String, Option<DeliveryState>) {
    assert!(received.verified);
    match received.events.into_iter().next() {
        Some(Event::Status(status)) => (status.carrier_id, status.state),
        _ => panic!("a status"),
    }
}
