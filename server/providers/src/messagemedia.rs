//! Sinch MessageMedia, also sold as Sinch Engage: SMS and MMS.

mod recent;
mod signature;
mod tables;

use crate::credentials::{api_base, required, text};
use crate::engage::{self, Told};
use crate::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signature::Key;
use std::time::Duration;

/// Carrier, see the module.
pub(crate) struct MessageMedia;

const LIMITS: Limits = Limits {
    channels_out: &[Channel::Sms, Channel::Mms],
    mms_countries: &[],
    mms_in: true,
    // More are taken, but the mobile networks in Australia carry one reliably.
    media_per_request: 1,
    // Not documented; this is what every network is known to carry.
    media_bytes: 300_000,
    media_types: &["image/jpeg", "image/png", "image/gif"],
    wants_bytes: false,
    text_chars: 5000,
    sms_parts: None,
    mms_text: None,
    pace: Some(Pace::UNPUBLISHED),
};

const API: &str = "https://api.messagemedia.com";

/// What goes with a picture that has no text: MessageMedia takes no message without one.
const CAPTION: &str = "Photo";

/// How old a signature may be, in minutes, unless the account says otherwise: long enough for the repetitions of a
/// webhook, which may be signed with their first date.
const SIGNATURE_MINUTES: u32 = 15;

struct Credentials {
    api_key: String,
    api_secret: String,
    /// A sub-account to act for.
    account_id: Option<String>,
    /// Several while they are being exchanged; none where the account does not sign.
    signature_keys: Vec<Key>,
    /// Whether the secret in the address is not proof enough.
    signature_required: bool,
    signature_age: Duration,
    caption: String,
    /// The classic host, or one of Sinch's regions.
    api_base: Url,
}

impl Provider for MessageMedia {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn credential_names(&self) -> CredentialNames {
        CredentialNames {
            required: &["api_key", "api_secret"],
            optional: &[
                "account_id",
                "signature_keys",
                "signature_required",
                "signature_minutes",
                "caption",
                "api_base",
            ],
            unbroken: &["api_key", "api_secret"],
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
            .is_ok_and(|credentials| credentials.prove(account, request));
        if !verified && account.verification == Verification::Enforce {
            return Err(Rejected::Signature);
        }
        read_webhook(request, verified)
    }

    fn proves_itself_by_secret(&self) -> bool {
        true
    }

    fn media_request(&self, account: &Account, remote: &Url) -> Result<MediaRequest, Rejected> {
        let refused = Rejected::Malformed("media behind an address that is not https");
        let credentials = Credentials::read(&account.credentials).map_err(|_| refused)?;
        let own = remote.origin() == credentials.api_base.origin();
        // Pictures come within the webhook; a link is an exception that no document describes.
        if !own && remote.scheme() != "https" {
            return Err(refused);
        }
        let login = own.then(|| credentials.login());
        Ok(MediaRequest { url: remote.clone(), login, login_only_if_asked: true, simulated: false })
    }

    fn recent<'a>(
        &'a self,
        http: &'a Http,
        account: &'a Account,
        _since: Millis,
    ) -> BoxFuture<'a, Result<Recent, NotListed>> {
        Box::pin(recent::recent(http, account))
    }

    fn confirm<'a>(
        &'a self,
        http: &'a Http,
        account: &'a Account,
        safe: &'a [Confirmation],
    ) -> BoxFuture<'a, Result<(), NotListed>> {
        Box::pin(recent::confirm(http, account, safe))
    }

    fn health<'a>(&'a self, http: &'a Http, account: &'a Account) -> BoxFuture<'a, Health> {
        Box::pin(health(http, account))
    }
}

impl Credentials {
    fn read(json: &Value) -> Result<Self, CredentialError> {
        let api_key =
            required(json, "api_key", "is missing; made under API settings in MessageMedia's console")?;
        let api_secret = required(
            json,
            "api_secret",
            "is missing; MessageMedia's console shows it once, when the API key is made",
        )?;
        let account_id = text(json, "account_id")?;
        if account_id.as_ref().is_some_and(|id| !id.bytes().all(|byte| byte.is_ascii_graphic())) {
            let message = "the sub-account's id as MessageMedia writes it, without spaces, or leave it empty";
            return Err(CredentialError::new("account_id", message));
        }
        let signature_keys = read_keys(json)?;
        let signature_required = switch(json, "signature_required")?;
        if signature_required && signature_keys.is_empty() {
            let message = "needs at least one key in signature_keys";
            return Err(CredentialError::new("signature_required", message));
        }
        let minutes = match text(json, "signature_minutes")?.map(|minutes| minutes.parse::<u32>()) {
            None => SIGNATURE_MINUTES,
            Some(Ok(minutes)) if (1..=7 * 24 * 60).contains(&minutes) => minutes,
            Some(_) => {
                let message = "a number of minutes from 1 to 10080, or leave it empty for 15";
                return Err(CredentialError::new("signature_minutes", message));
            }
        };
        Ok(Self {
            api_key,
            api_secret,
            account_id,
            signature_keys,
            signature_required,
            signature_age: Duration::from_secs(u64::from(minutes) * 60),
            caption: text(json, "caption")?.unwrap_or_else(|| CAPTION.to_owned()),
            api_base: api_base(json, API)?,
        })
    }

    fn login(&self) -> Login {
        Login::Basic(self.api_key.clone(), self.api_secret.clone())
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        self.account_id.iter().map(|id| ("account", id.clone())).collect()
    }

    /// Whether a webhook comes from MessageMedia. It signs only where that was switched on, and possibly not what it
    /// brings to the address of a single message; a signature that is there must hold.
    fn prove(&self, account: &Account, request: &WebhookRequest) -> bool {
        if signature::is_given(request) && !self.signature_keys.is_empty() {
            return signature::holds(&self.signature_keys, self.signature_age, request);
        }
        !self.signature_required && secret::holds(account, request)
    }
}

/// The keys as MessageMedia's API tells them, one or a list, as JSON or as the text of it.
fn read_keys(json: &Value) -> Result<Vec<Key>, CredentialError> {
    const FIELD: &str = "signature_keys";
    let wrong = |message: &str| CredentialError::new(FIELD, message);
    let parsed;
    let given = match json.get(FIELD) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(Vec::new()),
        Some(Value::String(text)) => {
            parsed = serde_json::from_str::<Value>(text).map_err(|_| {
                wrong("paste MessageMedia's answer to making the key as it is, from { to }, several between [ and ]")
            })?;
            &parsed
        }
        Some(given) => given,
    };
    let listed = given.as_array().map_or(std::slice::from_ref(given), Vec::as_slice);
    let keys = listed.iter().map(|key| {
        let part = |name: &str| key.get(name).and_then(Value::as_str);
        let (id, public) = part("key_id").zip(part("public_key")).ok_or_else(|| {
            wrong("each key needs key_id and public_key, as MessageMedia told them when the key was made")
        })?;
        Key::read(id, public, part("digest")).ok_or_else(|| {
            wrong("a public key is not complete, or its digest is none of SHA224, SHA256 and SHA512")
        })
    });
    keys.collect()
}

/// A yes or no, however it was typed; no where nothing was.
fn switch(json: &Value, field: &'static str) -> Result<bool, CredentialError> {
    if let Some(Value::Bool(on)) = json.get(field) {
        return Ok(*on);
    }
    match text(json, field)?.map(|word| word.to_ascii_lowercase()).as_deref() {
        None | Some("no" | "false") => Ok(false),
        Some("yes" | "true") => Ok(true),
        Some(_) => Err(CredentialError::new(field, "must be yes or no")),
    }
}

#[derive(Serialize)]
struct Submission<'a> {
    messages: [Message<'a>; 1],
}

#[derive(Serialize)]
struct Message<'a> {
    content: &'a str,
    destination_number: &'a str,
    source_number: &'a str,
    source_number_type: &'a str,
    format: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    media: Vec<&'a str>,
    /// Without it no report comes at all.
    delivery_report: bool,
    /// Names the delivery, so that reports can be told apart also where the answer to this request gets lost.
    callback_url: &'a str,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    reference: &'a str,
}

async fn send(http: &Http, account: &Account, outbound: &Outbound) -> Result<Receipt, SendError> {
    let credentials = Credentials::read(&account.credentials).map_err(|error| {
        SendError::refused_by(
            Blame::Account,
            "credentials",
            format!("The line's credentials are incomplete: {error}. See Settings > Lines."),
        )
    })?;
    let media: Vec<&str> = outbound.media.iter().map(|media| media.url.as_str()).collect();
    let message = Message {
        content: if outbound.text.is_empty() { &credentials.caption } else { &outbound.text },
        destination_number: outbound.to.as_e164(),
        source_number: account.sender.as_e164(),
        source_number_type: "INTERNATIONAL",
        format: if media.is_empty() { "SMS" } else { "MMS" },
        media,
        delivery_report: true,
        callback_url: account.status_url.as_str(),
        metadata: Metadata { reference: &outbound.reference },
    };
    let call = http::Call {
        url: &below(&credentials.api_base, "v1/messages"),
        login: Some(&credentials.login()),
        headers: &credentials.headers(),
        content_type: "application/json",
        body: serde_json::to_vec(&Submission { messages: [message] }).expect("plain text serialises"),
    };
    match http.post(call).await {
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

/// The part of MessageMedia's answer that is used; any other key may come and go.
#[derive(Deserialize)]
struct Taken {
    messages: Vec<TakenMessage>,
}

#[derive(Deserialize)]
struct TakenMessage {
    message_id: String,
    status: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    message: String,
    /// Each begins with a pointer to the field that it is about.
    details: Option<Vec<String>>,
}

fn read_answer(answer: &http::Answer) -> Result<Receipt, SendError> {
    match answer.status {
        200..=299 => {
            let taken: Taken = serde_json::from_slice(&answer.body).map_err(|_| SendError::Unknown)?;
            let message = taken.messages.into_iter().next().ok_or(SendError::Unknown)?;
            if message.message_id.is_empty() {
                return Err(SendError::Unknown);
            }
            Ok(Receipt {
                carrier_id: message.message_id,
                state: message.status.as_deref().and_then(engage::state).unwrap_or(DeliveryState::Accepted),
                carrier_state: message.status,
                parts: None,
                price: None,
            })
        }
        429 => Err(SendError::Retry { after: answer.retry_after }),
        // 408 comes from something between us and MessageMedia, which may have passed the request on.
        400..=499 if answer.status != 408 => {
            let problem: Problem = serde_json::from_slice(&answer.body).map_err(|_| SendError::Unknown)?;
            let details = problem.details.unwrap_or_default();
            let (blame, reason) = tables::refusal(answer.status, &details);
            // Whichever field is named, another carrier may take a picture of this size.
            let too_large = tables::is_too_large(&problem.message, &details);
            let blame = if too_large { Blame::Carrier } else { blame };
            Err(SendError::Refused {
                code: answer.status.to_string(),
                reason,
                opted_out: false,
                too_large,
                blame,
            })
        }
        _ => Err(SendError::Unknown),
    }
}

// What the documented templates call things, then what the variables in them are called.
const FROM: &[&str] = &["source_number", "sourceAddress", "from"];
const TO: &[&str] = &["destination_number", "destinationAddress", "to"];
const TEXT: &[&str] = &["content", "moContent", "replyContent"];
const REPLY_ID: &[&str] = &["reply_id", "replyId", "moId"];
const NOTIFICATION_ID: &[&str] = &["notification_id", "notificationId"];
const REPORT_ID: &[&str] = &["delivery_report_id", "reportId", "drId"];
const MESSAGE_ID: &[&str] = &["message_id", "messageId", "mtId"];
const STATUS: &[&str] = &["status"];
const CODE: &[&str] = &["error_code", "status_code", "statusCode"];

fn read_webhook(request: &WebhookRequest, verified: bool) -> Result<Received, Rejected> {
    let told = Told::of(request)?;
    // The content decides, not the door: replies come to the address of the message that they answer as well, and the
    // two addresses are easily pasted into each other's field.
    let stops = told.first(&["kind"]) == Some("optout") || told.first(NOTIFICATION_ID).is_some();
    let replies = told.first(REPLY_ID).is_some() || told.text(TEXT).is_some() || !told.media.is_empty();
    let reports = told.first(REPORT_ID).is_some() || told.first(STATUS).is_some();
    let (external_id, event) = if stops || replies && !reports {
        let inbound = read_inbound(&told, request, stops)?;
        (format!("inbound:{}", inbound.carrier_id), Event::Inbound(inbound))
    } else if reports {
        let status = read_status(&told)?;
        let report = told
            .first(REPORT_ID)
            .map_or_else(|| format!("{}:{}", status.carrier_id, status.carrier_state), str::to_owned);
        (format!("status:{report}"), Event::Status(status))
    } else if request.kind == WebhookKind::Inbound && told.first(FROM).is_some() {
        let inbound = read_inbound(&told, request, stops)?;
        (format!("inbound:{}", inbound.carrier_id), Event::Inbound(inbound))
    } else {
        return Err(Rejected::Malformed("neither a message nor a report"));
    };
    Ok(Received { verified, external_id, events: vec![event] })
}

fn read_inbound(told: &Told, request: &WebhookRequest, stops: bool) -> Result<Inbound, Rejected> {
    let from = told.first(FROM).ok_or(Rejected::Malformed("no source_number"))?;
    let (text, to) = (told.text(TEXT), told.first(TO));
    let notification = told.first(NOTIFICATION_ID).filter(|_| stops);
    let reply = told.first(REPLY_ID).filter(|_| notification.is_none());
    let id = match notification.or(reply) {
        Some(id) => id.to_owned(),
        None => {
            let minute = (request.received_at / 60_000).to_string();
            let when = told.first(&["date_received", "receivedTimestamp"]).unwrap_or(&minute);
            engage::fingerprint(&[from, to.unwrap_or_default(), text.unwrap_or_default(), when], &told.media)
        }
    };
    // A reply to a message of ours is told twice: at that message's own address, where nobody says that pictures come
    // along, and by the account's webhook. The pictures must not be taken for a repetition of the text.
    let carrier_id = if told.media.is_empty() { id.clone() } else { with_media(&id) };
    // The list knows replies only.
    let in_list = match reply {
        Some(_) if told.media.is_empty() => InList::Same,
        Some(_) => InList::As(id),
        None => InList::Unknown,
    };
    let media = match text {
        // Neither a text, not even an empty one, nor a file: there was a picture, and this is not how it comes.
        None if told.media.is_empty() && !stops => {
            vec![InboundMedia { place: MediaPlace::nowhere(), media_type: None, file_name: None }]
        }
        _ => told.media.clone(),
    };
    Ok(Inbound {
        carrier_id,
        channel: if media.is_empty() { Channel::Sms } else { Channel::Mms },
        from: engage::number(from).map_or_else(|| from.to_owned(), |number| number.as_e164().to_owned()),
        to: to.and_then(engage::number),
        text: text.unwrap_or_default().to_owned(),
        media,
        opt_out: stops.then_some(OptOut::Stop),
        in_list,
    })
}

/// What a reply is called that came with its pictures.
fn with_media(reply_id: &str) -> String {
    format!("{reply_id}:media")
}

fn read_status(told: &Told) -> Result<Status, Rejected> {
    let carrier_id = told.first(MESSAGE_ID).ok_or(Rejected::Malformed("no message_id"))?;
    let word = told.first(STATUS).or_else(|| told.first(CODE)).ok_or(Rejected::Malformed("no status"))?;
    let state = engage::state(word);
    let failed = matches!(state, Some(DeliveryState::Failed | DeliveryState::Undelivered));
    // A template may put the code in the place of the word.
    let word_as_code = Some(word).filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    let code = told.first(CODE).or(word_as_code).filter(|_| failed);
    Ok(Status {
        carrier_id: carrier_id.to_owned(),
        reference: told.first(&["reference"]).map(str::to_owned),
        state,
        carrier_state: word.to_owned(),
        error_code: code.map(str::to_owned),
        failure: failed.then(|| engage::failure(code)),
        opted_out: code.is_some_and(engage::opted_out),
        blame: code.map_or(Blame::Message, engage::blame),
        too_large: false,
        price: None,
    })
}

/// The part of MessageMedia's list of webhooks that is looked at.
#[derive(Deserialize)]
struct Webhooks {
    #[serde(rename = "pageData", default)]
    listed: Vec<Webhook>,
}

#[derive(Deserialize)]
struct Webhook {
    url: String,
    encoding: Option<String>,
    #[serde(default)]
    events: Vec<String>,
    template: Option<String>,
    retries: Option<u32>,
}

#[derive(Deserialize)]
struct EnabledKey {
    key_id: String,
}

async fn health(http: &Http, account: &Account) -> Health {
    let credentials = match Credentials::read(&account.credentials) {
        Ok(credentials) => credentials,
        Err(error) => return error.into(),
    };
    let (login, headers) = (credentials.login(), credentials.headers());
    let mut url = below(&credentials.api_base, "v1/webhooks/messages");
    url.query_pairs_mut().append_pair("page", "0").append_pair("page_size", "100");
    let answer = match health::let_in("MessageMedia", http.get_with(&url, Some(&login), &headers).await) {
        Ok(answer) => answer,
        Err(finding) => return Health::of([finding]),
    };
    let accepted = Finding::new(Subject::Credentials, Verdict::Good, "MessageMedia accepts the credentials.");
    let sender = Finding::new(
        Subject::Sender,
        Verdict::Unknown,
        "MessageMedia does not tell whether the line's number belongs to the account. Check under Numbers in its \
         console: from a number that is not registered there, messages fail or leave under another one.",
    );
    let webhooks = match serde_json::from_slice::<Webhooks>(&answer.body) {
        Ok(webhooks) => about_webhooks(&webhooks.listed, &account.inbound_url),
        Err(_) => Finding::new(
            Subject::Webhooks,
            Verdict::Unasked,
            "MessageMedia's answer about webhooks could not be read.",
        ),
    };
    let url = below(&credentials.api_base, "v1/iam/signature_keys/enabled");
    let enabled = http.get_with(&url, Some(&login), &headers).await;
    let enabled = health::let_in("MessageMedia", enabled)
        .ok()
        .and_then(|answer| serde_json::from_slice::<EnabledKey>(&answer.body).ok());
    let signed = about_signature(&credentials, enabled.map(|key| key.key_id.to_ascii_lowercase()).as_deref());
    Health::of([accepted, sender, webhooks].into_iter().chain(signed))
}

/// Whether each kind of message is brought to the line, in a form that we can read, and again after a failure.
fn about_webhooks(listed: &[Webhook], wanted: &Url) -> Finding {
    let bad = |words: String| Finding::new(Subject::Webhooks, Verdict::Bad, words);
    // MessageMedia takes an address once only: a second webhook to it has something behind it.
    let to_us = |hook: &&Webhook| {
        let rest = hook.url.strip_prefix(wanted.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['&', '?', '#']))
    };
    let ours: Vec<&Webhook> = listed.iter().filter(to_us).collect();
    if ours.is_empty() {
        let brings = |hook: &&Webhook| hook.events.iter().any(|event| event.starts_with("RECEIVED"));
        let other = listed.iter().find(brings);
        return health::calls("MessageMedia", other.map(|hook| hook.url.as_str()), wanted);
    }
    let missing: Vec<&str> = ["RECEIVED_SMS", "RECEIVED_MMS", "OPT_OUT_SMS"]
        .into_iter()
        .filter(|event| !ours.iter().any(|hook| hook.events.iter().any(|known| known == event)))
        .collect();
    if !missing.is_empty() {
        return bad(format!(
            "MessageMedia does not bring everything to this line. Add to its webhook: {}.",
            missing.join(", ")
        ));
    }
    if ours.iter().any(|hook| hook.encoding.as_deref() == Some("XML")) {
        return bad(
            "MessageMedia brings messages to this line as XML. Choose JSON for its webhook.".to_owned()
        );
    }
    let drops_pictures = |hook: &&Webhook| {
        hook.events.iter().any(|event| event == "RECEIVED_MMS")
            && hook.template.as_ref().is_some_and(|template| !template.contains("attachments"))
    };
    if ours.iter().any(drops_pictures) {
        return bad(
            "MessageMedia's webhook leaves out the pictures that patients send. Use the template from \
                    Heliograph's page about MessageMedia."
                .to_owned(),
        );
    }
    if ours.iter().any(|hook| hook.retries == Some(0)) {
        return bad("MessageMedia brings each message once only, also while this server restarts. Delete its webhook \
                    and make it again with five retries."
            .to_owned());
    }
    health::calls("MessageMedia", Some(wanted.as_str()), wanted)
}

/// Whether the key that signs is one that the line knows. `enabled` is `None` where none signs, or MessageMedia would
/// not say.
fn about_signature(credentials: &Credentials, enabled: Option<&str>) -> Option<Finding> {
    let known = |id: &str| credentials.signature_keys.iter().any(|key| key.id == id);
    let (verdict, words) = match enabled {
        Some(id) if known(id) => {
            (Verdict::Good, "MessageMedia signs what it brings, with a key that the line knows.")
        }
        Some(_) if credentials.signature_keys.is_empty() => (
            Verdict::Good,
            "MessageMedia signs what it brings. With its key in Settings > Lines, that is checked.",
        ),
        Some(_) => (
            Verdict::Bad,
            "MessageMedia signs with a key that the line does not know, so that messages are held in quarantine. Add \
             the key in Settings > Lines.",
        ),
        None if credentials.signature_required => (
            Verdict::Bad,
            "The line insists on signatures, and MessageMedia names no key that signs. Switch one on there, or take \
             the condition back in Settings > Lines.",
        ),
        None => return None,
    };
    Some(Finding::new(Subject::Webhooks, verdict, words))
}
