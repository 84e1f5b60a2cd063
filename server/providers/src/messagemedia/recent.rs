//! MessageMedia's polling lists: the oldest hundred of the replies and of the reports that nobody has confirmed, up to 45
//! days old, of the whole account. Pictures from patients do not stand in them.
//!
//! Only where a list is full is what is safe here confirmed, since nothing newer shows before that. What need not be stays
//! there: for other programs that poll, and for a server that has an older database again.

use super::{Credentials, read_webhook, with_media};
use crate::http::Call;
use crate::recent::{Reading, unbrought};
use crate::{Account, Confirmation, Event, Http, Listed, NotListed, Recent, below, engage, health};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// What either list shows at most, and what is confirmed at once at most.
const MOST: usize = 100;

const REPLIES: &str = "replies";

/// Each list with the name of an entry's id, and of several ids.
const LISTS: [(&str, &str, &str); 2] =
    [(REPLIES, "reply_id", "reply_ids"), ("delivery_reports", "delivery_report_id", "delivery_report_ids")];

/// What was answered to the number, and reported of what it sent, as long as nobody confirms it.
pub(super) async fn recent(http: &Http, account: &Account) -> Result<Recent, NotListed> {
    let credentials = credentials(account)?;
    let mut reading = Reading::default();
    for (list, id, _) in LISTS {
        let Some(items) = reading.page(items(http, &credentials, list).await)? else { break };
        let recent = &mut reading.recent;
        let full = items.len() >= MOST;
        recent.more |= full;
        recent.cut_short |= full && list == REPLIES;
        recent.messages.extend(items.iter().filter_map(|item| {
            let id = item[id].as_str().filter(|_| full);
            listed(account, item, id.map(|id| Confirmation { list, id: id.to_owned() }))
        }));
    }
    Ok(reading.recent)
}

/// Has what is safe here leave the lists.
pub(super) async fn confirm(http: &Http, account: &Account, safe: &[Confirmation]) -> Result<(), NotListed> {
    let credentials = credentials(account)?;
    for (list, _, ids) in LISTS {
        let safe: Vec<&str> =
            safe.iter().filter(|safe| safe.list == list).map(|safe| safe.id.as_str()).collect();
        for some in safe.chunks(MOST) {
            let body = Value::from(Map::from_iter([(ids.to_owned(), Value::from(some))]));
            let call = Call {
                url: &below(&credentials.api_base, &format!("v1/{list}/confirmed")),
                login: Some(&credentials.login()),
                headers: &credentials.headers(),
                content_type: "application/json",
                body: body.to_string().into_bytes(),
            };
            health::let_in("MessageMedia", http.post(call).await)
                .map_err(|finding| NotListed(finding.words))?;
        }
    }
    Ok(())
}

fn credentials(account: &Account) -> Result<Credentials, NotListed> {
    Credentials::read(&account.credentials)
        .map_err(|error| NotListed(format!("The line's credentials are incomplete: {error}.")))
}

async fn items(http: &Http, credentials: &Credentials, list: &str) -> Result<Vec<Value>, NotListed> {
    let url = below(&credentials.api_base, &format!("v1/{list}"));
    let (login, headers) = (credentials.login(), credentials.headers());
    let answer = health::let_in("MessageMedia", http.get_with(&url, Some(&login), &headers).await)
        .map_err(|finding| NotListed(finding.words))?;
    let unreadable = || NotListed("MessageMedia's list could not be read.".to_owned());
    let mut body: Value = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
    match body.get_mut(list).map(Value::take) {
        Some(Value::Array(items)) => Ok(items),
        _ => Err(unreadable()),
    }
}

fn listed(account: &Account, item: &Value, confirm: Option<Confirmation>) -> Option<Listed> {
    let at = item["date_received"].as_str()?.parse::<Timestamp>().ok()?.as_millisecond();
    let webhook = unbrought(account, "application/json", item.to_string().into_bytes(), at);
    match read_webhook(&webhook, true).ok()?.events.pop()? {
        Event::Inbound(inbound) => {
            if inbound.to.as_ref().is_some_and(|to| *to != account.sender) {
                return None;
            }
            // Without a number it answers what left without one, which is none of ours.
            let confirm = confirm.filter(|_| inbound.to.is_some());
            if inbound.text.is_empty() {
                let carrier_ids = vec![with_media(&inbound.carrier_id), inbound.carrier_id];
                return Some(Listed::Wordless { carrier_ids, confirm });
            }
            Some(Listed::Inbound { webhook: Box::new(webhook), at, confirm })
        }
        // A report calls the handset the source.
        Event::Status(status) => Some(Listed::Outbound {
            status: Box::new(status),
            to: engage::number(item["source_number"].as_str()?)?.as_e164().to_owned(),
            text: item["original_text"].as_str().unwrap_or_default().to_owned(),
            at,
            confirm,
        }),
        Event::Ignored { .. } => None,
    }
}
