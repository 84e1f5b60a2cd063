//! Originals and their renditions: taken in, kept, shown through short signed links.

pub(crate) mod attachment;
pub mod blobs;
pub(crate) mod inventory;
pub(crate) mod kind;
pub mod links;
pub mod upload;
mod whole;

pub use kind::Disposition;

use crate::clock::millis;
use crate::jobs::{Job, Owner, aside, queue};
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result};
use attachment::Attachment;
use blobs::Variant;
use futures::TryStreamExt;
use model::media::{AttachmentState, AttachmentView};
use model::staff::Permission;
use model::{AttachmentId, FailureCode, MessageId, OrgId};
use std::collections::HashMap;
use std::time::Duration;

/// An upload waits this long for its message.
const UNSENT_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Uploads that a sweep looks at in one go.
const SWEPT_AT_ONCE: usize = 100;

/// To be called by what serves: from now on a folder for photos in which nothing lies is taken for a disk that is not there,
/// if the database names any photo.
///
/// # Errors
/// Of the database.
pub async fn expect_stored(backend: &Backend) -> Result<()> {
    let mut originals = inventory::all(&backend.store);
    if originals.try_next().await?.is_some() {
        backend.blobs.expect_content();
    }
    Ok(())
}

/// One attachment or upload.
pub async fn get(backend: &Backend, caller: &Caller, id: AttachmentId) -> Result<AttachmentView> {
    caller.require(Permission::ReadConversations)?;
    let mut tx = backend.store.read().await?;
    let attachment = Attachment::of_org(&mut tx, caller.org_id, id).await?;
    let mut views = attachment::views(backend, &mut tx, vec![attachment]).await?;
    views.pop().ok_or(Error::Inconsistent("an attachment without a view"))
}

/// Drops an upload that is not sent.
///
/// # Errors
/// `Conflict` once it belongs to a message.
pub async fn discard(backend: &Backend, caller: &Caller, id: AttachmentId) -> Result<()> {
    caller.require(Permission::SendMessages)?;
    let mut tx = backend.store.read().await?;
    let attachment = Attachment::of_org(&mut tx, caller.org_id, id).await?;
    drop(tx);
    if remove_unsent(backend, &attachment).await? {
        return Ok(());
    }
    Err(Error::failure(FailureCode::Conflict, "This picture belongs to a message already and stays with it."))
}

/// Drops those of these uploads that no message has taken up. Whoever made them got an answer without them already, so
/// nothing is said of those that stay.
pub async fn discard_unsent(backend: &Backend, caller: &Caller, uploads: &[AttachmentId]) {
    for upload in uploads {
        match discard(backend, caller, *upload).await {
            Ok(()) | Err(Error::Failure(_)) => {}
            Err(error) => tracing::warn!(%error, "an upload that was not sent stays"),
        }
    }
}

/// Drops uploads that were not sent within a day, in every organisation: of a message that was never finished, or of a
/// caller who went away. Answers how many.
pub async fn sweep_unsent(backend: &Backend) -> Result<usize> {
    let before = backend.clock.now() - millis(UNSENT_KEPT);
    let mut swept = 0;
    loop {
        let mut tx = backend.store.read().await?;
        let unsent = Attachment::unsent(&mut tx, before, SWEPT_AT_ONCE).await?;
        drop(tx);
        let found = unsent.len();
        for attachment in &unsent {
            swept += usize::from(remove_unsent(backend, attachment).await?);
        }
        if found < SWEPT_AT_ONCE {
            return Ok(swept);
        }
    }
}

/// `false` when a message took it up meanwhile, or somebody else removed it.
async fn remove_unsent(backend: &Backend, attachment: &Attachment) -> Result<bool> {
    let mut tx = backend.store.write().await?;
    // Sending may claim it at the same moment; one of the two statements finds nothing.
    let dropped = tx
        .execute("DELETE FROM attachment WHERE id = $1 AND message_id IS NULL", args![attachment.id])
        .await?;
    if dropped == 0 {
        return Ok(false);
    }
    tx.execute("DELETE FROM rendition WHERE owner_id = $1", args![attachment.id]).await?;
    tx.commit().await?;
    for variant in Variant::OF_UPLOAD {
        if let Err(error) = backend.blobs.delete(&attachment.key(variant)).await {
            tracing::warn!(%error, "a discarded upload stays in the blob store");
        }
    }
    Ok(true)
}

/// Tries again to fetch or to read an attachment that failed; one that did not fail stays as it is.
pub async fn retry(backend: &Backend, caller: &Caller, id: AttachmentId) -> Result<AttachmentView> {
    caller.require(Permission::SendMessages)?;
    let mut tx = backend.store.write().await?;
    let attachment = Attachment::of_org(&mut tx, caller.org_id, id).await?;
    let (next, job) = match attachment.state {
        AttachmentState::Unfetchable => (AttachmentState::Arriving, Job::FetchMedia { attachment_id: id }),
        AttachmentState::Unreadable => {
            (AttachmentState::Processing, Job::MakeRenditions { owner: Owner::Attachment(id) })
        }
        AttachmentState::Arriving | AttachmentState::Processing | AttachmentState::Ready => {
            drop(tx);
            return get(backend, caller, id).await;
        }
    };
    if attachment::shift(backend, &mut tx, id, attachment.state, next, None).await? {
        aside::give_way(backend, &mut tx, caller.org_id, &job).await?;
        queue::push(backend, &mut tx, caller.org_id, &job, None, backend.clock.now()).await?;
    }
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    get(backend, caller, id).await
}

/// The attachments of messages, in the order they were attached. A message without any is absent.
pub(crate) async fn views_of_messages(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    messages: &[MessageId],
) -> Result<HashMap<MessageId, Vec<AttachmentView>>> {
    let attachments = Attachment::of_messages(tx, org, messages).await?;
    let owners: Vec<_> = attachments.iter().map(|attachment| attachment.message_id).collect();
    let views = attachment::views(backend, tx, attachments).await?;
    let mut all: HashMap<MessageId, Vec<AttachmentView>> = HashMap::new();
    for (owner, view) in owners.into_iter().zip(views) {
        if let Some(message) = owner {
            all.entry(message).or_default().push(view);
        }
    }
    Ok(all)
}
