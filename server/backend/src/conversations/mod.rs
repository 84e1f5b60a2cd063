//! The inbox and its threads, as staff read them.

mod carriers;
pub(crate) mod cursor;
pub(crate) mod rows;
mod thread;

pub(crate) use thread::view as message_view;
pub use thread::{message, thread};

use crate::limits::{self, Action, Whose};
use crate::patients::names::{self, Parts};
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, audit, live, messages, numbers, organisations, patients};
use cursor::Cursor;
use model::conversation::{ConversationRow, ConversationView, InboxQuery, Show};
use model::live::Change;
use model::staff::Permission;
use model::{ConversationId, MessageId, Millis, NumberId, OrgId, Page, PhoneNumber, StaffId};
use rows::Filter;
use uuid::Uuid;

/// Conversations on a page of the inbox.
const PAGE: usize = 50;

/// Words of a search that are looked at.
const MAX_SEARCH_WORDS: usize = 8;

/// Conversations, newest first, 50 a page.
pub async fn list(backend: &Backend, caller: &Caller, query: &InboxQuery) -> Result<Page<ConversationRow>> {
    caller.require(Permission::ReadConversations)?;
    let text = query.search.as_deref().map(str::trim).filter(|text| !text.is_empty());
    if text.is_some() {
        limits::take(backend, Action::Search, Whose::Caller(caller)).await?;
    }
    let mut tx = backend.store.read().await?;
    let mut filter = Filter::new(caller.org_id);
    match (query.show, caller.staff_id) {
        (Show::All, _) => {}
        (Show::Unread, _) => filter.and("c.unread > 0"),
        (Show::Mine, Some(me)) => {
            let me = filter.bind(me);
            filter.and(&format!("c.assigned_to = {me}"));
        }
        // Nothing is assigned to a program.
        (Show::Mine, None) => return Ok(Page { items: Vec::new(), next: None }),
    }
    if let Some(text) = text {
        search(backend, &mut tx, caller.org_id, text, &mut filter).await?;
    }
    if let Some(cursor) = &query.cursor {
        let Cursor { at, id } = Cursor::read(cursor)?;
        let (at, id) = (filter.bind(at), filter.bind(id));
        filter.and(&format!("(c.last_at, c.id) < ({at}, {id})"));
    }
    let mut found = rows::load(backend, &mut tx, filter, PAGE + 1).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| more).map(|(cursor, _)| cursor.to_string());
    Ok(Page { items: found.into_iter().map(|(_, row)| row).collect(), next })
}

/// One conversation and what stands beside it.
pub async fn get(backend: &Backend, caller: &Caller, id: ConversationId) -> Result<ConversationView> {
    caller.require(Permission::ReadConversations)?;
    let mut tx = backend.store.read().await?;
    let row = rows::one(backend, &mut tx, caller.org_id, id).await?;
    let first_unread: Option<(Uuid,)> = tx
        .one(
            "SELECT id FROM message WHERE conversation_id = $1 AND direction = 'inbound' AND read_at IS NULL
             ORDER BY at, id LIMIT 1",
            args![id],
        )
        .await?;
    let can_send = messages::ability(backend, &mut tx, caller, &row).await?;
    Ok(ConversationView { row, first_unread: first_unread.map(|(id,)| id.into()), can_send })
}

/// The conversation with a number as people write it, made when there is none. Linked to the patients who have
/// that number.
pub async fn open(backend: &Backend, caller: &Caller, number: &str) -> Result<ConversationId> {
    caller.require(Permission::SendMessages)?;
    let mut tx = backend.store.write().await?;
    let home = organisations::country(&mut tx, caller.org_id).await?;
    let number =
        PhoneNumber::parse(number, home).map_err(|error| Error::invalid("number", error.to_string()))?;
    let number = numbers::find_or_make(backend, &mut tx, caller.org_id, &number).await?;
    let (id, made) = find_or_make(backend, &mut tx, caller.org_id, number, backend.clock.now()).await?;
    if made {
        let change = Change::ConversationChanged { conversation_id: id };
        live::record(backend, &mut tx, caller.org_id, change)?;
    }
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(id)
}

/// Everything up to a message is read, or without one everything up to now; who read it is kept.
///
/// Screens name the newest message they show: what arrives while they ask has been seen by nobody. Ids rise with the
/// order in which messages came in, also where the carrier was late with one.
pub async fn mark_read(
    backend: &Backend,
    caller: &Caller,
    id: ConversationId,
    up_to: Option<MessageId>,
) -> Result<()> {
    caller.require(Permission::MarkRead)?;
    let mut tx = backend.store.write().await?;
    let now = backend.clock.now();
    // The row first: it holds back a message that arrives right now, which is then counted on top.
    touch(&mut tx, caller.org_id, id, "unread = unread").await?;
    if let Some(message) = up_to {
        let here = tx
            .number("SELECT COUNT(*) FROM message WHERE id = $1 AND conversation_id = $2", args![message, id])
            .await?;
        if here == 0 {
            return Err(Error::not_found("message"));
        }
    }
    let read = tx
        .execute(
            "UPDATE message SET read_at = $2
             WHERE conversation_id = $1 AND direction = 'inbound' AND read_at IS NULL AND id <= $3",
            args![id, now, up_to.unwrap_or(MessageId(Uuid::max()))],
        )
        .await?;
    count_unread(&mut tx, id).await?;
    if let Some(staff) = caller.staff_id {
        tx.execute(
            "INSERT INTO conversation_read (conversation_id, staff_id, org_id, read_at)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (conversation_id, staff_id) DO UPDATE SET read_at = excluded.read_at",
            args![id, staff, caller.org_id, now],
        )
        .await?;
    }
    if read > 0 {
        let change = Change::ConversationChanged { conversation_id: id };
        live::record(backend, &mut tx, caller.org_id, change)?;
    }
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(())
}

/// The newest inbound message is unread again.
pub async fn mark_unread(backend: &Backend, caller: &Caller, id: ConversationId) -> Result<()> {
    caller.require(Permission::MarkRead)?;
    let mut tx = backend.store.write().await?;
    touch(&mut tx, caller.org_id, id, "unread = unread").await?;
    tx.execute(
        "UPDATE message SET read_at = NULL WHERE id =
             (SELECT id FROM message WHERE conversation_id = $1 AND direction = 'inbound'
              ORDER BY at DESC, id DESC LIMIT 1)",
        args![id],
    )
    .await?;
    count_unread(&mut tx, id).await?;
    live::record(backend, &mut tx, caller.org_id, Change::ConversationChanged { conversation_id: id })?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(())
}

/// Says who looks after a conversation.
pub async fn assign(
    backend: &Backend,
    caller: &Caller,
    id: ConversationId,
    to: Option<StaffId>,
) -> Result<()> {
    caller.require(Permission::AssignConversations)?;
    let mut tx = backend.store.write().await?;
    if let Some(to) = to {
        let works_here = tx
            .number(
                "SELECT COUNT(*) FROM membership
                 WHERE org_id = $1 AND staff_id = $2 AND disabled_at IS NULL",
                args![caller.org_id, to],
            )
            .await?;
        if works_here == 0 {
            return Err(Error::not_found("member of staff"));
        }
    }
    touch(&mut tx, caller.org_id, id, "unread = unread").await?;
    tx.execute("UPDATE conversation SET assigned_to = $2 WHERE id = $1", args![id, to]).await?;
    audit::note(backend, &mut tx, caller, "conversation.assign", "conversation", Some(id.0)).await?;
    live::record(backend, &mut tx, caller.org_id, Change::ConversationChanged { conversation_id: id })?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(())
}

/// The conversation with a number, and whether it was made by this call, beginning at `at`. Safe in parallel: two
/// callers get the same one.
pub(crate) async fn find_or_make(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    number: NumberId,
    at: Millis,
) -> Result<(ConversationId, bool)> {
    // Most are known.
    if let Some(known) = of_number(tx, org, number).await? {
        return Ok((known, false));
    }
    let id: ConversationId = backend.clock.new_id();
    let made = tx
        .execute(
            "INSERT INTO conversation (id, org_id, number_id, last_at, created_at) VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT (org_id, number_id) DO NOTHING",
            args![id, org, number, at],
        )
        .await?;
    if made == 0 {
        let known = of_number(tx, org, number).await?;
        return Ok((known.ok_or(Error::Inconsistent("a conversation vanished"))?, false));
    }
    patients::link_by_number(tx, org, id, number).await?;
    Ok((id, true))
}

async fn of_number(tx: &mut Tx, org: OrgId, number: NumberId) -> Result<Option<ConversationId>> {
    let found: Option<(Uuid,)> = tx
        .one("SELECT id FROM conversation WHERE org_id = $1 AND number_id = $2", args![org, number])
        .await?;
    Ok(found.map(|(id,)| id.into()))
}

/// Changes a conversation, and holds its row until the end of the transaction.
async fn touch(tx: &mut Tx, org: OrgId, id: ConversationId, set: &'static str) -> Result<()> {
    let sql = format!("UPDATE conversation SET {set} WHERE id = $1 AND org_id = $2");
    match tx.execute(sqlx::AssertSqlSafe(sql), args![id, org]).await? {
        0 => Err(Error::not_found("conversation")),
        _ => Ok(()),
    }
}

/// Counts anew what nobody has read; the conversation's row is held.
pub(crate) async fn count_unread(tx: &mut Tx, id: ConversationId) -> Result<()> {
    tx.execute(
        "UPDATE conversation SET unread =
             (SELECT COUNT(*) FROM message
              WHERE conversation_id = $1 AND direction = 'inbound' AND read_at IS NULL)
         WHERE id = $1",
        args![id],
    )
    .await?;
    Ok(())
}

/// Narrows a list to a part of a patient's name, a whole number, or its last digits. Rare names lead to their
/// conversations; one that many patients have is met soon on the way through the inbox.
async fn search(backend: &Backend, tx: &mut Tx, org: OrgId, text: &str, filter: &mut Filter) -> Result<()> {
    let numbers = numbers::search(backend, tx, org, text).await?;
    let words: Vec<String> = text
        .split_whitespace()
        .take(MAX_SEARCH_WORDS)
        .map(|word| {
            let part = filter.bind(patients::like_pattern(word));
            format!(r"p.name_folded LIKE {part} ESCAPE '\'")
        })
        .collect();
    let named = format!("p.deleted_at IS NULL AND {}", words.join(" AND "));
    let numbers: Vec<String> = numbers.into_iter().map(|id| filter.bind(id)).collect();
    let numbers = (!numbers.is_empty()).then(|| format!("number_id IN ({})", numbers.join(", ")));
    if let Some(Parts { from, below }) = names::fewest(tx, org, text).await? {
        let (from, below) = (filter.bind(from), filter.bind(below));
        let mut found = format!(
            "SELECT DISTINCT l.conversation_id AS id
             FROM patient_name_part np CROSS JOIN patient p CROSS JOIN conversation_patient l
             WHERE np.org_id = $1 AND np.part >= {from} AND np.part < {below} AND p.id = np.patient_id AND {named}
             AND l.patient_id = p.id"
        );
        if let Some(numbers) = numbers {
            found.push_str(" UNION SELECT id FROM conversation WHERE org_id = $1 AND ");
            found.push_str(&numbers);
        }
        filter.among(found);
        return Ok(());
    }
    let by_name = format!(
        "EXISTS (SELECT 1 FROM conversation_patient l JOIN patient p ON p.id = l.patient_id
                 WHERE l.conversation_id = c.id AND {named})"
    );
    match numbers {
        Some(numbers) => filter.and(&format!("(c.{numbers} OR {by_name})")),
        None => filter.and(&by_name),
    }
    Ok(())
}
