//! Where an attachment came from, asked long after it was fetched.

use super::{IN_JOURNAL, Journalled};
use crate::store::{Tx, args};
use crate::{Backend, Result};
use model::{AttachmentId, Millis};
use providers::{Event, MediaPlace};
use uuid::Uuid;

/// Where a patient's attachment was offered, as the webhook of its message says; `None` when that is not in the journal
/// (any more).
pub(crate) async fn offered_at(backend: &Backend, tx: &mut Tx, id: AttachmentId) -> Result<Option<String>> {
    let row: Option<(Uuid, Uuid, String, Millis, i64)> = tx
        .one(
            "SELECT m.org_id, m.account_id, m.carrier_id, m.at, a.position
             FROM attachment a JOIN message m ON m.id = a.message_id
             WHERE a.id = $1 AND a.direction = 'inbound' AND m.account_id IS NOT NULL AND m.carrier_id IS NOT NULL",
            args![id],
        )
        .await?;
    let Some((org, account, carrier_id, at, position)) = row else { return Ok(None) };
    // A message is of the moment in which its webhook came, or in which its carrier says that it came.
    let entries: Vec<(Uuid,)> = tx
        .all(
            "SELECT id FROM journal_entry
             WHERE org_id = $1 AND state IN ('pending', 'done', 'poisoned', 'dismissed') AND received_at = $3
               AND account_id = $2 AND kind = 'inbound' AND listed_at IS NULL
             UNION ALL
             SELECT id FROM journal_entry
             WHERE account_id = $2 AND kind = 'inbound' AND listed_at = $3
             ORDER BY id",
            args![org, account, at],
        )
        .await?;
    for (entry,) in entries {
        let Some(journalled) = Journalled::load(backend, tx, entry.into()).await? else { continue };
        let Ok(received) = journalled.receive() else { continue };
        let inbound = received.events.into_iter().find_map(|event| match event {
            Event::Inbound(inbound) if inbound.carrier_id == carrier_id => Some(inbound),
            Event::Inbound(_) | Event::Status(_) | Event::Ignored { .. } => None,
        });
        let Some(inbound) = inbound else { continue };
        let nth = usize::try_from(position).unwrap_or(usize::MAX);
        return Ok(inbound.media.into_iter().nth(nth).map(|media| match media.place {
            MediaPlace::Link(link) => link.to_string(),
            MediaPlace::Inline(_) => format!("{IN_JOURNAL}{entry}/{position}"),
        }));
    }
    Ok(None)
}
