//! ClickSend REST API, version 3: SMS and MMS. It signs nothing, so its webhook addresses carry a secret; what
//! it pushes is hardly documented, so much is accepted.

mod recent;
mod tables;

use crate::credentials::{api_base, required, text};
use crate::fields::{Fields, plain};
use crate::meaning::Meaning;
use crate::*;
use base64::{Engine, engine::general_purpose::STANDARD};
use model::PhoneNumber;
use model::line::Price;
use model::routing::MmsText;
use model::segments;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Carrier, see the module.
pub(crate) struct ClickSend;

const LIMITS: Limits = Limits {
    channels_out: &[Channel::Sms, Channel::Mms],
    mms_countries: &[],
    mms_in: true,
    media_per_request: 1,
    media_bytes: 250_000,
    media_types: &["image/jpeg", "image/gif"],
    wants_bytes: true,
    text_chars: 1224,
    sms_parts: Some(MOST_PARTS),
    mms_text: Some(MMS_TEXT),
    pace: Some(Pace::UNPUBLISHED),
};

/// Parts of an SMS. ClickSend cuts what is longer, without a word.
const MOST_PARTS: usize = 8;

/// An MMS's text is cut likewise.
const MMS_TEXT: MmsText = MmsText { plain: 1500, other: 500 };

const API: &str = "https://rest.clicksend.com";

/// What an MMS is headed with, where the line's credentials say nothing else: ClickSend insists on a subject.
const SUBJECT: &str = "Photo";

/// Characters of a subject.
const SUBJECT_CHARS: usize = 20;

/// Links of one inbound message that are read at most.
const MOST_MEDIA: usize = 32;

/// Characters of ClickSend's own words about a failure that staff are shown.
const SHOWN_CHARS: usize = 200;

struct Credentials {
    username: String,
    api_key: String,
    mms_subject: String,
    /// Where patients' pictures may be fetched. ClickSend does not say where it keeps them.
    media_hosts: Vec<String>,
    api_base: Url,
}

impl Provider for ClickSend {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn credential_names(&self) -> CredentialNames {
        CredentialNames {
            required: &["username", "api_key"],
            optional: &["mms_subject", "media_hosts", "api_base"],
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
        let verified = secret::holds(account, request);
        if !verified && account.verification == Verification::Enforce {
            return Err(Rejected::Signature);
        }
        // Without readable credentials no host is trusted, and the text still arrives.
        let credentials = Credentials::read(&account.credentials).ok();
        let is_trusted =
            |link: &Url| credentials.as_ref().is_some_and(|credentials| credentials.trusts(link));
        let (external_id, event) = read_webhook(is_trusted, request)?;
        Ok(Received { verified, external_id, events: vec![event] })
    }

    fn proves_itself_by_secret(&self) -> bool {
        true
    }

    fn media_request(&self, account: &Account, remote: &Url) -> Result<MediaRequest, Rejected> {
        let refused = Rejected::Malformed("media on a host that the line does not name");
        let credentials = Credentials::read(&account.credentials).map_err(|_| refused)?;
        if !credentials.trusts(remote) {
            return Err(refused);
        }
        // Never with credentials: the link may stand in the text, where whoever writes it chooses where it leads.
        Ok(MediaRequest { url: remote.clone(), login: None, login_only_if_asked: false, simulated: false })
    }

    fn recent<'a>(
        &'a self,
        http: &'a Http,
        account: &'a Account,
        since: Millis,
    ) -> BoxFuture<'a, Result<Recent, NotListed>> {
        Box::pin(recent::recent(http, account, since))
    }

    fn health<'a>(&'a self, http: &'a Http, account: &'a Account) -> BoxFuture<'a, Health> {
        Box::pin(health(http, account))
    }
}

impl Credentials {
    fn read(json: &Value) -> Result<Self, CredentialError> {
        let username = "is missing; the user name under API Credentials in ClickSend's dashboard";
        let api_key = "is missing; under API Credentials in ClickSend's dashboard";
        let mms_subject = text(json, "mms_subject")?.unwrap_or_else(|| SUBJECT.to_owned());
        if mms_subject.chars().count() > SUBJECT_CHARS {
            return Err(CredentialError::new(
                "mms_subject",
                "must have at most 20 characters, or be left empty",
            ));
        }
        Ok(Self {
            username: required(json, "username", username)?,
            api_key: required(json, "api_key", api_key)?,
            mms_subject,
            media_hosts: media_hosts(json)?,
            api_base: api_base(json, API)?,
        })
    }

    fn login(&self) -> Login {
        Login::Basic(self.username.clone(), self.api_key.clone())
    }

    fn address(&self, path: &str) -> Url {
        below(&self.api_base, path)
    }

    /// Whether a link leads by https to one of the hosts for pictures or below one, or to the address that stands in for
    /// ClickSend's API.
    fn trusts(&self, link: &Url) -> bool {
        let host = link.host_str().unwrap_or_default();
        let below = |parent: &String| {
            host.strip_suffix(parent.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let of_hosts =
            link.scheme() == "https" && link.port().is_none() && self.media_hosts.iter().any(below);
        let stands_in = self.api_base.as_str().trim_end_matches('/') != API;
        of_hosts || stands_in && link.origin() == self.api_base.origin()
    }
}

fn media_hosts(json: &Value) -> Result<Vec<String>, CredentialError> {
    let field = "media_hosts";
    let typed = text(json, field)?.unwrap_or_default().to_ascii_lowercase();
    let hosts: Vec<_> =
        typed.split([',', ' ', '\n']).filter(|host| !host.is_empty()).map(str::to_owned).collect();
    let is_host = |host: &String| {
        host.contains('.') && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
    };
    if hosts.iter().all(is_host) {
        return Ok(hosts);
    }
    Err(CredentialError::new(field, "must be host names such as media.example.com, with commas between them"))
}

async fn send(http: &Http, account: &Account, outbound: &Outbound) -> Result<Receipt, SendError> {
    let credentials = Credentials::read(&account.credentials).map_err(|error| {
        SendError::refused_by(
            Blame::Account,
            "credentials",
            format!("The line's credentials are incomplete: {error}. See Settings > Lines."),
        )
    })?;
    if would_be_cut(outbound) {
        return Err(SendError::refused_by(
            Blame::Carrier,
            "length",
            "The text is longer than ClickSend carries. Shorten it.",
        ));
    }
    let mut message = json!({
        "source": "heliograph",
        "to": outbound.to.as_e164(),
        "from": account.sender.as_e164(),
        "body": outbound.text,
        "custom_string": outbound.reference,
    });
    let (path, body) = match outbound.media.first() {
        None => ("v3/sms/send", json!({ "messages": [message] })),
        Some(picture) => {
            message["subject"] = json!(credentials.mms_subject);
            if outbound.text.is_empty() {
                message["body"] = json!(credentials.mms_subject);
            }
            let media_file = upload(http, &credentials, picture).await?;
            ("v3/mms/send", json!({ "media_file": media_file, "messages": [message] }))
        }
    };
    match http.post_json(&credentials.address(path), Some(&credentials.login()), &body).await {
        Ok(answer) => read_answer(&answer, &outbound.reference),
        Err(error) => Err(unreached(error).unwrap_or(SendError::Unknown)),
    }
}

fn would_be_cut(outbound: &Outbound) -> bool {
    let segments = segments::count(&outbound.text);
    if outbound.media.is_empty() {
        return segments.parts > MOST_PARTS;
    }
    !MMS_TEXT.holds(&segments)
}

/// What to do after a call that certainly was not processed; `None` for any other.
fn unreached(error: HttpError) -> Option<SendError> {
    match error {
        HttpError::Connect => Some(SendError::Unreached),
        HttpError::Forbidden => Some(SendError::refused_by(
            Blame::Account,
            "address",
            "The line's API address is private or not https. Correct it in Settings > Lines.",
        )),
        _ => None,
    }
}

/// Hands the picture over, and returns where ClickSend keeps it for some minutes. Nothing has been sent to
/// anybody yet, so whatever breaks off here may be tried again.
async fn upload(
    http: &Http,
    credentials: &Credentials,
    picture: &OutboundMedia,
) -> Result<String, SendError> {
    let mut url = credentials.address("v3/uploads");
    url.query_pairs_mut().append_pair("convert", "mms");
    let body = json!({ "content": STANDARD.encode(&picture.bytes), "convert": "mms" });
    let again = |after| SendError::Retry { after };
    let answer = http
        .post_json(&url, Some(&credentials.login()), &body)
        .await
        .map_err(|error| unreached(error).unwrap_or(again(None)))?;
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return Err(again(answer.retry_after));
    };
    let code = filled(&body["response_code"]).unwrap_or_default();
    match answer.status {
        200..=299 if code == "SUCCESS" => filled(&body["data"]["_url"]).ok_or_else(|| {
            SendError::refused_by(
                Blame::Carrier,
                "upload",
                "ClickSend took the picture and did not say where it is. Ask its support.",
            )
        }),
        413 => Err(refusal("INVALID_MEDIA_FILE")),
        200..=499 if !matches!(answer.status, 408 | 429) && !code.is_empty() => match refusal(&code) {
            SendError::Unknown => Err(again(None)),
            refused => Err(refused),
        },
        _ => Err(again(answer.retry_after)),
    }
}

/// Of the whole answer only `data.messages` says whether the message was taken: status 200 and `SUCCESS` above it
/// say that the request could be read.
fn read_answer(answer: &http::Answer, reference: &str) -> Result<Receipt, SendError> {
    let body = || serde_json::from_slice::<Value>(&answer.body).map_err(|_| SendError::Unknown);
    match answer.status {
        200..=299 => {
            let body = body()?;
            let data = &body["data"];
            let messages = data["messages"].as_array().map_or(&[][..], Vec::as_slice);
            let ours = messages.iter().find(|message| message["custom_string"] == reference);
            match (ours, messages) {
                (Some(message), _) | (None, [message]) => read_message(message, data),
                _ => {
                    let code = filled(&body["response_code"]).ok_or(SendError::Unknown)?;
                    Err(tables::meaning(&code).map_or(SendError::Unknown, |_| refusal(&code)))
                }
            }
        }
        429 => Err(SendError::Retry { after: answer.retry_after }),
        // 408 comes from something between us and ClickSend, which may have passed the request on.
        400..=499 if answer.status != 408 => {
            Err(refusal(&filled(&body()?["response_code"]).ok_or(SendError::Unknown)?))
        }
        _ => Err(SendError::Unknown),
    }
}

fn read_message(message: &Value, data: &Value) -> Result<Receipt, SendError> {
    let word = filled(&message["status"]).unwrap_or_default();
    if word != "SUCCESS" {
        if tables::meaning(&word).is_some() {
            return Err(refusal(&word));
        }
        // A word of tomorrow; the count beside it tells whether it is good.
        match number(&data["queued_count"]) {
            Some(0) => return Err(refusal(&word)),
            Some(_) => {}
            None => return Err(SendError::Unknown),
        }
    }
    let price = || {
        Price::parse(&plain(&message["message_price"])?, data["_currency"]["currency_name_short"].as_str()?)
    };
    Ok(Receipt {
        carrier_id: filled(&message["message_id"]).ok_or(SendError::Unknown)?.to_ascii_uppercase(),
        state: DeliveryState::Accepted,
        carrier_state: Some(word),
        parts: number(&message["message_parts"]).filter(|&parts| parts > 0),
        price: price(),
    })
}

fn refusal(word: &str) -> SendError {
    let (code, reason) = (word.to_owned(), tables::words(word));
    tables::meaning(word).unwrap_or(Meaning::Refused).error(code, reason, None)
}

/// A text or number that is there and not empty.
fn filled(value: &Value) -> Option<String> {
    plain(value).filter(|text| !text.is_empty())
}

/// A whole number, also where it is written as text.
fn number(value: &Value) -> Option<u32> {
    plain(value)?.trim().parse().ok()
}

fn read_webhook(
    is_trusted: impl Fn(&Url) -> bool,
    request: &WebhookRequest,
) -> Result<(String, Event), Rejected> {
    let fields = Fields::of(request)?;
    // The content decides before the door: only receipts have a status code.
    if let Some(code) = fields.first(&["status_code", "statuscode"]) {
        return read_receipt(&fields, code);
    }
    let from =
        fields.first(&["from", "sms"]).ok_or(Rejected::Malformed("neither a message nor a receipt"))?;
    let carrier_id = match fields.first(&["message_id", "messageid"]) {
        Some(id) => id.to_ascii_uppercase(),
        None => made_up_id(request, &fields, from),
    };
    let attached = attached_links(request, &fields);
    let mut text = fields.first(&["body", "message"]).unwrap_or_default().to_owned();
    let mut trusted: Vec<Url> = Vec::new();
    for link in attached.iter().cloned().chain(links(&text)) {
        if is_trusted(&link) && !trusted.contains(&link) && trusted.len() < MOST_MEDIA {
            trusted.push(link);
        }
    }
    // A link that may not be followed is shown, so that staff can see that there is a picture.
    for link in attached.iter().filter(|link| !trusted.contains(link)) {
        if !text.contains(link.as_str()) {
            text = format!("{text}\n{link}").trim_start().to_owned();
        }
    }
    let media: Vec<_> = trusted
        .into_iter()
        .map(|link| InboundMedia { place: MediaPlace::Link(link), media_type: None, file_name: None })
        .collect();
    let inbound = Inbound {
        channel: if media.is_empty() && attached.is_empty() { Channel::Sms } else { Channel::Mms },
        from: from.to_owned(),
        to: fields.first(&["to", "originalsenderid"]).and_then(|to| {
            PhoneNumber::from_e164(to).or_else(|_| PhoneNumber::from_e164(&format!("+{to}"))).ok()
        }),
        text,
        media,
        // ClickSend marks nothing; the words themselves count.
        opt_out: None,
        // Nobody has documented that the history calls a message as its push does.
        in_list: InList::Unknown,
        carrier_id,
    };
    Ok((format!("inbound:{}", inbound.carrier_id), Event::Inbound(inbound)))
}

fn read_receipt(fields: &Fields, code: &str) -> Result<(String, Event), Rejected> {
    let id = fields.first(&["message_id", "messageid"]).ok_or(Rejected::Malformed("no message_id"))?;
    let id = id.to_ascii_uppercase();
    let external_id = format!("status:{id}:{code}");
    let kind = fields.filled("message_type").unwrap_or("sms");
    if !kind.eq_ignore_ascii_case("sms") && !kind.eq_ignore_ascii_case("mms") {
        return Ok((external_id, Event::Ignored { why: "a receipt of another product" }));
    }
    let said = fields.first(&["error_text", "status_text"]).unwrap_or_default();
    let state = tables::state(code, fields.filled("status_text").unwrap_or(said));
    let failed = matches!(state, Some(DeliveryState::Failed | DeliveryState::Undelivered));
    let shown: String = said.chars().take(SHOWN_CHARS).collect();
    let status = Status {
        carrier_id: id,
        reference: fields.first(&["custom_string", "customstring"]).map(str::to_owned),
        state,
        carrier_state: code.to_owned(),
        // Its numbers have changed their meaning once, so they are passed on and decide nothing.
        error_code: failed.then(|| fields.filled("error_code").unwrap_or(code).to_owned()),
        failure: failed.then(|| match shown.as_str() {
            "" => "ClickSend could not deliver it and does not say why.".to_owned(),
            shown => format!("ClickSend could not deliver it: {shown}"),
        }),
        opted_out: false,
        blame: Blame::Message,
        too_large: false,
        price: None,
    };
    Ok((external_id, Event::Status(status)))
}

/// For a message without an id: rather twice in the inbox than lost, so two that could be two have two ids.
fn made_up_id(request: &WebhookRequest, fields: &Fields, from: &str) -> String {
    let at = fields.filled("timestamp").map_or_else(|| request.received_at.to_string(), str::to_owned);
    let text = fields.first(&["body", "message"]).unwrap_or_default();
    hex::encode(Sha256::digest(format!("{at}\n{from}\n{text}")))
}

/// Links in every field that is named after media. Inbound MMS are not documented, so however deep they stand.
fn attached_links(request: &WebhookRequest, fields: &Fields) -> Vec<Url> {
    let named = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.contains("media") || name.contains("attachment")
    };
    let mut found = Vec::new();
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(object)) if request.is_json() => {
            for (_, value) in object.iter().filter(|(name, _)| named(name)) {
                gather(value, &mut found);
            }
        }
        _ => {
            for (_, value) in fields.iter().filter(|(name, _)| named(name)) {
                found.extend(links(value));
            }
        }
    }
    found
}

fn gather(value: &Value, found: &mut Vec<Url>) {
    match value {
        Value::String(text) => found.extend(links(text)),
        Value::Array(values) => values.iter().for_each(|value| gather(value, found)),
        Value::Object(object) => object.values().for_each(|value| gather(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The links in a text, without the punctuation of the sentence around them.
fn links(text: &str) -> impl Iterator<Item = Url> {
    text.split_whitespace().filter_map(|word| {
        let word = &word[word.find("https://").or_else(|| word.find("http://"))?..];
        word.trim_end_matches(['.', ',', ';', '!', '?', ')', '>', '"', '\'']).parse().ok()
    })
}

async fn health(http: &Http, account: &Account) -> Health {
    let credentials = match Credentials::read(&account.credentials) {
        Ok(credentials) => credentials,
        Err(error) => return error.into(),
    };
    let login = credentials.login();
    let own = http.get(&credentials.address("v3/account"), Some(&login)).await;
    let answer = match health::let_in("ClickSend", own) {
        Ok(answer) => answer,
        Err(finding) => return Health::of([finding]),
    };
    let mut findings =
        vec![Finding::new(Subject::Credentials, Verdict::Good, "ClickSend accepts the credentials.")];
    findings.push(match list(http, &credentials, "v3/numbers").await {
        Some(numbers) => about_number(account, &numbers),
        None => unreadable(Subject::Sender, "the number"),
    });
    findings.push(match list(http, &credentials, "v3/automations/sms/inbound").await {
        Some(rules) => about_inbound(account, &rules),
        None => unreadable(Subject::Webhooks, "incoming messages"),
    });
    findings.push(match list(http, &credentials, "v3/automations/sms/receipts").await {
        Some(rules) => about_receipts(account, &rules),
        None => unreadable(Subject::Webhooks, "delivery receipts"),
    });
    findings.extend(about_balance(&answer));
    Health { findings }
}

fn unreadable(subject: Subject, about: &str) -> Finding {
    let words =
        format!("ClickSend's answer about {about} could not be read. Look at it in ClickSend's dashboard.");
    Finding::new(subject, Verdict::Unasked, words)
}

/// The first page of a list, as long as ClickSend makes one.
async fn list(http: &Http, credentials: &Credentials, path: &str) -> Option<Vec<Value>> {
    let mut url = credentials.address(path);
    url.query_pairs_mut().append_pair("limit", "100");
    let answer = health::let_in("ClickSend", http.get(&url, Some(&credentials.login())).await).ok()?;
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    body["data"]["data"].as_array().cloned()
}

/// The digits of a number, which may stand there with or without a plus.
fn is_sender(account: &Account, written: &Value) -> bool {
    plain(written).is_some_and(|written| {
        written.trim_start_matches('+') == account.sender.as_e164().trim_start_matches('+')
    })
}

fn about_number(account: &Account, numbers: &[Value]) -> Finding {
    let found = numbers.iter().any(|number| is_sender(account, &number["dedicated_number"]));
    let (verdict, words) = if found {
        (Verdict::Good, "The number belongs to this ClickSend account.")
    } else {
        (
            Verdict::Bad,
            "The line's number is no dedicated number of this ClickSend account, so answers of patients would not \
             arrive here.",
        )
    };
    Finding::new(Subject::Sender, verdict, words)
}

/// Where the switched-on rules of a list push to.
fn addresses(rules: &[Value]) -> impl Iterator<Item = (&Value, &str)> {
    rules.iter().filter_map(|rule| {
        let on = number(&rule["enabled"]) != Some(0) && rule["enabled"] != false;
        let pushes = rule["action"].as_str().is_some_and(|action| action.eq_ignore_ascii_case("URL"));
        Some((rule, rule["action_address"].as_str()?)).filter(|_| on && pushes)
    })
}

fn about_inbound(account: &Account, rules: &[Value]) -> Finding {
    let of_line: Vec<_> = addresses(rules)
        .filter(|(rule, _)| rule["dedicated_number"] == "*" || is_sender(account, &rule["dedicated_number"]))
        // A rule that looks for words brings some messages only.
        .filter(|(rule, _)| number(&rule["message_search_type"]).unwrap_or(0) == 0)
        .map(|(_, address)| address)
        .collect();
    let ours = of_line.iter().find(|address| **address == account.inbound_url.as_str());
    health::calls("ClickSend", ours.or(of_line.first()).copied(), &account.inbound_url)
}

fn about_receipts(account: &Account, rules: &[Value]) -> Finding {
    let (verdict, words) = if addresses(rules).any(|(_, address)| address == account.status_url.as_str()) {
        (Verdict::Good, "ClickSend reports to this line what becomes of messages.")
    } else {
        (
            Verdict::Bad,
            "ClickSend does not report what becomes of messages. Paste the line's status address from Settings > \
             Lines into a delivery receipt rule in its dashboard.",
        )
    };
    Finding::new(Subject::Webhooks, verdict, words)
}

fn about_balance(answer: &http::Answer) -> Option<Finding> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let balance = filled(&body["data"]["balance"])?;
    let currency = body["data"]["_currency"]["currency_name_short"].as_str().unwrap_or_default();
    let spent = balance.starts_with('-') || balance.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let verdict = if spent { Verdict::Bad } else { Verdict::Good };
    let words = format!("{} are left at ClickSend.", format!("{balance} {currency}").trim_end());
    Some(Finding::new(Subject::Balance, verdict, words))
}
