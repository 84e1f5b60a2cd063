//! The simulated carrier's list of messages: everything in both directions, until its server stops.

use super::wire::{self, Known, KnownMessages, MESSAGES_PATH, SIGNATURE_HEADER, Webhook};
use super::{Credentials, read_webhook};
use crate::recent::{Reading, unbrought};
use crate::{Account, Event, Http, Listed, NotListed, Recent, Status, below, health};
use model::Millis;

/// Pages that are read at most.
const MOST_PAGES: usize = 100;

/// What was sent from and to the number since an instant.
pub(super) async fn recent(http: &Http, account: &Account, since: Millis) -> Result<Recent, NotListed> {
    let credentials = Credentials::read(&account.credentials)
        .map_err(|error| NotListed(format!("The line's credentials are incomplete: {error}.")))?;
    let mut reading = Reading::default();
    let mut after = 0_u64;
    for nth in 1..=MOST_PAGES {
        let page = page(http, account, &credentials, since, after).await;
        let Some(KnownMessages { messages, next }) = reading.page(page)? else { break };
        reading.recent.messages.extend(messages.into_iter().filter_map(|known| listed(account, known)));
        let Some(next) = next else { break };
        reading.recent.cut_short = nth == MOST_PAGES;
        after = next;
    }
    Ok(reading.recent)
}

async fn page(
    http: &Http,
    account: &Account,
    credentials: &Credentials,
    since: Millis,
    after: u64,
) -> Result<KnownMessages, NotListed> {
    let mut url = below(&credentials.api_base, MESSAGES_PATH);
    url.query_pairs_mut()
        .append_pair("line", account.sender.as_e164())
        .append_pair("since", &since.max(0).to_string())
        .append_pair("after", &after.to_string());
    let asked = format!("{MESSAGES_PATH}?{}", url.query().unwrap_or_default());
    let signature = [(SIGNATURE_HEADER, wire::sign(&credentials.secret, &asked, b""))];
    let answer = http.simulated().get_with(&url, None, &signature).await;
    let answer =
        health::let_in("The simulated carrier", answer).map_err(|finding| NotListed(finding.words))?;
    serde_json::from_slice(&answer.body)
        .map_err(|_| NotListed("The simulated carrier's list could not be read.".to_owned()))
}

fn listed(account: &Account, Known { at, told, sent }: Known) -> Option<Listed> {
    let Some(sent) = sent else {
        let body = serde_json::to_vec(&told).ok()?;
        let webhook = Box::new(unbrought(account, "application/json", body, at));
        let listed = Listed::Inbound { webhook, at, confirm: None };
        return matches!(told, Webhook::Inbound { .. }).then_some(listed);
    };
    let (_, Event::Status(status)) = read_webhook(told) else { return None };
    let status = Box::new(Status { reference: Some(sent.reference), ..status });
    let to = sent.to.as_e164().to_owned();
    Some(Listed::Outbound { status, to, text: sent.text, at, confirm: None })
}
