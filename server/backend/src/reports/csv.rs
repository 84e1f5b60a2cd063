//! A report for spreadsheets, by RFC 4180.

use model::line::Price;
use model::report::Report;

/// One line for each row, under a line that names the columns. Messages whose price is not known have neither currency
/// nor cost.
pub fn csv(report: &Report) -> String {
    let mut out = String::new();
    line(&mut out, [report.group_by.as_str(), "direction", "messages", "parts", "currency", "cost"]);
    for row in &report.rows {
        let cost = row.currency.map(|currency| Price { micros: row.cost_micros, currency });
        line(
            &mut out,
            [
                &row.name,
                row.direction.as_str(),
                &row.messages.to_string(),
                &row.parts.to_string(),
                row.currency.map_or("", |currency| currency.as_str()),
                &cost.map(Price::decimal).unwrap_or_default(),
            ],
        );
    }
    out
}

fn line<const N: usize>(out: &mut String, cells: [&str; N]) {
    let cells = cells.map(cell);
    out.push_str(&cells.join(","));
    out.push_str("\r\n");
}

/// A spreadsheet takes what begins like a formula for one, and would compute what somebody named a line; an apostrophe
/// makes it a text.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::csv;
    use model::line::Currency;
    use model::message::Direction;
    use model::report::{GroupBy, Report, ReportRow};

    #[test]
    fn names_are_texts_whatever_they_look_like() {
        let row = |name: &str, currency, cost_micros| ReportRow {
            group: String::new(),
            name: name.to_owned(),
            direction: Direction::Outbound,
            currency,
            messages: 2,
            parts: 3,
            cost_micros,
        };
        let report = Report {
            from: "2026-03-01".to_owned(),
            to: "2026-03-31".to_owned(),
            zone: "UTC".to_owned(),
            group_by: GroupBy::Line,
            rows: vec![
                row("Front desk", Some(Currency::Aud), 1_300_000),
                row("=1+1", Some(Currency::Usd), 8_300),
                row("@sum", None, 0),
                row("-5, +5", None, 0),
                row("\"The\nother\"", None, 0),
                row("Zoë's", None, 0),
            ],
            days: Vec::new(),
        };
        assert_eq!(
            csv(&report),
            "line,direction,messages,parts,currency,cost\r\n\
             Front desk,outbound,2,3,AUD,1.30\r\n\
             '=1+1,outbound,2,3,USD,0.0083\r\n\
             '@sum,outbound,2,3,,\r\n\
             \"'-5, +5\",outbound,2,3,,\r\n\
             \"\"\"The\nother\"\"\",outbound,2,3,,\r\n\
             Zoë's,outbound,2,3,,\r\n"
        );
    }
}
