//! How much came and went, and what it cost.

use crate::failure::{Asked, Problem};
use crate::session::{Asker, Reply};
use axum::http::{HeaderName, header};
use backend::reports;
use model::report::{GroupBy, Period, Report};
use serde::Deserialize;

/// Which messages, and how to add them up.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportQuery {
    /// The first day, `YYYY-MM-DD`. Without days: today and the 29 before it.
    from: Option<String>,
    /// The last day.
    to: Option<String>,
    /// What the rows are about.
    #[serde(default)]
    #[param(inline)]
    group_by: GroupBy,
    /// The time zone in which days begin: `Australia/Sydney`, or an offset such as `+10:00`. UTC without one.
    zone: Option<String>,
}

impl ReportQuery {
    async fn answer(self, asker: &Asker) -> Result<Report, Problem> {
        let period = match (self.from, self.to) {
            (None, None) => Period::Last30Days,
            (from, to) => Period::Between { from: named("from", from)?, to: named("to", to)? },
        };
        let zone = self.zone.as_deref().unwrap_or("UTC");
        Ok(reports::messages(asker.backend(), &asker.caller, &period, self.group_by, zone).await?)
    }
}

fn named(field: &str, day: Option<String>) -> Result<String, Problem> {
    day.ok_or_else(|| Problem::field(field, "Name the first day and the last one, or neither."))
}

/// Messages and their cost, by day, line, carrier, channel or direction. Rows of one currency may be added up; those
/// without one are messages whose price is not known. What the carrier never took is not counted.
#[utoipa::path(
    get, path = "/api/reports/messages", tag = "reports", params(ReportQuery),
    responses((status = 200, body = Report), (status = 401, body = Problem), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub(crate) async fn messages(
    asker: Asker,
    Asked(query): Asked<ReportQuery>,
) -> Result<Reply<Report>, Problem> {
    let report = query.answer(&asker).await?;
    Ok(asker.reply(report))
}

/// The same rows for a spreadsheet.
#[utoipa::path(
    get, path = "/api/reports/messages.csv", tag = "reports", params(ReportQuery),
    responses(
        (status = 200, body = String, content_type = "text/csv"), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 422, body = Problem),
    ),
)]
pub(crate) async fn messages_csv(
    asker: Asker,
    Asked(query): Asked<ReportQuery>,
) -> Result<([(HeaderName, String); 2], String), Problem> {
    let report = query.answer(&asker).await?;
    let name = format!("messages-by-{}-{}-to-{}.csv", report.group_by.as_str(), report.from, report.to);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, reports::csv(&report)))
}
