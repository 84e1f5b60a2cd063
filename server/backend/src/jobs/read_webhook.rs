//! A journalled webhook becomes messages and states.

mod again;

pub(crate) use again::offered_at;

use super::deliver_message::{self, DELIVERY_PARAMETER};
use super::queue::Claimed;
use super::{Job, Outcome, queue};
use crate::consent::{self, Entry, Source, Wish};
use crate::keys::Purpose;
use crate::lines::{self, Route};
use crate::messages::cost;
use crate::messages::deliveries::{self, Heard};
use crate::store::{Tx, args};
use crate::{Backend, Error, Result, conversations, live, numbers, organisations};
use bytes::Bytes;
use model::line::ProviderKind;
use model::live::Change;
use model::{
    Address, AttachmentId, ConversationId, DeliveryId, JournalEntryId, LineAccountId, MessageId, Millis,
    NumberId, PhoneNumber, segments,
};
use providers::{
    Event, Inbound, InboundMedia, MediaPlace, OptOut, Received, Rejected, Verification, WebhookRequest,
};
use std::time::Duration;
use uuid::Uuid;

/// When a status whose message is not known is looked at once more: the carrier's answer to our request was on its
/// way then, and is here by now.
const LOOK_AGAIN: Duration = Duration::from_secs(20);

/// The scheme of the address of an attachment that came within its webhook: then the entry's id and the position.
pub(super) const IN_JOURNAL: &str = "journal:";

/// What reading an event came to.
enum Read {
    Done,
    /// To be looked at again.
    Again,
    /// It makes no sense to us; it stays in the journal, to be read again by a version that knows better.
    Poisoned(&'static str),
}

/// A webhook from the journal, with the route through which it came.
struct Journalled {
    route: Route,
    request: WebhookRequest,
    received_at: Millis,
    state: String,
}

impl Journalled {
    async fn load(backend: &Backend, tx: &mut Tx, id: JournalEntryId) -> Result<Option<Self>> {
        #[derive(sqlx::FromRow)]
        struct Row {
            account_id: Uuid,
            request_sealed: Vec<u8>,
            at: Millis,
            provider: Option<String>,
            state: String,
        }
        let row: Option<Row> = tx
            .one(
                // What no webhook brought came when its carrier says: it stands between what was written before it
                // and what was written since.
                "SELECT account_id, request_sealed, COALESCE(listed_at, received_at) AS at, provider, state
                 FROM journal_entry WHERE id = $1",
                args![id],
            )
            .await?;
        let Some(Row { account_id, request_sealed, at: received_at, provider, state }) = row else {
            return Ok(None);
        };
        let through = provider.as_deref().and_then(ProviderKind::from_word);
        let route = lines::route_in(backend, tx, LineAccountId(account_id), through).await?;
        let mut route = route.ok_or(Error::Inconsistent("a journalled webhook of no account"))?;
        // It was checked when it came; the secret may have changed since.
        route.account.verification = Verification::Off;
        let raw = backend.keys.open(Purpose::Journal, &request_sealed)?;
        let request = serde_json::from_slice(&raw).map_err(|_| {
            Error::Inconsistent("a journalled webhook of a form that this version does not know")
        })?;
        Ok(Some(Self { route, request, received_at, state }))
    }

    fn receive(&self) -> std::result::Result<Received, Rejected> {
        providers::for_kind(self.route.provider).receive(&self.route.account, &self.request)
    }
}

pub(super) async fn run(backend: &Backend, claimed: &Claimed, id: JournalEntryId) -> Result<Outcome> {
    // Opened and understood before SQLite's one writer is asked for.
    let mut look = backend.store.read().await?;
    let Some(journalled) =
        Journalled::load(backend, &mut look, id).await?.filter(|entry| entry.state == "pending")
    else {
        return Ok(Outcome::Done);
    };
    drop(look);
    let received = journalled.receive();
    let Journalled { route, request, received_at, .. } = journalled;
    let mut tx = backend.store.write().await?;
    let read = match received {
        Ok(received) => {
            let mut worst = Read::Done;
            for event in received.events {
                match read_event(backend, &mut tx, &route, (id, &request), event, received_at).await? {
                    Read::Done => {}
                    other => worst = other,
                }
            }
            worst
        }
        Err(_) => Read::Poisoned("it was accepted, and cannot be read any more"),
    };
    let (state, failure) = match read {
        Read::Done => ("done", None),
        Read::Again => ("pending", None),
        Read::Poisoned(why) => {
            tracing::warn!(account = %route.account_id, why, "a webhook cannot be read and stays in the journal");
            metrics::counter!("webhooks_poisoned_total", "provider" => route.provider.as_str()).increment(1);
            ("poisoned", Some(why))
        }
    };
    let still_pending = tx
        .execute(
            "UPDATE journal_entry SET state = $2, failure = $3, done_at = $4 WHERE id = $1 AND state = 'pending'",
            args![id, state, failure, Some(backend.clock.now()).filter(|_| state != "pending")],
        )
        .await?;
    if still_pending == 0 {
        // Somebody else has read it meanwhile, and whatever was read here is dropped.
        return Ok(Outcome::Done);
    }
    let settled = !matches!(read, Read::Again);
    if settled && !claimed.finish_in(&mut tx).await? {
        return Err(Error::Inconsistent("a webhook was read for longer than its job was ours"));
    }
    tx.commit().await?;
    backend.live.wake(route.org_id);
    Ok(if settled { Outcome::Settled } else { Outcome::Again { after: LOOK_AGAIN } })
}

/// It stays in the journal with its reason.
pub(super) async fn end(backend: &Backend, tx: &mut Tx, id: JournalEntryId, why: &str) -> Result<()> {
    tx.execute(
        "UPDATE journal_entry SET state = 'poisoned', failure = $2, done_at = $3 WHERE id = $1 AND state = 'pending'",
        args![id, why, backend.clock.now()],
    )
    .await?;
    Ok(())
}

/// It is to be read again. `false` when it was read, or is to be read anyway.
pub(super) async fn reopen(tx: &mut Tx, id: JournalEntryId) -> Result<bool> {
    let moved = tx
        .execute(
            "UPDATE journal_entry SET state = 'pending', failure = NULL, done_at = NULL
             WHERE id = $1 AND state = 'poisoned'",
            args![id],
        )
        .await?;
    Ok(moved > 0)
}

async fn read_event(
    backend: &Backend,
    tx: &mut Tx,
    route: &Route,
    (entry, request): (JournalEntryId, &WebhookRequest),
    event: Event,
    received_at: Millis,
) -> Result<Read> {
    match event {
        Event::Inbound(inbound) => receive(backend, tx, route, entry, inbound, received_at).await,
        Event::Status(status) => {
            let told = delivery_of_address(request);
            match deliveries::hear_status(backend, tx, route.account_id, status, told, received_at).await? {
                Heard::Parked => Ok(Read::Again),
                Heard::Applied | Heard::StillParked => Ok(Read::Done),
                Heard::Failed(delivery, fault) => {
                    deliver_message::failed_later(backend, tx, delivery, fault).await?;
                    Ok(Read::Done)
                }
            }
        }
        Event::Ignored { .. } => Ok(Read::Done),
    }
}

/// The delivery that the status address was made for, see [`super::deliver_message`].
fn delivery_of_address(request: &WebhookRequest) -> Option<DeliveryId> {
    let (_, id) = request.query().find(|(name, _)| name == DELIVERY_PARAMETER)?;
    id.parse().ok()
}

/// Stores what a patient wrote: the text at once, a place for each picture, and a job that fetches it.
async fn receive(
    backend: &Backend,
    tx: &mut Tx,
    route: &Route,
    entry: JournalEntryId,
    inbound: Inbound,
    at: Millis,
) -> Result<Read> {
    if came_through_another_account(tx, route, &inbound).await? {
        return Ok(Read::Done);
    }
    let line = lines::line_of_inbound(backend, tx, route, inbound.to.as_ref()).await?;
    let from = match PhoneNumber::from_e164(&inbound.from) {
        Ok(number) => Address::Number(number),
        Err(_) => {
            let home = organisations::country(tx, route.org_id).await?;
            let national = PhoneNumber::parse(&inbound.from, home);
            national.map_or_else(|_| Address::from(inbound.from.clone()), Address::Number)
        }
    };
    let number = numbers::find_or_make_sender(backend, tx, route.org_id, &from).await?;
    let (conversation, _) = conversations::find_or_make(backend, tx, route.org_id, number, at).await?;
    let message: MessageId = backend.clock.new_id();
    let parts = segments::count(&inbound.text).parts;
    let price = cost::received(backend, route, inbound.channel, parts);
    let inserted = tx
        .execute(
            "INSERT INTO message (id, org_id, conversation_id, line_id, direction, channel, body, at, state,
                 state_at, parts, account_id, carrier_id, price_micros, price_currency, found_later)
             VALUES ($1, $2, $3, $4, 'inbound', $5, $6, $7, 'delivered', $7, $8, $9, $10, $11, $12,
                 (SELECT listed_at IS NOT NULL FROM journal_entry WHERE id = $13))
             ON CONFLICT (account_id, carrier_id) DO NOTHING",
            args![
                message,
                route.org_id,
                conversation,
                line,
                inbound.channel.as_str(),
                &inbound.text,
                at,
                parts,
                route.account_id,
                &inbound.carrier_id,
                price.map(|price| price.micros),
                price.map(|price| price.currency.as_str()),
                entry
            ],
        )
        .await?;
    if inserted == 0 {
        return Ok(Read::Done);
    }
    for (position, media) in inbound.media.iter().enumerate() {
        announce(backend, tx, route, entry, message, position, media).await?;
    }
    tx.execute(
        "UPDATE conversation SET unread = unread + 1,
             last_message_id = CASE WHEN last_message_id IS NULL OR last_at <= $2 THEN $3 ELSE last_message_id END,
             last_at = CASE WHEN last_message_id IS NULL OR last_at <= $2 THEN $2 ELSE last_at END
         WHERE id = $1",
        args![conversation, at, message],
    )
    .await?;
    heed(backend, tx, route, &inbound, conversation, number, at).await?;
    let change = Change::MessageAdded { conversation_id: conversation, message_id: message };
    live::record(backend, tx, route.org_id, change)?;
    metrics::counter!("inbound_messages_total", "channel" => inbound.channel.as_str()).increment(1);
    Ok(Read::Done)
}

/// Whether the message is here already by the webhook of another line at the same carrier, or by its list: a carrier that
/// calls for the whole account calls for each of its lines. Messages of one sender are read one after the other.
async fn came_through_another_account(tx: &mut Tx, route: &Route, inbound: &Inbound) -> Result<bool> {
    if inbound.to.is_none() {
        // To which line it was written is then known by the door alone.
        return Ok(false);
    }
    let messages = tx
        .number(
            // Asked for each account by itself: joined, the engines may walk through all messages.
            "SELECT COUNT(*) FROM line_account a WHERE a.org_id = $1 AND a.provider = $2 AND a.id <> $3
               AND (SELECT m.id FROM message m WHERE m.account_id = a.id AND m.carrier_id = $4) IS NOT NULL",
            args![route.org_id, route.provider.as_str(), route.account_id, &inbound.carrier_id],
        )
        .await?;
    Ok(messages > 0)
}

/// The file that came within a journalled webhook, if it is there.
pub(super) async fn inline_file(backend: &Backend, tx: &mut Tx, place: &str) -> Result<Option<Bytes>> {
    let Some((entry, position)) = place.strip_prefix(IN_JOURNAL).and_then(|place| place.split_once('/'))
    else {
        return Ok(None);
    };
    let (Ok(entry), Ok(position)) = (entry.parse::<JournalEntryId>(), position.parse::<usize>()) else {
        return Ok(None);
    };
    let Some(journalled) = Journalled::load(backend, tx, entry).await? else { return Ok(None) };
    let Ok(received) = journalled.receive() else { return Ok(None) };
    Ok(received.events.into_iter().find_map(|event| match event {
        Event::Inbound(inbound) => match inbound.media.into_iter().nth(position)?.place {
            MediaPlace::Inline(bytes) => Some(bytes),
            MediaPlace::Link(_) => None,
        },
        Event::Status(_) | Event::Ignored { .. } => None,
    }))
}

/// Keeps a place for a picture that waits at the carrier.
async fn announce(
    backend: &Backend,
    tx: &mut Tx,
    route: &Route,
    entry: JournalEntryId,
    message: MessageId,
    position: usize,
    media: &InboundMedia,
) -> Result<()> {
    let remote = match &media.place {
        MediaPlace::Link(link) => link.to_string(),
        // It stays where it is durable already, and is taken from there.
        MediaPlace::Inline(_) => format!("{IN_JOURNAL}{entry}/{position}"),
    };
    let id: AttachmentId = backend.clock.new_id();
    let now = backend.clock.now();
    tx.execute(
        "INSERT INTO attachment (id, org_id, message_id, position, direction, state, remote_url_sealed,
             file_name, media_type, byte_size, created_at)
         VALUES ($1, $2, $3, $4, 'inbound', 'arriving', $5, $6, 'application/octet-stream', 0, $7)",
        args![
            id,
            route.org_id,
            message,
            position,
            backend.keys.seal(Purpose::RemoteUrl, remote.as_bytes()),
            media.file_name.clone().unwrap_or_else(|| format!("photo-{}", position + 1)),
            now
        ],
    )
    .await?;
    queue::push(backend, tx, route.org_id, &Job::FetchMedia { attachment_id: id }, None, now).await
}

/// Enters a wish to stop or to start again into the ledger.
async fn heed(
    backend: &Backend,
    tx: &mut Tx,
    route: &Route,
    inbound: &Inbound,
    conversation: ConversationId,
    number: NumberId,
    at: Millis,
) -> Result<()> {
    let (wish, source, reason) = match (inbound.opt_out, consent::keyword(&inbound.text)) {
        (Some(OptOut::Stop), _) => (Wish::Withdrawn, Source::Carrier, "STOP"),
        (Some(OptOut::Start), _) => (Wish::Granted, Source::Carrier, "START"),
        (None, Some((wish, word))) => (wish, Source::Keyword, word),
        (None, None) => return Ok(()),
    };
    let entry = Entry { wish, source, channel: inbound.channel, reason, staff: None, at };
    consent::enter(backend, tx, route.org_id, number, entry).await?;
    let change = Change::ConversationChanged { conversation_id: conversation };
    live::record(backend, tx, route.org_id, change)
}
