//! Twilio's list of messages. It has everything, in both directions and by WhatsApp as well, as long as nobody deletes
//! it there. What it never had: a message that the network did not hand to Twilio.

use super::{Credentials, LIMITS, read_status};
use crate::fields::{Fields, plain};
use crate::recent::{Reading, unbrought};
use crate::{Account, Http, Listed, NotListed, Recent, WebhookRequest, below, health};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use model::Millis;
use model::line::Price;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

/// Messages on a page. An answer has to fit into one megabyte.
const PAGE_SIZE: &str = "100";

/// Pages that are read at most of what patients wrote: as many as come in weeks, after a long stop.
const MOST_PAGES: usize = 100;

/// Pages that are read at most of what was sent.
const MOST_PAGES_OF_OURS: usize = 10;

/// The media type of what Twilio's webhooks carry.
const FORM: &str = "application/x-www-form-urlencoded";

#[derive(Deserialize)]
struct Page {
    messages: Vec<Message>,
    next_page_uri: Option<String>,
}

/// The part of a Message resource that is used; any other key may come and go.
#[derive(Deserialize)]
struct Message {
    sid: String,
    direction: String,
    from: Option<String>,
    to: Option<String>,
    body: Option<String>,
    status: Option<String>,
    /// A decimal in a string.
    num_media: Option<String>,
    /// RFC 2822.
    date_created: Option<String>,
    error_code: Option<Value>,
    /// Below zero; absent until Twilio knows it.
    price: Option<Value>,
    price_unit: Option<String>,
}

#[derive(Deserialize)]
struct MediaList {
    media_list: Vec<Media>,
}

#[derive(Deserialize)]
struct Media {
    sid: String,
    content_type: Option<String>,
}

/// What was sent from and to the number since an instant, with some more of the same day: Twilio lists by days.
pub(super) async fn recent(http: &Http, account: &Account, since: Millis) -> Result<Recent, NotListed> {
    let credentials = credentials(account)?;
    let since = Timestamp::from_millisecond(since)
        .map_err(|_| NotListed("This is beyond any calendar.".to_owned()))?;
    let number = account.sender.as_e164();
    let by_whatsapp = format!("whatsapp:{number}");
    let whatsapp = by_whatsapp.as_str();
    let mut reading = Reading::default();
    for (side, address) in [("To", number), ("From", number), ("To", whatsapp), ("From", whatsapp)] {
        let path = format!("2010-04-01/Accounts/{}/Messages.json", credentials.account_sid);
        let mut url = below(&credentials.api_base, &path);
        url.query_pairs_mut()
            .append_pair(side, address)
            .append_pair("DateSent>", &since.strftime("%Y-%m-%d").to_string())
            .append_pair("PageSize", PAGE_SIZE);
        let ours = side == "From";
        let most_pages = if ours { MOST_PAGES_OF_OURS } else { MOST_PAGES };
        for nth in 1..=most_pages {
            let page = page(http, &credentials, &url).await;
            // Without it the lists of the other sides and channels are read all the same.
            let Some(Page { messages, next_page_uri }) = reading.page(page)? else { break };
            // The newest come first, and the oldest of the day are of no interest.
            let reached = messages.last().and_then(Message::at).is_some_and(|at| at < since);
            let recent = messages.into_iter().filter(|message| message.at().is_some_and(|at| at >= since));
            let listed = recent.filter_map(|message| message.listed(account, &credentials));
            reading.recent.messages.extend(listed);
            let Some(next) = next_page_uri.filter(|_| !reached) else { break };
            reading.recent.cut_short |= nth == most_pages && !ours;
            // Path and query alone are taken from it, so that credentials go nowhere else.
            let next =
                url.join(&next).map_err(|_| NotListed("Twilio's next page has no address.".to_owned()));
            let Some(next) = reading.page(next)? else { break };
            url.set_path(next.path());
            url.set_query(next.query());
        }
    }
    Ok(reading.recent)
}

async fn page(http: &Http, credentials: &Credentials, url: &Url) -> Result<Page, NotListed> {
    let answer = health::let_in("Twilio", http.get(url, Some(&credentials.login())).await)
        .map_err(|finding| NotListed(finding.words))?;
    serde_json::from_slice(&answer.body)
        .map_err(|_| NotListed("Twilio's list of messages could not be read.".to_owned()))
}

/// Asks for the media of a message, which the list only counts. Of a message that is not there any more, as Twilio says
/// itself, nothing is added: its pictures show as ones that could not be fetched.
pub(super) async fn complete(
    http: &Http,
    account: &Account,
    webhook: WebhookRequest,
) -> Result<WebhookRequest, NotListed> {
    let credentials = credentials(account)?;
    let fields = Fields::of_form(&webhook.body);
    let sid = fields.filled("MessageSid").unwrap_or_default();
    if fields.filled("NumMedia").is_none_or(|count| count == "0") {
        return Ok(webhook);
    }
    let path = format!("2010-04-01/Accounts/{}/Messages/{sid}/Media", credentials.account_sid);
    let media = below(&credentials.api_base, &path);
    let list = below(&credentials.api_base, &format!("{path}.json"));
    let asked = http.get(&list, Some(&credentials.login())).await;
    if asked.as_ref().is_ok_and(|answer| matches!(answer.status, 404 | 410)) {
        return Ok(webhook);
    }
    let answer = health::let_in("Twilio", asked).map_err(|finding| NotListed(finding.words))?;
    let MediaList { media_list } = serde_json::from_slice(&answer.body)
        .map_err(|_| NotListed("Twilio's list of pictures could not be read.".to_owned()))?;
    let form = String::from_utf8_lossy(&webhook.body).into_owned();
    let mut form = form_urlencoded::Serializer::for_suffix(form, 0);
    for (n, Media { sid, content_type }) in media_list.iter().take(LIMITS.media_per_request).enumerate() {
        form.append_pair(&format!("MediaUrl{n}"), &format!("{media}/{sid}"));
        form.append_pair(&format!("MediaContentType{n}"), content_type.as_deref().unwrap_or_default());
    }
    Ok(WebhookRequest { body: form.finish().into_bytes(), ..webhook })
}

fn credentials(account: &Account) -> Result<Credentials, NotListed> {
    Credentials::read(&account.credentials)
        .map_err(|error| NotListed(format!("The line's credentials are incomplete: {error}.")))
}

impl Message {
    fn at(&self) -> Option<Timestamp> {
        rfc2822::DateTimeParser::new().parse_timestamp(self.date_created.as_deref()?).ok()
    }

    fn listed(self, account: &Account, credentials: &Credentials) -> Option<Listed> {
        let at = self.at()?.as_millisecond();
        if self.direction.starts_with("outbound") {
            return self.outbound(at);
        }
        let fields = [
            ("MessageSid", self.sid.as_str()),
            ("AccountSid", credentials.account_sid.as_str()),
            // What the list calls `receiving` at first has come whole when it is asked for.
            ("SmsStatus", "received"),
            ("From", self.from.as_deref()?),
            ("To", self.to.as_deref().unwrap_or_default()),
            ("Body", self.body.as_deref().unwrap_or_default()),
            ("NumMedia", self.num_media.as_deref().unwrap_or("0")),
        ];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let webhook = Box::new(unbrought(account, FORM, body.into_bytes(), at));
        Some(Listed::Inbound { webhook, at, confirm: None })
    }

    fn outbound(self, at: Millis) -> Option<Listed> {
        let code =
            self.error_code.as_ref().and_then(plain).map(|code| ("ErrorCode".to_owned(), Value::from(code)));
        let fields = Fields::of_object(code.into_iter().collect::<Map<_, _>>());
        let amount = self.price.as_ref().and_then(plain);
        // What is taken off the balance is written as less than nothing.
        let price = amount.zip(self.price_unit).and_then(|(amount, unit)| {
            Price::parse(amount.trim_start_matches('-'), &unit.to_ascii_uppercase())
        });
        let status = read_status(&fields, &self.sid, self.status.as_deref()?);
        let to = self.to?;
        Some(Listed::Outbound {
            status: Box::new(crate::Status { price, ..status }),
            to: to.strip_prefix("whatsapp:").unwrap_or(&to).to_owned(),
            text: self.body.unwrap_or_default(),
            at,
            confirm: None,
        })
    }
}
