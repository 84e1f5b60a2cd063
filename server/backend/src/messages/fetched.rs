//! Sending a picture that stands at an address.

use super::{Along, check, conversation_of, record, repeated, route};
use crate::limits::{self, Action, Whose};
use crate::media::links;
use crate::media::upload::{self, Incoming};
use crate::store::args;
use crate::{Backend, Caller, Error, Result, media};
use futures::{StreamExt, TryStreamExt};
use model::media::human_bytes;
use model::message::{Draft, MessageView, Recipient};
use model::staff::Permission;
use model::{AttachmentId, FailureCode};
use providers::HttpError;
use url::Url;

/// As [`send`](super::send), with one more picture behind those of the draft. `media_url` is the link of an upload,
/// whether or not its signature still holds, or a foreign https address, whose picture is fetched through the guarded
/// client and taken in like an upload. The same `client_id` with the same address again answers with the same message
/// and fetches nothing, whatever stands at the address by then.
///
/// # Errors
/// As `send`, as [`upload`](upload::upload), and `Invalid` for `media_url` where nothing can be had from it.
pub async fn send_with_url(
    backend: &Backend,
    caller: &Caller,
    to: &Recipient,
    draft: &Draft,
    media_url: &str,
) -> Result<MessageView> {
    caller.require(Permission::SendMessages)?;
    // A link of ours may come back without its host.
    let url = backend.settings.app_url.join(media_url).map_err(|_| no_address())?;
    let mut draft = draft.clone();
    if let Some(own) = own_upload(backend, caller, &url).await? {
        if !draft.attachments.contains(&own) {
            draft.attachments.push(own);
        }
        return super::send(backend, caller, to, &draft).await;
    }
    limits::take(backend, Action::Send, Whose::Caller(caller)).await?;
    check(&draft, 1)?;
    if let Some(same) = sent_before(backend, caller, to, &draft, &url).await? {
        return Ok(same);
    }
    route::sending_is_on(backend)?;
    let fetched = fetch(backend, caller, &url).await?;
    draft.attachments.push(fetched);
    let sent = Box::pin(record(backend, caller, to, &draft, fetched_from(&url))).await;
    let taken_up = sent.as_ref().is_ok_and(|sent| sent.attachments.iter().any(|one| one.id == fetched));
    if !taken_up {
        // Refused, or the same message came twice at once and the other one was first.
        media::discard_unsent(backend, caller, &[fetched]).await;
    }
    sent
}

async fn own_upload(backend: &Backend, caller: &Caller, url: &Url) -> Result<Option<AttachmentId>> {
    match links::attachment_of(backend, caller, url).await {
        Err(Error::Failure(failure)) if failure.code == FailureCode::NotFound => {
            Err(wrong("This media_url names no upload of yours."))
        }
        found => found,
    }
}

/// The message that this one repeats. What this looks through is undone: nothing may be left of a message that is
/// not sent.
async fn sent_before(
    backend: &Backend,
    caller: &Caller,
    to: &Recipient,
    draft: &Draft,
    url: &Url,
) -> Result<Option<MessageView>> {
    let mut tx = backend.store.read().await?;
    let used = tx
        .number(
            "SELECT COUNT(*) FROM message WHERE org_id = $1 AND client_id = $2",
            args![caller.org_id, &draft.client_id],
        )
        .await?;
    drop(tx);
    if used == 0 {
        return Ok(None);
    }
    let mut tx = backend.store.write().await?;
    let (conversation, _) = conversation_of(backend, &mut tx, caller.org_id, to).await?;
    let along = fetched_from(url);
    let content =
        super::content_hash(&mut tx, caller.org_id, conversation, draft, &draft.attachments, along).await?;
    repeated(backend, &mut tx, caller.org_id, draft, &content).await
}

async fn fetch(backend: &Backend, caller: &Caller, url: &Url) -> Result<AttachmentId> {
    if url.scheme() != "https" && !backend.http.allows_without_tls(url) {
        return Err(no_address());
    }
    let most = backend.settings.max_media_bytes;
    let fetched = backend.http.fetch(url, None, most).await.map_err(|error| match error {
        HttpError::Forbidden => wrong("This address is not public, and nothing is fetched from it."),
        HttpError::TooLarge => Error::failure(
            FailureCode::TooLarge,
            format!("The file at this address is too large. At most {} can be taken.", human_bytes(most)),
        ),
        _ => wrong("The picture could not be fetched from this address. Check it, or upload the picture."),
    })?;
    let file_name = url.path_segments().and_then(|mut path| path.next_back()).unwrap_or_default().to_owned();
    let body = fetched.body.map_err(std::io::Error::other).boxed();
    Ok(upload::upload(backend, caller, Incoming { file_name, body }).await?.media_id)
}

fn fetched_from(url: &Url) -> Along<'_> {
    Along { fetched_from: Some(url), ..Along::default() }
}

fn no_address() -> Error {
    wrong("Write the media_url of an upload, or an https address.")
}

fn wrong(message: &str) -> Error {
    Error::invalid("media_url", message)
}
