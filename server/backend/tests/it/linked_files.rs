//! Documents, videos and recordings: kept as they came, and sent as private links alone.

use crate::links::{look, open, secret, with_link};
use crate::photos::{jpeg, opened, shown, uploads};
use crate::twilio::{asked_to_send, carrier_accepts, draft, failure, to};
use backend::media::links;
use backend::share_links::Place;
use backend::testing::{TestBackend, on_each_engine};
use backend::{conversations, images, messages, patients};
use model::FailureCode;
use model::conversation::InboxQuery;
use model::link::LinkOptions;
use model::media::{AttachmentState, Category, MediaKind};
use model::message::{Channel, Draft};
use model::patient::PatientInput;

/// A file of each kind, with its media type and what the patient is told it is called.
fn files() -> [(&'static str, Vec<u8>, &'static str, MediaKind, &'static str); 6] {
    use MediaKind::{Audio, Document, Video};
    let file = |head: &[u8]| [head, &[7; 30_000]].concat();
    [
        ("Amelia Hart.pdf", file(b"%PDF-1.7\n"), "application/pdf", Document, "document.pdf"),
        ("walk.mp4", file(b"\0\0\0\x18ftypmp42\0\0\0\0isommp42"), "video/mp4", Video, "video.mp4"),
        ("IMG_1.MOV", file(b"\0\0\0\x14ftypqt  \0\0\0\0qt  "), "video/quicktime", Video, "video.mov"),
        ("screen.webm", file(b"\x1AE\xDF\xA3\x9FB\x82\x84webm"), "video/webm", Video, "video.webm"),
        ("memo.m4a", file(b"\0\0\0\x18ftypM4A \0\0\0\0isommp42"), "audio/mp4", Audio, "recording.m4a"),
        // Names decide nothing.
        ("photo.jpg", file(b"ID3\x04\0\0"), "audio/mpeg", Audio, "recording.mp3"),
    ]
}

#[tokio::test]
async fn what_is_no_picture_is_kept_as_it_came_and_goes_as_a_link_alone() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_accepts(&t).await;
        for (name, bytes, media_type, kind, told) in files() {
            let uploaded = uploads(&t, name, &bytes).await.unwrap();
            assert_eq!((uploaded.media_type.as_str(), uploaded.kind), (media_type, kind), "{name}");
            let size = (uploaded.width, uploaded.height, uploaded.media_size);
            assert_eq!(size, (None, None, bytes.len() as u64));
            assert_eq!(t.count("SELECT COUNT(*) FROM job WHERE kind LIKE 'make_renditions%'").await, 0);
            let view = shown(&t, uploaded.media_id).await;
            assert_eq!((view.state, view.tile_url, view.carrier), (AttachmentState::Ready, None, None));
            assert!(opened(b, &view.original_url.unwrap()).await.unwrap().1 == bytes, "{name} was altered");

            let plain = Draft { attachments: vec![uploaded.media_id], ..draft("Here it is", name) };
            let refused = failure(messages::send(b, &t.admin, &to(0), &plain).await);
            assert_eq!((refused.code, refused.field.as_deref()), (FailureCode::Invalid, Some("link")));
            assert!(refused.message.contains(name), "{}", refused.message);

            let linked = with_link(vec![uploaded.media_id], "Here it is", name, LinkOptions::default());
            let sent = messages::send(b, &t.admin, &to(0), &linked).await.unwrap();
            assert_eq!(sent.channel, Channel::Sms);
            t.run_jobs().await;
            let token = secret(&asked_to_send(&t).await.pop().unwrap());
            let Place::Before(door, None) = look(&t, &token).await else { panic!("it is open") };
            assert_eq!(door.holds, [kind]);
            let Place::Inside(_, files) = open(&t, &token).await else { panic!("it opens") };
            assert_eq!((files.len(), files[0].kind, files[0].size), (1, kind, None));
            assert_eq!((files[0].name.as_str(), files[0].bytes), (told, bytes.len() as u64));
            for url in [&files[0].url, &files[0].save_url] {
                assert_eq!(opened(b, url).await.unwrap(), (media_type.to_owned(), bytes.clone()));
                let link = links::open(b, url.strip_prefix("https://clinic.example").unwrap()).await.unwrap();
                assert_eq!(link.file_name, told, "its own name may name a person");
            }
        }
        t
    })
    .await;
}

#[tokio::test]
async fn several_kinds_go_together_and_no_record_takes_what_is_no_picture() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_accepts(&t).await;
        let letter = uploads(&t, "letter.pdf", b"%PDF-1.7 letter").await.unwrap().media_id;
        let photo = uploads(&t, "knee.jpg", &jpeg(1)).await.unwrap().media_id;
        let draft = with_link(vec![letter, photo], "", "a", LinkOptions::default());
        let sent = messages::send(b, &t.admin, &to(0), &draft).await.unwrap();
        assert_eq!(sent.text, "Harbour Clinic sent you 2 files. View them here:");
        t.run_jobs().await;
        let token = secret(&asked_to_send(&t).await.pop().unwrap());
        let Place::Inside(_, files) = open(&t, &token).await else { panic!("it opens") };
        let kinds: Vec<_> = files.iter().map(|file| (file.kind, file.name.as_str())).collect();
        assert_eq!(kinds, [(MediaKind::Document, "document.pdf"), (MediaKind::Image, "photo.jpg")]);

        let input = PatientInput { name: "Amelia Hart".to_owned(), ..PatientInput::default() };
        let patient = patients::create(b, &t.admin, &input).await.unwrap().id;
        let file = async |attachment| {
            images::file(b, &t.admin, sent.id, Some(attachment), patient, Category::Reports).await
        };
        assert_eq!(failure(file(letter).await).field.as_deref(), Some("attachment_id"));
        assert!(!file(photo).await.unwrap().already_saved);
        let incoming = crate::photos::incoming("letter.pdf", b"%PDF-1.7 letter");
        let direct = images::upload(b, &t.admin, patient, Category::Reports, "", incoming).await;
        assert_eq!(failure(direct).code, FailureCode::UnsupportedMedia);
        t
    })
    .await;
}

#[tokio::test]
async fn the_inbox_promises_a_photo_only_where_there_is_one() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        for (name, bytes, has_photo) in
            [("letter.pdf", b"%PDF-1.7 letter".to_vec(), false), ("knee.jpg", jpeg(1), true)]
        {
            let file = uploads(&t, name, &bytes).await.unwrap().media_id;
            let draft = with_link(vec![file], "Here", name, LinkOptions::default());
            messages::send(&t.backend, &t.admin, &to(0), &draft).await.unwrap();
            t.run_jobs().await;
            let inbox = conversations::list(&t.backend, &t.admin, &InboxQuery::default()).await.unwrap();
            assert_eq!(inbox.items[0].last.as_ref().unwrap().has_photo, has_photo, "{name}");
        }
        t
    })
    .await;
}
