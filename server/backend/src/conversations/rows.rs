//! Rows of the inbox, a page of them in three queries.

use super::cursor::Cursor;
use crate::store::{Tx, Value, args, placeholders};
use crate::{Backend, Error, Result, numbers};
use model::conversation::{ConversationRow, LastMessage, PatientName};
use model::message::{Channel, DeliveryState, Direction};
use model::{ConversationId, Millis, OrgId};
use sqlx::AssertSqlSafe;
use std::collections::HashMap;
use uuid::Uuid;

/// Which conversations of an organisation; `c` is the conversation.
pub(super) struct Filter {
    conditions: String,
    /// A query of ids, of few conversations: they are looked up, in place of a walk through the whole inbox.
    among: Option<String>,
    args: Vec<Value>,
}

impl Filter {
    /// All of them.
    pub(super) fn new(org: OrgId) -> Self {
        Self { conditions: "c.org_id = $1".to_owned(), among: None, args: args![org] }
    }

    /// The placeholder of a value, to name in a condition.
    pub(super) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.args.push(value.into());
        format!("${}", self.args.len())
    }

    /// Only those for which this holds too. It must not contain what someone typed: that is what
    /// [`Filter::bind`] is for.
    pub(super) fn and(&mut self, condition: &str) {
        self.conditions.push_str(" AND ");
        self.conditions.push_str(condition);
    }

    /// Only those whose `id` is in the answer of a query, which are few and come once each. As with [`Filter::and`], nothing
    /// in it was typed by anyone; `$1` is the organisation.
    pub(super) fn among(&mut self, query: String) {
        self.among = Some(query);
        self.and("c.id = f.id");
    }
}

#[derive(sqlx::FromRow)]
struct Record {
    id: Uuid,
    number_id: Uuid,
    address_sealed: Vec<u8>,
    unread: i64,
    assigned_to: Option<Uuid>,
    last_at: Millis,
    direction: Option<String>,
    channel: Option<String>,
    excerpt: Option<String>,
    at: Option<Millis>,
    state: Option<String>,
    has_photo: bool,
}

/// The newest `limit` conversations that pass the filter, each with its place in the list.
pub(super) async fn load(
    backend: &Backend,
    tx: &mut Tx,
    mut filter: Filter,
    limit: usize,
) -> Result<Vec<(Cursor, ConversationRow)>> {
    let limit = filter.bind(limit);
    let conversations = match &filter.among {
        // To SQLite the order of a CROSS JOIN is an order.
        Some(query) => format!("({query}) f CROSS JOIN conversation c"),
        None => "conversation c".to_owned(),
    };
    let sql = format!(
        "SELECT c.id, c.number_id, n.address_sealed, c.unread, c.assigned_to, c.last_at,
                m.direction, m.channel, SUBSTR(m.body, 1, 160) AS excerpt, m.at, m.state,
                EXISTS (SELECT 1 FROM attachment a WHERE a.message_id = c.last_message_id
                        AND (a.direction = 'inbound' OR a.media_type LIKE 'image/%')) AS has_photo
         FROM {conversations}
         JOIN number n ON n.id = c.number_id
         LEFT JOIN message m ON m.id = c.last_message_id
         WHERE {} ORDER BY c.last_at DESC, c.id DESC LIMIT {limit}",
        filter.conditions
    );
    let records: Vec<Record> = tx.all(AssertSqlSafe(sql), filter.args).await?;
    let mut patients = patients(tx, records.iter().map(|record| record.id)).await?;
    let withdrawn =
        crate::consent::withdrawn_among(tx, records.iter().map(|record| record.number_id)).await?;
    records
        .into_iter()
        .map(|record| {
            let cursor = Cursor { at: record.last_at, id: record.id };
            let patients = patients.remove(&record.id).unwrap_or_default();
            let opted_out = withdrawn.contains(&record.number_id);
            Ok((cursor, record.view(backend, patients, opted_out)?))
        })
        .collect()
}

/// One conversation.
pub(super) async fn one(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    id: ConversationId,
) -> Result<ConversationRow> {
    let mut filter = Filter::new(org);
    let placeholder = filter.bind(id);
    filter.and(&format!("c.id = {placeholder}"));
    let row = load(backend, tx, filter, 1).await?.pop();
    row.map(|(_, row)| row).ok_or_else(|| Error::not_found("conversation"))
}

async fn patients(
    tx: &mut Tx,
    conversations: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Vec<PatientName>>> {
    let ids: Vec<Value> = conversations.map(Value::from).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT l.conversation_id, p.id, p.name FROM conversation_patient l
         JOIN patient p ON p.id = l.patient_id
         WHERE p.deleted_at IS NULL AND l.conversation_id IN ({}) ORDER BY p.name_folded, p.id",
        placeholders(1, ids.len())
    );
    let rows: Vec<(Uuid, Uuid, String)> = tx.all(AssertSqlSafe(sql), ids).await?;
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for (conversation, id, name) in rows {
        found.entry(conversation).or_default().push(PatientName { id: id.into(), name });
    }
    Ok(found)
}

impl Record {
    fn view(self, backend: &Backend, patients: Vec<PatientName>, opted_out: bool) -> Result<ConversationRow> {
        let last = match (self.direction, self.channel, self.at, self.state) {
            (Some(direction), Some(channel), Some(at), Some(state)) => Some(LastMessage {
                direction: known(Direction::from_word(&direction))?,
                channel: known(Channel::from_word(&channel))?,
                excerpt: self.excerpt.unwrap_or_default(),
                has_photo: self.has_photo,
                at,
                state: known(DeliveryState::from_word(&state))?,
            }),
            _ => None,
        };
        Ok(ConversationRow {
            id: self.id.into(),
            number: numbers::open_address(backend, &self.address_sealed)?,
            patients,
            last,
            unread: u32::try_from(self.unread).unwrap_or(0),
            assigned_to: self.assigned_to.map(Into::into),
            opted_out,
        })
    }
}

/// A stored word that this version must know.
pub(crate) fn known<T>(word: Option<T>) -> Result<T> {
    word.ok_or(Error::Inconsistent("a stored word that this version does not know"))
}
