//! The sums of a report: all of them as tiles, and a table.

use crate::ui::time::day_words;
use leptos::prelude::*;
use model::report::{GroupBy, Report, Sums, by_group, thousands};

/// Everything added up.
#[component]
pub fn Tiles(
    /// Of all rows.
    sums: Sums,
) -> impl IntoView {
    let unpriced = unpriced_words(sums.unpriced);
    view! {
        <dl class="tiles">
            <div class="card">
                <dt>"Sent"</dt>
                <dd>{thousands(sums.sent)}</dd>
            </div>
            <div class="card">
                <dt>"Received"</dt>
                <dd>{thousands(sums.received)}</dd>
            </div>
            <div class="card">
                <dt>"Cost"</dt>
                <dd>{costs(&sums)}</dd>
                {unpriced.map(|words| view! { <dd class="tile-note">{words}</dd> })}
            </div>
        </dl>
    }
}

/// What is known, in each currency.
fn costs(sums: &Sums) -> Vec<AnyView> {
    if sums.costs.is_empty() {
        return vec!["Not known".into_any()];
    }
    sums.costs.iter().map(|cost| view! { <span class="amount">{cost.rounded()}</span> }.into_any()).collect()
}

fn unpriced_words(messages: u64) -> Option<String> {
    match messages {
        0 => None,
        1 => Some("1 message without a known price".to_owned()),
        more => Some(format!("{} messages without a known price", thousands(more))),
    }
}

/// One row for each day, line, carrier or channel, and the sum of all below them.
#[component]
pub fn Table(
    /// The rows, and what they are about.
    report: Report,
    /// Of all rows.
    sums: Sums,
) -> impl IntoView {
    let by = report.group_by;
    let (first, about) = match by {
        GroupBy::Day => ("Day", "Messages and their cost by day"),
        GroupBy::Line => ("Line", "Messages and their cost by line"),
        GroupBy::Carrier => ("Carrier", "Messages and their cost by carrier"),
        GroupBy::Channel => ("Channel", "Messages and their cost by channel"),
        GroupBy::Direction => ("Direction", "Messages and their cost by direction"),
    };
    let rows = by_group(&report.rows);
    view! {
        <table class="sums card">
            <caption class="visually-hidden">{about}</caption>
            <thead>
                <tr>
                    <th scope="col">{first}</th>
                    <th scope="col">"Sent"</th>
                    <th scope="col">"Received"</th>
                    <th scope="col">"Parts"</th>
                    <th scope="col">"Cost"</th>
                </tr>
            </thead>
            <tbody>
                {rows
                    .into_iter()
                    .map(|(name, sums)| {
                        let name = if by == GroupBy::Day { day_words(&name) } else { name };
                        view! { <Row name=name sums=sums /> }
                    })
                    .collect_view()}
            </tbody>
            <tfoot>
                <Row name="Total".to_owned() sums=sums />
            </tfoot>
        </table>
        <p class="muted sums-note">
            "Parts are what carriers count: parts of an SMS, and requests of everything else. Prices are as the carrier says, or by its tariff until it does; without tax and rent of numbers."
        </p>
    }
}

#[component]
fn Row(name: String, sums: Sums) -> impl IntoView {
    let unpriced = unpriced_words(sums.unpriced);
    let costs = if sums.costs.is_empty() { Vec::new() } else { costs(&sums) };
    view! {
        <tr>
            <th scope="row">{name}</th>
            <td>{thousands(sums.sent)}</td>
            <td>{thousands(sums.received)}</td>
            <td>{thousands(sums.parts)}</td>
            <td>{costs} {unpriced.map(|words| view! { <span class="sums-unpriced muted">{words}</span> })}</td>
        </tr>
    }
}
