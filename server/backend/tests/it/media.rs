//! Pictures that staff choose: taken in, prepared, shown.

use crate::photos::{
    files_below, heic, hostile_files, in_folder, incoming, jpeg, opened, photo_arrives, picture,
    scrambled_png, shown, uploads, viewer,
};
use crate::twilio::{draft, failure};
use backend::media::upload::{self, Incoming};
use backend::media::{self, links};
use backend::testing::{TestBackend, on_each_engine};
use backend::{Error, live};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use image::ImageFormat;
use model::FailureCode;
use model::live::Change;
use model::media::AttachmentState;
use model::message::{Draft, Recipient};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn every_kind_of_picture_is_kept_as_it_came_and_prepared_for_sending() {
    on_each_engine(async |t: TestBackend| {
        for (name, bytes, media_type) in [
            ("photo.jpg", picture(ImageFormat::Jpeg, 1300, 700, 1), "image/jpeg"),
            ("scan.png", picture(ImageFormat::Png, 1300, 700, 2), "image/png"),
            ("wave.gif", picture(ImageFormat::Gif, 1300, 700, 3), "image/gif"),
            ("web.webp", picture(ImageFormat::WebP, 1300, 700, 4), "image/webp"),
            ("IMG_0001.HEIC", heic(1300, 700), "image/heic"),
            // Names decide nothing.
            ("letter.pdf", jpeg(5), "image/jpeg"),
        ] {
            let uploaded = uploads(&t, name, &bytes).await.unwrap();
            assert_eq!((uploaded.media_type.as_str(), uploaded.media_size), (media_type, bytes.len() as u64));
            assert_eq!((uploaded.media_filename.as_str(), uploaded.kind.as_str()), (name, "image"));
            let before = shown(&t, uploaded.media_id).await;
            assert_eq!((before.state, before.tile_url), (AttachmentState::Processing, None));

            t.run_jobs().await;
            let view = shown(&t, uploaded.media_id).await;
            assert_eq!((view.state, view.failure), (AttachmentState::Ready, None), "{name}");
            assert_eq!((uploaded.width, uploaded.height), (view.width, view.height));
            let (original_type, original) = opened(&t.backend, &view.original_url.unwrap()).await.unwrap();
            assert!(original == bytes && original_type == media_type, "{name} was altered");
            for link in [view.tile_url, view.screen_url] {
                let (rendition_type, rendition) = opened(&t.backend, &link.unwrap()).await.unwrap();
                assert_eq!(rendition_type, "image/jpeg");
                image::load_from_memory_with_format(&rendition, ImageFormat::Jpeg).unwrap();
            }
            let carrier = view.carrier.unwrap();
            assert!(
                carrier.width.max(carrier.height) <= 1024 && carrier.byte_size <= 600 * 1024,
                "{carrier:?}"
            );
        }
        t
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_by_name_and_leaves_nothing() {
    on_each_engine(async |t: TestBackend| {
        let (backend, folder) = in_folder(&t).await;
        let whole = jpeg(1);
        let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bomb.extend([60_000u32.to_be_bytes(), 60_000u32.to_be_bytes()].concat());
        bomb.extend(b"\x08\x02\0\0\0\0\0\0\0\0\0\0\0IEND");
        // The picture is all there; what the file announces behind it is not.
        let mut short = heic(640, 480);
        let announced = short.windows(4).position(|name| name == b"mdat").unwrap() - 2;
        short[announced] += 8;
        let large = vec![0xFF, 0xD8, 0xFF].into_iter().chain(vec![0; 21 * 1024 * 1024]).collect();
        for (name, bytes, code, words) in [
            ("notes.txt", b"Take one a day".to_vec(), FailureCode::UnsupportedMedia, "Accepted are JPEG"),
            ("photo.jpg", b"<html><script>".to_vec(), FailureCode::UnsupportedMedia, "web page"),
            ("letter.pdf", b"PK\x03\x04 letters".to_vec(), FailureCode::UnsupportedMedia, "ZIP"),
            ("film.mp4", b"MZ\x90\0 film".to_vec(), FailureCode::UnsupportedMedia, "a program"),
            ("empty.jpg", Vec::new(), FailureCode::BrokenMedia, "empty"),
            ("header.jpg", b"\xFF\xD8\xFF\xE0\0\x10".to_vec(), FailureCode::BrokenMedia, "damaged"),
            ("cut.jpg", whole[..whole.len() - 100].to_vec(), FailureCode::BrokenMedia, "incomplete"),
            ("cut.heic", heic(640, 480)[..2000].to_vec(), FailureCode::BrokenMedia, "incomplete"),
            ("short.heic", short, FailureCode::BrokenMedia, "incomplete"),
            ("bomb.png", bomb, FailureCode::TooLarge, "60000 x 60000"),
            ("large.jpg", large, FailureCode::TooLarge, "20.0 MB"),
        ] {
            let refused = failure(upload::upload(&backend, &t.admin, incoming(name, &bytes)).await);
            assert_eq!(refused.code, code, "{name}: {}", refused.message);
            assert!(refused.message.contains(name) && refused.message.contains(words), "{}", refused.message);
            assert_eq!(files_below(folder.path()), Vec::<std::path::PathBuf>::new(), "{name}");
        }
        assert_eq!(t.count("SELECT COUNT(*) FROM attachment").await, 0);
        assert_eq!(t.count("SELECT COUNT(*) FROM job").await, 0);
        t
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    on_each_engine(async |t: TestBackend| {
        let (backend, folder) = in_folder(&t).await;
        let half = [&picture(ImageFormat::Png, 64, 64, 1)[..100], &[0; 300_000]].concat();
        let pieces = || {
            futures::stream::iter(
                half.chunks(50_000).map(|b| Ok(Bytes::copy_from_slice(b))).collect::<Vec<_>>(),
            )
        };
        let broken = futures::stream::iter([Err(std::io::ErrorKind::ConnectionReset.into())]);
        let reset = Incoming { file_name: "photo.png".to_owned(), body: pieces().chain(broken).boxed() };
        let refused = failure(upload::upload(&backend, &t.admin, reset).await);
        assert_eq!(refused.code, FailureCode::BrokenMedia);
        assert!(refused.message.contains("photo.png"));
        // The browser is closed: nobody polls the upload any more.
        let stalled = pieces().chain(futures::stream::pending()).boxed();
        let stalled = Incoming { file_name: "photo.png".to_owned(), body: stalled };
        let mut upload = Box::pin(upload::upload(&backend, &t.admin, stalled));
        while files_below(folder.path()).is_empty() {
            assert!(upload.as_mut().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        drop(upload);
        while !files_below(folder.path()).is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(t.count("SELECT COUNT(*) FROM attachment").await, 0);
        t
    })
    .await;
}

#[tokio::test]
async fn a_picture_that_no_decoder_reads_says_so_and_is_kept() {
    on_each_engine(async |t: TestBackend| {
        let scrambled = scrambled_png();
        let id = uploads(&t, "scan.png", &scrambled).await.unwrap().media_id;
        t.run_jobs().await;
        for _ in 0..2 {
            let view = shown(&t, id).await;
            assert_eq!(view.state, AttachmentState::Unreadable);
            assert!(view.failure.unwrap().contains("damaged"));
            assert!(opened(&t.backend, &view.original_url.unwrap()).await.unwrap().1 == scrambled);
            let again = media::retry(&t.backend, &t.admin, id).await.unwrap();
            assert_eq!((again.state, again.failure), (AttachmentState::Processing, None));
            t.run_jobs().await;
        }
        t
    })
    .await;
}

#[tokio::test]
async fn a_link_cannot_be_altered_and_ends() {
    on_each_engine(async |t: TestBackend| {
        let uploaded = uploads(&t, "photo.jpg", &jpeg(1)).await.unwrap();
        t.run_jobs().await;
        let link = shown(&t, uploaded.media_id).await.tile_url.unwrap();
        let start = "https://clinic.example/media/".len();
        for at in start..link.len() {
            let mut altered = link.clone().into_bytes();
            altered[at] = if altered[at] == b'1' { b'2' } else { b'1' };
            let altered = String::from_utf8(altered).unwrap();
            let refused = failure(opened(&t.backend, &altered).await);
            // Also the last one, part of whose bits mean nothing.
            assert_eq!(refused.code, FailureCode::NotFound, "{at}");
        }
        for odd in ["", "?", "?e=1", "?e=99999999999999&d=i&s=", "?e=-1&d=i&s=AAAA"] {
            let cut = format!("{}{odd}", link.split('?').next().unwrap());
            assert_eq!(failure(opened(&t.backend, &cut).await).code, FailureCode::NotFound, "{odd}");
        }
        // The same link for some minutes, so that a browser need not load it again; then a new one.
        t.backend.clock.advance(MINUTE * 4);
        assert_eq!(shown(&t, uploaded.media_id).await.tile_url.unwrap(), link);
        t.backend.clock.advance(MINUTE * 55);
        opened(&t.backend, &link).await.unwrap();
        t.backend.clock.advance(MINUTE * 6);
        assert_eq!(failure(opened(&t.backend, &link).await).code, FailureCode::NotFound);
        let renewed = shown(&t, uploaded.media_id).await.tile_url.unwrap();
        opened(&t.backend, &renewed).await.unwrap();
        t
    })
    .await;
}

#[tokio::test]
async fn a_link_of_ours_names_its_file_also_when_it_has_ended() {
    on_each_engine(async |t: TestBackend| {
        let uploaded = uploads(&t, "photo.jpg", &jpeg(1)).await.unwrap();
        t.later(MINUTE * 60 * 24 * 30).await;
        let stranger = t.stranger().await;
        let link: url::Url = uploaded.media_url.parse().unwrap();
        let named = async |url: url::Url| links::attachment_of(&t.backend, &t.admin, &url).await;
        assert_eq!(named(link.clone()).await.unwrap(), Some(uploaded.media_id));
        let theirs = links::attachment_of(&t.backend, &stranger, &link).await;
        assert_eq!(failure(theirs).code, FailureCode::NotFound);
        let elsewhere = "https://pictures.example/media/mms/outbound/1/original".parse().unwrap();
        assert_eq!(named(elsewhere).await.unwrap(), None);
        let nothing = "https://clinic.example/media/mms/outbound/1/original".parse().unwrap();
        assert_eq!(failure(named(nothing).await).code, FailureCode::NotFound);
        t
    })
    .await;
}

#[tokio::test]
async fn a_discarded_upload_is_gone_and_its_job_notices() {
    on_each_engine(async |t: TestBackend| {
        let (backend, folder) = in_folder(&t).await;
        let early = upload::upload(&backend, &t.admin, incoming("a.jpg", &jpeg(1))).await.unwrap();
        media::discard(&backend, &t.admin, early.media_id).await.unwrap();
        let late = upload::upload(&backend, &t.admin, incoming("b.jpg", &jpeg(2))).await.unwrap();
        assert_eq!(backend::jobs::run_due(&backend).await.unwrap(), 2);
        assert_eq!(files_below(folder.path()).len(), 4);
        let link = media::get(&backend, &t.admin, late.media_id).await.unwrap().tile_url.unwrap();
        media::discard(&backend, &t.admin, late.media_id).await.unwrap();
        assert_eq!(files_below(folder.path()).len(), 0);
        assert_eq!(t.count("SELECT COUNT(*) FROM rendition").await, 0);
        assert_eq!(failure(opened(&backend, &link).await).code, FailureCode::NotFound);
        assert_eq!(failure(media::get(&backend, &t.admin, late.media_id).await).code, FailureCode::NotFound);
        t
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_is_not_sent_within_a_day_is_swept_away() {
    on_each_engine(async |t: TestBackend| {
        let (backend, folder) = in_folder(&t).await;
        let hour = Duration::from_secs(3600);
        let old = upload::upload(&backend, &t.admin, incoming("a.jpg", &jpeg(1))).await.unwrap();
        let sent = upload::upload(&backend, &t.admin, incoming("b.jpg", &jpeg(2))).await.unwrap();
        backend::jobs::run_due(&backend).await.unwrap();
        let draft = Draft { attachments: vec![sent.media_id], ..draft("", "sent") };
        let to = Recipient::Number(backend::testing::fictitious_number(0));
        backend::messages::send(&backend, &t.admin, &to, &draft).await.unwrap();
        t.backend.clock.advance(23 * hour);
        let new = upload::upload(&backend, &t.admin, incoming("c.jpg", &jpeg(3))).await.unwrap();
        assert_eq!(media::sweep_unsent(&backend).await.unwrap(), 0);
        t.backend.clock.advance(hour);
        assert_eq!(media::sweep_unsent(&backend).await.unwrap(), 1);
        assert_eq!(failure(media::get(&backend, &t.admin, old.media_id).await).code, FailureCode::NotFound);
        for kept in [sent.media_id, new.media_id] {
            media::get(&backend, &t.admin, kept).await.unwrap();
        }
        // Four of what was sent, and the original of what came late.
        assert_eq!(files_below(folder.path()).len(), 5);
        assert_eq!(media::sweep_unsent(&backend).await.unwrap(), 0);
        t
    })
    .await;
}

#[tokio::test]
async fn another_organisations_files_look_like_missing_ones() {
    on_each_engine(async |t: TestBackend| {
        let id = uploads(&t, "photo.jpg", &jpeg(1)).await.unwrap().media_id;
        let stranger = t.stranger().await;
        let missing = failure(media::get(&t.backend, &t.admin, t.backend.clock.new_id()).await);
        for theirs in [
            failure(media::get(&t.backend, &stranger, id).await),
            failure(media::retry(&t.backend, &stranger, id).await),
            failure(media::discard(&t.backend, &stranger, id).await),
        ] {
            assert_eq!(theirs, missing);
        }
        let viewer = viewer(&t).await;
        media::get(&t.backend, &viewer, id).await.unwrap();
        for refused in [
            failure(upload::upload(&t.backend, &viewer, incoming("a.jpg", &jpeg(1))).await),
            failure(media::retry(&t.backend, &viewer, id).await),
            failure(media::discard(&t.backend, &viewer, id).await),
        ] {
            assert_eq!(refused.code, FailureCode::NotAllowed);
        }
        t.run_jobs().await;
        t
    })
    .await;
}

#[tokio::test]
async fn originals_survive_and_open_screens_hear_of_uploads() {
    on_each_engine(async |t: TestBackend| {
        let id = uploads(&t, "photo.jpg", &jpeg(1)).await.unwrap().media_id;
        t.run_jobs().await;
        let events = live::since(&t.backend, &t.admin, 0).await.unwrap().unwrap();
        assert_eq!(events.last().unwrap().change, Change::UploadChanged { attachment_id: id });
        let message = photo_arrives(&t, 1, 0, &jpeg(2)).await;
        let kept = media::discard(&t.backend, &t.admin, message.attachments[0].id).await;
        assert_eq!(failure(kept).code, FailureCode::Conflict);
        t
    })
    .await;
}

#[tokio::test]
async fn every_hostile_file_is_refused_or_handled_in_words() {
    let files = hostile_files();
    on_each_engine(async |t: TestBackend| {
        for (n, path) in files.iter().enumerate() {
            let name = path.file_name().unwrap().to_string_lossy();
            let bytes = std::fs::read(path).unwrap();
            match uploads(&t, &name, &bytes).await {
                Ok(uploaded) => {
                    t.run_jobs().await;
                    let view = shown(&t, uploaded.media_id).await;
                    let ended = match view.state {
                        AttachmentState::Ready => view.failure.is_none(),
                        AttachmentState::Unreadable => view.failure.unwrap().len() > 30,
                        _ => false,
                    };
                    assert!(ended, "{name} ended as {:?}", view.state);
                }
                Err(Error::Failure(refused)) => {
                    use FailureCode::{BrokenMedia, TooLarge, UnsupportedMedia};
                    assert!(matches!(refused.code, BrokenMedia | TooLarge | UnsupportedMedia), "{refused}");
                    assert!(refused.message.contains(&*name), "{refused}");
                }
                Err(other) => panic!("{name}: {other}"),
            }
            // From a patient nothing is refused: it is kept, and shown or explained.
            if !bytes.is_empty() {
                let message = photo_arrives(&t, n as u32, 0, &bytes).await;
                let state = message.attachments[0].state;
                assert!(
                    matches!(state, AttachmentState::Ready | AttachmentState::Unreadable),
                    "{name}: {state:?}"
                );
                let original = message.attachments[0].original_url.as_ref().unwrap();
                assert!(opened(&t.backend, original).await.unwrap().1 == bytes, "{name} was altered");
            }
        }
        t
    })
    .await;
}
