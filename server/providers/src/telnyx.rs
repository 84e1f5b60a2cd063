//! Telnyx Messaging API, version 2: SMS, and MMS with numbers of the United States and Canada.

mod signature;
mod tables;

use crate::credentials::{api_base, required, text};
use crate::fields::plain;
use crate::meaning::Meaning;
use crate::*;
use model::PhoneNumber;
use model::line::Price;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use signature::PublicKey;

/// Carrier, see the module.
pub(crate) struct Telnyx;

const LIMITS: Limits = Limits {
    channels_out: &[Channel::Sms, Channel::Mms],
    mms_countries: &["US", "CA"],
    mms_in: true,
    media_per_request: 10,
    media_bytes: 1_000_000,
    media_types: &["image/jpeg", "image/png", "image/gif", "image/bmp", "image/webp"],
    wants_bytes: false,
    // Ten parts, which is fewer characters in any but the plain alphabet; Telnyx refuses what is longer.
    text_chars: 1530,
    sms_parts: Some(10),
    mms_text: None,
    // Its pages on rate limits: fifty a second for an account; a local number of the United States as its campaign
    // says, of other countries about one in ten seconds. For up to four hours Telnyx queues what a number cannot carry.
    pace: Some(Pace { to_plus_one: 1, elsewhere: 1, whatsapp: 1 }),
};

const API: &str = "https://api.telnyx.com/v2";

/// Media of one inbound message that are read at most; Telnyx's own limit is 10.
const MOST_MEDIA: usize = 32;

/// Messaging profiles that a look at the account goes through at most.
const MOST_PROFILES: usize = 20;

struct Credentials {
    api_key: String,
    /// Two while the account's key is being exchanged.
    public_keys: Vec<PublicKey>,
    messaging_profile_id: Option<String>,
    /// Another host than Telnyx's own.
    api_base: Url,
}

impl Provider for Telnyx {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn credential_names(&self) -> CredentialNames {
        CredentialNames {
            required: &["api_key", "public_key"],
            optional: &["previous_public_key", "messaging_profile_id", "api_base"],
            unbroken: &["api_key"],
        }
    }

    fn check_credentials(&self, credentials: &Value) -> Result<(), CredentialError> {
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
        let verified = Credentials::read(&account.credentials)
            .is_ok_and(|credentials| signature::holds(&credentials.public_keys, request));
        if !verified && account.verification == Verification::Enforce {
            return Err(Rejected::Signature);
        }
        let (external_id, event) = read_webhook(account, request)?;
        Ok(Received { verified, external_id, events: vec![event] })
    }

    fn media_request(&self, account: &Account, remote: &Url) -> Result<MediaRequest, Rejected> {
        let refused = Rejected::Malformed("media that is not offered by https");
        let credentials = Credentials::read(&account.credentials).map_err(|_| refused)?;
        let https = remote.scheme() == "https" && remote.port().is_none();
        let at_api = remote.origin() == credentials.api_base.origin();
        if !https && !at_api {
            return Err(refused);
        }
        let host = remote.host_str().unwrap_or_default();
        let at_telnyx = host.strip_suffix("telnyx.com").is_some_and(|rest| rest.ends_with('.'));
        // One guide asks for the key, another calls the links signed; where such links lead is not said, so any
        // host may be asked, but the key is shown to Telnyx's own only.
        let login = (at_api || at_telnyx).then(|| credentials.login());
        Ok(MediaRequest { url: remote.clone(), login, login_only_if_asked: true, simulated: false })
    }

    fn health<'a>(&'a self, http: &'a Http, account: &'a Account) -> BoxFuture<'a, Health> {
        Box::pin(health(http, account))
    }
}

impl Credentials {
    fn read(json: &Value) -> Result<Self, CredentialError> {
        let api_key = required(json, "api_key", "is missing; made under API keys in Telnyx's portal")?;
        let key = "is missing; 44 characters, under Keys & Credentials > Public key in Telnyx's portal";
        let public_key = parse_key("public_key", &required(json, "public_key", key)?)?;
        let previous = text(json, "previous_public_key")?;
        let previous = previous.map(|key| parse_key("previous_public_key", &key)).transpose()?;
        Ok(Self {
            api_key,
            public_keys: [public_key].into_iter().chain(previous).collect(),
            messaging_profile_id: text(json, "messaging_profile_id")?,
            api_base: api_base(json, API)?,
        })
    }

    fn login(&self) -> Login {
        Login::Bearer(self.api_key.clone())
    }
}

fn parse_key(field: &'static str, key: &str) -> Result<PublicKey, CredentialError> {
    let message = "must be the public key as Telnyx's portal shows it: 44 characters that end with =";
    PublicKey::parse(key).ok_or_else(|| CredentialError::new(field, message))
}

async fn send(http: &Http, account: &Account, outbound: &Outbound) -> Result<Receipt, SendError> {
    let credentials = Credentials::read(&account.credentials).map_err(|error| {
        SendError::refused_by(
            Blame::Account,
            "credentials",
            format!("The line's credentials are incomplete: {error}. See Settings > Lines."),
        )
    })?;
    let mut message = json!({
        "from": account.sender.as_e164(),
        "to": outbound.to.as_e164(),
        "type": if outbound.media.is_empty() { "SMS" } else { "MMS" },
        "webhook_url": account.status_url.as_str(),
        // Asked after three vain attempts, with three of its own: the same server may be back by then.
        "webhook_failover_url": account.status_url.as_str(),
    });
    if !outbound.text.is_empty() {
        message["text"] = json!(outbound.text);
    }
    if !outbound.media.is_empty() {
        message["media_urls"] = outbound.media.iter().map(|media| media.url.as_str()).collect();
    }
    if let Some(profile) = &credentials.messaging_profile_id {
        message["messaging_profile_id"] = json!(profile);
    }
    let url = below(&credentials.api_base, "messages");
    match http.post_json(&url, Some(&credentials.login()), &message).await {
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

fn read_answer(answer: &http::Answer) -> Result<Receipt, SendError> {
    let body = || serde_json::from_slice::<Value>(&answer.body).map_err(|_| SendError::Unknown);
    match answer.status {
        200..=299 => {
            let body = body()?;
            let message = &body["data"];
            let carrier_id = filled(&message["id"]).ok_or(SendError::Unknown)?;
            let carrier_state = filled(&message["to"][0]["status"]);
            Ok(Receipt {
                carrier_id,
                state: carrier_state.as_deref().and_then(tables::state).unwrap_or(DeliveryState::Accepted),
                carrier_state,
                parts: message["parts"].as_u64().and_then(|n| n.try_into().ok()).filter(|&n| n > 0),
                price: price(message),
            })
        }
        429 => Err(SendError::Retry { after: answer.retry_after }),
        // 408 comes from something between us and Telnyx, which may have passed the request on.
        400..=499 if answer.status != 408 => {
            let code = error_code(&body()?["errors"]).ok_or(SendError::Unknown)?;
            let reason = tables::words(&code);
            Err(tables::meaning(&code).error(code, reason, answer.retry_after))
        }
        _ => Err(SendError::Unknown),
    }
}

/// The code that decides: a STOP weighs more than whatever else is wrong.
fn error_code(errors: &Value) -> Option<String> {
    let codes: Vec<String> = errors.as_array()?.iter().filter_map(|error| filled(&error["code"])).collect();
    let stop = codes.iter().find(|code| tables::meaning(code) == Meaning::OptedOut);
    stop.or(codes.first()).cloned()
}

fn price(message: &Value) -> Option<Price> {
    let cost = &message["cost"];
    Price::parse(&plain(&cost["amount"])?, cost["currency"].as_str()?)
}

/// A text or number that is there and not empty.
fn filled(value: &Value) -> Option<String> {
    plain(value).filter(|text| !text.is_empty())
}

fn read_webhook(account: &Account, request: &WebhookRequest) -> Result<(String, Event), Rejected> {
    let body: Value = serde_json::from_slice(&request.body).map_err(|_| Rejected::Malformed("not JSON"))?;
    let event = &body["data"];
    let payload = &event["payload"];
    // The older forms have no envelope. They cannot be told apart from news of other products, but a line that
    // is set to them would lose messages, so they stay visible.
    let kind = event["event_type"].as_str().ok_or(Rejected::Malformed(
        "no event_type; the messaging profile must be set to webhook API version 2",
    ))?;
    // Equal for a repetition, also one that is tried at another address.
    let external_id = match filled(&event["id"]) {
        Some(id) => format!("event:{id}"),
        None => format!("other:{}", hex::encode(Sha256::digest(&request.body))),
    };
    let event = match kind {
        "message.received" => Event::Inbound(read_inbound(account, event)?),
        "message.sent" | "message.finalized" => Event::Status(read_status(payload, kind)?),
        _ if payload["direction"] == "outbound" && payload["to"][0]["status"].is_string() => {
            Event::Status(read_status(payload, kind)?)
        }
        _ => Event::Ignored { why: "not news of a message" },
    };
    Ok((external_id, event))
}

fn read_inbound(account: &Account, event: &Value) -> Result<Inbound, Rejected> {
    let payload = &event["payload"];
    let from = filled(&payload["from"]["phone_number"]).ok_or(Rejected::Malformed("no from"))?;
    let media: Vec<_> = items(&payload["media"]).take(MOST_MEDIA).map(read_media).collect();
    let mms = !media.is_empty() || payload["type"] == "MMS";
    // A group message names further receivers.
    let receivers: Vec<_> = items(&payload["to"])
        .chain(items(&payload["cc"]))
        .filter_map(|receiver| PhoneNumber::from_e164(receiver["phone_number"].as_str()?).ok())
        .collect();
    let ours = receivers.iter().find(|receiver| **receiver == account.sender);
    let words = [&payload["subject"], &payload["text"]];
    let words: Vec<_> = words.into_iter().filter_map(Value::as_str).filter(|text| !text.is_empty()).collect();
    Ok(Inbound {
        carrier_id: filled(&payload["id"]).or(filled(&event["id"])).ok_or(Rejected::Malformed("no id"))?,
        channel: if mms { Channel::Mms } else { Channel::Sms },
        from,
        to: ours.or(receivers.first()).cloned(),
        text: words.join("\n"),
        media,
        opt_out: match payload["autoresponse_type"].as_str() {
            Some("STOP") => Some(OptOut::Stop),
            Some("START") => Some(OptOut::Start),
            _ => None,
        },
        in_list: InList::Same,
    })
}

fn read_media(media: &Value) -> InboundMedia {
    InboundMedia {
        place: media["url"].as_str().map_or_else(MediaPlace::nowhere, MediaPlace::of_link),
        media_type: filled(&media["content_type"]),
        file_name: None,
    }
}

fn read_status(payload: &Value, kind: &str) -> Result<Status, Rejected> {
    let carrier_id = filled(&payload["id"]).ok_or(Rejected::Malformed("no id"))?;
    let word = filled(&payload["to"][0]["status"]);
    let state = match &word {
        Some(word) => tables::state(word),
        None => (kind == "message.sent").then_some(DeliveryState::Sent),
    };
    // A code may come with a good state too; only with a failure does it explain something.
    let failed = matches!(state, Some(DeliveryState::Failed | DeliveryState::Undelivered));
    let error_code = error_code(&payload["errors"]).filter(|_| failed);
    let meaning = error_code.as_deref().map(tables::meaning);
    Ok(Status {
        carrier_id,
        // Telnyx takes none; the address that it reports to names the delivery.
        reference: None,
        state,
        carrier_state: word.unwrap_or_else(|| kind.to_owned()),
        failure: match &error_code {
            Some(code) => Some(tables::words(code)),
            None if failed => Some("Telnyx could not deliver it and does not say why.".to_owned()),
            None => None,
        },
        opted_out: meaning == Some(Meaning::OptedOut),
        blame: meaning.map_or(Blame::Message, Meaning::blame),
        too_large: meaning == Some(Meaning::TooLarge),
        error_code,
        price: price(payload),
    })
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// What Telnyx wraps every answer in.
#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

/// The part of Telnyx's messaging profile that is looked at.
#[derive(Deserialize)]
struct Profile {
    id: String,
    webhook_url: Option<String>,
    webhook_api_version: Option<String>,
    enabled: Option<bool>,
}

#[derive(Deserialize)]
struct OwnNumber {
    phone_number: String,
    features: Option<Features>,
}

/// Telnyx describes what each can do in detail; `null` means nothing at all.
#[derive(Deserialize)]
struct Features {
    sms: Option<Value>,
    mms: Option<Value>,
}

#[derive(Deserialize)]
struct Balance {
    available_credit: String,
    currency: String,
}

async fn health(http: &Http, account: &Account) -> Health {
    let credentials = match Credentials::read(&account.credentials) {
        Ok(credentials) => credentials,
        Err(error) => return error.into(),
    };
    let login = credentials.login();
    let profiles = list(&credentials, "messaging_profiles");
    let answer = match health::let_in("Telnyx", http.get(&profiles, Some(&login)).await) {
        Ok(answer) => answer,
        Err(finding) => return Health::of([finding]),
    };
    let mut findings = vec![Finding::new(Subject::Credentials, Verdict::Good, "Telnyx accepts the API key.")];
    findings.extend(match serde_json::from_slice(&answer.body) {
        Ok(Data { data: profiles }) => about_number(http, &credentials, account, profiles).await,
        Err(_) => vec![Finding::new(
            Subject::Sender,
            Verdict::Unasked,
            "Telnyx's answer about the messaging profiles could not be read.",
        )],
    });
    let balance = http.get(&below(&credentials.api_base, "balance"), Some(&login)).await;
    findings.extend(health::let_in("Telnyx", balance).ok().and_then(|answer| {
        let Data::<Balance> { data } = serde_json::from_slice(&answer.body).ok()?;
        let spent = data.available_credit.trim_start().starts_with('-');
        let verdict = if spent { Verdict::Bad } else { Verdict::Good };
        let words = format!("{} {} are left at Telnyx.", data.available_credit, data.currency);
        Some(Finding::new(Subject::Balance, verdict, words))
    }));
    Health { findings }
}

/// The address of a list, on one page as long as Telnyx makes them.
fn list(credentials: &Credentials, path: &str) -> Url {
    let mut url = below(&credentials.api_base, path);
    url.query_pairs_mut().append_pair("page[size]", "250");
    url
}

/// Looks for the line's number in the messaging profiles, or in the one that the credentials name.
async fn about_number(
    http: &Http,
    credentials: &Credentials,
    account: &Account,
    profiles: Vec<Profile>,
) -> Vec<Finding> {
    let wanted =
        |profile: &Profile| credentials.messaging_profile_id.as_ref().is_none_or(|id| *id == profile.id);
    for profile in profiles.into_iter().filter(wanted).take(MOST_PROFILES) {
        let url = list(credentials, &format!("messaging_profiles/{}/phone_numbers", profile.id));
        let answer = match health::let_in("Telnyx", http.get(&url, Some(&credentials.login())).await) {
            Ok(answer) => answer,
            Err(finding) => return vec![Finding { subject: Subject::Sender, ..finding }],
        };
        let numbers: Vec<OwnNumber> = match serde_json::from_slice(&answer.body) {
            Ok(Data { data }) => data,
            Err(_) => {
                let words = "Telnyx's answer about the number could not be read.";
                return vec![Finding::new(Subject::Sender, Verdict::Unasked, words)];
            }
        };
        if let Some(number) = numbers.iter().find(|number| number.phone_number == account.sender.as_e164()) {
            return vec![about_features(number), about_profile(account, &profile)];
        }
    }
    let words = "The line's number is in no messaging profile of this account, or not in the one that the line \
                 names. Assign it to one in Telnyx's portal.";
    vec![Finding::new(Subject::Sender, Verdict::Bad, words)]
}

fn about_features(number: &OwnNumber) -> Finding {
    let Some(features) = &number.features else {
        let words = "The number belongs to this account. Telnyx does not say what it can do.";
        return Finding::new(Subject::Sender, Verdict::Unknown, words);
    };
    let (verdict, words) = match (features.sms.is_some(), features.mms.is_some()) {
        (true, true) => (Verdict::Good, "The number can send and receive texts and pictures."),
        (true, false) => (Verdict::Good, "The number can send and receive texts, but no pictures."),
        (false, _) => (
            Verdict::Bad,
            "The number is not switched on for texts. Do so in Telnyx's portal, or choose another one.",
        ),
    };
    Finding::new(Subject::Sender, verdict, words)
}

fn about_profile(account: &Account, profile: &Profile) -> Finding {
    let bad = |words| Finding::new(Subject::Webhooks, Verdict::Bad, words);
    if profile.enabled == Some(false) {
        return bad("The number's messaging profile is switched off. Switch it on in Telnyx's portal.");
    }
    if profile.webhook_api_version.as_deref().is_some_and(|version| version != "2") {
        return bad("Set the messaging profile's webhook API version to 2 in Telnyx's portal.");
    }
    health::calls("Telnyx", profile.webhook_url.as_deref(), &account.inbound_url)
}
