//! What was sent and received in a period, and what it cost.

use crate::line::{Currency, Price};
use crate::message::Direction;
use serde::{Deserialize, Serialize};

pub use crate::money::thousands;

/// Which days a report is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Today and the 29 days before it.
    #[default]
    Last30Days,
    /// The present month.
    ThisMonth,
    /// The whole month before the present one.
    LastMonth,
    /// Both days included, each as `YYYY-MM-DD`.
    Between {
        /// The first day.
        from: String,
        /// The last day.
        to: String,
    },
}

/// What the rows of a report are about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// One day each.
    #[default]
    Day,
    /// One line each.
    Line,
    /// One carrier each.
    Carrier,
    /// SMS, MMS or WhatsApp.
    Channel,
    /// In or out.
    Direction,
}

crate::words::words!(GroupBy {
    Day = "day",
    Line = "line",
    Carrier = "carrier",
    Channel = "channel",
    Direction = "direction",
});

/// A part of a report. Rows never overlap, so those of one currency may be added up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReportRow {
    /// What it is about, for programs: a day as `YYYY-MM-DD`, a line's id, or the word of a carrier, channel or
    /// direction. Empty for messages to a number that is no line.
    pub group: String,
    /// The same for people.
    pub name: String,
    /// In or out.
    pub direction: Direction,
    /// In what it was paid; absent for messages whose price is not known.
    pub currency: Option<Currency>,
    /// A message that took several requests counts once, where the first of them went.
    pub messages: u64,
    /// What carriers count: parts of an SMS, requests of everything else.
    pub parts: u64,
    /// Millionths of the currency's unit.
    pub cost_micros: i64,
}

/// How many messages came and went on one day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReportDay {
    /// As `YYYY-MM-DD`.
    pub day: String,
    /// By SMS.
    pub sms: u64,
    /// By MMS.
    pub mms: u64,
    /// By WhatsApp.
    pub whatsapp: u64,
    /// Of those by SMS, the ones that came in.
    pub sms_in: u64,
    /// Of those by MMS, the ones that came in.
    pub mms_in: u64,
    /// Of those by WhatsApp, the ones that came in.
    pub whatsapp_in: u64,
}

impl ReportDay {
    /// By whichever channel.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.sms + self.mms + self.whatsapp
    }
}

/// Messages of a period. What the carrier never took is not among them, nor what only a simulator got in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// The first day, as `YYYY-MM-DD`.
    pub from: String,
    /// The last day.
    pub to: String,
    /// The time zone in which days begin, by its IANA name or as an offset.
    pub zone: String,
    /// What the rows are about.
    pub group_by: GroupBy,
    /// Days in their order, everything else by name.
    pub rows: Vec<ReportRow>,
    /// Every day of the period, also those without messages.
    pub days: Vec<ReportDay>,
}

/// Rows of a report added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    /// Messages to patients.
    pub sent: u64,
    /// Messages from patients.
    pub received: u64,
    /// What carriers count, in both directions.
    pub parts: u64,
    /// Messages whose price is not known, in both directions.
    pub unpriced: u64,
    /// What is known of the cost, one sum for each currency.
    pub costs: Vec<Price>,
}

impl Sums {
    /// All of these rows.
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a ReportRow>) -> Self {
        let mut sums = Self::default();
        rows.into_iter().for_each(|row| sums.add(row));
        sums
    }

    fn add(&mut self, row: &ReportRow) {
        match row.direction {
            Direction::Inbound => self.received += row.messages,
            Direction::Outbound => self.sent += row.messages,
        }
        self.parts += row.parts;
        let Some(currency) = row.currency else {
            self.unpriced += row.messages;
            return;
        };
        match self.costs.iter_mut().find(|cost| cost.currency == currency) {
            Some(cost) => cost.micros = cost.micros.saturating_add(row.cost_micros),
            None => self.costs.push(Price { micros: row.cost_micros, currency }),
        }
    }
}

/// The rows of each group added up, in their order, under the group's name.
#[must_use]
pub fn by_group(rows: &[ReportRow]) -> Vec<(String, Sums)> {
    let same = |a: &ReportRow, b: &ReportRow| a.group == b.group;
    rows.chunk_by(same).map(|rows| (rows[0].name.clone(), Sums::of(rows))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(group: &str, direction: Direction, currency: Option<Currency>, cost_micros: i64) -> ReportRow {
        let (group, name) = (group.to_owned(), group.to_uppercase());
        ReportRow { group, name, direction, currency, messages: 2, parts: 3, cost_micros }
    }

    #[test]
    fn currencies_are_never_added_to_each_other() {
        use Direction::{Inbound, Outbound};
        let rows = [
            row("a", Outbound, Some(Currency::Aud), 100_000),
            row("a", Outbound, Some(Currency::Usd), 8_300),
            row("a", Inbound, Some(Currency::Aud), 50_000),
            row("b", Inbound, None, 0),
        ];
        let all = Sums::of(&rows);
        assert_eq!((all.sent, all.received, all.parts, all.unpriced), (4, 4, 12, 2));
        let aud = Price { micros: 150_000, currency: Currency::Aud };
        let usd = Price { micros: 8_300, currency: Currency::Usd };
        assert_eq!(all.costs, [aud, usd]);
        let groups = by_group(&rows);
        assert_eq!(groups.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!((groups[0].1.costs.len(), groups[1].1.costs.len(), groups[1].1.unpriced), (2, 0, 2));
    }
}
