//! Lines: whose their numbers are, credentials that change, a server that only pretends to send, several numbers
//! behind one address.

use crate::photos::{self, jpeg, newest_message, opened, uploads};
use crate::sending::with_settings;
use crate::twilio::{
    accepted, arrives, asked_to_send, carrier_accepts, carrier_answers, draft, failure, inbox_ids, is_read,
    shown, sid, signed, signed_with, text, texts, to,
};
use backend::inbox::{self, Accepted};
use backend::lines::{self, AccountChange, NewLine};
use backend::messages;
use backend::providers::{Subject, Verdict, WebhookKind, WebhookRequest};
use backend::testing::{APP_URL, TWILIO_TOKEN, TestBackend, fictitious_number, on_each_engine};
use base64::{Engine, engine::general_purpose::STANDARD};
use model::FailureCode;
use model::line::{LineView, ProviderKind};
use model::media::AttachmentState;
use model::message::DeliveryState;
use model::message::Draft;
use serde_json::json;
use wiremock::Mock;
use wiremock::ResponseTemplate;
use wiremock::matchers::path;

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
        let (b, line) = (&t.backend, lines::list(&t.backend, &t.admin).await.unwrap().remove(0));
        let account = line.accounts[0].route.account_id;
        let request = written_under_the_new_token(&t, 1, "My knee is swollen");
        assert_eq!(arrives(&t, &request).await.unwrap(), Accepted::Quarantined);
        assert_eq!(lines::check_again(b, &t.admin, account, false).await.unwrap(), 0);

        let wrong = AccountChange { credentials: Some(json!({"auth_token": 7})), ..AccountChange::default() };
        assert_eq!(
            failure(lines::update_account(b, &t.admin, account, wrong).await).field.as_deref(),
            Some("auth_token")
        );
        let right =
            AccountChange { credentials: Some(json!({"auth_token": NEW_TOKEN})), ..AccountChange::default() };
        let view = lines::update_account(b, &t.admin, account, right).await.unwrap();
        assert_eq!(view.accounts[0].quarantined, 0);
        let view = lines::rename(b, &t.admin, line.id, "Reception").await.unwrap();
        assert_eq!(view.name, "Reception");
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
    let account = lines::list(&t.backend, &t.admin).await.unwrap()[0].accounts[0].route.account_id;
    let both = json!({"auth_token": NEW_TOKEN, "previous_auth_token": TWILIO_TOKEN});
    let change = AccountChange { credentials: Some(both), ..AccountChange::default() };
    lines::update_account(&t.backend, &t.admin, account, change).await.unwrap();
    let (old, new) =
        (text(&t, 1, 1, "Under the old one"), written_under_the_new_token(&t, 2, "Under the new one"));
    assert_eq!(arrives(&t, &old).await.unwrap(), Accepted::Journalled);
    assert_eq!(arrives(&t, &new).await.unwrap(), Accepted::Journalled);
    let finished =
        AccountChange { credentials: Some(json!({"previous_auth_token": ""})), ..AccountChange::default() };
    lines::update_account(&t.backend, &t.admin, account, finished).await.unwrap();
    let late = text(&t, 3, 1, "Under the old one");
    assert_eq!(arrives(&t, &late).await.unwrap(), Accepted::Quarantined);
}

#[tokio::test]
async fn an_admin_who_knows_better_reads_what_does_not_verify() {
    on_each_engine(async |t: TestBackend| {
        let account = lines::list(&t.backend, &t.admin).await.unwrap()[0].accounts[0].route.account_id;
        let request = written_under_the_new_token(&t, 1, "Hello?");
        for _ in 0..2 {
            assert_eq!(arrives(&t, &request).await.unwrap(), Accepted::Quarantined);
        }
        assert_eq!(lines::check_again(&t.backend, &t.admin, account, true).await.unwrap(), 1);
        t.run_jobs().await;
        assert_eq!(texts(&t, inbox_ids(&t).await[0]).await, ["Hello?"]);
        assert_eq!(lines::check_again(&t.backend, &t.admin, account, true).await.unwrap(), 0);
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
            signed_with(TWILIO_TOKEN, WebhookKind::Status, callback.clone(), &fields)
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

        second_line(&t).await;
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

/// A photo of nothing but noise, which does not get small.
pub(crate) fn noisy_jpeg() -> Vec<u8> {
    let mut state = 1_u32;
    let pixels = image::RgbImage::from_fn(1200, 900, |_, _| {
        image::Rgb([(); 3].map(|()| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            64 + (state >> 25) as u8
        }))
    });
    let mut file = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut file, image::ImageFormat::Jpeg).unwrap();
    file.into_inner()
}

#[tokio::test]
async fn a_carrier_that_takes_little_gets_a_smaller_copy() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let line = NewLine {
            name: "Pictures".to_owned(),
            number: "0491 573 770".to_owned(),
            provider: ProviderKind::MessageMedia,
            credentials: json!({"api_key": "key", "api_secret": "secret", "api_base": t.carrier.uri()}),
        };
        let line = lines::create(b, &t.admin, line).await.unwrap();
        assert!(line.accounts[0].inbound_url.contains("?key="), "it signs nothing by itself");
        lines::set_default(b, &t.admin, line.id).await.unwrap();
        let photo = uploads(&t, "foot.jpg", &noisy_jpeg()).await.unwrap().media_id;
        t.run_jobs().await;
        let before = photos::shown(&t, photo).await.carrier.unwrap();
        assert!(before.byte_size > 300_000, "{} bytes", before.byte_size);

        t.carrier.reset().await;
        let taken =
            json!({"messages": [{"message_id": "877c19ef-fa2e-4cec-827a-e1df9b5509f7", "status": "queued"}]});
        let answer = ResponseTemplate::new(202).set_body_json(taken);
        Mock::given(path("/v1/messages")).respond_with(answer).mount(&t.carrier).await;
        let draft = Draft { attachments: vec![photo], ..draft("Your foot", "a") };
        let sent = messages::send(b, &t.admin, &to(1), &draft).await.unwrap();
        t.run_jobs().await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);
        let asked: serde_json::Value =
            serde_json::from_slice(&t.carrier.received_requests().await.unwrap()[0].body).unwrap();
        let link = asked["messages"][0]["media"][0].as_str().unwrap();
        let bytes = opened(b, link).await.unwrap().1;
        assert!(bytes.len() <= 300_000, "{} bytes", bytes.len());
        image::load_from_memory(&bytes).unwrap();
        // Whoever takes more gets more, later on as well.
        assert_eq!(photos::shown(&t, photo).await.carrier, Some(before));
        t
    })
    .await;
}

#[tokio::test]
async fn a_photo_within_a_webhook_is_kept_and_a_wrong_secret_is_not_believed() {
    on_each_engine(async |t: TestBackend| {
        let line = NewLine {
            name: "Pictures".to_owned(),
            number: "0491 573 770".to_owned(),
            provider: ProviderKind::MessageMedia,
            credentials: json!({"api_key": "key", "api_secret": "secret"}),
        };
        let line = lines::create(&t.backend, &t.admin, line).await.unwrap();
        let url: url::Url = line.accounts[0].inbound_url.parse().unwrap();
        let line_key = url.path_segments().unwrap().nth(2).unwrap().to_owned();
        let body = json!({
            "kind": "mms", "reply_id": "a175e797-2b54-468b-9850-41a3eab32f74", "source_number": "+61491570156",
            "destination_number": "+61491573770", "content": "My foot",
            "attachments": [{"content_type": "image/jpeg", "original_name": "foot.jpg", "content": STANDARD.encode(jpeg(1))}],
        });
        let request = |url: &str| WebhookRequest {
            kind: WebhookKind::Inbound,
            method: "POST".to_owned(),
            url: url.to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
            received_at: 0,
            client: None,
        };
        let come = async |url: &str| {
            inbox::accept(&t.backend, ProviderKind::MessageMedia, &line_key, &request(url)).await.unwrap()
        };
        let forged = line.accounts[0].inbound_url.replace("?key=", "?key=x");
        assert_eq!(come(&forged).await, Accepted::Quarantined);
        assert_eq!(t.run_jobs().await, 0);
        assert_eq!(come(&line.accounts[0].inbound_url).await, Accepted::Journalled);
        assert_eq!(come(&line.accounts[0].inbound_url).await, Accepted::Repeated);
        t.run_jobs().await;
        let message = newest_message(&t).await;
        assert_eq!((message.text.as_str(), message.attachments.len()), ("My foot", 1));
        assert_eq!(message.attachments[0].state, AttachmentState::Ready);
        t
    })
    .await;
}

/// A second number at the account of the story's line.
async fn second_line(t: &TestBackend) -> LineView {
    let second = NewLine {
        name: "Pharmacy".to_owned(),
        number: "0491 573 770".to_owned(),
        provider: ProviderKind::Twilio,
        credentials: json!({
            "account_sid": backend::testing::TWILIO_ACCOUNT,
            "auth_token": TWILIO_TOKEN,
            "api_base": t.carrier.uri(),
        }),
    };
    lines::create(&t.backend, &t.admin, second).await.unwrap()
}

#[tokio::test]
async fn one_message_that_is_told_at_the_doors_of_two_lines_is_there_once() {
    on_each_engine(async |t: TestBackend| {
        let second = second_line(&t).await;
        let url = second.accounts[0].inbound_url.split('#').next().unwrap().to_owned();
        let key = url.parse::<url::Url>().unwrap().path_segments().unwrap().nth(2).unwrap().to_owned();
        let (id, from) = (sid(1), fictitious_number(1));
        let fields = [
            ("MessageSid", id.as_str()),
            ("SmsStatus", "received"),
            ("From", from.as_e164()),
            ("To", "+61491573770"),
            ("Body", "My knee is swollen"),
        ];
        let there = signed_with(TWILIO_TOKEN, WebhookKind::Inbound, url, &fields);
        let taken = inbox::accept(&t.backend, ProviderKind::Twilio, &key, &there).await.unwrap();
        assert_eq!(taken, Accepted::Journalled);
        is_read(&t, &signed(&t, WebhookKind::Inbound, &fields)).await;
        let conversation = inbox_ids(&t).await[0];
        assert_eq!(texts(&t, conversation).await, ["My knee is swollen"]);
        assert_eq!(t.count("SELECT unread FROM conversation").await, 1);

        // The same words under another id are another message.
        let id = sid(2);
        let again =
            fields.map(|(name, value)| (name, if name == "MessageSid" { id.as_str() } else { value }));
        is_read(&t, &signed(&t, WebhookKind::Inbound, &again)).await;
        assert_eq!(texts(&t, conversation).await.len(), 2);
        t
    })
    .await;
}

#[tokio::test]
async fn a_look_at_the_line_says_in_words_what_is_wrong() {
    let t = TestBackend::new(None).await;
    let line = lines::list(&t.backend, &t.admin).await.unwrap().remove(0);
    let account = format!("/2010-04-01/Accounts/{}", backend::testing::TWILIO_ACCOUNT);
    let look_at = async |sms_url: &str, fallback: &str, balance: &str| {
        t.carrier.reset().await;
        let numbers = json!({"incoming_phone_numbers": [{
            "phone_number": "+61491570006", "sms_url": sms_url, "sms_fallback_url": fallback,
            "capabilities": {"sms": true, "mms": true},
        }]});
        let balance = json!({"balance": balance, "currency": "AUD"});
        for (resource, answer) in [("IncomingPhoneNumbers.json", numbers), ("Balance.json", balance)] {
            let answer = ResponseTemplate::new(200).set_body_json(answer);
            Mock::given(path(format!("{account}/{resource}"))).respond_with(answer).mount(&t.carrier).await;
        }
        let checked = lines::check(&t.backend, t.org).await.unwrap().remove(0);
        assert_eq!(checked.line, line.id);
        checked
            .health
            .findings
            .into_iter()
            .map(|finding| (finding.subject, finding.verdict))
            .collect::<Vec<_>>()
    };
    let look = async |sms_url: &str, balance: &str| look_at(sms_url, sms_url, balance).await;
    let good = [Subject::Credentials, Subject::Sender, Subject::Webhooks, Subject::Balance]
        .map(|subject| (subject, Verdict::Good));
    let inbound_url = line.accounts[0].inbound_url.as_str();
    assert_eq!(look(inbound_url, "12.50").await, good);
    assert_eq!(look_at(inbound_url, "", "1").await[2], (Subject::Webhooks, Verdict::Unknown));
    let once_only = inbound_url.split('#').next().unwrap();
    assert_eq!(look(once_only, "1").await[2], (Subject::Webhooks, Verdict::Bad));
    let elsewhere = look("https://elsewhere.example/sms", "-0.10").await;
    assert_eq!(elsewhere[2..], [(Subject::Webhooks, Verdict::Bad), (Subject::Balance, Verdict::Bad)]);
    assert_eq!(look("", "1").await[2], (Subject::Webhooks, Verdict::Bad));
    t.carrier.reset().await;
    Mock::given(wiremock::matchers::any()).respond_with(ResponseTemplate::new(401)).mount(&t.carrier).await;
    let health = lines::check(&t.backend, t.org).await.unwrap().remove(0).health;
    assert_eq!((health.findings.len(), health.findings[0].verdict), (1, Verdict::Bad));
    assert!(health.findings[0].words.contains("Settings"), "{}", health.findings[0].words);
}

#[tokio::test]
async fn the_simulated_phone_is_there_for_those_whose_line_ends_in_it() {
    on_each_engine(async |t: TestBackend| {
        let stranger = t.stranger().await;
        let line = NewLine {
            name: "To try it out".to_owned(),
            number: "0491 570 313".to_owned(),
            provider: ProviderKind::Simulator,
            credentials: serde_json::Value::Null,
        };
        lines::create(&t.backend, &stranger, line).await.unwrap();
        assert!(lines::has_simulator(&t.backend, &stranger).await.unwrap());
        assert!(!lines::has_simulator(&t.backend, &t.admin).await.unwrap(), "that one is not ours");
        let pretending = with_settings(&t.backend, |settings| settings.mock_mode = true);
        assert!(lines::has_simulator(&pretending, &t.admin).await.unwrap());
        t
    })
    .await;
}
