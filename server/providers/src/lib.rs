//! Carriers: how each one is asked to send, and how what it tells us is checked and read.
//!
//! A carrier only translates. It knows no database, no configuration file, no clock, and no other carrier;
//! what outlives a request (journal, jobs, states, retries) is the backend's. Every carrier is one file in the
//! same internal order: limits, credentials, the trait, send, receive, health; a folder beside it holds its
//! signature and its tables where they are long. What two carriers with one engine say alike stands in `engage`.

mod clicksend;
mod credentials;
mod engage;
mod fields;
mod health;
pub mod http;
mod meaning;
mod messagemedia;
mod outbound;
mod recent;
mod secret;
pub mod simulator;
mod smsbroadcast;
mod telnyx;
mod template;
mod twilio;
mod webhook;

pub use credentials::{CredentialError, CredentialNames};
pub use health::{Finding, Health, Subject, Verdict};
pub use http::{Http, HttpError, Netguard, NoTrust};
pub use model::line::Verification;
pub use outbound::{Account, Blame, Limits, Outbound, OutboundMedia, Pace, Receipt, SendError, Template};
pub use recent::{Confirmation, Listed, Recent};
pub use secret::{SECRET_HEADER, SECRET_PARAMETER};
pub use template::{CarrierTemplate, NotListed};
pub use webhook::{
    Event, InList, Inbound, InboundMedia, MediaPlace, OptOut, Received, Rejected, Status, WebhookKind,
    WebhookRequest,
};

use futures::future::BoxFuture;
use model::Millis;
use model::line::{ProviderKind, Tariff};
use model::message::{Channel, DeliveryState};
use model::phone::Country;
use url::Url;

/// The carrier of a kind. The compiler is the registry: a new kind does not build until it stands here.
pub fn for_kind(kind: ProviderKind) -> &'static dyn Provider {
    match kind {
        ProviderKind::Simulator => &simulator::Simulator,
        ProviderKind::Twilio => &twilio::Twilio,
        ProviderKind::Telnyx => &telnyx::Telnyx,
        ProviderKind::MessageMedia => &messagemedia::MessageMedia,
        ProviderKind::SmsBroadcast => &smsbroadcast::SmsBroadcast,
        ProviderKind::ClickSend => &clicksend::ClickSend,
    }
}

/// What every carrier can do.
pub trait Provider: Send + Sync {
    /// What it carries, and what fits into one request.
    fn limits(&self) -> Limits;

    /// What the carrier publishes as its price to send with a number of a country, where that is known; an
    /// organisation's own contract goes before it.
    fn published_tariff(&self, _country: Country) -> Option<Tariff> {
        None
    }

    /// What its credentials are called.
    fn credential_names(&self) -> CredentialNames;

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

    /// Whether the carrier signs nothing, or not always, so that its webhook addresses carry a secret.
    fn proves_itself_by_secret(&self) -> bool {
        false
    }

    /// How to fetch an attachment that an inbound message announced with a link.
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

    /// The messages that WhatsApp has approved for the account, and those that it may yet; none where the carrier does not
    /// send by WhatsApp. Sends nothing and costs nothing.
    fn templates<'a>(
        &'a self,
        _http: &'a Http,
        _account: &'a Account,
    ) -> BoxFuture<'a, Result<Vec<CarrierTemplate>, NotListed>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// What the carrier has of messages from and to the account's number since an instant, or more; nothing where it has no
    /// list, which its module says. Nothing is marked as read there by it.
    fn recent<'a>(
        &'a self,
        _http: &'a Http,
        _account: &'a Account,
        _since: Millis,
    ) -> BoxFuture<'a, Result<Recent, NotListed>> {
        Box::pin(async { Ok(Recent::default()) })
    }

    /// Completes a webhook of [`recent`](Self::recent) that nobody has brought, where the carrier tells of its pictures
    /// only when it is asked for each message by itself.
    fn complete<'a>(
        &'a self,
        _http: &'a Http,
        _account: &'a Account,
        webhook: WebhookRequest,
    ) -> BoxFuture<'a, Result<WebhookRequest, NotListed>> {
        Box::pin(async move { Ok(webhook) })
    }

    /// Tells the carrier what of [`recent`](Self::recent) is safe here, so that it lists what came after it; nothing where its
    /// list has room for all.
    fn confirm<'a>(
        &'a self,
        _http: &'a Http,
        _account: &'a Account,
        _safe: &'a [Confirmation],
    ) -> BoxFuture<'a, Result<(), NotListed>> {
        Box::pin(async { Ok(()) })
    }

    /// Looks whether credentials and sender work, and what is left to spend. Sends nothing and costs nothing.
    fn health<'a>(&'a self, http: &'a Http, account: &'a Account) -> BoxFuture<'a, Health>;
}

/// How to fetch an attachment.
#[derive(Clone)]
pub struct MediaRequest {
    /// Where.
    pub url: Url,
    /// Sent with the request, and never on to another host by a redirect.
    pub login: Option<Login>,
    /// Asked without the login first, and with it only where that is answered 401 or 403: for carriers whose
    /// documentation says both.
    pub login_only_if_asked: bool,
    /// It waits at the simulated carrier, which lives at this server's own address.
    pub simulated: bool,
}

/// What a request proves itself with. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// User and password.
    Basic(String, String),
    /// A bearer token.
    Bearer(String),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Basic(..) => "Basic",
            Self::Bearer(_) => "Bearer",
        })
    }
}

/// An address below a carrier's base, which may have a path of its own.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}
