//! What the doctor finds, and what it can repair.

use crate::moving::{elsewhere, usual_day};
use crate::photos::{
    announces, carrier_offers, gathered, handed_out, jpeg, newest_message, opened, photo_arrives, uploads,
};
use crate::twilio::{
    arrives, asked_to_send, carrier_accepts, draft, failure, inbox_ids, is_read, text, texts, to,
};
use crate::{photos, twilio};
use backend::doctor::{self, Finding, Trouble};
use backend::media::blobs::{BlobKey, Variant};
use backend::testing::{TestBackend, on_each_engine};
use backend::{Blobs, messages};
use bytes::Bytes;
use model::AttachmentId;
use model::media::{AttachmentState, RenditionRole};
use model::message::DeliveryState;
use std::time::Duration;
use wiremock::ResponseTemplate;

const NOTHING: Vec<(Trouble, bool)> = Vec::new();

/// What is wrong, each with whether it was repaired.
async fn found(t: &TestBackend, repair: bool) -> Vec<(Trouble, bool)> {
    let mut told = Vec::new();
    let mut tell = |finding: &Finding| told.push(finding.clone());
    let report = doctor::examine(&t.backend, repair, &mut tell).await.unwrap();
    assert_eq!(report.findings, told);
    told.into_iter().map(|finding| (finding.trouble, finding.repaired)).collect()
}

/// It is found, changes nothing by being found, is repaired when asked for, and is gone once the jobs have run.
async fn is_repaired(t: &TestBackend, trouble: Trouble, times: usize) {
    assert_eq!(found(t, false).await, vec![(trouble, false); times]);
    assert_eq!(found(t, true).await, vec![(trouble, true); times]);
    t.run_jobs().await;
    assert_eq!(found(t, false).await, NOTHING);
}

fn inbound(id: AttachmentId, variant: Variant) -> BlobKey {
    BlobKey::Inbound(id, variant)
}

#[tokio::test]
async fn nothing_is_wrong_after_a_usual_day() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        assert_eq!(found(&t, false).await, NOTHING);
        let report = doctor::examine(&t.backend, true, &mut |_| {}).await.unwrap();
        assert_eq!((report.originals, report.conversations, report.strange), (3, 3, 0));
        assert!(report.renditions >= 6 && report.blobs >= report.originals + report.renditions, "{report:?}");
        t
    })
    .await;
}

#[tokio::test]
async fn copies_that_are_missing_are_made_again() {
    on_each_engine(async |t: TestBackend| {
        let id = photo_arrives(&t, 1, 0, &jpeg(1)).await.attachments[0].id;
        t.backend.blobs.delete(&inbound(id, Variant::Rendition(RenditionRole::Tile))).await.unwrap();
        is_repaired(&t, Trouble::RenditionMissing, 1).await;
        let tile = newest_message(&t).await.attachments[0].tile_url.clone().unwrap();
        assert!(opened(&t.backend, &tile).await.is_ok());

        t.alter("DELETE FROM rendition").await;
        is_repaired(&t, Trouble::RenditionMissing, 1).await;
        assert!(newest_message(&t).await.attachments[0].screen_url.is_some());
        t
    })
    .await;
}

#[tokio::test]
async fn an_original_that_is_missing_is_fetched_again_while_the_carrier_has_it() {
    on_each_engine(async |t: TestBackend| {
        let photo = jpeg(1);
        let id = photo_arrives(&t, 1, 0, &photo).await.attachments[0].id;
        let original = inbound(id, Variant::Original);
        t.backend.blobs.delete(&original).await.unwrap();
        is_repaired(&t, Trouble::OriginalMissing, 1).await;
        let shown = photos::shown(&t, id).await;
        assert_eq!((shown.state, shown.byte_size), (AttachmentState::Ready, photo.len() as u64));
        assert!(opened(&t.backend, &shown.original_url.unwrap()).await.unwrap().1 == photo);

        // Without its webhook nobody knows where it was; it stays, and is told again.
        t.alter("DELETE FROM journal_entry").await;
        t.backend.blobs.delete(&original).await.unwrap();
        for _ in 0..2 {
            assert_eq!(found(&t, true).await, [(Trouble::OriginalMissing, false)]);
        }
        t
    })
    .await;
}

#[tokio::test]
async fn bytes_that_changed_are_never_given_up_for_what_a_carrier_may_answer() {
    on_each_engine(async |t: TestBackend| {
        let id = photo_arrives(&t, 1, 0, &jpeg(1)).await.attachments[0].id;
        let original = inbound(id, Variant::Original);
        let others = Bytes::from_static(b"\xFF\xD8 other bytes");
        t.backend.blobs.put_bytes(&original, "image/jpeg", others.clone()).await.unwrap();
        for _ in 0..2 {
            let report = doctor::examine(&t.backend, true, &mut |_| {}).await.unwrap();
            assert_eq!(report.findings[0].trouble, Trouble::OriginalAltered);
            assert_eq!((report.findings.len(), report.left()), (1, 1));
            t.run_jobs().await;
        }
        let kept = t.backend.blobs.get(&original, None).await.unwrap();
        assert_eq!(gathered(kept.stream).await.unwrap(), others);
        t
    })
    .await;
}

#[tokio::test]
async fn staff_are_told_where_a_damaged_photo_is_shown() {
    on_each_engine(async |t: TestBackend| {
        let id = photo_arrives(&t, 1, 0, &jpeg(1)).await.attachments[0].id;
        t.alter("DELETE FROM journal_entry").await;
        t.backend.blobs.delete(&inbound(id, Variant::Original)).await.unwrap();
        t.backend.blobs.delete(&inbound(id, Variant::Rendition(RenditionRole::Tile))).await.unwrap();
        let findings = doctor::examine(&t.backend, true, &mut |_| {}).await.unwrap().findings;
        let troubles: Vec<Trouble> = findings.iter().map(|finding| finding.trouble).collect();
        assert_eq!(troubles, [Trouble::OriginalMissing, Trouble::RenditionMissing]);
        let page = format!("https://clinic.example/c/{}", inbox_ids(&t).await[0]);
        for finding in findings {
            assert_eq!((finding.id, finding.repaired), (id.to_string(), false));
            let [about] = finding.about.as_slice() else { panic!("{:?}", finding.about) };
            assert!(about.starts_with("in the message of 20") && about.ends_with(&page), "{about}");
        }
        t
    })
    .await;
}

#[tokio::test]
async fn what_was_made_of_a_lost_original_is_shown_on() {
    on_each_engine(async |t: TestBackend| {
        let id = photo_arrives(&t, 1, 0, &jpeg(1)).await.attachments[0].id;
        t.backend.blobs.delete(&inbound(id, Variant::Original)).await.unwrap();
        t.carrier.reset().await;
        carrier_offers(&t, "1", ResponseTemplate::new(404)).await;
        assert_eq!(found(&t, true).await, [(Trouble::OriginalMissing, true)]);
        for _ in 0..10 {
            t.later(Duration::from_secs(60)).await;
        }
        let shown = photos::shown(&t, id).await;
        assert_eq!((shown.state, shown.failure), (AttachmentState::Ready, None));
        assert!(opened(&t.backend, &shown.tile_url.unwrap()).await.is_ok());
        assert_eq!(found(&t, false).await, [(Trouble::OriginalMissing, false)]);
        t
    })
    .await;
}

#[tokio::test]
async fn nothing_is_repaired_while_the_store_is_not_there() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let there = elsewhere(&t, t.backend.store.clone(), Blobs::memory());
        let refused = failure(doctor::examine(&there, true, &mut |_| {}).await);
        assert!(refused.message.contains("Is its disk there"), "{}", refused.message);
        let findings = doctor::examine(&there, false, &mut |_| {}).await.unwrap().findings;
        let times = |trouble| findings.iter().filter(|finding| finding.trouble == trouble).count();
        assert_eq!((times(Trouble::OriginalMissing), times(Trouble::RenditionMissing)), (3, 3));
        assert_eq!(findings.len(), 6);
        assert_eq!(found(&t, false).await, NOTHING);
        t
    })
    .await;
}

#[tokio::test]
async fn bytes_that_changed_come_back_from_the_copy_in_the_record() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let flipped = Bytes::from_static(b"\xFF\xD8 other bytes");
        let filed = backend::images::list(&t.backend, &t.admin, backend::images::Filter::default(), None);
        let image = filed.await.unwrap().items.remove(0);
        let key = BlobKey::Image(image.patient.id, image.id, Variant::Original);
        t.backend.blobs.put_bytes(&key, "image/jpeg", flipped.clone()).await.unwrap();
        is_repaired(&t, Trouble::OriginalAltered, 1).await;
        t.backend.blobs.delete(&key).await.unwrap();
        is_repaired(&t, Trouble::OriginalMissing, 1).await;

        // Of an upload there is no other copy.
        let upload = uploads(&t, "once.jpg", &jpeg(7)).await.unwrap().media_id;
        t.run_jobs().await;
        let key = BlobKey::Outbound(upload, Variant::Original);
        t.backend.blobs.put_bytes(&key, "image/jpeg", flipped).await.unwrap();
        assert_eq!(found(&t, true).await, [(Trouble::OriginalAltered, false)]);
        t
    })
    .await;
}

#[tokio::test]
async fn sizes_and_counts_are_noted_anew() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        t.alter("UPDATE attachment SET byte_size = byte_size + 1").await;
        is_repaired(&t, Trouble::SizeWrong, 2).await;
        t.alter("UPDATE conversation SET unread = unread + 7").await;
        is_repaired(&t, Trouble::UnreadWrong, 3).await;
        let before = inbox_ids(&t).await;
        t.alter("UPDATE conversation SET last_message_id = NULL").await;
        is_repaired(&t, Trouble::NewestWrong, 3).await;
        t.alter("UPDATE conversation SET last_at = 5").await;
        is_repaired(&t, Trouble::NewestWrong, 3).await;
        assert_eq!(inbox_ids(&t).await, before);
        t
    })
    .await;
}

#[tokio::test]
async fn what_nobody_owns_goes_after_a_day() {
    on_each_engine(async |t: TestBackend| {
        let key = BlobKey::Outbound(t.backend.clock.new_id(), Variant::Original);
        t.backend.blobs.put_bytes(&key, "image/jpeg", jpeg(1).into()).await.unwrap();
        assert_eq!(found(&t, true).await, NOTHING, "its row may be on its way");
        t.backend.clock.advance(Duration::from_secs(25 * 3600));
        assert_eq!(
            found(&t, true).await,
            [(Trouble::NobodysBlob, false)],
            "the database may be an older one"
        );
        is_read(&t, &text(&t, 1, 0, "Good morning")).await;
        is_repaired(&t, Trouble::NobodysBlob, 1).await;
        assert_eq!(t.backend.blobs.size(&key).await.unwrap(), None);
        t
    })
    .await;
}

#[tokio::test]
async fn what_a_patient_sent_is_never_deleted() {
    on_each_engine(async |t: TestBackend| {
        let sent = inbound(t.backend.clock.new_id(), Variant::Original);
        let clock = &t.backend.clock;
        let filed = BlobKey::Image(clock.new_id(), clock.new_id(), Variant::Original);
        let copy = sent.variant(Variant::Rendition(RenditionRole::Tile));
        for key in [&sent, &filed, &copy] {
            t.backend.blobs.put_bytes(key, "image/jpeg", jpeg(1).into()).await.unwrap();
        }
        t.backend.clock.advance(Duration::from_secs(25 * 3600));
        is_read(&t, &text(&t, 1, 0, "Good morning")).await;
        let told = found(&t, true).await;
        assert_eq!(told.iter().filter(|(_, repaired)| *repaired).count(), 1, "{told:?}");
        assert_eq!(found(&t, true).await, [(Trouble::NobodysBlob, false); 2]);
        for (key, stays) in [(sent, true), (filed, true), (copy, false)] {
            assert_eq!(t.backend.blobs.size(&key).await.unwrap().is_some(), stays, "{key:?}");
        }
        t
    })
    .await;
}

#[tokio::test]
async fn whatever_waits_gets_its_job_again() {
    on_each_engine(async |t: TestBackend| {
        arrives(&t, &text(&t, 1, 0, "Good morning")).await.unwrap();
        t.alter("DELETE FROM job").await;
        is_repaired(&t, Trouble::WebhookForgotten, 1).await;
        assert_eq!(texts(&t, inbox_ids(&t).await[0]).await, ["Good morning"]);

        let url = carrier_offers(&t, "one", ResponseTemplate::new(404)).await;
        announces(&t, 2, 0, "my foot", &[&url]).await;
        t.run_jobs().await;
        t.alter("DELETE FROM job").await;
        t.carrier.reset().await;
        carrier_offers(&t, "one", handed_out(&jpeg(1), "image/jpeg")).await;
        is_repaired(&t, Trouble::PhotoForgotten, 1).await;
        assert_eq!(newest_message(&t).await.attachments[0].state, AttachmentState::Ready);

        carrier_accepts(&t).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Thank you", "one")).await.unwrap();
        t.alter("DELETE FROM job").await;
        is_repaired(&t, Trouble::SendingForgotten, 1).await;
        assert_eq!(twilio::shown(&t, sent.id).await.state, DeliveryState::Accepted);
        assert_eq!(asked_to_send(&t).await, ["Thank you"]);
        t
    })
    .await;
}
