//! What a newcomer finds in the demo.

use backend::demo::{self, Scene};
use backend::testing::{TestBackend, on_each_engine};
use backend::{Caller, conversations, organisations, sign_in};
use model::conversation::{InboxQuery, ThreadFrom};
use model::media::AttachmentState;
use model::message::{DeliveryState, Direction};

/// The demo's admin, signed in by the printed link.
async fn made(t: &TestBackend, scene: Scene) -> Caller {
    // The story's own organisation has the name that the demo's gets.
    organisations::update(&t.backend, &t.admin, "Harbour Physio", "AU", "patient").await.unwrap();
    let link = demo::make(&t.backend, scene).await.unwrap().unwrap();
    let token = link.rsplit('/').next().unwrap();
    let session = sign_in::use_one_time_link(&t.backend, token, "a long enough password").await.unwrap();
    sign_in::caller_by_session(&t.backend, &session.token).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_full_demo_has_conversations_of_earlier_days() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let admin = made(&t, Scene::Full).await;
        t.run_jobs().await;
        let rows = conversations::list(b, &admin, &InboxQuery::default()).await.unwrap().items;
        let unread: Vec<_> = rows.iter().map(|row| (row.title(), row.unread)).collect();
        let expected = [("Elsie Brandt", 1), ("Chloe Nguyen", 0), ("Ben Okafor", 0), ("Dan Rossi", 0)];
        assert_eq!(unread, expected.map(|(name, unread)| (name.to_owned(), unread)));
        let (mut photos, now) = (0, b.clock.now());
        for row in rows {
            let thread = conversations::thread(b, &admin, row.id, &ThreadFrom::Newest).await.unwrap();
            for message in thread.messages {
                assert!(message.at < now - 24 * 60 * 60 * 1000);
                assert_eq!(message.state, DeliveryState::Delivered);
                assert_eq!(message.price.is_some(), message.direction == Direction::Outbound);
                photos += message.attachments.len();
                assert!(message.attachments.iter().all(|photo| photo.state == AttachmentState::Ready));
            }
        }
        assert_eq!(photos, 1);
        t
    })
    .await;
}

#[tokio::test]
async fn an_empty_demo_has_patients_alone() {
    on_each_engine(async |t: TestBackend| {
        let admin = made(&t, Scene::Empty).await;
        let rows = conversations::list(&t.backend, &admin, &InboxQuery::default()).await.unwrap().items;
        assert_eq!((rows.len(), t.count("SELECT COUNT(*) FROM message").await), (0, 0));
        assert_eq!(t.count("SELECT COUNT(*) FROM patient").await, 5);
        t
    })
    .await;
}
