//! Webhooks: journalled as they came, answered, and worked on in jobs.

use crate::{Backend, Result};
use model::line::ProviderKind;
use providers::WebhookRequest;

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
    unimplemented!()
}
