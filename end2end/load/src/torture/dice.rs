//! Every random choice of a run, from its one seed.

use std::time::Duration;

/// One stream of choices. Streams of one seed and different names are independent of each other, so that what one part
/// of the test draws does not depend on how fast another one is.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64, stream: &str) -> Self {
        let mixed = stream.bytes().fold(seed, |state, byte| mix(state ^ u64::from(byte)));
        Self(mixed)
    }

    /// Whether something happens that happens so often in a hundred times.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// From 0 to one less than `end`, which is not 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or(0)
    }

    pub(super) fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let parts = self.below(1001);
        from + to.saturating_sub(from).mul_f64(parts as f64 / 1000.0)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
}

/// The mixing step of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, stream: &str) -> Vec<usize> {
        let mut dice = Dice::new(seed, stream);
        (0..20).map(|_| dice.below(1000)).collect()
    }

    #[test]
    fn a_seed_repeats_its_choices_and_its_streams_differ() {
        assert_eq!(drawn(7, "kills"), drawn(7, "kills"));
        assert_ne!(drawn(7, "kills"), drawn(8, "kills"));
        assert_ne!(drawn(7, "kills"), drawn(7, "carrier"));
    }

    #[test]
    fn a_duration_lies_between_its_bounds() {
        let (from, to) = (Duration::from_millis(200), Duration::from_secs(3));
        let mut dice = Dice::new(1, "lives");
        assert!((0..100).map(|_| dice.between(from, to)).all(|drawn| from <= drawn && drawn <= to));
    }
}
