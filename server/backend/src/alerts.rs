//! What asks for an admin to look. Nothing is kept of it: each alert is computed from what is so now, and goes when
//! that ends.

mod carriers;

use crate::jobs::{Job, aside};
use crate::operation::whole;
use crate::store::{Tx, Value, args, placeholders};
use crate::{Backend, Caller, Result};
use model::operation::{Alert, AlertKind};
use model::staff::Permission;
use model::{Millis, OrgId};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

const HOUR: Millis = 60 * 60 * 1000;
const DAY: Millis = 24 * HOUR;

/// Webhooks in quarantine are told of for so long: what happened at night is seen in the morning. Whoever called knew
/// the line's address, so that a single one counts.
const REJECTED_WITHIN: Millis = DAY;

/// So long after a job was due, nobody seems to work.
const LATE_AFTER: Millis = 5 * 60 * 1000;

const OPERATION: &str = "/settings/operation";
const LINES: &str = "/settings/lines";

/// What asks for somebody to look in the caller's organisation, the gravest first.
pub async fn list(backend: &Backend, caller: &Caller) -> Result<Vec<Alert>> {
    caller.require(Permission::ManageOperation)?;
    let mut tx = backend.store.read().await?;
    of_org(backend, &mut tx, caller.org_id).await
}

pub(crate) async fn of_org(backend: &Backend, tx: &mut Tx, org: OrgId) -> Result<Vec<Alert>> {
    let now = backend.clock.now();
    let mut alerts = Vec::new();
    alerts.extend(unread(tx, org).await?);
    alerts.extend(rejected(tx, org, now).await?);
    alerts.extend(carriers::stopped(tx, org, now).await?);
    alerts.extend(carriers::unlisted(tx, org, now).await?);
    alerts.extend(failed(backend, tx, org).await?);
    alerts.extend(late(tx, org, now).await?);
    alerts.extend(uncertain(tx, org).await?);
    Ok(alerts)
}

async fn unread(tx: &mut Tx, org: OrgId) -> Result<Option<Alert>> {
    let sql = "SELECT COUNT(*), MIN(received_at) FROM journal_entry WHERE org_id = $1 AND state = 'poisoned'";
    let found: Option<(i64, Option<Millis>)> = tx.one(sql, args![org]).await?;
    Ok(counted(found).map(|(count, since)| Alert {
        kind: AlertKind::WebhooksUnread,
        since,
        count,
        text: format!("{} could not be read", webhooks(count)),
        advice: "They are kept as they came. Replay them once the cause is gone.".to_owned(),
        place: OPERATION.to_owned(),
    }))
}

async fn rejected(tx: &mut Tx, org: OrgId, now: Millis) -> Result<Option<Alert>> {
    let sql = "SELECT COUNT(*), MIN(received_at) FROM journal_entry
               WHERE org_id = $1 AND state = 'quarantined' AND received_at >= $2";
    let found: Option<(i64, Option<Millis>)> = tx.one(sql, args![org, now - REJECTED_WITHIN]).await?;
    Ok(counted(found).map(|(count, since)| Alert {
        kind: AlertKind::WebhooksRejected,
        since,
        count,
        text: match count {
            1 => "1 webhook of the last day did not prove where it comes from".to_owned(),
            count => format!("{count} webhooks of the last day did not prove where they come from"),
        },
        advice: "Mostly the credentials or the server's public address are wrong. Lines has what came and checks it again."
            .to_owned(),
        place: LINES.to_owned(),
    }))
}

async fn failed(backend: &Backend, tx: &mut Tx, org: OrgId) -> Result<Option<Alert>> {
    let jobs = aside::jobs(backend, tx, org).await?;
    let oldest = jobs.iter().map(|job| job.created_at).min();
    Ok(oldest.map(|since| {
        let count = whole(jobs.len());
        Alert {
            kind: AlertKind::JobsFailed,
            since,
            count,
            text: format!(
                "{} set aside",
                if count == 1 { "1 job was".to_owned() } else { format!("{count} jobs were") }
            ),
            advice: "Replay them once the cause is gone.".to_owned(),
            place: OPERATION.to_owned(),
        }
    }))
}

async fn late(tx: &mut Tx, org: OrgId, now: Millis) -> Result<Option<Alert>> {
    // Kind by kind, since the index on what is due begins with it.
    let sql = format!(
        "SELECT COUNT(*), MIN(run_at) FROM job
         WHERE org_id = $1 AND state IN ('ready', 'running') AND run_at <= $2
           AND (state = 'ready' OR lease_until <= $2) AND kind IN ({})",
        placeholders(3, Job::KINDS.len())
    );
    let mut values = args![org, now - LATE_AFTER];
    values.extend(Job::KINDS.map(Value::from));
    let found: Option<(i64, Option<Millis>)> = tx.one(AssertSqlSafe(sql), values).await?;
    Ok(counted(found).map(|(count, since)| Alert {
        kind: AlertKind::JobsLate,
        since,
        count,
        text: format!(
            "{} for more than 5 minutes",
            if count == 1 { "1 job has waited".to_owned() } else { format!("{count} jobs have waited") }
        ),
        advice: "Messages may be late. Whoever runs the server should see whether it is well, and what its log says."
            .to_owned(),
        place: OPERATION.to_owned(),
    }))
}

async fn uncertain(tx: &mut Tx, org: OrgId) -> Result<Option<Alert>> {
    let count = tx
        .number("SELECT COUNT(*) FROM message WHERE org_id = $1 AND state = 'uncertain'", args![org])
        .await?;
    let oldest: Option<(Uuid, Millis)> = tx
        .one(
            "SELECT conversation_id, state_at FROM message WHERE org_id = $1 AND state = 'uncertain'
             ORDER BY state_at LIMIT 1",
            args![org],
        )
        .await?;
    Ok(oldest.map(|(conversation, since)| {
        let text = match count {
            1 => "1 message may not have arrived".to_owned(),
            count => format!("{count} messages may not have arrived"),
        };
        Alert {
            kind: AlertKind::MessagesUncertain,
            since,
            count: whole(count),
            text,
            advice:
                "Ask the patient, or look into the carrier's console; then say what is so, on the message."
                    .to_owned(),
            place: format!("/c/{conversation}"),
        }
    }))
}

/// What an aggregate found, unless that is nothing.
fn counted(found: Option<(i64, Option<Millis>)>) -> Option<(u32, Millis)> {
    let (count, oldest) = found?;
    Some((whole(count), oldest?))
}

fn webhooks(count: u32) -> String {
    if count == 1 { "1 webhook".to_owned() } else { format!("{count} webhooks") }
}
