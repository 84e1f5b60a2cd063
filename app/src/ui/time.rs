//! Instants as people read them, in the browser's time zone.
//!
//! The server does not know the zone. It renders with the offset that the browser left in a cookie (UTC on a first
//! visit) and writes the offset and its own time into the page; the browser comes to life with exactly these and
//! only then turns to its own zone and clock. So both sides agree on every character.

use crate::browser;
use gloo_timers::callback::Interval;
use leptos::prelude::*;
use model::Millis;

/// The cookie in which the browser leaves its offset from UTC, in minutes.
pub const ZONE_COOKIE: &str = "heliograph_zone";

/// The cookie in which it leaves the name of its time zone, for sums by day: an offset holds for part of the year only.
pub const ZONE_NAME_COOKIE: &str = "heliograph_zone_name";

const MINUTE: Millis = 60_000;
const DAY: Millis = 86_400_000;

/// The page's idea of now and here; a context.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    now: RwSignal<Millis>,
    zone: RwSignal<Zone>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    /// Minutes ahead of UTC, the whole year.
    Fixed(i64),
    /// Whatever the browser says for each instant.
    Browser,
}

/// What the page was rendered with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RenderedAt {
    /// The server's time.
    pub now: Millis,
    /// Minutes ahead of UTC.
    pub offset_minutes: i64,
}

impl Times {
    /// Times that begin with what the page was rendered with and go on with the browser's own.
    pub fn new(rendered: RenderedAt) -> Self {
        let times = Self {
            now: RwSignal::new(rendered.now),
            zone: RwSignal::new(Zone::Fixed(rendered.offset_minutes)),
        };
        Effect::new(move |_| {
            times.zone.set(Zone::Browser);
            times.now.set(browser::now());
            browser::set_cookie(ZONE_COOKIE, &browser::offset_minutes(browser::now()).to_string());
            browser::set_cookie(ZONE_NAME_COOKIE, &browser::zone_name().unwrap_or_default());
            Interval::new(MINUTE as u32, move || {
                times.now.try_set(browser::now());
            })
            .forget();
        });
        times
    }

    /// The times of this page.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// The present; follows the clock where signals are tracked.
    pub fn now(self) -> Millis {
        self.now.get()
    }

    /// An instant in words; follows the clock where signals are tracked.
    pub fn words(self, at: Millis, style: TimeStyle) -> String {
        words(self.local(at), self.local(self.now.get()), style)
    }

    /// Days since the Unix epoch, in local time.
    pub fn day(self, at: Millis) -> i64 {
        self.local(at).div_euclid(DAY)
    }

    fn local(self, at: Millis) -> Millis {
        let minutes = match self.zone.get() {
            Zone::Fixed(minutes) => minutes,
            Zone::Browser => browser::offset_minutes(at),
        };
        at + minutes * MINUTE
    }
}

/// How much of an instant to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeStyle {
    /// For lists: "10:42", "Yesterday 16:05", "3 Nov", "3 Nov 2023".
    Short,
    /// For what lies ahead: "10:42", "tomorrow 10:42", "Wed 10:42", "3 Nov", "3 Nov 2023".
    Ahead,
    /// The time of day: "10:42".
    Clock,
    /// For separators: "Today", "Yesterday", "Monday 3 November".
    Day,
    /// Everything: "3 November 2025, 10:42".
    Exact,
}

/// An instant, said in words and exactly on hover.
#[component]
pub fn Time(
    /// The instant.
    at: Millis,
    /// How much of it to say.
    #[prop(default = TimeStyle::Short)]
    style: TimeStyle,
) -> impl IntoView {
    let times = Times::of_page();
    view! {
        <time datetime=iso(at) title=move || times.words(at, TimeStyle::Exact)>
            {move || times.words(at, style)}
        </time>
    }
}

/// A day as it is on the calendar.
struct Date {
    year: i64,
    month: usize,
    day: i64,
}

impl Date {
    /// From days since 1970-01-01, in the proleptic Gregorian calendar (Howard Hinnant, "chrono-compatible
    /// low-level date algorithms": years are counted from March, so that the leap day comes last).
    fn of(days: i64) -> Self {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month: month as usize, day: day_of_year - (153 * from_march + 2) / 5 + 1 }
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// Both instants in local milliseconds.
fn words(at: Millis, now: Millis, style: TimeStyle) -> String {
    let (day, today) = (at.div_euclid(DAY), now.div_euclid(DAY));
    let date = Date::of(day);
    let this_year = Date::of(today).year == date.year;
    let minutes = at.rem_euclid(DAY) / MINUTE;
    let clock = format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let month = MONTHS[date.month - 1];
    match style {
        TimeStyle::Clock => clock,
        TimeStyle::Exact => format!("{} {month} {}, {clock}", date.day, date.year),
        TimeStyle::Ahead if day == today + 1 => format!("tomorrow {clock}"),
        TimeStyle::Ahead if (today + 2..today + 7).contains(&day) => {
            format!("{} {clock}", &WEEKDAYS[day.rem_euclid(7) as usize][..3])
        }
        TimeStyle::Short | TimeStyle::Ahead if day == today => clock,
        TimeStyle::Short if day == today - 1 => format!("Yesterday {clock}"),
        TimeStyle::Short | TimeStyle::Ahead if this_year => format!("{} {}", date.day, &month[..3]),
        TimeStyle::Short | TimeStyle::Ahead => format!("{} {} {}", date.day, &month[..3], date.year),
        TimeStyle::Day if day == today => "Today".to_owned(),
        TimeStyle::Day if day == today - 1 => "Yesterday".to_owned(),
        TimeStyle::Day => {
            let weekday = WEEKDAYS[day.rem_euclid(7) as usize];
            let year = if this_year { String::new() } else { format!(" {}", date.year) };
            format!("{weekday} {} {month}{year}", date.day)
        }
    }
}

/// A day of the calendar, written `2025-11-03`, in words: "3 Nov 2025". Anything else stays as it is.
pub fn day_words(day: &str) -> String {
    let mut numbers = day.splitn(3, '-').map(str::parse::<usize>);
    let month = |month: usize| MONTHS.get(month.checked_sub(1)?);
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(year)), Some(Ok(at)), Some(Ok(day))) if month(at).is_some() => {
            format!("{day} {} {year}", &MONTHS[at - 1][..3])
        }
        _ => day.to_owned(),
    }
}

/// For machines: `2025-11-03T10:42:00Z`.
fn iso(at: Millis) -> String {
    let date = Date::of(at.div_euclid(DAY));
    let seconds = at.rem_euclid(DAY) / 1000;
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year,
        date.month,
        date.day,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::{DAY, MINUTE, TimeStyle, day_words, iso, words};

    /// Monday 3 November 2025, 10:42 UTC.
    const AT: i64 = 1_762_166_520_000;

    #[test]
    fn says_what_is_near_shortly() {
        let short = |now| words(AT, now, TimeStyle::Short);
        assert_eq!(short(AT + 5 * MINUTE), "10:42");
        assert_eq!(short(AT + DAY), "Yesterday 10:42");
        assert_eq!(short(AT + 2 * DAY), "3 Nov");
        assert_eq!(short(AT + 100 * DAY), "3 Nov 2025");
    }

    #[test]
    fn says_what_lies_ahead_shortly() {
        let ahead = |now| words(AT, now, TimeStyle::Ahead);
        assert_eq!(ahead(AT - 5 * MINUTE), "10:42");
        assert_eq!(ahead(AT - DAY), "tomorrow 10:42");
        assert_eq!(ahead(AT - 2 * DAY), "Mon 10:42");
        assert_eq!(ahead(AT - 6 * DAY), "Mon 10:42");
        assert_eq!(ahead(AT - 7 * DAY), "3 Nov");
        assert_eq!(ahead(AT - 400 * DAY), "3 Nov 2025");
    }

    #[test]
    fn names_days() {
        assert_eq!(words(AT, AT, TimeStyle::Day), "Today");
        assert_eq!(words(AT, AT + 9 * DAY, TimeStyle::Day), "Monday 3 November");
        assert_eq!(words(AT, AT + 400 * DAY, TimeStyle::Exact), "3 November 2025, 10:42");
    }

    #[test]
    fn writes_days_of_the_calendar() {
        assert_eq!(day_words("2025-11-03"), "3 Nov 2025");
        for other in ["", "2025-13-01", "2025-00-01", "Front-desk", "2025-11"] {
            assert_eq!(day_words(other), other);
        }
    }

    #[test]
    fn knows_the_calendar() {
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(iso(AT), "2025-11-03T10:42:00Z");
        assert_eq!(iso(-1000), "1969-12-31T23:59:59Z");
    }
}
