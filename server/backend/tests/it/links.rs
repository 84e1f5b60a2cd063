//! Private links: the pictures stay, the text leads to them, and what happens to a link on its way.

use crate::photos::{jpeg, opened, scrambled_png, uploads, viewer};
use crate::twilio::*;
use backend::share_links::{self, Door, Host, Place, Unfit};
use backend::testing::{TestBackend, fictitious_number, on_each_engine};
use backend::{conversations, lines, live, messages, patients};
use futures::future::join_all;
use model::line::ProviderKind;
use model::link::{LinkOptions, LinkState, LinkView, TOKEN_CHARS, hours};
use model::live::Change;
use model::media::MediaKind;
use model::message::{Channel, DeliveryState, Draft, MessageView};
use model::patient::{NumberInput, PatientInput};
use model::{AttachmentId, FailureCode, PhoneNumber};
use std::time::Duration;
use url::form_urlencoded;

const HOUR: Duration = Duration::from_secs(3600);

/// How a link begins.
const BASE: &str = "https://clinic.example/i/";

async fn photo(t: &TestBackend, shade: u8) -> AttachmentId {
    uploads(t, "Amelia Hart foot.jpg", &jpeg(shade)).await.unwrap().media_id
}

pub(crate) fn with_link(
    attachments: Vec<AttachmentId>,
    text: &str,
    client_id: &str,
    options: LinkOptions,
) -> Draft {
    Draft { attachments, link: Some(options), ..draft(text, client_id) }
}

/// Sends one picture behind a link to patient 0 and answers the message and the link's secret, as it arrived.
async fn linked(t: &TestBackend, options: LinkOptions) -> (MessageView, String) {
    carrier_accepts(t).await;
    let draft = with_link(vec![photo(t, 1).await], "Your scan", "a", options);
    let sent = messages::send(&t.backend, &t.admin, &to(0), &draft).await.unwrap();
    t.run_jobs().await;
    let text = asked_to_send(t).await.pop().unwrap();
    (sent, secret(&text))
}

pub(crate) fn secret(text: &str) -> String {
    text.lines().last().unwrap().strip_prefix(BASE).unwrap().to_owned()
}

pub(crate) async fn look(t: &TestBackend, token: &str) -> Place {
    share_links::look(&t.backend, token).await.unwrap()
}

pub(crate) async fn open(t: &TestBackend, token: &str) -> Place {
    share_links::open_from(&t.backend, token, None, "").await.unwrap()
}

async fn link_of(t: &TestBackend, message: &MessageView) -> LinkView {
    shown(t, message.id).await.link.unwrap()
}

fn clinic() -> Host {
    let number = PhoneNumber::from_e164("+61491570006").unwrap();
    Host { organisation: "Harbour Clinic".to_owned(), number: Some(number) }
}

fn closed(why: LinkState) -> Place {
    Place::Closed(clinic(), why)
}

fn is_open(place: &Place) -> bool {
    matches!(place, Place::Inside(..))
}

/// A patient with number 0.
async fn patient(t: &TestBackend, name: &str, born: Option<&str>) {
    let input = PatientInput {
        name: name.to_owned(),
        born: born.map(str::to_owned),
        numbers: vec![NumberInput {
            number: fictitious_number(0).as_e164().to_owned(),
            label: String::new(),
        }],
        ..PatientInput::default()
    };
    patients::create(&t.backend, &t.admin, &input).await.unwrap();
}

#[tokio::test]
async fn the_pictures_stay_and_the_text_leads_to_them() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let (sent, token) = linked(&t, LinkOptions::default()).await;
        assert_eq!((sent.channel, sent.text.as_str(), sent.parts), (Channel::Sms, "Your scan", 1));
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);
        assert!(token.len() == TOKEN_CHARS && token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let requests = t.carrier.received_requests().await.unwrap();
        assert_eq!(requests.len(), 1);
        let fields: Vec<_> = form_urlencoded::parse(&requests[0].body).into_owned().collect();
        assert!(fields.iter().all(|(name, _)| name != "MediaUrl"), "{fields:?}");
        let text = fields.iter().find(|(name, _)| name == "Body").unwrap().1.clone();
        assert_eq!(text, format!("Your scan\n{BASE}{token}"));

        // Looking changes nothing, however often.
        let expected = Door {
            host: clinic(),
            holds: vec![MediaKind::Image],
            asks_birth_date: false,
            opens_once: false,
            for_ms: hours(24),
        };
        for _ in 0..3 {
            assert_eq!(look(&t, &token).await, Place::Before(expected.clone(), None));
        }
        let link = link_of(&t, &sent).await;
        assert_eq!((link.state, link.openings, link.first_opened_at), (LinkState::Open, 0, None));

        let seen = live::newest(b, &t.admin).await.unwrap();
        let first_at = b.clock.now();
        let Place::Inside(host, pictures) = open(&t, &token).await else { panic!("it opens") };
        assert_eq!((host, pictures.len()), (clinic(), 1));
        assert_eq!((pictures[0].kind, pictures[0].size), (MediaKind::Image, Some((640, 480))));
        assert!(!pictures[0].url.contains("Amelia"), "{}", pictures[0].url);
        for url in [&pictures[0].url, &pictures[0].save_url] {
            let (media_type, copy) = opened(b, url).await.unwrap();
            assert_eq!(media_type, "image/jpeg");
            image::load_from_memory(&copy).unwrap();
            let path_and_query = url.strip_prefix("https://clinic.example").unwrap();
            let link = backend::media::links::open(b, path_and_query).await.unwrap();
            assert_eq!(link.file_name, "photo.jpg", "its own name may name a person");
        }
        let change = Change::MessageChanged { conversation_id: sent.conversation_id, message_id: sent.id };
        let changes = live::since(b, &t.admin, seen).await.unwrap().unwrap();
        assert_eq!(changes.into_iter().map(|event| event.change).collect::<Vec<_>>(), [change]);
        b.clock.advance(HOUR);
        assert!(is_open(&open(&t, &token).await));
        let link = link_of(&t, &sent).await;
        assert_eq!((link.state, link.openings), (LinkState::Open, 2));
        assert_eq!((link.first_opened_at, link.last_opened_at), (Some(first_at), Some(b.clock.now())));
        let audited = "SELECT COUNT(*) FROM audit_entry
                       WHERE action = 'share_link.open' AND staff_id IS NULL AND api_token_id IS NULL";
        assert_eq!(t.count(audited).await, 2);
        assert_eq!(t.count("SELECT COUNT(*) FROM message WHERE body LIKE '%/i/%'").await, 0);

        assert_eq!(look(&t, "00000000000000000").await, Place::Nowhere);
        assert_eq!(open(&t, "00000000000000000").await, Place::Nowhere);
        t
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_for_one_opening_opens_for_one_of_many_at_once() {
    on_each_engine(async |t: TestBackend| {
        let options = LinkOptions { one_opening: true, ..LinkOptions::default() };
        let (sent, token) = linked(&t, options).await;
        let calls = (0..10).map(|_| {
            let (backend, token) = (t.backend.clone(), token.clone());
            tokio::spawn(async move { share_links::open_from(&backend, &token, None, "").await.unwrap() })
        });
        let places: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(places.iter().filter(|place| is_open(place)).count(), 1);
        assert_eq!(places.iter().filter(|place| **place == closed(LinkState::UsedUp)).count(), 9);
        let link = link_of(&t, &sent).await;
        assert_eq!((link.state, link.openings, link.one_opening), (LinkState::UsedUp, 1, true));
        let extended = failure(share_links::extend(&t.backend, &t.admin, sent.id).await);
        assert_eq!(extended.code, FailureCode::Conflict);
        assert_eq!(look(&t, &token).await, closed(LinkState::UsedUp));
        t
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_that_is_pressed_twice_opens_once_and_shows_twice() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        patient(&t, "Ben Hart", Some("1984-02-29")).await;
        let options = LinkOptions { one_opening: true, ask_birth_date: true, ..LinkOptions::default() };
        let (sent, token) = linked(&t, options).await;
        let press =
            async |born: &str, form: &str| share_links::open_from(b, &token, Some(born), form).await.unwrap();
        let (page, other) = (share_links::new_form(b), share_links::new_form(b));
        assert_ne!(page, other);
        let calls = (0..5).map(|_| {
            let (backend, token, page) = (b.clone(), token.clone(), page.clone());
            tokio::spawn(async move {
                share_links::open_from(&backend, &token, Some("1984-02-29"), &page).await.unwrap()
            })
        });
        let places: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        assert!(places.iter().all(is_open));
        assert_eq!(link_of(&t, &sent).await.openings, 1);

        // Only this page, only with the right date, and only for a moment.
        b.clock.advance(Duration::from_secs(100));
        for (born, form) in [
            ("1984-02-28", page.as_str()),
            ("1984-02-29", other.as_str()),
            ("1984-02-29", &page[..page.len() - 2]),
            ("1984-02-29", "made.up"),
            ("1984-02-29", ""),
        ] {
            assert_eq!(press(born, form).await, closed(LinkState::UsedUp), "{form}");
        }
        assert!(is_open(&press("1984-02-29", &page).await));
        b.clock.advance(Duration::from_secs(20));
        assert_eq!(press("1984-02-29", &page).await, closed(LinkState::UsedUp));
        assert_eq!(link_of(&t, &sent).await.openings, 1);
        assert_eq!(t.count("SELECT COUNT(*) FROM audit_entry WHERE action = 'share_link.open'").await, 1);
        t
    })
    .await;
}

#[tokio::test]
async fn what_was_revoked_stays_closed_to_the_page_that_opened_it() {
    on_each_engine(async |t: TestBackend| {
        let (sent, token) = linked(&t, LinkOptions { one_opening: true, ..LinkOptions::default() }).await;
        let page = share_links::new_form(&t.backend);
        let press = async || share_links::open_from(&t.backend, &token, None, &page).await.unwrap();
        assert!(is_open(&press().await) && is_open(&press().await));
        share_links::revoke(&t.backend, &t.admin, sent.id).await.unwrap();
        assert_eq!(press().await, closed(LinkState::Revoked));
        t
    })
    .await;
}

#[tokio::test]
async fn a_link_expires_is_extended_and_is_forgotten_in_the_end() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let (sent, token) = linked(&t, LinkOptions { hours: 2, ..LinkOptions::default() }).await;
        b.clock.advance(HOUR * 2 - Duration::from_millis(1));
        assert!(is_open(&open(&t, &token).await));
        b.clock.advance(Duration::from_millis(1));
        assert_eq!(look(&t, &token).await, closed(LinkState::Expired));
        assert_eq!(open(&t, &token).await, closed(LinkState::Expired));
        assert_eq!(link_of(&t, &sent).await.state, LinkState::Expired);
        let again = failure(share_links::resend(b, &t.admin, sent.id, "again", None).await);
        assert_eq!(again.code, FailureCode::Conflict);

        // From now where it has expired, from its end where it has not.
        for day in [1, 2] {
            let extended = share_links::extend(b, &t.admin, sent.id).await.unwrap().link.unwrap();
            assert_eq!(extended.state, LinkState::Open);
            assert_eq!(extended.expires_at, b.clock.now() + day * hours(24));
        }
        assert!(is_open(&open(&t, &token).await));
        for _ in 0..40 {
            share_links::extend(b, &t.admin, sent.id).await.unwrap();
        }
        assert_eq!(link_of(&t, &sent).await.expires_at, b.clock.now() + hours(30 * 24));

        b.clock.advance(30 * 24 * HOUR);
        assert_eq!(look(&t, &token).await, closed(LinkState::Expired));
        b.clock.advance(30 * 24 * HOUR);
        assert_eq!(look(&t, &token).await, Place::Nowhere, "like one that nobody ever sent");
        assert_eq!(open(&t, &token).await, Place::Nowhere);
        t
    })
    .await;
}

#[tokio::test]
async fn a_date_of_birth_has_five_tries() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let asking = LinkOptions { ask_birth_date: true, ..LinkOptions::default() };
        let send = async |t: &TestBackend| {
            let draft = with_link(vec![photo(t, 1).await], "", "none", asking);
            failure(messages::send(b, &t.admin, &to(0), &draft).await)
        };
        assert_eq!(send(&t).await.field.as_deref(), Some("link"), "a stranger has no date of birth");
        patient(&t, "Amelia Hart", None).await;
        assert_eq!(send(&t).await.field.as_deref(), Some("link"), "nobody knows hers");
        patient(&t, "Ben Hart", Some("1984-02-29")).await;
        patient(&t, "Chloe Hart", Some("2015-11-03")).await;

        let (sent, token) = linked(&t, asking).await;
        let tries = async |born: &str| share_links::open_from(b, &token, Some(born), "").await.unwrap();
        for no_date in ["", "-00-00", "84-02-29", "1984-02-30", "yesterday"] {
            assert!(matches!(tries(no_date).await, Place::Before(_, Some(Unfit::NoDate))), "{no_date}");
        }
        for tries_left in (1..5).rev() {
            let Place::Before(door, unfit) = tries("1984-02-28").await else { panic!("it stays closed") };
            assert!(door.asks_birth_date);
            assert_eq!(unfit, Some(Unfit::Wrong { tries_left }));
        }
        // Either patient's opens it, and gives the tries back.
        assert!(is_open(&tries("1984-02-29").await) && is_open(&tries("2015-11-03").await));
        for _ in 0..4 {
            tries("1984-02-28").await;
        }
        assert_eq!(tries("1984-02-28").await, closed(LinkState::Locked));
        assert_eq!(tries("1984-02-29").await, closed(LinkState::Locked), "too late");
        let link = link_of(&t, &sent).await;
        assert_eq!((link.state, link.openings, link.ask_birth_date), (LinkState::Locked, 2, true));
        share_links::extend(b, &t.admin, sent.id).await.unwrap();
        assert!(is_open(&tries("1984-02-29").await));
        t
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_once_are_not_more_than_guesses_in_turn() {
    on_each_engine(async |t: TestBackend| {
        patient(&t, "Ben Hart", Some("1984-02-29")).await;
        let (sent, token) = linked(&t, LinkOptions { ask_birth_date: true, ..LinkOptions::default() }).await;
        let calls = (1..=20).map(|day| {
            let (backend, token) = (t.backend.clone(), token.clone());
            tokio::spawn(async move {
                let born = format!("1990-01-{day:02}");
                share_links::open_from(&backend, &token, Some(&born), "").await.unwrap()
            })
        });
        let places: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(places.iter().filter(|place| matches!(place, Place::Before(..))).count(), 4);
        assert_eq!(link_of(&t, &sent).await.state, LinkState::Locked);
        assert_eq!(t.count("SELECT MIN(tries_left) FROM share_link").await, 0);
        t
    })
    .await;
}

#[tokio::test]
async fn a_revoked_link_stays_closed_and_never_leaves() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let (sent, token) = linked(&t, LinkOptions::default()).await;
        let revoked = share_links::revoke(b, &t.admin, sent.id).await.unwrap();
        assert_eq!(revoked.link.unwrap().state, LinkState::Revoked);
        share_links::revoke(b, &t.admin, sent.id).await.unwrap();
        assert_eq!(look(&t, &token).await, closed(LinkState::Revoked));
        assert_eq!(open(&t, &token).await, closed(LinkState::Revoked));
        for refused in [
            share_links::extend(b, &t.admin, sent.id).await,
            share_links::resend(b, &t.admin, sent.id, "again", None).await,
        ] {
            assert_eq!(failure(refused).code, FailureCode::Conflict);
        }

        carrier_accepts(&t).await;
        let draft = with_link(vec![photo(&t, 2).await], "", "b", LinkOptions::default());
        let waiting = messages::send(b, &t.admin, &to(0), &draft).await.unwrap();
        share_links::revoke(b, &t.admin, waiting.id).await.unwrap();
        t.run_jobs().await;
        assert!(asked_to_send(&t).await.is_empty());
        let failed = shown(&t, waiting.id).await;
        assert_eq!(failed.state, DeliveryState::Failed);
        assert!(failed.failure.unwrap().contains("revoked"));
        t
    })
    .await;
}

#[tokio::test]
async fn a_link_that_opens_nothing_any_more_never_leaves() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_answers(&t, |_| refused(21211)).await;
        let short = LinkOptions { hours: 1, ..LinkOptions::default() };
        let draft = with_link(vec![photo(&t, 1).await], "Scan", "a", short);
        let refused_once = messages::send(b, &t.admin, &to(0), &draft).await.unwrap();
        t.run_jobs().await;
        let draft = with_link(vec![photo(&t, 2).await], "Scan", "b", short);
        let waiting = messages::send(b, &t.admin, &to(1), &draft).await.unwrap();
        carrier_accepts(&t).await;
        // What waited for its link's whole time says so, and nobody gets a link to nothing.
        t.later(HOUR).await;
        let failed = shown(&t, waiting.id).await;
        assert_eq!(failed.state, DeliveryState::Failed);
        assert!(failed.failure.unwrap().contains("expired"));
        for id in [refused_once.id, waiting.id] {
            let again = failure(messages::retry(b, &t.admin, id).await);
            assert_eq!(again.code, FailureCode::Conflict);
            assert!(again.message.contains("Extend it first"), "{}", again.message);
        }
        assert!(asked_to_send(&t).await.is_empty());
        share_links::extend(b, &t.admin, refused_once.id).await.unwrap();
        messages::retry(b, &t.admin, refused_once.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked_to_send(&t).await.len(), 1);
        t
    })
    .await;
}

#[tokio::test]
async fn a_link_is_sent_again_as_a_message_of_its_own() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let (sent, token) = linked(&t, LinkOptions::default()).await;
        let again = share_links::resend(b, &t.admin, sent.id, "again", None).await.unwrap();
        let same = share_links::resend(b, &t.admin, sent.id, "again", None).await.unwrap();
        assert_eq!(again.id, same.id);
        assert_ne!(again.id, sent.id);
        assert_eq!((again.channel, again.text.as_str()), (Channel::Sms, "Your scan"));
        assert!(again.attachments.is_empty());
        assert_eq!(again.link.unwrap().message_id, sent.id);
        let plain = messages::send(b, &t.admin, &to(0), &draft("Your scan", "again")).await;
        assert_eq!(failure(plain).code, FailureCode::Conflict, "the same words without the link");
        t.run_jobs().await;
        let texts = asked_to_send(&t).await;
        assert_eq!(texts.len(), 2);
        assert_eq!(texts[0], texts[1]);

        open(&t, &token).await;
        for id in [sent.id, again.id] {
            assert_eq!(shown(&t, id).await.link.unwrap().openings, 1);
        }
        // What can be done about it, can be done from either.
        share_links::revoke(b, &t.admin, again.id).await.unwrap();
        assert_eq!(link_of(&t, &sent).await.state, LinkState::Revoked);
        t
    })
    .await;
}

#[tokio::test]
async fn what_a_link_is_to_be_is_part_of_the_message() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_accepts(&t).await;
        let (usual, id) = (LinkOptions::default(), photo(&t, 1).await);
        let send = async |draft: Draft| messages::send(b, &t.admin, &to(0), &draft).await;
        let sent = send(with_link(vec![id], "Scan", "a", usual)).await.unwrap();
        assert_eq!(send(with_link(vec![id], "Scan", "a", usual)).await.unwrap().id, sent.id);
        let once = LinkOptions { one_opening: true, ..usual };
        for other in
            [with_link(vec![id], "Scan", "a", once), Draft { attachments: vec![id], ..draft("Scan", "a") }]
        {
            assert_eq!(failure(send(other).await).code, FailureCode::Conflict);
        }
        let wrong = [
            (with_link(Vec::new(), "Scan", "b", usual), "link"),
            (with_link(vec![id], "", "b", LinkOptions { hours: 0, ..usual }), "link"),
            (with_link(vec![id], "", "b", LinkOptions { hours: 721, ..usual }), "link"),
            (with_link(vec![photo(&t, 2).await], &"x".repeat(1560), "b", usual), "text"),
        ];
        for (draft, field) in wrong {
            let failure = failure(send(draft).await);
            assert_eq!((failure.code, failure.field.as_deref()), (FailureCode::Invalid, Some(field)));
        }
        // The link counts: alone the text would be one part.
        let long = send(with_link(vec![photo(&t, 3).await], &"x".repeat(150), "c", usual)).await.unwrap();
        assert_eq!(long.parts, 2);
        let two = vec![photo(&t, 4).await, photo(&t, 5).await];
        let wordless = send(with_link(two, " ", "d", usual)).await.unwrap();
        assert_eq!(wordless.text, "Harbour Clinic sent you 2 photos. View them here:");
        t.run_jobs().await;
        let token = secret(&asked_to_send(&t).await.pop().unwrap());
        assert!(matches!(open(&t, &token).await, Place::Inside(_, pictures) if pictures.len() == 2));
        t
    })
    .await;
}

#[tokio::test]
async fn a_line_without_pictures_offers_the_link() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let line = lines::NewLine {
            name: "Text only".to_owned(),
            number: "0491 573 770".to_owned(),
            provider: ProviderKind::SmsBroadcast,
            credentials: serde_json::json!({"username": "clinic", "password": "secret"}),
        };
        let line = lines::create(b, &t.admin, line).await.unwrap();
        lines::set_default(b, &t.admin, line.id).await.unwrap();
        let id = photo(&t, 1).await;
        let pictures = Draft { attachments: vec![id], ..draft("Scan", "a") };
        let refused = failure(messages::send(b, &t.admin, &to(0), &pictures).await);
        assert_eq!(refused.code, FailureCode::CannotSend);
        assert!(refused.message.contains("private link"), "{}", refused.message);
        let linked = with_link(vec![id], "Scan", "a", LinkOptions::default());
        let sent = messages::send(b, &t.admin, &to(0), &linked).await.unwrap();
        let view = conversations::get(b, &t.admin, sent.conversation_id).await.unwrap();
        assert_eq!((view.can_send.pictures, view.can_send.link_base.as_str()), (false, BASE));
        t
    })
    .await;
}

#[tokio::test]
async fn a_link_to_a_picture_that_cannot_be_read_never_leaves() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        let broken = uploads(&t, "broken.png", &scrambled_png()).await.unwrap().media_id;
        let draft = with_link(vec![broken], "", "a", LinkOptions::default());
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft).await.unwrap();
        t.run_jobs().await;
        t.later(Duration::from_secs(60)).await;
        let failed = shown(&t, sent.id).await;
        assert_eq!(failed.state, DeliveryState::Failed);
        assert!(failed.failure.unwrap().contains("broken.png"));
        assert!(asked_to_send(&t).await.is_empty());
        t
    })
    .await;
}

#[tokio::test]
async fn a_link_is_its_organisations_own() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let (sent, _) = linked(&t, LinkOptions::default()).await;
        let plain = messages::send(b, &t.admin, &to(0), &draft("Hello", "b")).await.unwrap();
        let (stranger, viewer) = (t.stranger().await, viewer(&t).await);
        for (caller, id, code) in [
            (&stranger, sent.id, FailureCode::NotFound),
            (&viewer, sent.id, FailureCode::NotAllowed),
            (&t.admin, plain.id, FailureCode::NotFound),
        ] {
            for refused in [
                share_links::revoke(b, caller, id).await,
                share_links::extend(b, caller, id).await,
                share_links::resend(b, caller, id, "x", None).await,
            ] {
                assert_eq!(failure(refused).code, code);
            }
        }
        assert_eq!(link_of(&t, &sent).await.state, LinkState::Open);
        t
    })
    .await;
}
