//! Messages of a conversation, a slice at a time.

use super::carriers::{self, Carried};
use super::cursor::Cursor;
use super::rows::known;
use crate::messages::cost;
use crate::store::{Tx, Value, args};
use crate::{Backend, Caller, Error, Result, media, share_links, whatsapp};
use model::conversation::{ThreadFrom, ThreadSlice};
use model::line::ProviderKind;
use model::media::AttachmentView;
use model::message::{Channel, DeliveryState, Direction, MessageView, RequestView};
use model::routing::pictures_of_request;
use model::staff::Permission;
use model::{ConversationId, MessageId, Millis, OrgId};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

/// Messages in a slice.
const SLICE: usize = 50;

#[derive(sqlx::FromRow)]
struct Record {
    id: Uuid,
    conversation_id: Uuid,
    direction: String,
    channel: String,
    body: String,
    at: Millis,
    state: String,
    state_at: Millis,
    failure: Option<String>,
    parts: i64,
    client_id: Option<String>,
    author: Option<String>,
    line_id: Option<Uuid>,
    provider: Option<String>,
    template_id: Option<Uuid>,
    template_variables: Option<String>,
    found_later: bool,
}

/// Messages from a place on, and whether there are more beyond them.
struct Stretch {
    /// Oldest first.
    records: Vec<Record>,
    more: bool,
}

/// A stretch of a thread, 50 messages, oldest first.
pub async fn thread(
    backend: &Backend,
    caller: &Caller,
    id: ConversationId,
    from: &ThreadFrom,
) -> Result<ThreadSlice> {
    caller.require(Permission::ReadConversations)?;
    let mut tx = backend.store.read().await?;
    let exists = tx
        .number("SELECT COUNT(*) FROM conversation WHERE id = $1 AND org_id = $2", args![id, caller.org_id])
        .await?;
    if exists == 0 {
        return Err(Error::not_found("conversation"));
    }
    let (records, older, newer) = match from {
        ThreadFrom::Newest => {
            let Stretch { records, more } = before(&mut tx, id, None, SLICE).await?;
            (records, more, false)
        }
        ThreadFrom::Older(cursor) => {
            let Stretch { records, more } = before(&mut tx, id, Some(Cursor::read(cursor)?), SLICE).await?;
            (records, more, true)
        }
        ThreadFrom::Newer(cursor) => {
            let Stretch { records, more } = after(&mut tx, id, Cursor::read(cursor)?, SLICE).await?;
            (records, true, more)
        }
        ThreadFrom::Around(message) => {
            let middle = place(&mut tx, id, *message).await?;
            let before = before(&mut tx, id, Some(middle), SLICE / 2).await?;
            let itself = one(&mut tx, caller.org_id, *message).await?;
            let after = after(&mut tx, id, middle, SLICE / 2 - 1).await?;
            let records = before.records.into_iter().chain([itself]).chain(after.records).collect();
            (records, before.more, after.more)
        }
    };
    let cursor = |record: &Record| Cursor { at: record.at, id: record.id }.to_string();
    Ok(ThreadSlice {
        older: records.first().filter(|_| older).map(cursor),
        newer: records.last().filter(|_| newer).map(cursor),
        messages: views(backend, &mut tx, caller.org_id, records)
            .await?
            .into_iter()
            .map(|view| without_price(caller, view))
            .collect(),
    })
}

/// One message.
pub async fn message(backend: &Backend, caller: &Caller, id: MessageId) -> Result<MessageView> {
    caller.require(Permission::ReadConversations)?;
    let mut tx = backend.store.read().await?;
    Ok(without_price(caller, view(backend, &mut tx, caller.org_id, id).await?))
}

/// What a message cost is for those who see reports.
fn without_price(caller: &Caller, view: MessageView) -> MessageView {
    match caller.require(Permission::ReadReports) {
        Ok(()) => view,
        Err(_) => MessageView { price: None, price_estimated: false, ..view },
    }
}

/// One message, for a caller whose right was checked.
pub(crate) async fn view(backend: &Backend, tx: &mut Tx, org: OrgId, id: MessageId) -> Result<MessageView> {
    let record = one(tx, org, id).await?;
    let view = views(backend, tx, org, vec![record]).await?.pop();
    view.ok_or(Error::Inconsistent("a message vanished"))
}

async fn one(tx: &mut Tx, org: OrgId, id: MessageId) -> Result<Record> {
    let found = select(tx, "m.id = $1 AND m.org_id = $2", args![id, org]).await?.pop();
    found.ok_or_else(|| Error::not_found("message"))
}

async fn place(tx: &mut Tx, conversation: ConversationId, message: MessageId) -> Result<Cursor> {
    let row: Option<(Millis,)> = tx
        .one("SELECT at FROM message WHERE id = $1 AND conversation_id = $2", args![message, conversation])
        .await?;
    let (at,) = row.ok_or_else(|| Error::not_found("message"))?;
    Ok(Cursor { at, id: message.0 })
}

async fn before(
    tx: &mut Tx,
    conversation: ConversationId,
    end: Option<Cursor>,
    limit: usize,
) -> Result<Stretch> {
    let end = end.unwrap_or(Cursor { at: Millis::MAX, id: Uuid::max() });
    let tail = "m.conversation_id = $1 AND (m.at, m.id) < ($2, $3) ORDER BY m.at DESC, m.id DESC LIMIT $4";
    let mut records = select(tx, tail, args![conversation, end.at, end.id, limit + 1]).await?;
    let more = records.len() > limit;
    records.truncate(limit);
    records.reverse();
    Ok(Stretch { records, more })
}

async fn after(tx: &mut Tx, conversation: ConversationId, start: Cursor, limit: usize) -> Result<Stretch> {
    let tail = "m.conversation_id = $1 AND (m.at, m.id) > ($2, $3) ORDER BY m.at, m.id LIMIT $4";
    let mut records = select(tx, tail, args![conversation, start.at, start.id, limit + 1]).await?;
    let more = records.len() > limit;
    records.truncate(limit);
    Ok(Stretch { records, more })
}

async fn select(tx: &mut Tx, tail: &'static str, args: Vec<Value>) -> Result<Vec<Record>> {
    let sql = format!(
        "SELECT m.id, m.conversation_id, m.direction, m.channel, m.body, m.at, m.state, m.state_at, m.failure,
                m.parts, m.client_id, s.name AS author, m.line_id, a.provider, m.template_id,
                m.template_variables, m.found_later
         FROM message m LEFT JOIN staff s ON s.id = m.author_id
         LEFT JOIN line_account a ON a.id = m.account_id WHERE {tail}"
    );
    Ok(tx.all(AssertSqlSafe(sql), args).await?)
}

async fn views(backend: &Backend, tx: &mut Tx, org: OrgId, records: Vec<Record>) -> Result<Vec<MessageView>> {
    let ids: Vec<MessageId> = records.iter().map(|record| record.id.into()).collect();
    let mut attachments = media::views_of_messages(backend, tx, org, &ids).await?;
    let mut prices = cost::of_messages(tx, &ids).await?;
    let mut carried = carriers::of_messages(tx, &ids).await?;
    let mut links = share_links::views_of_messages(backend, tx, &ids).await?;
    records
        .into_iter()
        .map(|record| {
            let id = MessageId(record.id);
            let direction = known(Direction::from_word(&record.direction))?;
            let (price, price_estimated) = prices.remove(&id).unzip();
            let Carried { carrier, detour, requests } = carried.remove(&id).unwrap_or_default();
            let attachments = attachments.remove(&id).unwrap_or_default();
            let requests = split(requests, &attachments);
            let of_account = record.provider.as_deref().and_then(ProviderKind::from_word);
            Ok(MessageView {
                id,
                conversation_id: record.conversation_id.into(),
                direction,
                channel: known(Channel::from_word(&record.channel))?,
                text: record.body,
                at: record.at,
                state: known(DeliveryState::from_word(&record.state))?,
                state_at: record.state_at,
                failure: record.failure,
                author: record.author,
                attachments,
                parts: u32::try_from(record.parts).unwrap_or(0),
                price,
                price_estimated: price_estimated.unwrap_or_default(),
                client_id: record.client_id,
                link: links.remove(&id),
                template: whatsapp::choice(record.template_id, record.template_variables.as_deref())?,
                mock: backend.settings.mock_mode && direction == Direction::Outbound,
                line_id: record.line_id.map(Into::into),
                carrier: carrier.or(of_account),
                detour,
                found_later: record.found_later,
                requests,
            })
        })
        .collect()
}

/// The requests of a message with their pictures; none where one carries all of it.
fn split(requests: Vec<(DeliveryState, Option<String>)>, attachments: &[AttachmentView]) -> Vec<RequestView> {
    let count = requests.len();
    let view = |(n, (state, failure))| {
        let pictures = &attachments[pictures_of_request(n, count, attachments.len())];
        RequestView { attachments: pictures.iter().map(|picture| picture.id).collect(), state, failure }
    };
    if count > 1 { requests.into_iter().enumerate().map(view).collect() } else { Vec::new() }
}
