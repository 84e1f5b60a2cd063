//! Private links: what can be done about one that was sent.

use crate::failure::{Body, Id, Problem};
use crate::session::{Asker, Reply};
use axum::extract::{FromRequest, Request};
use axum::http::header;
use backend::share_links;
use model::MessageId;
use model::message::{Channel, MessageView};
use serde::Deserialize;

/// Closes the link of a message for good: whoever opens it is told whom to ask.
#[utoipa::path(
    post, path = "/api/messages/{id}/link/revoke", tag = "links", params(("id" = MessageId, Path)),
    responses(
        (status = 200, body = MessageView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub(crate) async fn revoke(asker: Asker, Id(id): Id<MessageId>) -> Result<Reply<MessageView>, Problem> {
    Ok(asker.reply(share_links::revoke(asker.backend(), &asker.caller, id).await?))
}

/// Lets the link of a message hold for another 24 hours, from now where it has expired, and unlocks one on which too many
/// wrong dates of birth were tried.
#[utoipa::path(
    post, path = "/api/messages/{id}/link/extend", tag = "links", params(("id" = MessageId, Path)),
    responses(
        (status = 200, body = MessageView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem),
    ),
)]
pub(crate) async fn extend(asker: Asker, Id(id): Id<MessageId>) -> Result<Reply<MessageView>, Problem> {
    Ok(asker.reply(share_links::extend(asker.backend(), &asker.caller, id).await?))
}

/// How to send a link again.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
pub(crate) struct ResendInput {
    /// Chosen by the caller; the same one again answers with the same message and sends nothing.
    #[serde(default)]
    client_id: Option<String>,
    /// `sms` where WhatsApp takes it no more, since the patient's last message there is older than 24 hours. Left out, it
    /// goes the way that the message went.
    #[serde(default)]
    channel: Option<Channel>,
}

/// Sends the link of a message again, with the same text, as a message of its own. The body may be left out.
#[utoipa::path(
    post, path = "/api/messages/{id}/link/resend", tag = "links", request_body = Option<ResendInput>,
    params(("id" = MessageId, Path)),
    responses(
        (status = 201, body = MessageView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem),
    ),
)]
pub(crate) async fn resend(
    asker: Asker,
    Id(id): Id<MessageId>,
    request: Request,
) -> Result<Reply<MessageView>, Problem> {
    let input = match request.headers().contains_key(header::CONTENT_TYPE) {
        true => Body::<ResendInput>::from_request(request, &asker.app).await?.0,
        false => ResendInput::default(),
    };
    let backend = asker.backend();
    let client_id = input.client_id.filter(|id| !id.trim().is_empty());
    let client_id = client_id.unwrap_or_else(|| backend.clock.new_id::<MessageId>().to_string());
    let sent = share_links::resend(backend, &asker.caller, id, &client_id, input.channel).await?;
    Ok(asker.created(sent))
}
