//! Sending.

use crate::{Backend, Caller, Result};
use model::MessageId;
use model::message::{Draft, MessageView, Recipient};

/// Records a message and the jobs that deliver it, in one transaction. The same `client_id` again answers with the
/// same message; with different content it is a `Conflict`.
pub async fn send(backend: &Backend, caller: &Caller, to: &Recipient, draft: &Draft) -> Result<MessageView> {
    unimplemented!()
}

/// Tries what failed of a message again. `Conflict` unless it failed for certain.
pub async fn retry(backend: &Backend, caller: &Caller, id: MessageId) -> Result<MessageView> {
    unimplemented!()
}

/// A person says what became of an uncertain message: it arrived, or it did not and may be sent again.
pub async fn resolve(
    backend: &Backend,
    caller: &Caller,
    id: MessageId,
    arrived: bool,
) -> Result<MessageView> {
    unimplemented!()
}
