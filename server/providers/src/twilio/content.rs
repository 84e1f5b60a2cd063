//! Twilio's Content API: the templates of an account and what WhatsApp says of each.

use super::Credentials;
use crate::http::Answer;
use crate::{Account, CarrierTemplate, Http, NotListed, below, health};
use model::whatsapp::TemplateState;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use url::Url;

/// The usual address.
pub(super) const API: &str = "https://content.twilio.com";

/// Templates on a page, and pages that are read at most: more than anybody chooses from.
const PAGE_SIZE: &str = "50";
const MOST_PAGES: usize = 20;

/// The one kind of content that is offered: of all others the patient gets more than text (pictures, buttons), which
/// could not be shown exactly before it is sent.
const TEXT: &str = "twilio/text";

#[derive(Deserialize)]
struct Page {
    contents: Vec<Content>,
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    next_page_url: Option<Url>,
}

/// The part of a content that is used; any other key may come and go.
#[derive(Deserialize)]
struct Content {
    sid: String,
    friendly_name: Option<String>,
    language: Option<String>,
    #[serde(default)]
    types: BTreeMap<String, Value>,
    variables: Option<BTreeMap<String, Value>>,
    /// An object in Twilio's examples, a list of them in its older ones, and absent or null before anybody has asked.
    approval_requests: Option<Value>,
}

/// Every template of plain text.
pub(super) async fn templates(http: &Http, account: &Account) -> Result<Vec<CarrierTemplate>, NotListed> {
    let credentials = Credentials::read(&account.credentials)
        .map_err(|error| NotListed(format!("The line's credentials are incomplete: {error}.")))?;
    let login = credentials.login();
    let mut url = below(&credentials.content_base, "v1/ContentAndApprovals");
    url.query_pairs_mut().append_pair("PageSize", PAGE_SIZE);
    let mut found = Vec::new();
    for _ in 0..MOST_PAGES {
        let answer = health::let_in("Twilio", http.get(&url, Some(&login)).await)
            .map_err(|finding| NotListed(finding.words))?;
        let page = read(&answer)?;
        found.extend(page.contents.into_iter().filter_map(template));
        let Some(next) = page.meta.next_page_url else { break };
        // Its host is Twilio's own, also where another one stands before it, and credentials go nowhere else.
        url.set_path(next.path());
        url.set_query(next.query());
    }
    Ok(found)
}

fn read(answer: &Answer) -> Result<Page, NotListed> {
    serde_json::from_slice(&answer.body)
        .map_err(|_| NotListed("Twilio's answer about the templates could not be read.".to_owned()))
}

fn template(content: Content) -> Option<CarrierTemplate> {
    if content.types.keys().any(|kind| kind != TEXT) {
        return None;
    }
    let body = content.types.get(TEXT)?.get("body")?.as_str()?.to_owned();
    let state = state(content.approval_requests.as_ref());
    let example = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Some(CarrierTemplate {
        name: content.friendly_name.unwrap_or_else(|| content.sid.clone()),
        id: content.sid,
        language: content.language.unwrap_or_default(),
        body,
        examples: content
            .variables
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(name, value)| Some((name, example(value)?)))
            .collect(),
        state,
    })
}

/// Only what is said to be approved is.
fn state(approval: Option<&Value>) -> TemplateState {
    let request = match approval {
        Some(Value::Array(requests)) => requests.first(),
        other => other,
    };
    match request.and_then(|request| request.get("status")).and_then(Value::as_str) {
        Some("approved") => TemplateState::Approved,
        Some("rejected") => TemplateState::Rejected,
        Some("paused" | "disabled") => TemplateState::Withdrawn,
        _ => TemplateState::Pending,
    }
}
