//! What a carrier answered, and what is made of it.

use super::marking::unmark;
use super::next_attempt::{self, Next, UNREACHABLE_REST, failed_later};
use super::{NOT_WITHIN_THE_HOUR, Request, TRIES_UNREACHED, commit, is_late_in, settle, uncertain};
use crate::jobs::{Outcome, backoff};
use crate::messages::cost;
use crate::messages::deliveries::{self, Fault, News};
use crate::store::args;
use crate::{Backend, Result};
use model::message::DeliveryState;
use providers::{Receipt, SendError};
use std::time::Duration;

/// Records it; answers what becomes of the job.
pub(super) async fn record(
    backend: &Backend,
    request: Request,
    answer: Result<Receipt, SendError>,
    sent_bytes: u64,
    attempt: u32,
) -> Result<Outcome> {
    let unreached = matches!(answer, Err(SendError::Unreached));
    let gives_way =
        unreached && attempt >= TRIES_UNREACHED && next_attempt::way_round(backend, request).await?;
    let (news, next) = match answer {
        Ok(receipt) => return accepted(backend, request, receipt).await,
        Err(SendError::Unreached) if gives_way => {
            let next = Next::Elsewhere { rest: Some(UNREACHABLE_REST) };
            (News::of(DeliveryState::Failed, "The carrier could not be reached."), next)
        }
        Err(error @ (SendError::Retry { .. } | SendError::Later { .. } | SendError::Unreached)) => {
            unmark(backend, request, &error).await?;
            let asked = match error {
                SendError::Retry { after } => after,
                SendError::Later { after } => Some(after),
                _ => None,
            };
            let pause = backoff(attempt, Duration::from_secs(2), Duration::from_secs(5 * 60));
            let after = asked.map_or(pause, |asked| asked.max(pause));
            // Whoever asks for more time than there is gets no message to keep, and staff are told now.
            if !is_late_in(backend, request, asked.unwrap_or_default()) {
                return Ok(Outcome::Again { after });
            }
            let next = Next::Elsewhere { rest: Some(UNREACHABLE_REST) };
            (News::of(DeliveryState::Failed, NOT_WITHIN_THE_HOUR), next)
        }
        Err(SendError::Refused { code, reason, opted_out, too_large, blame }) => {
            let next = match opted_out {
                true => Next::Nothing,
                false => Next::after_refusal(request, Fault { blame, too_large }, sent_bytes),
            };
            let failed = News::of(DeliveryState::Failed, reason);
            (News { error_code: Some(code), opted_out, ..failed }, next)
        }
        Err(SendError::Unknown) => (uncertain(), Next::Nothing),
    };
    settle(backend, request, &news, next).await?;
    Ok(Outcome::Done)
}

async fn accepted(backend: &Backend, request: Request, receipt: Receipt) -> Result<Outcome> {
    let mut tx = backend.store.write().await?;
    deliveries::hold(&mut tx, request.whole.message).await?;
    let news = News {
        state: Some(receipt.state),
        carrier_id: Some(receipt.carrier_id.clone()),
        carrier_state: receipt.carrier_state,
        error_code: None,
        failure: None,
        opted_out: false,
        price: receipt.price,
        fault: Fault::FINAL,
    };
    deliveries::hear(backend, &mut tx, request.whole, request.id, &news).await?;
    cost::taken(backend, &mut tx, request.id, request.account, receipt.parts).await?;
    let failed = deliveries::hear_parked(
        backend,
        &mut tx,
        request.whole,
        request.id,
        request.account,
        &receipt.carrier_id,
    )
    .await?;
    if let Some(fault) = failed {
        failed_later(backend, &mut tx, request.id, fault).await?;
    }
    if let Some(parts) = receipt.parts {
        tx.execute(
            "UPDATE message SET parts = $2 WHERE id = $1 AND channel = 'sms'",
            args![request.whole.message, parts],
        )
        .await?;
    }
    commit(backend, tx, request).await?;
    Ok(Outcome::Done)
}
