//! Private links that were sent.

use super::Answer;
#[cfg(feature = "ssr")]
use super::signed_in;
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::MessageId;
use model::message::{Channel, MessageView};

/// Closes the link of a message for good.
#[server(prefix = "/api/ui", endpoint = "links/revoke", input = Json)]
pub async fn revoke(id: MessageId) -> Answer<MessageView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::share_links::revoke(&backend, &caller, id).await?)
}

/// Lets the link of a message hold for another day, and unlocks it.
#[server(prefix = "/api/ui", endpoint = "links/extend", input = Json)]
pub async fn extend(id: MessageId) -> Answer<MessageView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::share_links::extend(&backend, &caller, id).await?)
}

/// Sends the link of a message again, as a message of its own; the same `client_id` again answers with the same one.
/// Without a `channel` it goes the way that the message went.
#[server(prefix = "/api/ui", endpoint = "links/resend", input = Json)]
pub async fn resend(id: MessageId, client_id: String, channel: Option<Channel>) -> Answer<MessageView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::share_links::resend(&backend, &caller, id, &client_id, channel).await?)
}
