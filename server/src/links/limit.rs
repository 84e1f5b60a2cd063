//! How often one network address may ask for what is behind private links, so that guessing is no way in and keeps
//! nobody busy.
//!
//! It is counted in memory alone: nobody makes the server write by guessing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What is counted is counted over this long.
const WINDOW: Duration = Duration::from_secs(60);

/// Addresses that are remembered at most. Where there are more at once, all are forgotten rather than memory filled.
const REMEMBERED: usize = 20_000;

/// The limits of the pages behind private links.
pub(crate) struct Limits {
    /// Looking, which messengers do as well.
    pub(crate) views: Limiter,
    /// Opening, with or without a date of birth.
    pub(crate) openings: Limiter,
}

impl Limits {
    /// With so many of each a minute and address.
    pub(crate) fn new(views: u32, openings: u32) -> Self {
        Self { views: Limiter::new(views), openings: Limiter::new(openings) }
    }
}

/// Counts by address.
pub(crate) struct Limiter {
    per_window: u32,
    seen: Mutex<HashMap<String, Seen>>,
}

/// What came from an address since its window began.
struct Seen {
    since: Instant,
    count: u32,
}

impl Limiter {
    fn new(per_window: u32) -> Self {
        Self { per_window, seen: Mutex::default() }
    }

    /// Counts one more from an address.
    ///
    /// # Errors
    /// How long to wait, for one that had its share; what is refused is not counted.
    pub(crate) fn take(&self, address: &str) -> Result<(), Duration> {
        self.take_at(address, Instant::now())
    }

    fn take_at(&self, address: &str, now: Instant) -> Result<(), Duration> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED {
            seen.retain(|_, seen| seen.since + WINDOW > now);
            if seen.len() >= REMEMBERED {
                seen.clear();
            }
        }
        let seen = seen.entry(whose(address)).or_insert(Seen { since: now, count: 0 });
        if seen.since + WINDOW <= now {
            *seen = Seen { since: now, count: 0 };
        }
        if seen.count >= self.per_window {
            return Err(seen.since + WINDOW - now);
        }
        seen.count += 1;
        Ok(())
    }
}

/// Whoever has one IPv6 address has the 2^64 beside it as well.
fn whose(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_share_of_every_minute() {
        let (limiter, start) = (Limiter::new(2), Instant::now());
        let take = |address: &str, seconds: u64| {
            limiter.take_at(address, start + Duration::from_secs(seconds)).map_err(|wait| wait.as_secs())
        };
        assert_eq!([take("203.0.113.7", 0), take("203.0.113.7", 10)], [Ok(()), Ok(())]);
        assert_eq!([take("203.0.113.7", 15), take("203.0.113.7", 59)], [Err(45), Err(1)]);
        assert_eq!(take("203.0.113.8", 15), Ok(()));
        assert_eq!(take("203.0.113.7", 60), Ok(()));
    }

    #[test]
    fn neighbours_in_ipv6_are_one() {
        assert_eq!(whose("2001:db8:1:2:3::4"), whose("2001:db8:1:2:ffff::1"));
        assert_ne!(whose("2001:db8:1:2::1"), whose("2001:db8:1:3::1"));
        assert_ne!(whose("::ffff:203.0.113.7"), whose("::ffff:203.0.113.8"));
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let (limiter, now) = (Limiter::new(1), Instant::now());
        for n in 0..=REMEMBERED {
            assert!(limiter.take_at(&n.to_string(), now).is_ok());
        }
        assert!(limiter.seen.lock().is_ok_and(|seen| seen.len() == 1));
    }
}
