//! The simulated carrier: for trying out, demonstrations and tests, shipped with the product.
//!
//! [`Simulator`] is our side, a carrier like any other. [`Network`] is the other side: it takes messages, fetches
//! their pictures, shows them on phones and calls the line's public webhooks over HTTP as a real carrier would.

mod hooks;
mod known;
mod mishaps;
mod network;
mod outcomes;
mod phones;
mod recent;
mod whatsapp;
mod wire;

pub use network::{Network, NetworkSetup};
pub use outcomes::{AcceptError, Acceptance, ReplyError};
pub use phones::{HandedOut, PhoneMessage, PhoneMessageState, Photo, ShownPhoto};
pub use wire::{AcceptAnswer, KnownMessages, SIGNATURE_HEADER};

use crate::http::{Answer, Call};
use crate::*;
use model::line::Currency;
use serde::Deserialize;
use wire::{MEDIA_PATH, MEDIA_USER, MESSAGES_PATH, Submission, SubmittedTemplate, Webhook};

/// Carrier, see the module.
pub struct Simulator;

/// Twilio's, so that what works here works there.
const LIMITS: Limits = Limits {
    channels_out: &[Channel::Sms, Channel::Mms, Channel::Whatsapp],
    mms_countries: &[],
    mms_in: true,
    media_per_request: 10,
    media_bytes: 5_000_000,
    media_types: &["image/jpeg", "image/png", "image/gif"],
    wants_bytes: false,
    text_chars: 1600,
    sms_parts: None,
    mms_text: None,
    pace: None,
};

/// Made up, so that a demo's reports have something to show. Nobody pays it.
const DEMO_TARIFF: Tariff = Tariff {
    currency: Currency::Aud,
    sms: Some(50_000),
    mms: Some(250_000),
    whatsapp: Some(100_000),
    sms_in: Some(0),
    mms_in: Some(0),
};

#[derive(Deserialize)]
struct Credentials {
    /// Where the simulated network answers: this server's own public base.
    api_base: Url,
    /// Shared with the network, signs both ways.
    secret: String,
}

impl Provider for Simulator {
    fn limits(&self) -> Limits {
        LIMITS
    }

    /// The same everywhere, see `DEMO_TARIFF`.
    fn published_tariff(&self, _: Country) -> Option<Tariff> {
        Some(DEMO_TARIFF)
    }

    fn credential_names(&self) -> CredentialNames {
        CredentialNames { required: &[], optional: &[], unbroken: &[] }
    }

    fn check_credentials(&self, credentials: &serde_json::Value) -> Result<(), CredentialError> {
        Credentials::read(credentials).map(|_| ())
    }

    fn send<'a>(
        &'a self,
        http: &'a Http,
        account: &'a Account,
        outbound: &'a Outbound,
    ) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(send(http, account, outbound))
    }

    fn receive(&self, account: &Account, request: &WebhookRequest) -> Result<Received, Rejected> {
        let secret = Credentials::read(&account.credentials).map(|credentials| credentials.secret);
        let verified = match (secret, request.header(SIGNATURE_HEADER)) {
            (Ok(secret), Some(given)) => wire::holds(&secret, &request.url, &request.body, given),
            _ => false,
        };
        if !verified && account.verification == Verification::Enforce {
            return Err(Rejected::Signature);
        }
        let webhook = serde_json::from_slice(&request.body)
            .map_err(|_| Rejected::Malformed("not a simulator's webhook"))?;
        let (external_id, event) = read_webhook(webhook);
        Ok(Received { verified, external_id, events: vec![event] })
    }

    fn media_request(&self, account: &Account, remote: &Url) -> Result<MediaRequest, Rejected> {
        let refused = Rejected::Malformed("media that is not the simulator's");
        let credentials = Credentials::read(&account.credentials).map_err(|_| refused)?;
        let shelf = below(&credentials.api_base, MEDIA_PATH);
        if remote.origin() != shelf.origin() || !remote.path().starts_with(shelf.path()) {
            return Err(refused);
        }
        let login = Some(Login::Basic(MEDIA_USER.to_owned(), credentials.secret));
        Ok(MediaRequest { url: remote.clone(), login, login_only_if_asked: false, simulated: true })
    }

    fn templates<'a>(
        &'a self,
        _: &'a Http,
        _: &'a Account,
    ) -> BoxFuture<'a, Result<Vec<CarrierTemplate>, NotListed>> {
        Box::pin(async { Ok(whatsapp::templates()) })
    }

    fn recent<'a>(
        &'a self,
        http: &'a Http,
        account: &'a Account,
        since: Millis,
    ) -> BoxFuture<'a, Result<Recent, NotListed>> {
        Box::pin(recent::recent(http, account, since))
    }

    fn health<'a>(&'a self, _: &'a Http, _: &'a Account) -> BoxFuture<'a, Health> {
        let words = "The simulated phone is part of this server.";
        let findings = vec![Finding::new(Subject::Credentials, Verdict::Good, words)];
        Box::pin(async { Health { findings } })
    }
}

impl Credentials {
    fn read(json: &serde_json::Value) -> Result<Self, CredentialError> {
        let text = |field| json.get(field).and_then(serde_json::Value::as_str).unwrap_or_default();
        let wrong = CredentialError::new;
        let api_base = match text("api_base").parse::<Url>() {
            Ok(base) if matches!(base.scheme(), "http" | "https") && base.has_host() => base,
            _ => return Err(wrong("api_base", "must be this server's public address, for example APP_URL")),
        };
        match text("secret") {
            secret if secret.len() >= 16 => Ok(Self { api_base, secret: secret.to_owned() }),
            _ => Err(wrong("secret", "must have at least 16 characters")),
        }
    }
}

async fn send(http: &Http, account: &Account, outbound: &Outbound) -> Result<Receipt, SendError> {
    let credentials = Credentials::read(&account.credentials).map_err(|error| {
        SendError::refused_by(
            Blame::Account,
            "credentials",
            format!("The line's credentials are incomplete: {error}."),
        )
    })?;
    let submission = Submission {
        reference: outbound.reference.clone(),
        from: account.sender.clone(),
        to: outbound.to.clone(),
        text: outbound.text.clone(),
        media: outbound.media.iter().map(|media| media.url.clone()).collect(),
        status_url: account.status_url.clone(),
        whatsapp: outbound.channel == Channel::Whatsapp,
        template: outbound.template.as_ref().map(|template| SubmittedTemplate {
            id: template.id.clone(),
            variables: template.variables.iter().cloned().collect(),
        }),
    };
    let body = serde_json::to_vec(&submission).expect("plain text and addresses serialise");
    let signature = wire::sign(&credentials.secret, MESSAGES_PATH, &body);
    let call = Call {
        url: &below(&credentials.api_base, MESSAGES_PATH),
        login: None,
        headers: &[(SIGNATURE_HEADER, signature)],
        content_type: "application/json",
        body,
    };
    match http.simulated().post(call).await {
        Ok(answer) => read_answer(&answer),
        Err(HttpError::Connect) => Err(SendError::Unreached),
        Err(HttpError::Forbidden) => Err(SendError::refused_by(
            Blame::Account,
            "address",
            "The simulator's address is private or not https. Check APP_URL.",
        )),
        Err(_) => Err(SendError::Unknown),
    }
}

fn read_answer(answer: &Answer) -> Result<Receipt, SendError> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Problem,
    }
    #[derive(Deserialize)]
    struct Problem {
        code: String,
        message: String,
    }
    match answer.status {
        200..=299 => {
            let taken: AcceptAnswer = serde_json::from_slice(&answer.body).map_err(|_| SendError::Unknown)?;
            let state = state(&taken.status).unwrap_or(DeliveryState::Accepted);
            Ok(Receipt {
                carrier_id: taken.id,
                state,
                carrier_state: Some(taken.status),
                parts: None,
                price: None,
            })
        }
        429 => Err(SendError::Retry { after: answer.retry_after }),
        400..=499 if answer.status != 408 => {
            let Refusal { error } = serde_json::from_slice(&answer.body).map_err(|_| SendError::Unknown)?;
            Err(SendError::refused(error.code, error.message))
        }
        _ => Err(SendError::Unknown),
    }
}

fn read_webhook(webhook: Webhook) -> (String, Event) {
    match webhook {
        Webhook::Inbound { id, from, text, media, whatsapp, .. } => {
            let channel = match media.is_empty() {
                _ if whatsapp => Channel::Whatsapp,
                true => Channel::Sms,
                false => Channel::Mms,
            };
            let media = media
                .into_iter()
                .map(|media| InboundMedia {
                    place: MediaPlace::Link(media.url),
                    media_type: media.media_type,
                    file_name: None,
                })
                .collect();
            let external_id = format!("inbound:{id}");
            (
                external_id,
                Event::Inbound(Inbound {
                    carrier_id: id,
                    channel,
                    from,
                    to: None,
                    text,
                    media,
                    opt_out: None,
                    in_list: InList::Same,
                }),
            )
        }
        Webhook::Status { id, status, error_code, error } => {
            let external_id = format!("status:{id}:{status}");
            let status = Status {
                carrier_id: id,
                reference: None,
                state: state(&status),
                carrier_state: status,
                error_code,
                failure: error,
                opted_out: false,
                blame: Blame::Message,
                too_large: false,
                price: None,
            };
            (external_id, Event::Status(status))
        }
    }
}

fn state(word: &str) -> Option<DeliveryState> {
    Some(match word {
        "accepted" => DeliveryState::Accepted,
        "sent" => DeliveryState::Sent,
        "delivered" => DeliveryState::Delivered,
        "undelivered" => DeliveryState::Undelivered,
        _ => return None,
    })
}
