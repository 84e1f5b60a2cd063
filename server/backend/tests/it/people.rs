//! Who may come in, and what they may do.

use backend::testing::{TestBackend, on_each_engine};
use backend::{Error, organisations, sign_in, staff, tokens};
use model::staff::Role;
use model::{FailureCode, StaffId};
use std::time::Duration;

/// The code that a caller would see.
fn code<T>(result: Result<T, Error>) -> FailureCode {
    match result {
        Ok(_) => panic!("expected a failure"),
        Err(Error::Failure(failure)) => failure.code,
        Err(other) => panic!("expected a failure, got {other}"),
    }
}

fn token_of(link: &str) -> &str {
    link.rsplit('/').next().unwrap()
}

const PASSWORD: &str = "correct horse battery";

#[tokio::test]
async fn an_invited_person_chooses_a_password_and_signs_in() {
    on_each_engine(async |t: TestBackend| {
        let link =
            staff::invite(&t.backend, &t.admin, " Sam@Clinic.example ", "Sam", Role::Staff).await.unwrap();
        assert!(link.starts_with("https://clinic.example/welcome/"));
        let welcome = sign_in::read_one_time_link(&t.backend, token_of(&link)).await.unwrap();
        assert_eq!(
            (welcome.email.as_str(), welcome.organisation.as_str()),
            ("sam@clinic.example", "Harbour Clinic")
        );

        let short = sign_in::use_one_time_link(&t.backend, token_of(&link), "too short").await;
        assert_eq!(code(short), FailureCode::Invalid);
        let session = sign_in::use_one_time_link(&t.backend, token_of(&link), PASSWORD).await.unwrap();
        let caller = sign_in::caller_by_session(&t.backend, &session.token).await.unwrap().unwrap();
        assert_eq!((caller.org_id, caller.role), (t.org, Role::Staff));

        let again = sign_in::use_one_time_link(&t.backend, token_of(&link), PASSWORD).await;
        assert_eq!(code(again), FailureCode::NotFound);

        let session =
            sign_in::sign_in(&t.backend, "SAM@clinic.example", PASSWORD, "192.0.2.1").await.unwrap();
        assert!(sign_in::caller_by_session(&t.backend, &session.token).await.unwrap().is_some());
        sign_in::sign_out(&t.backend, &session.token).await.unwrap();
        assert!(sign_in::caller_by_session(&t.backend, &session.token).await.unwrap().is_none());
        t
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_after_a_fortnight_and_a_link_after_a_week() {
    on_each_engine(async |t: TestBackend| {
        let link =
            staff::invite(&t.backend, &t.admin, "sam@clinic.example", "Sam", Role::Staff).await.unwrap();
        t.backend.clock.advance(Duration::from_secs(7 * 24 * 3600));
        assert_eq!(
            code(sign_in::read_one_time_link(&t.backend, token_of(&link)).await),
            FailureCode::NotFound
        );

        let sam =
            staff::list(&t.backend, &t.admin).await.unwrap().into_iter().find(|s| s.name == "Sam").unwrap();
        let link = staff::reset(&t.backend, &t.admin, sam.id).await.unwrap();
        let session = sign_in::use_one_time_link(&t.backend, token_of(&link), PASSWORD).await.unwrap();
        t.backend.clock.advance(Duration::from_secs(14 * 24 * 3600 - 1));
        assert!(sign_in::caller_by_session(&t.backend, &session.token).await.unwrap().is_some());
        t.backend.clock.advance(Duration::from_secs(1));
        assert!(sign_in::caller_by_session(&t.backend, &session.token).await.unwrap().is_none());
        t
    })
    .await;
}

#[tokio::test]
async fn guessing_a_password_is_stopped() {
    on_each_engine(async |t: TestBackend| {
        let link =
            staff::invite(&t.backend, &t.admin, "sam@clinic.example", "Sam", Role::Staff).await.unwrap();
        sign_in::use_one_time_link(&t.backend, token_of(&link), PASSWORD).await.unwrap();
        for n in 0..10 {
            let wrong = sign_in::sign_in(
                &t.backend,
                "sam@clinic.example",
                "a wrong password",
                &format!("192.0.2.{n}"),
            )
            .await;
            assert_eq!(code(wrong), FailureCode::Invalid);
        }
        let right = sign_in::sign_in(&t.backend, "sam@clinic.example", PASSWORD, "192.0.2.99").await;
        assert_eq!(code(right), FailureCode::TooManyRequests);
        t.backend.clock.advance(Duration::from_secs(15 * 60));
        assert!(sign_in::sign_in(&t.backend, "sam@clinic.example", PASSWORD, "192.0.2.99").await.is_ok());
        t
    })
    .await;
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_are_told_alike() {
    on_each_engine(async |t: TestBackend| {
        let unknown = sign_in::sign_in(&t.backend, "nobody@clinic.example", PASSWORD, "192.0.2.1").await;
        let invited = sign_in::sign_in(&t.backend, "admin@clinic.example", PASSWORD, "192.0.2.1").await;
        let words = |result: Result<sign_in::NewSession, Error>| match result {
            Err(Error::Failure(failure)) => failure,
            _ => panic!("expected a failure"),
        };
        assert_eq!(words(unknown), words(invited));
        t
    })
    .await;
}

#[tokio::test]
async fn disabling_ends_sessions_at_once_and_the_last_admin_stays() {
    on_each_engine(async |t: TestBackend| {
        let link =
            staff::invite(&t.backend, &t.admin, "sam@clinic.example", "Sam", Role::Admin).await.unwrap();
        let session = sign_in::use_one_time_link(&t.backend, token_of(&link), PASSWORD).await.unwrap();
        let sam = sign_in::caller_by_session(&t.backend, &session.token).await.unwrap().unwrap();
        let me = t.admin.staff_id.unwrap();

        staff::set_disabled(&t.backend, &t.admin, sam.staff_id.unwrap(), true).await.unwrap();
        assert!(sign_in::caller_by_session(&t.backend, &session.token).await.unwrap().is_none());
        assert_eq!(
            code(sign_in::sign_in(&t.backend, "sam@clinic.example", PASSWORD, "192.0.2.1").await),
            FailureCode::Invalid
        );
        assert_eq!(code(staff::set_disabled(&t.backend, &t.admin, me, true).await), FailureCode::Conflict);
        assert_eq!(
            code(staff::change_role(&t.backend, &t.admin, me, Role::Staff).await),
            FailureCode::Conflict
        );
        let unchanged = staff::list(&t.backend, &t.admin).await.unwrap();
        assert!(unchanged.iter().any(|s| s.id == me && s.role == Role::Admin && !s.disabled));
        t
    })
    .await;
}

#[tokio::test]
async fn an_api_token_works_until_it_is_revoked_and_is_stored_as_a_hash() {
    on_each_engine(async |t: TestBackend| {
        let (view, secret) =
            tokens::create(&t.backend, &t.admin, "Practice software", Role::Staff).await.unwrap();
        let caller = sign_in::caller_by_api_token(&t.backend, &secret).await.unwrap().unwrap();
        assert_eq!((caller.role, caller.token_id), (Role::Staff, Some(view.id)));
        assert_eq!(code(sign_in::me(&t.backend, &caller).await), FailureCode::SignedOut);
        tokens::revoke(&t.backend, &t.admin, view.id).await.unwrap();
        assert!(sign_in::caller_by_api_token(&t.backend, &secret).await.unwrap().is_none());
        assert_eq!(code(tokens::revoke(&t.backend, &t.admin, view.id).await), FailureCode::NotFound);
        t
    })
    .await;
}

#[tokio::test]
async fn settings_belong_to_admins() {
    on_each_engine(async |t: TestBackend| {
        for role in [Role::Viewer, Role::Staff] {
            let caller = t.colleague(role).await;
            let someone = t.admin.staff_id.unwrap();
            let b = &t.backend;
            assert_eq!(code(staff::list(b, &caller).await), FailureCode::NotAllowed);
            assert_eq!(
                code(staff::invite(b, &caller, "x@y.example", "X", Role::Viewer).await),
                FailureCode::NotAllowed
            );
            assert_eq!(code(staff::reset(b, &caller, someone).await), FailureCode::NotAllowed);
            assert_eq!(
                code(staff::change_role(b, &caller, someone, Role::Viewer).await),
                FailureCode::NotAllowed
            );
            assert_eq!(code(staff::set_disabled(b, &caller, someone, true).await), FailureCode::NotAllowed);
            assert_eq!(code(tokens::list(b, &caller).await), FailureCode::NotAllowed);
            assert_eq!(code(tokens::create(b, &caller, "x", Role::Viewer).await), FailureCode::NotAllowed);
            assert_eq!(code(backend::lines::list(b, &caller).await), FailureCode::NotAllowed);
            assert_eq!(
                code(organisations::update(b, &caller, "X", "AU", "patient").await),
                FailureCode::NotAllowed
            );
        }
        t
    })
    .await;
}

#[tokio::test]
async fn another_organisation_s_people_do_not_exist() {
    on_each_engine(async |t: TestBackend| {
        let stranger = t.stranger().await;
        let theirs: StaffId = stranger.staff_id.unwrap();
        let nobody: StaffId = t.backend.clock.new_id();
        let words = |result: Result<String, Error>| match result {
            Err(Error::Failure(failure)) => failure,
            _ => panic!("expected a failure"),
        };
        assert_eq!(
            words(staff::reset(&t.backend, &t.admin, theirs).await),
            words(staff::reset(&t.backend, &t.admin, nobody).await)
        );
        let ours = staff::list(&t.backend, &t.admin).await.unwrap();
        assert!(ours.iter().all(|s| s.id != theirs));
        t
    })
    .await;
}

#[tokio::test]
async fn the_same_person_may_work_for_two_organisations() {
    on_each_engine(async |t: TestBackend| {
        let stranger = t.stranger().await;
        staff::invite(&t.backend, &t.admin, "sam@clinic.example", "Sam", Role::Staff).await.unwrap();
        staff::invite(&t.backend, &stranger, "sam@clinic.example", "Sam", Role::Viewer).await.unwrap();
        let twice = staff::invite(&t.backend, &t.admin, "sam@clinic.example", "Sam", Role::Staff).await;
        assert_eq!(code(twice), FailureCode::Conflict);
        t
    })
    .await;
}
