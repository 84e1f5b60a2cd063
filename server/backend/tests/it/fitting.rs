//! Pictures as large as their carrier takes them.

use crate::carriers::{
    account, asked, both_accept, costs, media_calls, offered, reported, tariff, twilio_answers, two_carriers,
    usual_prices, with,
};
use crate::photos::{jpeg, uploads};
use crate::twilio::{accepted, refused, shown, sid, to};
use backend::lines;
use backend::testing::{TestBackend, on_each_engine};
use backend::{live, messages};
use model::line::ProviderKind;
use model::message::DeliveryState;
use serde_json::json;
use std::sync::atomic::{AtomicU32, Ordering};
use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

#[tokio::test]
async fn pictures_that_are_too_large_are_made_smaller_once() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        costs(&t, account(&line, ProviderKind::Twilio), tariff(1, 1)).await;
        costs(&t, account(&line, ProviderKind::MessageMedia), tariff(2, 2)).await;
        let size = async |id| crate::photos::shown(&t, id).await.carrier.unwrap().byte_size;
        let ready = async |name: &str| {
            let photo = uploads(&t, name, &crate::lines::noisy_jpeg()).await.unwrap().media_id;
            t.run_jobs().await;
            photo
        };
        let first = AtomicU32::new(0);
        twilio_answers(&t, move |_| match first.fetch_add(1, Ordering::SeqCst) {
            0 => refused(11751),
            _ => accepted(&sid(1000)),
        })
        .await;
        let photo = ready("knee.jpg").await;
        let before = size(photo).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &with(vec![photo], "", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::Twilio; 2]);
        let [whole, half] = offered(&t).await[..] else { panic!("two requests") };
        assert_eq!(whole, before);
        assert!(half <= before / 2, "{half} of {before}");
        let message = shown(&t, sent.id).await;
        assert_eq!((message.state, message.detour), (DeliveryState::Accepted, None));

        // Whoever refuses the smaller one as well is not asked a third time.
        twilio_answers(&t, |_| refused(11751)).await;
        let photo = ready("foot.jpg").await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &with(vec![photo], "", "b")).await.unwrap();
        t.run_jobs().await;
        let [twilio, media] = [ProviderKind::Twilio, ProviderKind::MessageMedia];
        assert_eq!(asked(&t).await, [twilio, twilio, media]);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);
        // Each within what its carrier takes.
        let [whole, half, fitted] = offered(&t).await[..] else { panic!("three requests") };
        assert!(half <= whole / 2 && fitted <= 300_000, "{whole}, {half}, {fitted}");
        t
    })
    .await;
}

#[tokio::test]
async fn a_carrier_that_takes_more_gets_the_whole_picture_after_one_that_takes_less() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        costs(&t, account(&line, ProviderKind::Twilio), tariff(2, 2)).await;
        costs(&t, account(&line, ProviderKind::MessageMedia), tariff(1, 1)).await;
        let photo = uploads(&t, "knee.jpg", &crate::lines::noisy_jpeg()).await.unwrap().media_id;
        t.run_jobs().await;
        let whole = crate::photos::shown(&t, photo).await.carrier.unwrap().byte_size;
        t.carrier.reset().await;
        let refusal = ResponseTemplate::new(401).set_body_json(json!({"message": "Unauthorized"}));
        Mock::given(path("/v1/messages")).respond_with(refusal).mount(&t.carrier).await;
        Mock::given(method("POST")).respond_with(accepted(&sid(1000))).mount(&t.carrier).await;
        messages::send(&t.backend, &t.admin, &to(0), &with(vec![photo], "", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::MessageMedia, ProviderKind::Twilio]);
        let [less, more] = offered(&t).await[..] else { panic!("two requests") };
        assert!(less <= 300_000 && more == whole, "{less}, {more} of {whole}");
        t
    })
    .await;
}

#[tokio::test]
async fn a_picture_that_does_not_get_small_enough_is_not_offered() {
    on_each_engine(async |t: TestBackend| {
        both_accept(&t).await;
        let photo = uploads(&t, "knee.jpg", &jpeg(1)).await.unwrap().media_id;
        t.run_jobs().await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &with(vec![photo], "", "a")).await.unwrap();
        t.alter("UPDATE delivery SET media_bytes = 100").await;
        t.run_jobs().await;
        assert!(asked(&t).await.is_empty());
        let failed = shown(&t, sent.id).await;
        assert_eq!(failed.state, DeliveryState::Failed);
        assert!(failed.failure.unwrap().contains("knee.jpg"));
        t
    })
    .await;
}

#[tokio::test]
async fn what_a_carrier_takes_one_by_one_leaves_one_by_one() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        both_accept(&t).await;
        let mut photos = Vec::new();
        for shade in 0..3 {
            photos.push(uploads(&t, &format!("{shade}.jpg"), &jpeg(shade)).await.unwrap().media_id);
        }
        lines::pin(&t.backend, &t.admin, line.id, Some(account(&line, ProviderKind::MessageMedia)))
            .await
            .unwrap();
        let sent = messages::send(&t.backend, &t.admin, &to(0), &with(photos.clone(), "Your scans", "a"))
            .await
            .unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::MessageMedia; 3]);
        let seen = live::newest(&t.backend, &t.admin).await.unwrap();
        // The message is as far as its slowest part, and only what failed is sent again.
        for (n, word) in [(1, "delivered"), (2, "delivered"), (3, "rejected")] {
            media_calls(&t, &line.accounts[1].status_url, reported(n, word)).await;
            t.run_jobs().await;
        }
        let message = shown(&t, sent.id).await;
        assert_eq!(message.state, DeliveryState::Failed);
        // Each picture tells for itself whether it arrived, as soon as that is known.
        let fates: Vec<_> = photos.iter().map(|id| message.request_with(*id).unwrap().state).collect();
        assert_eq!(fates, [DeliveryState::Delivered, DeliveryState::Delivered, DeliveryState::Failed]);
        assert!(message.request_with(photos[2]).unwrap().failure.is_some());
        assert_eq!(live::since(&t.backend, &t.admin, seen).await.unwrap().unwrap().len(), 3);
        messages::retry(&t.backend, &t.admin, sent.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::MessageMedia; 4]);
        media_calls(&t, &line.accounts[1].status_url, reported(4, "delivered")).await;
        t.run_jobs().await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Delivered);
        t
    })
    .await;
}
