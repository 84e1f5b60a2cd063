//! Whose turn it is. Carriers take so many messages a second from one number; what comes faster waits at the carrier,
//! where nobody sees it, or is refused.
//!
//! The first one goes at once, in the transaction that marks it. One that would be early keeps the account's next free
//! turn and comes back for it, so that those who wait leave in the order in which they came, however many workers there
//! are and however many wait.

use super::Request;
use crate::clock::millis;
use crate::messages::deliveries;
use crate::store::{Tx, args};
use crate::{Backend, Error, Result};
use model::Millis;
use model::line::ProviderKind;
use providers::Outbound;
use std::time::Duration;

/// A turn that was missed by more than this is void: after a standstill, those who waited must not leave all at once.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// A turn, or a pause that a carrier asks for, lies at most so far ahead. What is further was set by a clock that was wrong,
/// and counts for nothing: it would hold the number until then, and nobody would know why.
const AT_MOST_AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// What a message takes of its account's time.
#[derive(Clone, Copy)]
pub(super) struct Share {
    /// Milliseconds for each part, as the carrier is known to want it; the account may say otherwise.
    pause: Millis,
    parts: usize,
}

impl Share {
    pub(super) fn of(provider: ProviderKind, outbound: &Outbound) -> Self {
        let pace = providers::for_kind(provider).limits().pace;
        let pause = pace.map_or(Duration::ZERO, |pace| pace.pause(outbound));
        Self { pause: millis(pause), parts: outbound.parts() }
    }
}

/// Takes the turn that is kept for a delivery, or the account's next one if that has come. `false` for one that would
/// be early: it must not be marked, and [`keep`] has a turn for it.
///
/// To be called last: everything else that leaves through the account waits for its row until the commit.
pub(super) async fn take(backend: &Backend, tx: &mut Tx, request: Request, share: Share) -> Result<bool> {
    let now = backend.clock.now();
    let kept = tx
        .number(
            "SELECT COUNT(*) FROM delivery d JOIN line_account a ON a.id = d.account_id
             WHERE d.id = $1 AND d.turn_at BETWEEN $2 AND $3
               AND (d.turn_at >= a.sends_held_until OR a.sends_held_until > $4)",
            args![request.id, now - millis(KEPT_FOR), now, furthest(now)],
        )
        .await?;
    if kept > 0 {
        return Ok(true);
    }
    let taken = tx
        .execute(
            "UPDATE line_account SET next_send_at = $2 + COALESCE(send_pause_ms, $3) * $4
             WHERE id = $1 AND (next_send_at <= $2 OR next_send_at > $5)",
            args![request.account, now, share.pause, share.parts, furthest(now)],
        )
        .await?;
    Ok(taken > 0)
}

/// A turn that is kept for a delivery.
pub(super) struct Turn {
    /// How long it is until then.
    pub(super) until_then: Duration,
    /// How much of that is a pause that the carrier asked for; the rest belongs to others who wait.
    pub(super) held_for: Duration,
}

/// Keeps the account's next free turn for a delivery.
pub(super) async fn keep(backend: &Backend, request: Request, share: Share) -> Result<Turn> {
    let now = backend.clock.now();
    let mut tx = backend.store.write().await?;
    deliveries::hold(&mut tx, request.whole.message).await?;
    let kept: Option<(i64, i64)> = tx
        .one(
            "SELECT d.turn_at, a.sends_held_until FROM delivery d JOIN line_account a ON a.id = d.account_id
             WHERE d.id = $1 AND d.turn_at > $2 AND d.turn_at <= $3
               AND (d.turn_at >= a.sends_held_until OR a.sends_held_until > $3)",
            args![request.id, now, furthest(now)],
        )
        .await?;
    if let Some((turn, held_until)) = kept {
        return Ok(turn_at(turn, held_until, now));
    }
    let (turn, held_until): (i64, i64) = tx
        .one(
            "UPDATE line_account
             SET next_send_at = CASE WHEN next_send_at > $2 AND next_send_at <= $5 THEN next_send_at ELSE $2 END
                                + COALESCE(send_pause_ms, $3) * $4
             WHERE id = $1
             RETURNING next_send_at - COALESCE(send_pause_ms, $3) * $4, sends_held_until",
            args![request.account, now, share.pause, share.parts, furthest(now)],
        )
        .await?
        .ok_or(Error::Inconsistent("a delivery without its account"))?;
    tx.execute("UPDATE delivery SET turn_at = $2 WHERE id = $1", args![request.id, turn]).await?;
    tx.commit().await?;
    Ok(turn_at(turn, held_until, now))
}

fn turn_at(turn: Millis, held_until: Millis, now: Millis) -> Turn {
    let held_until = if held_until > furthest(now) { now } else { held_until };
    Turn { until_then: until(turn, now), held_for: until(held_until, now) }
}

/// The carrier asked for a pause: nothing leaves through the account before it is over, whoever kept a turn within it.
pub(super) async fn hold_back(
    backend: &Backend,
    tx: &mut Tx,
    request: Request,
    pause: Duration,
) -> Result<()> {
    let now = backend.clock.now();
    tx.execute(
        "UPDATE line_account
         SET next_send_at = CASE WHEN next_send_at BETWEEN $2 AND $3 THEN next_send_at ELSE $2 END,
             sends_held_until = CASE WHEN sends_held_until BETWEEN $2 AND $3 THEN sends_held_until ELSE $2 END
         WHERE id = $1",
        args![request.account, now + millis(pause), furthest(now)],
    )
    .await?;
    Ok(())
}

fn furthest(now: Millis) -> Millis {
    now + millis(AT_MOST_AHEAD)
}

fn until(turn: Millis, now: Millis) -> Duration {
    Duration::from_millis(u64::try_from(turn - now).unwrap_or(0))
}
