//! Pictures that patients send: announced, fetched, kept.

use crate::photos::{announces, carrier_offers, handed_out, heic, jpeg, newest_message, opened, shown};
use backend::testing::{TestBackend, on_each_engine};
use backend::{alerts, live, media};
use model::live::Change;
use model::media::AttachmentState;
use model::operation::AlertKind;
use std::time::Duration;
use wiremock::ResponseTemplate;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn photos_that_the_carrier_is_slow_with_arrive_and_the_text_does_not_wait() {
    on_each_engine(async |t: TestBackend| {
        let (first, second) = (jpeg(1), heic(640, 480));
        let one = carrier_offers(&t, "one", ResponseTemplate::new(404)).await;
        let two = carrier_offers(&t, "two", handed_out(&second, "application/octet-stream")).await;
        announces(&t, 1, 0, "both feet", &[&one, &two]).await;
        t.run_jobs().await;
        let message = newest_message(&t).await;
        assert_eq!(message.text, "both feet");
        let states: Vec<_> = message.attachments.iter().map(|a| (a.state, a.file_name.as_str())).collect();
        assert_eq!(
            states,
            [(AttachmentState::Arriving, "photo-1"), (AttachmentState::Ready, "photo-2.heic")]
        );
        assert_eq!(message.attachments[0].original_url, None);
        let before = live::newest(&t.backend, &t.admin).await.unwrap();

        t.carrier.reset().await;
        carrier_offers(&t, "one", handed_out(&first, "image/jpeg")).await;
        t.later(Duration::from_secs(10)).await;
        let photo = newest_message(&t).await.attachments.remove(0);
        assert_eq!((photo.state, photo.file_name.as_str()), (AttachmentState::Ready, "photo-1.jpg"));
        assert!(opened(&t.backend, &photo.original_url.unwrap()).await.unwrap().1 == first);
        assert!(opened(&t.backend, &photo.tile_url.unwrap()).await.is_ok());
        assert_eq!(photo.carrier, None, "only what is sent tells of its carrier copy");
        let events = live::since(&t.backend, &t.admin, before).await.unwrap().unwrap();
        let told =
            Change::MessageChanged { conversation_id: message.conversation_id, message_id: message.id };
        assert!(events.iter().all(|event| event.change == told) && events.len() == 2, "{events:?}");
        t
    })
    .await;
}

#[tokio::test]
async fn a_photo_that_cannot_be_fetched_is_shown_as_such_and_can_be_tried_again() {
    on_each_engine(async |t: TestBackend| {
        let url = carrier_offers(&t, "one", ResponseTemplate::new(503)).await;
        announces(&t, 1, 0, "my foot", &[&url]).await;
        for _ in 0..10 {
            t.later(MINUTE).await;
        }
        let message = newest_message(&t).await;
        let tile = &message.attachments[0];
        assert_eq!((message.text.as_str(), tile.state), ("my foot", AttachmentState::Unfetchable));
        assert!(tile.failure.as_ref().unwrap().contains("503"), "{:?}", tile.failure);

        // It goes on trying by itself.
        t.carrier.reset().await;
        carrier_offers(&t, "one", handed_out(&jpeg(1), "image/jpeg")).await;
        let again = media::retry(&t.backend, &t.admin, tile.id).await.unwrap();
        assert_eq!((again.state, again.failure), (AttachmentState::Arriving, None));
        t.run_jobs().await;
        let ready = shown(&t, tile.id).await;
        assert_eq!((ready.state, ready.failure), (AttachmentState::Ready, None));
        // The first job comes late and finds nothing to do.
        t.later(MINUTE * 90).await;
        assert_eq!(t.count("SELECT COUNT(*) FROM job").await, 0);
        assert_eq!(t.carrier.received_requests().await.unwrap().len(), 1);
        t
    })
    .await;
}

#[tokio::test]
async fn a_carrier_that_recovers_hours_later_still_delivers_its_photo() {
    on_each_engine(async |t: TestBackend| {
        let url = carrier_offers(&t, "one", ResponseTemplate::new(500)).await;
        announces(&t, 1, 0, "", &[&url]).await;
        for _ in 0..6 {
            t.later(MINUTE * 60).await;
        }
        t.carrier.reset().await;
        carrier_offers(&t, "one", handed_out(&jpeg(1), "image/jpeg")).await;
        t.later(MINUTE * 70).await;
        t.run_jobs().await;
        assert_eq!(newest_message(&t).await.attachments[0].state, AttachmentState::Ready);
        t
    })
    .await;
}

#[tokio::test]
async fn what_may_not_be_fetched_or_kept_is_told_at_once() {
    on_each_engine(async |mut t: TestBackend| {
        let large = vec![0; 21 * 1024 * 1024];
        let large = carrier_offers(&t, "large", handed_out(&large, "image/jpeg")).await;
        let inside = carrier_offers(
            &t,
            "moved",
            ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/"),
        )
        .await;
        announces(&t, 1, 0, "look", &[&large, "http://169.254.169.254/latest", &inside]).await;
        t.run_jobs().await;
        let message = newest_message(&t).await;
        let words: Vec<_> = message.attachments.iter().map(|a| a.failure.clone().unwrap()).collect();
        assert!(message.attachments.iter().all(|a| a.state == AttachmentState::Unfetchable));
        assert!(words[0].contains("larger than 20.0 MB"), "{words:?}");
        assert!(words[1].contains("does not belong to the carrier"), "{words:?}");
        assert!(words[2].contains("may not reach"), "{words:?}");
        t.expected_failed_jobs = 3;
        t
    })
    .await;
}

#[tokio::test]
async fn a_retry_takes_the_place_of_the_job_that_gave_up() {
    on_each_engine(async |mut t: TestBackend| {
        let large = vec![0; 21 * 1024 * 1024];
        let large = carrier_offers(&t, "one", handed_out(&large, "image/jpeg")).await;
        announces(&t, 1, 0, "look", &[&large, "http://169.254.169.254/latest"]).await;
        t.run_jobs().await;
        let told = alerts::list(&t.backend, &t.admin).await.unwrap();
        assert_eq!((told[0].kind, told[0].count), (AlertKind::JobsFailed, 2));

        t.carrier.reset().await;
        carrier_offers(&t, "one", handed_out(&jpeg(1), "image/jpeg")).await;
        let photo = newest_message(&t).await.attachments.remove(0);
        media::retry(&t.backend, &t.admin, photo.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(shown(&t, photo.id).await.state, AttachmentState::Ready);
        let told = alerts::list(&t.backend, &t.admin).await.unwrap();
        assert_eq!((told[0].kind, told[0].count), (AlertKind::JobsFailed, 1), "the other one stays");
        t.expected_failed_jobs = 1;
        t
    })
    .await;
}

#[tokio::test]
async fn other_files_are_kept_and_never_run_in_a_page() {
    on_each_engine(async |t: TestBackend| {
        let files: [(&str, &[u8], &str); 4] = [
            ("clip", b"\0\0\0\x18ftypmp42\0\0\0\0 and so on", "video/mp4"),
            ("card", b"BEGIN:VCARD\nEND:VCARD", "text/x-vcard"),
            ("page", b"<html><script>alert(1)</script></html>", "text/html"),
            ("fake", b"<svg onload=alert(1)>", "image/jpeg"),
        ];
        let mut urls = Vec::new();
        for (name, bytes, media_type) in files {
            urls.push(carrier_offers(&t, name, handed_out(bytes, media_type)).await);
        }
        announces(&t, 1, 0, "all of it", &urls.iter().map(String::as_str).collect::<Vec<_>>()).await;
        t.run_jobs().await;
        let message = newest_message(&t).await;
        let seen: Vec<_> = message
            .attachments
            .iter()
            .map(|a| (a.state, a.media_type.as_str(), a.file_name.as_str()))
            .collect();
        use AttachmentState::{Ready, Unreadable};
        assert_eq!(
            seen,
            [
                (Ready, "video/mp4", "video-1.mp4"),
                (Ready, "text/vcard", "contact-2.vcf"),
                (Ready, "text/html", "file-3.bin"),
                (Unreadable, "application/octet-stream", "file-4.bin"),
            ]
        );
        for (attachment, (_, bytes, _)) in message.attachments.iter().zip(files) {
            let (media_type, kept) =
                opened(&t.backend, attachment.original_url.as_ref().unwrap()).await.unwrap();
            assert_eq!(kept, bytes);
            assert!(!media_type.contains("html") && !media_type.contains("svg"), "{media_type}");
        }
        t
    })
    .await;
}
