//! Old texts by their words, and patients by parts of their names, on both engines alike.

use crate::twilio::{failure, is_read, text};
use backend::testing::{TestBackend, on_each_engine};
use backend::{conversations, messages, patients, schedule};
use model::conversation::{InboxQuery, Show};
use model::patient::{NumberInput, PatientChange, PatientInput};
use model::staff::Role;
use model::{FailureCode, PatientId};

/// Patient 0 wrote these, one after the other.
async fn wrote(t: &TestBackend, texts: &[&str]) {
    for (n, body) in texts.iter().enumerate() {
        is_read(t, &text(t, u32::try_from(n).unwrap() + 1, 0, body)).await;
    }
}

/// What a search answers, the texts being short enough to be their own excerpts.
async fn found(t: &TestBackend, search: &str) -> Vec<String> {
    let page = messages::search(&t.backend, &t.admin, search, None).await.unwrap();
    page.items.into_iter().map(|message| message.excerpt).collect()
}

#[tokio::test]
async fn old_texts_are_found_by_their_words() {
    on_each_engine(async |t: TestBackend| {
        wrote(
            &t,
            &[
                "Does the filling hurt?",
                "Café Ångström, then the DENTIST",
                "It's my tooth; the lower-left one!",
                "Toothache again 👍 call 0491-570-156",
                "THE CAFE\u{301} is closed",
            ],
        )
        .await;
        for (search, expected) in [
            // Newest first, case and accents folded.
            ("cafe", &["THE CAFE\u{301} is closed", "Café Ångström, then the DENTIST"][..]),
            ("CAFÉ", &["THE CAFE\u{301} is closed", "Café Ångström, then the DENTIST"]),
            ("cafe\u{301}", &["THE CAFE\u{301} is closed", "Café Ångström, then the DENTIST"]),
            ("angstrom", &["Café Ångström, then the DENTIST"]),
            ("dentist", &["Café Ångström, then the DENTIST"]),
            // Words in any order; the last one may be a beginning, the others are whole.
            ("hurt filling", &["Does the filling hurt?"]),
            ("filling hur", &["Does the filling hurt?"]),
            ("hur filling", &[]),
            ("too", &["Toothache again 👍 call 0491-570-156", "It's my tooth; the lower-left one!"]),
            ("tooth the", &["It's my tooth; the lower-left one!"]),
            // Short beginnings are whole words.
            ("to", &[]),
            ("my", &["It's my tooth; the lower-left one!"]),
            // Punctuation separates.
            ("it's", &["It's my tooth; the lower-left one!"]),
            ("lower left", &["It's my tooth; the lower-left one!"]),
            ("left-lower", &["It's my tooth; the lower-left one!"]),
            ("0491", &["Toothache again 👍 call 0491-570-156"]),
            ("again👍call", &["Toothache again 👍 call 0491-570-156"]),
            ("unheard", &[]),
        ] {
            assert_eq!(found(&t, search).await, expected, "{search}");
        }
        t
    })
    .await;
}

#[tokio::test]
async fn nothing_that_a_person_types_is_an_operator() {
    on_each_engine(async |t: TestBackend| {
        wrote(&t, &["Near and far or not", "body: see here", "हिन्दी में लिखा"]).await;
        for (search, expected) in [
            ("near AND far", &["Near and far or not"][..]),
            ("NOT far", &["Near and far or not"]),
            ("NEAR(far, 2)", &[]),
            ("far OR missing", &[]),
            ("\"near\" 'far'", &["Near and far or not"]),
            ("\"near", &["Near and far or not"]),
            ("near* & far:*", &["Near and far or not"]),
            ("^near + {far}", &["Near and far or not"]),
            ("body:see", &["body: see here"]),
            ("- body \\ <-> see !", &["body: see here"]),
            ("हिन्दी", &["हिन्दी में लिखा"]),
        ] {
            assert_eq!(found(&t, search).await, expected, "{search}");
        }
        for nothing in
            ["", "  ", "'", "\"", "''\"\"", "*", "(", ":*", "&|!", "\\", "\0", "👍", "\u{301}", "%", "ⓐ"]
        {
            assert!(found(&t, nothing).await.is_empty(), "{nothing:?}");
        }
        for harmless in ["a\0b", "ⓐb", "b\u{2028}c", "'; DROP TABLE message; --", &"x".repeat(5000)] {
            assert!(found(&t, harmless).await.is_empty(), "{harmless:?}");
        }
        t
    })
    .await;
}

#[tokio::test]
async fn a_word_that_many_texts_have_is_read_page_by_page() {
    on_each_engine(async |t: TestBackend| {
        let texts: Vec<String> = (0..120).map(|n| format!("Reminder {n}")).collect();
        wrote(&t, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = messages::search(&t.backend, &t.admin, "remind", cursor.as_deref()).await.unwrap();
            assert!(page.items.len() <= 50);
            seen.extend(page.items.into_iter().map(|message| message.excerpt));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, texts.into_iter().rev().collect::<Vec<_>>());
        let wrong = messages::search(&t.backend, &t.admin, "remind", Some("not ours")).await;
        assert_eq!(failure(wrong).field.as_deref(), Some("cursor"));
        t
    })
    .await;
}

#[tokio::test]
async fn a_found_message_leads_to_its_thread() {
    on_each_engine(async |t: TestBackend| {
        let long = format!("{}the crown is loose. {}", "Hello. ".repeat(40), "Thanks. ".repeat(20));
        wrote(&t, &["Something else", &long]).await;
        let page = messages::search(&t.backend, &t.admin, "crown", None).await.unwrap();
        let [message] = &page.items[..] else { panic!("{:?}", page.items) };
        assert!(message.excerpt.contains("the crown is loose"), "{}", message.excerpt);
        assert_eq!(message.excerpt.chars().count(), 160);
        let shown = conversations::message(&t.backend, &t.admin, message.message_id).await.unwrap();
        assert_eq!((shown.conversation_id, shown.at), (message.conversation_id, message.at));
        t
    })
    .await;
}

#[tokio::test]
async fn the_index_follows_what_becomes_of_a_text() {
    on_each_engine(async |t: TestBackend| {
        wrote(&t, &["The red one", "The blue one"]).await;
        t.alter("UPDATE message SET body = 'The green one' WHERE body = 'The red one'").await;
        assert!(found(&t, "red").await.is_empty());
        assert_eq!(found(&t, "green").await, ["The green one"]);
        assert_eq!(found(&t, "one").await, ["The blue one", "The green one"]);
        t.alter("UPDATE conversation SET last_message_id = NULL").await;
        t.alter("DELETE FROM message WHERE body = 'The green one'").await;
        assert!(found(&t, "green").await.is_empty());
        assert_eq!(found(&t, "one").await, ["The blue one"]);
        assert_eq!(t.count("SELECT COUNT(*) FROM message_index").await, 1);
        t
    })
    .await;
}

#[tokio::test]
async fn no_text_is_refused_for_what_the_index_cannot_hold() {
    on_each_engine(async |t: TestBackend| {
        let endless = "x".repeat(10_000);
        let many: String = (0..5000).map(|n| format!("w{n} ")).collect();
        wrote(&t, &[&endless, &many, "…", "\u{301}👍🏽"]).await;
        assert_eq!(t.count("SELECT COUNT(*) FROM message").await, 4);
        assert_eq!(found(&t, "w17").await.len(), 1);
        t
    })
    .await;
}

#[tokio::test]
async fn texts_are_found_within_the_organisation_by_whoever_may_read() {
    on_each_engine(async |t: TestBackend| {
        wrote(&t, &["A word in confidence"]).await;
        let stranger = t.stranger().await;
        let theirs = messages::search(&t.backend, &stranger, "confidence", None).await.unwrap();
        assert!(theirs.items.is_empty());
        let viewer = t.colleague(Role::Viewer).await;
        let ours = messages::search(&t.backend, &viewer, "confidence", None).await.unwrap();
        assert_eq!(ours.items.len(), 1);
        t
    })
    .await;
}

fn patient(name: &str, number: Option<&str>) -> PatientInput {
    let number = number.map(|number| NumberInput { number: number.to_owned(), label: String::new() });
    PatientInput { name: name.to_owned(), numbers: number.into_iter().collect(), ..PatientInput::default() }
}

async fn listed(t: &TestBackend, search: &str) -> Vec<PatientId> {
    let page = patients::list(&t.backend, &t.admin, Some(search), None).await.unwrap();
    page.items.into_iter().map(|row| row.patient.id).collect()
}

/// The names beside the conversations that the inbox shows.
async fn in_inbox(t: &TestBackend, search: &str, show: Show) -> Vec<String> {
    let query = InboxQuery { show, search: Some(search.to_owned()), cursor: None };
    let page = conversations::list(&t.backend, &t.admin, &query).await.unwrap();
    page.items.iter().map(|row| row.title()).collect()
}

#[tokio::test]
async fn a_name_that_changes_is_found_as_it_is_now() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let id =
            patients::create(b, &t.admin, &patient("Zoë O'Hara", Some("0491 570 156"))).await.unwrap().id;
        conversations::open(b, &t.admin, "0491 570 156").await.unwrap();
        for search in ["zoë", "ZO", "'hara", "o'h", "ë o", "zoë o'hara", "o'hara"] {
            assert_eq!(listed(&t, search).await, [id], "{search}");
        }
        assert_eq!(in_inbox(&t, "hara zo", Show::All).await, ["Zoë O'Hara"]);
        let married = PatientChange {
            name: Some("Zoë Featherstonehaugh-Cholmondeley".to_owned()),
            ..PatientChange::default()
        };
        patients::change(b, &t.admin, id, married).await.unwrap();
        assert!(listed(&t, "hara").await.is_empty());
        assert!(in_inbox(&t, "hara", Show::All).await.is_empty());
        // Longer than the parts that are kept, and compared to its end.
        assert_eq!(listed(&t, "featherstonehaugh-ch").await, [id]);
        assert!(listed(&t, "featherstonehaugh-x").await.is_empty());

        patients::delete(b, &t.admin, id).await.unwrap();
        assert!(listed(&t, "feather").await.is_empty());
        assert_eq!(t.count("SELECT COUNT(*) FROM patient_name_part").await, 0);
        t
    })
    .await;
}

#[tokio::test]
async fn names_that_an_older_version_stored_are_indexed_at_the_start() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let input = PatientInput { reference: Some("Ä-12".to_owned()), ..patient("Amelia Hart", None) };
        let id = patients::create(b, &t.admin, &input).await.unwrap().id;
        t.alter("DELETE FROM patient_name_part").await;
        t.alter("UPDATE patient SET name_indexed = (1 = 0)").await;
        assert!(listed(&t, "hart").await.is_empty());
        patients::index_names(b).await.unwrap();
        patients::index_names(b).await.unwrap();
        for search in ["hart", "ia ha", "ä-1"] {
            assert_eq!(listed(&t, search).await, [id], "{search}");
        }
        t
    })
    .await;
}

#[tokio::test]
async fn a_name_that_an_older_version_changes_meanwhile_is_found_soon() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let id = patients::create(b, &t.admin, &patient("Amelia Hart", None)).await.unwrap().id;
        t.alter("UPDATE patient SET name = 'Amelia Quill', name_folded = 'amelia quill'").await;
        assert!(listed(&t, "quill").await.is_empty());
        schedule::run_due(b).await.unwrap();
        assert_eq!(listed(&t, "quill").await, [id]);
        let old = "SELECT COUNT(*) FROM patient_name_part WHERE part = 'hart'";
        assert_eq!(t.count(old).await, 0);
        // What is written as it was is left alone.
        t.alter("UPDATE patient SET name = name, notes = 'Prefers mornings'").await;
        assert_eq!(t.count("SELECT COUNT(*) FROM patient WHERE NOT name_indexed").await, 0);
        t
    })
    .await;
}

#[tokio::test]
async fn rare_and_common_names_are_found_alike() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        // Together they have more parts than are followed one by one.
        let words: Vec<String> = (0..33).map(|n| format!("Sam{n:02}")).collect();
        for _ in 0..31 {
            patients::create(b, &t.admin, &patient(&words.join(" "), None)).await.unwrap();
        }
        for (name, number) in
            [("Sam Zephyr", "0491 570 156"), ("Sam Yew", "0491 570 157"), ("Ben Yew", "0491 570 158")]
        {
            patients::create(b, &t.admin, &patient(name, Some(number))).await.unwrap();
            conversations::open(b, &t.admin, number).await.unwrap();
            b.clock.advance(std::time::Duration::from_secs(1));
        }
        for (search, expected) in [
            ("sam", &["Sam Yew", "Sam Zephyr"][..]),
            ("zephyr", &["Sam Zephyr"]),
            ("yew", &["Ben Yew", "Sam Yew"]),
            ("yew sam", &["Sam Yew"]),
            ("s", &["Sam Yew", "Sam Zephyr"]),
            ("quill", &[]),
            ("sam 0157", &[]),
            ("0157", &["Sam Yew"]),
            ("0491 570 158", &["Ben Yew"]),
        ] {
            assert_eq!(in_inbox(&t, search, Show::All).await, expected, "{search}");
            assert!(in_inbox(&t, search, Show::Unread).await.is_empty(), "{search}");
        }
        assert_eq!(
            failure(patients::list(b, &t.admin, Some("sam"), Some("zz")).await).code,
            FailureCode::Invalid
        );
        for (search, expected) in
            [("sam", 33), ("sam01 sam02", 31), ("m01 sa", 31), ("yew", 2), ("sam y", 1), ("y sam", 0)]
        {
            assert_eq!(listed(&t, search).await.len(), expected, "{search}");
        }
        t
    })
    .await;
}
