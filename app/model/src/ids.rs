//! One type per kind of id, so that a message's id cannot be handed in where a patient's is asked for.
//!
//! Ids are UUIDs of version 7: they sort by the time they were made. Only the backend makes them.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

ids! {
    /// An organisation: the tenant. Every other row belongs to one.
    OrgId,
    /// A person who works with the product.
    StaffId,
    /// A bearer token of the REST API.
    ApiTokenId,
    /// A number that patients write to.
    LineId,
    /// One carrier account behind a line.
    LineAccountId,
    /// A person whom the organisation looks after.
    PatientId,
    /// A telephone number as the store knows it.
    NumberId,
    /// All messages between an organisation and one number.
    ConversationId,
    /// One message, in or out.
    MessageId,
    /// A message that WhatsApp has approved.
    TemplateId,
    /// A private link to the pictures of a message.
    ShareLinkId,
    /// One request to a carrier for a message, or for a part of it.
    DeliveryId,
    /// A file that came or goes with a message.
    AttachmentId,
    /// A photo filed in a patient's record.
    PatientImageId,
    /// A webhook as it arrived.
    JournalEntryId,
    /// A piece of work that outlives the request that asked for it.
    JobId,
}
