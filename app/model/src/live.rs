//! What open screens are told when something changes.

use crate::{AttachmentId, ConversationId, MessageId, PatientId};
use serde::{Deserialize, Serialize};

/// A change, with its place in the organisation's sequence. Sequence numbers rise by one; a client that sees
/// a gap asks for what it missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveEvent {
    /// 1 for the organisation's first change.
    pub seq: i64,
    /// What changed.
    pub change: Change,
}

/// What changed. It names rows and carries no content; who wants the content reads it, with their rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// A message came or was written.
    MessageAdded {
        /// Where.
        conversation_id: ConversationId,
        /// Which.
        message_id: MessageId,
    },
    /// A message's state or one of its attachments changed.
    MessageChanged {
        /// Where.
        conversation_id: ConversationId,
        /// Which.
        message_id: MessageId,
    },
    /// Read, assigned, linked, opted out.
    ConversationChanged {
        /// Which.
        conversation_id: ConversationId,
    },
    /// A picture that is not yet part of a message was processed.
    UploadChanged {
        /// Which.
        attachment_id: AttachmentId,
    },
    /// A record or its images changed.
    PatientChanged {
        /// Whose.
        patient_id: PatientId,
    },
    /// Something in Settings changed: staff, lines, tokens, the organisation. Or a carrier failed, and others go first.
    SettingsChanged,
}
