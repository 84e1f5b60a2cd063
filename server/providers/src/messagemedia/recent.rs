//! MessageMedia's polling lists: replies and reports that nobody has confirmed, at most a hundred of each. They are read
//! and not confirmed, so that they stay there for whoever does. Pictures from patients do not stand in them.

use super::{Credentials, read_webhook};
use crate::recent::{Reading, unbrought};
use crate::{Account, Event, Http, Listed, NotListed, Recent, below, engage, health};
use jiff::Timestamp;
use model::Millis;
use serde_json::Value;

/// What either list holds at most.
const MOST: usize = 100;

/// What was answered to the number, and reported of what it sent, since an instant.
pub(super) async fn recent(http: &Http, account: &Account, since: Millis) -> Result<Recent, NotListed> {
    let credentials = Credentials::read(&account.credentials)
        .map_err(|error| NotListed(format!("The line's credentials are incomplete: {error}.")))?;
    let mut reading = Reading::default();
    for list in ["replies", "delivery_reports"] {
        let Some(items) = reading.page(items(http, &credentials, list).await)? else { break };
        let recent = &mut reading.recent;
        recent.cut_short |= list == "replies" && items.len() >= MOST;
        recent.messages.extend(items.iter().filter_map(|item| listed(account, item, since)));
    }
    Ok(reading.recent)
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

fn listed(account: &Account, item: &Value, since: Millis) -> Option<Listed> {
    let at = item["date_received"].as_str()?.parse::<Timestamp>().ok()?.as_millisecond();
    if at < since {
        return None;
    }
    let webhook = unbrought(account, "application/json", item.to_string().into_bytes(), at);
    match read_webhook(&webhook, true).ok()?.events.pop()? {
        // Without words it is a picture, which the webhook alone brings.
        Event::Inbound(inbound) if inbound.text.is_empty() => None,
        Event::Inbound(inbound) if inbound.to.as_ref().is_some_and(|to| *to != account.sender) => None,
        Event::Inbound(_) => Some(Listed::Inbound { webhook: Box::new(webhook), at }),
        // A report calls the handset the source.
        Event::Status(status) => Some(Listed::Outbound {
            status: Box::new(status),
            to: engage::number(item["source_number"].as_str()?)?.as_e164().to_owned(),
            text: item["original_text"].as_str().unwrap_or_default().to_owned(),
            at,
        }),
        Event::Ignored { .. } => None,
    }
}
