//! Conversations: an organisation and one number, or one of the few senders that have none.

use crate::message::{Channel, DeliveryState, Direction, MessageView};
use crate::routing::RouteOption;
use crate::whatsapp::Window;
use crate::{Address, ConversationId, LineId, MessageId, Millis, PatientId, PhoneNumber, StaffId};
use serde::{Deserialize, Serialize};

/// A row of the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConversationRow {
    /// The conversation.
    pub id: ConversationId,
    /// The other side: a number in E.164, or a short code or a name as its carrier wrote it, which cannot be answered.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub number: Address,
    /// Who the number belongs to; several for a family's telephone, none for a stranger.
    pub patients: Vec<PatientName>,
    /// The newest message, if there is one.
    pub last: Option<LastMessage>,
    /// Inbound messages nobody has read yet; one count for all staff.
    pub unread: u32,
    /// Who looks after it.
    pub assigned_to: Option<StaffId>,
    /// The number asked to be left alone, and may not be sent to.
    pub opted_out: bool,
}

impl ConversationRow {
    /// Who to show: the patients' names, else the number.
    pub fn title(&self) -> String {
        if self.patients.is_empty() {
            self.number.spaced()
        } else {
            self.patients.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ")
        }
    }
}

/// A patient, as far as a list needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatientName {
    /// The patient.
    pub id: PatientId,
    /// As written in the record.
    pub name: String,
}

/// The newest message, as far as the inbox shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LastMessage {
    /// In or out.
    pub direction: Direction,
    /// The way it travelled.
    pub channel: Channel,
    /// At most 160 characters of its text.
    pub excerpt: String,
    /// It carries at least one picture.
    pub has_photo: bool,
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub at: Millis,
    /// How far it has come.
    pub state: DeliveryState,
}

/// Which conversations to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Show {
    /// Every one.
    #[default]
    All,
    /// Those with unread messages.
    Unread,
    /// Those assigned to the caller.
    Mine,
}

/// A question to the inbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxQuery {
    /// The filter.
    pub show: Show,
    /// Part of a patient's name, a whole number in any format, or its last 4 to 9 digits.
    pub search: Option<String>,
    /// From the previous page.
    pub cursor: Option<String>,
}

/// A conversation with what stands beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConversationView {
    /// Its row in the inbox.
    pub row: ConversationRow,
    /// The oldest inbound message that was unread when the caller opened the conversation.
    pub first_unread: Option<MessageId>,
    /// Pictures can be sent on this organisation's line; otherwise why not, in words for staff.
    pub can_send: SendAbility,
}

/// What can be sent from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SendAbility {
    /// Why nothing can be sent at all, in words for staff.
    pub blocked: Option<String>,
    /// Pictures can be sent.
    pub pictures: bool,
    /// How the address of a private link begins; what follows has [`crate::link::TOKEN_CHARS`] characters.
    #[serde(default)]
    pub link_base: String,
    /// Everything goes to a simulator.
    pub mock: bool,
    /// The line that the patient knows, or the one that new conversations go out on; absent where there is none.
    #[serde(default)]
    pub line: Option<LineChoice>,
    /// WhatsApp on `line`, where it is of use.
    #[serde(default)]
    pub whatsapp: Option<WhatsappAbility>,
    /// Other lines of the organisation: a message through one of them shows the patient another number.
    #[serde(default)]
    pub offers: Vec<LineChoice>,
    /// After so many milliseconds a carrier that rests now may be asked like the others again: read again then.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub changes_in_ms: Option<Millis>,
}

/// How a patient can be answered by WhatsApp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WhatsappAbility {
    /// When the patient last wrote to the line by WhatsApp: for 24 hours from then anything can be sent, and before and
    /// after it an approved template alone.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub heard_at: Option<Millis>,
    /// The patient wrote last by WhatsApp: so goes an answer for which no other channel is asked.
    pub usual: bool,
}

impl WhatsappAbility {
    /// Whether anything can be sent at an instant.
    pub fn window(&self, now: Millis) -> Window {
        Window::at(self.heard_at, now)
    }
}

/// A line that a message may leave through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LineChoice {
    /// The line.
    pub id: LineId,
    /// What staff call it.
    pub name: String,
    /// What the patient sees.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub number: PhoneNumber,
    /// Its carriers, the oldest first.
    pub routes: Vec<RouteOption>,
}

/// A stretch of a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ThreadSlice {
    /// Oldest first.
    pub messages: Vec<MessageView>,
    /// Cursor towards older messages; absent at the beginning of the thread.
    pub older: Option<String>,
    /// Cursor towards newer messages; absent at the end of the thread.
    pub newer: Option<String>,
}

/// Which stretch of a thread.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThreadFrom {
    /// The newest messages.
    #[default]
    Newest,
    /// Those before a cursor.
    Older(String),
    /// Those after a cursor.
    Newer(String),
    /// Those around a message, so that a link to it can open.
    Around(MessageId),
}
