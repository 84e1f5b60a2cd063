//! Renditions are made from an original.

use super::{Outcome, Owner, backoff};
use crate::media::attachment::{self, Attachment, Rendition, replace_renditions};
use crate::media::blobs::{BlobError, BlobKey, Variant};
use crate::media::kind;
use crate::store::{Tx, args};
use crate::{Backend, Error, Result, live};
use model::live::Change;
use model::media::{AttachmentState, RenditionFacts, RenditionRole};
use model::{AttachmentId, OrgId, PatientId, PatientImageId};
use picture::Budget;
use picture_worker::{Developed, PictureError, Role, Wanted};
use std::fs::File;
use std::time::Duration;
use uuid::Uuid;

/// Attempts after which a picture that the server could not work on is shown as such.
const MAX_ATTEMPTS: u32 = 6;

/// What staff are told of a picture of which nothing is here.
pub(super) const ORIGINAL_MISSING: &str =
    "The original is missing from the server's storage. Tell your administrator.";

pub(super) async fn run(backend: &Backend, owner: Owner, attempt: u32) -> Result<Outcome> {
    let mut tx = backend.store.read().await?;
    let subject = Subject::load(&mut tx, owner).await?;
    drop(tx);
    // Discarded, or made by an earlier run of this job.
    let Some(subject) = subject.filter(|subject| subject.state == AttachmentState::Processing) else {
        return Ok(Outcome::Done);
    };
    let original = match backend.blobs.open_file(&subject.original).await {
        Ok(file) => file,
        Err(BlobError::Missing) => {
            tracing::error!("an original is missing from the blob store");
            subject.settle(backend, Settled::Unreadable(ORIGINAL_MISSING.to_owned())).await?;
            return Ok(Outcome::GiveUp { why: "an original is missing from the blob store" });
        }
        Err(error) => return Err(error.into()),
    };
    match work_on(backend, original, Wanted::usual(Budget::CARRIER)).await? {
        Ok(developed) => {
            let renditions = store(backend, &subject.original, developed.renditions).await?;
            let size = (developed.width, developed.height);
            subject.settle(backend, Settled::Ready { size, renditions }).await?;
            Ok(Outcome::Done)
        }
        Err(error) if error.is_temporary() && attempt < MAX_ATTEMPTS => {
            tracing::warn!(?error, attempt, "a picture could not be worked on");
            Ok(Outcome::Again { after: backoff(attempt, Duration::from_secs(2), Duration::from_secs(60)) })
        }
        Err(error) => {
            tracing::info!(?error, "a picture cannot be read");
            subject.settle(backend, Settled::Unreadable(error.to_string())).await?;
            Ok(Outcome::Done)
        }
    }
}

/// Bytes of the usual carrier copy of an outbound picture, once it is made.
pub(super) async fn carrier_copy_size(backend: &Backend, id: AttachmentId) -> Result<Option<u64>> {
    let mut tx = backend.store.read().await?;
    let row: Option<(i64,)> = tx
        .one(
            "SELECT byte_size FROM rendition WHERE owner_id = $1 AND role = $2",
            args![id, RenditionRole::Carrier.as_str()],
        )
        .await?;
    Ok(row.and_then(|(size,)| u64::try_from(size).ok()))
}

/// A carrier copy of an outbound picture.
pub(super) enum CarrierCopy {
    /// Where it lies, and its bytes.
    Ready(BlobKey, u64),
    /// It could not be made just now.
    NotNow,
    /// The picture does not get so small.
    TooLarge,
}

/// The carrier copy of an outbound picture with at most `most` bytes: the usual one where that is small enough, else one
/// that is made for this limit, from the original. Each limit has its own, so that no carrier gets what was made for
/// another one.
pub(super) async fn carrier_copy(
    backend: &Backend,
    id: AttachmentId,
    usual: Option<u64>,
    most: u64,
) -> Result<CarrierCopy> {
    let original = BlobKey::Outbound(id, Variant::Original);
    if let Some(bytes) = usual.filter(|bytes| *bytes <= most) {
        return Ok(CarrierCopy::Ready(original.variant(Variant::Rendition(RenditionRole::Carrier)), bytes));
    }
    let key = original.variant(Variant::Fitted(most));
    if let Some(bytes) = backend.blobs.size(&key).await? {
        return Ok(CarrierCopy::Ready(key, bytes));
    }
    let budget = Budget::new(Budget::CARRIER.longest, usize::try_from(most).unwrap_or(usize::MAX));
    let file = backend.blobs.open_file(&original).await?;
    let made = match work_on(backend, file, Wanted::carrier(budget)).await? {
        Ok(developed) => developed.renditions.into_iter().find(|made| made.role == Role::Carrier),
        Err(error) if error.is_temporary() => {
            tracing::warn!(?error, "a carrier copy could not be made just now");
            return Ok(CarrierCopy::NotNow);
        }
        Err(error) => {
            tracing::warn!(?error, "a carrier copy could not be made smaller");
            None
        }
    };
    // Whatever is larger than the carrier takes is not offered to it.
    let Some(made) = made.filter(|made| made.bytes.len() as u64 <= most) else {
        return Ok(CarrierCopy::TooLarge);
    };
    let bytes = made.bytes.len() as u64;
    backend.blobs.put_bytes(&key, kind::RENDITION, made.bytes.into()).await?;
    Ok(CarrierCopy::Ready(key, bytes))
}

/// Staff see that it cannot be shown, and may retry, rather than a picture that is worked on for ever.
pub(super) async fn end(backend: &Backend, tx: &mut Tx, owner: Owner) -> Result<()> {
    const WORDS: &str = "The picture could not be worked on because of an error on the server. The original is kept. \
                         Tell your administrator; Retry tries now.";
    let (from, to) = (AttachmentState::Processing, AttachmentState::Unreadable);
    shift(backend, tx, owner, from, to, Some(WORDS)).await
}

pub(super) async fn reopen(backend: &Backend, tx: &mut Tx, owner: Owner) -> Result<()> {
    let (from, to) = (AttachmentState::Unreadable, AttachmentState::Processing);
    shift(backend, tx, owner, from, to, None).await
}

async fn shift(
    backend: &Backend,
    tx: &mut Tx,
    owner: Owner,
    from: AttachmentState,
    to: AttachmentState,
    failure: Option<&str>,
) -> Result<()> {
    let image = match owner {
        Owner::Attachment(id) => {
            return attachment::shift(backend, tx, id, from, to, failure).await.map(drop);
        }
        Owner::PatientImage(id) => id,
    };
    // Nothing that open screens show changes with it.
    tx.execute(
        "UPDATE patient_image SET state = $3, failure = $4 WHERE id = $1 AND state = $2",
        args![image, from.as_str(), to.as_str(), failure],
    )
    .await?;
    Ok(())
}

/// What renditions are made for.
struct Subject {
    owner: Owner,
    org: OrgId,
    state: AttachmentState,
    original: BlobKey,
}

/// How it ends.
enum Settled {
    Ready {
        size: (u32, u32),
        renditions: Vec<Rendition>,
    },
    /// With words for staff.
    Unreadable(String),
}

impl Subject {
    async fn load(tx: &mut Tx, owner: Owner) -> Result<Option<Self>> {
        let image = match owner {
            Owner::Attachment(id) => {
                let attachment = Attachment::load(tx, id).await?;
                return Ok(attachment.map(|attachment| Self {
                    owner,
                    org: attachment.org_id,
                    state: attachment.state,
                    original: attachment.key(Variant::Original),
                }));
            }
            Owner::PatientImage(id) => id,
        };
        let row: Option<(Uuid, Uuid, String)> =
            tx.one("SELECT org_id, patient_id, state FROM patient_image WHERE id = $1", args![image]).await?;
        row.map(|(org, patient, state)| {
            Ok(Self {
                owner,
                org: org.into(),
                state: AttachmentState::from_word(&state)
                    .ok_or(Error::Inconsistent("an image in no known state"))?,
                original: BlobKey::Image(patient.into(), image, Variant::Original),
            })
        })
        .transpose()
    }

    /// Records the end, unless somebody else did or dropped the owner meanwhile.
    async fn settle(self, backend: &Backend, end: Settled) -> Result<()> {
        let (state, failure, size, renditions) = match end {
            Settled::Ready { size, renditions } => (AttachmentState::Ready, None, Some(size), renditions),
            Settled::Unreadable(words) => (AttachmentState::Unreadable, Some(words), None, Vec::new()),
        };
        let sql = match self.owner {
            Owner::Attachment(_) => {
                "UPDATE attachment SET state = $3, failure = $4, width = $5, height = $6
                 WHERE id = $1 AND state = $2"
            }
            Owner::PatientImage(_) => {
                "UPDATE patient_image SET state = $3, failure = $4, width = $5, height = $6
                 WHERE id = $1 AND state = $2"
            }
        };
        let mut tx = backend.store.write().await?;
        let args = args![
            self.id(),
            AttachmentState::Processing.as_str(),
            state.as_str(),
            failure,
            size.map(|(width, _)| width),
            size.map(|(_, height)| height)
        ];
        if tx.execute(sql, args).await? == 0 {
            let gone = Self::load(&mut tx, self.owner).await?.is_none();
            drop(tx);
            if gone {
                for rendition in renditions {
                    backend.blobs.delete(&self.original.variant(Variant::Rendition(rendition.role))).await?;
                }
            }
            return Ok(());
        }
        replace_renditions(backend, &mut tx, self.org, self.id(), &renditions).await?;
        let change = self.change(&mut tx).await?;
        live::record(backend, &mut tx, self.org, change)?;
        tx.commit().await?;
        backend.live.wake(self.org);
        Ok(())
    }

    fn id(&self) -> Uuid {
        match self.owner {
            Owner::Attachment(id) => id.0,
            Owner::PatientImage(id) => id.0,
        }
    }

    async fn change(&self, tx: &mut Tx) -> Result<Change> {
        match self.owner {
            Owner::Attachment(id) => {
                let attachment = Attachment::load(tx, id).await?;
                attachment.ok_or(Error::Inconsistent("an attachment vanished"))?.change(tx).await
            }
            Owner::PatientImage(id) => Ok(Change::PatientChanged { patient_id: patient_of(tx, id).await? }),
        }
    }
}

async fn patient_of(tx: &mut Tx, image: PatientImageId) -> Result<PatientId> {
    let row: Option<(Uuid,)> =
        tx.one("SELECT patient_id FROM patient_image WHERE id = $1", args![image]).await?;
    row.map(|(id,)| id.into()).ok_or(Error::Inconsistent("an image vanished"))
}

async fn work_on(
    backend: &Backend,
    original: File,
    wanted: Wanted,
) -> Result<std::result::Result<Developed, PictureError>> {
    let pictures = backend.pictures.clone();
    tokio::task::spawn_blocking(move || pictures.develop(&original, &wanted))
        .await
        .map_err(|_| Error::Inconsistent("working on a picture panicked"))
}

async fn store(
    backend: &Backend,
    original: &BlobKey,
    made: Vec<picture_worker::Rendition>,
) -> Result<Vec<Rendition>> {
    let mut stored = Vec::with_capacity(made.len());
    for rendition in made {
        let role = match rendition.role {
            Role::Tile => RenditionRole::Tile,
            Role::Screen => RenditionRole::Screen,
            Role::Carrier => RenditionRole::Carrier,
        };
        let key = original.variant(Variant::Rendition(role));
        let facts = RenditionFacts {
            width: rendition.width,
            height: rendition.height,
            byte_size: rendition.bytes.len() as u64,
        };
        backend.blobs.put_bytes(&key, kind::RENDITION, rendition.bytes.into()).await?;
        stored.push(Rendition { role, facts });
    }
    Ok(stored)
}
