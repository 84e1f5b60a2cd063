//! The one error that crosses the wire.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Something a caller can act on. As JSON it is the value of `error` in the one error shape:
/// `{"error": {"code": "…", "message": "what happened and what to do", "field": null}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[error("{code}: {message}")]
pub struct Failure {
    /// For programs.
    pub code: FailureCode,
    /// For people: what happened, what was kept, what to do.
    pub message: String,
    /// The input that is wrong, by its name in the request.
    pub field: Option<String>,
    /// Whole seconds after which the same may be asked again, where that is known. It travels in the `Retry-After`
    /// header, not in the JSON.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

/// The closed list of what can go wrong at the surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// Nobody is signed in, or the token is not valid.
    SignedOut,
    /// Signed in, and the role does not allow it.
    NotAllowed,
    /// It does not exist, or belongs to another organisation.
    NotFound,
    /// The request is understood and wrong; `field` says where.
    Invalid,
    /// It contradicts something that happened before.
    Conflict,
    /// The file is larger than allowed.
    TooLarge,
    /// The file is of a kind that is not accepted.
    UnsupportedMedia,
    /// The file is empty or broken.
    BrokenMedia,
    /// Sending is not possible now: switched off, no line, opted out.
    CannotSend,
    /// By WhatsApp only an approved template can be sent now.
    TemplateNeeded,
    /// Too often; try again later.
    TooManyRequests,
    /// The server cannot keep it at the moment; nothing was changed.
    Unavailable,
    /// Our fault; the message carries the reference that the log knows it by.
    Internal,
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignedOut => "signed_out",
            Self::NotAllowed => "not_allowed",
            Self::NotFound => "not_found",
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::UnsupportedMedia => "unsupported_media",
            Self::BrokenMedia => "broken_media",
            Self::CannotSend => "cannot_send",
            Self::TemplateNeeded => "template_needed",
            Self::TooManyRequests => "too_many_requests",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        })
    }
}

impl Failure {
    /// A failure that concerns the request as a whole.
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None, retry_after: None }
    }

    /// A failure of one input.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(FailureCode::Invalid, message) }
    }

    /// Asked too often: the same may be asked again after a while.
    pub fn too_often(message: impl Into<String>, wait: Duration) -> Self {
        // Rounded up: whoever comes back then is let in.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self { retry_after: Some(seconds.max(1)), ..Self::new(FailureCode::TooManyRequests, message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        let wait = |millis| Failure::too_often("Wait.", Duration::from_millis(millis)).retry_after;
        assert_eq!([wait(1), wait(1000), wait(1001)], [Some(1), Some(1), Some(2)]);
        assert_eq!(wait(0), Some(1));
    }
}
