//! How often everyone may ask for what costs much, so that neither a program gone wild nor somebody who guesses keeps
//! others from their work.
//!
//! Requests are counted in windows of a minute that begin with the first one. On PostgreSQL, where several processes may
//! serve one organisation, they count in a table that they share. On SQLite each counts in its memory: of several web
//! processes, everyone has the whole limit at each.

use crate::clock::millis;
use crate::keys::Purpose;
use crate::store::args;
use crate::{Backend, Caller, Result};
use model::{Failure, Millis};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What is counted is counted over this long.
const WINDOW: Duration = Duration::from_secs(60);

/// Windows that are remembered in memory at most. Where there are more at once, all are forgotten rather than memory
/// filled.
const REMEMBERED: usize = 20_000;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A file on its way in.
    Upload,
    /// A message to a patient.
    Send,
    /// Looking for a text in the inbox, among the patients or in old messages.
    Search,
    /// Looking at the page before a private link, which messengers do as well.
    LinkView,
    /// Opening a private link, with or without a date of birth.
    LinkOpening,
}

impl Action {
    /// In the plural, for whoever does too much of it.
    fn words(self) -> &'static str {
        match self {
            Self::Upload => "uploads",
            Self::Send => "messages",
            Self::Search => "searches",
            Self::LinkView | Self::LinkOpening => "requests",
        }
    }
}

/// Who is counted.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// A person or a program, each in their organisation.
    Caller(&'a Caller),
    /// Where nobody is known: a network address.
    Address(&'a str),
}

impl Whose<'_> {
    fn is_program(&self) -> bool {
        matches!(self, Self::Caller(caller) if caller.token_id.is_some())
    }
}

impl fmt::Display for Whose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller(Caller { token_id: Some(token), .. }) => write!(f, "token {token}"),
            Self::Caller(Caller { org_id, staff_id: Some(staff), .. }) => write!(f, "staff {org_id} {staff}"),
            Self::Caller(_) => f.write_str("operator"),
            Self::Address(address) => write!(f, "address {}", neighbourhood(address)),
        }
    }
}

/// Whoever has one IPv6 address has the 2^64 beside it as well.
fn neighbourhood(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => address.to_owned(),
    }
}

/// How often a minute. The defaults are far beyond what anybody does by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerMinute {
    /// Files of one person or program.
    pub uploads: u32,
    /// Messages of one person.
    pub sends: u32,
    /// Messages of one program.
    pub token_sends: u32,
    /// Searches of one person or program.
    pub searches: u32,
    /// Looks at private links from one address.
    pub link_views: u32,
    /// Openings of private links from one address.
    pub link_openings: u32,
}

impl Default for PerMinute {
    fn default() -> Self {
        Self { uploads: 120, sends: 120, token_sends: 600, searches: 240, link_views: 120, link_openings: 20 }
    }
}

impl PerMinute {
    fn allowed(&self, action: Action, whose: Whose<'_>) -> u32 {
        match action {
            Action::Upload => self.uploads,
            Action::Send if whose.is_program() => self.token_sends,
            Action::Send => self.sends,
            Action::Search => self.searches,
            Action::LinkView => self.link_views,
            Action::LinkOpening => self.link_openings,
        }
    }
}

/// Counts one more. The operator of the server is not limited.
///
/// # Errors
/// [`model::FailureCode::TooManyRequests`] with the time to wait, for one that had its share.
pub async fn take(backend: &Backend, action: Action, whose: Whose<'_>) -> Result<(), Failure> {
    if matches!(whose, Whose::Caller(Caller { staff_id: None, token_id: None, .. })) {
        return Ok(());
    }
    let now = backend.clock.now();
    let subject = format!("{action:?} {whose}");
    let window = if backend.store.is_postgres() {
        match count_together(backend, &subject, now).await {
            Ok(window) => window,
            Err(error) => {
                // Better too many requests for a while than none: what they want fails by itself if the store is away.
                tracing::warn!(%error, "requests are not counted");
                return Ok(());
            }
        }
    } else {
        backend.counted().add(subject, now)
    };
    if window.taken <= i64::from(backend.settings.limits.allowed(action, whose)) {
        return Ok(());
    }
    let words =
        format!("Too many {} in a short time. Nothing was done; try again in a minute.", action.words());
    Err(Failure::too_often(words, window.rest(now)))
}

/// What was asked for since a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    began: Millis,
    taken: i64,
}

impl Window {
    /// Not one of the future either, in which the clock may have stood for a while.
    fn lasts(self, now: Millis) -> bool {
        (now - self.began).abs() < millis(WINDOW)
    }

    /// Until it ends.
    fn rest(self, now: Millis) -> Duration {
        let rest = self.began + millis(WINDOW) - now;
        Duration::from_millis(u64::try_from(rest).unwrap_or(0)).min(WINDOW)
    }
}

/// What one process has counted.
#[derive(Default)]
pub(crate) struct Counted {
    windows: Mutex<HashMap<String, Window>>,
    /// When this process last cleared the shared table.
    cleared_at: AtomicI64,
}

impl Counted {
    fn add(&self, subject: String, now: Millis) -> Window {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= REMEMBERED {
            windows.retain(|_, window| window.lasts(now));
            if windows.len() >= REMEMBERED {
                windows.clear();
            }
        }
        let begun = Window { began: now, taken: 0 };
        let window = windows.entry(subject).or_insert(begun);
        if !window.lasts(now) {
            *window = begun;
        }
        window.taken += 1;
        *window
    }

    /// Whether it is time to clear the shared table; once in a window.
    fn clears_now(&self, now: Millis) -> bool {
        let before = self.cleared_at.load(Ordering::Relaxed);
        let due = !Window { began: before, taken: 0 }.lasts(now);
        due && self.cleared_at.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Counts for all processes on one PostgreSQL, in one statement.
async fn count_together(backend: &Backend, subject: &str, now: Millis) -> Result<Window> {
    // An address is personal data; nothing but its keyed hash is written down.
    let subject = backend.keys.hash(Purpose::Limit, subject);
    let (from, until) = (now - millis(WINDOW) + 1, now + millis(WINDOW) - 1);
    let mut tx = backend.store.write().await?;
    let window: Option<(i64, i64)> = tx
        .one(
            "INSERT INTO request_window (subject_hash, began_at, taken) VALUES ($1, $2, 1)
             ON CONFLICT (subject_hash) DO UPDATE SET
                 taken = CASE WHEN request_window.began_at BETWEEN $3 AND $4
                              THEN request_window.taken + 1 ELSE 1 END,
                 began_at = CASE WHEN request_window.began_at BETWEEN $3 AND $4
                                 THEN request_window.began_at ELSE excluded.began_at END
             RETURNING began_at, taken",
            args![subject, now, from, until],
        )
        .await?;
    tx.commit().await?;
    if backend.counted().clears_now(now) {
        clear(backend, from).await?;
    }
    Ok(window.map_or(Window { began: now, taken: 1 }, |(began, taken)| Window { began, taken }))
}

/// Forgets the windows that began before. Those that another process has in hand are left to it.
async fn clear(backend: &Backend, before: Millis) -> Result<()> {
    let mut tx = backend.store.write().await?;
    tx.execute(
        "DELETE FROM request_window WHERE subject_hash IN (
             SELECT subject_hash FROM request_window WHERE began_at < $1 FOR UPDATE SKIP LOCKED)",
        args![before],
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_has_its_share_of_every_minute() {
        let counted = Counted::default();
        let taken = |subject: &str, seconds: Millis| counted.add(subject.to_owned(), seconds * 1000).taken;
        assert_eq!([taken("a", 0), taken("a", 10), taken("a", 59)], [1, 2, 3]);
        assert_eq!(taken("b", 15), 1);
        assert_eq!(taken("a", 60), 1);
    }

    #[test]
    fn a_window_ends_a_minute_after_it_began_whatever_the_clock_does() {
        let window = Window { began: 100_000, taken: 1 };
        assert_eq!(window.rest(115_000), Duration::from_secs(45));
        assert_eq!(window.rest(159_999), Duration::from_millis(1));
        assert_eq!(window.rest(99_000), WINDOW, "another process was a second ahead");
        assert!(window.lasts(159_999) && !window.lasts(160_000) && !window.lasts(40_000));
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let counted = Counted::default();
        for n in 0..=REMEMBERED {
            assert_eq!(counted.add(n.to_string(), 0).taken, 1);
        }
        assert!(counted.windows.lock().is_ok_and(|windows| windows.len() == 1));
    }

    #[test]
    fn neighbours_in_ipv6_are_one() {
        assert_eq!(neighbourhood("2001:db8:1:2:3::4"), neighbourhood("2001:db8:1:2:ffff::1"));
        assert_ne!(neighbourhood("2001:db8:1:2::1"), neighbourhood("2001:db8:1:3::1"));
        assert_ne!(neighbourhood("::ffff:203.0.113.7"), neighbourhood("::ffff:203.0.113.8"));
    }

    #[test]
    fn the_shared_table_is_cleared_once_a_minute() {
        let counted = Counted::default();
        let at = [100_000, 100_001, 159_999, 160_000].map(|now| counted.clears_now(now));
        assert_eq!(at, [true, false, false, true]);
    }
}
