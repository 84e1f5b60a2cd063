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

/// Accounts of which no webhook comes, though in the same hours of both weeks before some did.
pub(super) async fn stopped(tx: &mut Tx, org: OrgId, now: Millis) -> Result<Vec<Alert>> {
    let recent = by_account(tx, org, now - SILENCE, now + 1).await?;
    let last_week = by_account(tx, org, now - WEEK - SILENCE, now - WEEK).await?;
    let week_before = by_account(tx, org, now - 2 * WEEK - SILENCE, now - 2 * WEEK).await?;
    let usual = |counts: &BTreeMap<Uuid, i64>, account: &Uuid| {
        counts.get(account).is_some_and(|count| *count >= USUAL)
    };
    let mut alerts = Vec::new();
    for account in last_week.keys() {
        if recent.contains_key(account) || !usual(&last_week, account) || !usual(&week_before, account) {
            continue;
        }
        let names: Option<(String, String)> = tx
            .one(
                "SELECT l.name, a.provider FROM line_account a JOIN line l ON l.id = a.line_id
                 WHERE a.id = $1 AND a.disabled_at IS NULL AND l.disabled_at IS NULL",
                args![*account],
            )
            .await?;
        let Some((line, carrier)) = names else { continue };
        let carrier = known(ProviderKind::from_word(&carrier))?.label();
        let since = tx
            .number(
                "SELECT received_at FROM journal_entry
                 WHERE org_id = $1 AND account_id = $2 AND state = 'done' AND listed_at IS NULL
                 ORDER BY received_at DESC LIMIT 1",
                args![org, *account],
            )
            .await?;
        alerts.push(Alert {
            kind: AlertKind::WebhooksStopped,
            since,
            count: 1,
            text: format!(
                "No webhook has come from {carrier} for {line} in 6 hours in which some usually do"
            ),
            advice: "Check the webhook addresses in the carrier's console. On a holiday it may be right."
                .to_owned(),
            place: LINES.to_owned(),
        });
    }
    Ok(alerts)
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
