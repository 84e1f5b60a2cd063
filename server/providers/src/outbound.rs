//! What a carrier is asked, and what it answers.

use bytes::Bytes;
use model::line::{Price, Verification};
use model::message::{Channel, DeliveryState};
use model::routing::MmsText;
use model::{PhoneNumber, segments};
use std::time::Duration;
use url::Url;

/// A carrier account as one call needs it. `Debug` shows neither credentials nor number.
pub struct Account {
    /// The number that patients see.
    pub sender: PhoneNumber,
    /// In the carrier's own shape, checked by [`crate::Provider::check_credentials`] when they were stored.
    pub credentials: serde_json::Value,
    /// What to do with a webhook that does not prove that the carrier sent it.
    pub verification: Verification,
    /// What proves it where the carrier signs nothing: the current secret, then the one before it while they are
    /// being exchanged. Part of both addresses below.
    pub webhook_secrets: Vec<String>,
    /// Where the carrier brings messages.
    pub inbound_url: Url,
    /// Where it reports what becomes of ours.
    pub status_url: Url,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("verification", &self.verification).finish_non_exhaustive()
    }
}

/// What a carrier carries, and what fits into one request to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How messages can leave through it. MMS may depend on the country of the number as well.
    pub channels_out: &'static [Channel],
    /// Countries of line numbers with which it sends MMS; empty where it does not say.
    pub mms_countries: &'static [&'static str],
    /// Whether it brings pictures from patients.
    pub mms_in: bool,
    /// Pictures in one request; 0 where pictures cannot be sent.
    pub media_per_request: usize,
    /// Bytes of all pictures of one request together.
    pub media_bytes: u64,
    /// Media types that it takes as they are.
    pub media_types: &'static [&'static str],
    /// Whether it must be handed the bytes, because it does not fetch links.
    pub wants_bytes: bool,
    /// Characters of text.
    pub text_chars: usize,
    /// Parts of an SMS, where the carrier counts them.
    pub sms_parts: Option<usize>,
    /// What text goes with a picture, where that is another limit.
    pub mms_text: Option<MmsText>,
    /// How fast one number sends through it; `None` where that does not matter.
    pub pace: Option<Pace>,
}

/// How fast a carrier lets one number send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// MMS, or parts of SMS, a second to the United States, Canada and the other countries of +1.
    pub to_plus_one: u32,
    /// The same to all others.
    pub elsewhere: u32,
    /// Messages by WhatsApp a second.
    pub whatsapp: u32,
}

impl Pace {
    /// For carriers that publish none: far more than a clinic sends, and nothing that an API takes for a flood.
    pub(crate) const UNPUBLISHED: Self = Self { to_plus_one: 10, elsewhere: 10, whatsapp: 10 };

    /// How long each part of a message takes its number up.
    pub fn pause(&self, outbound: &Outbound) -> Duration {
        self.pause_by(outbound.channel, &outbound.to)
    }

    /// The same for whatever goes to a number in this way.
    pub fn pause_by(&self, channel: Channel, to: &PhoneNumber) -> Duration {
        let per_second = match channel {
            Channel::Whatsapp => self.whatsapp,
            Channel::Sms | Channel::Mms if to.as_e164().starts_with("+1") => self.to_plus_one,
            Channel::Sms | Channel::Mms => self.elsewhere,
        };
        Duration::from_secs(1) / per_second.max(1)
    }
}

/// One request to a carrier.
#[derive(Clone)]
pub struct Outbound {
    /// To whom.
    pub to: PhoneNumber,
    /// As what. A message with media is not sent as [`Channel::Sms`].
    pub channel: Channel,
    /// May be empty when there are pictures.
    pub text: String,
    /// In the order in which they are to be shown.
    pub media: Vec<OutboundMedia>,
    /// Instead of text and media: a message that WhatsApp has approved.
    pub template: Option<Template>,
    /// Our own id of this delivery, for carriers that take one to recognise a repetition: 36 characters.
    pub reference: String,
}

impl Outbound {
    /// What carriers count where they limit how fast a number sends: the parts of an SMS, or one.
    pub fn parts(&self) -> usize {
        match self.channel {
            Channel::Sms => segments::count(&self.text).parts.max(1),
            Channel::Mms | Channel::Whatsapp => 1,
        }
    }
}

/// A picture or another file to send.
#[derive(Clone)]
pub struct OutboundMedia {
    /// A direct, signed, expiring link that the carrier fetches.
    pub url: Url,
    /// What it is.
    pub media_type: String,
    /// The file itself, where [`Limits::wants_bytes`]; else empty.
    pub bytes: Bytes,
}

/// A message that WhatsApp has approved, with what is filled in.
#[derive(Clone)]
pub struct Template {
    /// The carrier's id of it.
    pub id: String,
    /// By placeholder.
    pub variables: Vec<(String, String)>,
}

/// The carrier took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The carrier's id of the message; later statuses name it.
    pub carrier_id: String,
    /// As far as it has come at once.
    pub state: DeliveryState,
    /// The carrier's own word for that.
    pub carrier_state: Option<String>,
    /// SMS parts by the carrier's own count, where it tells.
    pub parts: Option<u32>,
    /// What it costs, where the carrier tells at once.
    pub price: Option<Price>,
}

/// The carrier did not take it, or we cannot know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The request was certainly not processed, because the carrier is busy (429): nothing is sent through the account
    /// before `after`, then it may be tried again.
    #[error("not processed, may be tried again")]
    Retry {
        /// As the carrier asks.
        after: Option<Duration>,
    },
    /// The request was certainly not processed, for a reason that passes and concerns this message more than others,
    /// such as the recipient's network: try this one again later.
    #[error("not processed, may be tried again later")]
    Later {
        /// How long that takes, as far as anybody knows.
        after: Duration,
    },
    /// No connection was made, so that the carrier certainly knows nothing of it: try again, here or elsewhere.
    #[error("no connection, may be tried again")]
    Unreached,
    /// The carrier said no; the same request would fail again.
    #[error("refused by the carrier ({code})")]
    Refused {
        /// The carrier's own code.
        code: String,
        /// In words for staff: what happened and what to do.
        reason: String,
        /// The number has opted out at the carrier.
        opted_out: bool,
        /// The pictures are too large; smaller ones may pass.
        too_large: bool,
        /// Whose doing it is.
        blame: Blame,
    },
    /// The carrier may have accepted it: a time-out, reset or 5xx after the request was written.
    #[error("the outcome is unknown")]
    Unknown,
}

/// Whose doing a refusal is, which tells whether another carrier may take the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The recipient or the message itself: any carrier would say no, or must not be asked.
    Message,
    /// What this carrier can do with the line's number, or one of its rules: another one may take it.
    Carrier,
    /// The account as a whole, such as its credentials or its balance: nothing leaves through it until somebody sees to
    /// it.
    Account,
}

impl Blame {
    /// The word in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Carrier => "carrier",
            Self::Account => "account",
        }
    }

    /// The reverse of [`as_str`](Self::as_str).
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Message, Self::Carrier, Self::Account].into_iter().find(|blame| blame.as_str() == word)
    }
}

impl SendError {
    /// A refusal that has nothing to do with consent or size, and that any carrier would answer with.
    pub(crate) fn refused(code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::refused_by(Blame::Message, code, reason)
    }

    /// A refusal that has nothing to do with consent or size.
    pub(crate) fn refused_by(blame: Blame, code: impl Into<String>, reason: impl Into<String>) -> Self {
        let (code, reason) = (code.into(), reason.into());
        Self::Refused { code, reason, opted_out: false, too_large: false, blame }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_kind;
    use model::line::ProviderKind;

    fn pause_and_parts(provider: ProviderKind, to: &str, channel: Channel, text: &str) -> (u128, usize) {
        let outbound = Outbound {
            to: PhoneNumber::from_e164(to).expect("E.164"),
            channel,
            text: text.to_owned(),
            media: Vec::new(),
            template: None,
            reference: String::new(),
        };
        let pace = for_kind(provider).limits().pace.expect("a carrier with a pace");
        (pace.pause(&outbound).as_millis(), outbound.parts())
    }

    #[test]
    fn a_number_is_taken_up_as_long_as_its_carrier_publishes() {
        let twilio = |to, channel, text| pause_and_parts(ProviderKind::Twilio, to, channel, text);
        let long = "x".repeat(161);
        assert_eq!(twilio("+14155550123", Channel::Sms, "Hello"), (1000, 1));
        assert_eq!(twilio("+14155550123", Channel::Sms, &long), (1000, 2));
        assert_eq!(twilio("+14155550123", Channel::Mms, &long), (1000, 1));
        assert_eq!(twilio("+61491570156", Channel::Sms, ""), (100, 1));
        assert_eq!(twilio("+14155550123", Channel::Whatsapp, &long), (12, 1));
        assert_eq!(pause_and_parts(ProviderKind::ClickSend, "+61491570156", Channel::Sms, "Hello"), (100, 1));
        assert_eq!(for_kind(ProviderKind::Simulator).limits().pace, None);
    }
}
