//! What one carrier of a line does not take, another one may: after a refusal, and never after an unknown outcome.

use crate::carriers::{
    account, asked, both_accept, costs, tariff, twilio_answers, two_carriers, usual_prices, with,
};
use crate::photos::uploads;
use crate::sending::with_settings;
use crate::twilio::{
    accepted, arrives, draft, failed_status, inbox_ids, is_read, refused, shown, sid, status, to,
};
use backend::lines::{self, AccountChange};
use backend::providers::{Http, Netguard};
use backend::testing::{TestBackend, on_each_engine};
use backend::{Backend, Parts, conversations, live, messages};
use model::line::ProviderKind;
use model::live::Change;
use model::message::DeliveryState;
use serde_json::json;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_refused_account_is_passed_by_and_rests_for_a_while() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        twilio_answers(&t, |_| refused(20003)).await;
        let seen = live::newest(&t.backend, &t.admin).await.unwrap();
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Come at 3", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::Twilio, ProviderKind::MessageMedia]);
        let message = shown(&t, sent.id).await;
        assert_eq!((message.state, message.failure.as_deref()), (DeliveryState::Accepted, None));
        assert_eq!(message.carrier, Some(ProviderKind::MessageMedia));
        let detour = message.detour.unwrap();
        assert!(detour.starts_with("Twilio did not take it (Twilio does not accept"), "{detour}");
        assert!(detour.ends_with("sent through Sinch MessageMedia."), "{detour}");
        let resting = lines::list(&t.backend, &t.admin).await.unwrap().remove(0);
        assert!(resting.accounts[0].route.cooling && resting.accounts[0].cooling_until.is_some());
        // Open composers hear when it begins, once, and know when it ends.
        let told = async || {
            let changes = live::since(&t.backend, &t.admin, seen).await.unwrap().unwrap();
            changes.iter().filter(|event| event.change == Change::SettingsChanged).count()
        };
        assert_eq!(told().await, 1);
        let ends_in = async || {
            let view = conversations::get(&t.backend, &t.admin, sent.conversation_id).await.unwrap();
            view.can_send.changes_in_ms
        };
        let rest = ends_in().await.unwrap();
        assert!((1..=15 * 60 * 1000).contains(&rest), "{rest}");

        // Whatever is written meanwhile goes round it at once, until the clock says otherwise.
        twilio_answers(&t, |_| accepted(&sid(2000))).await;
        messages::send(&t.backend, &t.admin, &to(0), &draft("Or at 4", "b")).await.unwrap();
        t.later(14 * MINUTE).await;
        assert_eq!(asked(&t).await, [ProviderKind::MessageMedia]);
        t.later(2 * MINUTE).await;
        messages::send(&t.backend, &t.admin, &to(0), &draft("Or at 5", "c")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::MessageMedia, ProviderKind::Twilio]);
        assert_eq!((told().await, ends_in().await), (1, None));
        t
    })
    .await;
}

#[tokio::test]
async fn what_was_written_later_waits_for_a_text_that_takes_another_way() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        let next = AtomicU32::new(2000);
        twilio_answers(&t, move |request| match String::from_utf8_lossy(&request.body).contains("first") {
            true => refused(20003),
            false => accepted(&sid(next.fetch_add(1, Ordering::SeqCst))),
        })
        .await;
        for text in ["first", "second"] {
            messages::send(&t.backend, &t.admin, &to(0), &draft(text, text)).await.unwrap();
        }
        t.run_jobs().await;
        let (twilio, media) = (ProviderKind::Twilio, ProviderKind::MessageMedia);
        assert_eq!(asked(&t).await, [twilio, media, twilio], "the first one twice, then the second");

        // Also where the carrier's report is faster than its answer.
        t.later(20 * MINUTE).await;
        is_read(&t, &failed_status(&t, &sid(2001), "failed", "30034")).await;
        for text in ["third", "fourth"] {
            messages::send(&t.backend, &t.admin, &to(0), &draft(text, text)).await.unwrap();
        }
        t.run_jobs().await;
        assert_eq!(asked(&t).await[3..], [twilio, media, twilio]);
        t
    })
    .await;
}

#[tokio::test]
async fn who_presses_retry_asks_every_carrier_anew() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        let (twilio, media) = (ProviderKind::Twilio, ProviderKind::MessageMedia);
        t.carrier.reset().await;
        let refusal = ResponseTemplate::new(401).set_body_json(json!({"message": "Unauthorized"}));
        Mock::given(path("/v1/messages")).respond_with(refusal).mount(&t.carrier).await;
        Mock::given(method("POST")).respond_with(refused(20003)).mount(&t.carrier).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Come at 3", "a")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [twilio, media]);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Failed);
        // Somebody has seen to the second account meanwhile.
        twilio_answers(&t, |_| refused(20003)).await;
        messages::retry(&t.backend, &t.admin, sent.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [twilio, media]);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);
        t
    })
    .await;
}

#[tokio::test]
async fn a_message_whose_fate_is_unknown_or_that_nobody_may_send_goes_to_no_other_carrier() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        let answers = [
            (ResponseTemplate::new(502), DeliveryState::Uncertain),
            (refused(21211), DeliveryState::Failed),
            // As long as nobody knows what a code means.
            (refused(99999), DeliveryState::Failed),
            (refused(21610), DeliveryState::Failed),
        ];
        for (n, (answer, state)) in answers.into_iter().enumerate() {
            twilio_answers(&t, move |_| answer.clone()).await;
            let draft = draft("Come at 3", &n.to_string());
            let sent = messages::send(&t.backend, &t.admin, &to(n), &draft).await.unwrap();
            t.run_jobs().await;
            t.later(70 * MINUTE).await;
            assert_eq!(asked(&t).await, [ProviderKind::Twilio], "{n}");
            let message = shown(&t, sent.id).await;
            assert_eq!((message.state, message.detour), (state, None), "{n}");
        }
        // What a person said did not arrive may go another way.
        let unknown = conversations::thread(
            &t.backend,
            &t.admin,
            *inbox_ids(&t).await.last().unwrap(),
            &model::conversation::ThreadFrom::Newest,
        );
        let id = unknown.await.unwrap().messages[0].id;
        lines::pin(&t.backend, &t.admin, line.id, Some(account(&line, ProviderKind::MessageMedia)))
            .await
            .unwrap();
        messages::resolve(&t.backend, &t.admin, id, false).await.unwrap();
        messages::retry(&t.backend, &t.admin, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await.last(), Some(&ProviderKind::MessageMedia));
        t
    })
    .await;
}

#[tokio::test]
async fn a_carrier_that_cannot_be_reached_for_an_hour_gives_way() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        twilio_answers(&t, |_| ResponseTemplate::new(429)).await;
        let waiting = messages::send(&t.backend, &t.admin, &to(0), &draft("Come at 3", "a")).await.unwrap();
        t.run_jobs().await;
        // New messages do not wait for it.
        messages::send(&t.backend, &t.admin, &to(1), &draft("Hello", "b")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::Twilio, ProviderKind::MessageMedia]);
        for _ in 0..11 {
            t.later(5 * MINUTE).await;
        }
        assert_eq!(shown(&t, waiting.id).await.carrier, Some(ProviderKind::Twilio), "an hour is not over");
        t.later(10 * MINUTE).await;
        let message = shown(&t, waiting.id).await;
        assert_eq!(message.state, DeliveryState::Accepted);
        assert!(message.detour.unwrap().contains("could not take it within an hour"));
        t
    })
    .await;
}

#[tokio::test]
async fn a_carrier_to_which_there_is_no_connection_holds_nobody_up_for_long() {
    on_each_engine(async |mut t: TestBackend| {
        // A port that was free a moment ago.
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        t.backend = Backend::new(Parts {
            store: t.backend.store.clone(),
            blobs: t.backend.blobs.clone(),
            http: Http::new(Netguard {
                allowed_private: HashSet::from([t.carrier.address().to_string(), nobody.to_string()]),
                own: None,
            })
            .unwrap(),
            pictures: t.backend.pictures.clone(),
            clock: t.backend.clock.clone(),
            keys: t.backend.keys.clone(),
            settings: t.backend.settings.clone(),
            live: live::Hub::default(),
        });
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        let gone = json!({"api_base": format!("http://{nobody}")});
        let change = AccountChange { credentials: Some(gone), ..AccountChange::default() };
        lines::update_account(&t.backend, &t.admin, account(&line, ProviderKind::Twilio), change)
            .await
            .unwrap();
        both_accept(&t).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Come at 3", "a")).await.unwrap();
        t.run_jobs().await;
        assert!(asked(&t).await.is_empty());
        assert_eq!(
            shown(&t, sent.id).await.state,
            DeliveryState::Sending,
            "once more, it may be a moment only"
        );
        t.later(Duration::from_secs(5)).await;
        assert_eq!(asked(&t).await, [ProviderKind::MessageMedia]);
        let message = shown(&t, sent.id).await;
        assert_eq!(message.state, DeliveryState::Accepted);
        assert!(message.detour.unwrap().contains("could not be reached"));

        // Where nobody stands ready, it is tried for its hour.
        lines::remove_account(&t.backend, &t.admin, account(&line, ProviderKind::MessageMedia))
            .await
            .unwrap();
        let waiting = messages::send(&t.backend, &t.admin, &to(1), &draft("Come at 4", "b")).await.unwrap();
        t.run_jobs().await;
        for _ in 0..10 {
            t.later(5 * MINUTE).await;
        }
        assert_eq!(shown(&t, waiting.id).await.state, DeliveryState::Sending);
        t.later(15 * MINUTE).await;
        assert_eq!(shown(&t, waiting.id).await.state, DeliveryState::Failed);
        t
    })
    .await;
}

#[tokio::test]
async fn what_a_carrier_refuses_only_after_it_took_it_finds_its_way_too() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        costs(&t, account(&line, ProviderKind::Twilio), tariff(1, 1)).await;
        costs(&t, account(&line, ProviderKind::MessageMedia), tariff(2, 2)).await;
        let (twilio, media) = (ProviderKind::Twilio, ProviderKind::MessageMedia);
        both_accept(&t).await;
        let photo = uploads(&t, "knee.jpg", &crate::lines::noisy_jpeg()).await.unwrap().media_id;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &with(vec![photo], "", "a")).await.unwrap();
        t.run_jobs().await;
        // Too large, once more with less, then through the other carrier. Words that say the same count once.
        is_read(&t, &failed_status(&t, &sid(1000), "undelivered", "11751")).await;
        is_read(&t, &failed_status(&t, &sid(1000), "failed", "11751")).await;
        assert_eq!(asked(&t).await, [twilio, twilio]);
        assert_eq!(t.count("SELECT COUNT(*) FROM delivery WHERE media_bytes IS NOT NULL").await, 1);
        is_read(&t, &failed_status(&t, &sid(1001), "failed", "11751")).await;
        assert_eq!(asked(&t).await, [twilio, twilio, media]);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Accepted);

        // What the carrier cannot do with this number goes elsewhere, also where the report was faster than the answer.
        let next = messages::send(&t.backend, &t.admin, &to(1), &draft("Come at 3", "b")).await.unwrap();
        t.run_jobs().await;
        is_read(&t, &failed_status(&t, &sid(1002), "undelivered", "30034")).await;
        let message = shown(&t, next.id).await;
        assert_eq!((message.state, message.carrier), (DeliveryState::Accepted, Some(media)));
        is_read(&t, &failed_status(&t, &sid(1003), "failed", "30034")).await;
        let early = messages::send(&t.backend, &t.admin, &to(2), &draft("Come at 4", "c")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(shown(&t, early.id).await.carrier, Some(media));
        assert_eq!(asked(&t).await[3..], [twilio, media, twilio, media]);

        // A phone that was switched off may have got it after all, and hours later nobody wants it any more.
        let unreached = messages::send(&t.backend, &t.admin, &to(3), &draft("Come at 5", "d")).await.unwrap();
        let late = messages::send(&t.backend, &t.admin, &to(4), &draft("Come at 6", "e")).await.unwrap();
        t.run_jobs().await;
        is_read(&t, &failed_status(&t, &sid(1004), "undelivered", "30003")).await;
        t.later(61 * MINUTE).await;
        is_read(&t, &failed_status(&t, &sid(1005), "failed", "30034")).await;
        for id in [unreached.id, late.id] {
            assert!(shown(&t, id).await.state.may_retry());
        }
        assert_eq!(asked(&t).await[7..], [twilio, twilio]);
        t
    })
    .await;
}

#[tokio::test]
async fn a_second_carrier_is_not_asked_when_the_first_one_corrects_itself_in_time() {
    on_each_engine(async |t: TestBackend| {
        let line = two_carriers(&t).await;
        usual_prices(&t, &line).await;
        both_accept(&t).await;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &draft("Come at 3", "a")).await.unwrap();
        t.run_jobs().await;
        arrives(&t, &failed_status(&t, &sid(1000), "failed", "30034")).await.unwrap();
        arrives(&t, &status(&t, &sid(1000), "delivered")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::Twilio]);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Delivered);

        // Where both reports were faster than the answer, nobody rests for it either.
        is_read(&t, &failed_status(&t, &sid(1001), "failed", "20003")).await;
        t.backend.clock.advance(Duration::from_secs(1));
        is_read(&t, &status(&t, &sid(1001), "delivered")).await;
        let early = messages::send(&t.backend, &t.admin, &to(1), &draft("Come at 4", "b")).await.unwrap();
        t.run_jobs().await;
        assert_eq!(asked(&t).await, [ProviderKind::Twilio; 2]);
        assert_eq!(shown(&t, early.id).await.state, DeliveryState::Delivered);
        let line = lines::list(&t.backend, &t.admin).await.unwrap().remove(0);
        assert!(!line.accounts[0].route.cooling);
        t
    })
    .await;
}

#[tokio::test]
async fn what_really_failed_is_not_made_good_by_pretending() {
    on_each_engine(async |mut t: TestBackend| {
        let line = two_carriers(&t).await;
        costs(&t, account(&line, ProviderKind::Twilio), tariff(1, 1)).await;
        costs(&t, account(&line, ProviderKind::MessageMedia), tariff(2, 2)).await;
        both_accept(&t).await;
        let photo = uploads(&t, "knee.jpg", &crate::lines::noisy_jpeg()).await.unwrap().media_id;
        let sent = messages::send(&t.backend, &t.admin, &to(0), &with(vec![photo], "", "a")).await.unwrap();
        t.run_jobs().await;
        let real = t.backend.clone();
        t.backend = with_settings(&real, |settings| settings.mock_mode = true);
        is_read(&t, &failed_status(&t, &sid(1000), "undelivered", "11751")).await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Undelivered);
        assert_eq!(t.count("SELECT COUNT(*) FROM delivery").await, 1);
        t.backend = real;
        t
    })
    .await;
}
