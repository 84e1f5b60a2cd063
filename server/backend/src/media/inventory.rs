//! Every original that rows speak of, with its renditions: for copies of all of them, and for checking them.

use super::attachment::{self, Rendition};
use super::blobs::{BlobKey, Variant};
use crate::jobs::Owner;
use crate::store::{Store, Tx, args};
use crate::{Error, Result};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use model::media::AttachmentState;
use model::message::Direction;
use model::{AttachmentId, OrgId, PatientImageId};
use uuid::Uuid;

/// Originals on one page.
const PAGE: usize = 200;

/// Which kind of owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shelf {
    Attachments,
    PatientImages,
}

/// An original that lies in the blob store, as its row says.
#[derive(Debug, Clone)]
pub(crate) struct Original {
    pub(crate) owner: Owner,
    pub(crate) org: OrgId,
    pub(crate) key: BlobKey,
    pub(crate) state: AttachmentState,
    pub(crate) media_type: String,
    pub(crate) byte_size: u64,
    pub(crate) sha256: Option<Vec<u8>>,
    /// Copies that are made for one carrier's limit stand in no row, and are made again when they are needed.
    pub(crate) renditions: Vec<Rendition>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    org_id: Uuid,
    /// Of an attachment: which way it went.
    #[sqlx(default)]
    direction: Option<String>,
    /// Of a patient image: whose it is.
    #[sqlx(default)]
    patient_id: Option<Uuid>,
    state: String,
    media_type: String,
    byte_size: i64,
    sha256: Option<Vec<u8>>,
}

impl Original {
    pub(crate) fn id(&self) -> Uuid {
        match self.owner {
            Owner::Attachment(id) => id.0,
            Owner::PatientImage(id) => id.0,
        }
    }

    /// Where it and its renditions lie.
    pub(crate) fn keys(&self) -> Vec<BlobKey> {
        let renditions = self.renditions.iter().map(|rendition| Variant::Rendition(rendition.role));
        std::iter::once(Variant::Original)
            .chain(renditions)
            .map(|variant| self.key.variant(variant))
            .collect()
    }
}

/// Every original that the rows of a database name, read page by page.
pub(crate) fn all(rows: &Store) -> impl Stream<Item = Result<Original>> + Send + Unpin {
    let begin = Some((Shelf::Attachments, None));
    let pages = stream::try_unfold(begin, move |next| async move {
        let Some((shelf, after)) = next else { return Ok(None) };
        let mut tx = rows.read().await?;
        let page = page(&mut tx, shelf, after).await?;
        let next = match (page.last(), shelf) {
            (Some(last), _) => Some((shelf, Some(last.id()))),
            (None, Shelf::Attachments) => Some((Shelf::PatientImages, None)),
            (None, Shelf::PatientImages) => None,
        };
        Ok::<_, Error>(Some((stream::iter(page).map(Ok), next)))
    });
    Box::pin(pages.try_flatten())
}

/// The next originals after the one with this id, in the order of their ids; none after the last.
async fn page(tx: &mut Tx, shelf: Shelf, after: Option<Uuid>) -> Result<Vec<Original>> {
    let sql = match shelf {
        Shelf::Attachments => {
            "SELECT id, org_id, direction, state, media_type, byte_size, sha256
             FROM attachment WHERE id > $1 AND state NOT IN ('arriving', 'unfetchable') ORDER BY id LIMIT $2"
        }
        Shelf::PatientImages => {
            "SELECT id, org_id, patient_id, state, media_type, byte_size, sha256
             FROM patient_image WHERE id > $1 ORDER BY id LIMIT $2"
        }
    };
    let rows: Vec<Row> = tx.all(sql, args![after.unwrap_or(Uuid::nil()), PAGE]).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut renditions = attachment::renditions(tx, &ids).await?;
    rows.into_iter()
        .map(|row| {
            let renditions = renditions.remove(&row.id).unwrap_or_default();
            original(row, renditions)
        })
        .collect()
}

/// Whether a row names this blob now. Copies for one carrier's limit stand in none.
pub(crate) async fn names(tx: &mut Tx, key: &BlobKey) -> Result<bool> {
    let (id, variant, original) = match *key {
        BlobKey::Inbound(id, variant) | BlobKey::Outbound(id, variant) => (
            id.0,
            variant,
            "SELECT COUNT(*) FROM attachment WHERE id = $1 AND state NOT IN ('arriving', 'unfetchable')",
        ),
        BlobKey::Image(_, id, variant) => (id.0, variant, "SELECT COUNT(*) FROM patient_image WHERE id = $1"),
    };
    let rows = match variant {
        Variant::Original => tx.number(original, args![id]).await?,
        Variant::Rendition(role) => {
            let rendition = "SELECT COUNT(*) FROM rendition WHERE owner_id = $1 AND role = $2";
            tx.number(rendition, args![id, role.as_str()]).await?
        }
        Variant::Fitted(_) => 0,
    };
    Ok(rows > 0)
}

/// Whether the original's row says now that its bytes hash to this.
pub(crate) async fn notes(tx: &mut Tx, original: &BlobKey, sha256: &[u8]) -> Result<bool> {
    let (id, rows) = match *original {
        BlobKey::Inbound(id, _) | BlobKey::Outbound(id, _) => {
            (id.0, "SELECT COUNT(*) FROM attachment WHERE id = $1 AND sha256 = $2")
        }
        BlobKey::Image(_, id, _) => {
            (id.0, "SELECT COUNT(*) FROM patient_image WHERE id = $1 AND sha256 = $2")
        }
    };
    Ok(tx.number(rows, args![id, sha256]).await? > 0)
}

fn original(row: Row, renditions: Vec<Rendition>) -> Result<Original> {
    let (owner, key) = match (row.patient_id, row.direction.as_deref().map(Direction::from_word)) {
        (Some(patient), _) => {
            let id = PatientImageId(row.id);
            (Owner::PatientImage(id), BlobKey::Image(patient.into(), id, Variant::Original))
        }
        (None, Some(Some(direction))) => {
            let id = AttachmentId(row.id);
            let key = match direction {
                Direction::Inbound => BlobKey::Inbound(id, Variant::Original),
                Direction::Outbound => BlobKey::Outbound(id, Variant::Original),
            };
            (Owner::Attachment(id), key)
        }
        (None, _) => return Err(Error::Inconsistent("an attachment of no known direction")),
    };
    Ok(Original {
        owner,
        org: row.org_id.into(),
        key,
        state: AttachmentState::from_word(&row.state)
            .ok_or(Error::Inconsistent("an original in no known state"))?,
        media_type: row.media_type,
        byte_size: row.byte_size.unsigned_abs(),
        sha256: row.sha256,
        renditions,
    })
}
