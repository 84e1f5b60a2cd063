//! Which carrier a message went through, and which others did not take it before.

use super::rows::known;
use crate::Result;
use crate::messages::deliveries;
use crate::store::{Tx, placeholders};
use model::MessageId;
use model::line::ProviderKind;
use model::message::DeliveryState;
use sqlx::AssertSqlSafe;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// How an outbound message travels.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Who was asked last.
    pub(super) carrier: Option<ProviderKind>,
    /// In words for staff, where another one was asked before.
    pub(super) detour: Option<String>,
    /// How far each of its requests has come, and why it failed, in their order.
    pub(super) requests: Vec<(DeliveryState, Option<String>)>,
}

#[derive(sqlx::FromRow)]
struct Row {
    message_id: Uuid,
    part: i64,
    state: String,
    failure: Option<String>,
    mock: bool,
    provider: String,
}

struct Attempt {
    part: i64,
    state: DeliveryState,
    failure: Option<String>,
    carrier: ProviderKind,
}

/// Those of messages; of one that was not sent by us there is nothing.
pub(super) async fn of_messages(tx: &mut Tx, ids: &[MessageId]) -> Result<HashMap<MessageId, Carried>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT d.message_id, d.part, d.state, d.failure, d.mock, a.provider
         FROM delivery d JOIN line_account a ON a.id = d.account_id
         WHERE d.message_id IN ({}) ORDER BY d.message_id, d.part, d.attempt",
        placeholders(1, ids.len())
    );
    let rows: Vec<Row> = tx.all(AssertSqlSafe(sql), ids.iter().map(|id| (*id).into()).collect()).await?;
    let mut attempts: HashMap<MessageId, Vec<Attempt>> = HashMap::new();
    for row in rows {
        let carrier = match row.mock {
            true => ProviderKind::Simulator,
            false => known(ProviderKind::from_word(&row.provider))?,
        };
        let state = known(DeliveryState::from_word(&row.state))?;
        let attempt = Attempt { part: row.part, state, failure: row.failure, carrier };
        attempts.entry(row.message_id.into()).or_default().push(attempt);
    }
    Ok(attempts.into_iter().map(|(id, attempts)| (id, carried(&attempts))).collect())
}

fn carried(attempts: &[Attempt]) -> Carried {
    let turns = attempts.windows(2).filter_map(|pair| {
        let [before, after] = pair else { return None };
        (before.part == after.part && before.carrier != after.carrier).then(|| turn(before, after))
    });
    let detour: Vec<String> = turns.collect();
    Carried {
        carrier: attempts.last().map(|attempt| attempt.carrier),
        detour: Some(detour.join(" ")).filter(|words| !words.is_empty()),
        requests: requests(attempts),
    }
}

/// Each request in its newest attempt unless an earlier one arrived after all.
fn requests(attempts: &[Attempt]) -> Vec<(DeliveryState, Option<String>)> {
    let mut current = BTreeMap::<i64, &Attempt>::new();
    for attempt in attempts {
        if !current.get(&attempt.part).is_some_and(|earlier| deliveries::arrived(earlier.state)) {
            current.insert(attempt.part, attempt);
        }
    }
    current.into_values().map(|attempt| (attempt.state, attempt.failure.clone())).collect()
}

/// For example `Twilio did not take it (The account has no credit left); sent through ClickSend.`
fn turn(before: &Attempt, after: &Attempt) -> String {
    let reason = before.failure.as_deref().map(|reason| format!(" ({})", reason.trim_end_matches('.')));
    let then = match after.state {
        DeliveryState::Queued | DeliveryState::Sending => "now going",
        DeliveryState::Failed | DeliveryState::Undelivered => "then tried",
        DeliveryState::Uncertain => "then offered",
        _ => "sent",
    };
    format!(
        "{} did not take it{}; {then} through {}.",
        before.carrier.label(),
        reason.unwrap_or_default(),
        after.carrier.label()
    )
}
