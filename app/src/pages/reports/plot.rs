//! Messages of each day as bars, one colour for each channel.

use crate::ui::time::day_words;
use leptos::ev::PointerEvent;
use leptos::prelude::*;
use model::message::Channel;
use model::report::{ReportDay, thousands};

/// Units of the picture that a day is wide, and that the highest bar is high.
const DAY: usize = 10;
const HEIGHT: u64 = 100;

/// Days in a picture above which bars touch each other, since gaps would be all that is left of them.
const MOST_WITH_GAPS: usize = 92;

/// The channels from the ground up.
const CHANNELS: [Channel; 3] = [Channel::Sms, Channel::Mms, Channel::Whatsapp];

/// The bars, a slider that walks along them, and what it points at in words. The table of days says the same.
#[component]
pub fn Plot(
    /// Every day of the period, in order.
    days: Vec<ReportDay>,
) -> impl IntoView {
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return ().into_any() };
    let (begin, end) = (day_words(&first.day), day_words(&last.day));
    let most = days.iter().map(ReportDay::messages).max().unwrap_or(0).max(1);
    let all: u64 = days.iter().map(ReportDay::messages).sum();
    let about = format!(
        "Messages by day, {begin} to {end}: {} in all, at most {} on one day",
        thousands(all),
        thousands(most)
    );
    let used: Vec<Channel> =
        CHANNELS.into_iter().filter(|channel| days.iter().any(|day| of_channel(day, *channel) > 0)).collect();
    let count = days.len();
    let last_busy = days.iter().rposition(|day| day.messages() > 0).unwrap_or(count - 1);
    let here = RwSignal::new(last_busy);
    let view_box = format!("0 0 {} {HEIGHT}", count * DAY);
    let bars = bars(&days, most);
    let days = StoredValue::new(days);
    let words = move || days.with_value(|days| days.get(here.get()).map(day_in_words).unwrap_or_default());
    let point = move |event: PointerEvent| {
        let picture = event_target::<web_sys::Element>(&event).get_bounding_client_rect();
        let along = (f64::from(event.client_x()) - picture.left()) / picture.width().max(1.0);
        here.set(((along.clamp(0.0, 1.0) * count as f64) as usize).min(count - 1));
    };
    view! {
        <figure class="plot card">
            <div class="plot-head">
                <ul class="plot-legend" aria-label="Colours">
                    {used
                        .into_iter()
                        .map(|channel| {
                            view! { <li class=format!("plot-key is-{}", channel.as_str())>{channel.label()}</li> }
                        })
                        .collect_view()}
                </ul>
                <p class="plot-words number">{words}</p>
            </div>
            <p class="plot-most muted number" aria-hidden="true">{thousands(most)}</p>
            <div class="plot-picture" on:pointermove=point>
                <svg
                    class="plot-here"
                    viewBox=view_box.clone()
                    preserveAspectRatio="none"
                    aria-hidden="true"
                    inner_html=move || rectangle(here.get() * DAY, 0, DAY, HEIGHT, "plot-day")
                ></svg>
                <svg
                    class="plot-bars"
                    viewBox=view_box
                    preserveAspectRatio="none"
                    role="img"
                    aria-label=about
                    inner_html=bars
                ></svg>
            </div>
            <label class="plot-choice">
                <span class="muted">"Choose a day"</span>
                <input
                    class="plot-slider"
                    type="range"
                    min="0"
                    max=(count - 1).to_string()
                    step="1"
                    value=last_busy.to_string()
                    prop:value=move || here.get().to_string()
                    aria-valuetext=words
                    on:input:target=move |event| {
                        if let Ok(day) = event.target().value().parse::<usize>() {
                            here.set(day.min(count - 1));
                        }
                    }
                />
            </label>
            <p class="plot-ends muted number">
                <span>{begin}</span>
                <span>{end}</span>
            </p>
        </figure>
    }
    .into_any()
}

fn of_channel(day: &ReportDay, channel: Channel) -> u64 {
    both_ways(day, channel).0
}

/// All of them, and those that came in.
fn both_ways(day: &ReportDay, channel: Channel) -> (u64, u64) {
    match channel {
        Channel::Sms => (day.sms, day.sms_in),
        Channel::Mms => (day.mms, day.mms_in),
        Channel::Whatsapp => (day.whatsapp, day.whatsapp_in),
    }
}

/// "3 Nov 2025: 12 SMS sent, 2 MMS (1 sent, 1 received)".
fn day_in_words(day: &ReportDay) -> String {
    let counts: Vec<String> = CHANNELS
        .into_iter()
        .filter_map(|channel| {
            let (all, received) = both_ways(day, channel);
            let sent = all.saturating_sub(received);
            let ways = match (sent, received) {
                (0, 0) => return None,
                (_, 0) => "sent".to_owned(),
                (0, _) => "received".to_owned(),
                _ => format!("({} sent, {} received)", thousands(sent), thousands(received)),
            };
            Some(format!("{} {} {ways}", thousands(all), channel.label()))
        })
        .collect();
    let counts = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
    format!("{}: {counts}", day_words(&day.day))
}

/// The bars as SVG. In one piece: a year has a thousand of them.
fn bars(days: &[ReportDay], most: u64) -> String {
    let gap = usize::from(days.len() <= MOST_WITH_GAPS);
    let mut out = String::new();
    for (at, day) in days.iter().enumerate() {
        // Heights of what lies below are rounded together, so that no gap opens between two colours.
        let mut below = 0;
        for channel in CHANNELS {
            let (from, to) = (below, below + of_channel(day, channel));
            below = to;
            let (low, high) = (from * HEIGHT / most, (to * HEIGHT).div_ceil(most));
            if to > from {
                let class = format!("is-{}", channel.as_str());
                out += &rectangle(at * DAY + gap, HEIGHT - high, DAY - 2 * gap, high - low, &class);
            }
        }
    }
    out
}

fn rectangle(x: usize, y: u64, width: usize, height: u64, class: &str) -> String {
    format!(r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}"/>"#)
}

#[cfg(test)]
mod tests {
    use super::{bars, day_in_words};
    use model::report::ReportDay;

    fn day(sms: u64, mms: u64) -> ReportDay {
        ReportDay { day: "2026-03-02".to_owned(), sms, mms, ..ReportDay::default() }
    }

    #[test]
    fn bars_stand_on_each_other_and_the_highest_fills_the_picture() {
        assert_eq!(
            bars(&[day(1, 1), day(0, 4)], 4),
            "<rect class=\"is-sms\" x=\"1\" y=\"75\" width=\"8\" height=\"25\"/>\
             <rect class=\"is-mms\" x=\"1\" y=\"50\" width=\"8\" height=\"25\"/>\
             <rect class=\"is-mms\" x=\"11\" y=\"0\" width=\"8\" height=\"100\"/>"
        );
        assert!(
            bars(&[day(1, 0)], 1_000_000).contains("height=\"1\""),
            "one message is seen beside a million"
        );
    }

    #[test]
    fn a_day_in_words_names_what_there_was() {
        assert_eq!(day_in_words(&day(1_200, 1)), "2 Mar 2026: 1,200 SMS sent, 1 MMS sent");
        let both_ways = ReportDay { sms_in: 2, mms_in: 1, ..day(2, 2) };
        assert_eq!(day_in_words(&both_ways), "2 Mar 2026: 2 SMS received, 2 MMS (1 sent, 1 received)");
        assert_eq!(day_in_words(&day(0, 0)), "2 Mar 2026: nothing");
    }
}
