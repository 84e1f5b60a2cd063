//! A webhook's parameters, however the carrier sends them.

use crate::{Rejected, WebhookRequest};
use serde_json::Value;
use std::collections::BTreeMap;

/// Names and values; of a repeated name the first value. Empty and absent are alike.
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Of a form or a query.
    pub(crate) fn of_form(encoded: &[u8]) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(encoded).into_owned() {
            fields.entry(name).or_insert(value);
        }
        Self(fields)
    }

    /// Of whatever the request carries: a JSON object (numbers as text, nothing nested), a form, or the query of
    /// a request without a body.
    ///
    /// # Errors
    /// [`Rejected::Malformed`] for a body that says it is JSON and is no object.
    pub(crate) fn of(request: &WebhookRequest) -> Result<Self, Rejected> {
        if request.body.is_empty() {
            return Ok(Self(request.query().fold(BTreeMap::new(), |mut fields, (name, value)| {
                fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
                fields
            })));
        }
        if !request.is_json() {
            return Ok(Self::of_form(&request.body));
        }
        let Ok(Value::Object(object)) = serde_json::from_slice(&request.body) else {
            return Err(Rejected::Malformed("not a JSON object"));
        };
        Ok(Self::of_object(object))
    }

    /// Of a JSON object: numbers as text, nothing nested.
    pub(crate) fn of_object(object: serde_json::Map<String, Value>) -> Self {
        Self(object.into_iter().filter_map(|(name, value)| Some((name, plain(&value)?))).collect())
    }

    /// Every value as `change` makes it.
    pub(crate) fn changed(self, change: impl Fn(String) -> String) -> Self {
        Self(self.0.into_iter().map(|(name, value)| (name, change(value))).collect())
    }

    /// The value, also where it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value, unless it is empty.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The first of several names that is filled: for carriers that have renamed their fields.
    pub(crate) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.filled(name))
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A single value as text: carriers write the same amount or id once as a number and once as text.
pub(crate) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
