//! Changing one's own password.

use crate::twilio::failure;
use backend::testing::{TestBackend, on_each_engine};
use backend::{sign_in, staff};
use model::FailureCode;
use model::staff::Role;

const EMAIL: &str = "sam@clinic.example";
const OLD: &str = "correct horse battery";
const NEW: &str = "quite another password";

/// A colleague who has chosen a password, signed in.
async fn sam(t: &TestBackend) -> sign_in::NewSession {
    let link = staff::invite(&t.backend, &t.admin, EMAIL, "Sam", Role::Staff).await.unwrap().link().unwrap();
    let token = link.rsplit('/').next().unwrap();
    sign_in::use_one_time_link(&t.backend, token, OLD).await.unwrap()
}

async fn holds(t: &TestBackend, session: &sign_in::NewSession) -> bool {
    sign_in::caller_by_session(&t.backend, &session.token).await.unwrap().is_some()
}

#[tokio::test]
async fn a_new_password_ends_the_sessions_and_the_links() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let here = sam(&t).await;
        let there = sign_in::sign_in(b, EMAIL, OLD, "192.0.2.1").await.unwrap();
        let person = sign_in::caller_by_session(b, &here.token).await.unwrap().unwrap().staff_id.unwrap();
        let link = staff::reset(b, &t.admin, person).await.unwrap();

        let new = sign_in::change_password(b, &here.token, OLD, NEW, "192.0.2.1").await.unwrap();
        assert!(holds(&t, &new).await);
        assert_eq!(
            (holds(&t, &here).await, holds(&t, &there).await),
            (false, false),
            "a copy of the old one is worth nothing"
        );
        let link = failure(sign_in::read_one_time_link(b, link.rsplit('/').next().unwrap()).await);
        assert_eq!(link.code, FailureCode::NotFound, "an older link would set it once more");
        let old = failure(sign_in::sign_in(b, EMAIL, OLD, "192.0.2.1").await);
        assert_eq!(old.code, FailureCode::Invalid);
        assert!(sign_in::sign_in(b, EMAIL, NEW, "192.0.2.1").await.is_ok());
        assert_eq!(
            t.count("SELECT COUNT(*) FROM audit_entry WHERE action = 'staff.change_password'").await,
            1
        );
        t
    })
    .await;
}

#[tokio::test]
async fn a_wrong_or_short_password_changes_nothing_and_says_which() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let session = sam(&t).await;
        let other = sign_in::sign_in(b, EMAIL, OLD, "192.0.2.1").await.unwrap();
        for (current, new, field) in
            [("not the password", NEW, "current_password"), (OLD, "too short", "password")]
        {
            let refused = sign_in::change_password(b, &session.token, current, new, "192.0.2.1").await;
            let refused = failure(refused);
            assert_eq!((refused.code, refused.field.as_deref()), (FailureCode::Invalid, Some(field)));
        }
        let nobody = failure(sign_in::change_password(b, "no session", OLD, NEW, "192.0.2.1").await);
        assert_eq!(nobody.code, FailureCode::SignedOut);
        assert!(holds(&t, &session).await && holds(&t, &other).await);
        assert!(sign_in::sign_in(b, EMAIL, OLD, "192.0.2.1").await.is_ok());
        t
    })
    .await;
}

#[tokio::test]
async fn guessing_it_at_an_unlocked_screen_is_stopped() {
    on_each_engine(async |t: TestBackend| {
        let session = sam(&t).await;
        let change = async |current: &str, from: String| {
            sign_in::change_password(&t.backend, &session.token, current, NEW, &from).await
        };
        for n in 0..10 {
            let wrong = failure(change("a wrong password", format!("192.0.2.{n}")).await);
            assert_eq!(wrong.code, FailureCode::Invalid);
        }
        let right = failure(change(OLD, "192.0.2.99".to_owned()).await);
        assert_eq!(right.code, FailureCode::TooManyRequests);
        t
    })
    .await;
}
