//! What follows an attempt that failed for certain. Of one whose outcome nobody knows, nothing ever follows by itself.

use super::{Request, is_late, load};
use crate::jobs::queue;
use crate::lines;
use crate::messages::deliveries::{self, Attempt, Fault, Part};
use crate::messages::{Asked, for_part};
use crate::store::{Tx, args};
use crate::{Backend, Result};
use model::{DeliveryId, LineAccountId};
use providers::Blame;
use std::time::Duration;
use uuid::Uuid;

/// How long the other carriers of a line go first after one could not be reached.
pub(super) const UNREACHABLE_REST: Duration = Duration::from_secs(5 * 60);

/// The same after a carrier refused the account as a whole.
const ACCOUNT_REST: Duration = Duration::from_secs(15 * 60);

/// What is done about it.
#[derive(Clone, Copy)]
pub(super) enum Next {
    /// Nothing by itself: staff are told.
    Nothing,
    /// Another carrier of the line, where one can carry it; this one goes last for a while.
    Elsewhere { rest: Option<Duration> },
    /// Once more through the same one, with pictures of so many bytes together.
    Smaller { media_bytes: u64 },
}

impl Next {
    /// After the carrier said no, to the request or later. `sent_bytes`: those of the pictures that it was offered.
    pub(super) fn after_refusal(request: Request, fault: Fault, sent_bytes: u64) -> Self {
        // Not the same bytes again, and only once: whoever refuses both does not mean the size.
        let may_shrink = fault.too_large && sent_bytes > 0 && request.media_bytes.is_none();
        match fault.blame {
            _ if may_shrink => Self::Smaller { media_bytes: sent_bytes / 2 },
            Blame::Message => Self::Nothing,
            Blame::Carrier => Self::Elsewhere { rest: None },
            Blame::Account => Self::Elsewhere { rest: Some(ACCOUNT_REST) },
        }
    }
}

/// What follows when a carrier that had taken a delivery reports that certainly nothing of it reached the person. After
/// an hour that is for staff to decide. The caller holds the message and commits.
pub(crate) async fn failed_later(backend: &Backend, tx: &mut Tx, id: DeliveryId, fault: Fault) -> Result<()> {
    let Some((request, row)) = load(tx, id).await? else { return Ok(()) };
    // It may be told before the carrier's answer is: then its job still runs, and what was written later waits behind it.
    let job = queue::running_in(tx, &deliveries::order_key(request.whole)).await?;
    let request = Request { job, ..request };
    // What a real carrier failed at is not made good by pretending, nor the other way round.
    if row.mock != backend.settings.mock_mode || is_late(backend, request) {
        return Ok(());
    }
    let offered = row.offered_bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
    follow(backend, tx, request, Next::after_refusal(request, fault, offered)).await
}

/// Records what follows an attempt, unless that was not the newest of its part, or did not fail after all. The caller
/// holds the message and commits.
pub(super) async fn follow(backend: &Backend, tx: &mut Tx, request: Request, next: Next) -> Result<()> {
    let mut parts = deliveries::parts(tx, request.whole.message).await?;
    parts.retain(|part| part.delivery == request.id && part.state.may_retry());
    let Some(failed) = parts.pop() else { return Ok(()) };
    if let Next::Elsewhere { rest: Some(rest) } = next {
        lines::cool_down(backend, tx, request.whole.org, request.account, rest).await?;
    }
    if let Some(attempt) = following(backend, tx, request, &failed, next).await? {
        deliveries::add(backend, tx, request.whole, attempt).await?;
        deliveries::fold(backend, tx, request.whole).await?;
    }
    Ok(())
}

/// The attempt that follows one that failed, where a carrier can make it.
async fn following(
    backend: &Backend,
    tx: &mut Tx,
    request: Request,
    failed: &Part,
    next: Next,
) -> Result<Option<Attempt>> {
    let (account, media_bytes) = match next {
        Next::Nothing => return Ok(None),
        Next::Smaller { media_bytes } => (Some(request.account), i64::try_from(media_bytes).ok()),
        Next::Elsewhere { .. } => {
            let tried = tried(tx, request).await?;
            (for_part(backend, tx, request.whole, failed, &Asked::but(&tried)).await?, None)
        }
    };
    let (part, attempt, by_hand, behind) = (request.part, request.attempt + 1, false, request.job);
    Ok(account.map(|account| Attempt { account, part, attempt, media_bytes, by_hand, behind }))
}

/// Whether a carrier of the line that was not tried, and did not fail a moment ago, can take the request at once: who
/// waits for this one holds the conversation up.
pub(super) async fn way_round(backend: &Backend, request: Request) -> Result<bool> {
    let mut tx = backend.store.read().await?;
    let parts = deliveries::parts(&mut tx, request.whole.message).await?;
    let Some(part) = parts.into_iter().find(|part| part.delivery == request.id) else { return Ok(false) };
    let tried = tried(&mut tx, request).await?;
    let rested = Asked { rested: true, ..Asked::but(&tried) };
    Ok(for_part(backend, &mut tx, request.whole, &part, &rested).await?.is_some())
}

/// The carriers that this request went to since a person last asked for it.
async fn tried(tx: &mut Tx, request: Request) -> Result<Vec<LineAccountId>> {
    let rows: Vec<(Uuid,)> = tx
        .all(
            "SELECT account_id FROM delivery
             WHERE message_id = $1 AND part = $2 AND attempt >= COALESCE(
                 (SELECT MAX(attempt) FROM delivery WHERE message_id = $1 AND part = $2 AND by_hand), 0)",
            args![request.whole.message, request.part],
        )
        .await?;
    Ok(rows.into_iter().map(|(account,)| account.into()).collect())
}
