//! Messages and how far they have travelled.

use crate::line::{Price, ProviderKind};
use crate::link::{LinkOptions, LinkView};
use crate::media::AttachmentView;
use crate::whatsapp::TemplateChoice;
use crate::{AttachmentId, ConversationId, LineId, MessageId, Millis, PhoneNumber};
use serde::{Deserialize, Serialize};

/// From whom to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the patient to us.
    Inbound,
    /// From us to the patient.
    Outbound,
}

crate::words::words!(Direction { Inbound = "inbound", Outbound = "outbound" });

/// The way a message travels, as its reader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Text only.
    Sms,
    /// With pictures, text optional.
    Mms,
    /// Through WhatsApp.
    Whatsapp,
}

crate::words::words!(Channel { Sms = "sms", Mms = "mms", Whatsapp = "whatsapp" });

impl Channel {
    /// The channel's name in words: `SMS`, `MMS`, `WhatsApp`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Sms => "SMS",
            Self::Mms => "MMS",
            Self::Whatsapp => "WhatsApp",
        }
    }
}

/// A message that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FoundMessage {
    /// The message.
    pub message_id: MessageId,
    /// Where it stands.
    pub conversation_id: ConversationId,
    /// When it was sent or received.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub at: Millis,
    /// At most 160 characters of its text, around the first word that was looked for; `…` stands for what is before
    /// them.
    pub excerpt: String,
}

/// How far an outbound message has come, as far as we know. An inbound one is `Delivered`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Recorded here, not yet offered to the carrier.
    Queued,
    /// The carrier is being called; an answer is outstanding.
    Sending,
    /// The carrier took it.
    Accepted,
    /// The carrier handed it to the network.
    Sent,
    /// The network says the handset has it.
    Delivered,
    /// The patient opened it.
    Read,
    /// The carrier refused it, or we never offered it.
    Failed,
    /// The carrier took it and could not deliver it.
    Undelivered,
    /// The carrier was called and we do not know what came of it. Never resent by itself.
    Uncertain,
}

crate::words::words!(DeliveryState { Queued = "queued", Sending = "sending", Accepted = "accepted", Sent = "sent", Delivered = "delivered", Read = "read", Failed = "failed", Undelivered = "undelivered", Uncertain = "uncertain" });

impl DeliveryState {
    /// The state after hearing `news`: the only way a delivery state changes.
    ///
    /// States only move up their ladder. `Uncertain` may become any outcome. `Delivered` overrides a failure,
    /// since carriers correct themselves; nothing leaves `Delivered` but to `Read`.
    #[must_use]
    pub fn advance(self, news: Self) -> Self {
        use DeliveryState::{Delivered, Failed, Queued, Read, Sending, Uncertain, Undelivered};
        let moves = match (self, news) {
            (Uncertain, Queued | Sending) => false,
            (Uncertain, _) => true,
            (Queued | Sending, Uncertain) => true,
            (_, Uncertain) => false,
            (Failed | Undelivered, Delivered | Read) => true,
            (Failed | Undelivered, _) => false,
            (Delivered, Read) => true,
            (Delivered | Read, _) => false,
            _ => news.rank() > self.rank(),
        };
        if moves { news } else { self }
    }

    /// Whether a person may ask to send it again: only after a definite failure.
    pub fn may_retry(self) -> bool {
        matches!(self, Self::Failed | Self::Undelivered)
    }

    /// One state for a message from those of its deliveries: what needs attention first, else the least
    /// advanced. `None` for no deliveries.
    pub fn fold(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        parts.into_iter().min_by_key(|state| match state {
            Self::Failed | Self::Undelivered => 0,
            Self::Uncertain => 1,
            other => 2 + other.rank(),
        })
    }

    fn rank(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Sending => 1,
            Self::Uncertain => 1,
            Self::Accepted => 2,
            Self::Sent => 3,
            Self::Failed | Self::Undelivered => 4,
            Self::Delivered => 5,
            Self::Read => 6,
        }
    }
}

/// A message as staff and API callers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageView {
    /// The message.
    pub id: MessageId,
    /// Where it belongs.
    pub conversation_id: ConversationId,
    /// In or out.
    pub direction: Direction,
    /// The way it travels.
    pub channel: Channel,
    /// What it says; empty for a picture without a caption.
    pub text: String,
    /// When it was written here, or when the carrier handed it to us.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub at: Millis,
    /// How far it has come.
    pub state: DeliveryState,
    /// When the state last changed.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub state_at: Millis,
    /// Why it failed, in words for staff; only with a failed, undelivered or uncertain state.
    pub failure: Option<String>,
    /// Who wrote it, for outbound messages by a person.
    pub author: Option<String>,
    /// In the order they were attached.
    pub attachments: Vec<AttachmentView>,
    /// SMS parts, by our count until the carrier tells its own.
    pub parts: u32,
    /// What sending it costs, as far as that is known in one currency.
    pub price: Option<Price>,
    /// The price is by the tariff: the carrier has not told its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub price_estimated: bool,
    /// The id the sender chose, so that sending twice sends once.
    pub client_id: Option<String>,
    /// The private link that its text ends with, where its pictures do not travel themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkView>,
    /// The approved template that it was sent as, by WhatsApp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateChoice>,
    /// Sent by a simulator while `MESSAGING_MOCK_MODE` is on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mock: bool,
    /// The line that it came or goes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_id: Option<LineId>,
    /// The carrier that brought it or was asked last to send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<ProviderKind>,
    /// In words for staff: which carriers did not take it before another one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detour: Option<String>,
    /// From the patient: the carrier's notification of it never came, and it was found when the carrier was asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub found_later: bool,
    /// Where its carrier takes few pictures at a time: the requests into which it was split, each with its own state.
    /// Empty for a message that is one request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<RequestView>,
}

/// One of several requests to a carrier that make one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RequestView {
    /// The pictures that travel with it.
    pub attachments: Vec<AttachmentId>,
    /// How far it has come.
    pub state: DeliveryState,
    /// Why it failed, in words for staff.
    pub failure: Option<String>,
}

impl MessageView {
    /// The request with which a picture travels, where there are several.
    pub fn request_with(&self, picture: AttachmentId) -> Option<&RequestView> {
        self.requests.iter().find(|request| request.attachments.contains(&picture))
    }
}

/// A message that staff or an API caller want sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// May be empty when there are attachments. At most [`MAX_TEXT_CHARS`] characters.
    pub text: String,
    /// Uploaded before, at most [`MAX_ATTACHMENTS`], in the order to show.
    pub attachments: Vec<AttachmentId>,
    /// Chosen by the sender, unique per organisation; the same one again answers with the same message.
    pub client_id: String,
    /// Through this line, although the patient may know another one and will see its number; without it through the one
    /// that they know.
    #[serde(default)]
    pub line: Option<LineId>,
    /// The pictures stay here, and a private link to them goes with the text.
    #[serde(default)]
    pub link: Option<LinkOptions>,
    /// By WhatsApp, or by SMS and MMS, whichever of the two the pictures ask for. Without it the way that the patient
    /// wrote last, where the line can.
    #[serde(default)]
    pub channel: Option<Channel>,
    /// In place of text and pictures: a message that WhatsApp has approved.
    #[serde(default)]
    pub template: Option<TemplateChoice>,
}

/// Pictures one message may carry.
pub const MAX_ATTACHMENTS: usize = 10;

/// Characters one message may have: the lowest ceiling among carriers that take long texts (Twilio).
pub const MAX_TEXT_CHARS: usize = 1600;

/// To whom a draft goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recipient {
    /// Into a conversation that exists.
    Conversation(ConversationId),
    /// To a number, whose conversation is found or made.
    Number(PhoneNumber),
}

#[cfg(test)]
mod tests {
    use super::DeliveryState::{self, *};

    #[test]
    fn never_leaves_delivered_but_to_read() {
        for news in DeliveryState::ALL {
            let expected = if news == Read { Read } else { Delivered };
            assert_eq!(Delivered.advance(news), expected);
            assert_eq!(Read.advance(news), Read);
        }
    }

    #[test]
    fn uncertain_becomes_any_outcome_but_not_unsent() {
        for news in [Accepted, Sent, Delivered, Read, Failed, Undelivered] {
            assert_eq!(Uncertain.advance(news), news);
        }
        for news in [Queued, Sending] {
            assert_eq!(Uncertain.advance(news), Uncertain);
        }
    }

    #[test]
    fn delivered_overrides_a_failure_and_nothing_else_does() {
        for failure in [Failed, Undelivered] {
            for news in DeliveryState::ALL {
                let expected = if matches!(news, Delivered | Read) { news } else { failure };
                assert_eq!(failure.advance(news), expected);
            }
        }
    }

    #[test]
    fn late_news_changes_nothing() {
        assert_eq!(Sent.advance(Accepted), Sent);
        assert_eq!(Accepted.advance(Sending), Accepted);
        assert_eq!(Sent.advance(Uncertain), Sent);
        assert_eq!(Queued.advance(Delivered), Delivered);
    }

    #[test]
    fn a_message_shows_what_needs_attention() {
        assert_eq!(DeliveryState::fold([Delivered, Failed, Sent]), Some(Failed));
        assert_eq!(DeliveryState::fold([Delivered, Uncertain]), Some(Uncertain));
        assert_eq!(DeliveryState::fold([Delivered, Sent]), Some(Sent));
        assert_eq!(DeliveryState::fold([]), None);
    }
}
