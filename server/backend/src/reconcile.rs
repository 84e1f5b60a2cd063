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
use brought::Listing;
use futures::future::join_all;
use model::Millis;
use providers::{Confirmation, Listed, NotListed, Recent, Verification};
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

/// Lists that are read at most in one round of a carrier that shows more once it is told what is safe here.
const MOST_LISTS: usize = 20;

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
                    note_unread(backend, route, Pictures::Unasked).await?;
                    sum.incomplete += 1;
                }
            }
        }
    }
    Ok(sum)
}

/// What one list came to.
#[derive(Default)]
struct Taken {
    messages: usize,
    reports: usize,
    /// Some of it could not be taken in.
    failed: bool,
    /// Pictures of some messages are still to be told.
    untold: bool,
    /// It is not all that the carrier has.
    short: bool,
    /// What the carrier need not list any more.
    safe: Vec<Confirmation>,
    /// It lists more once it is told so.
    more: bool,
}

async fn ask(backend: &Backend, route: &Route, younger: Duration) -> Result<Found> {
    let now = backend.clock.now();
    let standing = Standing::of(backend, route, now).await?;
    let (mut found, mut failed, mut untold) = (Found::default(), false, false);
    let (mut told, mut lists) = (HashSet::new(), 0);
    let short = loop {
        let mut taken = take_in(backend, route, &standing, now - millis(younger)).await?;
        found.messages += taken.messages;
        found.reports += taken.reports;
        failed |= taken.failed;
        untold |= taken.untold;
        lists += 1;
        // One that shows again what it was told of needs time.
        taken.safe.retain(|safe| told.insert(safe.clone()));
        let ends = !taken.more || lists >= MOST_LISTS || taken.safe.is_empty();
        if ends || !confirm(backend, route, &taken.safe).await {
            break taken.short;
        }
    };
    if failed || short {
        let pictures = match (untold, short) {
            (true, _) => Pictures::Untold,
            (false, true) => Pictures::Unasked,
            (false, false) => Pictures::Told,
        };
        note_unread(backend, route, pictures).await?;
        found.incomplete = 1;
    } else {
        note_asked(backend, route, now).await?;
    }
    Ok(found)
}

/// Asks for the list once, and makes durable what is new in it.
async fn take_in(backend: &Backend, route: &Route, standing: &Standing, settled: Millis) -> Result<Taken> {
    let provider = route.provider.as_str();
    let carrier = providers::for_kind(route.provider);
    let since = standing.since - brought::AROUND;
    let recent = match carrier.recent(&backend.http, &route.account, since).await {
        Ok(recent) => recent,
        // Its words are for staff.
        Err(NotListed(_)) => {
            tracing::warn!(account = %route.account_id, provider, "a carrier did not list its messages");
            return Ok(Taken { short: true, ..Taken::default() });
        }
    };
    let Recent { messages, cut_short, broke_off, more } = recent;
    if cut_short && !more {
        tracing::warn!(account = %route.account_id, provider, "a carrier's list is longer than what is read of it");
    }
    if broke_off {
        tracing::warn!(account = %route.account_id, provider, "a carrier told a part of its messages");
    }
    let (mut inbound, mut ours, mut safe) = (Vec::new(), Vec::new(), Vec::new());
    for listed in messages {
        match listed {
            Listed::Inbound { at, .. } | Listed::Outbound { at, .. } if at < standing.made_at => {}
            Listed::Inbound { webhook, at, confirm } if at <= settled => {
                inbound.push(Listing { at, webhook: *webhook, confirm });
            }
            Listed::Inbound { .. } => {}
            Listed::Wordless { carrier_ids, confirm: Some(confirm) } => {
                if brought::is_here(backend, route, &carrier_ids).await? {
                    safe.push(confirm);
                }
            }
            Listed::Wordless { confirm: None, .. } => {}
            Listed::Outbound { status, to, text, at, confirm } => {
                ours.push(Sent { status: *status, to, text, at, confirm });
            }
        }
    }
    let kept = brought::keep(backend, route, inbound, standing.untold_since).await?;
    let heard = sent::hear(backend, route, ours, settled, !broke_off && !more).await?;
    safe.extend(kept.safe);
    safe.extend(heard.safe);
    Ok(Taken {
        messages: kept.found,
        reports: heard.reports,
        failed: !kept.whole,
        untold: kept.untold,
        short: cut_short || broke_off,
        safe,
        more,
    })
}

/// Tells the carrier what is safe here; `false` when it could not be told. The next round tells it then.
async fn confirm(backend: &Backend, route: &Route, safe: &[Confirmation]) -> bool {
    let carrier = providers::for_kind(route.provider);
    let told = carrier.confirm(&backend.http, &route.account, safe).await;
    if told.is_err() {
        let provider = route.provider.as_str();
        tracing::warn!(account = %route.account_id, provider, "a carrier could not be told what is safe here");
    }
    told.is_ok()
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

/// What the carrier said of the pictures of messages in its list.
enum Pictures {
    Told,
    /// Those of some message are still to be told.
    Untold,
    /// Nothing: not all of the list was read.
    Unasked,
}

/// Something is missing: the next round asks from as far back again, and admins are told if that goes on for long.
async fn note_unread(backend: &Backend, route: &Route, pictures: Pictures) -> Result<()> {
    let now = backend.clock.now();
    let (untold_since, told) = match pictures {
        Pictures::Told => (None, true),
        Pictures::Untold => (Some(now), false),
        Pictures::Unasked => (None, false),
    };
    let mut tx = backend.store.write().await?;
    tx.execute(
        "UPDATE line_account SET unlisted_since = COALESCE(unlisted_since, $3),
             untold_since = CASE WHEN $5 THEN NULL ELSE COALESCE(untold_since, $4) END
         WHERE id = $1 AND provider = $2",
        args![route.account_id, route.provider.as_str(), now, untold_since, told],
    )
    .await?;
    Ok(tx.commit().await?)
}
