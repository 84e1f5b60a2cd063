//! Conversations and their threads.

use super::Answer;
#[cfg(feature = "ssr")]
use super::signed_in;
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::conversation::{ConversationRow, ConversationView, InboxQuery, ThreadFrom, ThreadSlice};
use model::{ConversationId, MessageId, Page, StaffId};

/// Conversations, newest first, 50 a page.
#[server(prefix = "/api/ui", endpoint = "inbox/list", input = Json)]
pub async fn list(query: InboxQuery) -> Answer<Page<ConversationRow>> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::conversations::list(&backend, &caller, &query).await?)
}

/// One conversation and what stands beside it.
#[server(prefix = "/api/ui", endpoint = "inbox/get", input = Json)]
pub async fn get(id: ConversationId) -> Answer<ConversationView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::conversations::get(&backend, &caller, id).await?)
}

/// The conversation with a number as people write it, made when there is none.
#[server(prefix = "/api/ui", endpoint = "inbox/open", input = Json)]
pub async fn open(number: String) -> Answer<ConversationId> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::conversations::open(&backend, &caller, &number).await?)
}

/// A stretch of a thread, oldest first.
#[server(prefix = "/api/ui", endpoint = "inbox/thread", input = Json)]
pub async fn thread(id: ConversationId, from: ThreadFrom) -> Answer<ThreadSlice> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::conversations::thread(&backend, &caller, id, &from).await?)
}

/// Everything up to a message is read, or without one everything up to now.
#[server(prefix = "/api/ui", endpoint = "inbox/mark-read", input = Json)]
pub async fn mark_read(id: ConversationId, up_to: Option<MessageId>) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::conversations::mark_read(&backend, &caller, id, up_to).await?)
}

/// The newest inbound message is unread again.
#[server(prefix = "/api/ui", endpoint = "inbox/mark-unread", input = Json)]
pub async fn mark_unread(id: ConversationId) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::conversations::mark_unread(&backend, &caller, id).await?)
}

/// Says who looks after a conversation.
#[server(prefix = "/api/ui", endpoint = "inbox/assign", input = Json)]
pub async fn assign(id: ConversationId, to: Option<StaffId>) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::conversations::assign(&backend, &caller, id, to).await?)
}

/// Everyone a conversation can be assigned to, by name.
#[server(prefix = "/api/ui", endpoint = "inbox/colleagues", input = Json)]
pub async fn colleagues() -> Answer<Vec<(StaffId, String)>> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::staff::colleagues(&backend, &caller).await?)
}

/// Staff record that the patient wishes to be written to again, and why.
#[server(prefix = "/api/ui", endpoint = "inbox/record-consent", input = Json)]
pub async fn record_consent(id: ConversationId, reason: String) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::consent::record_consent(&backend, &caller, id, &reason).await?)
}
