//! ClickSend's histories of SMS and MMS: four months of the whole account, in both directions by their description. What
//! came in is asked for there and not where unread messages are polled, so that nothing has to be marked as read.

use super::{Credentials, filled, is_sender, number, read_receipt, tables};
use crate::fields::{Fields, plain};
use crate::recent::{Reading, unbrought};
use crate::{Account, Blame, Event, Http, Listed, NotListed, Recent, Status, health};
use model::Millis;
use model::message::DeliveryState;
use serde_json::{Map, Value, json};

/// Messages on a page, which is as long as ClickSend makes one, and pages of each history that are read at most: as many
/// as come in weeks, after a long stop.
const PAGE_SIZE: &str = "100";
const MOST_PAGES: u32 = 100;

/// What was sent from and to the number since an instant.
pub(super) async fn recent(http: &Http, account: &Account, since: Millis) -> Result<Recent, NotListed> {
    let credentials = Credentials::read(&account.credentials)
        .map_err(|error| NotListed(format!("The line's credentials are incomplete: {error}.")))?;
    let mut reading = Reading::default();
    for path in ["v3/sms/history", "v3/mms/history"] {
        for nth in 1..=MOST_PAGES {
            let page = page(http, &credentials, path, since, nth).await;
            let Some(Page { messages, last }) = reading.page(page)? else { break };
            reading.recent.messages.extend(messages.iter().filter_map(|message| listed(account, message)));
            if last.is_none_or(|last| last <= nth) {
                break;
            }
            // Both directions stand in it: what is missing may be a patient's.
            reading.recent.cut_short |= nth == MOST_PAGES;
        }
    }
    Ok(reading.recent)
}

struct Page {
    messages: Vec<Value>,
    /// The number of the last one.
    last: Option<u32>,
}

async fn page(
    http: &Http,
    credentials: &Credentials,
    path: &str,
    since: Millis,
    nth: u32,
) -> Result<Page, NotListed> {
    let mut url = credentials.address(path);
    url.query_pairs_mut()
        .append_pair("date_from", &(since / 1000).to_string())
        .append_pair("order_by", "date:desc")
        .append_pair("limit", PAGE_SIZE)
        .append_pair("page", &nth.to_string());
    let answer = health::let_in("ClickSend", http.get(&url, Some(&credentials.login())).await)
        .map_err(|finding| NotListed(finding.words))?;
    let unreadable = || NotListed("ClickSend's history could not be read.".to_owned());
    let mut body: Value = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
    let last = number(&body["data"]["last_page"]);
    match body.pointer_mut("/data/data").map(Value::take) {
        Some(Value::Array(messages)) => Ok(Page { messages, last }),
        _ => Err(unreadable()),
    }
}

fn listed(account: &Account, message: &Value) -> Option<Listed> {
    let at = plain(&message["date"])?.parse::<Millis>().ok()?.checked_mul(1000)?;
    let direction = message["direction"].as_str()?;
    if direction == "in" && is_sender(account, &message["to"]) {
        let body = brought(message)?.to_string().into_bytes();
        let webhook = Box::new(unbrought(account, "application/json", body, at));
        return Some(Listed::Inbound { webhook, at, confirm: None });
    }
    if direction != "out" || !is_sender(account, &message["from"]) {
        return None;
    }
    Some(Listed::Outbound {
        status: Box::new(status(message)?),
        to: filled(&message["to"])?,
        text: filled(&message["body"]).unwrap_or_default(),
        at,
        confirm: None,
    })
}

/// What the push of a message would have held. Without an id it could not be told from one that was brought.
fn brought(message: &Value) -> Option<Value> {
    let mut pushed = json!({
        "message_id": filled(&message["message_id"])?,
        "from": message["from"],
        "to": message["to"],
        "body": message["body"],
        "timestamp": message["date"],
    });
    for (name, value) in message.as_object()? {
        if name.contains("media") || name.contains("attachment") {
            pushed[name] = value.clone();
        }
    }
    Some(pushed)
}

fn status(message: &Value) -> Option<Status> {
    if let Some(code) = filled(&message["status_code"]) {
        let fields: Map<String, Value> = message.as_object()?.clone();
        let (_, Event::Status(status)) = read_receipt(&Fields::of_object(fields), &code).ok()? else {
            return None;
        };
        return Some(status);
    }
    let word = filled(&message["status"])?;
    let state = tables::listed_state(&word);
    let failed = matches!(state, Some(DeliveryState::Failed | DeliveryState::Undelivered));
    Some(Status {
        carrier_id: filled(&message["message_id"])?.to_ascii_uppercase(),
        reference: filled(&message["custom_string"]),
        state,
        error_code: failed.then(|| word.clone()),
        failure: failed.then(|| format!("ClickSend could not deliver it ({word}).")),
        carrier_state: word,
        opted_out: false,
        blame: Blame::Message,
        too_large: false,
        price: None,
    })
}
