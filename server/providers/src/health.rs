//! Whether an account works, in words that a clinic understands.

use crate::CredentialError;
use crate::http::{Answer, HttpError};

/// What a look at a carrier account found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// In the order in which they were looked at.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub subject: Subject,
    /// How it stands.
    pub verdict: Verdict,
    /// One or two sentences: what was found, and if it is not good, what to do.
    pub words: String,
}

/// What can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Whether the carrier lets us in.
    Credentials,
    /// Whether the line's number belongs to the account and can do what it should.
    Sender,
    /// Whether the carrier calls the line's own addresses.
    Webhooks,
    /// What is left to spend.
    Balance,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Messages will fail or get lost.
    Bad,
    /// The carrier has no way to tell: look at it by hand.
    Unknown,
    /// The carrier could not be asked, or its answer could not be read: ask again.
    Unasked,
}

impl Finding {
    pub(crate) fn new(subject: Subject, verdict: Verdict, words: impl Into<String>) -> Self {
        Self { subject, verdict, words: words.into() }
    }
}

impl Health {
    pub(crate) fn of(findings: impl IntoIterator<Item = Finding>) -> Self {
        Self { findings: findings.into_iter().collect() }
    }
}

/// Without complete credentials nothing else can be looked at.
impl From<CredentialError> for Health {
    fn from(error: CredentialError) -> Self {
        Self::of([Finding::new(Subject::Credentials, Verdict::Bad, format!("{error}."))])
    }
}

/// The answer of a carrier that let us in; otherwise what to say of the credentials.
pub(crate) fn let_in(carrier: &str, asked: Result<Answer, HttpError>) -> Result<Answer, Finding> {
    let finding = |verdict, words: String| Err(Finding::new(Subject::Credentials, verdict, words));
    match asked {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(answer),
        Ok(answer) if matches!(answer.status, 401 | 403) => finding(
            Verdict::Bad,
            format!(
                "{carrier} does not accept the credentials. Copy them again from its console into Settings > Lines."
            ),
        ),
        Ok(answer) if answer.status == 404 => finding(
            Verdict::Bad,
            format!(
                "{carrier} does not know this account. Check the account's name or number in Settings > Lines."
            ),
        ),
        Ok(answer) => finding(
            Verdict::Unasked,
            format!("{carrier} answered with status {}. Try again in some minutes.", answer.status),
        ),
        Err(HttpError::Forbidden) => finding(
            Verdict::Bad,
            "The line's API address is private or not https. Correct it in Settings > Lines.".to_owned(),
        ),
        Err(_) => finding(
            Verdict::Unasked,
            format!(
                "{carrier} could not be reached. Check this server's connection, or try again in some minutes."
            ),
        ),
    }
}

/// Where a carrier calls with messages, held against where it should.
pub(crate) fn calls(carrier: &str, found: Option<&str>, wanted: &url::Url) -> Finding {
    let bare = |address: &str| address.split('#').next().unwrap_or_default().to_owned();
    match found.filter(|found| !found.is_empty()) {
        Some(found) if bare(found) == bare(wanted.as_str()) => {
            Finding::new(Subject::Webhooks, Verdict::Good, format!("{carrier} brings messages to this line."))
        }
        Some(_) => Finding::new(
            Subject::Webhooks,
            Verdict::Bad,
            format!(
                "{carrier} brings messages of this number to another address. Paste the line's inbound address \
                 from Settings > Lines into its console."
            ),
        ),
        None => Finding::new(
            Subject::Webhooks,
            Verdict::Bad,
            format!(
                "{carrier} brings messages of this number nowhere. Paste the line's inbound address from \
                 Settings > Lines into its console."
            ),
        ),
    }
}
