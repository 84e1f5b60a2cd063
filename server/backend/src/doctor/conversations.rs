//! What conversations note of their messages, so that the inbox is one index walk.

use super::{Examination, Trouble};
use crate::store::args;
use crate::{Result, conversations, live};
use model::live::Change;
use model::{ConversationId, Millis, OrgId};
use uuid::Uuid;

/// Conversations that one query looks at.
const PAGE: usize = 200;

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    org_id: Uuid,
    unread: i64,
    counted: i64,
    last_message_id: Option<Uuid>,
    last_at: Millis,
    /// When the message came that is noted as the newest; absent when it is none of the conversation.
    noted_at: Option<Millis>,
    newest_at: Option<Millis>,
}

impl Row {
    fn newest_is_right(&self) -> bool {
        match self.newest_at {
            // Several of one moment are equally new.
            Some(newest) => self.noted_at == Some(newest) && self.last_at == newest,
            None => self.last_message_id.is_none(),
        }
    }
}

impl Examination<'_> {
    pub(super) async fn conversations(&mut self) -> Result<()> {
        let mut after = Uuid::nil();
        loop {
            let mut tx = self.backend.store.read().await?;
            let rows: Vec<Row> = tx
                .all(
                    "SELECT c.id, c.org_id, c.unread, c.last_message_id, c.last_at,
                            (SELECT COUNT(*) FROM message m WHERE m.conversation_id = c.id
                             AND m.direction = 'inbound' AND m.read_at IS NULL) AS counted,
                            (SELECT m.at FROM message m WHERE m.id = c.last_message_id
                             AND m.conversation_id = c.id) AS noted_at,
                            (SELECT MAX(m.at) FROM message m WHERE m.conversation_id = c.id) AS newest_at
                     FROM conversation c WHERE c.id > $1 ORDER BY c.id LIMIT $2",
                    args![after, PAGE],
                )
                .await?;
            drop(tx);
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            self.report.conversations += rows.len() as u64;
            for row in rows {
                let unread_wrong = row.unread != row.counted;
                let newest_wrong = !row.newest_is_right();
                if self.repair && (unread_wrong || newest_wrong) {
                    self.note_anew(row.org_id.into(), row.id.into()).await?;
                }
                if unread_wrong {
                    self.found(Trouble::UnreadWrong, row.id.to_string(), self.repair);
                }
                if newest_wrong {
                    self.found(Trouble::NewestWrong, row.id.to_string(), self.repair);
                }
            }
        }
    }

    async fn note_anew(&self, org: OrgId, id: ConversationId) -> Result<()> {
        let backend = self.backend;
        let mut tx = backend.store.write().await?;
        // The row first: it holds back a message that arrives right now, which is then counted on top.
        tx.execute("UPDATE conversation SET unread = unread WHERE id = $1", args![id]).await?;
        conversations::count_unread(&mut tx, id).await?;
        tx.execute(
            "UPDATE conversation SET
                 last_message_id = (SELECT m.id FROM message m WHERE m.conversation_id = $1
                                    ORDER BY m.at DESC, m.id DESC LIMIT 1),
                 last_at = COALESCE((SELECT MAX(m.at) FROM message m WHERE m.conversation_id = $1), last_at)
             WHERE id = $1",
            args![id],
        )
        .await?;
        live::record(backend, &mut tx, org, Change::ConversationChanged { conversation_id: id })?;
        tx.commit().await?;
        backend.live.wake(org);
        Ok(())
    }
}
