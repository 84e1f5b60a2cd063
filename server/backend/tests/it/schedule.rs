//! Work that recurs, with one process and with several.

use crate::twilio::{is_read, sid, status};
use backend::schedule;
use backend::testing::{TestBackend, on_each_engine};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// When uploads are swept next.
async fn due(t: &TestBackend) -> i64 {
    t.count("SELECT due_at FROM schedule WHERE name = 'sweep_uploads'").await
}

#[tokio::test]
async fn each_occurrence_is_run_by_one_process() {
    on_each_engine(async |t: TestBackend| {
        let (one, other) = (&t.backend, t.sibling());
        // The first comes soon, the others in time.
        for _ in 0..3 {
            let (one_ran, other_ran) = tokio::join!(schedule::run_due(one), schedule::run_due(&other));
            let ran = one_ran.unwrap() + other_ran.unwrap();
            assert_eq!(ran as i64, t.count("SELECT COUNT(*) FROM schedule").await, "each kind of work once");
            assert_eq!(schedule::run_due(&other).await.unwrap(), 0);
            t.backend.clock.advance(DAY);
        }
        t
    })
    .await;
}

#[tokio::test]
async fn the_next_one_comes_after_its_period_and_a_restart_changes_nothing() {
    on_each_engine(async |t: TestBackend| {
        let day = DAY.as_millis() as i64;
        schedule::run_due(&t.backend).await.unwrap();
        assert_eq!(due(&t).await, t.backend.clock.now() + day);
        let first = due(&t).await;
        t.backend.clock.advance(DAY - Duration::from_millis(1));
        schedule::run_due(&t.sibling()).await.unwrap();
        assert_eq!(due(&t).await, first, "not before");
        t.backend.clock.advance(Duration::from_millis(1));
        // A process that is told to stop at once still does what is due.
        schedule::work(t.sibling(), std::future::ready(())).await;
        assert_eq!(due(&t).await, first + day);
        t
    })
    .await;
}

#[tokio::test]
async fn reports_of_messages_that_never_became_known_are_dropped_after_a_month() {
    on_each_engine(async |t: TestBackend| {
        is_read(&t, &status(&t, &sid(1), "delivered")).await;
        t.later(DAY * 29).await;
        is_read(&t, &status(&t, &sid(2), "delivered")).await;
        schedule::run_due(&t.backend).await.unwrap();
        assert_eq!(t.count("SELECT COUNT(*) FROM parked_status").await, 2);
        t.later(DAY * 2).await;
        schedule::run_due(&t.backend).await.unwrap();
        assert_eq!(t.count("SELECT COUNT(*) FROM parked_status").await, 1);
        t
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_was_wrong_once_stops_nothing_for_good() {
    on_each_engine(async |t: TestBackend| {
        schedule::run_due(&t.backend).await.unwrap();
        // 2036, as a machine without a battery may believe at its start.
        t.alter("UPDATE schedule SET due_at = 2082758400000").await;
        let ran = schedule::run_due(&t.backend).await.unwrap();
        assert_eq!(ran as i64, t.count("SELECT COUNT(*) FROM schedule").await);
        assert_eq!(due(&t).await, t.backend.clock.now() + DAY.as_millis() as i64);
        assert_eq!(schedule::run_due(&t.sibling()).await.unwrap(), 0, "once");
        t
    })
    .await;
}
