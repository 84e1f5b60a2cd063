//! Credentials as people give them: held against what the carrier knows before anything is kept.

use crate::{Error, Result};
use model::line::ProviderKind;
use providers::CredentialError;
use serde_json::Value;

/// Checks the credentials of an account that is not known yet.
///
/// # Errors
/// `Invalid` names the field.
pub(super) fn check_new(provider: ProviderKind, credentials: &Value) -> Result<()> {
    check_given(provider, credentials, &Value::Null)?;
    check_whole(provider, credentials)
}

/// Credentials with those fields changed that are given.
///
/// # Errors
/// `Invalid` names the field.
pub(super) fn changed(provider: ProviderKind, before: Value, changes: &Value) -> Result<Value> {
    check_given(provider, changes, &before)?;
    let merged = merged(before, changes)?;
    check_whole(provider, &merged)?;
    Ok(merged)
}

fn check_given(provider: ProviderKind, given: &Value, stored: &Value) -> Result<()> {
    providers::for_kind(provider).credential_names().check(given, stored).map_err(refused)
}

fn check_whole(provider: ProviderKind, credentials: &Value) -> Result<()> {
    if provider == ProviderKind::Simulator {
        return Ok(());
    }
    providers::for_kind(provider).check_credentials(credentials).map_err(refused)
}

fn merged(before: Value, changes: &Value) -> Result<Value> {
    let (Value::Object(mut fields), Value::Object(changes)) = (before, changes) else {
        return Err(Error::invalid("credentials", "Give the fields to change as a JSON object."));
    };
    for (name, value) in changes {
        match value.as_str().map(str::trim) {
            Some("") => fields.remove(name),
            _ => fields.insert(name.clone(), value.clone()),
        };
    }
    Ok(Value::Object(fields))
}

fn refused(error: CredentialError) -> Error {
    Error::invalid(error.field, error.message)
}
