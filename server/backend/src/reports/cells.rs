//! The smallest sums that a report is made of, in one query.

use super::days::Days;
use crate::Result;
use crate::conversations::rows::known;
use crate::store::{Tx, args};
use model::OrgId;
use model::line::Currency;
use model::message::{Channel, Direction};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

/// Messages of one day, line, account, channel, direction and currency.
pub(super) struct Cell {
    /// Counted from 1970-01-01, in the zone of the report.
    pub(super) day: i64,
    pub(super) line: Option<Uuid>,
    pub(super) account: Option<Uuid>,
    pub(super) channel: Channel,
    pub(super) direction: Direction,
    /// Absent where the price is not known.
    pub(super) currency: Option<Currency>,
    pub(super) messages: u64,
    pub(super) parts: u64,
    pub(super) cost_micros: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    day: i64,
    line_id: Option<Uuid>,
    account_id: Option<Uuid>,
    channel: String,
    direction: String,
    currency: Option<String>,
    messages: i64,
    parts: i64,
    cost_micros: i64,
}

/// Everything of an organisation on these days, except what no carrier took.
///
/// A carrier has taken what has an id of its own, or what staff say has arrived. A message is counted with the first of
/// its deliveries that was taken.
pub(super) async fn load(tx: &mut Tx, org: OrgId, days: &Days) -> Result<Vec<Cell>> {
    let mut values = args![org, days.begin, days.end];
    let mut local = String::new();
    let (last, changes) = days.offsets.split_last().map_or((0, &[][..]), |(last, changes)| (last.1, changes));
    for (until, offset) in changes {
        values.extend(args![*until, *offset]);
        let at = values.len();
        local.push_str(&format!("WHEN m.at < ${} THEN m.at + ${at} ", at - 1));
    }
    values.extend(args![last]);
    let at = values.len();
    let local = if local.is_empty() {
        format!("(m.at + ${at})")
    } else {
        format!("(CASE {local}ELSE m.at + ${at} END)")
    };
    let sql = format!(
        "SELECT day, line_id, account_id, channel, direction, currency,
                CAST(SUM(messages) AS BIGINT) AS messages, CAST(SUM(parts) AS BIGINT) AS parts,
                CAST(COALESCE(SUM(cost_micros), 0) AS BIGINT) AS cost_micros
         FROM (
             SELECT {local} / 86400000 AS day, m.line_id, m.account_id, m.channel, m.direction,
                    m.price_currency AS currency, 1 AS messages,
                    CASE WHEN m.channel = 'sms' THEN m.parts ELSE 1 END AS parts, m.price_micros AS cost_micros
             FROM message m
             WHERE m.org_id = $1 AND m.at >= $2 AND m.at < $3 AND m.direction = 'inbound'
             UNION ALL
             SELECT {local} / 86400000, m.line_id, d.account_id, m.channel, m.direction, d.price_currency,
                    CASE WHEN EXISTS (
                        SELECT 1 FROM delivery e
                        WHERE e.message_id = d.message_id AND (e.part, e.attempt) < (d.part, d.attempt)
                          AND NOT e.mock AND (e.carrier_id IS NOT NULL OR e.state IN ('delivered', 'read'))
                    ) THEN 0 ELSE 1 END,
                    CASE WHEN m.channel = 'sms' THEN COALESCE(d.parts, m.parts) ELSE 1 END, d.price_micros
             FROM message m JOIN delivery d ON d.message_id = m.id
             WHERE m.org_id = $1 AND m.at >= $2 AND m.at < $3 AND m.direction = 'outbound'
               AND NOT d.mock AND (d.carrier_id IS NOT NULL OR d.state IN ('delivered', 'read'))
         ) counted
         GROUP BY day, line_id, account_id, channel, direction, currency"
    );
    let rows: Vec<Row> = tx.all(AssertSqlSafe(sql), values).await?;
    rows.into_iter().map(Row::cell).collect()
}

impl Row {
    fn cell(self) -> Result<Cell> {
        Ok(Cell {
            day: self.day,
            line: self.line_id,
            account: self.account_id,
            channel: known(Channel::from_word(&self.channel))?,
            direction: known(Direction::from_word(&self.direction))?,
            currency: self.currency.map(|word| known(Currency::from_word(&word))).transpose()?,
            messages: self.messages.unsigned_abs(),
            parts: self.parts.unsigned_abs(),
            cost_micros: self.cost_micros,
        })
    }
}
