//! SMS Broadcast (Australia): SMS out by its Advanced HTTP API, messages in by its older push or the webhooks of its
//! portal. It signs nothing and sends no pictures.

mod tables;

use crate::credentials::{api_base, required, text};
use crate::engage::{self, Told};
use crate::*;
use model::{PhoneNumber, segments};
use std::borrow::Cow;

/// Carrier, see the module.
pub(crate) struct SmsBroadcast;

const LIMITS: Limits = Limits {
    channels_out: &[Channel::Sms],
    mms_countries: &[],
    mms_in: true,
    media_per_request: 0,
    media_bytes: 0,
    media_types: &[],
    wants_bytes: false,
    text_chars: 765,
    sms_parts: Some(MOST_PARTS),
    mms_text: None,
    pace: Some(Pace::UNPUBLISHED),
};

const API: &str = "https://api.smsbroadcast.com.au";

/// Parts of one message; asked for each time, because SMS Broadcast sends only the first otherwise.
const MOST_PARTS: usize = 5;

/// Characters of our reference that it takes.
const REFERENCE: usize = 20;

struct Credentials {
    /// Or an API key.
    username: String,
    /// Or that key's secret.
    password: String,
    sender: Sender,
    api_base: Url,
}

/// From which number messages leave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    /// The line's, named in every message.
    Line,
    /// The account's own, for accounts that take replies only to messages that name none.
    Account,
}

impl Provider for SmsBroadcast {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn credential_names(&self) -> CredentialNames {
        CredentialNames {
            required: &["username", "password"],
            optional: &["sender", "api_base"],
            unbroken: &[],
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
        let request = &as_called(request);
        let verified = secret::holds(account, request);
        if !verified && account.verification == Verification::Enforce {
            return Err(Rejected::Signature);
        }
        read_webhook(request, verified)
    }

    fn proves_itself_by_secret(&self) -> bool {
        true
    }

    fn media_request(&self, _: &Account, remote: &Url) -> Result<MediaRequest, Rejected> {
        // Pictures come within the webhook, as far as is known; a link may lead anywhere, so nothing goes with it.
        match remote.scheme() {
            "https" => Ok(MediaRequest {
                url: remote.clone(),
                login: None,
                login_only_if_asked: false,
                simulated: false,
            }),
            _ => Err(Rejected::Malformed("media behind an address that is not https")),
        }
    }

    fn acknowledgement(&self) -> (&'static str, &'static str) {
        ("text/plain; charset=utf-8", "OK")
    }

    fn health<'a>(&'a self, http: &'a Http, account: &'a Account) -> BoxFuture<'a, Health> {
        Box::pin(health(http, account))
    }
}

impl Credentials {
    fn read(json: &serde_json::Value) -> Result<Self, CredentialError> {
        let username = required(
            json,
            "username",
            "is missing; the API key from SMS Broadcast's portal, or the account's user name",
        )?;
        let password = required(
            json,
            "password",
            "is missing; the API secret that belongs to the key, or the account's password",
        )?;
        let sender = match text(json, "sender")?.as_deref() {
            None | Some("line") => Sender::Line,
            Some("account") => Sender::Account,
            Some(_) => {
                let message =
                    "must be line (the line's number, also when empty) or account (SMS Broadcast chooses)";
                return Err(CredentialError::new("sender", message));
            }
        };
        Ok(Self { username, password, sender, api_base: api_base(json, API)? })
    }

    /// Posts, so that neither password nor text comes into the log of a server on the way.
    async fn post(&self, http: &Http, fields: &[(&str, &str)]) -> Result<http::Answer, HttpError> {
        let url = below(&self.api_base, "api-adv.php");
        // The client cannot see that these fields hold a password.
        if url.scheme() != "https" && !http.allows_without_tls(&url) {
            return Err(HttpError::Forbidden);
        }
        let login = [("username", self.username.as_str()), ("password", self.password.as_str())];
        http.post_form(&url, None, &[&login, fields].concat()).await
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
    // Pictures would be dropped without a word.
    if !outbound.media.is_empty() {
        return Err(SendError::refused_by(
            Blame::Carrier,
            "media",
            "SMS Broadcast cannot send pictures. Send a link instead.",
        ));
    }
    if segments::count(&outbound.text).parts > MOST_PARTS {
        return Err(SendError::refused_by(
            Blame::Carrier,
            "too_long",
            "The text takes more than five SMS parts. Shorten it; without emoji and unusual characters twice as much \
             fits.",
        ));
    }
    let (reference, most_parts) = (short(&outbound.reference), MOST_PARTS.to_string());
    let mut fields = vec![("to", outbound.to.digits())];
    if credentials.sender == Sender::Line {
        fields.push(("from", account.sender.digits()));
    }
    fields.extend([("message", outbound.text.as_str()), ("ref", &reference), ("maxsplit", &most_parts)]);
    match credentials.post(http, &fields).await {
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

/// The end of our own id, which is where ids of the same time differ.
fn short(reference: &str) -> String {
    let plain: Vec<char> = reference.chars().filter(char::is_ascii_alphanumeric).collect();
    plain[plain.len().saturating_sub(REFERENCE)..].iter().collect()
}

/// A line of an answer.
enum Line<'a> {
    /// The number and our message's id, or the credits that are left.
    Ok(&'a str),
    /// The number cannot be sent to, for this reason.
    Bad(&'a str),
    /// The request was refused as a whole, for this reason.
    Error(&'a str),
}

/// The lines of an answer, whatever type it says it is. Others, as of a page that reports a fault, are left out.
fn lines(answer: &http::Answer) -> impl Iterator<Item = Line<'_>> {
    let text = std::str::from_utf8(&answer.body).unwrap_or_default();
    text.lines().filter_map(|line| {
        let (word, rest) = line.split_once(':')?;
        match word.trim() {
            "OK" => Some(Line::Ok(rest.trim())),
            "BAD" => Some(Line::Bad(after_number(rest).unwrap_or(rest).trim())),
            "ERROR" => Some(Line::Error(rest.trim())),
            _ => None,
        }
    })
}

/// What stands behind the number and its colon; any further colon belongs to it.
fn after_number(rest: &str) -> Option<&str> {
    rest.split_once(':').map(|(_, after)| after.trim())
}

fn read_answer(answer: &http::Answer) -> Result<Receipt, SendError> {
    match answer.status {
        // A refusal has status 200 as well; whether any has another is not documented.
        200..=299 | 400..=407 | 409..=428 | 430..=499 => {}
        429 => return Err(SendError::Retry { after: answer.retry_after }),
        _ => return Err(SendError::Unknown),
    }
    let mut refused = None;
    for line in lines(answer) {
        match line {
            Line::Ok(taken) => {
                let id = after_number(taken).filter(|id| !id.is_empty()).ok_or(SendError::Unknown)?;
                return Ok(Receipt {
                    carrier_id: id.to_owned(),
                    state: DeliveryState::Accepted,
                    carrier_state: Some("OK".to_owned()),
                    parts: None,
                    price: None,
                });
            }
            Line::Bad(reason) => refused = Some(("BAD", reason)),
            Line::Error(reason) => refused = Some(("ERROR", reason)),
        }
    }
    // Anything else, a page that reports a fault or nothing at all, leaves open what happened.
    let (code, reason) = refused.ok_or(SendError::Unknown)?;
    let opted_out = tables::is_opted_out(reason);
    let (blame, reason) = tables::refusal(code, reason);
    Err(SendError::Refused { code: code.to_owned(), reason, opted_out, too_large: false, blame })
}

// What the documents and the recommended templates call things, then what the engine's own samples call them.
const FROM: &[&str] = &["from", "source_number"];
const TO: &[&str] = &["to", "destination_number"];
const TEXT: &[&str] = &["message", "content"];
const REPLY_ID: &[&str] = &["reply_id", "moId"];
const CARRIER_ID: &[&str] = &["smsref", "msgref"];
const CODE: &[&str] = &["code", "error_code"];

/// The older push appends `?` and its parameters to the address it was given, which has some already.
fn as_called(request: &WebhookRequest) -> Cow<'_, WebhookRequest> {
    match request.url.split_once('?') {
        Some((path, query)) if query.contains('?') => {
            let url = format!("{path}?{}", query.replace('?', "&"));
            Cow::Owned(WebhookRequest { url, ..request.clone() })
        }
        _ => Cow::Borrowed(request),
    }
}

fn read_webhook(request: &WebhookRequest, verified: bool) -> Result<Received, Rejected> {
    let told = Told::of(request)?;
    let word = told.first(&["status"]);
    let stops = told.first(&["kind"]) == Some("optout");
    // The content decides, not the door: the two addresses are easily pasted into each other's field.
    let inbound = stops
        || told.text(TEXT).is_some()
        || !told.media.is_empty()
        || word.is_none() && (request.kind == WebhookKind::Inbound || told.first(REPLY_ID).is_some());
    let (external_id, event) = if inbound {
        let inbound = read_inbound(&told, request, stops)?;
        (format!("inbound:{}", inbound.carrier_id), Event::Inbound(inbound))
    } else {
        let status = read_status(&told, word.ok_or(Rejected::Malformed("neither a message nor a report"))?)?;
        let word = status.carrier_state.to_ascii_lowercase();
        (format!("status:{}:{word}", status.carrier_id), Event::Status(status))
    };
    Ok(Received { verified, external_id, events: vec![event] })
}

fn read_inbound(told: &Told, request: &WebhookRequest, stops: bool) -> Result<Inbound, Rejected> {
    let from = told.first(FROM).ok_or(Rejected::Malformed("no from"))?;
    let (text, to) = (told.text(TEXT), told.first(TO));
    let carrier_id = match told.first(REPLY_ID) {
        Some(id) => bare(id).to_owned(),
        // The older push gives messages no id. Within the same minute, equal is the same.
        None => {
            let minute = (request.received_at / 60_000).to_string();
            let answered = told.first(&["ref"]).map(bare).unwrap_or_default();
            let parts = [from, to.unwrap_or_default(), text.unwrap_or_default(), answered, &minute];
            engage::fingerprint(&parts, &told.media)
        }
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
        from: number(from).map_or_else(|| from.to_owned(), |number| number.as_e164().to_owned()),
        to: to.and_then(number),
        text: text.unwrap_or_default().to_owned(),
        media,
        opt_out: stops.then_some(OptOut::Stop),
        in_list: InList::Same,
    })
}

fn read_status(told: &Told, word: &str) -> Result<Status, Rejected> {
    let carrier_id = told.first(CARRIER_ID).map(bare).ok_or(Rejected::Malformed("no smsref"))?;
    let state = engage::state(word);
    let failed = matches!(state, Some(DeliveryState::Failed | DeliveryState::Undelivered));
    let code = told.first(CODE).filter(|_| failed);
    Ok(Status {
        carrier_id: carrier_id.to_owned(),
        reference: told.first(&["ref"]).map(bare).map(str::to_owned),
        state,
        carrier_state: word.to_owned(),
        error_code: code.map(str::to_owned),
        failure: failed.then(|| match code {
            Some(code) => engage::failure(Some(code)),
            None => tables::failure(word),
        }),
        opted_out: code.is_some_and(engage::opted_out),
        blame: code.map_or(Blame::Message, engage::blame),
        too_large: false,
        price: None,
    })
}

/// A reference without the parentheses in which the portal's own template wraps it.
fn bare(reference: &str) -> &str {
    let inner = reference.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    inner.unwrap_or(reference)
}

/// A number as it comes: with `+`, with the country code alone, or an Australian one as written at home.
fn number(text: &str) -> Option<PhoneNumber> {
    let text = text.trim();
    let at_home = match (text.len(), text.strip_prefix('0').unwrap_or(text)) {
        (9 | 10, rest) if rest.len() == 9 && rest.starts_with('4') => Some(rest),
        _ => None,
    };
    match at_home {
        Some(rest) => PhoneNumber::from_e164(&format!("+61{rest}")).ok(),
        None => engage::number(text),
    }
}

async fn health(http: &Http, account: &Account) -> Health {
    let credentials = match Credentials::read(&account.credentials) {
        Ok(credentials) => credentials,
        Err(error) => return error.into(),
    };
    let asked = credentials.post(http, &[("action", "balance")]).await;
    let answer = match health::let_in("SMS Broadcast", asked) {
        Ok(answer) => answer,
        Err(finding) => return Health::of([finding]),
    };
    let credits = match lines(&answer).next() {
        Some(Line::Ok(credits)) => credits.to_owned(),
        Some(Line::Bad(reason) | Line::Error(reason)) => {
            let (_, words) = tables::refusal("ERROR", reason);
            return Health::of([Finding::new(Subject::Credentials, Verdict::Bad, words)]);
        }
        None => {
            let words = "SMS Broadcast's answer could not be read. Try again in some minutes.";
            return Health::of([Finding::new(Subject::Credentials, Verdict::Unasked, words)]);
        }
    };
    let balance = match credits.parse::<f64>() {
        Ok(left) if left <= 0.0 => {
            (Verdict::Bad, "No credits are left at SMS Broadcast. Buy some in its portal.".to_owned())
        }
        Ok(_) => (Verdict::Good, format!("{credits} credits are left at SMS Broadcast.")),
        Err(_) => (Verdict::Unknown, "SMS Broadcast does not tell how many credits are left.".to_owned()),
    };
    Health::of([
        Finding::new(Subject::Credentials, Verdict::Good, "SMS Broadcast accepts the credentials."),
        Finding::new(
            Subject::Sender,
            Verdict::Unknown,
            "SMS Broadcast does not tell whether the line's number belongs to the account. Send yourself a message and \
             look at the number it comes from.",
        ),
        Finding::new(
            Subject::Webhooks,
            Verdict::Unknown,
            "SMS Broadcast does not tell where it brings messages. Reply to a message from the line and see whether \
             the answer arrives.",
        ),
        Finding::new(Subject::Balance, balance.0, balance.1),
    ])
}
