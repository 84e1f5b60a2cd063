//! Every row's blob, and every blob's row.

use super::{Examination, Trouble};
use crate::clock::millis;
use crate::jobs::{Job, Owner, offered_at, queue};
use crate::keys::Purpose;
use crate::media::attachment;
use crate::media::blobs::{BlobError, BlobKey, Stored, Variant};
use crate::media::inventory::{self, Original};
use crate::media::kind;
use crate::store::{Value, args, placeholders};
use crate::{Error, Result, live};
use futures::{StreamExt, TryStreamExt};
use model::live::Change;
use model::media::AttachmentState;
use model::message::Direction;
use model::{AttachmentId, FailureCode, Millis, PatientImageId};
use sqlx::AssertSqlSafe;
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

/// A blob that nothing names may be on its way to its row for so long.
const ON_ITS_WAY: Duration = Duration::from_secs(24 * 3600);

/// Blobs whose rows one query looks for.
const AT_ONCE: usize = 500;

impl Examination<'_> {
    /// A store in which nothing lies at all is most likely a disk that is not there: nothing is repaired then.
    pub(super) async fn refuse_empty_store(&self) -> Result<()> {
        match self.backend.blobs.list().next().await {
            Some(Ok(_) | Err(BlobError::Unreadable(_))) => return Ok(()),
            Some(Err(error)) => return Err(error.into()),
            None => {}
        }
        if inventory::all(&self.backend.store).try_next().await?.is_some() {
            return Err(Error::failure(
                FailureCode::Conflict,
                "The store for photos is empty, and the database names photos. Is its disk there, and is it the right \
                 place? Nothing was repaired.",
            ));
        }
        Ok(())
    }

    /// Every row's blobs.
    pub(super) async fn media(&mut self) -> Result<()> {
        let backend = self.backend;
        let mut originals = inventory::all(&backend.store);
        while let Some(original) = originals.try_next().await? {
            self.original(&original).await?;
        }
        Ok(())
    }

    async fn original(&mut self, original: &Original) -> Result<()> {
        self.report.originals += 1;
        self.report.renditions += original.renditions.len() as u64;
        let (trouble, why) = match self.backend.blobs.digest(&original.key).await {
            Ok(stored) if original.sha256.as_ref().is_none_or(|noted| *noted == stored.sha256) => {
                return self.whole(original, &stored).await;
            }
            Ok(_) => (Trouble::OriginalAltered, None),
            Err(BlobError::Missing) => (Trouble::OriginalMissing, None),
            Err(BlobError::Unreadable(why)) => (Trouble::Unreadable, Some(why)),
            Err(error) => return Err(error.into()),
        };
        if !self.still_noted(original).await? {
            return Ok(());
        }
        // What cannot be read may be whole: once the operator has seen to it, it can be.
        let repair = self.repair && trouble != Trouble::Unreadable;
        let copied = repair && self.copy_twin(original).await?;
        // What lies there is never put at risk: the carrier may answer with something else.
        let is_gone = trouble == Trouble::OriginalMissing;
        let fetched = repair && is_gone && !copied && self.fetch_again(original).await?;
        self.found_of(trouble, original, why, copied || fetched).await?;
        // Of what comes again, copies are made again.
        if fetched { Ok(()) } else { self.renditions(original, copied).await }
    }

    /// The original is what it was; what is noted of it and made from it may not be.
    async fn whole(&mut self, original: &Original, stored: &Stored) -> Result<()> {
        if stored.size != original.byte_size && self.still_noted(original).await? {
            if self.repair {
                self.note_size(original, stored.size).await?;
            }
            self.found_of(Trouble::SizeWrong, original, None, self.repair).await?;
        }
        self.renditions(original, true).await
    }

    /// What is made of an original; `is_whole`: the original is, so that it can be made again.
    async fn renditions(&mut self, original: &Original, is_whole: bool) -> Result<()> {
        if original.state != AttachmentState::Ready || !kind::is_picture(&original.media_type) {
            return Ok(());
        }
        let mut complete = !(is_whole && original.renditions.is_empty());
        let mut unreadable = Vec::new();
        for rendition in &original.renditions {
            let key = original.key.variant(Variant::Rendition(rendition.role));
            match self.backend.blobs.size(&key).await {
                Ok(size) => complete &= size == Some(rendition.facts.byte_size),
                Err(BlobError::Unreadable(why)) => unreadable.push(why),
                Err(error) => return Err(error.into()),
            }
        }
        if (complete && unreadable.is_empty()) || !self.still_noted(original).await? {
            return Ok(());
        }
        // What cannot be read stands in the way of what would be made in its place.
        let repair = self.repair && is_whole && unreadable.is_empty();
        for why in unreadable {
            self.found_of(Trouble::Unreadable, original, Some(why), false).await?;
        }
        if !complete {
            if repair {
                self.make_again(original).await?;
            }
            self.found_of(Trouble::RenditionMissing, original, None, repair).await?;
        }
        Ok(())
    }

    /// Whether its row still says what it said when it was read.
    async fn still_noted(&self, original: &Original) -> Result<bool> {
        let sql = match original.owner {
            Owner::Attachment(_) => "SELECT state, sha256, byte_size FROM attachment WHERE id = $1",
            Owner::PatientImage(_) => "SELECT state, sha256, byte_size FROM patient_image WHERE id = $1",
        };
        let mut tx = self.backend.store.read().await?;
        let row: Option<(String, Option<Vec<u8>>, i64)> = tx.one(sql, args![original.id()]).await?;
        Ok(row.is_some_and(|(state, sha256, size)| {
            state == original.state.as_str()
                && sha256 == original.sha256
                && size.unsigned_abs() == original.byte_size
        }))
    }

    async fn note_size(&self, original: &Original, size: u64) -> Result<()> {
        let sql = match original.owner {
            Owner::Attachment(_) => "UPDATE attachment SET byte_size = $2 WHERE id = $1",
            Owner::PatientImage(_) => "UPDATE patient_image SET byte_size = $2 WHERE id = $1",
        };
        let mut tx = self.backend.store.write().await?;
        tx.execute(sql, args![original.id(), size]).await?;
        Ok(tx.commit().await?)
    }

    /// The same bytes may lie elsewhere: a photo that is filed in a record is a copy of the one that came.
    async fn copy_twin(&self, original: &Original) -> Result<bool> {
        let Some(sha256) = &original.sha256 else { return Ok(false) };
        let mut tx = self.backend.store.read().await?;
        let with_hash = || args![original.org, sha256.as_slice(), original.id()];
        let attachments: Vec<(Uuid, String)> = tx
            .all(
                "SELECT id, direction FROM attachment WHERE org_id = $1 AND sha256 = $2 AND id <> $3",
                with_hash(),
            )
            .await?;
        let images: Vec<(Uuid, Uuid)> = tx
            .all(
                "SELECT id, patient_id FROM patient_image WHERE org_id = $1 AND sha256 = $2 AND id <> $3",
                with_hash(),
            )
            .await?;
        drop(tx);
        let attachments = attachments.into_iter().map(|(id, direction)| {
            let id = AttachmentId(id);
            match Direction::from_word(&direction) {
                Some(Direction::Inbound) => BlobKey::Inbound(id, Variant::Original),
                Some(Direction::Outbound) | None => BlobKey::Outbound(id, Variant::Original),
            }
        });
        let images = images
            .into_iter()
            .map(|(id, patient)| BlobKey::Image(patient.into(), PatientImageId(id), Variant::Original));
        for twin in attachments.chain(images) {
            match self.backend.blobs.digest(&twin).await {
                Ok(stored) if stored.sha256 == *sha256 => {
                    self.backend.blobs.copy(&twin, &original.key).await?;
                    return Ok(true);
                }
                Ok(_) | Err(BlobError::Missing | BlobError::Unreadable(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    /// The carrier may still have it.
    async fn fetch_again(&self, original: &Original) -> Result<bool> {
        let (Owner::Attachment(id), BlobKey::Inbound(..)) = (original.owner, original.key) else {
            return Ok(false);
        };
        let backend = self.backend;
        let mut look = backend.store.read().await?;
        let remote = offered_at(backend, &mut look, id).await?;
        drop(look);
        let Some(remote) = remote else { return Ok(false) };
        let mut tx = backend.store.write().await?;
        let arriving = AttachmentState::Arriving;
        if !attachment::shift(backend, &mut tx, id, original.state, arriving, None).await? {
            return Ok(false);
        }
        tx.execute(
            "UPDATE attachment SET remote_url_sealed = $2 WHERE id = $1",
            args![id, backend.keys.seal(Purpose::RemoteUrl, remote.as_bytes())],
        )
        .await?;
        // Copies that were made of it stay: they are all there is if the carrier has it no longer.
        let job = Job::FetchMedia { attachment_id: id };
        queue::push(backend, &mut tx, original.org, &job, None, backend.clock.now()).await?;
        tx.commit().await?;
        backend.live.wake(original.org);
        Ok(true)
    }

    async fn make_again(&self, original: &Original) -> Result<()> {
        let backend = self.backend;
        let (from, to) = (AttachmentState::Ready, AttachmentState::Processing);
        let mut tx = backend.store.write().await?;
        match original.owner {
            Owner::Attachment(id) => {
                attachment::shift(backend, &mut tx, id, from, to, None).await?;
            }
            Owner::PatientImage(id) => {
                tx.execute(
                    "UPDATE patient_image SET state = $3 WHERE id = $1 AND state = $2",
                    args![id, from.as_str(), to.as_str()],
                )
                .await?;
                if let BlobKey::Image(patient_id, ..) = original.key {
                    let change = Change::PatientChanged { patient_id };
                    live::record(backend, &mut tx, original.org, change)?;
                }
            }
        }
        tx.execute("DELETE FROM rendition WHERE owner_id = $1", args![original.id()]).await?;
        let job = Job::MakeRenditions { owner: original.owner };
        queue::push(backend, &mut tx, original.org, &job, None, backend.clock.now()).await?;
        tx.commit().await?;
        backend.live.wake(original.org);
        Ok(())
    }

    /// Every blob's row.
    ///
    /// Blobs without one may also mean that the database is an older one, or another one: what no message is newer than
    /// stays, and so does whatever a patient sent, always.
    pub(super) async fn nobodys_blobs(&mut self) -> Result<()> {
        let mut tx = self.backend.store.read().await?;
        let newest_message = tx.number("SELECT COALESCE(MAX(at), 0) FROM message", args![]).await?;
        drop(tx);
        let mut pages = self.backend.blobs.list().chunks(AT_ONCE);
        while let Some(page) = pages.next().await {
            let mut keys = Vec::with_capacity(page.len());
            for listed in page {
                let path = match listed {
                    Ok(listed) => listed.path,
                    Err(BlobError::Unreadable(folder)) => {
                        self.found(Trouble::Unreadable, folder, false);
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                self.report.blobs += 1;
                match BlobKey::from_path(&path) {
                    Some(key) => keys.push(key),
                    None => self.report.strange += 1,
                }
            }
            let owned = self.owned(&keys).await?;
            let latest = self.backend.clock.now() - millis(ON_ITS_WAY);
            for key in keys.iter().filter(|key| !owned.contains(&owner(key)) && made_at(owner(key)) < latest)
            {
                let goes = self.repair && is_ours(key) && made_at(owner(key)) < newest_message;
                if goes {
                    self.backend.blobs.delete(key).await?;
                }
                self.found(Trouble::NobodysBlob, key.path(), goes);
            }
        }
        Ok(())
    }

    /// The owners that have rows.
    async fn owned(&self, keys: &[BlobKey]) -> Result<HashSet<Uuid>> {
        let owners: Vec<Uuid> = keys.iter().map(owner).collect::<HashSet<_>>().into_iter().collect();
        if owners.is_empty() {
            return Ok(HashSet::new());
        }
        let list = placeholders(1, owners.len());
        let mut tx = self.backend.store.read().await?;
        let mut owned = HashSet::new();
        for table in ["attachment", "patient_image"] {
            let sql = format!("SELECT id FROM {table} WHERE id IN ({list})");
            let args: Vec<Value> = owners.iter().map(|id| (*id).into()).collect();
            let rows: Vec<(Uuid,)> = tx.all(AssertSqlSafe(sql), args).await?;
            owned.extend(rows.into_iter().map(|(id,)| id));
        }
        Ok(owned)
    }
}

/// Whose blob it is.
fn owner(key: &BlobKey) -> Uuid {
    match key {
        BlobKey::Outbound(id, _) | BlobKey::Inbound(id, _) => id.0,
        BlobKey::Image(_, id, _) => id.0,
    }
}

/// Whether it was uploaded or made here: what a patient sent, or a copy of it in a record, may be the only one.
fn is_ours(key: &BlobKey) -> bool {
    match key {
        BlobKey::Outbound(..) => true,
        BlobKey::Inbound(_, variant) | BlobKey::Image(_, _, variant) => *variant != Variant::Original,
    }
}

/// When an id was made: one of version 7 begins with the milliseconds since the Unix epoch.
fn made_at(id: Uuid) -> Millis {
    Millis::try_from(id.as_u128() >> 80).unwrap_or(Millis::MAX)
}
