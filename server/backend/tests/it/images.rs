//! Photos in a patient's record.

use crate::photos::{
    announces, carrier_offers, files_below, handed_out, in_folder, incoming, jpeg, newest_message, opened,
    photo_arrives, viewer,
};
use crate::twilio::failure;
use backend::images::{self, Filter};
use backend::testing::{TestBackend, on_each_engine};
use backend::{live, patients};
use model::live::Change;
use model::media::Category;
use model::patient::{ImageSource, PatientInput};
use model::staff::Role;
use model::{FailureCode, PatientId};
use std::collections::HashSet;
use std::time::Duration;
use wiremock::ResponseTemplate;

async fn patient(t: &TestBackend, name: &str) -> PatientId {
    let input = PatientInput { name: name.to_owned(), ..PatientInput::default() };
    patients::create(&t.backend, &t.admin, &input).await.unwrap().id
}

#[tokio::test]
async fn a_photo_is_filed_once_and_stays_independent_of_its_message() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let photo = jpeg(1);
        let message = photo_arrives(&t, 1, 0, &photo).await;
        let amelia = patient(&t, "Amelia Hart").await;
        assert_eq!(images::filed(b, &t.admin, message.id, amelia).await.unwrap(), None);
        let before = live::newest(b, &t.admin).await.unwrap();

        let saved =
            images::file(b, &t.admin, message.id, None, amelia, Category::Prescriptions).await.unwrap();
        assert!(!saved.already_saved);
        assert_eq!(images::filed(b, &t.admin, message.id, amelia).await.unwrap(), Some(saved.image_id));
        let told: Vec<_> =
            live::since(b, &t.admin, before).await.unwrap().unwrap().into_iter().map(|e| e.change).collect();
        let (conversation_id, message_id) = (message.conversation_id, message.id);
        assert_eq!(
            told,
            [
                Change::PatientChanged { patient_id: amelia },
                Change::MessageChanged { conversation_id, message_id }
            ]
        );
        t.backend.clock.advance(Duration::from_secs(60));
        let again = images::file(b, &t.admin, message.id, None, amelia, Category::Other).await.unwrap();
        assert_eq!((again.image_id, again.already_saved), (saved.image_id, true));

        let image = images::get(b, &t.admin, saved.image_id).await.unwrap();
        assert_eq!((image.patient.name.as_str(), image.category), ("Amelia Hart", Category::Prescriptions));
        assert_eq!((image.width, image.height), (Some(640), Some(480)));
        assert_eq!(image.filed_by.as_deref(), Some("Admin"));
        let attachment_id = message.attachments[0].id;
        assert_eq!(
            image.source,
            ImageSource::Message { message_id, conversation_id, attachment_id, at: message.at }
        );
        assert!(image.original_url.contains(&format!("/images/{amelia}/{}/original", saved.image_id)));
        assert!(opened(b, &image.original_url).await.unwrap().1 == photo);
        for link in [image.tile_url, image.screen_url] {
            opened(b, &link.unwrap()).await.unwrap();
        }
        let filed = &newest_message(&t).await.attachments[0].filed;
        assert_eq!(filed.len(), 1);
        assert_eq!((filed[0].image_id, filed[0].patient_id), (saved.image_id, amelia));
        let noted = t.count("SELECT COUNT(*) FROM audit_entry WHERE action = 'image.file'").await;
        assert_eq!(noted, 1);
        t
    })
    .await;
}

#[tokio::test]
async fn filing_from_many_windows_at_once_makes_one_image_and_no_orphans() {
    on_each_engine(async |t: TestBackend| {
        let (b, folder) = in_folder(&t).await;
        let url = carrier_offers(&t, "one", handed_out(&jpeg(1), "image/jpeg")).await;
        announces(&t, 1, 0, "", &[&url]).await;
        backend::jobs::run_due(&b).await.unwrap();
        let message = newest_message(&t).await.id;
        let amelia = patient(&t, "Amelia Hart").await;
        let clicks = (0..12).map(|_| {
            let (b, admin) = (b.clone(), t.admin.clone());
            tokio::spawn(
                async move { images::file(&b, &admin, message, None, amelia, Category::Other).await },
            )
        });
        let mut answers = Vec::new();
        for click in clicks.collect::<Vec<_>>() {
            answers.push(click.await.unwrap().unwrap());
        }
        assert_eq!(answers.iter().filter(|saved| !saved.already_saved).count(), 1);
        assert_eq!(answers.iter().map(|saved| saved.image_id).collect::<HashSet<_>>().len(), 1);
        // Original, tile, screen and carrier copy, of the message and of the record.
        assert_eq!(files_below(folder.path()).len(), 8);
        t
    })
    .await;
}

#[tokio::test]
async fn of_several_pictures_one_must_be_named() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let one = carrier_offers(&t, "one", handed_out(&jpeg(1), "image/jpeg")).await;
        let two = carrier_offers(&t, "two", handed_out(&jpeg(2), "image/jpeg")).await;
        let note = carrier_offers(&t, "note", handed_out(b"hello", "text/plain")).await;
        announces(&t, 1, 0, "", &[&one, &two, &note]).await;
        t.run_jobs().await;
        let message = newest_message(&t).await;
        let amelia = patient(&t, "Amelia Hart").await;
        let file = async |attachment| {
            images::file(b, &t.admin, message.id, attachment, amelia, Category::XRays).await
        };
        for attachment in [None, Some(message.attachments[2].id), Some(b.clock.new_id())] {
            let refused = failure(file(attachment).await);
            assert_eq!(
                (refused.code, refused.field.as_deref()),
                (FailureCode::Invalid, Some("attachment_id"))
            );
        }
        let first = file(Some(message.attachments[0].id)).await.unwrap();
        let second = file(Some(message.attachments[1].id)).await.unwrap();
        assert!(first.image_id != second.image_id && !second.already_saved);
        t
    })
    .await;
}

#[tokio::test]
async fn what_has_not_arrived_cannot_be_filed_and_what_is_being_prepared_can() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let url = carrier_offers(&t, "one", ResponseTemplate::new(404)).await;
        announces(&t, 1, 0, "", &[&url]).await;
        t.run_jobs().await;
        let message = newest_message(&t).await;
        let amelia = patient(&t, "Amelia Hart").await;
        let refused = failure(images::file(b, &t.admin, message.id, None, amelia, Category::Other).await);
        assert_eq!(refused.code, FailureCode::Conflict);
        let image =
            images::upload(b, &t.admin, amelia, Category::Devices, " left ", incoming("a.jpg", &jpeg(1)))
                .await
                .unwrap();
        assert_eq!(
            (image.caption.as_str(), image.tile_url, image.source),
            ("left", None, ImageSource::Upload)
        );
        t.run_jobs().await;
        let image = images::get(b, &t.admin, image.id).await.unwrap();
        assert_eq!((image.width, image.height), (Some(640), Some(480)));
        opened(b, &image.tile_url.unwrap()).await.unwrap();
        t.carrier.reset().await;
        carrier_offers(&t, "one", handed_out(&jpeg(1), "image/jpeg")).await;
        t.later(Duration::from_secs(60)).await;
        t
    })
    .await;
}

#[tokio::test]
async fn images_are_listed_newest_first_by_patient_and_category() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let (amelia, ben) = (patient(&t, "Amelia Hart").await, patient(&t, "Ben Okafor").await);
        let mut expected = Vec::new();
        for n in 0..70u8 {
            let category = if n % 2 == 0 { Category::Reports } else { Category::Devices };
            let file = incoming("a.jpg", &crate::photos::picture(image::ImageFormat::Jpeg, 8, 8, n));
            let image = images::upload(b, &t.admin, amelia, category, "", file).await.unwrap();
            expected.insert(0, image.id);
            if n % 3 == 0 {
                b.clock.advance(Duration::from_secs(1));
            }
        }
        let bens = incoming("b.jpg", &jpeg(1));
        let bens = images::upload(b, &t.admin, ben, Category::Reports, "", bens).await.unwrap();
        let of_amelia = Filter { patient: Some(amelia), category: None };
        let first = images::list(b, &t.admin, of_amelia, None).await.unwrap();
        let second = images::list(b, &t.admin, of_amelia, first.next.as_deref()).await.unwrap();
        let seen: Vec<_> = first.items.iter().chain(&second.items).map(|image| image.id).collect();
        assert_eq!((first.items.len(), second.next), (60, None));
        assert_eq!(seen, expected);
        let reports = Filter { patient: None, category: Some(Category::Reports) };
        let reports = images::list(b, &t.admin, reports, None).await.unwrap();
        assert_eq!((reports.items.len(), reports.items[0].id), (36, bens.id));
        let odd = failure(images::list(b, &t.admin, of_amelia, Some("nonsense")).await);
        assert_eq!(odd.field.as_deref(), Some("cursor"));
        t.run_jobs().await;
        t
    })
    .await;
}

#[tokio::test]
async fn an_image_is_changed_by_staff_and_taken_out_by_an_admin() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let message = photo_arrives(&t, 1, 0, &jpeg(1)).await.id;
        let amelia = patient(&t, "Amelia Hart").await;
        let staff = t.colleague(Role::Staff).await;
        let id = images::file(b, &staff, message, None, amelia, Category::Other).await.unwrap().image_id;
        let image = images::update(b, &staff, id, Some(Category::XRays), Some("left foot")).await.unwrap();
        assert_eq!((image.category, image.caption.as_str()), (Category::XRays, "left foot"));
        let (category, caption) = tokio::join!(
            images::update(b, &staff, id, Some(Category::Devices), None),
            images::update(b, &staff, id, None, Some("right foot")),
        );
        assert!(category.is_ok() && caption.is_ok());
        let both = images::get(b, &staff, id).await.unwrap();
        assert_eq!((both.category, both.caption.as_str()), (Category::Devices, "right foot"));
        let long = images::update(b, &staff, id, None, Some(&"x".repeat(501))).await;
        assert_eq!(failure(long).field.as_deref(), Some("caption"));
        assert_eq!(failure(images::delete(b, &staff, id).await).code, FailureCode::NotAllowed);

        images::delete(b, &t.admin, id).await.unwrap();
        assert_eq!(failure(images::get(b, &t.admin, id).await).code, FailureCode::NotFound);
        assert_eq!(failure(images::delete(b, &t.admin, id).await).code, FailureCode::NotFound);
        assert_eq!(failure(opened(b, &image.original_url).await).code, FailureCode::NotFound);
        assert!(newest_message(&t).await.attachments[0].filed.is_empty());
        let anew = images::file(b, &staff, message, None, amelia, Category::Other).await.unwrap();
        assert!(!anew.already_saved && anew.image_id != id);
        t
    })
    .await;
}

#[tokio::test]
async fn another_organisations_records_and_photos_look_like_missing_ones() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let message = photo_arrives(&t, 1, 0, &jpeg(1)).await.id;
        let amelia = patient(&t, "Amelia Hart").await;
        let id = images::file(b, &t.admin, message, None, amelia, Category::Other).await.unwrap().image_id;
        let stranger = t.stranger().await;
        let input = PatientInput { name: "Their own".to_owned(), ..PatientInput::default() };
        let theirs = patients::create(b, &stranger, &input).await.unwrap().id;
        for refused in [
            failure(images::get(b, &stranger, id).await),
            failure(images::update(b, &stranger, id, Some(Category::Other), Some("")).await),
            failure(images::delete(b, &stranger, id).await),
            failure(images::file(b, &stranger, message, None, theirs, Category::Other).await),
            failure(images::file(b, &t.admin, message, None, theirs, Category::Other).await),
            failure(images::filed(b, &stranger, message, theirs).await),
            failure(images::list(b, &stranger, Filter { patient: Some(amelia), category: None }, None).await),
            failure(
                images::upload(b, &stranger, amelia, Category::Other, "", incoming("a.jpg", &jpeg(1))).await,
            ),
        ] {
            assert_eq!(refused.code, FailureCode::NotFound, "{refused}");
        }
        assert!(images::list(b, &stranger, Filter::default(), None).await.unwrap().items.is_empty());
        let viewer = viewer(&t).await;
        images::get(b, &viewer, id).await.unwrap();
        for refused in [
            failure(images::file(b, &viewer, message, None, amelia, Category::Other).await),
            failure(images::update(b, &viewer, id, Some(Category::Other), Some("")).await),
            failure(images::delete(b, &viewer, id).await),
        ] {
            assert_eq!(refused.code, FailureCode::NotAllowed);
        }
        t
    })
    .await;
}

#[tokio::test]
async fn the_photos_of_a_hidden_record_are_hidden_with_it() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let message = photo_arrives(&t, 1, 0, &jpeg(1)).await;
        let (amelia, ben) = (patient(&t, "Amelia Hart").await, patient(&t, "Ben Okafor").await);
        let mut saved = Vec::new();
        for record in [amelia, ben] {
            let filed = images::file(b, &t.admin, message.id, None, record, Category::Other).await.unwrap();
            saved.push(filed.image_id);
        }
        let hidden = images::get(b, &t.admin, saved[0]).await.unwrap();
        patients::delete(b, &t.admin, amelia).await.unwrap();

        let listed = images::list(b, &t.admin, Filter::default(), None).await.unwrap().items;
        assert_eq!(listed.iter().map(|image| image.id).collect::<Vec<_>>(), [saved[1]]);
        let of_hidden = Filter { patient: Some(amelia), category: None };
        for refused in [
            failure(images::get(b, &t.admin, saved[0]).await),
            failure(images::update(b, &t.admin, saved[0], None, Some("x")).await),
            failure(images::delete(b, &t.admin, saved[0]).await),
            failure(images::list(b, &t.admin, of_hidden, None).await.map(|page| page.items)),
            failure(images::filed(b, &t.admin, message.id, amelia).await),
        ] {
            assert_eq!(refused.code, FailureCode::NotFound);
        }
        for link in [hidden.original_url, hidden.tile_url.unwrap(), hidden.screen_url.unwrap()] {
            assert_eq!(failure(opened(b, &link).await).code, FailureCode::NotFound);
        }
        let filed = &newest_message(&t).await.attachments[0].filed;
        assert_eq!(filed.iter().map(|filed| filed.patient_id).collect::<Vec<_>>(), [ben]);
        t
    })
    .await;
}
