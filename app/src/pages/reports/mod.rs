//! How much came and went in a period, and what it cost.

pub mod compare;
pub mod plot;
pub mod sums;

use crate::api::reports;
use crate::api::session::Session;
use crate::ui::{Banner, Button, Empty, Glyph, Icon, Skeleton, SkeletonShape, TextField, Tone};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use leptos_router::params::ParamsMap;
use model::report::{GroupBy, Period, Report, Sums};
use model::staff::Permission;
use plot::Plot;
use sums::{Table, Tiles};

/// Sums as tiles, a plot of the days and a table. Period and grouping stand in the address.
#[component]
pub fn ReportsPage() -> impl IntoView {
    if !may_read() {
        return view! { <NotForViewers /> }.into_any();
    }
    let query = use_query_map();
    let asked = Memo::new(move |_| query.with(Asked::of));
    let read = Resource::new(move || asked.get(), |asked| reports::messages(asked.period, asked.group_by));
    let (from, to) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    view! {
        <Title text="Reports" />
        <div class="page">
            <div class="page-wide">
                <header class="page-head">
                    <h1>"Reports"</h1>
                    <a class="button" href="/reports/compare">"Compare carriers"</a>
                </header>
                <Picker asked=asked from=from to=to />
                <Transition fallback=|| view! { <Skeleton shape=SkeletonShape::Rows /> }>
                    {move || Suspend::new(async move {
                        match read.await {
                            Ok(report) => view! { <Shown report=report asked=asked from=from to=to /> }.into_any(),
                            Err(failure) => view! { <Banner tone=Tone::Bad>{failure.error.message}</Banner> }.into_any(),
                        }
                    })}
                </Transition>
            </div>
        </div>
    }
    .into_any()
}

fn may_read() -> bool {
    expect_context::<Session>().me.role.may(Permission::ReadReports)
}

/// Words for those whose role does not see what messages cost.
#[component]
fn NotForViewers() -> impl IntoView {
    view! {
        <Title text="Reports" />
        <div class="page">
            <Empty
                whole_page=true
                glyph=Glyph::Ban
                title="For staff and admins"
                text="Reports tell what messages cost. An admin can change your role in Settings, Staff."
            />
        </div>
    }
}

/// What the address asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    period: Period,
    group_by: GroupBy,
}

impl Asked {
    fn of(query: &ParamsMap) -> Self {
        let day = |name| query.get(name).filter(|day| !day.is_empty());
        let period = match (query.get_str("period"), day("from"), day("to")) {
            (Some("this-month"), ..) => Period::ThisMonth,
            (Some("last-month"), ..) => Period::LastMonth,
            (_, Some(from), Some(to)) => Period::Between { from, to },
            _ => Period::Last30Days,
        };
        let group_by = query.get_str("by").and_then(GroupBy::from_word).unwrap_or_default();
        Self { period, group_by }
    }

    fn address(&self) -> String {
        let mut query = ParamsMap::new();
        match &self.period {
            Period::Last30Days => {}
            Period::ThisMonth => query.insert("period", "this-month".to_owned()),
            Period::LastMonth => query.insert("period", "last-month".to_owned()),
            Period::Between { from, to } => {
                query.insert("from", from.clone());
                query.insert("to", to.clone());
            }
        }
        if self.group_by != GroupBy::default() {
            query.insert("by", self.group_by.as_str().to_owned());
        }
        format!("/reports{}", query.to_query_string())
    }
}

/// Where the same report is a file for spreadsheets.
fn csv_address(report: &Report) -> String {
    let mut query = ParamsMap::new();
    query.insert("from", report.from.clone());
    query.insert("to", report.to.clone());
    query.insert("zone", report.zone.clone());
    query.insert("group_by", report.group_by.as_str().to_owned());
    format!("/api/reports/messages.csv{}", query.to_query_string())
}

/// The usual periods, and any days.
#[component]
fn Picker(asked: Memo<Asked>, from: RwSignal<String>, to: RwSignal<String>) -> impl IntoView {
    let navigate = use_navigate();
    let show_days = move |event: SubmitEvent| {
        event.prevent_default();
        let period = Period::Between { from: from.get_untracked(), to: to.get_untracked() };
        let asked = Asked { period, group_by: asked.get_untracked().group_by };
        navigate(&asked.address(), NavigateOptions::default());
    };
    let usual = [
        ("Last 30 days", Period::Last30Days),
        ("This month", Period::ThisMonth),
        ("Last month", Period::LastMonth),
    ];
    view! {
        <div class="period">
            <nav class="chips" aria-label="Period">
                {usual
                    .map(|(name, period)| {
                        let same = period.clone();
                        let href = move || {
                            Asked { period: period.clone(), group_by: asked.get().group_by }.address()
                        };
                        view! {
                            <a
                                class="chip"
                                href=href
                                aria-current=move || (asked.get().period == same).then_some("true")
                            >
                                {name}
                            </a>
                        }
                    })
                    .collect_view()}
            </nav>
            <form class="period-days" on:submit=show_days>
                <TextField label="From" name="from" kind="date" value=from required=true />
                <TextField label="To" name="to" kind="date" value=to required=true />
                <Button submit=true>"Show"</Button>
            </form>
        </div>
    }
}

#[component]
fn Shown(report: Report, asked: Memo<Asked>, from: RwSignal<String>, to: RwSignal<String>) -> impl IntoView {
    // The picker shows which days the words above it mean.
    let (first, last) = (report.from.clone(), report.to.clone());
    Effect::new(move |_| {
        from.set(first.clone());
        to.set(last.clone());
    });
    if report.rows.is_empty() {
        return view! {
            <Empty
                glyph=Glyph::Report
                title="Nothing sent or received"
                text="On these days no message came or went. Choose other days, or write to somebody."
            >
                <a class="button" href="/">"Go to the inbox"</a>
            </Empty>
        }
        .into_any();
    }
    let sums = Sums::of(&report.rows);
    let csv = csv_address(&report);
    let by = [
        ("By day", GroupBy::Day),
        ("By line", GroupBy::Line),
        ("By carrier", GroupBy::Carrier),
        ("By channel", GroupBy::Channel),
    ];
    view! {
        <Tiles sums=sums.clone() />
        <Plot days=report.days.clone() />
        <div class="sums-head">
            <nav class="tabs" aria-label="Sums">
                {by
                    .map(|(name, group_by)| {
                        let href = move || Asked { group_by, ..asked.get() }.address();
                        view! {
                            <a href=href aria-current=move || (asked.get().group_by == group_by).then_some("page")>
                                {name}
                            </a>
                        }
                    })
                    .collect_view()}
            </nav>
            <a class="button" href=csv rel="external" download="">
                <Icon glyph=Glyph::Download />
                <span>"Download CSV"</span>
            </a>
        </div>
        <Table report=report sums=sums />
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::Asked;
    use leptos_router::params::ParamsMap;
    use model::report::{GroupBy, Period};

    fn asked(pairs: &[(&'static str, &str)]) -> Asked {
        let mut query = ParamsMap::new();
        pairs.iter().for_each(|(name, value)| query.insert(*name, (*value).to_owned()));
        Asked::of(&query)
    }

    #[test]
    fn the_address_says_what_is_shown() {
        for (pairs, address) in [
            (&[][..], "/reports"),
            (&[("period", "this-month"), ("by", "line")], "/reports?period=this-month&by=line"),
            (&[("period", "last-month")], "/reports?period=last-month"),
            (&[("from", "2026-03-01"), ("to", "2026-03-07")], "/reports?from=2026-03-01&to=2026-03-07"),
        ] {
            // The server's side encodes more than it has to.
            assert_eq!(asked(pairs).address().replace("%2D", "-"), address);
        }
    }

    #[test]
    fn what_the_address_says_wrongly_is_the_usual() {
        let usual = Asked { period: Period::Last30Days, group_by: GroupBy::Day };
        assert_eq!(asked(&[("period", "ever"), ("by", "moon")]), usual);
        assert_eq!(asked(&[("from", "2026-03-01"), ("to", "")]), usual);
    }
}
