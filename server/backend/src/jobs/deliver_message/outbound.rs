//! What the carrier is handed.

use super::Ready;
use crate::clock::millis;
use crate::jobs::make_renditions;
use crate::media::blobs::{BlobError, BlobKey, Variant};
use crate::media::{kind, links};
use crate::{Backend, Error, Result};
use bytes::Bytes;
use futures::TryStreamExt;
use model::AttachmentId;
use model::media::RenditionRole;
use model::message::Channel;
use model::routing::shares;
use providers::{Outbound, OutboundMedia};
use std::time::Duration;

/// How long the carrier may fetch the pictures: carriers queue for up to four hours.
const LINKS_HOLD: Duration = Duration::from_secs(5 * 60 * 60);

/// The request as its carrier takes it, and the bytes of its pictures, which share what the carrier takes in all.
pub(super) async fn outbound(backend: &Backend, ready: &Ready) -> Result<(Outbound, u64)> {
    let limits = providers::for_kind(ready.route.provider).limits();
    let budget = ready.request.media_bytes.map_or(limits.media_bytes, |most| most.min(limits.media_bytes));
    let mut sizes = Vec::with_capacity(ready.pictures.len());
    for picture in &ready.pictures {
        sizes.push(make_renditions::carrier_copy_size(backend, picture.id).await?);
    }
    let (mut media, mut bytes) = (Vec::with_capacity(ready.pictures.len()), 0);
    for (picture, (size, share)) in ready.pictures.iter().zip(sizes.iter().zip(shares(budget, &sizes))) {
        bytes += match size {
            Some(size) if *size <= share => *size,
            _ => make_renditions::fit_carrier_copy(backend, picture.id, share).await?,
        };
        media.push(OutboundMedia {
            url: links::carrier_link(backend, picture.id, millis(LINKS_HOLD)).await?,
            media_type: kind::RENDITION.to_owned(),
            bytes: if limits.wants_bytes { carrier_copy(backend, picture.id).await? } else { Bytes::new() },
        });
    }
    let outbound = Outbound {
        to: ready.to.clone(),
        channel: match ready.channel {
            Channel::Whatsapp => Channel::Whatsapp,
            Channel::Sms | Channel::Mms if media.is_empty() => Channel::Sms,
            Channel::Sms | Channel::Mms => Channel::Mms,
        },
        text: ready.text.clone(),
        media,
        template: ready.template.clone(),
        reference: ready.request.id.to_string(),
    };
    Ok((outbound, bytes))
}

/// The bytes of a picture as its carrier gets them; a few hundred kilobytes.
async fn carrier_copy(backend: &Backend, id: AttachmentId) -> Result<Bytes> {
    let key = BlobKey::Outbound(id, Variant::Rendition(RenditionRole::Carrier));
    let body = backend.blobs.get(&key, None).await?;
    let chunks: Vec<Bytes> =
        body.stream.try_collect().await.map_err(|_| Error::Blobs(BlobError::Interrupted))?;
    Ok(chunks.concat().into())
}
