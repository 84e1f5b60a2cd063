//! Deliveries: how far each request to a carrier has come, and what that makes of its message.

use super::reported::{self, Reported};
use crate::clock::millis;
use crate::consent::{self, Entry, Source, Wish};
use crate::conversations::rows::known;
use crate::jobs::Job;
use crate::jobs::queue::{self, Push};
use crate::messages::cost;
use crate::store::{Tx, args};
use crate::{Backend, Error, Result, live};
use model::line::{Currency, Price};
use model::live::Change;
use model::message::{Channel, DeliveryState};
use model::{ConversationId, DeliveryId, JobId, LineAccountId, MessageId, Millis, OrgId};
use providers::Blame;
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// How long a report waits for its id to become known. An id that the carrier's answer did not tell is looked for in its
/// list for a day; after a stop, lists are read from 30 days back.
const PARKED_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What is heard of a delivery.
#[derive(Debug, Clone)]
pub(crate) struct News {
    /// How far it has come; `None` when that is not told.
    pub(crate) state: Option<DeliveryState>,
    /// The carrier's id of it.
    pub(crate) carrier_id: Option<String>,
    /// The carrier's own word.
    pub(crate) carrier_state: Option<String>,
    /// The carrier's code, with a failure.
    pub(crate) error_code: Option<String>,
    /// In words for staff, with a failure.
    pub(crate) failure: Option<String>,
    /// The number has opted out at the carrier.
    pub(crate) opted_out: bool,
    /// What the carrier says that it costs.
    pub(crate) price: Option<Price>,
    /// What may follow a failure.
    pub(crate) fault: Fault,
}

/// What a carrier says of a failure that tells what may follow it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// Whose doing it is.
    pub(crate) blame: Blame,
    /// It is the size of the pictures.
    pub(crate) too_large: bool,
}

impl Fault {
    /// After which nothing follows by itself.
    pub(crate) const FINAL: Self = Self { blame: Blame::Message, too_large: false };
}

impl News {
    /// A state with words for staff.
    pub(crate) fn of(state: DeliveryState, failure: impl Into<String>) -> Self {
        Self {
            state: Some(state),
            carrier_id: None,
            carrier_state: None,
            error_code: None,
            failure: Some(failure.into()),
            opted_out: false,
            price: None,
            fault: Fault::FINAL,
        }
    }
}

impl From<providers::Status> for News {
    fn from(status: providers::Status) -> Self {
        Self {
            state: status.state,
            carrier_id: None,
            carrier_state: Some(status.carrier_state),
            error_code: status.error_code,
            failure: status.failure,
            opted_out: status.opted_out,
            price: status.price,
            fault: Fault { blame: status.blame, too_large: status.too_large },
        }
    }
}

/// A message that carries deliveries, as far as they concern it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole {
    pub(crate) org: OrgId,
    pub(crate) message: MessageId,
    pub(crate) conversation: ConversationId,
}

/// One request of a message, in its newest attempt unless an earlier one arrived after all.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) delivery: DeliveryId,
    pub(crate) account: LineAccountId,
    pub(crate) part: i64,
    pub(crate) attempt: i64,
    pub(crate) state: DeliveryState,
    failure: Option<String>,
}

/// A request to record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    /// Through which account.
    pub(crate) account: LineAccountId,
    /// Which of the message's requests it is.
    pub(crate) part: i64,
    /// Counts from 1.
    pub(crate) attempt: i64,
    /// Bytes of its pictures together, at most, where the carrier found those of the attempt before too large.
    pub(crate) media_bytes: Option<i64>,
    /// A person asked for it, after the ones before had failed.
    pub(crate) by_hand: bool,
    /// The job of the attempt that this one follows, while that still runs: those who wait behind it go on waiting.
    pub(crate) behind: Option<JobId>,
}

/// Records a request and the job that makes it. Requests of one conversation leave in the order they were recorded, but
/// for what follows [`behind`](Attempt::behind) another one.
pub(crate) async fn add(backend: &Backend, tx: &mut Tx, whole: Whole, attempt: Attempt) -> Result<()> {
    let id: DeliveryId = backend.clock.new_id();
    let now = backend.clock.now();
    let Attempt { account, part, attempt, media_bytes, by_hand, behind } = attempt;
    tx.execute(
        "INSERT INTO delivery
             (id, org_id, message_id, account_id, part, attempt, state, created_at, state_at, mock, media_bytes,
              by_hand)
         VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $7, $8, $9, $10)",
        args![
            id,
            whole.org,
            whole.message,
            account,
            part,
            attempt,
            now,
            backend.settings.mock_mode,
            media_bytes,
            by_hand
        ],
    )
    .await?;
    let job = Push {
        org: whole.org,
        job: Job::DeliverMessage { delivery_id: id },
        order_key: Some(order_key(whole)),
        behind,
    };
    queue::push_all(backend, tx, &[job], now).await
}

/// What requests of one conversation leave in the order of.
pub(crate) fn order_key(whole: Whole) -> String {
    format!("conversation:{}", whole.conversation)
}

/// Holds a message's row until the end of the transaction, so that what is heard of its parts is folded one after
/// the other.
pub(crate) async fn hold(tx: &mut Tx, message: MessageId) -> Result<()> {
    tx.execute("UPDATE message SET parts = parts WHERE id = $1", args![message]).await?;
    Ok(())
}

/// The parts of a message, in order.
pub(crate) async fn parts(tx: &mut Tx, message: MessageId) -> Result<Vec<Part>> {
    let rows: Vec<(Uuid, Uuid, i64, i64, String, Option<String>)> = tx
        .all(
            "SELECT id, account_id, part, attempt, state, failure FROM delivery
             WHERE message_id = $1 ORDER BY part, attempt",
            args![message],
        )
        .await?;
    let mut current = BTreeMap::<i64, Part>::new();
    for (id, account, part, attempt, state, failure) in rows {
        let state = known(DeliveryState::from_word(&state))?;
        if current.get(&part).is_some_and(|earlier| arrived(earlier.state)) {
            continue;
        }
        let (delivery, account) = (id.into(), account.into());
        current.insert(part, Part { delivery, account, part, attempt, state, failure });
    }
    Ok(current.into_values().collect())
}

/// The patient has it.
pub(crate) fn arrived(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Delivered | DeliveryState::Read)
}

/// Moves a delivery by what is heard of it, forward only, and its message with it; `true` when that made it a failure.
/// The caller holds the message and commits.
pub(crate) async fn hear(
    backend: &Backend,
    tx: &mut Tx,
    whole: Whole,
    delivery: DeliveryId,
    news: &News,
) -> Result<bool> {
    let row: Option<(String, String)> = tx
        .one(
            "SELECT d.state, a.provider FROM delivery d JOIN line_account a ON a.id = d.account_id
             WHERE d.id = $1 AND d.org_id = $2",
            args![delivery, whole.org],
        )
        .await?;
    let (before, provider) = row.ok_or(Error::Inconsistent("a delivery vanished"))?;
    let before = known(DeliveryState::from_word(&before))?;
    let after = news.state.map_or(before, |state| before.advance(state));
    if after == before {
        tx.execute(
            "UPDATE delivery SET carrier_id = COALESCE(carrier_id, $2) WHERE id = $1",
            args![delivery, news.carrier_id.clone()],
        )
        .await?;
    } else {
        let explained = explains(after);
        tx.execute(
            "UPDATE delivery SET state = $2, state_at = $3, carrier_id = COALESCE(carrier_id, $4),
                 carrier_state = COALESCE($5, carrier_state), error_code = $6, failure = $7
             WHERE id = $1",
            args![
                delivery,
                after.as_str(),
                backend.clock.now(),
                news.carrier_id.clone(),
                news.carrier_state.clone(),
                news.error_code.clone().filter(|_| explained),
                news.failure.clone().filter(|_| explained)
            ],
        )
        .await?;
        metrics::counter!("deliveries_total", "provider" => provider, "state" => after.as_str()).increment(1);
    }
    if let Some(price) = news.price {
        cost::told(tx, delivery, price).await?;
    }
    if news.opted_out {
        withdraw(backend, tx, whole, news.error_code.as_deref().unwrap_or_default()).await?;
    }
    fold_after(backend, tx, whole, after != before).await?;
    Ok(after != before && after.may_retry())
}

/// Makes a message's state from those of its parts.
pub(crate) async fn fold(backend: &Backend, tx: &mut Tx, whole: Whole) -> Result<()> {
    fold_after(backend, tx, whole, false).await
}

/// As [`fold`], after one of the parts `moved` perhaps: of several, each shows how far it has come.
async fn fold_after(backend: &Backend, tx: &mut Tx, whole: Whole, moved: bool) -> Result<()> {
    let parts = parts(tx, whole.message).await?;
    let Some(state) = DeliveryState::fold(parts.iter().map(|part| part.state)) else { return Ok(()) };
    let shows_parts = moved && parts.len() > 1;
    let failure = parts.into_iter().find(|part| part.state == state && explains(state));
    let failure = failure.and_then(|part| part.failure);
    // Unequal or one of them absent: both engines spell it their own way, so the absent one is made empty.
    let changed = tx
        .execute(
            "UPDATE message SET state = $2, failure = $3, state_at = $4
             WHERE id = $1 AND (state <> $2 OR COALESCE(failure, '') <> COALESCE($3, ''))",
            args![whole.message, state.as_str(), failure, backend.clock.now()],
        )
        .await?;
    if changed > 0 || shows_parts {
        let change =
            Change::MessageChanged { conversation_id: whole.conversation, message_id: whole.message };
        live::record(backend, tx, whole.org, change)?;
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Parked {
    state: String,
    carrier_state: Option<String>,
    error_code: Option<String>,
    failure: Option<String>,
    opted_out: bool,
    price_micros: Option<i64>,
    price_currency: Option<String>,
    blame: Option<String>,
    too_large: bool,
}

impl From<Parked> for News {
    fn from(parked: Parked) -> Self {
        let currency = parked.price_currency.as_deref().and_then(Currency::from_word);
        let blame = parked.blame.as_deref().and_then(Blame::from_word).unwrap_or(Blame::Message);
        Self {
            state: DeliveryState::from_word(&parked.state),
            carrier_id: None,
            carrier_state: parked.carrier_state,
            error_code: parked.error_code,
            failure: parked.failure,
            opted_out: parked.opted_out,
            price: parked.price_micros.zip(currency).map(|(micros, currency)| Price { micros, currency }),
            fault: Fault { blame, too_large: parked.too_large },
        }
    }
}

/// What became of a status.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Heard {
    /// It was about a delivery of ours.
    Applied,
    /// It ended a delivery of ours as a failure.
    Failed(DeliveryId, Fault),
    /// Nobody knows its id yet: kept until the carrier's answer tells it.
    Parked,
    /// It was kept before, and its id is still not known.
    StillParked,
}

/// Takes a status that a carrier reports. `told` is the delivery for which the address that was called was made: if
/// the carrier's answer to our request got lost, this, or our reference in the status, is how its id becomes known.
pub(crate) async fn hear_status(
    backend: &Backend,
    tx: &mut Tx,
    account: LineAccountId,
    status: providers::Status,
    told: Option<DeliveryId>,
    at: Millis,
) -> Result<Heard> {
    let found = reported::find(tx, account, &status, told, at).await?;
    let Some(Reported { delivery, whole, unanswered }) = found else {
        let parked = tx
            .execute(
                "INSERT INTO parked_status
                     (account_id, carrier_id, state, carrier_state, error_code, failure, opted_out, received_at,
                      price_micros, price_currency, blame, too_large)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                 ON CONFLICT (account_id, carrier_id, state) DO NOTHING",
                args![
                    account,
                    status.carrier_id,
                    status.state.map_or("", DeliveryState::as_str),
                    status.carrier_state,
                    status.error_code,
                    status.failure,
                    status.opted_out,
                    at,
                    status.price.map(|price| price.micros),
                    status.price.map(|price| price.currency.as_str()),
                    status.blame.as_str(),
                    status.too_large
                ],
            )
            .await?;
        return Ok(if parked > 0 { Heard::Parked } else { Heard::StillParked });
    };
    hold(tx, whole.message).await?;
    // Reports that did not say whose they are, of an id that this one makes known, or that became known as they came.
    let parked = hear_parked(backend, tx, whole, delivery, account, &status.carrier_id).await?;
    if unanswered {
        cost::taken(backend, tx, delivery, account, None).await?;
    }
    let carrier_id = Some(status.carrier_id.clone());
    let news = News { carrier_id, ..status.into() };
    let failed = hear(backend, tx, whole, delivery, &news).await?;
    let earlier = parked.filter(|_| !news.state.is_some_and(arrived));
    Ok(match if failed { Some(news.fault) } else { earlier } {
        Some(fault) => Heard::Failed(delivery, fault),
        None => Heard::Applied,
    })
}

/// Applies what was reported of a carrier's id before the id was known to be that of `delivery`. If that ended it as a
/// failure, answers what may follow.
pub(crate) async fn hear_parked(
    backend: &Backend,
    tx: &mut Tx,
    whole: Whole,
    delivery: DeliveryId,
    account: LineAccountId,
    carrier_id: &str,
) -> Result<Option<Fault>> {
    let parked: Vec<Parked> = tx
        .all(
            "SELECT state, carrier_state, error_code, failure, opted_out, price_micros, price_currency, blame, too_large
             FROM parked_status WHERE account_id = $1 AND carrier_id = $2 ORDER BY received_at",
            args![account, carrier_id],
        )
        .await?;
    if parked.is_empty() {
        return Ok(None);
    }
    let mut fault = None;
    for parked in parked {
        let news = News::from(parked);
        if hear(backend, tx, whole, delivery, &news).await? {
            fault = Some(news.fault);
        } else if news.state.is_some_and(arrived) {
            // The carrier corrected itself.
            fault = None;
        }
    }
    tx.execute(
        "DELETE FROM parked_status WHERE account_id = $1 AND carrier_id = $2",
        args![account, carrier_id],
    )
    .await?;
    Ok(fault)
}

/// Drops what was reported long ago of ids that nobody here knows: of messages that left from elsewhere, mostly. Answers
/// how many reports that were.
pub(crate) async fn drop_parked(backend: &Backend) -> Result<u64> {
    let mut tx = backend.store.write().await?;
    let before = backend.clock.now() - millis(PARKED_FOR);
    let dropped = tx.execute("DELETE FROM parked_status WHERE received_at < $1", args![before]).await?;
    tx.commit().await?;
    Ok(dropped)
}

/// A state that staff are told a reason with.
fn explains(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Failed | DeliveryState::Undelivered | DeliveryState::Uncertain)
}

async fn withdraw(backend: &Backend, tx: &mut Tx, whole: Whole, code: &str) -> Result<()> {
    let row: Option<(Uuid,)> =
        tx.one("SELECT number_id FROM conversation WHERE id = $1", args![whole.conversation]).await?;
    let (number,) = row.ok_or(Error::Inconsistent("a conversation vanished"))?;
    if consent::withdrawn(tx, whole.org, number.into()).await? {
        return Ok(());
    }
    let entry = Entry {
        wish: Wish::Withdrawn,
        source: Source::Carrier,
        channel: Channel::Sms,
        reason: code,
        staff: None,
        at: backend.clock.now(),
    };
    consent::enter(backend, tx, whole.org, number.into(), entry).await?;
    let change = Change::ConversationChanged { conversation_id: whole.conversation };
    live::record(backend, tx, whole.org, change)
}
