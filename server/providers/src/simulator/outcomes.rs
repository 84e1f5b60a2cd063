//! What the simulated carrier answers to a message, and to a phone.

use super::wire::AcceptAnswer;
use tokio::task::JoinHandle;

/// What follows on a message that was taken.
pub struct Acceptance {
    /// The answer; `None` where it is to get lost.
    pub answer: Option<AcceptAnswer>,
    /// What is to be told first.
    pub(super) reports: Option<JoinHandle<()>>,
}

impl Acceptance {
    /// The answer, when its time has come.
    pub async fn in_time(self) -> Option<AcceptAnswer> {
        if let Some(reports) = self.reports {
            // Whatever became of them, the message was taken.
            let _ = reports.await;
        }
        self.answer
    }
}

/// Why a message is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// For status 401.
    #[error("the sender is not registered with the simulator, or the signature does not hold")]
    Unsigned,
    /// For status 422.
    #[error("the message cannot be read, is empty, or exceeds the simulator's limits")]
    Malformed,
    /// For status 429.
    #[error("the simulated carrier is busy")]
    Busy,
    /// For status 500.
    #[error("the simulated carrier has a fault")]
    Broken,
}

/// Why a reply is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// No line has this number.
    #[error("no simulator line has this number")]
    UnknownLine,
    /// Neither text nor photo.
    #[error("write something or attach a photo")]
    Empty,
}
