//! What admins are told of when something no longer comes from a carrier: webhooks, or its list of messages.

use crate::operation::{HOUR, NOTHING, kinds, told};
use crate::twilio::*;
use backend::clock::millis;
use backend::reconcile;
use backend::testing::{TestBackend, on_each_engine};
use model::operation::AlertKind;
use serde_json::json;
use std::time::Duration;
use wiremock::matchers::method;
use wiremock::{Mock, ResponseTemplate};

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[tokio::test]
async fn a_silence_is_told_where_the_same_hours_of_the_weeks_before_were_none() {
    on_each_engine(async |t: TestBackend| {
        let three_come = async |first: u32| {
            for n in first..first + 3 {
                is_read(&t, &text(&t, n, 0, "Hello")).await;
            }
        };
        // Monday morning, three weeks long, and nothing on other days.
        three_come(1).await;
        t.backend.clock.advance(3 * HOUR);
        assert_eq!(kinds(&t).await, NOTHING);
        t.backend.clock.advance(WEEK);
        assert_eq!(kinds(&t).await, NOTHING, "one week tells nothing yet");
        three_come(11).await;
        t.backend.clock.advance(WEEK - 48 * HOUR);
        assert_eq!(kinds(&t).await, NOTHING, "weekends are quiet");
        t.backend.clock.advance(48 * HOUR + HOUR);
        let alerts = told(&t, &t.admin).await;
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        assert_eq!(alerts[0].kind, AlertKind::WebhooksStopped);
        assert!(alerts[0].text.contains("Twilio for Front desk"), "{}", alerts[0].text);
        assert_eq!(alerts[0].since, t.backend.clock.now() - millis(WEEK + HOUR));
        three_come(21).await;
        assert_eq!(kinds(&t).await, NOTHING, "it comes again");
        t.alter(
            "UPDATE journal_entry SET listed_at = received_at
             WHERE received_at = (SELECT MAX(received_at) FROM journal_entry)",
        )
        .await;
        t.alter("UPDATE message SET found_later = TRUE WHERE at = (SELECT MAX(at) FROM message)").await;
        let alerts = told(&t, &t.admin).await;
        assert_eq!(alerts.len(), 1, "what had to be looked for was brought by no webhook");
        assert_eq!(alerts[0].since, t.backend.clock.now() - millis(WEEK + HOUR));
        t
    })
    .await;
}

/// So many texts come on each of two Mondays, at nine, and it is the next Monday afternoon.
async fn mondays_with(t: &TestBackend, texts: u32) {
    for n in 0..2 * texts {
        if n == texts {
            t.backend.clock.advance(WEEK);
        }
        is_read(t, &text(t, 1 + n, 0, "Hello")).await;
    }
    t.backend.clock.advance(WEEK + 5 * HOUR);
}

/// Reports of messages that nobody knows come.
async fn reports_come(t: &TestBackend, first: u32) {
    for n in first..first + 3 {
        is_read(t, &status(t, &sid(n), "sent")).await;
    }
    // They are looked at once more.
    t.later(Duration::from_secs(60)).await;
}

#[tokio::test]
async fn reports_that_go_on_hide_no_messages_that_stopped() {
    on_each_engine(async |t: TestBackend| {
        mondays_with(&t, 3).await;
        reports_come(&t, 1000).await;
        let alerts = told(&t, &t.admin).await;
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        assert_eq!(alerts[0].kind, AlertKind::WebhooksStopped);
        assert!(alerts[0].text.starts_with("No message has come from Twilio"), "{}", alerts[0].text);
        let since = alerts[0].since;

        // It is so at night, on other days, and when there is nothing to compare with any more.
        for hours in [12, 60, 24 * 7, 24 * 30] {
            t.backend.clock.advance(hours * HOUR);
            let alerts = told(&t, &t.admin).await;
            assert_eq!(alerts.iter().map(|alert| alert.since).collect::<Vec<_>>(), [since]);
        }
        // One that proves nothing came all the same.
        let mut forged = text(&t, 100, 0, "Hello");
        forged.body.push(b'!');
        arrives(&t, &forged).await.unwrap();
        assert_eq!(kinds(&t).await, [AlertKind::WebhooksRejected]);
        is_read(&t, &text(&t, 101, 0, "Hello again")).await;
        assert_eq!(kinds(&t).await, [AlertKind::WebhooksRejected]);
        t
    })
    .await;
}

#[tokio::test]
async fn a_quiet_line_is_never_told_of_and_one_that_was_given_up_no_longer() {
    on_each_engine(async |t: TestBackend| {
        mondays_with(&t, 2).await;
        for _ in 0..20 {
            assert_eq!(kinds(&t).await, NOTHING);
            t.backend.clock.advance(11 * HOUR);
        }
        t
    })
    .await;
    on_each_engine(async |t: TestBackend| {
        mondays_with(&t, 3).await;
        assert_eq!(kinds(&t).await, [AlertKind::WebhooksStopped]);
        t.alter("UPDATE line SET disabled_at = created_at").await;
        assert_eq!(kinds(&t).await, NOTHING);
        t
    })
    .await;
}

#[tokio::test]
async fn where_only_reports_come_their_silence_is_told() {
    on_each_engine(async |t: TestBackend| {
        reports_come(&t, 1000).await;
        t.backend.clock.advance(WEEK);
        reports_come(&t, 1010).await;
        t.backend.clock.advance(WEEK + HOUR);
        let alerts = told(&t, &t.admin).await;
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        assert!(alerts[0].text.starts_with("No webhook has come from Twilio"), "{}", alerts[0].text);
        reports_come(&t, 1020).await;
        assert_eq!(kinds(&t).await, NOTHING);
        t
    })
    .await;
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_told_after_hours_until_a_round_succeeds() {
    on_each_engine(async |t: TestBackend| {
        let carrier_lists = async |answer: ResponseTemplate| {
            t.carrier.reset().await;
            Mock::given(method("GET")).respond_with(answer).mount(&t.carrier).await;
        };
        let nothing = json!({ "messages": [], "next_page_uri": null });
        carrier_lists(ResponseTemplate::new(401)).await;
        t.backend.clock.advance(24 * HOUR);
        assert_eq!(kinds(&t).await, NOTHING, "nobody has asked");
        let first = t.backend.clock.now();
        for _ in 0..6 {
            reconcile::run(&t.backend).await.unwrap();
            assert_eq!(kinds(&t).await, NOTHING);
            t.backend.clock.advance(HOUR);
        }
        let alerts = told(&t, &t.admin).await;
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        assert_eq!((alerts[0].kind, alerts[0].since), (AlertKind::ListsUnread, first));
        assert!(alerts[0].text.starts_with("Twilio's list of the messages of Front desk"), "{alerts:?}");
        assert!(told(&t, &t.stranger().await).await.is_empty());

        carrier_lists(ResponseTemplate::new(200).set_body_json(&nothing)).await;
        reconcile::run(&t.backend).await.unwrap();
        assert_eq!(kinds(&t).await, NOTHING);
        carrier_lists(ResponseTemplate::new(503)).await;
        reconcile::run(&t.backend).await.unwrap();
        assert_eq!(kinds(&t).await, NOTHING, "it begins anew");
        t
    })
    .await;
}
