//! Twilio Programmable Messaging: SMS and MMS, with messages from WhatsApp received as well.

mod signature;
mod tables;

use crate::*;
use model::message::Channel;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use tables::Meaning;

/// Carrier, see the module.
pub(crate) struct Twilio;

const LIMITS: Limits = Limits { media_per_request: 10, media_bytes: 5_000_000, text_chars: 1600 };

const API: &str = "https://api.twilio.com";

/// Five more calls, after a server error (such as that of a proxy while we restart), a connection that fails, or an
/// answer that takes too long. By itself Twilio calls once more, and only after a connection that failed.
const ADDRESS_ENDING: &str = "rc=5&rp=5xx,ct,rt";

/// Media of one inbound message that are read at most; Twilio's own limit is 10.
const MOST_MEDIA: usize = 32;

#[derive(Deserialize)]
struct Credentials {
    account_sid: String,
    /// Signs webhooks, also where an API key is used for calls.
    auth_token: String,
    api_key_sid: Option<String>,
    api_key_secret: Option<String>,
    messaging_service_sid: Option<String>,
    /// Another host than Twilio's own, for example a region's.
    api_base: Option<Url>,
}

impl Provider for Twilio {
    fn limits(&self) -> Limits {
        LIMITS
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
        let verified = match Credentials::read(&account.credentials) {
            Ok(credentials) => signature::holds(&credentials.auth_token, request),
            Err(_) => false,
        };
        if !verified && account.verification == Verification::Enforce {
            return Err(Rejected::Signature);
        }
        read_webhook(request, verified)
    }

    fn address_ending(&self) -> Option<&'static str> {
        Some(ADDRESS_ENDING)
    }

    fn media_request(&self, account: &Account, remote: &Url) -> Result<MediaRequest, Rejected> {
        let refused = Rejected::Malformed("media on a host that is not Twilio's");
        let credentials = Credentials::read(&account.credentials).map_err(|_| refused)?;
        let host = remote.host_str().unwrap_or_default();
        let of_domain = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
        let https = remote.scheme() == "https" && remote.port().is_none();
        let at_api = remote.origin() == credentials.base().origin() || https && of_domain("twilio.com");
        // The networks that serve the files take links that are signed in themselves.
        let at_store = https && of_domain("twiliocdn.com");
        match (at_api, at_store) {
            (true, _) => Ok(MediaRequest {
                url: remote.clone(),
                basic_auth: Some(credentials.user_and_password()),
                simulated: false,
            }),
            (false, true) => Ok(MediaRequest { url: remote.clone(), basic_auth: None, simulated: false }),
            (false, false) => Err(refused),
        }
    }

    fn acknowledgement(&self) -> (&'static str, &'static str) {
        // An empty TwiML document: taken, no reply wanted.
        ("text/xml", r#"<?xml version="1.0" encoding="UTF-8"?><Response></Response>"#)
    }
}

impl Credentials {
    fn read(json: &serde_json::Value) -> Result<Self, CredentialError> {
        let wrong = |field, message: &str| CredentialError { field, message: message.to_owned() };
        let text = |field: &'static str| match json.get(field) {
            None | Some(serde_json::Value::Null) => Ok(None),
            // Copied from a web page, often with a space or a line break.
            Some(serde_json::Value::String(text)) => {
                Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
            }
            Some(_) => Err(wrong(field, "must be text")),
        };
        let sid = |field: &'static str, prefix: &str, message: &str| match text(field)? {
            Some(sid) if !is_sid(&sid, &[prefix]) => Err(wrong(field, message)),
            sid => Ok(sid),
        };
        let account = "AC and 32 hexadecimal digits, on the first page of Twilio's console";
        let account_sid = sid("account_sid", "AC", account)?.ok_or_else(|| wrong("account_sid", account))?;
        let auth_token = text("auth_token")?.ok_or_else(|| {
            wrong(
                "auth_token",
                "is missing; the primary auth token, on the first page of Twilio's console, checks webhooks",
            )
        })?;
        let api_key_sid =
            sid("api_key_sid", "SK", "SK and 32 hexadecimal digits, under API keys in Twilio's console")?;
        let api_key_secret = text("api_key_secret")?;
        if api_key_sid.is_some() != api_key_secret.is_some() {
            let field = if api_key_sid.is_some() { "api_key_secret" } else { "api_key_sid" };
            return Err(wrong(field, "an API key has both a SID and a secret; give both or neither"));
        }
        let messaging_service_sid =
            sid("messaging_service_sid", "MG", "MG and 32 hexadecimal digits, or leave it empty")?;
        let api_base = match text("api_base")?.map(|base| base.parse::<Url>()) {
            None => None,
            Some(Ok(base)) if matches!(base.scheme(), "http" | "https") && base.has_host() => Some(base),
            Some(_) => {
                return Err(wrong("api_base", "must be an http(s) address, or left empty for Twilio's own"));
            }
        };
        Ok(Self { account_sid, auth_token, api_key_sid, api_key_secret, messaging_service_sid, api_base })
    }

    fn base(&self) -> Url {
        self.api_base.clone().unwrap_or_else(|| API.parse().expect("a constant that parses"))
    }

    fn user_and_password(&self) -> (String, String) {
        match (&self.api_key_sid, &self.api_key_secret) {
            (Some(sid), Some(secret)) => (sid.clone(), secret.clone()),
            _ => (self.account_sid.clone(), self.auth_token.clone()),
        }
    }
}

async fn send(http: &Http, account: &Account, outbound: &Outbound) -> Result<Receipt, SendError> {
    let credentials = Credentials::read(&account.credentials).map_err(|error| {
        refused(
            "credentials",
            format!("The line's credentials are incomplete: {error}. See Settings > Lines."),
        )
    })?;
    let path = format!("2010-04-01/Accounts/{}/Messages.json", credentials.account_sid);
    let url = below(&credentials.base(), &path);
    // `From` always, also with a messaging service: the service alone might pick another number of its pool,
    // and patients see one number.
    let mut fields = vec![("To", outbound.to.as_e164()), ("From", account.sender.as_e164())];
    if let Some(service) = &credentials.messaging_service_sid {
        fields.push(("MessagingServiceSid", service));
    }
    if !outbound.text.is_empty() {
        fields.push(("Body", &outbound.text));
    }
    fields.extend(outbound.media.iter().map(|link| ("MediaUrl", link.as_str())));
    let mut status_url = account.status_url.clone();
    status_url.set_fragment(Some(ADDRESS_ENDING));
    fields.push(("StatusCallback", status_url.as_str()));
    match http.post_form(&url, Some(&credentials.user_and_password()), &fields).await {
        Ok(answer) => read_answer(&answer),
        Err(HttpError::Connect) => Err(SendError::Retry { after: None }),
        Err(HttpError::Forbidden) => Err(refused(
            "address",
            "The line's API address is private or not https. Correct it in Settings > Lines.".to_owned(),
        )),
        Err(_) => Err(SendError::Unknown),
    }
}

/// The part of Twilio's Message resource that is used; any other key may come and go.
#[derive(Deserialize)]
struct Created {
    sid: String,
    status: Option<String>,
    /// A decimal in a string; `"0"` when it is not known yet.
    num_segments: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    code: u32,
}

fn read_answer(answer: &http::Answer) -> Result<Receipt, SendError> {
    match answer.status {
        200..=299 => {
            let created: Created = serde_json::from_slice(&answer.body).map_err(|_| SendError::Unknown)?;
            if !is_sid(&created.sid, &["SM", "MM"]) {
                return Err(SendError::Unknown);
            }
            Ok(Receipt {
                carrier_id: created.sid,
                state: created.status.as_deref().and_then(tables::state).unwrap_or(DeliveryState::Accepted),
                carrier_state: created.status,
                parts: created.num_segments.and_then(|n| n.parse().ok()).filter(|&n| n > 0),
            })
        }
        429 => Err(SendError::Retry { after: answer.retry_after }),
        // 408 comes from something between us and Twilio, which may have passed the request on.
        400..=499 if answer.status != 408 => {
            let problem: Problem = serde_json::from_slice(&answer.body).map_err(|_| SendError::Unknown)?;
            let (code, reason) = (problem.code.to_string(), tables::words(problem.code));
            Err(match tables::meaning(problem.code) {
                Meaning::Later(after) => SendError::Retry { after: answer.retry_after.or(Some(after)) },
                Meaning::Refused => SendError::Refused { code, reason, opted_out: false },
                Meaning::OptedOut => SendError::Refused { code, reason, opted_out: true },
            })
        }
        _ => Err(SendError::Unknown),
    }
}

fn read_webhook(request: &WebhookRequest, verified: bool) -> Result<Received, Rejected> {
    let query =
        request.url.split('#').next().and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
    let source = match request.method.as_str() {
        "POST" if signature::is_form(request) => request.body.as_slice(),
        "GET" => query.as_bytes(),
        _ => {
            // Twilio's other products post JSON; such an event has no id that we know, but equal bytes are
            // the same event.
            let external_id = format!("other:{}", hex::encode(Sha256::digest(&request.body)));
            let events = vec![Event::Ignored { why: "not a message webhook" }];
            return Ok(Received { verified, external_id, events });
        }
    };
    let fields = Fields::read(source);
    let carrier_id = fields
        .filled("MessageSid")
        .or_else(|| fields.filled("SmsSid"))
        .or_else(|| fields.filled("SmsMessageSid"))
        .ok_or(Rejected::Malformed("no MessageSid"))?;
    let word = fields.filled("MessageStatus").or_else(|| fields.filled("SmsStatus"));
    // The content decides before the door: the two addresses are easily pasted into each other's field, and
    // a patient's message must not be lost to that.
    let inbound = match word {
        Some("received" | "receiving") => true,
        Some(_) => false,
        None => request.kind == WebhookKind::Inbound,
    };
    // The key is made of the message, not of `I-Twilio-Idempotency-Token`: the first attempt may come
    // without the token and only its repetition with one, and both must be the same event.
    let (external_id, event) = if inbound {
        (format!("inbound:{carrier_id}"), Event::Inbound(read_inbound(&fields, carrier_id)?))
    } else {
        let word = word.ok_or(Rejected::Malformed("no MessageStatus"))?;
        (format!("status:{carrier_id}:{word}"), Event::Status(read_status(&fields, carrier_id, word)))
    };
    Ok(Received { verified, external_id, events: vec![event] })
}

fn read_inbound(fields: &Fields, carrier_id: &str) -> Result<Inbound, Rejected> {
    let from = fields.filled("From").ok_or(Rejected::Malformed("no From"))?;
    let media = fields.media();
    let (channel, from) = match from.strip_prefix("whatsapp:") {
        Some(number) => (Channel::Whatsapp, number),
        None if media.is_empty() => (Channel::Sms, from),
        None => (Channel::Mms, from),
    };
    Ok(Inbound {
        carrier_id: carrier_id.to_owned(),
        channel,
        from: from.to_owned(),
        text: fields.get("Body").unwrap_or_default().to_owned(),
        media,
        opt_out: match fields.get("OptOutType") {
            Some("STOP") => Some(OptOut::Stop),
            Some("START") => Some(OptOut::Start),
            _ => None,
        },
    })
}

fn read_status(fields: &Fields, carrier_id: &str, word: &str) -> Status {
    let state = tables::state(word);
    // A code may come with a good state too; only with a failure does it explain something.
    let failed = matches!(state, Some(DeliveryState::Failed | DeliveryState::Undelivered));
    let error_code = fields.filled("ErrorCode").filter(|_| failed);
    let number = error_code.and_then(|code| code.parse().ok());
    Status {
        carrier_id: carrier_id.to_owned(),
        state,
        carrier_state: word.to_owned(),
        error_code: error_code.map(str::to_owned),
        failure: match number {
            Some(code) => Some(tables::words(code)),
            None if failed => Some("Twilio could not deliver it and does not say why.".to_owned()),
            None => None,
        },
        opted_out: number.is_some_and(|code| tables::meaning(code) == Meaning::OptedOut),
    }
}

/// A webhook's parameters; of a repeated name the first value.
struct Fields(BTreeMap<String, String>);

impl Fields {
    fn read(encoded: &[u8]) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(encoded).into_owned() {
            fields.entry(name).or_insert(value);
        }
        Self(fields)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Every attachment announced, by count or by link. One whose link is missing or broken gets an address
    /// that cannot be fetched: it must show as a failed picture, not vanish, and not hold back the text.
    fn media(&self) -> Vec<RemoteMedia> {
        let announced = self.filled("NumMedia").and_then(|n| n.parse().ok()).unwrap_or(0);
        let linked = (0..MOST_MEDIA).take_while(|n| self.filled(&format!("MediaUrl{n}")).is_some()).count();
        (0..linked.max(announced).min(MOST_MEDIA))
            .map(|n| {
                let link = self.filled(&format!("MediaUrl{n}")).and_then(|link| link.parse().ok());
                RemoteMedia {
                    url: link.unwrap_or_else(|| "invalid:no-link".parse().expect("a constant that parses")),
                    media_type: self.filled(&format!("MediaContentType{n}")).map(str::to_owned),
                }
            })
            .collect()
    }
}

fn is_sid(text: &str, prefixes: &[&str]) -> bool {
    let hex = |rest: &str| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    prefixes.iter().any(|prefix| text.strip_prefix(prefix).is_some_and(hex))
}

fn refused(code: &str, reason: String) -> SendError {
    SendError::Refused { code: code.to_owned(), reason, opted_out: false }
}
