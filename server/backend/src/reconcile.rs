//! Reconciliation: carriers that keep a list of messages are asked for what their webhooks did not bring.
//!
//! What a patient wrote is journalled under the id that its webhook has, so that one which comes late is a repetition.
//! What we sent is heard of as from a webhook. A carrier that does not answer is asked again with the next round, which
//! then reaches back as far as the last one that succeeded.

mod brought;
mod sent;

use crate::clock::millis;
use crate::lines::{self, Route};
use crate::store::args;
use crate::{Backend, Result};
use futures::future::join_all;
use model::Millis;
use providers::{Listed, NotListed, Recent, Verification};
use sent::Sent;
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

/// How far a round looks back.
const LOOKS_BACK: Duration = Duration::from_secs(4 * 60 * 60);

/// How far it looks back for messages that nobody is sure about.
const LOOKS_BACK_IF_UNSURE: Duration = Duration::from_secs(24 * 60 * 60);

/// How far it looks back at most, when no round succeeded for long: the server stood still, or has an older database
/// again.
const LOOKS_BACK_AFTER_A_STOP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What may have been missing in the list of the round before, although it was there already.
const OVERLAP: Duration = Duration::from_secs(10 * 60);

/// Whatever is younger is left alone: its webhook, or the answer to our request, is on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(2 * 60);

/// Until when a message that nobody is sure about is looked for every minute.
const SOON: Duration = Duration::from_secs(6 * 60);

/// Accounts that are asked side by side: one whose carrier does not answer holds few others up.
const SIDE_BY_SIDE: usize = 8;

/// What a round came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Messages from patients that no webhook had brought.
    pub messages: usize,
    /// Messages of ours of which the list knew more.
    pub reports: usize,
    /// Accounts whose carrier did not tell everything; the next round asks again.
    pub incomplete: usize,
}

/// One round over all accounts of all organisations, to be made every ten minutes.
///
/// # Errors
/// When the database cannot be reached. What is wrong with one account is logged, and holds up no other.
pub async fn run(backend: &Backend) -> Result<Found> {
    run_but(backend, ON_ITS_WAY).await
}

/// As [`run`], leaving alone what is `younger`: for stories, which do not wait for two minutes.
///
/// # Errors
/// As [`run`].
pub async fn run_but(backend: &Backend, younger: Duration) -> Result<Found> {
    let mut tx = backend.store.read().await?;
    let routes = lines::all_to_ask(backend, &mut tx).await?;
    drop(tx);
    let found = round(backend, routes, younger).await?;
    if found != Found::default() {
        let Found { messages, reports, incomplete } = found;
        tracing::info!(messages, reports, incomplete, "carriers were asked what their webhooks missed");
    }
    Ok(found)
}

/// The same for those accounts alone that sent something minutes ago of which nobody knows whether it left, to be made
/// every minute: mostly there is none.
///
/// # Errors
/// As [`run`].
pub async fn look_up(backend: &Backend) -> Result<Found> {
    let now = backend.clock.now();
    let mut tx = backend.store.read().await?;
    let rows: Vec<(Uuid,)> = tx
        .all(
            "SELECT DISTINCT account_id FROM delivery
             WHERE state = 'uncertain' AND marked_at > $1 AND marked_at <= $2",
            args![now - millis(SOON), now - millis(ON_ITS_WAY)],
        )
        .await?;
    if rows.is_empty() {
        return Ok(Found::default());
    }
    let unsure: HashSet<Uuid> = rows.into_iter().map(|(account,)| account).collect();
    let mut routes = lines::all_to_ask(backend, &mut tx).await?;
    drop(tx);
    routes.retain(|route| unsure.contains(&route.account_id.0));
    round(backend, routes, ON_ITS_WAY).await
}

async fn round(backend: &Backend, mut routes: Vec<Route>, younger: Duration) -> Result<Found> {
    for route in &mut routes {
        // What it lists has no signature: it was asked itself.
        route.account.verification = Verification::Off;
    }
    let mut sum = Found::default();
    for some in routes.chunks(SIDE_BY_SIDE) {
        // Boxed, or whoever calls would carry eight of them.
        let asked = join_all(some.iter().map(|route| Box::pin(ask(backend, route, younger)))).await;
        for (route, found) in some.iter().zip(asked) {
            match found {
                Ok(found) => {
                    sum.messages += found.messages;
                    sum.reports += found.reports;
                    sum.incomplete += found.incomplete;
                }
                Err(error) if error.is_outage() => return Err(error),
                Err(error) => {
                    tracing::error!(account = %route.account_id, %error, "what a carrier lists could not be taken in");
                    note_unread(backend, route, false).await?;
                    sum.incomplete += 1;
                }
            }
        }
    }
    Ok(sum)
}

async fn ask(backend: &Backend, route: &Route, younger: Duration) -> Result<Found> {
    let now = backend.clock.now();
    let settled = now - millis(younger);
    let Standing { since, made_at, untold_since } = Standing::of(backend, route, now).await?;
    let provider = route.provider.as_str();
    let carrier = providers::for_kind(route.provider);
    let recent = match carrier.recent(&backend.http, &route.account, since - brought::AROUND).await {
        Ok(recent) => recent,
        // Its words are for staff.
        Err(NotListed(_)) => {
            tracing::warn!(account = %route.account_id, provider, "a carrier did not list its messages");
            note_unread(backend, route, false).await?;
            return Ok(Found { incomplete: 1, ..Found::default() });
        }
    };
    let Recent { messages, cut_short, broke_off } = recent;
    if cut_short {
        tracing::warn!(account = %route.account_id, provider, "a carrier's list is longer than what is read of it");
    }
    if broke_off {
        tracing::warn!(account = %route.account_id, provider, "a carrier told a part of its messages");
    }
    let (mut webhooks, mut ours) = (Vec::new(), Vec::new());
    for listed in messages {
        match listed {
            Listed::Inbound { at, .. } | Listed::Outbound { at, .. } if at < made_at => {}
            Listed::Inbound { webhook, at } if at <= settled => webhooks.push((at, *webhook)),
            Listed::Inbound { .. } => {}
            Listed::Outbound { status, to, text, at } => ours.push(Sent { status: *status, to, text, at }),
        }
    }
    let kept = brought::keep(backend, route, webhooks, untold_since).await?;
    let reports = sent::hear(backend, route, ours, settled, broke_off).await?;
    let complete = kept.whole && !cut_short && !broke_off;
    if complete {
        note_asked(backend, route, now).await?;
    } else {
        note_unread(backend, route, kept.untold).await?;
    }
    Ok(Found { messages: kept.found, reports, incomplete: usize::from(!complete) })
}

/// How an account's list stands before a round.
struct Standing {
    /// From when on the carrier is asked.
    since: Millis,
    /// Since when the account is here: what another program sent and received before is none of ours.
    made_at: Millis,
    /// Since when it does not tell the pictures of messages in it.
    untold_since: Option<Millis>,
}

impl Standing {
    async fn of(backend: &Backend, route: &Route, now: Millis) -> Result<Self> {
        let mut tx = backend.store.read().await?;
        let account: Option<(Option<Millis>, Option<Millis>, Millis)> = tx
            .one(
                "SELECT reconciled_until, untold_since, created_at FROM line_account WHERE id = $1",
                args![route.account_id],
            )
            .await?;
        let (until, untold_since, made_at) = account.unwrap_or((None, None, now));
        let unsure: Option<(Option<Millis>,)> = tx
            .one(
                "SELECT MIN(marked_at) FROM delivery WHERE account_id = $1 AND state = 'uncertain' AND marked_at > $2",
                args![route.account_id, now - millis(LOOKS_BACK_IF_UNSURE)],
            )
            .await?;
        let unsure = unsure.and_then(|(marked_at,)| marked_at).map(|marked_at| marked_at - sent::EARLIER);
        // Where no round ever succeeded, nothing is known of all the time since the account is here.
        let until = until.map_or(made_at, |until| until - millis(OVERLAP));
        let until = until.max(now - millis(LOOKS_BACK_AFTER_A_STOP));
        let wanted = unsure.into_iter().chain([until]).fold(now - millis(LOOKS_BACK), Millis::min);
        Ok(Self { since: wanted.max(made_at), made_at, untold_since })
    }
}

/// Until now everything is known. What the simulator lists in another carrier's place is not that one's word.
async fn note_asked(backend: &Backend, route: &Route, now: Millis) -> Result<()> {
    let mut tx = backend.store.write().await?;
    tx.execute(
        "UPDATE line_account SET reconciled_until = $3, unlisted_since = NULL, untold_since = NULL
         WHERE id = $1 AND provider = $2",
        args![route.account_id, route.provider.as_str(), now],
    )
    .await?;
    Ok(tx.commit().await?)
}

/// Something is missing: the next round asks from as far back again, and admins are told if that goes on for long.
/// `untold`: pictures of what was read.
async fn note_unread(backend: &Backend, route: &Route, untold: bool) -> Result<()> {
    let mut tx = backend.store.write().await?;
    tx.execute(
        "UPDATE line_account SET unlisted_since = COALESCE(unlisted_since, $3),
             untold_since = CASE WHEN $4 THEN COALESCE(untold_since, $3) END
         WHERE id = $1 AND provider = $2",
        args![route.account_id, route.provider.as_str(), backend.clock.now(), untold],
    )
    .await?;
    Ok(tx.commit().await?)
}
