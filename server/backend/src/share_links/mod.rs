//! Private links: a text leads the patient to the pictures and other files of a message, which stay here.
//!
//! The secret of a link is found by its keyed hash and kept sealed, so that the same link can be sent again. What is
//! counted, an opening or a wrong date, is one conditional statement: of two at the same moment only as many count as
//! are allowed.

mod door;
mod record;
mod sending;

pub use door::{Door, Host, Place, SharedFile, Unfit, look, new_form, open_from};
pub(crate) use record::views_of_messages;
pub(crate) use sending::{Leaving, Wanted, add, address_base, check, leaving, parts_of_invitation, prepare};

use crate::conversations::rows::known;
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, audit, conversations, live, messages};
use model::link::{BIRTH_DATE_TRIES, LinkState, MAX_HOURS, USUAL_HOURS, hours};
use model::live::Change;
use model::message::{Channel, Draft, MessageView, Recipient};
use model::staff::Permission;
use model::{ConversationId, FailureCode, MessageId, OrgId, ShareLinkId};
use record::Record;
use uuid::Uuid;

/// Closes the link of a message for good.
///
/// # Errors
/// `NotFound` for a message without a link.
pub async fn revoke(backend: &Backend, caller: &Caller, message: MessageId) -> Result<MessageView> {
    caller.require(Permission::SendMessages)?;
    let mut tx = backend.store.write().await?;
    let link = Record::of_message(&mut tx, caller.org_id, message).await?;
    tx.execute(
        "UPDATE share_link SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
        args![link.id, backend.clock.now()],
    )
    .await?;
    finish(backend, caller, tx, &link, message, "share_link.revoke").await
}

/// Lets the link of a message hold for another day, counted from now where its time is over. It also unlocks one on
/// which too many wrong dates were tried.
///
/// # Errors
/// `Conflict` for a link that was revoked or is used up.
pub async fn extend(backend: &Backend, caller: &Caller, message: MessageId) -> Result<MessageView> {
    caller.require(Permission::SendMessages)?;
    let now = backend.clock.now();
    let mut tx = backend.store.write().await?;
    let link = Record::of_message(&mut tx, caller.org_id, message).await?;
    let until = (link.expires_at.max(now) + hours(USUAL_HOURS)).min(now + hours(MAX_HOURS));
    let extended = tx
        .execute(
            "UPDATE share_link SET expires_at = $2, tries_left = $3
             WHERE id = $1 AND revoked_at IS NULL AND (openings_allowed IS NULL OR openings < openings_allowed)",
            args![link.id, until, BIRTH_DATE_TRIES],
        )
        .await?;
    if extended == 0 {
        return Err(closed(link.state(now)));
    }
    finish(backend, caller, tx, &link, message, "share_link.extend").await
}

/// Sends the link of a message once more: its text again, as a new message under an id of its own. Without a `channel`
/// it goes the way that the message went.
///
/// # Errors
/// As [`send`](messages::send), and `Conflict` for a link that cannot be opened (any more).
pub async fn resend(
    backend: &Backend,
    caller: &Caller,
    message: MessageId,
    client_id: &str,
    channel: Option<Channel>,
) -> Result<MessageView> {
    caller.require(Permission::SendMessages)?;
    let mut tx = backend.store.read().await?;
    let link = Record::of_message(&mut tx, caller.org_id, message).await?;
    let row: Option<(Uuid, String, String)> = tx
        .one(
            "SELECT m.conversation_id, m.body, c.channel FROM message m, message c WHERE m.id = $1 AND c.id = $2",
            args![link.message_id, message],
        )
        .await?;
    drop(tx);
    let (conversation, text, went) = row.ok_or(Error::Inconsistent("a link without its message"))?;
    let went = known(Channel::from_word(&went))?;
    let draft = Draft {
        text,
        attachments: Vec::new(),
        client_id: client_id.to_owned(),
        line: None,
        link: None,
        channel: Some(channel.unwrap_or(went)),
        template: None,
    };
    let to = Recipient::Conversation(conversation.into());
    messages::send_link_again(backend, caller, &to, &draft, link.id.into()).await
}

async fn finish(
    backend: &Backend,
    caller: &Caller,
    mut tx: Tx,
    link: &Record,
    message: MessageId,
    action: &'static str,
) -> Result<MessageView> {
    audit::note(backend, &mut tx, caller, action, "share_link", Some(link.id)).await?;
    changed(backend, &mut tx, caller.org_id, link.id.into()).await?;
    let view = conversations::message_view(backend, &mut tx, caller.org_id, message).await?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(view)
}

/// Tells open screens of every message that carries a link.
async fn changed(backend: &Backend, tx: &mut Tx, org: OrgId, link: ShareLinkId) -> Result<()> {
    let rows: Vec<(Uuid, Uuid)> = tx
        .all("SELECT id, conversation_id FROM message WHERE share_link_id = $1 ORDER BY id", args![link])
        .await?;
    for (message, conversation) in rows {
        let change =
            Change::MessageChanged { conversation_id: conversation.into(), message_id: message.into() };
        live::record(backend, tx, org, change)?;
    }
    Ok(())
}

/// The dates of birth of those whom a conversation is with.
async fn birth_dates(tx: &mut Tx, conversation: ConversationId) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = tx
        .all(
            "SELECT p.born FROM conversation_patient l JOIN patient p ON p.id = l.patient_id
             WHERE l.conversation_id = $1 AND p.deleted_at IS NULL AND p.born IS NOT NULL",
            args![conversation],
        )
        .await?;
    Ok(rows.into_iter().map(|(born,)| born).collect())
}

/// Why nothing more can be done with a link, for staff.
pub(crate) fn closed_words(state: LinkState) -> &'static str {
    match state {
        LinkState::Revoked => "This link was revoked for good. Send the files in a new message.",
        LinkState::UsedUp => {
            "This link was for one opening, and that was made. Send the files in a new message."
        }
        LinkState::Locked => "This link is locked after too many wrong dates of birth. Extend it first.",
        LinkState::Expired | LinkState::Open => "This link has expired. Extend it first.",
    }
}

/// The same as an answer.
pub(crate) fn closed(state: LinkState) -> Error {
    Error::failure(FailureCode::Conflict, closed_words(state))
}
