//! Reports: what is counted, on which day, and in which currency.

use crate::cost::has_a_contract;
use crate::sending::with_settings;
use crate::twilio::*;
use backend::lines::{self, NewLine};
use backend::testing::{TWILIO_ACCOUNT, TWILIO_TOKEN, TestBackend, on_each_engine};
use backend::{Caller, messages, reports};
use model::FailureCode;
use model::comparison::Volumes;
use model::line::{Currency, Price, ProviderKind};
use model::report::{GroupBy, Period, Report, Sums, by_group};
use model::staff::Role;
use serde_json::json;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn report(t: &TestBackend, group_by: GroupBy, zone: &str) -> Report {
    reports::messages(&t.backend, &t.admin, &Period::Last30Days, group_by, zone).await.unwrap()
}

async fn all(t: &TestBackend) -> Sums {
    Sums::of(&report(t, GroupBy::Day, "UTC").await.rows)
}

async fn sends(t: &TestBackend, text: &str) -> model::message::MessageView {
    let sent = messages::send(&t.backend, &t.admin, &to(0), &draft(text, text)).await.unwrap();
    t.run_jobs().await;
    sent
}

fn aud(micros: i64) -> Price {
    Price { micros, currency: Currency::Aud }
}

/// Names and counts of the groups: sent, received, parts.
fn counts(report: &Report) -> Vec<(String, [u64; 3])> {
    let groups = by_group(&report.rows);
    groups.into_iter().map(|(name, sums)| (name, [sums.sent, sums.received, sums.parts])).collect()
}

#[tokio::test]
async fn a_day_begins_at_midnight_where_the_clinic_is() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        // 20:00 in Sydney, and five hours later 1:00 of the next day.
        sends(&t, "In the evening").await;
        t.backend.clock.advance(5 * HOUR);
        sends(&t, "After midnight").await;
        let utc = report(&t, GroupBy::Day, "UTC").await;
        assert_eq!(counts(&utc), [("2026-03-02".to_owned(), [2, 0, 2])]);
        assert_eq!((utc.from.as_str(), utc.to.as_str(), utc.days.len()), ("2026-02-01", "2026-03-02", 30));
        let sydney = report(&t, GroupBy::Day, "Australia/Sydney").await;
        let expected = [("2026-03-02".to_owned(), [1, 0, 1]), ("2026-03-03".to_owned(), [1, 0, 1])];
        assert_eq!(counts(&sydney), expected);
        let last: Vec<_> =
            sydney.days[28..].iter().map(|day| (day.day.as_str(), day.sms, day.sms_in)).collect();
        assert_eq!(last, [("2026-03-02", 1, 0), ("2026-03-03", 1, 0)]);
        // The clocks go back on 5 April: what is sent in the hour before midnight stays on its day.
        t.backend.clock.advance(34 * 24 * HOUR - HOUR / 2);
        sends(&t, "Before midnight of the longer day").await;
        let week = Period::Between { from: "2026-04-03".to_owned(), to: "2026-04-08".to_owned() };
        let week =
            reports::messages(&t.backend, &t.admin, &week, GroupBy::Day, "Australia/Sydney").await.unwrap();
        assert_eq!(counts(&week), [("2026-04-05".to_owned(), [1, 0, 1])]);
        t
    })
    .await;
}

#[tokio::test]
async fn what_was_not_taken_or_only_pretended_is_not_counted() {
    on_each_engine(async |mut t: TestBackend| {
        has_a_contract(&t).await;
        carrier_answers(&t, |_| refused(21211)).await;
        sends(&t, "Refused").await;
        carrier_answers(&t, |_| wiremock::ResponseTemplate::new(502)).await;
        let lost = sends(&t, "Lost").await;
        assert_eq!(all(&t).await, Sums::default());
        messages::resolve(&t.backend, &t.admin, lost.id, true).await.unwrap();
        assert_eq!((all(&t).await.sent, all(&t).await.costs), (1, vec![aud(50_000)]));

        let real = t.backend.clone();
        t.backend = with_settings(&real, |settings| settings.mock_mode = true);
        messages::send(&t.backend, &t.admin, &to(0), &draft("Pretended", "m")).await.unwrap();
        t.alter("UPDATE delivery SET carrier_id = 'simulated', state = 'delivered' WHERE mock").await;
        assert_eq!(all(&t).await.sent, 1);
        t.backend = real;
        t
    })
    .await;
}

#[tokio::test]
async fn a_message_counts_once_and_everything_that_it_took_is_paid() {
    on_each_engine(async |t: TestBackend| {
        has_a_contract(&t).await;
        carrier_accepts(&t).await;
        let sent = sends(&t, "Hello").await;
        is_read(&t, &failed_status(&t, &sid(1000), "undelivered", "30003")).await;
        messages::retry(&t.backend, &t.admin, sent.id).await.unwrap();
        t.run_jobs().await;
        is_read(&t, &text(&t, 1, 0, "Got it")).await;
        let sums = all(&t).await;
        assert_eq!((sums.sent, sums.received, sums.parts, sums.unpriced), (1, 1, 3, 0));
        assert_eq!(sums.costs, [aud(110_000)], "two parts sent, one received");
        let today = report(&t, GroupBy::Day, "UTC").await.days.pop().unwrap();
        assert_eq!((today.sms, today.sms_in, today.mms_in), (2, 1, 0));
        t
    })
    .await;
}

#[tokio::test]
async fn currencies_and_lines_stay_apart_and_what_has_no_price_is_said() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        has_a_contract(&t).await;
        carrier_accepts(&t).await;
        sends(&t, "In Australian dollars").await;
        let second = NewLine {
            name: "Annexe".to_owned(),
            number: "0491 570 313".to_owned(),
            provider: ProviderKind::Twilio,
            credentials: json!({
                "account_sid": TWILIO_ACCOUNT, "auth_token": TWILIO_TOKEN, "api_base": t.carrier.uri(),
            }),
        };
        let line = lines::create(b, &t.admin, second).await.unwrap();
        lines::set_default(b, &t.admin, line.id).await.unwrap();
        messages::send(b, &t.admin, &to(1), &draft("Without a price", "1")).await.unwrap();
        t.run_jobs().await;
        t.alter(
            r#"UPDATE line_account SET tariff = '{"currency": "USD", "sms": 8300}' WHERE tariff IS NULL"#,
        )
        .await;
        messages::send(b, &t.admin, &to(2), &draft("In American ones", "2")).await.unwrap();
        t.run_jobs().await;

        let sums = all(&t).await;
        assert_eq!((sums.sent, sums.unpriced), (3, 1));
        assert_eq!(sums.costs, [aud(50_000), Price { micros: 8_300, currency: Currency::Usd }]);
        let by_line = report(&t, GroupBy::Line, "UTC").await;
        let expected = [("Annexe".to_owned(), [2, 0, 2]), ("Front desk".to_owned(), [1, 0, 1])];
        assert_eq!(counts(&by_line), expected);
        assert_eq!(counts(&report(&t, GroupBy::Carrier, "UTC").await), [("Twilio".to_owned(), [3, 0, 3])]);
        assert_eq!(counts(&report(&t, GroupBy::Channel, "UTC").await), [("SMS".to_owned(), [3, 0, 3])]);
        assert_eq!(counts(&report(&t, GroupBy::Direction, "UTC").await), [("Sent".to_owned(), [3, 0, 3])]);
        let csv = reports::csv(&by_line);
        assert!(csv.contains("Annexe,outbound,1,1,USD,0.0083\r\nAnnexe,outbound,1,1,,\r\n"), "{csv}");
        t
    })
    .await;
}

#[tokio::test]
async fn a_report_is_for_those_who_send_and_of_their_own_organisation() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        sends(&t, "Hello").await;
        let ask = async |caller: &Caller| {
            reports::messages(&t.backend, caller, &Period::Last30Days, GroupBy::Day, "UTC").await
        };
        assert!(ask(&t.stranger().await).await.unwrap().rows.is_empty());
        assert_eq!(ask(&t.colleague(Role::Staff).await).await.unwrap().rows.len(), 1);
        let viewer = t.colleague(Role::Viewer).await;
        assert_eq!(failure(ask(&viewer).await).code, FailureCode::NotAllowed);
        let compared = failure(reports::comparison(&t.backend, &viewer, "UTC").await);
        assert_eq!(compared.code, FailureCode::NotAllowed);
        t
    })
    .await;
}

#[tokio::test]
async fn the_comparison_knows_our_own_prices_and_those_that_are_published() {
    on_each_engine(async |t: TestBackend| {
        has_a_contract(&t).await;
        carrier_accepts(&t).await;
        sends(&t, "Hello").await;
        t.alter("UPDATE delivery SET parts = 2").await;
        is_read(&t, &text(&t, 1, 0, "Thanks")).await;
        let comparison = reports::comparison(&t.backend, &t.admin, "Australia/Sydney").await.unwrap();
        assert_eq!(comparison.volumes, Volumes { sms: 2, mms: 0, sms_in: 1, mms_in: 0 });
        let ours = &comparison.offers[0];
        assert_eq!((ours.provider, ours.by_contract, ours.sends_mms), (ProviderKind::Twilio, true, true));
        assert_eq!(
            (ours.lines.as_slice(), ours.tariff.unwrap().sms),
            (&["Front desk".to_owned()][..], Some(50_000))
        );
        let of = |provider| comparison.offers.iter().filter(move |offer| offer.provider == provider);
        assert_eq!((of(ProviderKind::Twilio).count(), of(ProviderKind::Simulator).count()), (1, 0));
        let broadcast = of(ProviderKind::SmsBroadcast).next().unwrap();
        assert!(!broadcast.sends_mms && broadcast.tariff.is_none() && broadcast.lines.is_empty());
        assert!(!broadcast.mms_elsewhere, "with no number at all");
        let telnyx = of(ProviderKind::Telnyx).next().unwrap();
        assert!(!telnyx.sends_mms && telnyx.mms_elsewhere, "only with numbers of America");
        t
    })
    .await;
}

#[tokio::test]
async fn a_link_is_priced_by_the_parts_of_its_whole_text() {
    on_each_engine(async |t: TestBackend| {
        let parts = async || reports::comparison(&t.backend, &t.admin, "UTC").await.unwrap().link_parts;
        assert_eq!(parts().await, 1);
        // One letter that is not in the plain alphabet, and the text takes more room than one part has.
        t.alter("UPDATE organisation SET name = 'Šárka Dvořáková, praktická lékařka'").await;
        assert_eq!(parts().await, 2);
        t
    })
    .await;
}
