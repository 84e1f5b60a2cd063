//! The one error shape, as server functions answer it.

use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use model::{Failure, FailureCode};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A [`Failure`] on its way through a server function: `{"error": {"code", "message", "field"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiFailure {
    /// What went wrong.
    pub error: Failure,
}

impl ApiFailure {
    /// For people: what happened and what to do.
    pub fn message(&self) -> &str {
        &self.error.message
    }

    /// For programs.
    pub fn code(&self) -> FailureCode {
        self.error.code
    }

    /// It never reached the server, or the server could not keep it, or its answer was lost: asking again later may help.
    pub fn may_pass(&self) -> bool {
        matches!(self.error.code, FailureCode::Unavailable | FailureCode::TooManyRequests)
    }
}

impl fmt::Display for ApiFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error.message)
    }
}

impl std::error::Error for ApiFailure {}

impl From<Failure> for ApiFailure {
    /// On the server this also sets the status of the answer that is being made, and when to ask again.
    fn from(error: Failure) -> Self {
        #[cfg(feature = "ssr")]
        set_head(&error);
        Self { error }
    }
}

#[cfg(feature = "ssr")]
impl From<backend::Error> for ApiFailure {
    fn from(error: backend::Error) -> Self {
        Failure::from(error).into()
    }
}

impl FromServerFnError for ApiFailure {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        use ServerFnErrorErr as E;
        match error {
            E::Request(_) => Failure::new(
                FailureCode::Unavailable,
                "The server cannot be reached. Check the connection; what you wrote is kept.",
            ),
            // Most likely a proxy's own page in the place of an answer: the server may have done what was asked, or not.
            E::Deserialization(_) | E::Response(_) | E::MiddlewareError(_) => Failure::new(
                FailureCode::Unavailable,
                "The server's answer could not be read. What you wrote is kept; if it stays like this, reload the page.",
            ),
            E::Args(_) | E::MissingArg(_) | E::Serialization(_) => Failure::new(
                FailureCode::Invalid,
                "The request could not be read. Reload the page and try again.",
            ),
            _ => Failure::new(
                FailureCode::Internal,
                "The server could not do this. Reload the page and try again.",
            ),
        }
        .into()
    }
}

/// The HTTP status of a failure, the same for server functions and for the REST API.
#[cfg(feature = "ssr")]
pub fn status(code: FailureCode) -> u16 {
    match code {
        FailureCode::SignedOut => 401,
        FailureCode::NotAllowed => 403,
        FailureCode::NotFound => 404,
        FailureCode::Conflict | FailureCode::CannotSend | FailureCode::TemplateNeeded => 409,
        FailureCode::TooLarge => 413,
        FailureCode::UnsupportedMedia => 415,
        FailureCode::Invalid | FailureCode::BrokenMedia => 422,
        FailureCode::TooManyRequests => 429,
        FailureCode::Internal => 500,
        FailureCode::Unavailable => 503,
    }
}

#[cfg(feature = "ssr")]
fn set_head(failure: &Failure) {
    if let Some(response) = leptos::prelude::use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(http::StatusCode::from_u16(status(failure.code)).unwrap_or_default());
        if let Some(seconds) = failure.retry_after {
            response.insert_header(http::header::RETRY_AFTER, http::HeaderValue::from(seconds));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiFailure, Failure, FromServerFnError};

    #[test]
    fn has_the_one_shape() {
        let failure = ApiFailure { error: Failure::field("text", "Too long.") };
        let json = serde_json::to_value(&failure).expect("plain data serialises");
        let expected =
            serde_json::json!({"error": {"code": "invalid", "message": "Too long.", "field": "text"}});
        assert_eq!(json, expected);
    }
    #[test]
    fn an_answer_that_a_proxy_gave_may_pass() {
        for body in ["<html><h1>502 Bad Gateway</h1></html>", "", "{\"status\": 504}"] {
            assert!(ApiFailure::de(body.to_owned().into()).may_pass(), "{body}");
        }
        let refused = r#"{"error": {"code": "cannot_send", "message": "STOP", "field": null}}"#;
        assert!(!ApiFailure::de(refused.into()).may_pass());
    }
}
