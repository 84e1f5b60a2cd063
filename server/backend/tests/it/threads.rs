//! The inbox and its threads, as staff read them.

use crate::twilio::*;
use backend::testing::{TestBackend, on_each_engine};
use backend::{conversations, live, messages, patients};
use model::conversation::{InboxQuery, Show, ThreadFrom};
use model::patient::{NumberInput, PatientInput};
use model::staff::Role;
use model::{ConversationId, FailureCode};
use std::collections::HashSet;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_long_thread_is_read_in_slices_both_ways() {
    on_each_engine(async |t: TestBackend| {
        for n in 0..130 {
            arrives(&t, &text(&t, n, 0, &n.to_string())).await.unwrap();
            // Several share a millisecond, so that the id has to break the tie.
            if n % 3 == 0 {
                t.backend.clock.advance(SECOND);
            }
        }
        t.run_jobs().await;
        let id = inbox_ids(&t).await[0];
        let slice =
            async |from: ThreadFrom| conversations::thread(&t.backend, &t.admin, id, &from).await.unwrap();
        let numbers = |slice: &model::conversation::ThreadSlice| {
            slice.messages.iter().map(|m| m.text.parse().unwrap()).collect::<Vec<u32>>()
        };

        let newest = slice(ThreadFrom::Newest).await;
        assert_eq!(numbers(&newest), (80..130).collect::<Vec<_>>());
        assert_eq!(newest.newer, None);
        let middle = slice(ThreadFrom::Older(newest.older.unwrap())).await;
        assert_eq!(numbers(&middle), (30..80).collect::<Vec<_>>());
        let oldest = slice(ThreadFrom::Older(middle.older.clone().unwrap())).await;
        assert_eq!((numbers(&oldest), &oldest.older), ((0..30).collect(), &None));
        let up_again = slice(ThreadFrom::Newer(oldest.newer.unwrap())).await;
        assert_eq!(numbers(&up_again), (30..80).collect::<Vec<_>>());
        let top = slice(ThreadFrom::Newer(middle.newer.unwrap())).await;
        assert_eq!((numbers(&top), top.newer), ((80..130).collect(), None));

        let linked = middle.messages[10].id;
        let around = slice(ThreadFrom::Around(linked)).await;
        assert_eq!(numbers(&around), (15..65).collect::<Vec<_>>());
        assert!(around.older.is_some() && around.newer.is_some());
        let last = slice(ThreadFrom::Around(newest.messages[49].id)).await;
        assert_eq!((numbers(&last), last.newer), ((104..130).collect(), None));

        let nonsense = ThreadFrom::Older("nonsense".to_owned());
        let wrong = conversations::thread(&t.backend, &t.admin, id, &nonsense).await;
        assert_eq!(failure(wrong).field.as_deref(), Some("cursor"));
        t
    })
    .await;
}

#[tokio::test]
async fn the_inbox_pages_through_every_conversation_once() {
    on_each_engine(async |t: TestBackend| {
        for n in 0..117 {
            if n % 4 == 0 {
                t.backend.clock.advance(SECOND);
            }
            let number = format!("+1{}55501{:02}", if n < 100 { 415 } else { 212 }, n % 100);
            conversations::open(&t.backend, &t.admin, &number).await.unwrap();
        }
        let (mut seen, mut pages, mut query) = (Vec::new(), 0, InboxQuery::default());
        loop {
            let page = conversations::list(&t.backend, &t.admin, &query).await.unwrap();
            seen.extend(page.items.iter().map(|row| row.id));
            pages += 1;
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => break,
            }
        }
        assert_eq!((seen.len(), pages), (117, 3));
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 117);
        assert!(seen.is_sorted_by(|newer, older| newer > older), "ids rise with time");
        t
    })
    .await;
}

#[tokio::test]
async fn the_inbox_is_searched_by_name_and_number() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let patient = |name: &str| PatientInput {
            name: name.to_owned(),
            numbers: vec![NumberInput { number: "0491 570 156".to_owned(), label: String::new() }],
            ..PatientInput::default()
        };
        patients::create(b, &t.admin, &patient("Amelia Hart")).await.unwrap();
        patients::create(b, &t.admin, &patient("Ben_Hart 100%")).await.unwrap();
        is_read(&t, &text(&t, 1, 0, "From the family's phone")).await;
        is_read(&t, &text(&t, 2, 1, "From somebody")).await;
        let family = conversations::open(b, &t.admin, "(04) 9157-0156").await.unwrap();
        let somebody = conversations::open(b, &t.admin, "+61 491 570 157").await.unwrap();
        let found = async |text: &str| {
            let query = InboxQuery { search: Some(text.to_owned()), ..InboxQuery::default() };
            let page = conversations::list(b, &t.admin, &query).await.unwrap();
            page.items.into_iter().map(|row| row.id).collect::<HashSet<_>>()
        };
        let both = HashSet::from([family, somebody]);
        for name in
            ["amelia", "hart", "HART amelia", "n_h", "0%", "0491 570 156", "61491570156", "0156", "570156"]
        {
            assert_eq!(found(name).await, HashSet::from([family]), "{name}");
        }
        for (text, expected) in [
            ("0157", HashSet::from([somebody])),
            ("", both.clone()),
            ("  ", both),
            ("156", HashSet::new()),
            ("amelia ben", HashSet::new()),
            ("%", HashSet::from([family])),
            ("\\", HashSet::new()),
            ("'; DROP TABLE message", HashSet::new()),
        ] {
            assert_eq!(found(text).await, expected, "{text}");
        }
        let row = conversations::get(b, &t.admin, family).await.unwrap().row;
        assert_eq!(row.title(), "Amelia Hart, Ben_Hart 100%");
        t
    })
    .await;
}

#[tokio::test]
async fn unread_belongs_to_the_conversation_and_who_read_it_is_kept() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let colleague = t.colleague(Role::Staff).await;
        for (n, from) in [(1, 0), (2, 0), (3, 1)] {
            t.backend.clock.advance(SECOND);
            is_read(&t, &text(&t, n, from, &format!("Message {n}"))).await;
        }
        let shown = async |show: Show, caller| {
            let query = InboxQuery { show, ..InboxQuery::default() };
            let page = conversations::list(b, caller, &query).await.unwrap();
            page.items.into_iter().map(|row| (row.id, row.unread)).collect::<Vec<_>>()
        };
        let all = shown(Show::All, &t.admin).await;
        let (second, first): (ConversationId, ConversationId) = (all[0].0, all[1].0);
        assert_eq!(all, [(second, 1), (first, 2)], "newest first");
        let view = conversations::get(b, &t.admin, first).await.unwrap();
        let oldest = conversations::message(b, &t.admin, view.first_unread.unwrap()).await.unwrap();
        assert_eq!(oldest.text, "Message 1");

        conversations::mark_read(b, &t.admin, first, None).await.unwrap();
        assert_eq!(shown(Show::Unread, &colleague).await, [(second, 1)], "read for everyone");
        assert_eq!(conversations::get(b, &colleague, first).await.unwrap().first_unread, None);
        assert_eq!(t.count("SELECT COUNT(*) FROM conversation_read").await, 1);
        conversations::mark_unread(b, &colleague, first).await.unwrap();
        assert_eq!(shown(Show::Unread, &t.admin).await, [(second, 1), (first, 1)]);
        t.backend.clock.advance(SECOND);
        is_read(&t, &text(&t, 4, 0, "Message 4")).await;
        assert_eq!(shown(Show::Unread, &t.admin).await, [(first, 2), (second, 1)]);

        assert!(shown(Show::Mine, &colleague).await.is_empty());
        conversations::assign(b, &t.admin, first, colleague.staff_id).await.unwrap();
        assert_eq!(shown(Show::Mine, &colleague).await, [(first, 2)]);
        assert!(shown(Show::Mine, &t.admin).await.is_empty());
        let stranger = t.stranger().await;
        let elsewhere = conversations::assign(b, &t.admin, first, stranger.staff_id).await;
        assert_eq!(failure(elsewhere).code, FailureCode::NotFound);
        conversations::assign(b, &t.admin, first, None).await.unwrap();
        assert!(shown(Show::Mine, &colleague).await.is_empty());
        t
    })
    .await;
}

#[tokio::test]
async fn only_what_a_screen_shows_is_read() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        for n in 1..=3 {
            // All within a millisecond: the ids alone tell their order.
            is_read(&t, &text(&t, n, 0, &format!("Message {n}"))).await;
        }
        is_read(&t, &text(&t, 4, 1, "Of somebody else")).await;
        let id = conversations::open(b, &t.admin, "0491 570 156").await.unwrap();
        let thread = conversations::thread(b, &t.admin, id, &ThreadFrom::Newest).await.unwrap();
        let begin = live::newest(b, &t.admin).await.unwrap();
        let mark = async |at: usize| {
            conversations::mark_read(b, &t.admin, id, Some(thread.messages[at].id)).await.unwrap();
            let view = conversations::get(b, &t.admin, id).await.unwrap();
            (view.row.unread, view.first_unread)
        };
        assert_eq!(
            mark(1).await,
            (1, Some(thread.messages[2].id)),
            "the third one came while two were shown"
        );
        let told = live::newest(b, &t.admin).await.unwrap();
        assert_eq!(told, begin + 1);
        assert_eq!(mark(0).await, (1, Some(thread.messages[2].id)), "nothing becomes unread again");
        assert_eq!(live::newest(b, &t.admin).await.unwrap(), told, "nobody is told of nothing");
        assert_eq!(mark(2).await, (0, None));

        let other = conversations::open(b, &t.admin, "0491 570 157").await.unwrap();
        let elsewhere = conversations::mark_read(b, &t.admin, other, Some(thread.messages[2].id)).await;
        assert_eq!(failure(elsewhere).code, FailureCode::NotFound);
        assert_eq!(conversations::get(b, &t.admin, other).await.unwrap().row.unread, 1);
        t
    })
    .await;
}

#[tokio::test]
async fn a_conversation_is_opened_from_a_number_as_people_write_it() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let id = conversations::open(b, &t.admin, "0491 570 156").await.unwrap();
        assert_eq!(conversations::open(b, &t.admin, "+61491570156").await.unwrap(), id);
        let sent = messages::send(b, &t.admin, &to(0), &draft("Hello", "a")).await.unwrap();
        assert_eq!(sent.conversation_id, id);
        for wrong in ["0291234567", "hello", "", "049157"] {
            let refused = failure(conversations::open(b, &t.admin, wrong).await);
            assert_eq!(
                (refused.code, refused.field.as_deref()),
                (FailureCode::Invalid, Some("number")),
                "{wrong}"
            );
        }
        carrier_accepts(&t).await;
        t.run_jobs().await;
        t
    })
    .await;
}
