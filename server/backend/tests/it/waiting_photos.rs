//! The pictures of messages that no webhook brought: the list counts them, and the carrier tells them one message at a time.

use crate::photos::{handed_out, jpeg, newest_message};
use crate::reconcile::{HOUR, LIST, MINUTE, NOTHING, answers, lists, round, with, wrote};
use crate::twilio::*;
use backend::conversations;
use backend::media::blobs::{BlobKey, Variant};
use backend::reconcile::Found;
use backend::testing::{TWILIO_ACCOUNT, TestBackend, on_each_engine};
use model::conversation::ThreadFrom;
use model::media::AttachmentState;
use model::message::Channel;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

#[tokio::test]
async fn the_pictures_of_a_message_that_was_found_are_fetched() {
    on_each_engine(async |t: TestBackend| {
        let photo = photo(1, "My foot", "09:01:00");
        let of_message = media_of(1);
        lists(&t.carrier, std::slice::from_ref(&photo), &[]).await;
        answers(&t.carrier, &of_message, ResponseTemplate::new(503)).await;
        t.later(MINUTE * 10).await;
        // The list only counts them.
        assert_eq!(round(&t).await, Found { incomplete: 1, ..NOTHING });
        assert!(inbox_ids(&t).await.is_empty());

        lists(&t.carrier, &[photo], &[]).await;
        let list = json!({ "media_list": [{ "sid": "ME1", "content_type": "image/jpeg" }] });
        answers(&t.carrier, &of_message, ResponseTemplate::new(200).set_body_json(list)).await;
        answers(&t.carrier, &of_message.replace(".json", "/ME1"), handed_out(&jpeg(1), "image/jpeg")).await;
        assert_eq!(round(&t).await, Found { messages: 1, ..NOTHING });
        t.run_jobs().await;
        let found = newest_message(&t).await;
        assert_eq!((found.text.as_str(), found.channel, found.found_later), ("My foot", Channel::Mms, true));
        assert_eq!(found.attachments[0].state, AttachmentState::Ready);

        // Lost from the store for photos, it comes once more from where the list told.
        let original = BlobKey::Inbound(found.attachments[0].id, Variant::Original);
        t.backend.blobs.delete(&original).await.unwrap();
        backend::doctor::examine(&t.backend, true, &mut |_| {}).await.unwrap();
        t.run_jobs().await;
        assert!(t.backend.blobs.size(&original).await.unwrap().is_some());
        t
    })
    .await;
}

#[tokio::test]
async fn a_text_waits_a_day_for_its_pictures_and_no_longer() {
    on_each_engine(async |mut t: TestBackend| {
        let listed = [photo(1, "My foot", "09:01:00"), wrote(2, 0, "Did it come?", "09:02:00")];
        lists(&t.carrier, &listed, &[]).await;
        answers(&t.carrier, &media_of(1), ResponseTemplate::new(503)).await;
        t.later(MINUTE * 30).await;
        assert_eq!(round(&t).await, Found { messages: 1, incomplete: 1, ..NOTHING });
        t.later(HOUR * 23).await;
        assert_eq!(round(&t).await, Found { incomplete: 1, ..NOTHING });
        // The day does not begin anew where the list itself did not come.
        t.carrier.reset().await;
        answers(&t.carrier, LIST, ResponseTemplate::new(503)).await;
        assert_eq!(round(&t).await, Found { incomplete: 1, ..NOTHING });
        lists(&t.carrier, &listed, &[]).await;
        answers(&t.carrier, &media_of(1), ResponseTemplate::new(503)).await;
        t.later(HOUR).await;
        assert_eq!(round(&t).await, Found { messages: 1, ..NOTHING });
        t.run_jobs().await;
        let id = inbox_ids(&t).await[0];
        let slice = conversations::thread(&t.backend, &t.admin, id, &ThreadFrom::Newest).await.unwrap();
        assert_eq!(slice.messages.len(), 2);
        let photo = slice.messages.iter().find(|message| message.text == "My foot").unwrap();
        assert_eq!(photo.attachments[0].state, AttachmentState::Unfetchable);
        assert_eq!(round(&t).await, NOTHING);
        t.expected_failed_jobs = 1;
        t
    })
    .await;
}

#[tokio::test]
async fn after_an_outage_one_hiccup_loses_no_picture() {
    on_each_engine(async |t: TestBackend| {
        // The second outage is longer than a message waits.
        for (n, hours, time) in [(1, 1, "09:10:00"), (2, 60, "10:20:00")] {
            let listed = [photo(n, "My foot", time)];
            t.later(HOUR * hours).await;
            lists(&t.carrier, &listed, &[]).await;
            answers(&t.carrier, &media_of(n), ResponseTemplate::new(429)).await;
            assert_eq!(round(&t).await, Found { incomplete: 1, ..NOTHING });
            // Then the list itself does not come.
            t.carrier.reset().await;
            answers(&t.carrier, LIST, ResponseTemplate::new(503)).await;
            assert_eq!(round(&t).await, Found { incomplete: 1, ..NOTHING });

            lists(&t.carrier, &listed, &[]).await;
            let media = json!({ "media_list": [{ "sid": "ME1", "content_type": "image/jpeg" }] });
            answers(&t.carrier, &media_of(n), ResponseTemplate::new(200).set_body_json(media)).await;
            let file = media_of(n).replace(".json", "/ME1");
            answers(&t.carrier, &file, handed_out(&jpeg(n as u8), "image/jpeg")).await;
            assert_eq!(round(&t).await, Found { messages: 1, ..NOTHING });
            t.run_jobs().await;
            assert_eq!(newest_message(&t).await.attachments[0].state, AttachmentState::Ready);
        }
        t
    })
    .await;
}

#[tokio::test]
async fn pictures_that_the_carrier_says_it_has_not_are_not_waited_for() {
    on_each_engine(async |mut t: TestBackend| {
        lists(&t.carrier, &[photo(1, "My foot", "09:01:00"), photo(2, "My hand", "09:02:00")], &[]).await;
        for (n, status) in [(1, 404), (2, 410)] {
            answers(&t.carrier, &media_of(n), ResponseTemplate::new(status)).await;
        }
        t.later(MINUTE * 10).await;
        assert_eq!(round(&t).await, Found { messages: 2, ..NOTHING });
        t.run_jobs().await;
        assert_eq!(newest_message(&t).await.attachments[0].state, AttachmentState::Unfetchable);
        t.expected_failed_jobs = 2;
        t
    })
    .await;
}

/// Patient 0 sent a photo with a text to the line.
fn photo(n: u32, text: &str, time: &str) -> Value {
    with(wrote(n, 0, text, time), &json!({ "num_media": "1" }))
}

/// Where the carrier tells the pictures of a message.
fn media_of(n: u32) -> String {
    format!("/2010-04-01/Accounts/{TWILIO_ACCOUNT}/Messages/{}/Media.json", sid(n))
}
