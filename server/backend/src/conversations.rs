//! The inbox and its threads, as staff read them.

use crate::{Backend, Caller, Result};
use model::conversation::{ConversationRow, ConversationView, InboxQuery, ThreadFrom, ThreadSlice};
use model::message::MessageView;
use model::{ConversationId, MessageId, Page, StaffId};

/// Conversations, newest first, 50 a page.
pub async fn list(backend: &Backend, caller: &Caller, query: &InboxQuery) -> Result<Page<ConversationRow>> {
    unimplemented!()
}

/// One conversation and what stands beside it.
pub async fn get(backend: &Backend, caller: &Caller, id: ConversationId) -> Result<ConversationView> {
    unimplemented!()
}

/// The conversation with a number as people write it, made when there is none. Linked to the patients who have
/// that number.
pub async fn open(backend: &Backend, caller: &Caller, number: &str) -> Result<ConversationId> {
    unimplemented!()
}

/// A stretch of a thread, 50 messages, oldest first.
pub async fn thread(
    backend: &Backend,
    caller: &Caller,
    id: ConversationId,
    from: &ThreadFrom,
) -> Result<ThreadSlice> {
    unimplemented!()
}

/// One message.
pub async fn message(backend: &Backend, caller: &Caller, id: MessageId) -> Result<MessageView> {
    unimplemented!()
}

/// Everything up to now is read; who read it is kept.
pub async fn mark_read(backend: &Backend, caller: &Caller, id: ConversationId) -> Result<()> {
    unimplemented!()
}

/// The newest inbound message is unread again.
pub async fn mark_unread(backend: &Backend, caller: &Caller, id: ConversationId) -> Result<()> {
    unimplemented!()
}

/// Says who looks after a conversation.
pub async fn assign(
    backend: &Backend,
    caller: &Caller,
    id: ConversationId,
    to: Option<StaffId>,
) -> Result<()> {
    unimplemented!()
}
