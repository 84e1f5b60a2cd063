//! What leaves for a carrier, and where it is made.

use crate::photos::{jpeg, opened, photo_arrives, shown, uploads};
use crate::twilio::{carrier_accepts, draft, shown as message_shown, to};
use backend::testing::{TestBackend, on_each_engine};
use backend::{Backend, Parts, live, media, messages};
use model::media::AttachmentState;
use model::message::{DeliveryState, Draft};
use picture_worker::PictureWorker;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::form_urlencoded;

const MINUTE: Duration = Duration::from_secs(60);

/// A JPEG that says where it was taken: Exif with a GPS position, written out to look for.
fn with_position(jpeg: &[u8]) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01".to_vec();
    exif.extend(b"\x88\x25\0\x04\0\0\0\x01\0\0\0\x1A\0\0\0\0");
    exif.extend(b"\0\x01\0\x01\0\x02\0\0\0\x02S\0\0\0\0\0\0\0 GPS-37.8136");
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], b"\xFF\xE1", &length, &exif, &jpeg[2..]].concat()
}

fn holds(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|part| part == words)
}

/// The links to pictures that the carrier was given in its last request.
async fn links_given(t: &TestBackend) -> Vec<String> {
    let requests = t.carrier.received_requests().await.unwrap();
    form_urlencoded::parse(&requests.last().unwrap().body)
        .filter(|(name, _)| name == "MediaUrl")
        .map(|(_, link)| link.into_owned())
        .collect()
}

#[tokio::test]
async fn a_patient_gets_a_picture_without_its_position_or_name_and_the_original_keeps_both() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        let original = with_position(&jpeg(1));
        let id = uploads(&t, "Amelia Hart foot.jpg", &original).await.unwrap().media_id;
        let draft = Draft { attachments: vec![id], ..draft("", "one") };
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft).await.unwrap();
        for _ in 0..3 {
            t.later(MINUTE).await;
        }
        assert_eq!(message_shown(&t, sent.id).await.state, DeliveryState::Accepted);

        let links = links_given(&t).await;
        assert_eq!(links.len(), 1);
        assert!(!links[0].contains("Amelia"), "{}", links[0]);
        let (media_type, copy) = opened(&t.backend, &links[0]).await.unwrap();
        assert_eq!(media_type, "image/jpeg");
        image::load_from_memory(&copy).unwrap();
        assert!(!holds(&copy, b"GPS-37") && !holds(&copy, b"Exif"));
        assert_eq!(shown(&t, id).await.carrier.unwrap().byte_size, copy.len() as u64);
        let kept = opened(&t.backend, &shown(&t, id).await.original_url.unwrap()).await.unwrap().1;
        assert!(kept == original && holds(&kept, b"GPS-37"));

        // Carriers queue for hours, and after that the link is worth nothing.
        t.backend.clock.advance(MINUTE * 60 * 4);
        opened(&t.backend, &links[0]).await.unwrap();
        t.backend.clock.advance(MINUTE * 60 * 20);
        assert!(opened(&t.backend, &links[0]).await.is_err());
        t
    })
    .await;
}

/// The same backend with another program to work on pictures.
pub(crate) fn with_worker(backend: &Backend, program: impl Into<PathBuf>) -> Backend {
    Backend::new(Parts {
        store: backend.store.clone(),
        blobs: backend.blobs.clone(),
        http: backend.http.clone(),
        pictures: Arc::new(PictureWorker::new(program.into())),
        clock: backend.clock.clone(),
        keys: backend.keys.clone(),
        settings: backend.settings.clone(),
        live: live::Hub::default(),
    })
}

#[tokio::test]
async fn without_the_process_for_pictures_nothing_decodes_them() {
    on_each_engine(async |t: TestBackend| {
        // One that is not there, and one that dies without a word.
        for (worker, words, n) in [("/nowhere", "try again", 1), ("/bin/false", "safely", 2)] {
            let without = with_worker(&t.backend, worker);
            let id = uploads(&t, "photo.jpg", &jpeg(n)).await.unwrap().media_id;
            for _ in 0..8 {
                backend::jobs::run_due(&without).await.unwrap();
                t.backend.clock.advance(MINUTE * 2);
            }
            let view = shown(&t, id).await;
            assert_eq!((view.state, view.tile_url, view.carrier), (AttachmentState::Unreadable, None, None));
            assert!(view.failure.as_ref().unwrap().contains(words), "{:?}", view.failure);
            assert_eq!(t.count("SELECT COUNT(*) FROM rendition").await, 0);

            media::retry(&t.backend, &t.admin, id).await.unwrap();
            t.run_jobs().await;
            assert_eq!(shown(&t, id).await.state, AttachmentState::Ready);
            media::discard(&t.backend, &t.admin, id).await.unwrap();
        }
        photo_arrives(&t, 1, 0, &jpeg(3)).await;
        t
    })
    .await;
}
