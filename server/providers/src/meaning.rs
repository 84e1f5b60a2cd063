//! What a carrier's code comes to, whichever carrier's it is.

use crate::{Blame, SendError};
use std::time::Duration;

/// What a code asks us to do with a send that it refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Any carrier would refuse it: the recipient or the message is wrong.
    Refused,
    /// The same request would fail again at this carrier; another one may take it.
    NotHere,
    /// The account refuses everything until somebody sees to it; another carrier may take it.
    Account,
    /// The pictures are too large; smaller ones may pass.
    TooLarge,
    /// The recipient does not want messages from this sender.
    OptedOut,
    /// Not processed now; worth another try after this long.
    Later(Duration),
    /// The carrier failed, and nobody knows how far it had come.
    Unknown,
}

impl Meaning {
    /// Whose doing it is when a report of a failure comes with the code. Where the code does not say for certain that
    /// nothing reached the person, another carrier must not be asked.
    pub(crate) fn blame(self) -> Blame {
        match self {
            Self::NotHere | Self::TooLarge => Blame::Carrier,
            Self::Account => Blame::Account,
            Self::Refused | Self::OptedOut | Self::Later(_) | Self::Unknown => Blame::Message,
        }
    }

    /// The error to a request that was refused with this `code`, and why in words for staff. `retry_after`: as the
    /// carrier asks in this answer, which goes before the time that the code stands for.
    pub(crate) fn error(self, code: String, reason: String, retry_after: Option<Duration>) -> SendError {
        match self {
            Self::Refused => SendError::refused(code, reason),
            Self::NotHere => SendError::refused_by(Blame::Carrier, code, reason),
            Self::Account => SendError::refused_by(Blame::Account, code, reason),
            Self::TooLarge => {
                SendError::Refused { code, reason, opted_out: false, too_large: true, blame: Blame::Carrier }
            }
            Self::OptedOut => {
                SendError::Refused { code, reason, opted_out: true, too_large: false, blame: Blame::Message }
            }
            Self::Later(after) => SendError::Later { after: retry_after.unwrap_or(after) },
            Self::Unknown => SendError::Unknown,
        }
    }
}
