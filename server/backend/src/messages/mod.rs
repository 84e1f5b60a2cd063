//! Sending.

pub(crate) mod cost;
pub(crate) mod deliveries;
mod fetched;
mod repeated;
mod reported;
mod route;
mod search;

pub use fetched::send_with_url;
pub(crate) use route::{Asked, NO_WAY_BACK, ability, for_part};
pub use search::search;

use crate::limits::{self, Action, Whose};
use crate::share_links::Leaving;
use crate::store::{Tx, args};
use crate::whatsapp::{self, Going};
use crate::{Backend, Caller, Error, Result, audit, consent, conversations, live, numbers, share_links};
use deliveries::{Attempt, News, Part, Whole};
use model::live::Change;
use model::message::{
    Channel, DeliveryState, Draft, MAX_ATTACHMENTS, MAX_TEXT_CHARS, MessageView, Recipient,
};
use model::routing::Load;
use model::staff::Permission;
use model::{AttachmentId, ConversationId, FailureCode, MessageId, NumberId, OrgId, ShareLinkId};
use repeated::{content_hash, repeated};
use std::collections::HashSet;
use url::Url;
use uuid::Uuid;

/// Characters of a sender's own id for a message.
const MAX_CLIENT_ID: usize = 100;

/// Records a message and the jobs that deliver it, in one transaction. The same `client_id` again answers with the
/// same message; with different content it is a `Conflict`. Pictures are the same when their bytes are, so that a
/// caller who lost the answer may upload them once more.
///
/// # Errors
/// `TooManyRequests` past the caller's share of [`limits`]; what else is wrong with the draft, by its field.
pub async fn send(backend: &Backend, caller: &Caller, to: &Recipient, draft: &Draft) -> Result<MessageView> {
    caller.require(Permission::SendMessages)?;
    limits::take(backend, Action::Send, Whose::Caller(caller)).await?;
    check(draft, 0)?;
    record(backend, caller, to, draft, Along::default()).await
}

/// Sends the text of a message again, with the private link that it carried.
pub(crate) async fn send_link_again(
    backend: &Backend,
    caller: &Caller,
    to: &Recipient,
    draft: &Draft,
    link: ShareLinkId,
) -> Result<MessageView> {
    caller.require(Permission::SendMessages)?;
    limits::take(backend, Action::Send, Whose::Caller(caller)).await?;
    check(draft, 0)?;
    record(backend, caller, to, draft, Along { link: Some(link), ..Along::default() }).await
}

/// What goes with a draft that is not written in it.
#[derive(Debug, Clone, Copy, Default)]
struct Along<'a> {
    /// Where its last picture was fetched.
    fetched_from: Option<&'a Url>,
    /// The link of an earlier message, which it sends again.
    link: Option<ShareLinkId>,
}

impl Along<'_> {
    fn wanted(self, draft: &Draft) -> share_links::Wanted {
        match (self.link, draft.link) {
            (Some(id), _) => share_links::Wanted::Again(id),
            (None, Some(options)) => share_links::Wanted::New(options),
            (None, None) => share_links::Wanted::None,
        }
    }
}

/// Sends a draft that was checked.
async fn record(
    backend: &Backend,
    caller: &Caller,
    to: &Recipient,
    draft: &Draft,
    along: Along<'_>,
) -> Result<MessageView> {
    let org = caller.org_id;
    let mut tx = backend.store.write().await?;
    let (conversation, number) = conversation_of(backend, &mut tx, org, to).await?;
    let named = draft.attachments.len() - usize::from(along.fetched_from.is_some());
    let content = content_hash(&mut tx, org, conversation, draft, &draft.attachments[..named], along).await?;
    if let Some(same) = repeated(backend, &mut tx, org, draft, &content).await? {
        return Ok(same);
    }
    let no_way_back = || Error::failure(FailureCode::CannotSend, NO_WAY_BACK);
    numbers::require_number(backend, &mut tx, number, no_way_back).await?;
    route::sending_is_on(backend)?;
    if consent::withdrawn(&mut tx, org, number).await? {
        return Err(Error::failure(FailureCode::CannotSend, consent::WITHDRAWN));
    }
    let link = share_links::prepare(backend, &mut tx, org, conversation, draft, along.wanted(draft)).await?;
    let line = route::choose_line(backend, &mut tx, org, conversation, draft.line).await?;
    let going = whatsapp::going(backend, &mut tx, conversation, &line, draft).await?;
    let template = match &going {
        Some(Going::As(filled)) => Some(filled),
        Some(Going::Freely) | None => None,
    };
    let (text, load) = match (&link, template) {
        // Behind a link, pictures stay here.
        (Some(link), _) => (&link.text, link.load.clone()),
        (None, Some(filled)) => (&filled.text, Load::of(&filled.text, Vec::new())),
        (None, None) => (&draft.text, Load::of(&draft.text, vec![None; draft.attachments.len()])),
    };
    let load = if going.is_some() { load.by_whatsapp() } else { load };
    let plan = route::choose_carrier(&line, &load, template.map(|filled| filled.account))?;

    let whole = Whole { org, message: backend.clock.new_id(), conversation };
    let now = backend.clock.now();
    let inserted = tx
        .execute(
            "INSERT INTO message (id, org_id, conversation_id, line_id, direction, channel, body, at, state,
                 state_at, parts, author_id, client_id, content_hash, account_id, template_id, template_variables,
                 line_asked)
             VALUES ($1, $2, $3, $4, 'outbound', $5, $6, $7, 'queued', $7, $8, $9, $10, $11, $12, $13, $14, $15)
             ON CONFLICT (org_id, client_id) DO NOTHING",
            args![
                whole.message,
                org,
                conversation,
                line.id,
                load.channel.as_str(),
                text,
                now,
                load.text_parts,
                caller.staff_id,
                &draft.client_id,
                content.clone(),
                plan.account_id,
                template.map(|filled| filled.id),
                template.map(|filled| filled.variables.as_str()),
                draft.line.is_some()
            ],
        )
        .await?;
    if inserted == 0 {
        // The same message came twice at once, and the other one was first.
        let same = repeated(backend, &mut tx, org, draft, &content).await?;
        return same.ok_or(Error::Inconsistent("a message vanished"));
    }
    for (position, attachment) in draft.attachments.iter().enumerate() {
        attach(&mut tx, whole, *attachment, position).await?;
    }
    if let Some(link) = &link {
        share_links::add(backend, &mut tx, whole, caller.staff_id, link).await?;
    }
    for part in 0..plan.requests {
        let first = Attempt {
            account: plan.account_id,
            part: part.into(),
            attempt: 1,
            media_bytes: None,
            by_hand: false,
            behind: None,
        };
        deliveries::add(backend, &mut tx, whole, first).await?;
    }
    tx.execute(
        "UPDATE conversation SET last_at = $2, last_message_id = $3 WHERE id = $1 AND last_at <= $2",
        args![conversation, now, whole.message],
    )
    .await?;
    let change = Change::MessageAdded { conversation_id: conversation, message_id: whole.message };
    live::record(backend, &mut tx, org, change)?;
    let view = conversations::message_view(backend, &mut tx, org, whole.message).await?;
    tx.commit().await?;
    backend.live.wake(org);
    Ok(view)
}

/// Tries what failed of a message again. `Conflict` unless it failed for certain.
pub async fn retry(backend: &Backend, caller: &Caller, id: MessageId) -> Result<MessageView> {
    caller.require(Permission::SendMessages)?;
    route::sending_is_on(backend)?;
    limits::take(backend, Action::Send, Whose::Caller(caller)).await?;
    let mut tx = backend.store.write().await?;
    let whole = held(&mut tx, caller.org_id, id).await?;
    let number: Option<(Uuid,)> =
        tx.one("SELECT number_id FROM conversation WHERE id = $1", args![whole.conversation]).await?;
    let (number,) = number.ok_or(Error::Inconsistent("a conversation vanished"))?;
    if consent::withdrawn(&mut tx, caller.org_id, number.into()).await? {
        return Err(Error::failure(FailureCode::CannotSend, consent::WITHDRAWN));
    }
    if let Some(words) = whatsapp::obstacle(backend, &mut tx, whole).await? {
        return Err(Error::failure(FailureCode::TemplateNeeded, words));
    }
    let unreadable: Option<(String,)> = tx
        .one(
            "SELECT file_name FROM attachment WHERE message_id = $1 AND state = 'unreadable'
             ORDER BY position LIMIT 1",
            args![id],
        )
        .await?;
    if let Some((file_name,)) = unreadable {
        return Err(Error::failure(FailureCode::BrokenMedia, unreadable_words(&file_name)));
    }
    if let Leaving::Closed(why) = share_links::leaving(backend, &mut tx, id).await? {
        return Err(share_links::closed(why));
    }
    let failed: Vec<Part> =
        deliveries::parts(&mut tx, id).await?.into_iter().filter(|part| part.state.may_retry()).collect();
    if failed.is_empty() {
        return Err(Error::failure(
            FailureCode::Conflict,
            "Only a message that failed for certain can be sent again. Read the thread again: its state has changed.",
        ));
    }
    for part in failed {
        // Whichever of the line's carriers is the best one now.
        let account =
            for_part(backend, &mut tx, whole, &part, &Asked::default()).await?.unwrap_or(part.account);
        let again = Attempt {
            account,
            part: part.part,
            attempt: part.attempt + 1,
            media_bytes: None,
            by_hand: true,
            behind: None,
        };
        deliveries::add(backend, &mut tx, whole, again).await?;
    }
    finish(backend, caller, tx, whole, "message.retry").await
}

/// A person says what became of an uncertain message: it arrived, or it did not and may be sent again.
pub async fn resolve(
    backend: &Backend,
    caller: &Caller,
    id: MessageId,
    arrived: bool,
) -> Result<MessageView> {
    caller.require(Permission::SendMessages)?;
    let mut tx = backend.store.write().await?;
    let whole = held(&mut tx, caller.org_id, id).await?;
    let mut uncertain = deliveries::parts(&mut tx, id).await?;
    uncertain.retain(|part| part.state == DeliveryState::Uncertain);
    if uncertain.is_empty() {
        return Err(Error::failure(
            FailureCode::Conflict,
            "Nothing about this message is uncertain (any more). Read the thread again.",
        ));
    }
    let news = if arrived {
        News { failure: None, ..News::of(DeliveryState::Delivered, "") }
    } else {
        News::of(DeliveryState::Failed, "Marked as not arrived by staff. It can be sent again.")
    };
    for part in uncertain {
        if arrived {
            cost::taken(backend, &mut tx, part.delivery, part.account, None).await?;
        }
        deliveries::hear(backend, &mut tx, whole, part.delivery, &news).await?;
    }
    finish(backend, caller, tx, whole, "message.resolve").await
}

/// Why a message with this picture cannot be sent, for staff.
pub(crate) fn unreadable_words(file_name: &str) -> String {
    format!("The picture “{file_name}” cannot be read. Remove it, or export it as JPEG and attach it again.")
}

/// Checks a draft to which so many `more` pictures will be added.
fn check(draft: &Draft, more: usize) -> Result<()> {
    let pictures = draft.attachments.len() + more;
    let chars = draft.text.chars().count();
    if chars > MAX_TEXT_CHARS {
        return Err(Error::invalid(
            "text",
            format!("The text has {chars} characters; at most {MAX_TEXT_CHARS} can be sent. Shorten it."),
        ));
    }
    if draft.template.is_some() {
        check_template(draft, pictures)?;
    } else if draft.text.trim().is_empty() && pictures == 0 {
        return Err(Error::invalid("text", "Write something or attach a picture."));
    }
    if pictures > MAX_ATTACHMENTS {
        return Err(Error::invalid(
            "attachments",
            format!("A message carries at most {MAX_ATTACHMENTS} pictures."),
        ));
    }
    if draft.attachments.iter().collect::<HashSet<_>>().len() < draft.attachments.len() {
        return Err(Error::invalid("attachments", "A picture is attached twice."));
    }
    if let Some(options) = draft.link {
        share_links::check(options, pictures)?;
    }
    if draft.client_id.is_empty() || draft.client_id.chars().count() > MAX_CLIENT_ID {
        return Err(Error::invalid(
            "client_id",
            format!("Choose an id of 1 to {MAX_CLIENT_ID} characters for this message."),
        ));
    }
    Ok(())
}

/// A template is all that its message says, and travels in one way.
fn check_template(draft: &Draft, pictures: usize) -> Result<()> {
    if !draft.text.trim().is_empty() || pictures > 0 || draft.link.is_some() {
        return Err(Error::invalid(
            "template",
            "A template goes as it was approved: without other text, pictures or a link.",
        ));
    }
    match draft.channel {
        None | Some(Channel::Whatsapp) => Ok(()),
        Some(Channel::Sms | Channel::Mms) => Err(Error::invalid(
            "channel",
            "A template goes by WhatsApp alone. Leave the template out to send another way.",
        )),
    }
}

async fn conversation_of(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    to: &Recipient,
) -> Result<(ConversationId, NumberId)> {
    match to {
        Recipient::Conversation(id) => {
            let row: Option<(Uuid,)> = tx
                .one("SELECT number_id FROM conversation WHERE id = $1 AND org_id = $2", args![*id, org])
                .await?;
            let (number,) = row.ok_or_else(|| Error::not_found("conversation"))?;
            Ok((*id, number.into()))
        }
        Recipient::Number(number) => {
            let number = numbers::find_or_make(backend, tx, org, number).await?;
            let (id, _) = conversations::find_or_make(backend, tx, org, number, backend.clock.now()).await?;
            Ok((id, number))
        }
    }
}

/// Makes an upload part of a message.
async fn attach(tx: &mut Tx, whole: Whole, id: AttachmentId, position: usize) -> Result<()> {
    let attached = tx
        .execute(
            "UPDATE attachment SET message_id = $1, position = $2
             WHERE id = $3 AND org_id = $4 AND direction = 'outbound' AND message_id IS NULL
               AND state IN ('processing', 'ready')",
            args![whole.message, position, id, whole.org],
        )
        .await?;
    if attached > 0 {
        return Ok(());
    }
    let row: Option<(String, Option<Uuid>)> = tx
        .one(
            "SELECT file_name, message_id FROM attachment
             WHERE id = $1 AND org_id = $2 AND direction = 'outbound'",
            args![id, whole.org],
        )
        .await?;
    Err(match row {
        None => Error::invalid("attachments", "This picture does not exist (any more). Attach it again."),
        Some((name, Some(_))) => Error::invalid(
            "attachments",
            format!("The picture “{name}” was sent with another message already. Attach it again."),
        ),
        Some((name, None)) => Error::failure(FailureCode::BrokenMedia, unreadable_words(&name)),
    })
}

/// An outbound message, its row held until the end of the transaction.
async fn held(tx: &mut Tx, org: OrgId, id: MessageId) -> Result<Whole> {
    deliveries::hold(tx, id).await?;
    let row: Option<(Uuid, String)> = tx
        .one("SELECT conversation_id, direction FROM message WHERE id = $1 AND org_id = $2", args![id, org])
        .await?;
    let (conversation, direction) = row.ok_or_else(|| Error::not_found("message"))?;
    if direction != "outbound" {
        return Err(Error::failure(FailureCode::Conflict, "This message came from the patient."));
    }
    Ok(Whole { org, message: id, conversation: conversation.into() })
}

async fn finish(
    backend: &Backend,
    caller: &Caller,
    mut tx: Tx,
    whole: Whole,
    action: &'static str,
) -> Result<MessageView> {
    audit::note(backend, &mut tx, caller, action, "message", Some(whole.message.0)).await?;
    deliveries::fold(backend, &mut tx, whole).await?;
    let view = conversations::message_view(backend, &mut tx, whole.org, whole.message).await?;
    tx.commit().await?;
    backend.live.wake(whole.org);
    Ok(view)
}
