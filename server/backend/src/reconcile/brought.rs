//! What patients wrote and no webhook brought.

use crate::lines::Route;
use crate::store::{Tx, args};
use crate::{Backend, Result, inbox};
use model::Millis;
use providers::{Event, NotListed, Received, WebhookRequest};

/// What became of a message that a carrier lists.
pub(super) enum Kept {
    /// It is here, or is no message.
    Known,
    /// It is durable now, and a job will read it.
    Found,
    /// The carrier does not tell all of it at the moment.
    NotYet,
}

/// Journals a message that nobody has brought.
pub(super) async fn keep(
    backend: &Backend,
    route: &Route,
    webhook: WebhookRequest,
    listed_at: Millis,
) -> Result<Kept> {
    let (account, carrier) = (&route.account, providers::for_kind(route.provider));
    let Ok(received) = carrier.receive(account, &webhook) else {
        tracing::warn!(account = %route.account_id, "a carrier lists a message that cannot be read");
        return Ok(Kept::Known);
    };
    let mut look = backend.store.read().await?;
    let known = is_known(&mut look, route, &received).await?;
    drop(look);
    if known {
        return Ok(Kept::Known);
    }
    let webhook = match carrier.complete(&backend.http, account, webhook).await {
        Ok(webhook) => webhook,
        Err(NotListed(_)) => {
            tracing::warn!(account = %route.account_id, "a carrier did not tell the pictures of a message");
            return Ok(Kept::NotYet);
        }
    };
    let mut tx = backend.store.write().await?;
    let kept = inbox::keep_found(backend, &mut tx, route, &webhook, received, listed_at).await?;
    tx.commit().await?;
    if !kept {
        return Ok(Kept::Known);
    }
    backend.live.wake(route.org_id);
    metrics::counter!("messages_found_later_total", "provider" => route.provider.as_str()).increment(1);
    Ok(Kept::Found)
}

/// Whether a message is here already, whichever door it came through: one address may take the messages of several
/// numbers, and two organisations may share an account at a carrier, whose webhooks then go to one of them.
async fn is_known(tx: &mut Tx, route: &Route, received: &Received) -> Result<bool> {
    let Some(carrier_id) = received.events.iter().find_map(|event| match event {
        Event::Inbound(inbound) => Some(inbound.carrier_id.as_str()),
        Event::Status(_) | Event::Ignored { .. } => None,
    }) else {
        return Ok(true);
    };
    let provider = route.provider.as_str();
    let messages = tx
        .number(
            "SELECT COUNT(*) FROM message WHERE carrier_id = $1
               AND account_id IN (SELECT id FROM line_account WHERE provider = $2 OR id = $3)",
            args![carrier_id, provider, route.account_id],
        )
        .await?;
    if messages > 0 {
        return Ok(true);
    }
    let entries = tx
        .number(
            "SELECT COUNT(*) FROM journal_entry WHERE kind IN ('inbound', 'status') AND external_id = $1
               AND account_id IN (SELECT id FROM line_account WHERE provider = $2 OR id = $3)",
            args![&received.external_id, provider, route.account_id],
        )
        .await?;
    Ok(entries > 0)
}
