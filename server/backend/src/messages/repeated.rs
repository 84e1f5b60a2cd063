//! The same message once more: senders repeat what they got no answer to.

use super::Along;
use crate::store::{Tx, args, placeholders};
use crate::{Backend, Error, Result, conversations};
use model::message::{Channel, Draft, MessageView};
use model::{AttachmentId, ConversationId, FailureCode, OrgId};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use std::collections::HashMap;
use url::Url;
use uuid::Uuid;

/// Tells a repetition from another message with the same id. It names the conversation and not the number, which
/// could be guessed from a hash; pictures by their bytes, and one that was fetched by its address alone. What a link adds
/// stands at the end, so that messages without one are told as ever.
pub(super) async fn content_hash(
    tx: &mut Tx,
    org: OrgId,
    conversation: ConversationId,
    draft: &Draft,
    attachments: &[AttachmentId],
    along: Along<'_>,
) -> Result<Vec<u8>> {
    let mut bytes: HashMap<Uuid, String> = HashMap::new();
    if !attachments.is_empty() {
        let sql = format!(
            "SELECT id, sha256 FROM attachment WHERE org_id = $1 AND sha256 IS NOT NULL AND id IN ({})",
            placeholders(2, attachments.len())
        );
        let mut values = args![org];
        values.extend(attachments.iter().map(|id| (*id).into()));
        let rows: Vec<(Uuid, Vec<u8>)> = tx.all(AssertSqlSafe(sql), values).await?;
        bytes.extend(rows.into_iter().map(|(id, sha256)| (id, hex::encode(sha256))));
    }
    let pictures: Vec<String> =
        attachments.iter().map(|id| bytes.remove(&id.0).unwrap_or_else(|| id.to_string())).collect();
    let mut content = vec![
        json!(conversation),
        json!(draft.text),
        json!(pictures),
        json!(along.fetched_from.map(Url::as_str)),
    ];
    // Absent in most, and in those from before there were any. Told apart by their shapes: text, list, and text with a
    // name. That SMS or MMS was asked for by name says nothing new.
    content.extend(draft.line.map(|line| json!(line)));
    content.extend(draft.link.map(|link| json!([link.hours, link.one_opening, link.ask_birth_date])));
    content.extend(along.link.map(|again| json!({ "again": again })));
    content.extend(
        draft.channel.filter(|channel| *channel == Channel::Whatsapp).map(|channel| json!({ "by": channel })),
    );
    content.extend(draft.template.as_ref().map(|template| json!({ "template": template })));
    let content = Value::Array(content);
    Ok(crate::keys::sha256(content.to_string().as_bytes()))
}

/// The message that was sent with this `client_id` before.
pub(super) async fn repeated(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    draft: &Draft,
    content: &[u8],
) -> Result<Option<MessageView>> {
    let row: Option<(Uuid, Option<Vec<u8>>)> = tx
        .one(
            "SELECT id, content_hash FROM message WHERE org_id = $1 AND client_id = $2",
            args![org, &draft.client_id],
        )
        .await?;
    match row {
        None => Ok(None),
        Some((id, Some(before))) if before == content => {
            conversations::message_view(backend, tx, org, id.into()).await.map(Some)
        }
        Some(_) => Err(Error::failure(
            FailureCode::Conflict,
            "Another message was sent with this client_id. Nothing was sent now; choose a new id.",
        )),
    }
}
