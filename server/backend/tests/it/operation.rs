//! What admins are told of while it is so, and the way back for what stands aside.

use crate::twilio::*;
use backend::providers::{WebhookKind, WebhookRequest};
use backend::testing::{TestBackend, on_each_engine};
use backend::{Caller, alerts, messages, operation};
use model::FailureCode;
use model::message::DeliveryState;
use model::operation::{Alert, AlertKind, Replayed};
use model::staff::Role;
use std::time::Duration;
use wiremock::ResponseTemplate;

pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// No alert.
pub(crate) const NOTHING: [AlertKind; 0] = [];

/// Longer than any wait after an error of ours.
const A_WHILE: Duration = Duration::from_secs(20 * 60);

/// Longer than a job that only ends in errors is tried.
async fn hours_pass(t: &TestBackend) {
    for _ in 0..30 {
        t.later(A_WHILE).await;
    }
}

/// Signed, and without what names it.
fn unreadable(t: &TestBackend) -> WebhookRequest {
    signed(t, WebhookKind::Inbound, &[("From", "+61491570156"), ("Body", "hello")])
}

pub(crate) async fn told(t: &TestBackend, who: &Caller) -> Vec<Alert> {
    alerts::list(&t.backend, who).await.unwrap()
}

pub(crate) async fn kinds(t: &TestBackend) -> Vec<AlertKind> {
    told(t, &t.admin).await.into_iter().map(|alert| alert.kind).collect()
}

#[tokio::test]
async fn while_all_is_well_nobody_is_told_of_anything() {
    on_each_engine(async |t: TestBackend| {
        carrier_accepts(&t).await;
        is_read(&t, &text(&t, 1, 0, "Good morning")).await;
        messages::send(&t.backend, &t.admin, &to(0), &draft("Good morning", "a")).await.unwrap();
        t.run_jobs().await;
        let stands = operation::view(&t.backend, &t.admin).await.unwrap();
        assert!(stands.alerts.is_empty(), "{:?}", stands.alerts);
        assert!(stands.webhooks.is_empty() && stands.jobs.is_empty() && stands.quarantined.is_empty());
        t
    })
    .await;
}

#[tokio::test]
async fn a_webhook_that_could_not_be_read_is_told_until_it_is_read_or_dismissed() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        arrives(&t, &unreadable(&t)).await.unwrap();
        let alerts = told(&t, &t.admin).await;
        assert_eq!((alerts.len(), alerts[0].kind, alerts[0].count), (1, AlertKind::WebhooksUnread, 1));
        assert_eq!(alerts[0].text, "1 webhook could not be read");
        assert_eq!(alerts[0].since, b.clock.now());
        let stands = operation::view(b, &t.admin).await.unwrap();
        let webhook = &stands.webhooks[0];
        assert_eq!((webhook.line.as_str(), webhook.carrier.label()), ("Front desk", "Twilio"));
        assert!(!webhook.reason.is_empty() && !webhook.reason.contains("hello"), "{}", webhook.reason);
        assert_eq!(stands.webhooks_total, 1);

        operation::replay_webhook(b, &t.admin, webhook.id).await.unwrap();
        assert_eq!(kinds(&t).await, NOTHING, "it waits to be read");
        let twice = failure(operation::replay_webhook(b, &t.admin, webhook.id).await);
        assert_eq!(twice.code, FailureCode::NotFound, "it stands aside no longer");
        t.run_jobs().await;
        assert_eq!(kinds(&t).await, [AlertKind::WebhooksUnread], "it still cannot be read");

        operation::dismiss_webhook(b, &t.admin, webhook.id).await.unwrap();
        assert_eq!(kinds(&t).await, NOTHING);
        let kept =
            "SELECT COUNT(*) FROM journal_entry WHERE state = 'dismissed' AND LENGTH(request_sealed) > 0";
        assert_eq!(t.count(kept).await, 1, "nothing that came is thrown away");
        let noted = "SELECT COUNT(*) FROM audit_entry WHERE action IN ('webhook.replay', 'webhook.dismiss')";
        assert_eq!(t.count(noted).await, 2);
        t
    })
    .await;
}

#[tokio::test]
async fn what_was_set_aside_runs_again_once_the_cause_is_gone() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        arrives(&t, &text(&t, 1, 0, "Is anybody there?")).await.unwrap();
        let sent = messages::send(b, &t.admin, &to(1), &draft("See you at 3", "a")).await.unwrap();
        t.alter("UPDATE line_account SET provider = 'nobody'").await;
        t.alter("UPDATE journal_entry SET provider = NULL").await;
        hours_pass(&t).await;
        t.alter("UPDATE line_account SET provider = 'twilio'").await;

        let stands = operation::view(b, &t.admin).await.unwrap();
        assert_eq!(stands.webhooks.len(), 1);
        let jobs: Vec<_> = stands.jobs.iter().map(|job| (job.kind.as_str(), job.what.as_str())).collect();
        assert_eq!(jobs, [("deliver_message", "Send a message")], "a webhook is listed once, as one");
        assert_eq!(kinds(&t).await, [AlertKind::WebhooksUnread, AlertKind::JobsFailed]);

        carrier_accepts(&t).await;
        operation::replay_webhook(b, &t.admin, stands.webhooks[0].id).await.unwrap();
        t.run_jobs().await;
        let read = "SELECT COUNT(*) FROM message WHERE body = 'Is anybody there?'";
        assert_eq!(t.count(read).await, 1);
        operation::replay_job(b, &t.admin, stands.jobs[0].id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Failed, "staff send it again, if at all");
        assert!(asked_to_send(&t).await.is_empty());
        assert_eq!(kinds(&t).await, NOTHING);
        assert_eq!(t.count("SELECT COUNT(*) FROM job").await, 0);
        t
    })
    .await;
}

#[tokio::test]
async fn all_of_an_organisation_is_replayed_and_nothing_of_another_one() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        arrives(&t, &unreadable(&t)).await.unwrap();
        messages::send(b, &t.admin, &to(1), &draft("See you at 3", "a")).await.unwrap();
        t.alter("UPDATE job SET state = 'failed', failure = 'inconsistent: a job panicked'").await;
        let stands = operation::view(b, &t.admin).await.unwrap();
        assert_eq!(stands.jobs[0].reason, "A job panicked");
        let (webhook, job) = (stands.webhooks[0].id, stands.jobs[0].id);

        let stranger = t.stranger().await;
        assert!(told(&t, &stranger).await.is_empty());
        let theirs = operation::view(b, &stranger).await.unwrap();
        assert!(theirs.webhooks.is_empty() && theirs.jobs.is_empty());
        for refused in [
            operation::replay_webhook(b, &stranger, webhook).await,
            operation::dismiss_webhook(b, &stranger, webhook).await,
            operation::replay_job(b, &stranger, job).await,
            operation::dismiss_job(b, &stranger, job).await,
        ] {
            assert_eq!(failure(refused).code, FailureCode::NotFound);
        }
        assert_eq!(operation::replay_all(b, &stranger).await.unwrap(), Replayed::default());
        let colleague = t.colleague(Role::Staff).await;
        for refused in [
            alerts::list(b, &colleague).await.map(drop),
            operation::view(b, &colleague).await.map(drop),
            operation::replay_all(b, &colleague).await.map(drop),
            operation::replay_webhook(b, &colleague, webhook).await,
            operation::dismiss_job(b, &colleague, job).await,
        ] {
            assert_eq!(failure(refused).code, FailureCode::NotAllowed);
        }
        assert_eq!(kinds(&t).await, [AlertKind::WebhooksUnread, AlertKind::JobsFailed], "as it was");

        let replayed = operation::replay_all(b, &t.admin).await.unwrap();
        assert_eq!(replayed, Replayed { replayed: 2, left: 0 });
        carrier_accepts(&t).await;
        t.run_jobs().await;
        assert_eq!(asked_to_send(&t).await, ["See you at 3"]);
        t
    })
    .await;
}

#[tokio::test]
async fn a_job_that_nobody_can_open_stays() {
    on_each_engine(async |mut t: TestBackend| {
        arrives(&t, &text(&t, 1, 0, "Hello")).await.unwrap();
        t.alter(
            "UPDATE job SET state = 'failed', payload_sealed = (SELECT address_sealed FROM number LIMIT 1)",
        )
        .await;
        let job = operation::view(&t.backend, &t.admin).await.unwrap().jobs.remove(0);
        assert_eq!((job.what.as_str(), job.reason.as_str()), ("Read a webhook", "No reason was kept"));
        for refused in [
            operation::replay_job(&t.backend, &t.admin, job.id).await,
            operation::dismiss_job(&t.backend, &t.admin, job.id).await,
        ] {
            assert_eq!(failure(refused).code, FailureCode::Conflict);
        }
        let left = operation::replay_all(&t.backend, &t.admin).await.unwrap();
        assert_eq!(left, Replayed { replayed: 0, left: 1 });
        t.expected_failed_jobs = 1;
        t
    })
    .await;
}

#[tokio::test]
async fn dismissing_a_job_hides_nothing_that_it_was_for() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        arrives(&t, &text(&t, 1, 0, "It hurts again")).await.unwrap();
        let sent = messages::send(b, &t.admin, &to(1), &draft("See you at 3", "a")).await.unwrap();
        // Set aside, and what they were for could not be told of it.
        t.alter("UPDATE job SET state = 'failed', failure = 'store: query'").await;
        let jobs = operation::view(b, &t.admin).await.unwrap().jobs;
        assert_eq!(jobs.len(), 2);
        for job in &jobs {
            operation::dismiss_job(b, &t.admin, job.id).await.unwrap();
            assert_eq!(
                failure(operation::dismiss_job(b, &t.admin, job.id).await).code,
                FailureCode::NotFound
            );
        }
        assert_eq!(kinds(&t).await, [AlertKind::WebhooksUnread]);
        assert_eq!(shown(&t, sent.id).await.state, DeliveryState::Failed);
        let webhook = operation::view(b, &t.admin).await.unwrap().webhooks.remove(0);
        assert_eq!(webhook.reason, "Its job was dismissed");
        operation::replay_webhook(b, &t.admin, webhook.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.count("SELECT COUNT(*) FROM message WHERE body = 'It hurts again'").await, 1);
        t
    })
    .await;
}

#[tokio::test]
async fn a_webhook_that_proves_nothing_is_told_for_a_day() {
    on_each_engine(async |t: TestBackend| {
        let mut forged = text(&t, 1, 0, "Hello");
        forged.body.push(b'!');
        arrives(&t, &forged).await.unwrap();
        let alerts = told(&t, &t.admin).await;
        assert_eq!(
            (alerts[0].kind, alerts[0].place.as_str()),
            (AlertKind::WebhooksRejected, "/settings/lines")
        );
        let stands = operation::view(&t.backend, &t.admin).await.unwrap();
        assert_eq!((stands.quarantined[0].line.as_str(), stands.quarantined[0].count), ("Front desk", 1));
        t.backend.clock.advance(25 * HOUR);
        assert_eq!(kinds(&t).await, NOTHING);
        t
    })
    .await;
}

#[tokio::test]
async fn work_that_waits_and_messages_that_may_not_have_arrived_are_told() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let sent = messages::send(b, &t.admin, &to(0), &draft("Come at 3", "a")).await.unwrap();
        b.clock.advance(4 * Duration::from_secs(60));
        assert_eq!(kinds(&t).await, NOTHING, "it may take a while");
        b.clock.advance(2 * Duration::from_secs(60));
        let alerts = told(&t, &t.admin).await;
        assert_eq!((alerts[0].kind, alerts[0].count), (AlertKind::JobsLate, 1));
        assert_eq!(alerts[0].text, "1 job has waited for more than 5 minutes");

        carrier_answers(&t, |_| ResponseTemplate::new(502)).await;
        t.run_jobs().await;
        let message = shown(&t, sent.id).await;
        assert_eq!(message.state, DeliveryState::Uncertain);
        let alerts = told(&t, &t.admin).await;
        assert_eq!((alerts.len(), alerts[0].kind), (1, AlertKind::MessagesUncertain));
        assert_eq!(alerts[0].place, format!("/c/{}", message.conversation_id));
        messages::resolve(b, &t.admin, sent.id, true).await.unwrap();
        assert_eq!(kinds(&t).await, NOTHING);
        t
    })
    .await;
}
