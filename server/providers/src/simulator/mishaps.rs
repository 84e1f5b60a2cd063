//! What goes wrong on purpose: the same day goes wrong in the same way, however long each thing takes.

use model::simulator::{Fault, Faults};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;

/// The faults of one line, and how many chances each had so far.
#[derive(Default)]
pub(super) struct Mishaps {
    faults: watch::Sender<Faults>,
    chances: BTreeMap<Fault, u64>,
}

impl Mishaps {
    pub(super) fn faults(&self) -> Faults {
        *self.faults.borrow()
    }

    /// Another day begins.
    pub(super) fn set(&mut self, faults: Faults) {
        self.chances.clear();
        self.faults.send_replace(faults);
    }

    /// Whether a fault happens on this occasion.
    pub(super) fn happens(&mut self, fault: Fault) -> bool {
        let Faults { seed, .. } = self.faults();
        let share = self.faults().share(fault);
        let chance = self.chances.entry(fault).or_default();
        *chance += 1;
        draw(seed, fault, *chance) < share
    }

    /// What a webhook that sets out now has to wait for.
    pub(super) fn delay(&self) -> Delay {
        Delay(self.faults.subscribe())
    }
}

/// A webhook on its slow way.
pub(super) struct Delay(watch::Receiver<Faults>);

impl Delay {
    /// Takes as long as webhooks take on this line, or until they take no time any more.
    pub(super) async fn over(mut self) {
        let takes = Duration::from_millis(self.0.borrow().delay_ms.into());
        let no_more = self.0.wait_for(|faults| faults.delay_ms == 0);
        // Neither the end of that time nor of the line is an error.
        let _ = tokio::time::timeout(takes, no_more).await;
    }
}

/// A number below 100, as good as random and always the same.
fn draw(seed: u32, fault: Fault, chance: u64) -> u8 {
    let hash = Sha256::digest(format!("{seed}:{}:{chance}", fault.as_str()));
    let number = hash[..4].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    (number % 100) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(faults: Faults, fault: Fault, chances: usize) -> Vec<bool> {
        let mut mishaps = Mishaps::default();
        mishaps.set(faults);
        (0..chances).map(|_| mishaps.happens(fault)).collect()
    }

    #[test]
    fn a_day_goes_wrong_as_often_as_its_share_and_always_alike() {
        for (share, least, most) in [(0, 0, 0), (30, 250, 350), (100, 1000, 1000)] {
            for fault in Fault::ALL {
                let faults = Faults::default().with(fault, share);
                let hits = days(faults, fault, 1000);
                assert_eq!(hits, days(faults, fault, 1000));
                let count = hits.into_iter().filter(|hit| *hit).count();
                assert!((least..=most).contains(&count), "{fault:?}: {count} of {share} %");
            }
        }
        let seeded = |seed| days(Faults { seed, busy: 50, ..Faults::default() }, Fault::Busy, 100);
        assert_ne!(seeded(1), seeded(2));
    }

    #[test]
    fn a_bad_day_shows_everything_that_it_has_within_a_few_messages() {
        for fault in Fault::ALL.into_iter().filter(|fault| Faults::BAD_DAY.share(*fault) > 0) {
            assert!(days(Faults::BAD_DAY, fault, 9).contains(&true), "{fault:?}");
        }
    }
}
