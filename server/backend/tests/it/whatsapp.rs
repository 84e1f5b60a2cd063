//! Sending by WhatsApp: freely within 24 hours after a patient's message, approved templates at any time, and nothing
//! that WhatsApp would refuse.

use crate::photos::{jpeg, uploads};
use crate::twilio::*;
use backend::providers::WebhookKind;
use backend::testing::{TWILIO_ACCOUNT, TWILIO_TOKEN, TestBackend, fictitious_number, on_each_engine};
use backend::{conversations, lines, messages, share_links, whatsapp};
use model::conversation::WhatsappAbility;
use model::line::ProviderKind;
use model::link::LinkOptions;
use model::message::{Channel, DeliveryState, Draft, MessageView, Recipient};
use model::staff::Role;
use model::whatsapp::{TemplateChoice, TemplateState, TemplateView};
use model::{Failure, FailureCode, LineId, MessageId, TemplateId};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use url::form_urlencoded;
use wiremock::matchers::{method, path};
use wiremock::{Mock, Request, ResponseTemplate};

const HOUR: Duration = Duration::from_secs(3600);
const REMINDER: &str = "Hello {{1}}, see you on {{2}}.";

/// Patient `from` writes by WhatsApp.
async fn writes(t: &TestBackend, n: u32, from: usize, words: &str) {
    let (sid, from) = (sid(n), format!("whatsapp:{}", fictitious_number(from).as_e164()));
    let fields = [
        ("MessageSid", sid.as_str()),
        ("SmsStatus", "received"),
        ("From", &from),
        ("To", "whatsapp:+61491570006"),
        ("Body", words),
        ("NumMedia", "0"),
    ];
    is_read(t, &signed(t, WebhookKind::Inbound, &fields)).await;
}

fn by_whatsapp(words: &str, client_id: &str) -> Draft {
    Draft { channel: Some(Channel::Whatsapp), ..draft(words, client_id) }
}

fn by_sms(words: &str, client_id: &str) -> Draft {
    Draft { channel: Some(Channel::Sms), ..draft(words, client_id) }
}

pub(crate) fn as_template(id: TemplateId, variables: &[(&str, &str)], client_id: &str) -> Draft {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Draft { template: Some(TemplateChoice { id, variables }), ..draft("", client_id) }
}

pub(crate) async fn send(t: &TestBackend, to: &Recipient, draft: &Draft) -> MessageView {
    messages::send(&t.backend, &t.admin, to, draft).await.unwrap()
}

pub(crate) async fn refusal(t: &TestBackend, to: &Recipient, draft: &Draft) -> Failure {
    failure(messages::send(&t.backend, &t.admin, to, draft).await)
}

/// What the carrier was asked to send, each as a form without what is the same in all.
async fn forms(t: &TestBackend) -> Vec<Vec<(String, String)>> {
    let requests = t.carrier.received_requests().await.unwrap();
    let form = |request: &Request| {
        let fields = form_urlencoded::parse(&request.body).into_owned();
        fields.filter(|(name, _)| !matches!(name.as_str(), "From" | "StatusCallback")).collect()
    };
    requests.iter().filter(|request| request.method.as_str() == "POST").map(form).collect()
}

fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// How often the carrier was asked for its templates.
pub(crate) async fn asked_for_templates(t: &TestBackend) -> usize {
    let requests = t.carrier.received_requests().await.unwrap();
    requests.iter().filter(|request| request.url.path() == "/v1/ContentAndApprovals").count()
}

/// The carrier takes everything, and lists these templates: number, text, and what WhatsApp says.
pub(crate) async fn lists(t: &TestBackend, templates: &[(u32, &str, &str)]) {
    carrier_accepts(t).await;
    let content = |(n, body, status): &(u32, &str, &str)| -> Value {
        json!({
            "sid": format!("HX{n:032x}"), "friendly_name": format!("template_{n}"), "language": "en",
            "variables": {"1": "Amelia"}, "types": {"twilio/text": {"body": body}},
            "approval_requests": {"status": status},
        })
    };
    let contents: Vec<Value> = templates.iter().map(content).collect();
    templates_answer(t, ResponseTemplate::new(200).set_body_json(json!({"contents": contents, "meta": {}})))
        .await;
}

async fn templates_answer(t: &TestBackend, answer: ResponseTemplate) {
    let at = Mock::given(method("GET")).and(path("/v1/ContentAndApprovals"));
    at.respond_with(answer).mount(&t.carrier).await;
}

pub(crate) async fn known(t: &TestBackend) -> Vec<TemplateView> {
    whatsapp::templates(&t.backend, &t.admin, None).await.unwrap()
}

async fn ability(t: &TestBackend) -> Option<WhatsappAbility> {
    conversations::get(&t.backend, &t.admin, inbox_ids(t).await[0]).await.unwrap().can_send.whatsapp
}

async fn line(t: &TestBackend) -> LineId {
    lines::list(&t.backend, &t.admin).await.unwrap()[0].id
}

#[tokio::test]
async fn an_answer_goes_the_way_that_the_patient_wrote() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        writes(&t, 1, 0, "Hola").await;
        let heard_at = Some(t.backend.clock.now());
        assert_eq!(ability(&t).await, Some(WhatsappAbility { heard_at, usual: true }));
        let thread = Recipient::Conversation(inbox_ids(&t).await[0]);
        t.backend.clock.advance(HOUR);
        let sent = send(&t, &thread, &draft("Hello", "a")).await;
        assert_eq!(sent.channel, Channel::Whatsapp);
        send(&t, &thread, &by_sms("As a text", "b")).await;
        t.run_jobs().await;
        let expected = [
            fields(&[("To", "whatsapp:+61491570156"), ("Body", "Hello")]),
            fields(&[("To", "+61491570156"), ("Body", "As a text")]),
        ];
        assert_eq!(forms(&t).await, expected);

        // What they wrote last counts, and the window stays open.
        is_read(&t, &text(&t, 2, 0, "By text now")).await;
        assert_eq!(ability(&t).await, Some(WhatsappAbility { heard_at, usual: false }));
        assert_eq!(send(&t, &thread, &draft("Fine", "c")).await.channel, Channel::Sms);
        assert_eq!(send(&t, &thread, &by_whatsapp("Fine", "d")).await.channel, Channel::Whatsapp);
        t.run_jobs().await;
        t
    })
    .await;
}

#[tokio::test]
async fn outside_the_24_hours_nothing_is_sent_freely_and_nothing_goes_another_way_by_itself() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        writes(&t, 1, 0, "Hola").await;
        let thread = Recipient::Conversation(inbox_ids(&t).await[0]);
        t.backend.clock.advance(24 * HOUR);
        for draft in [draft("Hello", "a"), by_whatsapp("Hello", "a")] {
            let refused = refusal(&t, &thread, &draft).await;
            assert_eq!(refused.code, FailureCode::TemplateNeeded);
            assert!(refused.message.starts_with("More than 24 hours since"), "{}", refused.message);
        }
        // A patient who never wrote by WhatsApp at all.
        let refused = refusal(&t, &to(1), &by_whatsapp("Hello", "a")).await;
        assert_eq!(refused.code, FailureCode::TemplateNeeded);
        assert!(
            refused.message.contains("not written to this number by WhatsApp yet"),
            "{}",
            refused.message
        );
        assert_eq!(t.count("SELECT COUNT(*) FROM message WHERE direction = 'outbound'").await, 0);

        assert_eq!(send(&t, &thread, &by_sms("Hello", "a")).await.channel, Channel::Sms);
        t.run_jobs().await;
        writes(&t, 2, 0, "Are you there?").await;
        assert_eq!(send(&t, &thread, &draft("Yes", "b")).await.channel, Channel::Whatsapp);
        t.run_jobs().await;
        t
    })
    .await;
}

#[tokio::test]
async fn the_window_may_close_while_a_message_waits() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        writes(&t, 1, 0, "Hola").await;
        let thread = Recipient::Conversation(inbox_ids(&t).await[0]);
        t.backend.clock.advance(24 * HOUR - Duration::from_secs(1));
        let sent = send(&t, &thread, &draft("Just in time", "a")).await;
        t.later(Duration::from_secs(1)).await;
        let failed = shown(&t, sent.id).await;
        assert_eq!((failed.state, failed.channel), (DeliveryState::Failed, Channel::Whatsapp));
        assert!(failed.failure.unwrap().contains("only an approved template"));
        assert!(forms(&t).await.is_empty(), "the carrier was not asked");
        let again = failure(messages::retry(&t.backend, &t.admin, sent.id).await);
        assert_eq!(again.code, FailureCode::TemplateNeeded);
        // Once they write again, it may be sent after all.
        writes(&t, 2, 0, "Hello?").await;
        messages::retry(&t.backend, &t.admin, sent.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);
        t
    })
    .await;
}

#[tokio::test]
async fn a_template_may_be_sent_at_any_time() {
    on_each_engine(async |t: TestBackend| {
        lists(&t, &[(1, REMINDER, "approved"), (2, "Half price for {{1}}", "pending")]).await;
        let all = known(&t).await;
        assert_eq!((all[0].body.as_str(), all[0].name.as_str()), (REMINDER, "template_1"));
        assert_eq!(all[0].examples, BTreeMap::from([("1".to_owned(), "Amelia".to_owned())]));
        let states: Vec<_> = all.iter().map(|template| template.state).collect();
        assert_eq!(states, [TemplateState::Approved, TemplateState::Pending]);
        let (reminder, pending) = (all[0].id, all[1].id);

        let given = [("1", " Amelia "), ("2", "Monday"), ("3", "unused")];
        let sent = send(&t, &to(0), &as_template(reminder, &given, "a")).await;
        assert_eq!(sent.channel, Channel::Whatsapp);
        assert_eq!(sent.text, "Hello Amelia, see you on Monday.");
        let used = sent.template.clone().unwrap();
        assert_eq!((used.id, used.variables.len()), (reminder, 2));
        t.run_jobs().await;
        let expected = fields(&[
            ("To", "whatsapp:+61491570156"),
            ("ContentSid", "HX00000000000000000000000000000001"),
            ("ContentVariables", r#"{"1":"Amelia","2":"Monday"}"#),
        ]);
        assert_eq!(forms(&t).await, [expected]);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);
        // With a template to begin with, staff are offered WhatsApp.
        assert_eq!(ability(&t).await, Some(WhatsappAbility { heard_at: None, usual: false }));

        // The same again is the same message, filled in otherwise it is another one.
        let same = send(&t, &to(0), &as_template(reminder, &given, "a")).await;
        assert_eq!(same.id, sent.id);
        let other = as_template(reminder, &[("1", "Ben"), ("2", "Monday")], "a");
        assert_eq!(refusal(&t, &to(0), &other).await.code, FailureCode::Conflict);

        let words = Draft { text: "And more".to_owned(), ..as_template(reminder, &given, "b") };
        let text = Draft { channel: Some(Channel::Sms), ..as_template(reminder, &given, "b") };
        for (draft, field, says) in [
            (as_template(reminder, &[("1", "Amelia")], "b"), "template", "Fill in {{2}}."),
            (as_template(reminder, &[("1", "two\nlines"), ("2", "x")], "b"), "template", "one line"),
            (as_template(pending, &[("1", "Amelia")], "b"), "template", "not approved"),
            (as_template(TemplateId(uuid::Uuid::from_u128(7)), &[], "b"), "template", "no such template"),
            (words, "template", "without other text"),
            (text, "channel", "by WhatsApp alone"),
        ] {
            let refused = refusal(&t, &to(0), &draft).await;
            assert_eq!((refused.code, refused.field.as_deref()), (FailureCode::Invalid, Some(field)));
            assert!(refused.message.contains(says), "{}", refused.message);
        }
        t
    })
    .await;
}

#[tokio::test]
async fn a_template_that_lost_its_approval_is_not_sent() {
    on_each_engine(async |t: TestBackend| {
        lists(&t, &[(1, "Please reply.", "approved")]).await;
        let id = known(&t).await[0].id;
        let sent = send(&t, &to(0), &as_template(id, &[], "a")).await;
        lists(&t, &[]).await;
        let shown_in_settings = whatsapp::refresh(&t.backend, &t.admin, line(&t).await).await.unwrap();
        assert!(shown_in_settings.is_empty());
        t.run_jobs().await;
        let failed = shown(&t, sent.id).await;
        assert_eq!((failed.state, failed.text.as_str()), (DeliveryState::Failed, "Please reply."));
        assert!(failed.failure.unwrap().contains("has not approved"));
        assert!(forms(&t).await.is_empty(), "the carrier was not asked");
        // Listed again, it is the same one.
        lists(&t, &[(1, "Please reply.", "approved")]).await;
        whatsapp::refresh(&t.backend, &t.admin, line(&t).await).await.unwrap();
        assert_eq!(known(&t).await[0].id, id);
        t
    })
    .await;
}

#[tokio::test]
async fn the_carrier_is_asked_for_templates_once_an_hour() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_accepts(&t).await;
        templates_answer(&t, ResponseTemplate::new(401)).await;
        for _ in 0..2 {
            let refused = failure(whatsapp::templates(b, &t.admin, None).await);
            assert_eq!(refused.code, FailureCode::Unavailable);
            assert!(refused.message.contains("credentials"), "{}", refused.message);
        }
        assert_eq!(asked_for_templates(&t).await, 1, "after a refusal it is left alone for a minute");
        t.backend.clock.advance(HOUR / 60);

        lists(&t, &[(1, "Please reply.", "approved")]).await;
        for _ in 0..3 {
            assert_eq!(known(&t).await.len(), 1);
        }
        assert_eq!(asked_for_templates(&t).await, 1);
        t.backend.clock.advance(HOUR);
        known(&t).await;
        assert_eq!(asked_for_templates(&t).await, 2);

        // While it does not tell, what was known is shown.
        carrier_accepts(&t).await;
        templates_answer(&t, ResponseTemplate::new(503)).await;
        t.backend.clock.advance(HOUR);
        assert_eq!(known(&t).await.len(), 1);
        let line = line(&t).await;
        assert_eq!(failure(whatsapp::refresh(b, &t.admin, line).await).code, FailureCode::Unavailable);

        let (viewer, staff) = (t.colleague(Role::Viewer).await, t.colleague(Role::Staff).await);
        assert_eq!(failure(whatsapp::templates(b, &viewer, None).await).code, FailureCode::NotAllowed);
        assert_eq!(failure(whatsapp::refresh(b, &staff, line).await).code, FailureCode::NotAllowed);
        let stranger = t.stranger().await;
        assert_eq!(failure(whatsapp::templates(b, &stranger, Some(line)).await).code, FailureCode::NotFound);
        assert_eq!(failure(whatsapp::refresh(b, &stranger, line).await).code, FailureCode::NotFound);
        assert!(whatsapp::templates(b, &stranger, None).await.unwrap().is_empty());
        t
    })
    .await;
}

#[tokio::test]
async fn a_whatsapp_message_carries_one_picture_and_several_go_in_several() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        writes(&t, 1, 0, "Hola").await;
        let thread = Recipient::Conversation(inbox_ids(&t).await[0]);
        let mut attachments = Vec::new();
        for shade in 0..2 {
            attachments.push(uploads(&t, "scan.jpg", &jpeg(shade)).await.unwrap().media_id);
        }
        let sent = send(&t, &thread, &Draft { attachments, ..draft("Your scans", "a") }).await;
        assert_eq!(sent.channel, Channel::Whatsapp);
        t.run_jobs().await;
        let forms = forms(&t).await;
        let count =
            |form: &[(String, String)], field: &str| form.iter().filter(|(name, _)| name == field).count();
        let counts: Vec<_> =
            forms.iter().map(|form| (count(form, "MediaUrl"), count(form, "Body"))).collect();
        assert_eq!(counts, [(1, 1), (1, 0)], "the text goes with the first");
        assert!(forms.iter().all(|form| form[0].1.starts_with("whatsapp:")));
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);
        t
    })
    .await;
}

#[tokio::test]
async fn a_private_link_goes_by_whatsapp_too() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        writes(&t, 1, 0, "Hola").await;
        let thread = Recipient::Conversation(inbox_ids(&t).await[0]);
        let attachments = vec![uploads(&t, "scan.jpg", &jpeg(1)).await.unwrap().media_id];
        let link = Some(LinkOptions::default());
        let sent = send(&t, &thread, &Draft { attachments, link, ..draft("Your scan", "a") }).await;
        assert_eq!(sent.channel, Channel::Whatsapp);
        t.run_jobs().await;
        let form = forms(&t).await.remove(0);
        assert_eq!(form.len(), 2, "{form:?}");
        assert!(form[1].1.starts_with("Your scan\nhttps://clinic.example/i/"), "{form:?}");

        // Again it goes the same way, as long as WhatsApp lets it, and another way only where staff say so.
        let again = async |id: MessageId, client_id: &str, channel: Option<Channel>| {
            share_links::resend(&t.backend, &t.admin, id, client_id, channel).await
        };
        assert_eq!(again(sent.id, "b", None).await.unwrap().channel, Channel::Whatsapp);
        let as_text = again(sent.id, "c", Some(Channel::Sms)).await.unwrap();
        assert_eq!(as_text.channel, Channel::Sms);
        assert_eq!(again(as_text.id, "d", None).await.unwrap().channel, Channel::Sms);
        t.run_jobs().await;
        share_links::extend(&t.backend, &t.admin, sent.id).await.unwrap();
        t.backend.clock.advance(25 * HOUR);
        assert_eq!(failure(again(sent.id, "e", None).await).code, FailureCode::TemplateNeeded);
        assert_eq!(again(sent.id, "e", Some(Channel::Sms)).await.unwrap().channel, Channel::Sms);
        t.run_jobs().await;
        t
    })
    .await;
}

#[tokio::test]
async fn stop_by_whatsapp_is_stop() {
    on_each_engine(async |t: TestBackend| {
        lists(&t, &[(1, "Please reply.", "approved")]).await;
        let id = known(&t).await[0].id;
        writes(&t, 1, 0, "Hola").await;
        let thread = Recipient::Conversation(inbox_ids(&t).await[0]);
        let waiting = send(&t, &thread, &draft("Hello", "a")).await;
        writes(&t, 2, 0, "STOP").await;
        let failed = shown(&t, waiting.id).await;
        // Whichever of the two was worked on first.
        assert!(matches!(failed.state, DeliveryState::Failed | DeliveryState::Accepted), "{failed:?}");
        for draft in [draft("Hello", "b"), by_sms("Hello", "b"), as_template(id, &[], "b")] {
            let refused = refusal(&t, &thread, &draft).await;
            assert_eq!(refused.code, FailureCode::CannotSend);
            assert!(refused.message.contains("STOP"), "{}", refused.message);
        }
        writes(&t, 3, 0, "START").await;
        assert_eq!(send(&t, &thread, &draft("Welcome back", "c")).await.channel, Channel::Whatsapp);
        t.run_jobs().await;
        t
    })
    .await;
}

#[tokio::test]
async fn each_line_has_its_own_window_and_its_own_templates() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        lists(&t, &[(1, "Please reply.", "approved")]).await;
        let id = known(&t).await[0].id;
        writes(&t, 1, 0, "Hola").await;
        let thread = Recipient::Conversation(inbox_ids(&t).await[0]);
        let new = |name: &str, number: &str, provider, credentials| lines::NewLine {
            name: name.to_owned(),
            number: number.to_owned(),
            provider,
            credentials,
        };
        let credentials = json!({
            "account_sid": TWILIO_ACCOUNT, "auth_token": TWILIO_TOKEN, "api_base": t.carrier.uri(),
            "content_base": t.carrier.uri(),
        });
        let second = new("Second", "0491 572 549", ProviderKind::Twilio, credentials);
        let second = lines::create(b, &t.admin, second).await.unwrap().id;
        let through = |draft: Draft| Draft { line: Some(second), ..draft };
        let freely = through(by_whatsapp("Hello", "a"));
        assert_eq!(refusal(&t, &thread, &freely).await.code, FailureCode::TemplateNeeded);
        let template = through(as_template(id, &[], "a"));
        assert!(refusal(&t, &thread, &template).await.message.contains("no such template"));
        // The patient did not write to that one, so nothing there is usual.
        assert_eq!(send(&t, &thread, &through(draft("Hello", "a"))).await.channel, Channel::Sms);

        // One that cannot says so itself.
        let credentials = json!({"username": "clinic", "password": "secret", "api_base": t.carrier.uri()});
        let third = new("Third", "0491 573 770", ProviderKind::SmsBroadcast, credentials);
        let third = lines::create(b, &t.admin, third).await.unwrap().id;
        let freely = Draft { line: Some(third), ..by_whatsapp("Hello", "b") };
        let refused = refusal(&t, &thread, &freely).await;
        assert_eq!(refused.code, FailureCode::CannotSend);
        assert_eq!(refused.message, "SMS Broadcast cannot send WhatsApp.");
        t.run_jobs().await;
        t
    })
    .await;
}
