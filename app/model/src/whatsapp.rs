//! WhatsApp's rules: when staff may write freely, and the approved messages that may be sent at any other time.

use crate::{LineId, Millis, TemplateId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long after a patient's message by WhatsApp staff may write freely.
pub const WINDOW_MS: Millis = 24 * 60 * 60 * 1000;

/// What is left of the window when staff are warned.
pub const SOON_MS: Millis = 60 * 60 * 1000;

/// Pictures in one WhatsApp message. Twilio's own pages do not say so for certain, and one each is right in either case.
pub const MEDIA_PER_MESSAGE: u32 = 1;

/// Whether staff may write freely to a patient by WhatsApp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The patient has never written by WhatsApp.
    Never,
    /// They may, before this instant.
    Open {
        /// The end.
        until: Millis,
    },
    /// The patient's last message is too long ago.
    Closed,
}

impl Window {
    /// The window at an instant, by the time of the patient's last message.
    #[must_use]
    pub fn at(heard_at: Option<Millis>, now: Millis) -> Self {
        match heard_at.map(|heard| heard.saturating_add(WINDOW_MS)) {
            None => Self::Never,
            Some(until) if now < until => Self::Open { until },
            Some(_) => Self::Closed,
        }
    }

    /// What may be sent, and why nothing else, in a sentence for staff; `None` as long as anything may.
    #[must_use]
    pub fn why_closed(self) -> Option<&'static str> {
        match self {
            Self::Open { .. } => None,
            Self::Never => Some(
                "They have not written to this number by WhatsApp yet: only an approved template can be sent.",
            ),
            Self::Closed => Some(
                "More than 24 hours since their last WhatsApp message: only an approved template can be sent.",
            ),
        }
    }
}

/// A stretch of time as far as it matters to someone who writes, in whole minutes: `3 h 12 min`.
#[must_use]
pub fn time_left(left: Millis) -> String {
    // Begun minutes do not count: what is promised here must hold.
    let minutes = left / 60_000;
    match (minutes / 60, minutes % 60) {
        (0, 0) => "less than a minute".to_owned(),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// What WhatsApp says of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TemplateState {
    /// It may be sent.
    Approved,
    /// Nobody has decided yet, or nobody was asked to.
    Pending,
    /// It may not be sent.
    Rejected,
    /// It was approved once and is paused, switched off, or gone from the carrier's list.
    Withdrawn,
}

crate::words::words!(TemplateState {
    Approved = "approved",
    Pending = "pending",
    Rejected = "rejected",
    Withdrawn = "withdrawn",
});

/// A message that WhatsApp has approved for a line, or may yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemplateView {
    /// The template.
    pub id: TemplateId,
    /// The line that it can be sent from.
    pub line_id: LineId,
    /// As it is called at the carrier.
    pub name: String,
    /// Its language, for example `en_AU`.
    pub language: String,
    /// What it says, with `{{1}}` for what is filled in.
    pub body: String,
    /// What is filled in, for example, by placeholder.
    pub examples: BTreeMap<String, String>,
    /// Whether it may be sent.
    pub state: TemplateState,
}

/// A template to send, with what is filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemplateChoice {
    /// The template.
    pub id: TemplateId,
    /// By placeholder: `{"1": "Amelia"}` for `{{1}}`.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

/// Why a template cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// Nothing is given for a placeholder.
    #[error("Fill in {{{{{0}}}}}.")]
    Missing(String),
    /// WhatsApp takes no line breaks, no tabs and no long gaps there.
    #[error("What is filled in for {{{{{0}}}}} must be one line, without tabs or long gaps.")]
    NotOneLine(String),
}

/// The names between double braces, in the order of their first appearance.
#[must_use]
pub fn placeholders(body: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for piece in pieces(body) {
        if let Piece::Placeholder(name) = piece
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// The text that the patient gets.
///
/// # Errors
/// Names the first placeholder that is not filled in as WhatsApp asks.
pub fn fill(body: &str, variables: &BTreeMap<String, String>) -> Result<String, FillError> {
    let mut text = String::with_capacity(body.len());
    for piece in pieces(body) {
        match piece {
            Piece::Text(words) => text.push_str(words),
            Piece::Placeholder(name) => {
                let value = variables.get(name).map(|value| value.trim()).unwrap_or_default();
                if value.is_empty() {
                    return Err(FillError::Missing(name.to_owned()));
                }
                if value.contains(['\n', '\r', '\t']) || value.contains("     ") {
                    return Err(FillError::NotOneLine(name.to_owned()));
                }
                text.push_str(value);
            }
        }
    }
    Ok(text)
}

/// A template's name, which is written for machines, for people: `appointment_reminder` is "Appointment reminder".
#[must_use]
pub fn name_in_words(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.trim().chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What a placeholder is called to people: "Blank 1" where it has a number alone, else its name in words.
#[must_use]
pub fn blank_label(name: &str) -> String {
    let is_number = name.chars().all(|c| c.is_ascii_digit());
    if is_number { format!("Blank {name}") } else { name_in_words(name) }
}

/// The text as far as it is filled in; in the place of what is missing stands what it is called.
#[must_use]
pub fn preview(body: &str, variables: &BTreeMap<String, String>) -> String {
    let given = |name: &str| variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    pieces(body)
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(words) => words.to_owned(),
            Piece::Placeholder(name) => {
                given(name).map_or_else(|| format!("[{}]", blank_label(name)), ToOwned::to_owned)
            }
        })
        .collect()
}

enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

/// A body, taken apart. Braces that enclose no name are text.
fn pieces(body: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut rest, mut from) = (body, 0);
    while let Some(open) = rest[from..].find("{{").map(|at| from + at) {
        let Some(close) = rest[open..].find("}}").map(|at| open + at) else { break };
        let name = rest[open + 2..close].trim();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if is_name {
            pieces.extend([Piece::Text(&rest[..open]), Piece::Placeholder(name)]);
            (rest, from) = (&rest[close + 2..], 0);
        } else {
            from = open + 1;
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_window_is_open_for_24_hours_after_the_last_message() {
        assert_eq!(Window::at(None, 5), Window::Never);
        let heard = Some(1_000);
        let until = 1_000 + WINDOW_MS;
        assert_eq!(Window::at(heard, 1_000), Window::Open { until });
        assert_eq!(Window::at(heard, until - 1), Window::Open { until });
        assert_eq!(Window::at(heard, until), Window::Closed);
        // A clock that runs ahead here and not there closes nothing.
        assert_eq!(Window::at(heard, 0), Window::Open { until });
        assert_eq!(Window::at(Some(Millis::MAX), 0), Window::Open { until: Millis::MAX });
    }

    #[test]
    fn a_closed_window_says_what_can_be_sent() {
        assert_eq!(Window::Open { until: 1 }.why_closed(), None);
        for window in [Window::Never, Window::Closed] {
            assert!(window.why_closed().is_some_and(|words| words.contains("only an approved template")));
        }
    }

    #[test]
    fn what_is_left_is_said_in_whole_minutes() {
        let minute = 60_000;
        assert_eq!(time_left(3 * 60 * minute + 12 * minute + 59_999), "3 h 12 min");
        assert_eq!(time_left(WINDOW_MS), "24 h 0 min");
        assert_eq!(time_left(59 * minute), "59 min");
        assert_eq!(time_left(59_999), "less than a minute");
    }

    #[test]
    fn a_template_is_filled_in() {
        let body = "Hello {{1}}, see you {{ day }} at {{2}}. Yours, {{1}}";
        assert_eq!(placeholders(body), ["1", "day", "2"]);
        let all = given(&[("1", " Amelia "), ("day", "Monday"), ("2", "3 pm"), ("9", "unused")]);
        let text = "Hello Amelia, see you Monday at 3 pm. Yours, Amelia";
        assert_eq!(fill(body, &all).as_deref(), Ok(text));
        assert_eq!(preview(body, &all), text);
        assert_eq!(fill("No blanks", &given(&[])).as_deref(), Ok("No blanks"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = fill("Hello {{1}} and {{2}}", &given(&[("1", "Amelia"), ("2", "  ")]));
        assert_eq!(missing, Err(FillError::Missing("2".to_owned())));
        assert_eq!(FillError::Missing("2".to_owned()).to_string(), "Fill in {{2}}.");
        for broken in ["two\nlines", "a\ttab", "a     gap"] {
            let broken = fill("{{1}}", &given(&[("1", broken)]));
            assert_eq!(broken, Err(FillError::NotOneLine("1".to_owned())));
        }
        assert_eq!(
            preview("Hello {{1}} and {{2}}", &given(&[("1", "Amelia")])),
            "Hello Amelia and [Blank 2]"
        );
    }

    #[test]
    fn what_is_named_for_machines_is_said_in_words() {
        let names = ["appointment_reminder", "hello", "_spare_", "été", ""];
        assert_eq!(names.map(name_in_words), ["Appointment reminder", "Hello", "Spare", "Été", ""]);
        assert_eq!(["1", "12", "patient_name"].map(blank_label), ["Blank 1", "Blank 12", "Patient name"]);
    }

    #[test]
    fn a_value_is_never_read_as_a_placeholder_and_stray_braces_are_text() {
        assert_eq!(fill("{{1}} {{2}}", &given(&[("1", "{{2}}"), ("2", "b")])).as_deref(), Ok("{{2}} b"));
        for text in ["{{", "}}", "{{}}", "{{ }}", "{{a b}}", "a {{ b", "{1}"] {
            assert_eq!(fill(text, &given(&[])).as_deref(), Ok(text), "{text}");
        }
        assert_eq!(placeholders("{{ {{1}} ä{{2}}"), ["1", "2"]);
    }
}
