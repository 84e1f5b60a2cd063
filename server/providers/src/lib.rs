//! Carriers: how each one is asked to send, and how what it tells us is checked and read.
//!
//! A carrier only translates. It knows no database, no configuration file, no clock, and no other carrier;
//! what outlives a request (journal, jobs, states, retries) is the backend's. Every carrier is one file in the
//! same internal order: limits, credentials, the trait, send, receive; a folder beside it holds its signature and
//! its tables where they are long.

pub mod http;
pub mod simulator;
mod twilio;

pub use http::{Http, HttpError, Netguard, NoTrust};

use futures::future::BoxFuture;
use model::message::{Channel, DeliveryState};
use model::{PhoneNumber, line::ProviderKind};
use std::time::Duration;
use url::Url;

/// The carrier of a kind. The compiler is the registry: a new kind does not build until it stands here.
pub fn for_kind(kind: ProviderKind) -> &'static dyn Provider {
    match kind {
        ProviderKind::Simulator => &simulator::Simulator,
        ProviderKind::Twilio => &twilio::Twilio,
    }
}

/// What every carrier can do.
pub trait Provider: Send + Sync {
    /// What fits into one request.
    fn limits(&self) -> Limits;

    /// Reads the carrier's credentials as staff typed them.
    ///
    /// # Errors
    /// Names the field that is missing or malformed.
    fn check_credentials(&self, credentials: &serde_json::Value) -> Result<(), CredentialError>;

    /// Asks the carrier to send. The caller has marked the attempt before.
    fn send<'a>(
        &'a self,
        http: &'a Http,
        account: &'a Account,
        outbound: &'a Outbound,
    ) -> BoxFuture<'a, Result<Receipt, SendError>>;

    /// Checks that a webhook comes from the carrier, and reads it: one call, so that nothing unverified can
    /// be parsed by mistake.
    ///
    /// # Errors
    /// [`Rejected`] when it does not verify under the account's [`Verification`], or makes no sense.
    fn receive(&self, account: &Account, request: &WebhookRequest) -> Result<Received, Rejected>;

    /// How to fetch an attachment that an inbound message announced.
    ///
    /// # Errors
    /// [`Rejected::Malformed`] when the carrier would never offer its media there.
    fn media_request(&self, account: &Account, remote: &Url) -> Result<MediaRequest, Rejected>;

    /// What stands after the `#` of the addresses that are entered at the carrier: how often it is to call again when
    /// we cannot answer. It is for the carrier alone, which neither sends nor signs it.
    fn address_ending(&self) -> Option<&'static str> {
        None
    }

    /// What the webhook's sender expects as a good answer: content type and body, with status 200.
    fn acknowledgement(&self) -> (&'static str, &'static str) {
        ("text/plain; charset=utf-8", "")
    }
}

/// A carrier account as one call needs it. `Debug` shows neither credentials nor number.
pub struct Account {
    /// The number that patients see.
    pub sender: PhoneNumber,
    /// In the carrier's own shape, checked by [`Provider::check_credentials`] when they were stored.
    pub credentials: serde_json::Value,
    /// What to do with a webhook whose signature does not hold.
    pub verification: Verification,
    /// Where the carrier reports what becomes of a message.
    pub status_url: Url,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("verification", &self.verification).finish_non_exhaustive()
    }
}

/// What to do with a webhook whose signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// Read it without checking: for entries that were checked when they were journalled, or released by hand.
    Off,
    /// Read it, and say that it did not verify.
    Observe,
    /// Reject it.
    Enforce,
}

/// What fits into one request to a carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pictures in one request; 0 where pictures cannot be sent.
    pub media_per_request: usize,
    /// Bytes of all pictures of one request together.
    pub media_bytes: u64,
    /// Characters of text.
    pub text_chars: usize,
}

/// One request to a carrier.
#[derive(Clone)]
pub struct Outbound {
    /// To whom.
    pub to: PhoneNumber,
    /// May be empty when there are pictures.
    pub text: String,
    /// Direct, signed, expiring links that the carrier fetches.
    pub media: Vec<Url>,
    /// Our own id of this delivery, for carriers that take one to recognise a repetition.
    pub reference: String,
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
}

/// The carrier did not take it, or we cannot know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The request was certainly not processed (no connection, 429): try again, not before `after`.
    #[error("not processed, may be tried again")]
    Retry {
        /// As the carrier asks, or a fitting default.
        after: Option<Duration>,
    },
    /// The carrier said no; the same request would fail again.
    #[error("refused by the carrier ({code})")]
    Refused {
        /// The carrier's own code.
        code: String,
        /// In words for staff: what happened and what to do.
        reason: String,
        /// The number has opted out at the carrier.
        opted_out: bool,
    },
    /// The carrier may have accepted it: a time-out, reset or 5xx after the request was written.
    #[error("the outcome is unknown")]
    Unknown,
}

/// Credentials as staff typed them are incomplete or malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct CredentialError {
    /// The field's name in the JSON.
    pub field: &'static str,
    /// What is wrong and where to find it.
    pub message: String,
}

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
    /// Whether its signature held. `false` only under [`Verification::Observe`] and [`Verification::Off`].
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
    /// May be empty when there are pictures.
    pub text: String,
    /// In the carrier's order.
    pub media: Vec<RemoteMedia>,
    /// The carrier says that this message asks to stop or to start again, and has acted on it.
    pub opt_out: Option<OptOut>,
}

/// A request about consent that the carrier itself recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptOut {
    /// Send nothing more.
    Stop,
    /// Sending is welcome again.
    Start,
}

/// An attachment that waits at the carrier.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteMedia {
    /// Where to fetch it.
    pub url: Url,
    /// As the carrier says; the bytes decide.
    pub media_type: Option<String>,
}

/// News of a message of ours.
#[derive(Clone, PartialEq, Eq)]
pub struct Status {
    /// The carrier's id of the message.
    pub carrier_id: String,
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

/// How to fetch an attachment.
#[derive(Clone)]
pub struct MediaRequest {
    /// Where.
    pub url: Url,
    /// User and password; never sent on to another host by a redirect.
    pub basic_auth: Option<(String, String)>,
    /// It waits at the simulated carrier, which lives at this server's own address.
    pub simulated: bool,
}

/// An address below a carrier's base, which may have a path of its own.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
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
