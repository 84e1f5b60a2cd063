//! Twilio Programmable Messaging: SMS, MMS and WhatsApp.

mod content;
mod recent;
mod signature;
mod tables;

use crate::credentials::{api_base, base, text};
use crate::fields::Fields;
use crate::meaning::Meaning;
use crate::*;
use model::PhoneNumber;
use model::line::Currency;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Carrier, see the module.
pub(crate) struct Twilio;

const LIMITS: Limits = Limits {
    channels_out: &[Channel::Sms, Channel::Mms, Channel::Whatsapp],
    mms_countries: &["US", "CA", "AU"],
    mms_in: true,
    media_per_request: 10,
    media_bytes: 5_000_000,
    media_types: &["image/jpeg", "image/png", "image/gif"],
    wants_bytes: false,
    text_chars: 1600,
    sms_parts: None,
    mms_text: None,
    // Its help pages, "Understanding Twilio Rate Limits and Message Queues": parts a second of a local number to the
    // United States and Canada, of any number to other countries; WhatsApp messages of one sender.
    pace: Some(Pace { to_plus_one: 1, elsewhere: 10, whatsapp: 80 }),
};

/// Twilio's list prices for ordinary numbers (long codes) of the United States, read in July 2026 in three summaries of
/// its price page that agree. The networks' surcharges of about a third of a cent, and discounts above 150,000 messages
/// a month, are not in it. What WhatsApp costs depends on the kind of message and the country, so it is left out.
const US_TARIFF: Tariff = Tariff {
    currency: Currency::Usd,
    sms: Some(8_300),
    mms: Some(22_000),
    whatsapp: None,
    sms_in: Some(8_300),
    mms_in: Some(16_500),
};

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
    /// Accepted on webhooks as well while the token is being exchanged.
    previous_auth_token: Option<String>,
    api_key_sid: Option<String>,
    api_key_secret: Option<String>,
    messaging_service_sid: Option<String>,
    /// Another host than Twilio's own, for example a region's.
    api_base: Url,
    /// The same for the templates, which Twilio keeps at an address of their own.
    content_base: Url,
}

impl Provider for Twilio {
    fn limits(&self) -> Limits {
        LIMITS
    }

    /// Of the United States alone: of Australia no price could be read that Twilio itself or several others name.
    fn published_tariff(&self, country: Country) -> Option<Tariff> {
        (country.code() == "US").then_some(US_TARIFF)
    }

    fn credential_names(&self) -> CredentialNames {
        CredentialNames {
            required: &["account_sid", "auth_token"],
            optional: &[
                "previous_auth_token",
                "api_key_sid",
                "api_key_secret",
                "messaging_service_sid",
                "api_base",
                "content_base",
            ],
            unbroken: &["auth_token", "previous_auth_token", "api_key_secret"],
        }
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
            Ok(credentials) => [Some(&credentials.auth_token), credentials.previous_auth_token.as_ref()]
                .into_iter()
                .flatten()
                .fold(false, |found, token| found | signature::holds(token, request)),
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
        let at_api = remote.origin() == credentials.api_base.origin() || https && of_domain("twilio.com");
        // The networks that serve the files take links that are signed in themselves.
        let at_store = https && of_domain("twiliocdn.com");
        match (at_api, at_store) {
            (true, _) => Ok(Some(credentials.login())),
            (false, true) => Ok(None),
            (false, false) => Err(refused),
        }
        .map(|login| MediaRequest {
            url: remote.clone(),
            login,
            login_only_if_asked: false,
            simulated: false,
        })
    }

    fn templates<'a>(
        &'a self,
        http: &'a Http,
        account: &'a Account,
    ) -> BoxFuture<'a, Result<Vec<CarrierTemplate>, NotListed>> {
        Box::pin(content::templates(http, account))
    }

    fn recent<'a>(
        &'a self,
        http: &'a Http,
        account: &'a Account,
        since: Millis,
    ) -> BoxFuture<'a, Result<Recent, NotListed>> {
        Box::pin(recent::recent(http, account, since))
    }

    fn complete<'a>(
        &'a self,
        http: &'a Http,
        account: &'a Account,
        webhook: WebhookRequest,
    ) -> BoxFuture<'a, Result<WebhookRequest, NotListed>> {
        Box::pin(recent::complete(http, account, webhook))
    }

    fn health<'a>(&'a self, http: &'a Http, account: &'a Account) -> BoxFuture<'a, Health> {
        Box::pin(health(http, account))
    }

    fn acknowledgement(&self) -> (&'static str, &'static str) {
        // An empty TwiML document: taken, no reply wanted.
        ("text/xml", r#"<?xml version="1.0" encoding="UTF-8"?><Response></Response>"#)
    }
}

impl Credentials {
    fn read(json: &serde_json::Value) -> Result<Self, CredentialError> {
        let wrong = CredentialError::new;
        let text = |field| text(json, field);
        let sid = |field: &'static str, prefix: &str, message: &'static str| match text(field)? {
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
        let previous_auth_token = text("previous_auth_token")?;
        let api_key_sid =
            sid("api_key_sid", "SK", "SK and 32 hexadecimal digits, under API keys in Twilio's console")?;
        let api_key_secret = text("api_key_secret")?;
        if api_key_sid.is_some() != api_key_secret.is_some() {
            let field = if api_key_sid.is_some() { "api_key_secret" } else { "api_key_sid" };
            return Err(wrong(field, "an API key has both a SID and a secret; give both or neither"));
        }
        let messaging_service_sid =
            sid("messaging_service_sid", "MG", "MG and 32 hexadecimal digits, or leave it empty")?;
        let api_base = api_base(json, API)?;
        let content_base = base(json, "content_base", content::API)?;
        Ok(Self {
            account_sid,
            auth_token,
            previous_auth_token,
            api_key_sid,
            api_key_secret,
            messaging_service_sid,
            api_base,
            content_base,
        })
    }

    fn login(&self) -> Login {
        match (&self.api_key_sid, &self.api_key_secret) {
            (Some(sid), Some(secret)) => Login::Basic(sid.clone(), secret.clone()),
            _ => Login::Basic(self.account_sid.clone(), self.auth_token.clone()),
        }
    }
}

async fn send(http: &Http, account: &Account, outbound: &Outbound) -> Result<Receipt, SendError> {
    let credentials = Credentials::read(&account.credentials).map_err(|error| {
        SendError::refused_by(
            Blame::Account,
            "credentials",
            format!("The line's credentials are incomplete: {error}. See Settings > Lines."),
        )
    })?;
    let path = format!("2010-04-01/Accounts/{}/Messages.json", credentials.account_sid);
    let url = below(&credentials.api_base, &path);
    // WhatsApp has addresses of its own, made of the same numbers.
    let prefix = if outbound.channel == Channel::Whatsapp { "whatsapp:" } else { "" };
    let (to, from) =
        (format!("{prefix}{}", outbound.to.as_e164()), format!("{prefix}{}", account.sender.as_e164()));
    // `From` always, also with a messaging service: the service alone might pick another number of its pool,
    // and patients see one number.
    let mut fields = vec![("To", to.as_str()), ("From", from.as_str())];
    if let Some(service) = &credentials.messaging_service_sid {
        fields.push(("MessagingServiceSid", service));
    }
    let variables;
    if let Some(template) = &outbound.template {
        let filled: serde_json::Map<_, _> =
            template.variables.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        variables = serde_json::Value::from(filled).to_string();
        fields.extend([("ContentSid", template.id.as_str()), ("ContentVariables", variables.as_str())]);
    }
    if !outbound.text.is_empty() {
        fields.push(("Body", &outbound.text));
    }
    fields.extend(outbound.media.iter().map(|media| ("MediaUrl", media.url.as_str())));
    let mut status_url = account.status_url.clone();
    status_url.set_fragment(Some(ADDRESS_ENDING));
    fields.push(("StatusCallback", status_url.as_str()));
    match http.post_form(&url, Some(&credentials.login()), &fields).await {
        Ok(answer) => read_answer(&answer),
        Err(HttpError::Connect) => Err(SendError::Unreached),
        Err(HttpError::Forbidden) => Err(SendError::refused_by(
            Blame::Account,
            "address",
            "The line's API address is private or not https. Correct it in Settings > Lines.",
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
                price: None,
            })
        }
        429 => Err(SendError::Retry { after: answer.retry_after }),
        // 408 comes from something between us and Twilio, which may have passed the request on.
        400..=499 if answer.status != 408 => {
            let problem: Problem = serde_json::from_slice(&answer.body).map_err(|_| SendError::Unknown)?;
            let (code, reason) = (problem.code.to_string(), tables::words(problem.code));
            Err(tables::meaning(problem.code).error(code, reason, answer.retry_after))
        }
        _ => Err(SendError::Unknown),
    }
}

fn read_webhook(request: &WebhookRequest, verified: bool) -> Result<Received, Rejected> {
    let source = match request.method.as_str() {
        "POST" if signature::is_form(request) => request.body.as_slice(),
        "GET" => request.raw_query().as_bytes(),
        _ => {
            // Twilio's other products post JSON; such an event has no id that we know, but equal bytes are
            // the same event.
            let external_id = format!("other:{}", hex::encode(Sha256::digest(&request.body)));
            let events = vec![Event::Ignored { why: "not a message webhook" }];
            return Ok(Received { verified, external_id, events });
        }
    };
    let fields = Fields::of_form(source);
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
    let media = read_media(fields);
    let (channel, from) = match from.strip_prefix("whatsapp:") {
        Some(number) => (Channel::Whatsapp, number),
        None if media.is_empty() => (Channel::Sms, from),
        None => (Channel::Mms, from),
    };
    Ok(Inbound {
        carrier_id: carrier_id.to_owned(),
        channel,
        from: from.to_owned(),
        to: fields
            .filled("To")
            .and_then(|to| PhoneNumber::from_e164(to.strip_prefix("whatsapp:").unwrap_or(to)).ok()),
        text: fields.get("Body").unwrap_or_default().to_owned(),
        media,
        opt_out: match fields.get("OptOutType") {
            Some("STOP") => Some(OptOut::Stop),
            Some("START") => Some(OptOut::Start),
            _ => None,
        },
        in_list: InList::Same,
    })
}

fn read_status(fields: &Fields, carrier_id: &str, word: &str) -> Status {
    let state = tables::state(word);
    // A code may come with a good state too; only with a failure does it explain something.
    let failed = matches!(state, Some(DeliveryState::Failed | DeliveryState::Undelivered));
    let error_code = fields.filled("ErrorCode").filter(|_| failed);
    let number = error_code.and_then(|code| code.parse().ok());
    let meaning = number.map(tables::meaning);
    Status {
        carrier_id: carrier_id.to_owned(),
        // Twilio takes none; the address that it reports to names the delivery.
        reference: None,
        state,
        carrier_state: word.to_owned(),
        error_code: error_code.map(str::to_owned),
        failure: match number {
            Some(code) => Some(tables::words(code)),
            None if failed => Some("Twilio could not deliver it and does not say why.".to_owned()),
            None => None,
        },
        opted_out: meaning == Some(Meaning::OptedOut),
        blame: meaning.map_or(Blame::Message, Meaning::blame),
        too_large: meaning == Some(Meaning::TooLarge),
        price: None,
    }
}

/// Every attachment announced, by count or by link. One whose link is missing or broken must show as a failed
/// picture, not vanish, and not hold back the text.
fn read_media(fields: &Fields) -> Vec<InboundMedia> {
    let announced = fields.filled("NumMedia").and_then(|n| n.parse().ok()).unwrap_or(0);
    let linked = (0..MOST_MEDIA).take_while(|n| fields.filled(&format!("MediaUrl{n}")).is_some()).count();
    (0..linked.max(announced).min(MOST_MEDIA))
        .map(|n| InboundMedia {
            place: fields
                .filled(&format!("MediaUrl{n}"))
                .map_or_else(MediaPlace::nowhere, MediaPlace::of_link),
            media_type: fields.filled(&format!("MediaContentType{n}")).map(str::to_owned),
            file_name: None,
        })
        .collect()
}

fn is_sid(text: &str, prefixes: &[&str]) -> bool {
    let hex = |rest: &str| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    prefixes.iter().any(|prefix| text.strip_prefix(prefix).is_some_and(hex))
}

/// The part of Twilio's list of IncomingPhoneNumber resources that is looked at.
#[derive(Deserialize)]
struct OwnNumbers {
    incoming_phone_numbers: Vec<OwnNumber>,
}

#[derive(Deserialize)]
struct OwnNumber {
    sms_url: Option<String>,
    sms_fallback_url: Option<String>,
    capabilities: Capabilities,
}

#[derive(Deserialize)]
struct Capabilities {
    #[serde(default)]
    sms: bool,
    #[serde(default)]
    mms: bool,
}

#[derive(Deserialize)]
struct Balance {
    balance: String,
    currency: String,
}

async fn health(http: &Http, account: &Account) -> Health {
    let credentials = match Credentials::read(&account.credentials) {
        Ok(credentials) => credentials,
        Err(error) => return error.into(),
    };
    let login = credentials.login();
    let below_account = |resource: &str| {
        below(&credentials.api_base, &format!("2010-04-01/Accounts/{}/{resource}", credentials.account_sid))
    };
    let mut url = below_account("IncomingPhoneNumbers.json");
    url.query_pairs_mut().append_pair("PhoneNumber", account.sender.as_e164());
    let answer = match health::let_in("Twilio", http.get(&url, Some(&login)).await) {
        Ok(answer) => answer,
        Err(finding) => return Health::of([finding]),
    };
    let mut findings =
        vec![Finding::new(Subject::Credentials, Verdict::Good, "Twilio accepts the credentials.")];
    let numbers =
        serde_json::from_slice(&answer.body).map(|numbers: OwnNumbers| numbers.incoming_phone_numbers);
    findings.extend(match numbers.as_deref() {
        Ok([number, ..]) => about_number(&credentials, account, number),
        Ok([]) => vec![Finding::new(
            Subject::Sender,
            Verdict::Bad,
            "The line's number does not belong to this Twilio account. A number that is only hosted there, or a \
             WhatsApp sender, is not listed either.",
        )],
        Err(_) => vec![Finding::new(
            Subject::Sender,
            Verdict::Unasked,
            "Twilio's answer about the number could not be read.",
        )],
    });
    let balance = http.get(&below_account("Balance.json"), Some(&login)).await;
    findings.extend(health::let_in("Twilio", balance).ok().and_then(|answer| {
        let balance: Balance = serde_json::from_slice(&answer.body).ok()?;
        let spent = balance.balance.trim_start().starts_with('-');
        let verdict = if spent { Verdict::Bad } else { Verdict::Good };
        let words = format!("{} {} are left at Twilio.", balance.balance, balance.currency);
        Some(Finding::new(Subject::Balance, verdict, words))
    }));
    Health { findings }
}

fn about_number(credentials: &Credentials, account: &Account, number: &OwnNumber) -> Vec<Finding> {
    let sender = match (number.capabilities.sms, number.capabilities.mms) {
        (true, true) => (Verdict::Good, "The number can send and receive texts and pictures."),
        (true, false) => (Verdict::Good, "The number can send and receive texts, but no pictures."),
        (false, _) => (Verdict::Bad, "The number cannot send texts. Choose another one in Twilio's console."),
    };
    let webhooks = match &credentials.messaging_service_sid {
        // The service's own setting may stand before the number's, and cannot be seen from here.
        Some(_) => Finding::new(
            Subject::Webhooks,
            Verdict::Unknown,
            "The number belongs to a messaging service. Check in Twilio's console, under the service's \
             integration, that incoming messages go to the line's inbound address or to the sender's webhook.",
        ),
        None => calls(account, number),
    };
    vec![Finding::new(Subject::Sender, sender.0, sender.1), webhooks]
}

/// Whether Twilio brings messages to the line's address, and brings them again when we could not answer: it does so only
/// where the address asks for it by its ending, and after that at the fallback address.
fn calls(account: &Account, number: &OwnNumber) -> Finding {
    let entered = number.sms_url.as_deref();
    let found = health::calls("Twilio", entered, &account.inbound_url);
    if found.verdict != Verdict::Good {
        return found;
    }
    let asks_again = entered
        .and_then(|entered| entered.split_once('#'))
        .is_some_and(|(_, ending)| ending == ADDRESS_ENDING);
    if !asks_again {
        return Finding::new(
            Subject::Webhooks,
            Verdict::Bad,
            "Twilio brings messages to this line, but each only once: what comes while this server cannot answer gets \
             lost. Paste the line's inbound address from Settings > Lines again, with everything that stands after its #.",
        );
    }
    let fallback = health::calls("Twilio", number.sms_fallback_url.as_deref(), &account.inbound_url);
    if fallback.verdict != Verdict::Good {
        return Finding::new(
            Subject::Webhooks,
            Verdict::Unknown,
            "Twilio brings messages to this line and tries again, but has no fallback address of this line's. Paste the \
             inbound address into the field for when the primary handler fails as well.",
        );
    }
    found
}
