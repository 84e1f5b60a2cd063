//! The days of a report, in a time zone.

use crate::{Error, Result};
use jiff::civil::{Date, date};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use model::Millis;
use model::report::Period;

/// Days in one report, at most: a year, also one with a leap day.
const MOST_DAYS: i32 = 366;

/// Day 0 of everything that counts days.
const EPOCH: Date = date(1970, 1, 1);

/// A stretch of days.
pub(super) struct Days {
    /// The first.
    pub(super) from: Date,
    /// The last.
    pub(super) to: Date,
    /// When the first begins.
    pub(super) begin: Millis,
    /// When the last has ended.
    pub(super) end: Millis,
    /// Instants before which the clocks are ahead of UTC by this much; the last one is the end.
    pub(super) offsets: Vec<(Millis, Millis)>,
}

/// Whether this names a time zone that [`super::messages`] takes.
pub fn is_zone(name: &str) -> bool {
    zone(name).is_ok()
}

fn zone(name: &str) -> Result<TimeZone> {
    DateTimeParser::new().parse_time_zone(name.trim()).map_err(|_| {
        Error::invalid(
            "zone",
            "Name a time zone as the IANA does, for example Australia/Sydney, or an offset such as +10:00.",
        )
    })
}

impl Days {
    /// The days of a period, as they are at this instant.
    pub(super) fn of(period: &Period, zone_name: &str, now: Millis) -> Result<Self> {
        let zone = zone(zone_name)?;
        let out_of_range = |_: jiff::Error| Error::invalid("from", "These days are beyond any calendar.");
        let today = Timestamp::from_millisecond(now).map_err(out_of_range)?.to_zoned(zone.clone()).date();
        let (from, to) = match period {
            Period::Last30Days => (today.checked_sub(29.days()).map_err(out_of_range)?, today),
            Period::ThisMonth => (today.first_of_month(), today.last_of_month()),
            Period::LastMonth => {
                let last = today.first_of_month().yesterday().map_err(out_of_range)?;
                (last.first_of_month(), last)
            }
            Period::Between { from, to } => (day("from", from)?, day("to", to)?),
        };
        if to < from {
            return Err(Error::invalid("to", "The last day is before the first one."));
        }
        if number(to) - number(from) >= MOST_DAYS {
            return Err(Error::invalid("to", "A report covers a year at most. Choose fewer days."));
        }
        let midnight = |day: Date| day.to_zoned(zone.clone()).map(|at| at.timestamp()).map_err(out_of_range);
        let (begin, end) = (midnight(from)?, midnight(to.tomorrow().map_err(out_of_range)?)?);
        let mut offsets = Vec::new();
        let mut offset = zone.to_offset(begin);
        // The clocks of some zones change twice a year, for ever.
        for change in zone.following(begin).take_while(|change| change.timestamp() < end) {
            offsets.push((change.timestamp().as_millisecond(), millis(offset)));
            offset = change.offset();
        }
        offsets.push((end.as_millisecond(), millis(offset)));
        Ok(Self { from, to, begin: begin.as_millisecond(), end: end.as_millisecond(), offsets })
    }

    /// All of them, in order, as `YYYY-MM-DD`.
    pub(super) fn all(&self) -> impl Iterator<Item = String> {
        (number(self.from)..=number(self.to)).map(|number| self.day(number.into()))
    }

    /// The day with this number, counted from the epoch, as `YYYY-MM-DD`.
    pub(super) fn day(&self, number: i64) -> String {
        EPOCH.checked_add(number.days()).unwrap_or(self.to).to_string()
    }
}

fn day(field: &str, text: &str) -> Result<Date> {
    text.trim()
        .parse()
        .map_err(|_| Error::invalid(field, "Write the day as year, month and day, for example 2026-03-31."))
}

fn number(day: Date) -> i32 {
    day.since(EPOCH).map_or(0, |span| span.get_days())
}

fn millis(offset: jiff::tz::Offset) -> Millis {
    Millis::from(offset.seconds()) * 1000
}

#[cfg(test)]
mod tests {
    use super::{Days, is_zone};
    use model::report::Period;

    /// 2026-03-01 09:00 UTC, which is 20:00 in Sydney.
    const NOW: i64 = 1_772_355_600_000;
    const HOUR: i64 = 3_600_000;

    fn days(period: &Period, zone: &str) -> Days {
        Days::of(period, zone, NOW).unwrap_or_else(|error| panic!("{zone}: {error}"))
    }

    fn between(from: &str, to: &str) -> Period {
        Period::Between { from: from.to_owned(), to: to.to_owned() }
    }

    #[test]
    fn knows_what_today_is_where_one_is() {
        let span = |period, zone| {
            let days = days(&period, zone);
            format!("{} {}", days.from, days.to)
        };
        assert_eq!(span(Period::Last30Days, "Australia/Sydney"), "2026-01-31 2026-03-01");
        assert_eq!(span(Period::Last30Days, "America/Los_Angeles"), "2026-01-31 2026-03-01");
        assert_eq!(span(Period::Last30Days, "-10:00"), "2026-01-30 2026-02-28");
        assert_eq!(span(Period::ThisMonth, "UTC"), "2026-03-01 2026-03-31");
        assert_eq!(span(Period::LastMonth, "UTC"), "2026-02-01 2026-02-28");
        assert_eq!(span(Period::LastMonth, "-10:00"), "2026-01-01 2026-01-31");
    }

    #[test]
    fn a_day_on_which_the_clocks_change_is_longer_or_shorter() {
        // In Sydney they went back on 5 April 2026 at 3:00.
        let long = days(&between("2026-04-05", "2026-04-05"), "Australia/Sydney");
        assert_eq!(long.end - long.begin, 25 * HOUR);
        assert_eq!(long.offsets, [(long.begin + 3 * HOUR, 11 * HOUR), (long.end, 10 * HOUR)]);
        let plain = days(&between("2026-04-06", "2026-04-07"), "Australia/Sydney");
        assert_eq!((plain.end - plain.begin, plain.offsets.len()), (48 * HOUR, 1));
        let year = days(&between("2025-07-01", "2026-06-30"), "Australia/Sydney");
        assert_eq!((year.offsets.len(), year.all().count()), (3, 365));
    }

    #[test]
    fn counts_days_without_a_gap() {
        let february = days(&between("2024-02-27", "2024-03-02"), "UTC");
        let all: Vec<_> = february.all().collect();
        assert_eq!(all, ["2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_name() {
        let field = |period: &Period, zone| match Days::of(period, zone, NOW).err() {
            Some(crate::Error::Failure(failure)) => failure.field,
            _ => None,
        };
        for (from, to, wrong) in [
            ("2026-13-01", "2026-03-01", "from"),
            ("", "2026-03-01", "from"),
            ("2026-03-01", "1 March", "to"),
            ("2026-03-02", "2026-03-01", "to"),
            ("2024-01-01", "2025-01-01", "to"),
            ("9999-12-31", "9999-12-31", "from"),
        ] {
            assert_eq!(field(&between(from, to), "UTC").as_deref(), Some(wrong), "{from} to {to}");
        }
        assert_eq!(field(&Period::ThisMonth, "Atlantis/Capital").as_deref(), Some("zone"));
        assert!(Days::of(&between("2024-01-01", "2024-12-31"), "UTC", NOW).is_ok(), "a leap year");
        assert!(is_zone("Australia/Sydney") && is_zone("+10:30") && is_zone("UTC") && !is_zone(""));
    }
}
