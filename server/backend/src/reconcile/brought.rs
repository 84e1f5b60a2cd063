//! What patients wrote and no webhook brought.

use crate::clock::millis;
use crate::keys::Purpose;
use crate::lines::Route;
use crate::store::{Tx, args};
use crate::{Backend, Result, inbox};
use model::Millis;
use providers::{Confirmation, Event, InList, Inbound, NotListed, Received, WebhookRequest};
use std::collections::HashSet;
use std::time::Duration;

/// How far apart, in milliseconds, the carrier's instant and ours of one message may be.
const APART: Millis = 10 * 60 * 1000;

/// How much further back the list is asked for, in milliseconds: of messages that are alike, all stand in it.
pub(super) const AROUND: Millis = 2 * APART;

/// How long a message waits for the carrier to tell its pictures, from when it was first asked for them: an outage of ours
/// is often followed by a hiccup of theirs. Then its text comes alone.
const PICTURES_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A message from a patient as a carrier lists it.
pub(super) struct Listing {
    pub(super) at: Millis,
    pub(super) webhook: WebhookRequest,
    /// What the carrier may be told once it is safe here.
    pub(super) confirm: Option<Confirmation>,
}

/// The same, read.
struct Message {
    at: Millis,
    webhook: WebhookRequest,
    confirm: Option<Confirmation>,
    received: Received,
    inbound: Inbound,
}

impl Message {
    fn read(route: &Route, listing: Listing) -> Option<Self> {
        let Listing { at, webhook, confirm } = listing;
        let carrier = providers::for_kind(route.provider);
        let Ok(received) = carrier.receive(&route.account, &webhook) else {
            tracing::warn!(account = %route.account_id, "a carrier lists a message that cannot be read");
            return None;
        };
        let inbound = received.events.iter().cloned().find_map(inbound)?;
        Some(Self { at, webhook, confirm, received, inbound })
    }
}

fn inbound(event: Event) -> Option<Inbound> {
    match event {
        Event::Inbound(inbound) => Some(inbound),
        Event::Status(_) | Event::Ignored { .. } => None,
    }
}

/// The carrier's ids of messages, in one round.
struct Ids {
    /// Those that the list names.
    listed: HashSet<String>,
    /// Of messages that are here: each stands for one that the list names otherwise.
    taken: HashSet<String>,
}

/// What became of a listed message.
enum Outcome {
    /// It is here already.
    Known,
    /// One is here that nobody can tell from it.
    Alike,
    Journalled,
    /// Its pictures are still to be told.
    Waits,
}

/// What became of what patients wrote, as the carrier lists it.
pub(super) struct Kept {
    /// How many messages nobody had brought.
    pub(super) found: usize,
    /// Whether that is all of them.
    pub(super) whole: bool,
    /// Pictures of some are still to be told.
    pub(super) untold: bool,
    /// Those that are certainly here, by this or before.
    pub(super) safe: Vec<Confirmation>,
}

/// Journals those of the listed messages that nobody has brought: what is wrong with one holds up no other.
/// `untold_since`: since when the carrier does not tell the pictures of some.
pub(super) async fn keep(
    backend: &Backend,
    route: &Route,
    listed: Vec<Listing>,
    untold_since: Option<Millis>,
) -> Result<Kept> {
    let mut messages: Vec<Message> =
        listed.into_iter().filter_map(|listing| Message::read(route, listing)).collect();
    // Of one sender they are read in the order in which they are journalled.
    messages.sort_by_key(|message| message.at);
    let mut once = HashSet::new();
    messages.retain(|message| once.insert(message.received.external_id.clone()));
    let listed = messages.iter().map(|message| message.inbound.carrier_id.clone()).collect();
    let mut ids = Ids { listed, taken: HashSet::new() };
    let mut kept = Kept { found: 0, whole: true, untold: false, safe: Vec::new() };
    for mut message in messages {
        let confirm = message.confirm.take();
        match bring(backend, route, message, &mut ids, untold_since).await {
            Ok(Outcome::Known) => kept.safe.extend(confirm),
            Ok(Outcome::Alike) => {}
            Ok(Outcome::Journalled) => {
                kept.found += 1;
                kept.safe.extend(confirm);
            }
            Ok(Outcome::Waits) => (kept.whole, kept.untold) = (false, true),
            Err(error) if error.is_outage() => return Err(error),
            Err(error) => {
                tracing::error!(account = %route.account_id, %error, "a listed message could not be taken in");
                kept.whole = false;
            }
        }
    }
    Ok(kept)
}

async fn bring(
    backend: &Backend,
    route: &Route,
    message: Message,
    ids: &mut Ids,
    untold_since: Option<Millis>,
) -> Result<Outcome> {
    let mut look = backend.store.read().await?;
    if is_known(&mut look, route, &message).await? {
        return Ok(Outcome::Known);
    }
    if let Some(seen) = under_another_id(backend, &mut look, route, &message, ids).await? {
        return Ok(seen);
    }
    drop(look);
    let carrier = providers::for_kind(route.provider);
    let webhook = match carrier.complete(&backend.http, &route.account, message.webhook.clone()).await {
        Ok(webhook) => webhook,
        Err(NotListed(_)) => {
            tracing::warn!(account = %route.account_id, "a carrier did not tell the pictures of a message");
            if pictures_may_come(message.at, untold_since, backend.clock.now()) {
                return Ok(Outcome::Waits);
            }
            // As it is listed, its pictures show as ones that could not be fetched.
            message.webhook
        }
    };
    let new = journal(backend, route, &webhook, message.received, message.at).await?;
    Ok(if new { Outcome::Journalled } else { Outcome::Known })
}

/// Whether a message is left to the next rounds, which ask for its pictures again: not for longer than a day since they
/// were first asked for, and not until it is too old to be listed once more.
fn pictures_may_come(at: Millis, untold_since: Option<Millis>, now: Millis) -> bool {
    let wait = millis(PICTURES_WAIT);
    let first_asked = untold_since.unwrap_or(now).max(at);
    let last_listed = at + millis(super::LOOKS_BACK_AFTER_A_STOP);
    first_asked + wait > now && last_listed - wait > now
}

async fn journal(
    backend: &Backend,
    route: &Route,
    webhook: &WebhookRequest,
    received: Received,
    listed_at: Millis,
) -> Result<bool> {
    let mut tx = backend.store.write().await?;
    let kept = inbox::keep_found(backend, &mut tx, route, webhook, received, listed_at).await?;
    tx.commit().await?;
    if kept {
        backend.live.wake(route.org_id);
        metrics::counter!("messages_found_later_total", "provider" => route.provider.as_str()).increment(1);
    }
    Ok(kept)
}

/// Whether a message is here already, whichever door it came through: one address may take the messages of several
/// numbers, and two organisations may share an account at a carrier, whose webhooks then go to one of them.
async fn is_known(tx: &mut Tx, route: &Route, message: &Message) -> Result<bool> {
    if is_message(tx, route, &message.inbound.carrier_id).await? {
        return Ok(true);
    }
    let provider = route.provider.as_str();
    let entries = tx
        .number(
            "SELECT COUNT(*) FROM journal_entry WHERE kind IN ('inbound', 'status') AND external_id = $1
               AND account_id IN (SELECT id FROM line_account WHERE provider = $2 OR id = $3)",
            args![&message.received.external_id, provider, route.account_id],
        )
        .await?;
    Ok(entries > 0)
}

/// Whether a message is here that came under one of these ids.
pub(super) async fn is_here(backend: &Backend, route: &Route, carrier_ids: &[String]) -> Result<bool> {
    let mut look = backend.store.read().await?;
    for id in carrier_ids {
        if is_message(&mut look, route, id).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn is_message(tx: &mut Tx, route: &Route, carrier_id: &str) -> Result<bool> {
    let messages = tx
        .number(
            "SELECT COUNT(*) FROM message WHERE carrier_id = $1
               AND account_id IN (SELECT id FROM line_account WHERE provider = $2 OR id = $3)",
            args![carrier_id, route.provider.as_str(), route.account_id],
        )
        .await?;
    Ok(messages > 0)
}

/// Whether a message came under another id than the list has it under: some carriers call a request to stop otherwise in
/// their webhooks, and a template that a person wrote may leave the id out. Where nobody can tell, the same words of the
/// same sender at that time are taken for the same message, each for one.
async fn under_another_id(
    backend: &Backend,
    tx: &mut Tx,
    route: &Route,
    message: &Message,
    ids: &mut Ids,
) -> Result<Option<Outcome>> {
    // A webhook may have been repeated until somebody was there to take it.
    let latest = message.at + millis(super::LOOKS_BACK_AFTER_A_STOP);
    let rows: Vec<(Option<String>, Millis)> = tx
        .all(
            "SELECT m.carrier_id, m.at FROM message m JOIN conversation c ON c.id = m.conversation_id
             JOIN number n ON n.id = c.number_id
             WHERE n.org_id = $1 AND n.hash = $2 AND m.account_id = $3 AND m.direction = 'inbound' AND m.body = $4
               AND m.at >= $5 AND m.at <= $6 ORDER BY m.at, m.id",
            args![
                route.org_id,
                backend.keys.hash_address(&message.inbound.from),
                route.account_id,
                &message.inbound.text,
                message.at - APART,
                latest
            ],
        )
        .await?;
    let mut alike = None;
    for (id, at) in rows.into_iter().filter_map(|(id, at)| Some((id?, at))) {
        let near = at <= message.at + APART;
        match in_list(backend, tx, route, &id).await? {
            InList::As(listed) if listed == message.inbound.carrier_id => return Ok(Some(Outcome::Known)),
            InList::Unknown
                if near && alike.is_none() && !ids.listed.contains(&id) && !ids.taken.contains(&id) =>
            {
                alike = Some(id);
            }
            InList::Same | InList::As(_) | InList::Unknown => {}
        }
    }
    Ok(alike.map(|id| {
        ids.taken.insert(id);
        Outcome::Alike
    }))
}

/// Under which id the list has a message that is here, as the webhook says that brought it. One that is not in the journal
/// any more is taken for no other: rather is a message there twice than not at all.
async fn in_list(backend: &Backend, tx: &mut Tx, route: &Route, carrier_id: &str) -> Result<InList> {
    let sealed: Option<(Vec<u8>,)> = tx
        .one(
            "SELECT request_sealed FROM journal_entry
             WHERE account_id = $1 AND kind IN ('inbound', 'status') AND external_id = $2
             ORDER BY received_at LIMIT 1",
            args![route.account_id, format!("inbound:{carrier_id}")],
        )
        .await?;
    let Some((sealed,)) = sealed else { return Ok(InList::Same) };
    let raw = backend.keys.open(Purpose::Journal, &sealed)?;
    let carrier = providers::for_kind(route.provider);
    let received = serde_json::from_slice::<WebhookRequest>(&raw)
        .ok()
        .and_then(|request| carrier.receive(&route.account, &request).ok());
    let inbound = received.and_then(|received| received.events.into_iter().find_map(inbound));
    Ok(inbound.map_or(InList::Same, |inbound| inbound.in_list))
}
