//! Reports: how many messages came and went, through what, and what they cost.

mod cells;
mod csv;
mod days;
mod offers;

pub use csv::csv;
pub use days::is_zone;
pub use offers::comparison;

use crate::store::{Tx, args};
use crate::{Backend, Caller, Result};
use cells::Cell;
use days::Days;
use model::OrgId;
use model::line::ProviderKind;
use model::message::{Channel, Direction};
use model::report::{GroupBy, Period, Report, ReportDay, ReportRow};
use model::staff::Permission;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// Messages of a period whose days begin in a time zone: `Australia/Sydney`, or an offset such as `+10:00`.
///
/// # Errors
/// `Invalid` names the part of the period, or the zone.
pub async fn messages(
    backend: &Backend,
    caller: &Caller,
    period: &Period,
    group_by: GroupBy,
    zone: &str,
) -> Result<Report> {
    caller.require(Permission::ReadReports)?;
    let days = Days::of(period, zone, backend.clock.now())?;
    let mut tx = backend.store.read().await?;
    let cells = cells::load(&mut tx, caller.org_id, &days).await?;
    let names = Names::load(&mut tx, caller.org_id).await?;
    Ok(Report {
        from: days.from.to_string(),
        to: days.to.to_string(),
        zone: zone.to_owned(),
        group_by,
        rows: rows(&cells, group_by, &days, &names),
        days: each_day(&cells, &days),
    })
}

/// What lines are called, and at which carriers their accounts are.
struct Names {
    lines: HashMap<Uuid, String>,
    carriers: HashMap<Uuid, ProviderKind>,
}

impl Names {
    async fn load(tx: &mut Tx, org: OrgId) -> Result<Self> {
        let lines: Vec<(Uuid, String)> =
            tx.all("SELECT id, name FROM line WHERE org_id = $1", args![org]).await?;
        let accounts: Vec<(Uuid, String)> =
            tx.all("SELECT id, provider FROM line_account WHERE org_id = $1", args![org]).await?;
        let carrier = |(id, word): (Uuid, String)| Some((id, ProviderKind::from_word(&word)?));
        Ok(Self {
            lines: lines.into_iter().collect(),
            carriers: accounts.into_iter().filter_map(carrier).collect(),
        })
    }
}

/// What a row is about. Rows are sorted by these, the order first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    order: String,
    group: String,
    name: String,
}

impl Group {
    fn of(cell: &Cell, group_by: GroupBy, days: &Days, names: &Names) -> Self {
        let by_name =
            |group: String, name: &str| Self { order: name.to_lowercase(), group, name: name.to_owned() };
        match group_by {
            GroupBy::Day => {
                let day = days.day(cell.day);
                Self { order: day.clone(), group: day.clone(), name: day }
            }
            GroupBy::Line => match cell.line.and_then(|id| Some((id, names.lines.get(&id)?))) {
                Some((id, name)) => by_name(id.to_string(), name),
                None => by_name(String::new(), "No line"),
            },
            GroupBy::Carrier => match cell.account.and_then(|id| names.carriers.get(&id)) {
                Some(carrier) => by_name(carrier.as_str().to_owned(), carrier.label()),
                None => by_name(String::new(), "No carrier"),
            },
            GroupBy::Channel => {
                let order = Channel::ALL.iter().take_while(|channel| **channel != cell.channel).count();
                let (group, name) = (cell.channel.as_str().to_owned(), cell.channel.label().to_owned());
                Self { order: order.to_string(), group, name }
            }
            GroupBy::Direction => {
                let name = if cell.direction == Direction::Inbound { "Received" } else { "Sent" };
                by_name(cell.direction.as_str().to_owned(), name)
            }
        }
    }
}

fn rows(cells: &[Cell], group_by: GroupBy, days: &Days, names: &Names) -> Vec<ReportRow> {
    let mut rows = BTreeMap::new();
    for cell in cells {
        let group = Group::of(cell, group_by, days, names);
        let is_inbound = cell.direction == Direction::Inbound;
        // What has no price comes last.
        let currency = (cell.currency.is_none(), cell.currency.map(|currency| currency.as_str()));
        let row = rows.entry((group.clone(), is_inbound, currency)).or_insert_with(|| ReportRow {
            group: group.group,
            name: group.name,
            direction: cell.direction,
            currency: cell.currency,
            messages: 0,
            parts: 0,
            cost_micros: 0,
        });
        row.messages += cell.messages;
        row.parts += cell.parts;
        row.cost_micros = row.cost_micros.saturating_add(cell.cost_micros);
    }
    rows.into_values().collect()
}

fn each_day(cells: &[Cell], days: &Days) -> Vec<ReportDay> {
    let mut found: BTreeMap<String, ReportDay> =
        days.all().map(|day| (day.clone(), ReportDay { day, ..ReportDay::default() })).collect();
    for cell in cells {
        if let Some(day) = found.get_mut(&days.day(cell.day)) {
            let (all, received) = match cell.channel {
                Channel::Sms => (&mut day.sms, &mut day.sms_in),
                Channel::Mms => (&mut day.mms, &mut day.mms_in),
                Channel::Whatsapp => (&mut day.whatsapp, &mut day.whatsapp_in),
            };
            *all += cell.messages;
            if cell.direction == Direction::Inbound {
                *received += cell.messages;
            }
        }
    }
    found.into_values().collect()
}
