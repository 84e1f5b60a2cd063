//! How the work stands, for admins.

use super::Answer;
#[cfg(feature = "ssr")]
use super::signed_in;
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::operation::{Alert, Operation, Replayed};
use model::{JobId, JournalEntryId};

/// What asks for somebody to look, the gravest first.
#[server(prefix = "/api/ui", endpoint = "operation/alerts", input = Json)]
pub async fn alerts() -> Answer<Vec<Alert>> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::alerts::list(&backend, &caller).await?)
}

/// What stands aside, and what asks for somebody to look.
#[server(prefix = "/api/ui", endpoint = "operation/stands", input = Json)]
pub async fn stands() -> Answer<Operation> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::operation::view(&backend, &caller).await?)
}

/// Puts everything that stands aside back to work.
#[server(prefix = "/api/ui", endpoint = "operation/replay-all", input = Json)]
pub async fn replay_all() -> Answer<Replayed> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::operation::replay_all(&backend, &caller).await?)
}

/// Reads a webhook that could not be read once more.
#[server(prefix = "/api/ui", endpoint = "operation/replay-webhook", input = Json)]
pub async fn replay_webhook(id: JournalEntryId) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::operation::replay_webhook(&backend, &caller, id).await?)
}

/// Has a webhook that could not be read stand aside no longer.
#[server(prefix = "/api/ui", endpoint = "operation/dismiss-webhook", input = Json)]
pub async fn dismiss_webhook(id: JournalEntryId) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::operation::dismiss_webhook(&backend, &caller, id).await?)
}

/// Runs a job that was set aside once more.
#[server(prefix = "/api/ui", endpoint = "operation/replay-job", input = Json)]
pub async fn replay_job(id: JobId) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::operation::replay_job(&backend, &caller, id).await?)
}

/// Forgets a job that was set aside.
#[server(prefix = "/api/ui", endpoint = "operation/dismiss-job", input = Json)]
pub async fn dismiss_job(id: JobId) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::operation::dismiss_job(&backend, &caller, id).await?)
}
