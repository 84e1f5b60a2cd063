//! The ledger of what a number agreed to or withdrew.
//!
//! It is only ever added to. The newest entry of a number counts, whichever channel it came through: someone who
//! says STOP on one must not be reached on another by surprise.

use crate::store::{Tx, Value, args, placeholders};
use crate::{Backend, Caller, Error, Result, audit, live};
use model::live::Change;
use model::message::Channel;
use model::staff::Permission;
use model::{ConversationId, Millis, NumberId, OrgId, StaffId};
use sqlx::AssertSqlSafe;
use std::collections::HashSet;
use uuid::Uuid;

/// Why nothing is sent to a number that withdrew its consent, for staff.
pub(crate) const WITHDRAWN: &str = "This number asked to receive no more messages (STOP). \
     It can be written to again when it sends START, or when you record its consent with a reason.";

/// Characters of a reason.
const MAX_REASON: usize = 500;

/// What someone asked for with a keyword, or what a carrier or a member of staff says they did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Write to me.
    Granted,
    /// Leave me alone.
    Withdrawn,
}

/// How a wish came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The person wrote a keyword.
    Keyword,
    /// Their carrier says so.
    Carrier,
    /// A member of staff says so.
    Staff,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::Carrier => "carrier",
            Self::Staff => "staff",
        }
    }
}

/// An entry of the ledger, but for its number.
pub(crate) struct Entry<'a> {
    /// What.
    pub(crate) wish: Wish,
    /// How it came to us.
    pub(crate) source: Source,
    /// Through which channel.
    pub(crate) channel: Channel,
    /// The keyword, the carrier's code, or the reason that staff gave.
    pub(crate) reason: &'a str,
    /// Who, with [`Source::Staff`].
    pub(crate) staff: Option<StaffId>,
    /// When it was said.
    pub(crate) at: Millis,
}

/// The wish in a text, if the text is nothing but a keyword; with the keyword as it is kept.
///
/// YES, CANCEL, END and QUIT are ordinary answers to a clinic's questions. They count only where the carrier
/// says that it took them as a keyword, which is not asked here.
pub(crate) fn keyword(text: &str) -> Option<(Wish, &'static str)> {
    const WORDS: [(&str, Wish); 9] = [
        ("STOP", Wish::Withdrawn),
        ("STOPALL", Wish::Withdrawn),
        ("STOP ALL", Wish::Withdrawn),
        ("UNSUBSCRIBE", Wish::Withdrawn),
        ("REVOKE", Wish::Withdrawn),
        ("OPTOUT", Wish::Withdrawn),
        ("OPT OUT", Wish::Withdrawn),
        ("START", Wish::Granted),
        ("UNSTOP", Wish::Granted),
    ];
    let said = text.trim().trim_end_matches(['.', '!']).to_uppercase();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    WORDS.into_iter().find(|(word, _)| *word == said).map(|(word, wish)| (wish, word))
}

/// Adds to the ledger.
pub(crate) async fn enter(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    number: NumberId,
    entry: Entry<'_>,
) -> Result<()> {
    let state = match entry.wish {
        Wish::Granted => "granted",
        Wish::Withdrawn => "withdrawn",
    };
    let channel = match entry.channel {
        Channel::Sms | Channel::Mms => "sms",
        Channel::Whatsapp => "whatsapp",
    };
    tx.execute(
        "INSERT INTO consent_entry (id, org_id, number_id, channel, state, source, reason, staff_id, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            backend.clock.new_id::<Uuid>(),
            org,
            number,
            channel,
            state,
            entry.source.as_str(),
            entry.reason,
            entry.staff,
            entry.at
        ],
    )
    .await?;
    metrics::counter!("consent_entries_total", "state" => state, "source" => entry.source.as_str())
        .increment(1);
    Ok(())
}

/// The number withdrew its consent and has not given it again.
pub(crate) async fn withdrawn(tx: &mut Tx, org: OrgId, number: NumberId) -> Result<bool> {
    let newest: Option<(String,)> = tx
        .one(
            "SELECT state FROM consent_entry WHERE number_id = $1 AND org_id = $2
             ORDER BY at DESC, id DESC LIMIT 1",
            args![number, org],
        )
        .await?;
    Ok(newest.is_some_and(|(state,)| state == "withdrawn"))
}

/// Those of these numbers that withdrew their consent and have not given it again.
pub(crate) async fn withdrawn_among(
    tx: &mut Tx,
    numbers: impl Iterator<Item = Uuid>,
) -> Result<HashSet<Uuid>> {
    let numbers: Vec<Value> = numbers.map(Value::from).collect();
    if numbers.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = format!(
        "SELECT number_id FROM consent_entry e WHERE state = 'withdrawn' AND number_id IN ({})
         AND NOT EXISTS (SELECT 1 FROM consent_entry newer
                         WHERE newer.number_id = e.number_id AND (newer.at, newer.id) > (e.at, e.id))",
        placeholders(1, numbers.len())
    );
    let rows: Vec<(Uuid,)> = tx.all(AssertSqlSafe(sql), numbers).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Staff record that the patient wishes to be written to again, and why.
pub async fn record_consent(
    backend: &Backend,
    caller: &Caller,
    conversation: ConversationId,
    reason: &str,
) -> Result<()> {
    caller.require(Permission::SendMessages)?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > MAX_REASON {
        return Err(Error::invalid(
            "reason",
            "Write how and when the patient agreed, in at most 500 characters.",
        ));
    }
    let mut tx = backend.store.write().await?;
    let row: Option<(Uuid,)> = tx
        .one(
            "SELECT number_id FROM conversation WHERE id = $1 AND org_id = $2",
            args![conversation, caller.org_id],
        )
        .await?;
    let (number,) = row.ok_or_else(|| Error::not_found("conversation"))?;
    let entry = Entry {
        wish: Wish::Granted,
        source: Source::Staff,
        channel: Channel::Sms,
        reason,
        staff: caller.staff_id,
        at: backend.clock.now(),
    };
    enter(backend, &mut tx, caller.org_id, number.into(), entry).await?;
    audit::note(backend, &mut tx, caller, "consent.record", "conversation", Some(conversation.0)).await?;
    let change = Change::ConversationChanged { conversation_id: conversation };
    live::record(backend, &mut tx, caller.org_id, change)?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Wish, keyword};

    #[test]
    fn hears_a_keyword_however_it_is_typed() {
        for text in
            ["STOP", " stop ", "Stop.", "stop!!", "stop all", "STOP\u{a0} ALL", "opt  out", "Unsubscribe"]
        {
            assert_eq!(keyword(text).map(|(wish, _)| wish), Some(Wish::Withdrawn), "{text}");
        }
        for text in ["START", "unstop."] {
            assert_eq!(keyword(text).map(|(wish, _)| wish), Some(Wish::Granted), "{text}");
        }
    }

    #[test]
    fn takes_an_ordinary_answer_for_no_keyword() {
        for text in
            ["", "stop please", "Yes", "CANCEL", "end", "Quit", "When do you start?", ".", "STOP ALL NOW"]
        {
            assert_eq!(keyword(text), None, "{text}");
        }
    }
}
