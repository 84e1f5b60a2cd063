//! What a carrier has of recent messages, for what its webhooks did not bring.

use crate::{Account, NotListed, Status, WebhookKind, WebhookRequest};
use model::Millis;

/// What a carrier lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recent {
    /// In no particular order; one may stand there twice.
    pub messages: Vec<Listed>,
    /// There is more of what patients wrote than could be read at once, so that the oldest are missing. What was sent does
    /// not count: its states are reported, and a busy line would never be asked in full.
    pub cut_short: bool,
    /// A page did not come, so that something is missing in either direction.
    pub broke_off: bool,
    /// The carrier shows no more before it is told that some of this is safe.
    pub more: bool,
}

/// Names something that a carrier goes on listing, in place of what came later, until it is told that it is safe
/// ([`crate::Provider::confirm`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Confirmation {
    pub(crate) list: &'static str,
    pub(crate) id: String,
}

/// A list while it is read, page by page.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) recent: Recent,
    begun: bool,
}

impl Reading {
    /// The next page; none where it did not come. What was read before it is used all the same, so that only the very
    /// first one is an error.
    pub(crate) fn page<T>(&mut self, asked: Result<T, NotListed>) -> Result<Option<T>, NotListed> {
        match asked {
            Err(_) if self.begun => {
                self.recent.broke_off = true;
                Ok(None)
            }
            asked => {
                let page = asked?;
                self.begun = true;
                Ok(Some(page))
            }
        }
    }
}

/// A message as its carrier lists it.
#[derive(Clone, PartialEq, Eq)]
pub enum Listed {
    /// A patient wrote.
    Inbound {
        /// As the carrier's webhook brings it or would have, for [`crate::Provider::receive`]: whoever reads it finds the
        /// same ids. Nothing signs it.
        webhook: Box<WebhookRequest>,
        /// When it came to the carrier.
        at: Millis,
        /// Where the list has no room before this is told to be safe.
        confirm: Option<Confirmation>,
    },
    /// A patient sent what the list has no words for, a picture: its webhook alone brings it.
    Wordless {
        /// The ids under which it may be here.
        carrier_ids: Vec<String>,
        /// Where the list has no room before this is told to be safe.
        confirm: Option<Confirmation>,
    },
    /// It left from the account's number, from here or through another program.
    Outbound {
        /// How far it has come.
        status: Box<Status>,
        /// As the carrier writes it, without a channel's prefix.
        to: String,
        /// Word for word.
        text: String,
        /// When the carrier took it.
        at: Millis,
        /// Where the list has no room before this is told to be safe.
        confirm: Option<Confirmation>,
    },
}

impl std::fmt::Debug for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Inbound { .. } => "Inbound",
            Self::Wordless { .. } => "Wordless",
            Self::Outbound { .. } => "Outbound",
        })
    }
}

/// A webhook that never came, as it would have.
pub(crate) fn unbrought(account: &Account, content_type: &str, body: Vec<u8>, at: Millis) -> WebhookRequest {
    WebhookRequest {
        kind: WebhookKind::Inbound,
        method: "POST".to_owned(),
        url: account.inbound_url.to_string(),
        headers: vec![("content-type".to_owned(), content_type.to_owned())],
        body,
        received_at: at,
        client: None,
    }
}
