//! Which delivery a carrier's report is about.

use super::deliveries::Whole;
use crate::Result;
use crate::clock::millis;
use crate::store::{Tx, args};
use model::{DeliveryId, LineAccountId, Millis};
use providers::Status;
use std::time::Duration;
use uuid::Uuid;

/// How long after a message its carrier may report on it, where our reference has to be looked for.
const REPORTED_WITHIN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Characters of a reference below which it could be anybody's.
const LEAST_REFERENCE: usize = 16;

/// A delivery that a carrier reports on.
pub(super) struct Reported {
    pub(super) delivery: DeliveryId,
    pub(super) whole: Whole,
    /// No answer of the carrier has told its id: this report is the first that is heard of it.
    pub(super) unanswered: bool,
}

/// The delivery that a status is about. Where the carrier's answer to our request got lost, so that its id is not
/// known, `told` names it, which the address that was called was made for, or our reference does.
pub(super) async fn find(
    tx: &mut Tx,
    account: LineAccountId,
    status: &Status,
    told: Option<DeliveryId>,
    at: Millis,
) -> Result<Option<Reported>> {
    let found = named(tx, account, &status.carrier_id, told).await?;
    let (None, Some(reference)) = (&found, &status.reference) else { return Ok(found) };
    let referred = referred(tx, account, reference, at).await?;
    named(tx, account, &status.carrier_id, referred).await
}

/// The delivery that has the carrier's id; otherwise the one that the status is said to be about, if no answer of the
/// carrier has told its id.
async fn named(
    tx: &mut Tx,
    account: LineAccountId,
    carrier_id: &str,
    said: Option<DeliveryId>,
) -> Result<Option<Reported>> {
    let row: Option<(Uuid, Uuid, Uuid, Uuid, bool)> = tx
        .one(
            "SELECT d.id, d.org_id, m.id, m.conversation_id, d.carrier_id IS NULL FROM delivery d
             JOIN message m ON m.id = d.message_id
             WHERE d.account_id = $1
               AND (d.carrier_id = $2 OR d.id = $3 AND d.carrier_id IS NULL AND d.marked_at IS NOT NULL)
             ORDER BY d.carrier_id IS NULL LIMIT 1",
            args![account, carrier_id, said],
        )
        .await?;
    Ok(row.map(|(delivery, org, message, conversation, unanswered)| {
        let whole = Whole { org: org.into(), message: message.into(), conversation: conversation.into() };
        Reported { delivery: delivery.into(), whole, unanswered }
    }))
}

/// The delivery that our reference names: by its id, or by the end of it among those without an answer.
async fn referred(
    tx: &mut Tx,
    account: LineAccountId,
    reference: &str,
    at: Millis,
) -> Result<Option<DeliveryId>> {
    if let Ok(whole) = reference.parse() {
        return Ok(Some(whole));
    }
    let end = reference.to_ascii_lowercase();
    if end.len() < LEAST_REFERENCE {
        return Ok(None);
    }
    let unanswered: Vec<(Uuid,)> = tx
        .all(
            "SELECT id FROM delivery
             WHERE account_id = $1 AND carrier_id IS NULL AND marked_at IS NOT NULL AND created_at > $2",
            args![account, at - millis(REPORTED_WITHIN)],
        )
        .await?;
    let named = unanswered.into_iter().find(|(id,)| id.simple().to_string().ends_with(&end));
    Ok(named.map(|(id,)| id.into()))
}
