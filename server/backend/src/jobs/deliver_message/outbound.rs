//! What the carrier is handed.

use super::Ready;
use crate::clock::millis;
use crate::jobs::make_renditions::{self, CarrierCopy};
use crate::media::blobs::{BlobError, BlobKey};
use crate::media::{kind, links};
use crate::{Backend, Error, Result};
use bytes::Bytes;
use futures::TryStreamExt;
use model::message::Channel;
use model::routing::shares;
use providers::{Outbound, OutboundMedia};
use std::time::Duration;

/// How long the carrier may fetch the pictures: carriers queue for up to four hours.
const LINKS_HOLD: Duration = Duration::from_secs(5 * 60 * 60);

/// What came of preparing a request.
pub(super) enum Prepared {
    /// The request as its carrier takes it, and the bytes of its pictures together.
    Whole(Outbound, u64),
    /// A picture could not be worked on just now.
    NotNow,
    /// It was tried for too long.
    Never,
    /// A picture does not get as small as the carrier wants it.
    TooLarge {
        /// What staff call it.
        file_name: String,
    },
}

/// Prepares a request. Its pictures share what the carrier takes in all.
pub(super) async fn prepare(backend: &Backend, ready: &Ready) -> Result<Prepared> {
    let limits = providers::for_kind(ready.route.provider).limits();
    let budget = ready.request.media_bytes.map_or(limits.media_bytes, |most| most.min(limits.media_bytes));
    let mut sizes = Vec::with_capacity(ready.pictures.len());
    for picture in &ready.pictures {
        sizes.push(make_renditions::carrier_copy_size(backend, picture.id).await?);
    }
    let (mut media, mut all_bytes) = (Vec::with_capacity(ready.pictures.len()), 0);
    for (picture, (size, share)) in ready.pictures.iter().zip(sizes.iter().zip(shares(budget, &sizes))) {
        let (key, bytes) = match make_renditions::carrier_copy(backend, picture.id, *size, share).await? {
            CarrierCopy::Ready(key, bytes) => (key, bytes),
            CarrierCopy::NotNow => return Ok(Prepared::NotNow),
            CarrierCopy::TooLarge => {
                return Ok(Prepared::TooLarge { file_name: picture.file_name.clone() });
            }
        };
        all_bytes += bytes;
        media.push(OutboundMedia {
            url: links::carrier_link(backend, key, millis(LINKS_HOLD)).await?,
            media_type: kind::RENDITION.to_owned(),
            bytes: if limits.wants_bytes { bytes_of(backend, &key).await? } else { Bytes::new() },
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
    Ok(Prepared::Whole(outbound, all_bytes))
}

/// The bytes of a picture as its carrier gets them; a few hundred kilobytes.
async fn bytes_of(backend: &Backend, key: &BlobKey) -> Result<Bytes> {
    let body = backend.blobs.get(key, None).await?;
    let chunks: Vec<Bytes> =
        body.stream.try_collect().await.map_err(|_| Error::Blobs(BlobError::Interrupted))?;
    Ok(chunks.concat().into())
}
