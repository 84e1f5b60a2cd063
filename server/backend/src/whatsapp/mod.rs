//! Sending by WhatsApp: freely within 24 hours after a patient's message, and approved templates at any time.
//!
//! The rule is kept twice: when a message is recorded, and in the last moment before the carrier is asked. What it
//! forbids is not sent, and never goes another way by itself.

mod templates;

pub(crate) use templates::withdraw;
pub use templates::{refresh, templates};

use crate::messages::deliveries::Whole;
use crate::store::{Tx, args};
use crate::{Backend, Error, Result};
use model::conversation::{LineChoice, WhatsappAbility};
use model::line::ProviderKind;
use model::message::{Channel, Draft};
use model::whatsapp::{TemplateChoice, TemplateState, Window};
use model::{ConversationId, FailureCode, LineAccountId, LineId, Millis, TemplateId};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Why a template is not sent that was approved once, for staff.
const UNAPPROVED: &str = "WhatsApp has not approved this template, or does not any more. Choose another one.";

/// What goes by WhatsApp.
pub(crate) enum Going {
    /// What was written.
    Freely,
    /// A template, filled in.
    As(Filled),
}

/// A template that was filled in.
pub(crate) struct Filled {
    pub(crate) id: TemplateId,
    /// The account that it was approved for: no other one can send it.
    pub(crate) account: LineAccountId,
    /// What the patient gets.
    pub(crate) text: String,
    /// JSON, by placeholder.
    pub(crate) variables: String,
}

/// Whether a draft goes by WhatsApp, and as what. `None` where it goes by SMS or MMS.
///
/// # Errors
/// `TemplateNeeded` outside the 24 hours, `Invalid` for a template that cannot be sent from this line or is not filled
/// in.
pub(crate) async fn going(
    backend: &Backend,
    tx: &mut Tx,
    conversation: ConversationId,
    line: &LineChoice,
    draft: &Draft,
) -> Result<Option<Going>> {
    let wanted = match (draft.channel, &draft.template) {
        (Some(Channel::Sms | Channel::Mms), _) => false,
        (Some(Channel::Whatsapp), _) | (None, Some(_)) => true,
        (None, None) => can_send(line) && is_usual(tx, conversation, line.id).await?,
    };
    if !wanted {
        return Ok(None);
    }
    if let Some(choice) = &draft.template {
        return templates::filled(backend, tx, line.id, choice).await.map(|filled| Some(Going::As(filled)));
    }
    // Where the line cannot, its carriers say so themselves.
    if can_send(line) {
        let heard_at = heard_at(tx, conversation, line.id).await?;
        if let Some(why) = Window::at(heard_at, backend.clock.now()).why_closed() {
            return Err(Error::failure(FailureCode::TemplateNeeded, way_out(why)));
        }
    }
    Ok(Some(Going::Freely))
}

#[derive(sqlx::FromRow)]
struct Recorded {
    channel: String,
    line_id: Option<Uuid>,
    template_id: Option<Uuid>,
    /// Of the template, where its account has it now.
    state: Option<String>,
}

/// Why a recorded message must not be offered to its carrier now, in words for staff. Nothing speaks against one that
/// does not go by WhatsApp.
pub(crate) async fn obstacle(backend: &Backend, tx: &mut Tx, whole: Whole) -> Result<Option<String>> {
    let row: Option<Recorded> = tx
        .one(
            "SELECT m.channel, m.line_id, m.template_id, t.state FROM message m
             LEFT JOIN line_account a ON a.id = (SELECT account_id FROM whatsapp_template WHERE id = m.template_id)
             LEFT JOIN whatsapp_template t ON t.id = m.template_id AND t.provider = COALESCE($2, a.provider)
             WHERE m.id = $1",
            args![whole.message, templates::pretended(backend)],
        )
        .await?;
    let message = row.ok_or(Error::Inconsistent("a message vanished"))?;
    if message.channel != Channel::Whatsapp.as_str() {
        return Ok(None);
    }
    if message.template_id.is_some() {
        let approved =
            message.state.as_deref().and_then(TemplateState::from_word) == Some(TemplateState::Approved);
        return Ok((!approved).then(|| UNAPPROVED.to_owned()));
    }
    let line = LineId(message.line_id.ok_or(Error::Inconsistent("a message of ours without a line"))?);
    let window = Window::at(heard_at(tx, whole.conversation, line).await?, backend.clock.now());
    Ok(window.why_closed().map(way_out))
}

/// A template as its carrier is asked to send it, where a message is one.
pub(crate) async fn template(tx: &mut Tx, whole: Whole) -> Result<Option<providers::Template>> {
    let row: Option<(String, Option<String>)> = tx
        .one(
            "SELECT t.carrier_id, m.template_variables FROM message m
             JOIN whatsapp_template t ON t.id = m.template_id WHERE m.id = $1",
            args![whole.message],
        )
        .await?;
    let Some((id, variables)) = row else { return Ok(None) };
    let variables = variables_of(variables.as_deref())?.into_iter().collect();
    Ok(Some(providers::Template { id, variables }))
}

/// What a message was sent as, as it is shown.
pub(crate) fn choice(id: Option<Uuid>, variables: Option<&str>) -> Result<Option<TemplateChoice>> {
    id.map(|id| Ok(TemplateChoice { id: id.into(), variables: variables_of(variables)? })).transpose()
}

/// How a patient can be answered by WhatsApp on a line; `None` where that is of no use: the line cannot, or the patient
/// has never written that way and there is no template to begin with.
pub(crate) async fn ability(
    tx: &mut Tx,
    conversation: ConversationId,
    line: &LineChoice,
) -> Result<Option<WhatsappAbility>> {
    if !can_send(line) {
        return Ok(None);
    }
    let heard_at = heard_at(tx, conversation, line.id).await?;
    // The simulator always has some.
    let simulated = line.routes.iter().any(|route| route.provider == ProviderKind::Simulator);
    if heard_at.is_none() && !simulated && !templates::any_approved(tx, line.id).await? {
        return Ok(None);
    }
    Ok(Some(WhatsappAbility { heard_at, usual: is_usual(tx, conversation, line.id).await? }))
}

fn can_send(line: &LineChoice) -> bool {
    line.routes.iter().any(|route| route.channels.contains(&Channel::Whatsapp))
}

/// When a patient last wrote to a line by WhatsApp.
async fn heard_at(tx: &mut Tx, conversation: ConversationId, line: LineId) -> Result<Option<Millis>> {
    let row: Option<(Millis,)> = tx
        .one(
            "SELECT at FROM message
             WHERE conversation_id = $1 AND line_id = $2 AND direction = 'inbound' AND channel = 'whatsapp'
             ORDER BY at DESC LIMIT 1",
            args![conversation, line],
        )
        .await?;
    Ok(row.map(|(at,)| at))
}

/// Whether the patient's newest message to a line came by WhatsApp.
async fn is_usual(tx: &mut Tx, conversation: ConversationId, line: LineId) -> Result<bool> {
    let row: Option<(String,)> = tx
        .one(
            "SELECT channel FROM message WHERE conversation_id = $1 AND line_id = $2 AND direction = 'inbound'
             ORDER BY at DESC, id DESC LIMIT 1",
            args![conversation, line],
        )
        .await?;
    Ok(row.is_some_and(|(channel,)| channel == Channel::Whatsapp.as_str()))
}

fn variables_of(json: Option<&str>) -> Result<BTreeMap<String, String>> {
    let read = json.map(serde_json::from_str).transpose();
    read.map(Option::unwrap_or_default).map_err(|_| Error::Inconsistent("a template's variables are no JSON"))
}

fn way_out(why: &str) -> String {
    format!("{why} Send a template, or send it as an SMS.")
}
