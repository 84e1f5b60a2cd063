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

/// The fields of a carrier's credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialNames {
    /// Without these nothing works.
    pub required: &'static [&'static str],
    /// These may be left out.
    pub optional: &'static [&'static str],
    /// Of both, the secrets that the carrier makes and nobody chooses: none has a blank in it.
    pub unbroken: &'static [&'static str],
}

impl CredentialNames {
    /// Refuses what was `typed` and cannot be meant: a name that the carrier does not know, unless it stands in what is
    /// `stored` from before, and a secret that broke while it was copied.
    ///
    /// What is stored is not held against this: it may work all the same.
    ///
    /// # Errors
    /// Names the field.
    pub fn check(&self, typed: &Value, stored: &Value) -> Result<(), CredentialError> {
        let typed = match typed {
            Value::Null => return Ok(()),
            Value::Object(typed) => typed,
            _ => return Err(CredentialError::new("credentials", "must be a JSON object")),
        };
        for (name, value) in typed {
            let Some(known) = self.known().find(|known| known == name) else {
                if stored.get(name).is_some() {
                    continue;
                }
                return Err(CredentialError::new("credentials", self.unknown(name)));
            };
            let secret = value.as_str().unwrap_or_default().trim();
            if self.required.contains(&known) && secret.contains(char::is_control) {
                return Err(CredentialError::new(
                    known,
                    "has a line break in it; copy it again, as one line",
                ));
            }
            if self.unbroken.contains(&known) && secret.contains(char::is_whitespace) {
                return Err(CredentialError::new(known, "has a blank in it; copy it again, whole and alone"));
            }
        }
        Ok(())
    }

    fn known(&self) -> impl Iterator<Item = &'static str> {
        self.required.iter().chain(self.optional).copied()
    }

    fn unknown(&self, name: &str) -> String {
        let known: Vec<_> = self.known().collect();
        match known.as_slice() {
            [] => format!("{name} is not known: this carrier needs no credentials, leave them out"),
            known => format!("{name} is not known at this carrier; the names are {}", known.join(", ")),
        }
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
