//! Messages and the pictures that travel with them.

use super::Answer;
#[cfg(feature = "ssr")]
use super::signed_in;
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::media::AttachmentView;
use model::message::{Draft, MessageView, Recipient};
use model::{AttachmentId, MessageId};

/// One message.
#[server(prefix = "/api/ui", endpoint = "messages/get", input = Json)]
pub async fn get(id: MessageId) -> Answer<MessageView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::conversations::message(&backend, &caller, id).await?)
}

/// Sends; the same `client_id` again answers with the same message.
#[server(prefix = "/api/ui", endpoint = "messages/send", input = Json)]
pub async fn send_message(to: Recipient, draft: Draft) -> Answer<MessageView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::messages::send(&backend, &caller, &to, &draft).await?)
}

/// Tries what failed of a message again.
#[server(prefix = "/api/ui", endpoint = "messages/retry", input = Json)]
pub async fn retry(id: MessageId) -> Answer<MessageView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::messages::retry(&backend, &caller, id).await?)
}

/// A person says what became of a message that we are not sure about.
#[server(prefix = "/api/ui", endpoint = "messages/resolve", input = Json)]
pub async fn resolve(id: MessageId, arrived: bool) -> Answer<MessageView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::messages::resolve(&backend, &caller, id, arrived).await?)
}

/// One attachment or upload.
#[server(prefix = "/api/ui", endpoint = "messages/attachment", input = Json)]
pub async fn attachment(id: AttachmentId) -> Answer<AttachmentView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::media::get(&backend, &caller, id).await?)
}

/// Drops an upload that is not sent.
#[server(prefix = "/api/ui", endpoint = "messages/discard-upload", input = Json)]
pub async fn discard_upload(id: AttachmentId) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::media::discard(&backend, &caller, id).await?)
}

/// Tries again to fetch or to read an attachment.
#[server(prefix = "/api/ui", endpoint = "messages/retry-attachment", input = Json)]
pub async fn retry_attachment(id: AttachmentId) -> Answer<AttachmentView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::media::retry(&backend, &caller, id).await?)
}
