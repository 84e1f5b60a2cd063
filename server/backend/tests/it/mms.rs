//! Pictures on their way to a carrier.

use crate::photos::{jpeg, scrambled_png, uploads};
use crate::twilio::*;
use backend::testing::{TestBackend, on_each_engine};
use backend::{conversations, media, messages};
use model::message::{Channel, DeliveryState, Draft};
use model::{AttachmentId, FailureCode};
use url::form_urlencoded;
use wiremock::matchers::path;
use wiremock::{Mock, ResponseTemplate};

fn with(attachments: Vec<AttachmentId>, text: &str, client_id: &str) -> Draft {
    Draft { attachments, ..draft(text, client_id) }
}

/// Text and number of pictures of each request to the carrier.
async fn requests(t: &TestBackend) -> Vec<(String, usize)> {
    let mut all = Vec::new();
    for request in t.carrier.received_requests().await.unwrap() {
        let fields: Vec<_> = form_urlencoded::parse(&request.body).into_owned().collect();
        let links: Vec<_> = fields.iter().filter(|(name, _)| name == "MediaUrl").collect();
        assert!(links.iter().all(|(_, link)| link.starts_with("https://clinic.example/media/")));
        let text = fields.iter().find(|(name, _)| name == "Body");
        all.push((text.map(|(_, text)| text.clone()).unwrap_or_default(), links.len()));
    }
    all
}

#[tokio::test]
async fn ten_pictures_share_one_message_where_the_carrier_takes_so_many() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        let mut ids = Vec::new();
        for shade in 0..10 {
            ids.push(uploads(&t, &format!("{shade}.jpg"), &jpeg(shade)).await.unwrap().media_id);
        }
        let sent = messages::send(&t.backend, &t.admin, &to(0), &with(ids.clone(), "Your scans", "a")).await;
        let sent = sent.unwrap();
        assert_eq!(sent.channel, Channel::Mms);
        assert_eq!(sent.attachments.iter().map(|a| a.id).collect::<Vec<_>>(), ids, "in their order");
        t.run_jobs().await;
        assert_eq!(requests(&t).await, [("Your scans".to_owned(), 10)]);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);

        is_read(&t, &failed_status(&t, &sid(1000), "undelivered", "30003")).await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Undelivered);
        messages::retry(&t.backend, &t.admin, sent.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(requests(&t).await[1..], [("Your scans".to_owned(), 10)]);
        is_read(&t, &status(&t, &sid(1001), "delivered")).await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Delivered);
        t
    })
    .await;
}

#[tokio::test]
async fn an_upload_whose_message_is_a_repetition_is_dropped() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        carrier_accepts(&t).await;
        let first = uploads(&t, "scan.jpg", &jpeg(0)).await.unwrap().media_id;
        let again = uploads(&t, "scan.jpg", &jpeg(0)).await.unwrap().media_id;
        let sent = messages::send(b, &t.admin, &to(0), &with(vec![first], "Your scan", "a")).await.unwrap();
        let same = messages::send(b, &t.admin, &to(0), &with(vec![again], "Your scan", "a")).await.unwrap();
        assert_eq!((same.id, same.attachments[0].id), (sent.id, first));
        media::discard_unsent(b, &t.admin, &[first, again]).await;
        assert_eq!(t.count("SELECT COUNT(*) FROM attachment").await, 1);
        t.run_jobs().await;
        assert_eq!(requests(&t).await, [("Your scan".to_owned(), 1)]);
        t
    })
    .await;
}

#[tokio::test]
async fn a_picture_is_fetched_for_a_message_that_is_new_and_for_no_other() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let photo = ResponseTemplate::new(200).set_body_bytes(jpeg(0));
        Mock::given(path("/photo.jpg")).respond_with(photo).mount(&t.carrier).await;
        let url = format!("{}/photo.jpg", t.carrier.uri());
        let send = async |url: &str, text: &str| {
            messages::send_with_url(b, &t.admin, &to(0), &draft(text, "a"), url).await
        };
        let sent = send(&url, "").await.unwrap();
        let same = send(&url, "").await.unwrap();
        assert_eq!((same.id, sent.attachments.len()), (sent.id, 1));
        assert_eq!(failure(send(&url, "Other words").await).code, FailureCode::Conflict);
        assert_eq!(t.carrier.received_requests().await.unwrap().len(), 1);
        // Links of our own are renewed, and name the same picture.
        let own = conversations::message(b, &t.admin, sent.id).await.unwrap();
        let own = own.attachments[0].original_url.clone().unwrap();
        let with_url = async |id: &str, url: &str| {
            failure(messages::send_with_url(b, &t.admin, &to(0), &draft("", id), url).await)
        };
        assert_eq!(with_url("b", &own).await.field.as_deref(), Some("attachments"), "it was sent already");
        assert_eq!(with_url("c", "http://203.0.113.9/x").await.field.as_deref(), Some("media_url"));
        assert_eq!(t.count("SELECT COUNT(*) FROM attachment").await, 1);
        carrier_accepts(&t).await;
        t.run_jobs().await;
        t
    })
    .await;
}

#[tokio::test]
async fn a_picture_that_cannot_be_read_is_named_and_nothing_leaves() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        let good = uploads(&t, "good.jpg", &jpeg(1)).await.unwrap().media_id;
        let broken = uploads(&t, "broken.png", &scrambled_png()).await.unwrap().media_id;
        // Sent before anyone knows.
        let draft = with(vec![good, broken], "Both", "a");
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft).await.unwrap();
        t.run_jobs().await;
        t.later(std::time::Duration::from_secs(60)).await;
        let failed = shown(&t, sent.id).await;
        assert_eq!(failed.state, DeliveryState::Failed);
        assert!(failed.failure.unwrap().contains("broken.png"));
        assert!(requests(&t).await.is_empty());
        let again = failure(messages::retry(&t.backend, &t.admin, sent.id).await);
        assert_eq!(again.code, FailureCode::BrokenMedia);

        let broken = uploads(&t, "broken.png", &scrambled_png()).await.unwrap().media_id;
        t.run_jobs().await;
        let known = failure(messages::send(&t.backend, &t.admin, &to(0), &with(vec![broken], "", "b")).await);
        assert_eq!(known.code, FailureCode::BrokenMedia);
        assert!(known.message.contains("broken.png"));
        t
    })
    .await;
}

#[tokio::test]
async fn an_upload_goes_with_one_message_of_its_own_organisation() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        let id = uploads(&t, "foot.jpg", &jpeg(1)).await.unwrap().media_id;
        let draft = with(vec![id], "", "a");
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft).await.unwrap();
        let repeated = messages::send(&t.backend, &t.admin, &to(0), &draft).await.unwrap();
        assert_eq!(repeated.id, sent.id);
        let twice = failure(messages::send(&t.backend, &t.admin, &to(0), &with(vec![id], "", "b")).await);
        assert_eq!((twice.code, twice.field.as_deref()), (FailureCode::Invalid, Some("attachments")));
        t.run_jobs().await;
        assert_eq!(requests(&t).await, [(String::new(), 1)]);
        t
    })
    .await;
}
