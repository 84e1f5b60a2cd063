//! Webhooks: journalled as they came, answered, and worked on in jobs.

mod journal;

pub(crate) use journal::Journal;

use crate::jobs::{Job, queue};
use crate::keys::{Purpose, sha256};
use crate::lines::{self, Route};
use crate::store::{Tx, args};
use crate::{Backend, Error, Result};
use journal::{Entry, State};
use model::line::ProviderKind;
use model::{FailureCode, JournalEntryId, Millis};
use providers::{Event, Received, Rejected, Verification, WebhookKind, WebhookRequest};

/// Webhooks in quarantine per account above which those older than four days make room.
pub const MAX_QUARANTINED: i64 = 1000;

/// How long a webhook stays in quarantine at least, unless it is a flood: a long weekend until somebody looks.
const KEPT_FOR: Millis = 4 * 24 * 60 * 60 * 1000;

/// Webhooks in quarantine per account, at most.
const FLOOD: i64 = 20_000;

/// What became of a webhook. Each is answered alike, so that a forger learns nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Durable, and a job will read it.
    Journalled,
    /// It is here already.
    Repeated,
    /// Its signature does not hold: kept apart, counted, never shown as a message.
    Quarantined,
}

/// Makes a webhook durable. `NotFound` for a line key that nobody knows; `Unavailable` when it cannot be stored.
pub async fn accept(
    backend: &Backend,
    provider: ProviderKind,
    line_key: &str,
    request: &WebhookRequest,
) -> Result<Accepted> {
    let (route, standing) = examine(backend, provider, line_key, request).await?;
    let accepted = journal(backend, &route, request, standing).await;
    let accepted = accepted.map_err(|error| unavailable(provider, &error))?;
    let outcome = match accepted {
        Accepted::Journalled => "journalled",
        Accepted::Repeated => "repeated",
        Accepted::Quarantined => "quarantined",
    };
    came_to(outcome, provider);
    Ok(accepted)
}

fn came_to(outcome: &'static str, provider: ProviderKind) {
    metrics::counter!("webhooks_total", "provider" => provider.as_str(), "outcome" => outcome).increment(1);
}

/// Whether a webhook would be taken as genuine. Nothing of it is kept: for measuring what keeping it costs.
pub async fn is_genuine(
    backend: &Backend,
    provider: ProviderKind,
    line_key: &str,
    request: &WebhookRequest,
) -> Result<bool> {
    let (_, standing) = examine(backend, provider, line_key, request).await?;
    Ok(standing.state == State::Pending)
}

/// Where a webhook belongs, and how it is to stand in the journal.
async fn examine(
    backend: &Backend,
    provider: ProviderKind,
    line_key: &str,
    request: &WebhookRequest,
) -> Result<(Route, Standing)> {
    let route = route(backend, provider, line_key).await.map_err(|error| unavailable(provider, &error))?;
    let Some(route) = route else {
        count("unknown_line", provider);
        return Err(Error::not_found("webhook address"));
    };
    let known_address = route.addresses.allows(request.client);
    let standing = match providers::for_kind(provider).receive(&route.account, request) {
        Ok(_) if !known_address && route.account.verification == Verification::Enforce => {
            count("address", provider);
            quarantined(request, "it came from an address that is not on the line's list")
        }
        Ok(received) => {
            pending(backend, &route, Received { verified: received.verified && known_address, ..received })
        }
        Err(Rejected::Signature) => {
            count("signature", provider);
            quarantined(request, "the signature does not hold")
        }
        Err(Rejected::Malformed(why)) => {
            count("malformed", provider);
            tracing::warn!(account = %route.account_id, why, "a webhook cannot be read and stays in the journal");
            Standing {
                state: State::Poisoned,
                external_id: format!("malformed:{}", digest(request)),
                failure: Some(why),
                order_key: None,
            }
        }
    };
    Ok((route, standing))
}

/// How a webhook is to stand in the journal.
struct Standing {
    state: State,
    /// Equal for repetitions of one event. Events that did not verify are named by their bytes under a prefix of
    /// their own, so that no forged one can take the place of a genuine one.
    external_id: String,
    failure: Option<&'static str>,
    /// Webhooks with the same key are read one after the other.
    order_key: Option<String>,
}

async fn route(backend: &Backend, provider: ProviderKind, line_key: &str) -> Result<Option<Route>> {
    let mut tx = backend.store.read().await?;
    lines::route_by_key(backend, &mut tx, provider, line_key).await
}

fn pending(backend: &Backend, route: &Route, received: Received) -> Standing {
    if !received.verified {
        metrics::counter!("webhooks_unverified_total", "provider" => route.provider.as_str()).increment(1);
    }
    let sender = received.events.iter().find_map(|event| match event {
        Event::Inbound(inbound) => Some(inbound.from.as_str()),
        Event::Status(_) | Event::Ignored { .. } => None,
    });
    let order_key = sender.map(|sender| {
        let hash = backend.keys.hash(Purpose::Number, sender);
        format!("sender:{}:{}", route.org_id, hex::encode(hash))
    });
    Standing { state: State::Pending, external_id: received.external_id, failure: None, order_key }
}

fn quarantined(request: &WebhookRequest, why: &'static str) -> Standing {
    Standing {
        state: State::Quarantined,
        external_id: format!("quarantined:{}", digest(request)),
        failure: Some(why),
        order_key: None,
    }
}

async fn journal(
    backend: &Backend,
    route: &Route,
    request: &WebhookRequest,
    standing: Standing,
) -> Result<Accepted> {
    let raw = serde_json::to_vec(request).map_err(|_| Error::Inconsistent("a webhook does not serialise"))?;
    let Standing { state, external_id, failure, order_key } = standing;
    let entry = Entry {
        id: backend.clock.new_id(),
        org: route.org_id,
        account: route.account_id,
        provider: route.provider,
        kind: request.kind,
        state,
        external_id,
        failure,
        order_key,
        request_sealed: backend.keys.seal(Purpose::Journal, &raw),
        received_at: backend.clock.now(),
    };
    backend.journal().take(backend, entry).await
}

/// Makes durable what a webhook would have brought and the carrier listed at last; `false` for what is here already.
/// `listed_at`: when it came to the carrier, as that says. Whoever calls commits, and wakes the organisation.
pub(crate) async fn keep_found(
    backend: &Backend,
    tx: &mut Tx,
    route: &Route,
    request: &WebhookRequest,
    received: Received,
    listed_at: Millis,
) -> Result<bool> {
    let raw = serde_json::to_vec(request).map_err(|_| Error::Inconsistent("a webhook does not serialise"))?;
    let (id, now): (JournalEntryId, Millis) = (backend.clock.new_id(), backend.clock.now());
    // The carrier itself was asked, which is worth its signature.
    let standing = pending(backend, route, Received { verified: true, ..received });
    let inserted = tx
        .execute(
            "INSERT INTO journal_entry
                 (id, org_id, account_id, kind, external_id, request_sealed, state, received_at, provider, listed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (account_id, kind, external_id) DO NOTHING",
            args![
                id,
                route.org_id,
                route.account_id,
                request.kind.as_str(),
                standing.external_id,
                backend.keys.seal(Purpose::Journal, &raw),
                standing.state.as_str(),
                now,
                route.provider.as_str(),
                listed_at
            ],
        )
        .await?;
    if inserted > 0 {
        let job = Job::ReadWebhook { journal_entry_id: id };
        queue::push(backend, tx, route.org_id, &job, standing.order_key.as_deref(), now).await?;
    }
    Ok(inserted > 0)
}

/// Makes an entry that stood in quarantine one like any other. If the same event has come again since, and was taken,
/// the entry is dropped.
pub(crate) async fn leave_quarantine(
    backend: &Backend,
    tx: &mut Tx,
    route: &Route,
    id: JournalEntryId,
    kind: WebhookKind,
    received: Received,
) -> Result<()> {
    let standing = pending(backend, route, received);
    let known = tx
        .number(
            "SELECT COUNT(*) FROM journal_entry WHERE account_id = $1 AND kind = $2 AND external_id = $3",
            args![route.account_id, kind.as_str(), &standing.external_id],
        )
        .await?;
    if known > 0 {
        tx.execute("DELETE FROM journal_entry WHERE id = $1", args![id]).await?;
        return Ok(());
    }
    tx.execute(
        "UPDATE journal_entry SET state = 'pending', failure = NULL, external_id = $2 WHERE id = $1",
        args![id, &standing.external_id],
    )
    .await?;
    let job = Job::ReadWebhook { journal_entry_id: id };
    queue::push(backend, tx, route.org_id, &job, standing.order_key.as_deref(), backend.clock.now()).await
}

/// Names a webhook by everything that was sent of it.
fn digest(request: &WebhookRequest) -> String {
    let all = [request.url.as_bytes(), b"\0", request.method.as_bytes(), b"\0", &request.body].concat();
    hex::encode(sha256(&all))
}

fn count(why: &'static str, provider: ProviderKind) {
    metrics::counter!("webhooks_rejected_total", "why" => why, "provider" => provider.as_str()).increment(1);
}

/// Whatever keeps a webhook from being stored, its sender is asked to come again rather than told that it failed.
fn unavailable(provider: ProviderKind, error: &Error) -> Error {
    came_to("unavailable", provider);
    tracing::error!(%error, "a webhook could not be stored");
    Error::failure(FailureCode::Unavailable, "The webhook could not be stored. Send it again in a minute.")
}
