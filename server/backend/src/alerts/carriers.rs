//! What no longer comes from a carrier: its webhooks, and its list of messages, from which what they miss is found.

use super::{HOUR, LINES};
use crate::Result;
use crate::conversations::rows::known;
use crate::store::{Tx, args};
use model::line::ProviderKind;
use model::operation::{Alert, AlertKind};
use model::{Millis, OrgId};
use std::collections::BTreeMap;
use uuid::Uuid;

const WEEK: Millis = 7 * 24 * HOUR;

/// A silence as long as this is compared with the same hours of the weeks before. Nights, weekends and quiet afternoons
/// were silent then too.
const SILENCE: Millis = 6 * HOUR;

/// Fewer webhooks than this in the same hours of a week before tell nothing.
const USUAL: i64 = 3;

/// A list that could not be read for so long is no hiccup.
const UNLISTED: Millis = 6 * HOUR;

/// Patients' messages older than this say nothing of what usually comes.
const REMEMBERED: Millis = 8 * WEEK;

/// Accounts from which nothing comes any more, though some usually does. Messages are looked at by themselves: whoever
/// enters another address for them at the carrier mostly leaves the one for reports as it is.
pub(super) async fn stopped(tx: &mut Tx, org: OrgId, now: Millis) -> Result<Vec<Alert>> {
    let accounts: Vec<(Uuid, String, String)> = tx
        .all(
            "SELECT a.id, l.name, a.provider FROM line_account a JOIN line l ON l.id = a.line_id
             WHERE a.org_id = $1 AND a.disabled_at IS NULL AND l.disabled_at IS NULL ORDER BY l.id, a.id",
            args![org],
        )
        .await?;
    let silent = silent(tx, org, now).await?;
    let mut alerts = Vec::new();
    for (account, line, carrier) in accounts {
        let (since, what, when) =
            if let Some(last) = last_message_before_a_silence(tx, org, account, now).await? {
                (last, "message", "hours")
            } else if silent.contains(&account) {
                (last_webhook(tx, org, account).await?, "webhook", "6 hours")
            } else {
                continue;
            };
        let carrier = known(ProviderKind::from_word(&carrier))?.label();
        alerts.push(Alert {
            kind: AlertKind::WebhooksStopped,
            since,
            count: 1,
            text: format!("No {what} has come from {carrier} for {line} in {when} in which some usually do"),
            advice: "Check the webhook addresses in the carrier's console. On a holiday it may be right."
                .to_owned(),
            place: LINES.to_owned(),
        });
    }
    Ok(alerts)
}

/// When the last message came through an account by a webhook, if there was a silence since then: hours without any,
/// though in the same hours of both weeks before that last one some came. It is so until one comes again, at night and
/// months later as well.
async fn last_message_before_a_silence(
    tx: &mut Tx,
    org: OrgId,
    account: Uuid,
    now: Millis,
) -> Result<Option<Millis>> {
    let last: Option<(Millis,)> = tx
        .one(
            "SELECT at FROM message
             WHERE org_id = $1 AND direction = 'inbound' AND account_id = $2 AND at >= $3 AND NOT found_later
             ORDER BY at DESC LIMIT 1",
            args![org, account, now - REMEMBERED],
        )
        .await?;
    let Some((last,)) = last.filter(|(last,)| *last <= now - SILENCE) else { return Ok(None) };
    // After a week and these hours everything has been compared.
    let until = now.min(last + WEEK + SILENCE);
    let mut weeks = Vec::new();
    for before in [WEEK, 2 * WEEK] {
        weeks.push(messages_by_hour(tx, org, account, (last, until), before).await?);
    }
    let hours = SILENCE / HOUR;
    let was_usual = (last / HOUR + 1..=until / HOUR - hours).any(|first| {
        weeks
            .iter()
            .all(|week| week.range(first..first + hours).map(|(_, count)| count).sum::<i64>() >= USUAL)
    });
    if !was_usual {
        return Ok(None);
    }
    // What could not be read, or was here already, came all the same.
    let came: Option<(Millis,)> = tx
        .one(
            "SELECT received_at FROM journal_entry
             WHERE org_id = $1 AND state IN ('pending', 'done', 'poisoned', 'quarantined', 'dismissed')
               AND received_at > $3 AND account_id = $2 AND kind = 'inbound' AND listed_at IS NULL LIMIT 1",
            args![org, account, last],
        )
        .await?;
    Ok(Some(last).filter(|_| came.is_none()))
}

/// How many messages webhooks brought in each hour of a stretch of time, so long `before` it; under the hours of that stretch
/// itself, counted from 1970-01-01.
async fn messages_by_hour(
    tx: &mut Tx,
    org: OrgId,
    account: Uuid,
    (from, until): (Millis, Millis),
    before: Millis,
) -> Result<BTreeMap<i64, i64>> {
    let rows: Vec<(i64, i64)> = tx
        .all(
            "SELECT (at + $5) / $6, COUNT(*) FROM message
             WHERE org_id = $1 AND direction = 'inbound' AND account_id = $2 AND at >= $3 AND at < $4
               AND NOT found_later
             GROUP BY 1",
            args![org, account, from - before, until - before, before, HOUR],
        )
        .await?;
    Ok(rows.into_iter().collect())
}

/// Accounts through which neither messages nor reports came in the last hours, though in the same hours of both weeks
/// before some did.
async fn silent(tx: &mut Tx, org: OrgId, now: Millis) -> Result<Vec<Uuid>> {
    let recent = by_account(tx, org, now - SILENCE, now + 1).await?;
    let last_week = by_account(tx, org, now - WEEK - SILENCE, now - WEEK).await?;
    let week_before = by_account(tx, org, now - 2 * WEEK - SILENCE, now - 2 * WEEK).await?;
    let usual = |counts: &BTreeMap<Uuid, i64>, account: &Uuid| {
        counts.get(account).is_some_and(|count| *count >= USUAL)
    };
    let mut silent: Vec<Uuid> = last_week.keys().copied().collect();
    silent.retain(|account| {
        !recent.contains_key(account) && usual(&last_week, account) && usual(&week_before, account)
    });
    Ok(silent)
}

/// When a webhook last came through an account.
async fn last_webhook(tx: &mut Tx, org: OrgId, account: Uuid) -> Result<Millis> {
    let sql = "SELECT received_at FROM journal_entry
               WHERE org_id = $1 AND account_id = $2 AND state = 'done' AND listed_at IS NULL
               ORDER BY received_at DESC LIMIT 1";
    Ok(tx.number(sql, args![org, account]).await?)
}

/// Webhooks of a stretch of time by the account through which they came, whatever became of them. What was found in the
/// carrier's list is none: where webhooks go astray, all is found there.
async fn by_account(tx: &mut Tx, org: OrgId, from: Millis, until: Millis) -> Result<BTreeMap<Uuid, i64>> {
    let rows: Vec<(Uuid, i64)> = tx
        .all(
            "SELECT account_id, COUNT(*) FROM journal_entry
             WHERE org_id = $1 AND state IN ('pending', 'done', 'poisoned', 'quarantined', 'dismissed')
               AND received_at >= $2 AND received_at < $3 AND listed_at IS NULL
             GROUP BY account_id",
            args![org, from, until],
        )
        .await?;
    Ok(rows.into_iter().collect())
}

/// Accounts whose lists no round could read in full for long.
pub(super) async fn unlisted(tx: &mut Tx, org: OrgId, now: Millis) -> Result<Vec<Alert>> {
    let rows: Vec<(String, String, Millis)> = tx
        .all(
            "SELECT l.name, a.provider, a.unlisted_since FROM line_account a JOIN line l ON l.id = a.line_id
             WHERE a.org_id = $1 AND a.unlisted_since <= $2 AND a.disabled_at IS NULL AND l.disabled_at IS NULL
             ORDER BY a.unlisted_since, a.id",
            args![org, now - UNLISTED],
        )
        .await?;
    rows.into_iter()
        .map(|(line, carrier, since)| {
            let carrier = known(ProviderKind::from_word(&carrier))?.label();
            Ok(Alert {
                kind: AlertKind::ListsUnread,
                since,
                count: 1,
                text: format!(
                    "{carrier}'s list of the messages of {line} cannot be read in full: what its webhooks miss is not found"
                ),
                advice: "Check the carrier's credentials. Nothing is given up: it is read from where it ended once it can be."
                    .to_owned(),
                place: LINES.to_owned(),
            })
        })
        .collect()
}
