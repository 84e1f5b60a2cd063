//! The inbox and its threads.

use crate::failure::{Asked, Body, Id, Problem};
use crate::session::{Asker, Reply};
use crate::uploads::{self, Form, Part};
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use backend::{conversations, media, messages};
use model::conversation::{ConversationRow, ConversationView, InboxQuery, Show, ThreadFrom, ThreadSlice};
use model::link::LinkOptions;
use model::message::{Channel, Draft, MAX_ATTACHMENTS, MessageView, Recipient};
use model::whatsapp::TemplateChoice;
use model::{AttachmentId, ConversationId, FailureCode, LineId, MessageId, Page};
use serde::{Deserialize, Serialize};

/// Which conversations to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// All, only unread ones, or those assigned to the caller.
    #[serde(default)]
    #[param(inline)]
    show: Show,
    /// Part of a patient's name, a whole number in any format, or its last 4 to 9 digits.
    search: Option<String>,
    /// `next` of the previous page.
    cursor: Option<String>,
}

/// Conversations, newest first, 50 a page.
#[utoipa::path(
    get, path = "/api/conversations", tag = "conversations", params(ListQuery),
    responses((status = 200, body = Page<ConversationRow>), (status = 401, body = Problem)),
)]
pub(crate) async fn list(
    asker: Asker,
    Asked(ListQuery { show, search, cursor }): Asked<ListQuery>,
) -> Result<Reply<Page<ConversationRow>>, Problem> {
    let query = InboxQuery { show, search, cursor };
    Ok(asker.reply(conversations::list(asker.backend(), &asker.caller, &query).await?))
}

/// Which stretch of the thread to answer with.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ThreadQuery {
    /// `older` of the previous answer: what came before it.
    older: Option<String>,
    /// `newer` of the previous answer: what came after it.
    newer: Option<String>,
    /// A message in the middle.
    #[param(value_type = Option<String>)]
    around: Option<MessageId>,
}

/// A conversation and a stretch of its thread.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ConversationAndThread {
    /// The conversation.
    #[serde(flatten)]
    conversation: ConversationView,
    /// Oldest first, 50 messages; the newest ones without a cursor.
    thread: ThreadSlice,
}

/// One conversation with its thread.
#[utoipa::path(
    get, path = "/api/conversations/{id}", tag = "conversations",
    params(("id" = ConversationId, Path), ThreadQuery),
    responses((status = 200, body = ConversationAndThread), (status = 401, body = Problem), (status = 404, body = Problem)),
)]
pub(crate) async fn get(
    asker: Asker,
    Id(id): Id<ConversationId>,
    Asked(ThreadQuery { older, newer, around }): Asked<ThreadQuery>,
) -> Result<Reply<ConversationAndThread>, Problem> {
    let (backend, caller) = (asker.backend(), &asker.caller);
    let conversation = conversations::get(backend, caller, id).await?;
    let thread = conversations::thread(backend, caller, id, &thread_from(older, newer, around)).await?;
    Ok(asker.reply(ConversationAndThread { conversation, thread }))
}

pub(crate) fn thread_from(
    older: Option<String>,
    newer: Option<String>,
    around: Option<MessageId>,
) -> ThreadFrom {
    match (older, newer, around) {
        (Some(cursor), _, _) => ThreadFrom::Older(cursor),
        (_, Some(cursor), _) => ThreadFrom::Newer(cursor),
        (_, _, Some(message)) => ThreadFrom::Around(message),
        _ => ThreadFrom::Newest,
    }
}

/// An answer to the other side.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
pub(crate) struct Turn {
    /// The text; may be empty when there are pictures.
    #[serde(default)]
    pub(crate) message: String,
    #[serde(flatten)]
    pub(crate) media: MediaChoice,
    /// The files stay here, and a private link to them goes with the text. Needed for whatever is no picture.
    #[serde(default)]
    pub(crate) link: Option<LinkOptions>,
    /// Chosen by the caller; the same one again answers with the same message and sends nothing.
    #[serde(default)]
    pub(crate) client_id: Option<String>,
    /// Through this line, although the other side may know another one and will see its number; one of `can_send.offers`.
    /// Without it through the line that they know.
    #[serde(default)]
    pub(crate) line_id: Option<LineId>,
    /// `whatsapp`, or `sms` or `mms`, whichever of the two the pictures ask for. Without it the way that the other side
    /// wrote last, where the line can. What cannot go this way is refused, and goes no other way by itself.
    #[serde(default)]
    pub(crate) channel: Option<Channel>,
    /// In place of text and pictures: a template that WhatsApp has approved, see `/api/whatsapp-templates`.
    #[serde(default)]
    pub(crate) template: Option<TemplateChoice>,
}

/// Pictures to send.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
pub(crate) struct MediaChoice {
    /// Uploaded before, in the order to show.
    #[serde(default)]
    pub(crate) media_ids: Vec<AttachmentId>,
    /// The `media_url` of an upload, or an https address that the picture is fetched from.
    #[serde(default)]
    pub(crate) media_url: Option<String>,
}

impl Turn {
    /// Sends it; a caller that chose no id gets one of its own and no protection from repetition.
    pub(crate) async fn send(self, asker: &Asker, to: &Recipient) -> Result<MessageView, Problem> {
        let (backend, caller) = (asker.backend(), &asker.caller);
        let client_id = self.client_id.filter(|id| !id.trim().is_empty());
        let client_id = client_id.unwrap_or_else(|| backend.clock.new_id::<MessageId>().to_string());
        let pictures = if self.media.media_ids.is_empty() { "media_url" } else { "media_ids" };
        let draft = Draft {
            text: self.message,
            attachments: self.media.media_ids,
            client_id,
            line: self.line_id,
            link: self.link,
            channel: self.channel,
            template: self.template,
        };
        let url = self.media.media_url.as_deref().map(str::trim).filter(|url| !url.is_empty());
        let sent = match url {
            Some(url) => messages::send_with_url(backend, caller, to, &draft, url).await,
            None => messages::send(backend, caller, to, &draft).await,
        };
        sent.map_err(|error| Problem::from(error).renamed(&[("text", "message"), ("attachments", pictures)]))
    }
}

/// Answers in a conversation with text, or with pictures that were uploaded before.
#[utoipa::path(
    post, path = "/api/conversations/{id}/reply", tag = "conversations", request_body = Turn,
    params(("id" = ConversationId, Path)),
    responses(
        (status = 201, body = MessageView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem),
    ),
)]
pub(crate) async fn reply(
    asker: Asker,
    Id(id): Id<ConversationId>,
    Body(turn): Body<Turn>,
) -> Result<Reply<MessageView>, Problem> {
    say(asker, id, turn).await
}

/// Pictures and what goes with them.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form; the bytes are streamed")]
pub(crate) struct ReplyForm {
    /// The caption; may be left out.
    message: Option<String>,
    /// As in `reply`.
    client_id: Option<String>,
    /// As in `reply`.
    line_id: Option<String>,
    /// As in `reply`, written as JSON.
    link: Option<LinkOptions>,
    /// As in `reply`.
    channel: Option<String>,
    /// One to ten pictures; with `link` also other files.
    #[schema(value_type = Vec<String>, format = Binary)]
    file: Vec<Vec<u8>>,
}

/// Answers in a conversation with pictures: as a form with files, or as JSON like `reply`.
#[utoipa::path(
    post, path = "/api/conversations/{id}/reply-with-media", tag = "conversations",
    request_body(content = ReplyForm, content_type = "multipart/form-data"),
    params(("id" = ConversationId, Path)),
    responses(
        (status = 201, body = MessageView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem),
    ),
)]
pub(crate) async fn reply_with_media(
    asker: Asker,
    Id(id): Id<ConversationId>,
    request: Request,
) -> Result<Reply<MessageView>, Problem> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form = content_type.is_some_and(|kind| kind.starts_with("multipart/form-data"));
    let mut uploaded = Vec::new();
    let turn = if is_form {
        let form = Form::from_request(request, &asker.app).await?;
        // Known to exist before bytes are taken in for it.
        conversations::get(asker.backend(), &asker.caller, id).await?;
        let turn = turn_of_form(&asker, form).await?;
        uploaded.clone_from(&turn.media.media_ids);
        turn
    } else {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, super::JSON_BYTES)
            .await
            .map_err(|_| Problem::new(FailureCode::TooLarge, "The body is too large for this call."))?;
        Body::<Turn>::from_request(Request::from_parts(parts, body.into()), &asker.app).await?.0
    };
    if turn.media.media_ids.is_empty() && turn.media.media_url.is_none() {
        return Err(Problem::field("file", "Send at least one picture, or use reply for text alone."));
    }
    let (backend, caller) = (asker.backend().clone(), asker.caller.clone());
    let said = say(asker, id, turn).await;
    // A repetition brought its files along once more.
    media::discard_unsent(&backend, &caller, &uploaded).await;
    // A form has the files themselves.
    said.map_err(|problem| if is_form { problem.renamed(&[("media_ids", "file")]) } else { problem })
}

/// Takes in a form. Nothing stays of one that is refused half-way.
async fn turn_of_form(asker: &Asker, form: Form) -> Result<Turn, Problem> {
    let mut turn = Turn::default();
    let read = read_form(asker, form, &mut turn).await;
    if read.is_err() {
        media::discard_unsent(asker.backend(), &asker.caller, &turn.media.media_ids).await;
    }
    read.map(|()| turn)
}

async fn read_form(asker: &Asker, mut form: Form, turn: &mut Turn) -> Result<(), Problem> {
    while let Some(part) = form.next().await? {
        match part {
            Part::Text(name, value) => match name.as_str() {
                "message" => turn.message = value,
                "client_id" => turn.client_id = Some(value),
                "line_id" => turn.line_id = Some(line_named(&value)?),
                "channel" => turn.channel = Some(channel_named(&value)?),
                "media_url" => turn.media.media_url = Some(value),
                "link" => turn.link = link_written(&value)?,
                _ => {}
            },
            Part::File(file) if turn.media.media_ids.len() == MAX_ATTACHMENTS => {
                uploads::read_on(file).await;
                return Err(Problem::field(
                    "file",
                    format!("A message carries at most {MAX_ATTACHMENTS} pictures."),
                ));
            }
            Part::File(file) => {
                let store = async |incoming| {
                    Ok(media::upload::upload(asker.backend(), &asker.caller, incoming).await?)
                };
                turn.media.media_ids.push(uploads::stream(file, store).await?.media_id);
            }
        }
    }
    Ok(())
}

fn line_named(text: &str) -> Result<LineId, Problem> {
    text.trim().parse().map_err(|_| Problem::field("line_id", "This is not the id of a line."))
}

/// An empty field is one that was left out.
fn link_written(text: &str) -> Result<Option<LinkOptions>, Problem> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    serde_json::from_str(text)
        .map_err(|_| Problem::field("link", r#"Write the link as JSON, for example {"hours": 24}."#))
}

fn channel_named(text: &str) -> Result<Channel, Problem> {
    Channel::from_word(text.trim())
        .ok_or_else(|| Problem::field("channel", "Write sms, mms or whatsapp, or leave it out."))
}

async fn say(asker: Asker, id: ConversationId, turn: Turn) -> Result<Reply<MessageView>, Problem> {
    let sent = turn.send(&asker, &Recipient::Conversation(id)).await?;
    Ok(asker.created(sent))
}

/// Read or unread.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct ReadInput {
    /// `false` makes the newest inbound message unread again.
    #[serde(default = "yes")]
    read: bool,
    /// The newest message that was seen: what arrived after it stays unread. Without it everything up to now is read.
    #[serde(default)]
    up_to: Option<MessageId>,
}

fn yes() -> bool {
    true
}

/// Marks a conversation read, with `{"up_to": …}` as far as it was seen, or unread with `{"read": false}`. The body may
/// be left out.
#[utoipa::path(
    patch, path = "/api/conversations/{id}/read", tag = "conversations", request_body = Option<ReadInput>,
    params(("id" = ConversationId, Path)),
    responses((status = 200, body = ConversationView), (status = 401, body = Problem), (status = 404, body = Problem)),
)]
pub(crate) async fn read(
    asker: Asker,
    Id(id): Id<ConversationId>,
    request: Request,
) -> Result<Reply<ConversationView>, Problem> {
    let (backend, caller) = (asker.backend(), &asker.caller);
    let has_body = request.headers().contains_key(header::CONTENT_TYPE);
    let input = if has_body {
        Body::<ReadInput>::from_request(request, &asker.app).await?.0
    } else {
        ReadInput { read: true, up_to: None }
    };
    if input.read {
        conversations::mark_read(backend, caller, id, input.up_to).await?;
    } else {
        conversations::mark_unread(backend, caller, id).await?;
    }
    Ok(asker.reply(conversations::get(backend, caller, id).await?))
}
