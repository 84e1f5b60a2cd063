//! Who may come in, and what they may do.

use backend::testing::{TestBackend, on_each_engine};
use backend::{Caller, Error, organisations, sign_in, staff, tokens};
use model::staff::{Invitation, Role};
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
        let link = staff::invite(&t.backend, &t.admin, " Sam@Clinic.example ", "Sam", Role::Staff)
            .await
            .unwrap()
            .link()
            .unwrap();
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
        let link = staff::invite(&t.backend, &t.admin, "sam@clinic.example", "Sam", Role::Staff)
            .await
            .unwrap()
            .link()
            .unwrap();
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
        let link = staff::invite(&t.backend, &t.admin, "sam@clinic.example", "Sam", Role::Staff)
            .await
            .unwrap()
            .link()
            .unwrap();
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
        let told = model::Failure::from(right.err().unwrap());
        assert_eq!((told.code, told.retry_after), (FailureCode::TooManyRequests, Some(15 * 60)));
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
        let link = staff::invite(&t.backend, &t.admin, "sam@clinic.example", "Sam", Role::Admin)
            .await
            .unwrap()
            .link()
            .unwrap();
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

/// A person of an organisation who has chosen [`PASSWORD`].
async fn signs_up(t: &TestBackend, admin: &Caller, email: &str, role: Role) -> sign_in::NewSession {
    let link = staff::invite(&t.backend, admin, email, "Sam", role).await.unwrap().link().unwrap();
    sign_in::use_one_time_link(&t.backend, token_of(&link), PASSWORD).await.unwrap()
}

async fn caller(t: &TestBackend, session: &sign_in::NewSession) -> Caller {
    sign_in::caller_by_session(&t.backend, &session.token).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_admin_cannot_take_over_a_person_of_another_organisation() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let victim = signs_up(&t, &t.admin, "sam@clinic.example", Role::Admin).await;
        let sam = caller(&t, &victim).await.staff_id.unwrap();
        let attacker = t.stranger().await;
        let invited = staff::invite(b, &attacker, "SAM@clinic.example", "X", Role::Viewer).await.unwrap();
        assert_eq!(invited, Invitation::Known, "an invitation hands over no link");
        assert_eq!(code(staff::reset(b, &attacker, sam).await), FailureCode::Conflict);
        assert_eq!(code(staff::reset(b, &t.admin, sam).await), FailureCode::Conflict);
        // Disabled there, they could be enabled again.
        staff::set_disabled(b, &t.admin, sam, true).await.unwrap();
        assert_eq!(code(staff::reset(b, &attacker, sam).await), FailureCode::Conflict);
        staff::set_disabled(b, &t.admin, sam, false).await.unwrap();
        let still_named = staff::list(b, &t.admin).await.unwrap().into_iter().find(|s| s.id == sam).unwrap();
        assert_eq!(still_named.name, "Sam");
        assert!(sign_in::sign_in(b, "sam@clinic.example", PASSWORD, "192.0.2.1").await.is_ok());
        t
    })
    .await;
}

#[tokio::test]
async fn a_link_made_before_a_person_joined_another_organisation_sets_no_password() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let attacker = t.stranger().await;
        let kept = staff::invite(b, &attacker, "sam@clinic.example", "Sam", Role::Viewer).await.unwrap();
        let kept = kept.link().unwrap();
        let invited = staff::invite(b, &t.admin, "sam@clinic.example", "Sam", Role::Admin).await.unwrap();
        assert_eq!(invited, Invitation::Known);
        assert_eq!(code(sign_in::read_one_time_link(b, token_of(&kept)).await), FailureCode::Conflict);
        let used = sign_in::use_one_time_link(b, token_of(&kept), PASSWORD).await;
        assert_eq!(code(used), FailureCode::Conflict);

        let link = staff::reset_by_operator(b, " Sam@clinic.example").await.unwrap();
        sign_in::use_one_time_link(b, token_of(&link), PASSWORD).await.unwrap();
        assert!(sign_in::sign_in(b, "sam@clinic.example", PASSWORD, "192.0.2.1").await.is_ok());
        let gone = sign_in::use_one_time_link(b, token_of(&kept), PASSWORD).await;
        assert_eq!(code(gone), FailureCode::NotFound, "older links end with the first that is used");
        let nobody = staff::reset_by_operator(b, "nobody@clinic.example").await;
        assert_eq!(code(nobody), FailureCode::NotFound);
        t
    })
    .await;
}

#[tokio::test]
async fn the_operator_makes_links_for_those_without_a_password_alone() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let stranger = t.stranger().await;
        staff::invite(b, &stranger, "sam@clinic.example", "Sam", Role::Viewer).await.unwrap();
        let added = staff::add(b, t.org, "sam@clinic.example", "Sam", Role::Admin).await.unwrap();
        let link = added.link().unwrap();
        let session = sign_in::use_one_time_link(b, token_of(&link), PASSWORD).await.unwrap();
        assert_eq!(caller(&t, &session).await.org_id, t.org);
        let third = organisations::create(b, "Bay Physio", model::phone::Country::AU).await.unwrap();
        let added = staff::add(b, third, "sam@clinic.example", "Sam", Role::Admin).await.unwrap();
        assert_eq!(added, Invitation::Known);
        t
    })
    .await;
}

#[tokio::test]
async fn a_person_of_two_organisations_switches_and_signs_in_where_they_were_last() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let session = signs_up(&t, &t.admin, "sam@clinic.example", Role::Staff).await;
        let here = caller(&t, &session).await;
        assert_eq!(sign_in::elsewhere(b, &here).await.unwrap(), []);
        let stranger = t.stranger().await;
        let unknown = sign_in::switch(b, &session.token, stranger.org_id).await;
        assert_eq!(code(unknown), FailureCode::NotFound);
        let nowhere = sign_in::switch(b, &session.token, b.clock.new_id()).await;
        assert_eq!(code(nowhere), FailureCode::NotFound);

        staff::invite(b, &stranger, "sam@clinic.example", "Sam", Role::Viewer).await.unwrap();
        let others = sign_in::elsewhere(b, &here).await.unwrap();
        assert_eq!(
            (others.len(), others[0].id, others[0].name.as_str()),
            (1, stranger.org_id, "Hill Dental")
        );
        b.clock.advance(Duration::from_secs(1));
        sign_in::switch(b, &session.token, stranger.org_id).await.unwrap();
        let there = caller(&t, &session).await;
        assert_eq!(
            (there.org_id, there.role, there.staff_id),
            (stranger.org_id, Role::Viewer, here.staff_id)
        );
        let again = sign_in::sign_in(b, "sam@clinic.example", PASSWORD, "192.0.2.1").await.unwrap();
        assert_eq!(caller(&t, &again).await.org_id, stranger.org_id);
        assert_eq!(caller(&t, &session).await.org_id, stranger.org_id);

        b.clock.advance(Duration::from_secs(1));
        sign_in::switch(b, &again.token, t.org).await.unwrap();
        assert_eq!(caller(&t, &again).await.org_id, t.org);
        assert_eq!(caller(&t, &session).await.org_id, stranger.org_id, "each session is on its own");
        let last = sign_in::sign_in(b, "sam@clinic.example", PASSWORD, "192.0.2.1").await.unwrap();
        assert_eq!(caller(&t, &last).await.org_id, t.org);

        staff::set_disabled(b, &stranger, here.staff_id.unwrap(), true).await.unwrap();
        assert!(sign_in::caller_by_session(b, &session.token).await.unwrap().is_none());
        let shut = sign_in::switch(b, &again.token, stranger.org_id).await;
        assert_eq!(code(shut), FailureCode::NotFound);
        assert_eq!(sign_in::elsewhere(b, &caller(&t, &again).await).await.unwrap(), []);
        let signed_out = sign_in::switch(b, "no such session", t.org).await;
        assert_eq!(code(signed_out), FailureCode::SignedOut);
        t
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_side_by_side_are_counted_before_they_are_verified() {
    on_each_engine(async |t: TestBackend| {
        signs_up(&t, &t.admin, "sam@clinic.example", Role::Staff).await;
        let guess = |n: usize| {
            let backend = t.backend.clone();
            tokio::spawn(async move {
                let (email, from) = ("sam@clinic.example", format!("192.0.2.{n}"));
                code(sign_in::sign_in(&backend, email, &format!("a wrong password {n}"), &from).await)
            })
        };
        let mut verified = 0;
        for guess in (0..30).map(guess).collect::<Vec<_>>() {
            match guess.await.unwrap() {
                FailureCode::Invalid => verified += 1,
                other => assert_eq!(other, FailureCode::TooManyRequests),
            }
        }
        assert_eq!(verified, 10);
        t
    })
    .await;
}

#[tokio::test]
async fn signing_in_well_counts_for_nobody_in_the_same_house() {
    on_each_engine(async |t: TestBackend| {
        signs_up(&t, &t.admin, "sam@clinic.example", Role::Staff).await;
        let wrong = sign_in::sign_in(&t.backend, "pat@clinic.example", PASSWORD, "192.0.2.1").await;
        assert_eq!(code(wrong), FailureCode::Invalid);
        for _ in 0..31 {
            sign_in::sign_in(&t.backend, "sam@clinic.example", PASSWORD, "192.0.2.1").await.unwrap();
        }
        // The wrong one stays, for its address and for its source.
        assert_eq!(t.count("SELECT COUNT(*) FROM sign_in_attempt").await, 2);
        t
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_admins_who_demote_or_disable_each_other_at_once_leave_one() {
    on_each_engine(async |t: TestBackend| {
        let other = t.colleague(Role::Admin).await;
        for round in 0..20 {
            let strike = |by: &Caller, at: &Caller| {
                let (backend, by, at) = (t.backend.clone(), by.clone(), at.staff_id.unwrap());
                tokio::spawn(async move {
                    match round % 2 {
                        0 => staff::change_role(&backend, &by, at, Role::Viewer).await,
                        _ => staff::set_disabled(&backend, &by, at, true).await,
                    }
                })
            };
            let (first, second) = (strike(&t.admin, &other), strike(&other, &t.admin));
            let outcomes = [first.await.unwrap(), second.await.unwrap()];
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "round {round}");
            for person in [&t.admin, &other] {
                let id = person.staff_id.unwrap();
                staff::change_role(&t.backend, &t.admin, id, Role::Admin).await.unwrap();
                staff::set_disabled(&t.backend, &t.admin, id, false).await.unwrap();
            }
        }
        t
    })
    .await;
}
