//! Time and randomness, handed in so that stories can hold them still.

use model::Millis;
use std::fs::Metadata;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use uuid::timestamp::context::ContextV7;
use uuid::{Timestamp, Uuid};

/// What time it is: the system's, or one that a story moves.
#[derive(Clone)]
pub struct Clock {
    source: Source,
    /// Counts ids within a millisecond, so that those made later sort later also then.
    ids: Arc<Mutex<ContextV7>>,
}

#[derive(Clone)]
enum Source {
    System,
    Adjustable(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::with(Source::System)
    }

    /// A clock that stands at `start` until it is moved.
    pub fn adjustable(start: Millis) -> Self {
        Self::with(Source::Adjustable(Arc::new(AtomicI64::new(start))))
    }

    fn with(source: Source) -> Self {
        Self { source, ids: Arc::new(Mutex::new(ContextV7::new())) }
    }

    /// Milliseconds since the Unix epoch.
    pub fn now(&self) -> Millis {
        match &self.source {
            Source::System => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the one place that asks the system for the time"
                )]
                let now = jiff::Timestamp::now();
                now.as_millisecond()
            }
            Source::Adjustable(at) => at.load(Ordering::SeqCst),
        }
    }

    /// Moves an adjustable clock on; the system's goes by itself.
    pub fn advance(&self, by: Duration) {
        if let Source::Adjustable(at) = &self.source {
            at.fetch_add(millis(by), Ordering::SeqCst);
        }
    }

    /// A new id; ids are made nowhere else. Ids made later sort later.
    pub fn new_id<Id: From<Uuid>>(&self) -> Id {
        let now = self.now().unsigned_abs();
        let at = Timestamp::from_unix(&*self.ids, now / 1000, (now % 1000) as u32 * 1_000_000);
        Uuid::new_v7(at).into()
    }
}

/// Whether nobody has written to a file or folder for so long: by the system's time, which is what file systems note.
pub(crate) fn is_untouched_for(facts: &Metadata, time: Duration) -> bool {
    let since = facts.modified().ok().and_then(|at| at.elapsed().ok());
    since.is_some_and(|since| since > time)
}

/// A duration as the store keeps it.
pub fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

/// `N` bytes that nobody can guess.
///
/// # Panics
/// When the operating system has no randomness to give; nothing secret can be made then.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

/// A secret for links, tokens and webhook paths: 192 random bits, 32 characters of URL-safe base64.
pub fn random_token() -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(random_bytes::<24>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_in_the_order_they_were_made_while_time_stands_still() {
        let clock = Clock::adjustable(1_760_000_000_000);
        let ids: Vec<Uuid> = (0..1000).map(|_| clock.new_id()).collect();
        assert!(ids.is_sorted());
    }
}
