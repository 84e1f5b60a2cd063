//! What goes wrong on purpose in the simulated network.

use crate::{Failure, PhoneNumber};
use serde::{Deserialize, Serialize};

/// The longest that webhooks may be made to take.
pub const LONGEST_DELAY_MS: u32 = 60_000;

/// What goes wrong between a line and its simulated carrier; by default nothing.
///
/// Each share is in percent of its occasions, and which of them are hit follows from the seed: the same day goes
/// wrong in the same way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Which occasions are hit.
    pub seed: u32,
    /// Webhooks that are brought twice, at the same moment.
    pub duplicates: u8,
    /// Messages that are reported to have arrived before they are reported to have left.
    pub reordered: u8,
    /// Reports on a message that are never brought.
    pub missing: u8,
    /// Messages from a phone that are never brought.
    pub lost: u8,
    /// Messages that are reported on before the request to send them is answered.
    pub early: u8,
    /// Milliseconds that a webhook takes. Set to zero, what is on its way arrives at once.
    pub delay_ms: u32,
    /// Requests to send that are answered 429, and not taken.
    pub busy: u8,
    /// Requests to send that are answered 500, and not taken.
    pub broken: u8,
    /// Messages that are taken, and whose answer gets lost as after a time-out.
    pub lost_answers: u8,
    /// Photos from a phone that are not there yet when they are first asked for.
    pub late_media: u8,
    /// Photos from a phone that turn out larger than any server keeps.
    pub huge_media: u8,
    /// Webhooks whose signature does not hold.
    pub forged: u8,
}

/// One thing that can go wrong; each has a share in [`Faults`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A webhook is brought twice.
    Duplicate,
    /// "Delivered" is told before "sent".
    Reordered,
    /// A report is never brought.
    Missing,
    /// A message from a phone is never brought.
    Lost,
    /// The reports come before the answer.
    Early,
    /// A request is answered 429.
    Busy,
    /// A request is answered 500.
    Broken,
    /// The answer gets lost.
    LostAnswer,
    /// A photo answers 404 first.
    LateMedia,
    /// A photo is too large to keep.
    HugeMedia,
    /// A webhook is signed wrongly.
    Forged,
}

impl Faults {
    /// What a carrier does on a bad day, all at once. Nothing of it may lose a message or send one twice, and nothing
    /// needs an admin to put it right.
    pub const BAD_DAY: Self = Self {
        seed: 8,
        duplicates: 60,
        reordered: 50,
        missing: 0,
        lost: 0,
        early: 20,
        delay_ms: 1_500,
        busy: 30,
        broken: 10,
        lost_answers: 20,
        late_media: 100,
        huge_media: 0,
        forged: 0,
    };

    /// Whether anything goes wrong.
    pub fn any(&self) -> bool {
        Self { seed: 0, ..*self } != Self::default()
    }

    /// How many of a hundred occasions go wrong in this way.
    pub fn share(&self, fault: Fault) -> u8 {
        match fault {
            Fault::Duplicate => self.duplicates,
            Fault::Reordered => self.reordered,
            Fault::Missing => self.missing,
            Fault::Lost => self.lost,
            Fault::Early => self.early,
            Fault::Busy => self.busy,
            Fault::Broken => self.broken,
            Fault::LostAnswer => self.lost_answers,
            Fault::LateMedia => self.late_media,
            Fault::HugeMedia => self.huge_media,
            Fault::Forged => self.forged,
        }
    }

    /// The same with another share of one fault.
    #[must_use]
    pub fn with(mut self, fault: Fault, share: u8) -> Self {
        let place = match fault {
            Fault::Duplicate => &mut self.duplicates,
            Fault::Reordered => &mut self.reordered,
            Fault::Missing => &mut self.missing,
            Fault::Lost => &mut self.lost,
            Fault::Early => &mut self.early,
            Fault::Busy => &mut self.busy,
            Fault::Broken => &mut self.broken,
            Fault::LostAnswer => &mut self.lost_answers,
            Fault::LateMedia => &mut self.late_media,
            Fault::HugeMedia => &mut self.huge_media,
            Fault::Forged => &mut self.forged,
        };
        *place = share;
        self
    }

    /// Whether every value is within its bounds.
    ///
    /// # Errors
    /// Names the field that is not.
    pub fn check(&self) -> Result<(), Failure> {
        if let Some(fault) = Fault::ALL.into_iter().find(|fault| self.share(*fault) > 100) {
            return Err(Failure::field(fault.as_str(), "A share is a percentage from 0 to 100."));
        }
        if self.delay_ms > LONGEST_DELAY_MS {
            return Err(Failure::field("delay_ms", "Webhooks may take at most 60 seconds (60000)."));
        }
        Ok(())
    }
}

// Each is named as its share's field.
crate::words::words!(Fault {
    Duplicate = "duplicates",
    Reordered = "reordered",
    Missing = "missing",
    Lost = "lost",
    Early = "early",
    Busy = "busy",
    Broken = "broken",
    LostAnswer = "lost_answers",
    LateMedia = "late_media",
    HugeMedia = "huge_media",
    Forged = "forged",
});

/// A line that ends in the simulated network, and what goes wrong there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulatedLine {
    /// Its number.
    pub line: PhoneNumber,
    /// Of today.
    pub faults: Faults,
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults};
    use serde_json::{Value, json};

    #[test]
    fn every_fault_has_its_own_field() {
        for (share, fault) in (1..).zip(Fault::ALL) {
            let faults = Faults::default().with(fault, share);
            assert_eq!(faults.share(fault), share);
            assert_eq!(Fault::ALL.into_iter().filter(|other| faults.share(*other) > 0).count(), 1);
            let written = serde_json::to_value(faults).expect("plain numbers");
            assert_eq!(written[fault.as_str()], share);
            assert!(faults.any());
        }
        assert!(!Faults { seed: 3, ..Faults::default() }.any());
    }

    #[test]
    fn what_is_not_named_does_not_happen_and_what_is_unknown_is_refused() {
        let read = |value: Value| serde_json::from_value::<Faults>(value).ok();
        assert_eq!(read(json!({})), Some(Faults::default()));
        assert_eq!(read(json!({"busy": 30})), Some(Faults { busy: 30, ..Faults::default() }));
        assert_eq!(read(json!({"bussy": 30})), None);
    }

    #[test]
    fn shares_are_percentages() {
        assert_eq!(Faults::BAD_DAY.check(), Ok(()));
        let field = |faults: Faults| faults.check().err()?.field;
        assert_eq!(field(Faults { forged: 101, ..Faults::default() }).as_deref(), Some("forged"));
        assert_eq!(field(Faults { delay_ms: 60_001, ..Faults::default() }).as_deref(), Some("delay_ms"));
    }
}
