//! How often everyone may ask.

use crate::twilio::{draft, failure, to};
use backend::limits::{self, Action, PerMinute, Whose};
use backend::testing::{TestBackend, on_each_engine};
use backend::{Backend, Caller, Parts, Settings, conversations, live, messages, patients};
use model::conversation::InboxQuery;
use model::staff::Role;
use model::{ApiTokenId, Failure, FailureCode};
use std::time::Duration;

/// Another process of the same server, with these limits.
fn process(t: &TestBackend, limits: PerMinute) -> Backend {
    Backend::new(Parts {
        store: t.backend.store.clone(),
        blobs: t.backend.blobs.clone(),
        http: t.backend.http.clone(),
        pictures: t.backend.pictures.clone(),
        clock: t.backend.clock.clone(),
        keys: t.backend.keys.clone(),
        settings: Settings { limits, ..t.backend.settings.clone() },
        live: live::Hub::default(),
    })
}

const TWO: PerMinute =
    PerMinute { uploads: 2, sends: 2, token_sends: 3, searches: 2, link_views: 2, link_openings: 2 };

async fn searches(backend: &Backend, caller: &Caller) -> Result<(), Failure> {
    limits::take(backend, Action::Search, Whose::Caller(caller)).await
}

fn wait(taken: Result<(), Failure>) -> Option<u64> {
    taken.err().map(|failure| {
        assert_eq!(failure.code, FailureCode::TooManyRequests);
        failure.retry_after.expect("whoever is refused hears for how long")
    })
}

#[tokio::test]
async fn whoever_had_their_share_waits_and_nobody_else() {
    on_each_engine(async |t: TestBackend| {
        let b = process(&t, TWO);
        assert_eq!(wait(searches(&b, &t.admin).await), None);
        t.backend.clock.advance(Duration::from_secs(10));
        assert_eq!(wait(searches(&b, &t.admin).await), None);
        assert_eq!(wait(searches(&b, &t.admin).await), Some(50));
        t.backend.clock.advance(Duration::from_millis(500));
        assert_eq!(wait(searches(&b, &t.admin).await), Some(50), "rounded up");

        let colleague = t.colleague(Role::Staff).await;
        let stranger = t.stranger().await;
        for other in [&colleague, &stranger] {
            assert_eq!(wait(searches(&b, other).await), None);
        }
        // Nor do they share with themselves in another organisation, nor what they do with what they do else.
        let elsewhere = Caller { org_id: stranger.org_id, ..t.admin.clone() };
        assert_eq!(wait(searches(&b, &elsewhere).await), None);
        assert_eq!(wait(limits::take(&b, Action::Upload, Whose::Caller(&t.admin)).await), None);
        for _ in 0..5 {
            assert_eq!(wait(searches(&b, &Caller::operator(t.org)).await), None);
        }

        t.backend.clock.advance(Duration::from_millis(49_500));
        assert_eq!(wait(searches(&b, &t.admin).await), None, "the minute is over");
        t
    })
    .await;
}

#[tokio::test]
async fn a_program_has_a_share_of_its_own() {
    on_each_engine(async |t: TestBackend| {
        let b = process(&t, TWO);
        let program = Caller {
            org_id: t.org,
            role: Role::Staff,
            staff_id: None,
            token_id: Some(t.backend.clock.new_id::<ApiTokenId>()),
        };
        for _ in 0..3 {
            assert_eq!(wait(limits::take(&b, Action::Send, Whose::Caller(&program)).await), None);
        }
        assert_eq!(wait(limits::take(&b, Action::Send, Whose::Caller(&program)).await), Some(60));
        t
    })
    .await;
}

#[tokio::test]
async fn what_is_limited_is_refused_before_anything_is_done() {
    on_each_engine(async |t: TestBackend| {
        let b = process(&t, TWO);
        for id in ["a", "b"] {
            messages::send(&b, &t.admin, &to(0), &draft("Hello", id)).await.unwrap();
        }
        let third = messages::send(&b, &t.admin, &to(0), &draft("Hello", "c")).await;
        assert_eq!(failure(third).code, FailureCode::TooManyRequests);
        let picture = "https://pictures.example/foot.png";
        let fourth = messages::send_with_url(&b, &t.admin, &to(0), &draft("Hello", "d"), picture).await;
        assert_eq!(failure(fourth).code, FailureCode::TooManyRequests);
        assert_eq!(t.count("SELECT COUNT(*) FROM message").await, 2);

        // The inbox itself is not limited, nor are the patients; looking for a text among either, or in old messages,
        // is, together.
        let inbox = |text: &str| InboxQuery { search: Some(text.to_owned()), ..InboxQuery::default() };
        for _ in 0..5 {
            conversations::list(&b, &t.admin, &inbox("  ")).await.unwrap();
            patients::list(&b, &t.admin, None, None).await.unwrap();
            messages::search(&b, &t.admin, "  ", None).await.unwrap();
        }
        conversations::list(&b, &t.admin, &inbox("Hello")).await.unwrap();
        patients::list(&b, &t.admin, Some("Amelia"), None).await.unwrap();
        let inbox = conversations::list(&b, &t.admin, &inbox("Hello")).await;
        assert_eq!(failure(inbox).code, FailureCode::TooManyRequests);
        let patients = patients::list(&b, &t.admin, Some("Amelia"), None).await;
        assert_eq!(failure(patients).code, FailureCode::TooManyRequests);
        let texts = messages::search(&b, &t.admin, "Hello", None).await;
        assert_eq!(failure(texts).code, FailureCode::TooManyRequests);
        t
    })
    .await;
}

#[tokio::test]
async fn processes_on_one_postgresql_count_together() {
    on_each_engine(async |t: TestBackend| {
        let (one, other) = (process(&t, TWO), process(&t, TWO));
        let from = Whose::Address("203.0.113.7");
        for process in [&one, &other] {
            assert_eq!(wait(limits::take(process, Action::LinkView, from).await), None);
        }
        let third = wait(limits::take(&one, Action::LinkView, from).await);
        if !t.backend.store.is_postgres() {
            // There is one process, which counts in memory; this one had one of its two.
            assert_eq!(third, None);
            return t;
        }
        assert_eq!(third, Some(60));
        assert_eq!(wait(limits::take(&other, Action::LinkView, from).await), Some(60));

        // What is over is forgotten now and then.
        t.backend.clock.advance(Duration::from_secs(120));
        assert_eq!(wait(limits::take(&one, Action::LinkView, Whose::Address("203.0.113.8")).await), None);
        assert_eq!(t.count("SELECT COUNT(*) FROM request_window").await, 1);
        // Where counting fails, work goes on.
        t.alter("DROP TABLE request_window").await;
        for _ in 0..5 {
            assert_eq!(wait(limits::take(&one, Action::LinkView, from).await), None);
        }
        t
    })
    .await;
}
