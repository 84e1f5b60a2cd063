//! Reading what staff pasted from a carrier's console.

use serde_json::Value;
use url::Url;

/// Credentials as staff typed them are incomplete or malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct CredentialError {
    /// The field's name in the JSON.
    pub field: &'static str,
    /// What is wrong and where to find it.
    pub message: String,
}

impl CredentialError {
    pub(crate) fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

/// A text without the space or line break that comes along from a web page; `None` for an empty one.
///
/// # Errors
/// When it is something else than text.
pub(crate) fn text(json: &Value, field: &'static str) -> Result<Option<String>, CredentialError> {
    match json.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(_) => Err(CredentialError::new(field, "must be text")),
    }
}

/// As [`text`], and must be there: otherwise `message` says what it is and where to find it.
pub(crate) fn required(json: &Value, field: &'static str, message: &str) -> Result<String, CredentialError> {
    text(json, field)?.ok_or_else(|| CredentialError::new(field, message))
}

/// The carrier's own address, or another one that the account names as `api_base`: a region's, or a test's.
pub(crate) fn api_base(json: &Value, usual: &str) -> Result<Url, CredentialError> {
    base(json, "api_base", usual)
}

/// The same for an API at an address of its own.
pub(crate) fn base(json: &Value, field: &'static str, usual: &str) -> Result<Url, CredentialError> {
    match text(json, field)?.as_deref().unwrap_or(usual).parse::<Url>() {
        Ok(base) if matches!(base.scheme(), "http" | "https") && base.has_host() => Ok(base),
        _ => Err(CredentialError::new(field, "must be an http(s) address, or left empty for the usual one")),
    }
}
