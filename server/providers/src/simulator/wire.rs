//! What the simulated carrier and its customer say to each other, and how they sign it.

use hmac::{Hmac, KeyInit, Mac};
use model::{Millis, PhoneNumber};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::BTreeMap;
use subtle::ConstantTimeEq;
use url::Url;

/// Carries the hexadecimal HMAC-SHA256 of address, line feed and body, keyed with the line's secret.
pub const SIGNATURE_HEADER: &str = "x-simulator-signature";

/// The path, below the carrier's base, that takes messages, and lists them when it is asked; also the address that a
/// submission is signed for. A question is signed for it with its query.
pub(super) const MESSAGES_PATH: &str = "simulator/messages";

/// The path, below the carrier's base, that serves photos by id.
pub(super) const MEDIA_PATH: &str = "simulator/media/";

/// The user in the Basic authentication of a photo's fetch; the password is the line's secret.
pub(super) const MEDIA_USER: &str = "simulator";

/// A message from a line to a phone.
#[derive(Serialize, Deserialize)]
pub(super) struct Submission {
    /// Equal for a repetition, which is taken once.
    pub reference: String,
    pub from: PhoneNumber,
    pub to: PhoneNumber,
    pub text: String,
    pub media: Vec<Url>,
    pub status_url: Url,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whatsapp: bool,
    /// In place of text and media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<SubmittedTemplate>,
}

/// A message that the simulated WhatsApp has approved.
#[derive(Serialize, Deserialize)]
pub(super) struct SubmittedTemplate {
    pub id: String,
    pub variables: BTreeMap<String, String>,
}

/// The answer to a message that was submitted, with status 201.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptAnswer {
    /// The carrier's id of the message.
    pub id: String,
    /// Always `accepted`.
    pub status: String,
}

/// What the carrier posts to a line's webhooks.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Webhook {
    Inbound {
        id: String,
        from: String,
        to: String,
        text: String,
        media: Vec<WebhookMedia>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        whatsapp: bool,
    },
    Status {
        id: String,
        status: String,
        error_code: Option<String>,
        error: Option<String>,
    },
}

/// A question for what the carrier has of a line's messages.
pub(super) struct Question {
    pub line: PhoneNumber,
    pub since: Millis,
    /// The last number of the page before; from 0 on.
    pub after: u64,
}

/// Some of what the carrier has of a line's messages, in the order in which it took them.
#[derive(Serialize, Deserialize)]
pub struct KnownMessages {
    pub(super) messages: Vec<Known>,
    /// Where to go on asking, where there is more.
    pub(super) next: Option<u64>,
}

/// A message as the carrier lists it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Known {
    pub at: Millis,
    /// What tells a line of it: of a phone's message the only webhook, of a line's the newest report.
    pub told: Webhook,
    /// Of a line's message.
    pub sent: Option<KnownSent>,
}

/// What a line sent.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct KnownSent {
    pub reference: String,
    pub to: PhoneNumber,
    pub text: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct WebhookMedia {
    pub url: Url,
    pub media_type: Option<String>,
}

pub(super) fn sign(secret: &str, address: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(address.as_bytes());
    mac.update(b"\n");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

pub(super) fn holds(secret: &str, address: &str, body: &[u8], given: &str) -> bool {
    sign(secret, address, body).as_bytes().ct_eq(given.as_bytes()).into()
}
