//! What an admin watches: what stands aside, and what asks for somebody to look.

use crate::line::ProviderKind;
use crate::{JobId, JournalEntryId, LineAccountId, Millis};
use serde::{Deserialize, Serialize};

/// How the organisation's work stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Operation {
    /// What asks for somebody to look; empty while all is well.
    pub alerts: Vec<Alert>,
    /// Webhooks that could not be read, the oldest first; at most [`MOST_ASIDE`](Operation::MOST_ASIDE) of them.
    pub webhooks: Vec<WebhookAside>,
    /// How many webhooks could not be read, those that are not listed as well.
    pub webhooks_total: u32,
    /// Jobs that were set aside, the oldest first; at most [`MOST_ASIDE`](Operation::MOST_ASIDE) of them.
    pub jobs: Vec<JobAside>,
    /// How many jobs were set aside, those that are not listed as well.
    pub jobs_total: u32,
    /// Carriers with webhooks in quarantine. Settings, Lines has what can be done about them.
    pub quarantined: Vec<Quarantined>,
}

impl Operation {
    /// Entries of one list, at most.
    pub const MOST_ASIDE: usize = 100;
}

/// A webhook that could not be read. It stays in the journal as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookAside {
    /// The webhook.
    pub id: JournalEntryId,
    /// What staff call the line.
    pub line: String,
    /// Who called.
    pub carrier: ProviderKind,
    /// When it came.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub received_at: Millis,
    /// Why it could not be read, in words.
    pub reason: String,
}

/// A job that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobAside {
    /// The job.
    pub id: JobId,
    /// Its kind, as `/metrics` names it: `fetch_media`.
    pub kind: String,
    /// What it was to do, in words.
    pub what: String,
    /// When it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub created_at: Millis,
    /// Why it was set aside, in words.
    pub reason: String,
}

/// A carrier some of whose webhooks did not prove where they come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Quarantined {
    /// The carrier's account.
    pub account_id: LineAccountId,
    /// What staff call the line.
    pub line: String,
    /// The carrier.
    pub carrier: ProviderKind,
    /// How many webhooks.
    pub count: u32,
}

/// What came of putting everything back to work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Replayed {
    /// Webhooks and jobs that are at work again.
    pub replayed: u32,
    /// Jobs that stay aside, because this version cannot open them.
    pub left: u32,
}

/// Something that asks for somebody to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alert {
    /// For programs.
    pub kind: AlertKind,
    /// Since when it is so, as far as that is known.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub since: Millis,
    /// Of how many.
    pub count: u32,
    /// What is so, in one sentence without an end.
    pub text: String,
    /// What to do, in one sentence.
    pub advice: String,
    /// The page where it can be done.
    pub place: String,
}

/// What an alert is about, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// Webhooks could not be read.
    WebhooksUnread,
    /// Webhooks did not prove where they come from.
    WebhooksRejected,
    /// No webhook comes, at a time of the week at which some came before.
    WebhooksStopped,
    /// A carrier's list of messages could not be read for long, so that nobody finds what its webhooks miss.
    ListsUnread,
    /// Jobs were set aside.
    JobsFailed,
    /// Jobs that are due wait.
    JobsLate,
    /// Nobody knows whether messages arrived.
    MessagesUncertain,
}

crate::words::words!(AlertKind {
    WebhooksUnread = "webhooks_unread",
    WebhooksRejected = "webhooks_rejected",
    WebhooksStopped = "webhooks_stopped",
    ListsUnread = "lists_unread",
    JobsFailed = "jobs_failed",
    JobsLate = "jobs_late",
    MessagesUncertain = "messages_uncertain",
});
