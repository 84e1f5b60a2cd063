//! What a carrier tells us: as it arrived, and as it was read.

use crate::Blame;
use bytes::Bytes;
use model::PhoneNumber;
use model::line::Price;
use model::message::{Channel, DeliveryState};
use std::borrow::Cow;
use std::net::IpAddr;
use url::Url;

/// A webhook exactly as it arrived: some signatures cover the body, some the URL, some both. `Debug` shows no
/// content.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WebhookRequest {
    /// Which of the two doors it came through.
    pub kind: WebhookKind,
    /// `GET` or `POST`.
    pub method: String,
    /// The public URL as the carrier called it: our public base, then the raw path and query.
    pub url: String,
    /// Names in lower case, values as sent; in order, repetitions kept.
    pub headers: Vec<(String, String)>,
    /// Raw bytes.
    #[serde(with = "base64_bytes")]
    pub body: Vec<u8>,
    /// When it came, in milliseconds since the Unix epoch: some signatures hold for minutes only.
    #[serde(default)]
    pub received_at: i64,
    /// The network address that it came from, where that is known.
    #[serde(default)]
    pub client: Option<IpAddr>,
}

impl std::fmt::Debug for WebhookRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookRequest")
            .field("kind", &self.kind)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl WebhookRequest {
    /// The first value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The part of the URL between `?` and `#`, as sent.
    pub(crate) fn raw_query(&self) -> &str {
        let before_fragment = self.url.split('#').next().unwrap_or_default();
        before_fragment.split_once('?').map_or("", |(_, query)| query)
    }

    /// The parameters of the URL, decoded, in order.
    pub fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.raw_query().as_bytes())
    }

    /// The media type of the body without its parameters, in lower case; empty without one.
    pub(crate) fn media_type(&self) -> String {
        let whole = self.header("content-type").unwrap_or_default();
        whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Whether the body says that it is JSON, or looks like an object without saying anything.
    pub(crate) fn is_json(&self) -> bool {
        let media_type = self.media_type();
        media_type == "application/json"
            || media_type.ends_with("+json")
            || media_type != "application/x-www-form-urlencoded"
                && self.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
    }
}

/// The two doors of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookKind {
    /// A message from a patient.
    Inbound,
    /// News of a message to a patient.
    Status,
}

impl WebhookKind {
    /// The word in the path and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Status => "status",
        }
    }
}

/// A webhook that was checked and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Whether its signature held. `false` only under [`crate::Verification::Observe`] and [`crate::Verification::Off`].
    pub verified: bool,
    /// Equal for a repetition of the same event and different for every other one: the journal's key.
    pub external_id: String,
    /// What it says; usually one event.
    pub events: Vec<Event>,
}

/// What a carrier tells.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// A patient wrote.
    Inbound(Inbound),
    /// A message of ours moved.
    Status(Status),
    /// Nothing to do.
    Ignored {
        /// For the journal, without personal data.
        why: &'static str,
    },
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inbound(inbound) => write!(f, "Inbound({} media)", inbound.media.len()),
            Self::Status(status) => write!(f, "Status({:?})", status.state),
            Self::Ignored { why } => write!(f, "Ignored({why})"),
        }
    }
}

/// A message from a patient.
#[derive(Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The carrier's id of the message.
    pub carrier_id: String,
    /// The way it came.
    pub channel: Channel,
    /// As the carrier writes it, without a channel's prefix; usually E.164, sometimes a short code or a name.
    pub from: String,
    /// To which number, in E.164, where the carrier says; one address may take the messages of several.
    pub to: Option<PhoneNumber>,
    /// May be empty when there are pictures.
    pub text: String,
    /// In the carrier's order.
    pub media: Vec<InboundMedia>,
    /// The carrier says that this message asks to stop or to start again, and has acted on it.
    pub opt_out: Option<OptOut>,
    /// Under which id the carrier's list of messages has it, where there is one.
    pub in_list: InList,
}

/// Under which id a carrier's list has a message that a webhook brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InList {
    /// Under its own.
    Same,
    /// Under this one.
    As(String),
    /// It may be any: nothing but what the message says, and when, can tell.
    Unknown,
}

/// A request about consent that the carrier itself recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptOut {
    /// Send nothing more.
    Stop,
    /// Sending is welcome again.
    Start,
}

/// An attachment of a message from a patient.
#[derive(Clone, PartialEq, Eq)]
pub struct InboundMedia {
    /// Where it is.
    pub place: MediaPlace,
    /// As the carrier says; the bytes decide.
    pub media_type: Option<String>,
    /// As the carrier says, without any path; most say nothing.
    pub file_name: Option<String>,
}

/// Where an attachment is.
#[derive(Clone, PartialEq, Eq)]
pub enum MediaPlace {
    /// It waits at the carrier. A link that cannot be read is `invalid:`, so that the attachment shows as one that
    /// could not be fetched, and does not vanish.
    Link(Url),
    /// In the webhook itself, decoded; empty where it could not be.
    Inline(Bytes),
}

impl MediaPlace {
    /// Where a link leads that the carrier left out or that is none.
    pub(crate) fn nowhere() -> Self {
        Self::Link("invalid:no-link".parse().expect("a constant that parses"))
    }

    /// Of a link as the carrier wrote it.
    pub(crate) fn of_link(link: &str) -> Self {
        link.parse().map_or_else(|_| Self::nowhere(), Self::Link)
    }
}

/// News of a message of ours.
#[derive(Clone, PartialEq, Eq)]
pub struct Status {
    /// The carrier's id of the message.
    pub carrier_id: String,
    /// Our own id of the delivery, as the carrier gives it back: whole, or its end where the carrier takes less. It
    /// tells which message this is about also where the answer to our request got lost.
    pub reference: Option<String>,
    /// In our words; `None` for a word we do not know, which changes nothing.
    pub state: Option<DeliveryState>,
    /// The carrier's own word.
    pub carrier_state: String,
    /// The carrier's code, with a failure.
    pub error_code: Option<String>,
    /// In words for staff, with a failure.
    pub failure: Option<String>,
    /// The number has opted out at the carrier.
    pub opted_out: bool,
    /// Whose doing a failure is; without one, [`Blame::Message`]. Anything else is said of failures alone in which
    /// certainly nothing reached the person.
    pub blame: Blame,
    /// The failure is the size of the pictures; smaller ones may pass.
    pub too_large: bool,
    /// What it cost, where the carrier tells.
    pub price: Option<Price>,
}

/// A webhook that is not taken as true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// No signature, or one that does not hold.
    #[error("the signature does not hold")]
    Signature,
    /// Signed or not, it makes no sense.
    #[error("the webhook cannot be read: {0}")]
    Malformed(&'static str),
}

mod base64_bytes {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}
