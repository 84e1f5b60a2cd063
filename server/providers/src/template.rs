//! Messages that WhatsApp has approved, as a carrier lists them.

use model::whatsapp::TemplateState;
use std::collections::BTreeMap;

/// A message that WhatsApp has approved, or may yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierTemplate {
    /// The carrier's id of it.
    pub id: String,
    /// As it is called there.
    pub name: String,
    /// For example `en_AU`.
    pub language: String,
    /// What it says, with `{{1}}` for what is filled in.
    pub body: String,
    /// What is filled in, for example, by placeholder.
    pub examples: BTreeMap<String, String>,
    /// What WhatsApp says of it.
    pub state: TemplateState,
}

/// The carrier did not tell what it was asked for, and why, in words for staff.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotListed(pub String);
