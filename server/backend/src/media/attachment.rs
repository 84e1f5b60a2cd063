//! Attachments and renditions as the store keeps them.

use super::blobs::{BlobKey, Variant};
use super::kind::{self, Disposition};
use super::links::{self, TO_VIEW, Target};
use crate::store::{Tx, args, placeholders};
use crate::{Backend, Error, Result, live};
use model::live::Change;
use model::media::{AttachmentState, AttachmentView, Category, FiledAs, RenditionFacts, RenditionRole};
use model::message::Direction;
use model::{AttachmentId, MessageId, Millis, OrgId};
use sqlx::AssertSqlSafe;
use std::collections::HashMap;
use uuid::Uuid;

/// How many ids one query asks for.
const AT_ONCE: usize = 500;

/// The columns of [`Row`], for attachments that fulfil a condition.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT id, org_id, message_id, position, direction, state, failure, file_name, media_type, byte_size,
                    sha256, width, height
             FROM attachment WHERE ",
            $condition
        )
    };
}

/// An attachment, read.
#[derive(Debug, Clone)]
pub(crate) struct Attachment {
    pub(crate) id: AttachmentId,
    pub(crate) org_id: OrgId,
    /// Absent for an upload that is not sent.
    pub(crate) message_id: Option<MessageId>,
    pub(crate) position: i64,
    pub(crate) direction: Direction,
    pub(crate) state: AttachmentState,
    pub(crate) failure: Option<String>,
    pub(crate) file_name: String,
    pub(crate) media_type: String,
    pub(crate) byte_size: u64,
    pub(crate) sha256: Option<Vec<u8>>,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
}

/// A rendition that lies in the blob store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rendition {
    pub(crate) role: RenditionRole,
    pub(crate) facts: RenditionFacts,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    org_id: Uuid,
    message_id: Option<Uuid>,
    position: i64,
    direction: String,
    state: String,
    failure: Option<String>,
    file_name: String,
    media_type: String,
    byte_size: i64,
    sha256: Option<Vec<u8>>,
    width: Option<i64>,
    height: Option<i64>,
}

impl Attachment {
    /// Whoever asks for it.
    pub(crate) async fn load(tx: &mut Tx, id: AttachmentId) -> Result<Option<Self>> {
        let row: Option<Row> = tx.one(select!("id = $1"), args![id]).await?;
        row.map(Self::try_from).transpose()
    }

    /// One of an organisation.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn of_org(tx: &mut Tx, org: OrgId, id: AttachmentId) -> Result<Self> {
        let attachment = Self::load(tx, id).await?;
        attachment.filter(|found| found.org_id == org).ok_or_else(|| Error::not_found("file"))
    }

    /// Those of messages, in the order they were attached.
    pub(crate) async fn of_messages(tx: &mut Tx, org: OrgId, messages: &[MessageId]) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for some in messages.chunks(AT_ONCE) {
            let sql = format!(
                concat!(select!("org_id = $1 AND message_id IN ({})"), " ORDER BY message_id, position, id"),
                placeholders(2, some.len())
            );
            let mut args = args![org];
            args.extend(some.iter().map(|id| (*id).into()));
            let rows: Vec<Row> = tx.all(AssertSqlSafe(sql), args).await?;
            for row in rows {
                all.push(row.try_into()?);
            }
        }
        Ok(all)
    }

    /// Uploads made until `before` that no message has taken up, the oldest first.
    pub(crate) async fn unsent(tx: &mut Tx, before: Millis, at_most: usize) -> Result<Vec<Self>> {
        let rows: Vec<Row> = tx
            .all(
                select!(
                    "message_id IS NULL AND direction = 'outbound' AND created_at <= $1
                     ORDER BY created_at, id LIMIT $2"
                ),
                args![before, at_most],
            )
            .await?;
        rows.into_iter().map(Self::try_from).collect()
    }

    pub(crate) fn key(&self, variant: Variant) -> BlobKey {
        match self.direction {
            Direction::Inbound => BlobKey::Inbound(self.id, variant),
            Direction::Outbound => BlobKey::Outbound(self.id, variant),
        }
    }

    /// Whether the original lies in the blob store.
    pub(crate) fn has_original(&self) -> bool {
        !matches!(self.state, AttachmentState::Arriving | AttachmentState::Unfetchable)
    }

    /// What open screens are told when it changes.
    pub(crate) async fn change(&self, tx: &mut Tx) -> Result<Change> {
        match self.message_id {
            None => Ok(Change::UploadChanged { attachment_id: self.id }),
            Some(message_id) => message_changed(tx, message_id).await,
        }
    }

    async fn view(
        self,
        backend: &Backend,
        renditions: &[Rendition],
        filed: Vec<FiledAs>,
    ) -> Result<AttachmentView> {
        let original = Target {
            key: self.key(Variant::Original),
            media_type: &self.media_type,
            file_name: &self.file_name,
        };
        let original_url = match self.has_original() {
            true => Some(links::link(backend, &original, Disposition::Download, TO_VIEW).await?),
            false => None,
        };
        let [tile_url, screen_url] = rendition_links(backend, &original, renditions).await?;
        let outbound = self.direction == Direction::Outbound;
        Ok(AttachmentView {
            carrier: renditions
                .iter()
                .find(|rendition| outbound && rendition.role == RenditionRole::Carrier)
                .map(|rendition| rendition.facts),
            tile_url,
            screen_url,
            original_url,
            id: self.id,
            state: self.state,
            failure: self.failure,
            file_name: self.file_name,
            media_type: self.media_type,
            byte_size: self.byte_size,
            width: self.width,
            height: self.height,
            filed,
        })
    }
}

impl TryFrom<Row> for Attachment {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            org_id: row.org_id.into(),
            message_id: row.message_id.map(Into::into),
            position: row.position,
            direction: Direction::from_word(&row.direction)
                .ok_or(Error::Inconsistent("an attachment of no known direction"))?,
            state: AttachmentState::from_word(&row.state)
                .ok_or(Error::Inconsistent("an attachment in no known state"))?,
            failure: row.failure,
            file_name: row.file_name,
            media_type: row.media_type,
            byte_size: row.byte_size.unsigned_abs(),
            sha256: row.sha256,
            width: pixels(row.width),
            height: pixels(row.height),
        })
    }
}

/// What staff see of attachments, with links for the next hour. The order is kept.
pub(crate) async fn views(
    backend: &Backend,
    tx: &mut Tx,
    attachments: Vec<Attachment>,
) -> Result<Vec<AttachmentView>> {
    let ids: Vec<Uuid> = attachments.iter().map(|attachment| attachment.id.0).collect();
    let renditions = renditions(tx, &ids).await?;
    let mut filed = filed(tx, &ids).await?;
    let mut views = Vec::with_capacity(attachments.len());
    for attachment in attachments {
        let id = attachment.id.0;
        let made = renditions.get(&id).map_or(&[] as &[_], Vec::as_slice);
        views.push(attachment.view(backend, made, filed.remove(&id).unwrap_or_default()).await?);
    }
    Ok(views)
}

/// Names and media types of uploads of an organisation, as many as there are of those that are named.
pub(crate) async fn uploads(tx: &mut Tx, org: OrgId, ids: &[AttachmentId]) -> Result<Vec<(String, String)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT file_name, media_type FROM attachment WHERE org_id = $1 AND id IN ({}) ORDER BY id",
        placeholders(2, ids.len())
    );
    let mut args = args![org];
    args.extend(ids.iter().map(|id| (*id).into()));
    Ok(tx.all(AssertSqlSafe(sql), args).await?)
}

/// Links to the tile and the screen rendition beside an original, as far as they are made.
pub(crate) async fn rendition_links(
    backend: &Backend,
    original: &Target<'_>,
    renditions: &[Rendition],
) -> Result<[Option<String>; 2]> {
    let file_name = kind::renamed(original.file_name, "jpg");
    let mut found = [None, None];
    for (role, link) in [RenditionRole::Tile, RenditionRole::Screen].into_iter().zip(&mut found) {
        if renditions.iter().any(|rendition| rendition.role == role) {
            let target = Target {
                key: original.key.variant(Variant::Rendition(role)),
                media_type: kind::RENDITION,
                file_name: &file_name,
            };
            *link = Some(links::link(backend, &target, Disposition::Inline, TO_VIEW).await?);
        }
    }
    Ok(found)
}

/// The renditions of attachments and patient images, by their owner.
pub(crate) async fn renditions(tx: &mut Tx, owners: &[Uuid]) -> Result<HashMap<Uuid, Vec<Rendition>>> {
    let mut all: HashMap<Uuid, Vec<Rendition>> = HashMap::new();
    for some in owners.chunks(AT_ONCE) {
        let sql = format!(
            "SELECT owner_id, role, width, height, byte_size FROM rendition WHERE owner_id IN ({})",
            placeholders(1, some.len())
        );
        let args = some.iter().map(|id| (*id).into()).collect();
        let rows: Vec<(Uuid, String, i64, i64, i64)> = tx.all(AssertSqlSafe(sql), args).await?;
        for (owner, role, width, height, byte_size) in rows {
            let role =
                RenditionRole::from_word(&role).ok_or(Error::Inconsistent("a rendition of no known role"))?;
            let side = |pixels: i64| u32::try_from(pixels).unwrap_or(0);
            let facts = RenditionFacts {
                width: side(width),
                height: side(height),
                byte_size: byte_size.unsigned_abs(),
            };
            all.entry(owner).or_default().push(Rendition { role, facts });
        }
    }
    Ok(all)
}

/// Moves an attachment on from one state to another, with words for staff where it failed, and tells open screens.
/// `false` when it is not in that state (any more).
pub(crate) async fn shift(
    backend: &Backend,
    tx: &mut Tx,
    id: AttachmentId,
    from: AttachmentState,
    to: AttachmentState,
    failure: Option<&str>,
) -> Result<bool> {
    let moved = tx
        .execute(
            "UPDATE attachment SET state = $3, failure = $4 WHERE id = $1 AND state = $2",
            args![id, from.as_str(), to.as_str(), failure],
        )
        .await?;
    if moved == 0 {
        return Ok(false);
    }
    let moved = Attachment::load(tx, id).await?.ok_or(Error::Inconsistent("an attachment vanished"))?;
    let change = moved.change(tx).await?;
    live::record(backend, tx, moved.org_id, change)?;
    Ok(true)
}

/// Notes renditions that lie in the blob store, in place of those noted before.
pub(crate) async fn replace_renditions(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    owner: Uuid,
    renditions: &[Rendition],
) -> Result<()> {
    tx.execute("DELETE FROM rendition WHERE owner_id = $1 AND org_id = $2", args![owner, org]).await?;
    for Rendition { role, facts } in renditions {
        tx.execute(
            "INSERT INTO rendition (owner_id, role, org_id, width, height, byte_size, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            args![owner, role.as_str(), org, facts.width, facts.height, facts.byte_size, backend.clock.now()],
        )
        .await?;
    }
    Ok(())
}

/// The change that tells of a message.
pub(crate) async fn message_changed(tx: &mut Tx, message_id: MessageId) -> Result<Change> {
    let row: Option<(Uuid,)> =
        tx.one("SELECT conversation_id FROM message WHERE id = $1", args![message_id]).await?;
    let (conversation,) = row.ok_or(Error::Inconsistent("an attachment's message is gone"))?;
    Ok(Change::MessageChanged { conversation_id: conversation.into(), message_id })
}

/// A count of pixels as the store keeps it.
pub(crate) fn pixels(stored: Option<i64>) -> Option<u32> {
    stored.and_then(|pixels| u32::try_from(pixels).ok())
}

async fn filed(tx: &mut Tx, attachments: &[Uuid]) -> Result<HashMap<Uuid, Vec<FiledAs>>> {
    let mut all: HashMap<Uuid, Vec<FiledAs>> = HashMap::new();
    for some in attachments.chunks(AT_ONCE) {
        let sql = format!(
            "SELECT i.attachment_id, i.id, i.patient_id, i.category, i.filed_at
             FROM patient_image i JOIN patient p ON p.id = i.patient_id
             WHERE i.deleted_at IS NULL AND p.deleted_at IS NULL AND i.attachment_id IN ({})
             ORDER BY i.filed_at, i.id",
            placeholders(1, some.len())
        );
        let args = some.iter().map(|id| (*id).into()).collect();
        let rows: Vec<(Uuid, Uuid, Uuid, String, i64)> = tx.all(AssertSqlSafe(sql), args).await?;
        for (attachment, image, patient, category, at) in rows {
            let category =
                Category::from_word(&category).ok_or(Error::Inconsistent("an image of no known category"))?;
            let filed = FiledAs { image_id: image.into(), patient_id: patient.into(), category, at };
            all.entry(attachment).or_default().push(filed);
        }
    }
    Ok(all)
}
