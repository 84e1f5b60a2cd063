//! Whoever writes without a telephone number: short codes and names.

use crate::photos::{carrier_offers, handed_out, jpeg};
use crate::twilio::*;
use backend::providers::WebhookKind;
use backend::testing::{TestBackend, on_each_engine};
use backend::{conversations, messages, patients};
use model::conversation::{ConversationRow, InboxQuery, ThreadFrom};
use model::media::AttachmentState;
use model::message::Recipient;
use model::patient::PatientInput;
use model::{Address, FailureCode};
use std::time::Duration;

/// `from` writes, with a photo where one waits at an address.
async fn writes(t: &TestBackend, n: u32, from: &str, body: &str, photo: Option<&str>) {
    let (sid, count) = (sid(n), if photo.is_some() { "1" } else { "0" });
    let mut fields = vec![
        ("MessageSid", sid.as_str()),
        ("SmsStatus", "received"),
        ("From", from),
        ("To", "+61491570006"),
        ("Body", body),
        ("NumMedia", count),
    ];
    if let Some(photo) = photo {
        fields.extend([("MediaUrl0", photo), ("MediaContentType0", "image/jpeg")]);
    }
    is_read(t, &signed(t, WebhookKind::Inbound, &fields)).await;
    t.backend.clock.advance(Duration::from_secs(1));
}

async fn found(t: &TestBackend, search: Option<&str>) -> Vec<ConversationRow> {
    let query = InboxQuery { search: search.map(str::to_owned), ..InboxQuery::default() };
    conversations::list(&t.backend, &t.admin, &query).await.unwrap().items
}

#[tokio::test]
async fn what_a_short_code_or_a_name_sends_is_shown_under_it() {
    on_each_engine(async |t: TestBackend| {
        let photo = carrier_offers(&t, "1", handed_out(&jpeg(0), "image/jpeg")).await;
        writes(&t, 1, "MyBank", "Your code is 12 34", None).await;
        writes(&t, 2, "12345", "Your parcel", Some(&photo)).await;
        writes(&t, 3, "MyBank", "It holds for an hour", None).await;
        assert_eq!(t.count("SELECT COUNT(*) FROM journal_entry WHERE state = 'done'").await, 3);
        let rows = found(&t, None).await;
        assert_eq!(rows.iter().map(ConversationRow::title).collect::<Vec<_>>(), ["MyBank", "12345"]);
        assert_eq!(rows[0].number, Address::Sender("MyBank".to_owned()));
        assert_eq!((rows[0].unread, rows[1].unread), (2, 1));
        assert_eq!(texts(&t, rows[0].id).await, ["Your code is 12 34", "It holds for an hour"]);
        let whole = serde_json::to_value(&rows[0]).unwrap();
        assert_eq!(whole["number"], "MyBank");

        let newest = found(&t, Some("12345")).await;
        assert_eq!(newest.iter().map(|row| row.id).collect::<Vec<_>>(), [rows[1].id]);
        assert_eq!(found(&t, Some("MyBank")).await.len(), 1);
        writes(&t, 4, "12345", "Thank you", None).await;
        let thread = texts(&t, rows[1].id).await;
        assert_eq!(thread, ["Your parcel", "Thank you"]);
        let parcel =
            conversations::thread(&t.backend, &t.admin, rows[1].id, &ThreadFrom::Newest).await.unwrap();
        assert_eq!(parcel.messages[0].attachments[0].state, AttachmentState::Ready);
        t
    })
    .await;
}

#[tokio::test]
async fn who_has_no_number_is_not_answered_and_stands_in_no_record() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        for (n, from) in [(1, "MyBank"), (2, "12345"), (3, "131313")] {
            writes(&t, n, from, "Hello", None).await;
            let row = found(&t, Some(from)).await.remove(0);
            let view = conversations::get(b, &t.admin, row.id).await.unwrap();
            assert!(view.can_send.blocked.unwrap().contains("not a telephone number"), "{from}");
            let to = Recipient::Conversation(row.id);
            let refused = failure(messages::send(b, &t.admin, &to, &draft("Hi", from)).await);
            assert_eq!(refused.code, FailureCode::CannotSend);
            assert!(refused.message.contains("short code or a name"), "{}", refused.message);
            let amelia = PatientInput { name: "Amelia Hart".to_owned(), ..PatientInput::default() };
            let amelia = patients::create(b, &t.admin, &amelia).await.unwrap();
            let link = failure(patients::link(b, &t.admin, amelia.id, row.id).await);
            assert_eq!(link.code, FailureCode::Conflict);
            let kept = patients::get(b, &t.admin, amelia.id).await.unwrap();
            assert!(kept.numbers.is_empty());
        }
        assert_eq!(t.count("SELECT COUNT(*) FROM job").await, 0);
        t
    })
    .await;
}

#[tokio::test]
async fn a_number_in_another_spelling_is_still_that_number() {
    on_each_engine(async |t: TestBackend| {
        writes(&t, 1, "+61491570156", "From abroad", None).await;
        writes(&t, 2, "0491570156", "As at home", None).await;
        let rows = found(&t, None).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].number.as_str(), "+61491570156");
        t
    })
    .await;
}
