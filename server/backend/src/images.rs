//! Photos in a patient's record.

use crate::jobs::{Job, Owner, queue};
use crate::limits::{self, Action, Whose};
use crate::media::attachment::{self, Attachment, Rendition};
use crate::media::blobs::{BlobKey, Variant};
use crate::media::kind;
use crate::media::kind::Disposition;
use crate::media::links::{self, TO_VIEW, Target};
use crate::media::upload::{Incoming, Taken, take_in, uninterrupted};
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, audit, live, patients};
use model::conversation::PatientName;
use model::live::Change;
use model::media::{AttachmentState, Category};
use model::patient::{ImageSource, PatientImageView, SavedImage};
use model::staff::Permission;
use model::{AttachmentId, FailureCode, MessageId, Millis, Page, PatientId, PatientImageId};
use picture::FileKind;
use uuid::Uuid;

/// Images on one page.
const PAGE: usize = 60;

/// Characters of a caption.
const MAX_CAPTION_CHARS: usize = 500;

/// Which images to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Of one patient, or of all.
    pub patient: Option<PatientId>,
    /// Under one category, or under all.
    pub category: Option<Category>,
}

/// The columns of [`Row`], for images that fulfil a condition. Those of a hidden record are hidden with it.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT i.id, i.patient_id, p.name AS patient_name, i.attachment_id, i.message_id, i.category, i.caption,
                    i.file_name, i.media_type, i.byte_size, i.width, i.height, i.filed_at, s.name AS filed_by,
                    m.conversation_id, m.at AS message_at
             FROM patient_image i JOIN patient p ON p.id = i.patient_id
             LEFT JOIN staff s ON s.id = i.filed_by LEFT JOIN message m ON m.id = i.message_id
             WHERE i.org_id = $1 AND i.deleted_at IS NULL AND p.deleted_at IS NULL AND ",
            $condition
        )
    };
}

/// Images, newest first, 60 a page.
pub async fn list(
    backend: &Backend,
    caller: &Caller,
    filter: Filter,
    cursor: Option<&str>,
) -> Result<Page<PatientImageView>> {
    const OF_ALL: &str = select!(
        "(i.filed_at, i.id) < ($2, $3) AND ($4 IS NULL OR i.category = $4)
         ORDER BY i.filed_at DESC, i.id DESC LIMIT $5"
    );
    const OF_PATIENT: &str = select!(
        "(i.filed_at, i.id) < ($2, $3) AND ($4 IS NULL OR i.category = $4) AND i.patient_id = $6
         ORDER BY i.filed_at DESC, i.id DESC LIMIT $5"
    );
    caller.require(Permission::ReadPatients)?;
    let (at, id) = cursor.map_or(Ok((Millis::MAX, Uuid::max())), read_cursor)?;
    let mut tx = backend.store.read().await?;
    let mut args = args![caller.org_id, at, id, filter.category.map(Category::as_str), PAGE + 1];
    let mut rows: Vec<Row> = match filter.patient {
        Some(patient) => {
            patients::require(&mut tx, caller.org_id, patient).await?;
            args.push(patient.into());
            tx.all(OF_PATIENT, args).await?
        }
        None => tx.all(OF_ALL, args).await?,
    };
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| more).map(|last| write_cursor(last.filed_at, last.id));
    Ok(Page { items: views(backend, &mut tx, rows).await?, next })
}

/// One image.
pub async fn get(backend: &Backend, caller: &Caller, id: PatientImageId) -> Result<PatientImageView> {
    caller.require(Permission::ReadPatients)?;
    let mut tx = backend.store.read().await?;
    let row: Option<Row> = tx.one(select!("i.id = $2"), args![caller.org_id, id]).await?;
    let row = row.ok_or_else(|| Error::not_found("image"))?;
    let mut views = views(backend, &mut tx, vec![row]).await?;
    views.pop().ok_or(Error::Inconsistent("an image without a view"))
}

/// Files a message's photo in a record: a copy inside the blob store. A second time, also in parallel, it answers
/// with the first one. `attachment` may be left out when the message has one picture.
///
/// # Errors
/// `Invalid` for `attachment_id` when it must be named, or is no picture; `Conflict` while the photo is not here.
pub async fn file(
    backend: &Backend,
    caller: &Caller,
    message: MessageId,
    attachment: Option<AttachmentId>,
    patient: PatientId,
    category: Category,
) -> Result<SavedImage> {
    caller.require(Permission::FileImages)?;
    let mut tx = backend.store.read().await?;
    patients::require(&mut tx, caller.org_id, patient).await?;
    let attachment = choose(&mut tx, caller, message, attachment).await?;
    if let Some(image_id) = first_filed(&mut tx, patient, attachment.id).await? {
        return Ok(SavedImage { image_id, already_saved: true });
    }
    let renditions = attachment::renditions(&mut tx, &[attachment.id.0]).await?;
    drop(tx);
    let filing = Filing {
        id: backend.clock.new_id(),
        patient,
        category,
        renditions: renditions.into_values().flatten().collect(),
        attachment,
    };
    let (backend, caller) = (backend.clone(), caller.clone());
    uninterrupted(async move { filing.run(&backend, &caller).await }).await
}

/// Whether a message's photo stands in a record.
pub async fn filed(
    backend: &Backend,
    caller: &Caller,
    message: MessageId,
    patient: PatientId,
) -> Result<Option<PatientImageId>> {
    caller.require(Permission::ReadPatients)?;
    let mut tx = backend.store.read().await?;
    patients::require(&mut tx, caller.org_id, patient).await?;
    require_message(&mut tx, caller, message).await?;
    let row: Option<(Uuid,)> = tx
        .one(
            "SELECT id FROM patient_image WHERE org_id = $1 AND message_id = $2 AND patient_id = $3
             AND deleted_at IS NULL ORDER BY filed_at, id LIMIT 1",
            args![caller.org_id, message, patient],
        )
        .await?;
    Ok(row.map(|(id,)| id.into()))
}

/// Uploads a photo to a record directly.
///
/// # Errors
/// As [`upload`](crate::media::upload::upload).
pub async fn upload(
    backend: &Backend,
    caller: &Caller,
    patient: PatientId,
    category: Category,
    caption: &str,
    incoming: Incoming,
) -> Result<PatientImageView> {
    caller.require(Permission::FileImages)?;
    limits::take(backend, Action::Upload, Whose::Caller(caller)).await?;
    let caption = check_caption(caption)?.to_owned();
    let mut tx = backend.store.read().await?;
    patients::require(&mut tx, caller.org_id, patient).await?;
    drop(tx);
    let id: PatientImageId = backend.clock.new_id();
    let key = BlobKey::Image(patient, id, Variant::Original);
    let taken = take_in(backend, key, incoming, |head| picture::check(head).map(FileKind::Picture)).await?;
    let recorded = {
        let (backend, caller) = (backend.clone(), caller.clone());
        async move { record_upload(&backend, &caller, (patient, id), category, &caption, taken).await }
    };
    uninterrupted(recorded).await?;
    get(backend, caller, id).await
}

/// Changes category, caption or both; what is not given stays, whoever changes it at the same moment.
pub async fn update(
    backend: &Backend,
    caller: &Caller,
    id: PatientImageId,
    category: Option<Category>,
    caption: Option<&str>,
) -> Result<PatientImageView> {
    caller.require(Permission::FileImages)?;
    let caption = caption.map(check_caption).transpose()?;
    let mut tx = backend.store.write().await?;
    let origin = origin(&mut tx, caller, id).await?;
    tx.execute(
        "UPDATE patient_image SET category = COALESCE($3, category), caption = COALESCE($4, caption)
         WHERE org_id = $1 AND id = $2",
        args![caller.org_id, id, category.map(Category::as_str), caption],
    )
    .await?;
    note(backend, &mut tx, caller, "image.update", id, origin).await?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    get(backend, caller, id).await
}

/// Takes an image out of the record. Its bytes stay until the retention of records ends.
pub async fn delete(backend: &Backend, caller: &Caller, id: PatientImageId) -> Result<()> {
    caller.require(Permission::DeleteImages)?;
    let mut tx = backend.store.write().await?;
    let origin = origin(&mut tx, caller, id).await?;
    tx.execute(
        "UPDATE patient_image SET deleted_at = $3 WHERE org_id = $1 AND id = $2",
        args![caller.org_id, id, backend.clock.now()],
    )
    .await?;
    note(backend, &mut tx, caller, "image.delete", id, origin).await?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(())
}

/// A photo on its way from a message to a record.
struct Filing {
    id: PatientImageId,
    patient: PatientId,
    category: Category,
    attachment: Attachment,
    renditions: Vec<Rendition>,
}

impl Filing {
    /// The copy lies in the blob store before any row names it; when another filing was faster, it is taken away.
    async fn run(self, backend: &Backend, caller: &Caller) -> Result<SavedImage> {
        let stored = self.copy(backend).await;
        let recorded = match stored {
            Ok(()) => self.record(backend, caller).await,
            Err(error) => Err(error),
        };
        match recorded {
            Ok(true) => return Ok(SavedImage { image_id: self.id, already_saved: false }),
            // Whether the commit reached the database is not known then: the copy may be named, and stays.
            Err(Error::Store(error)) => return Err(error.into()),
            _ => {}
        }
        for key in self.keys() {
            if let Err(error) = backend.blobs.delete(&self.target(key)).await {
                tracing::warn!(%error, "a copy that nothing refers to stays in the blob store");
            }
        }
        recorded?;
        let mut tx = backend.store.read().await?;
        match first_filed(&mut tx, self.patient, self.attachment.id).await? {
            Some(image_id) => Ok(SavedImage { image_id, already_saved: true }),
            None => Err(Error::failure(
                FailureCode::Conflict,
                "Somebody filed this photo and took it out again at the same moment. Try again.",
            )),
        }
    }

    fn keys(&self) -> impl Iterator<Item = Variant> {
        let renditions = self.renditions.iter().map(|rendition| Variant::Rendition(rendition.role));
        std::iter::once(Variant::Original).chain(renditions)
    }

    fn target(&self, variant: Variant) -> BlobKey {
        BlobKey::Image(self.patient, self.id, variant)
    }

    async fn copy(&self, backend: &Backend) -> Result<()> {
        for variant in self.keys() {
            backend.blobs.copy(&self.attachment.key(variant), &self.target(variant)).await?;
        }
        Ok(())
    }

    /// `false` when the photo stands in the record already.
    async fn record(&self, backend: &Backend, caller: &Caller) -> Result<bool> {
        let Attachment { id: attachment_id, message_id, state, .. } = self.attachment;
        let mut tx = backend.store.write().await?;
        let now = backend.clock.now();
        let inserted = tx
            .execute(
                "INSERT INTO patient_image (id, org_id, patient_id, attachment_id, message_id, category, caption,
                     state, failure, file_name, media_type, byte_size, sha256, width, height, filed_by, filed_at)
                 VALUES ($1, $2, $3, $4, $5, $6, '', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
                 ON CONFLICT DO NOTHING",
                args![
                    self.id,
                    caller.org_id,
                    self.patient,
                    attachment_id,
                    message_id,
                    self.category.as_str(),
                    state.as_str(),
                    self.attachment.failure.clone(),
                    &self.attachment.file_name,
                    &self.attachment.media_type,
                    self.attachment.byte_size,
                    self.attachment.sha256.clone(),
                    self.attachment.width,
                    self.attachment.height,
                    caller.staff_id,
                    now
                ],
            )
            .await?;
        if inserted == 0 {
            return Ok(false);
        }
        attachment::replace_renditions(backend, &mut tx, caller.org_id, self.id.0, &self.renditions).await?;
        if state == AttachmentState::Processing {
            let job = Job::MakeRenditions { owner: Owner::PatientImage(self.id) };
            queue::push(backend, &mut tx, caller.org_id, &job, None, now).await?;
        }
        let origin = Origin { patient: self.patient, message: message_id };
        note(backend, &mut tx, caller, "image.file", self.id, origin).await?;
        tx.commit().await?;
        backend.live.wake(caller.org_id);
        Ok(true)
    }
}

async fn record_upload(
    backend: &Backend,
    caller: &Caller,
    (patient, id): (PatientId, PatientImageId),
    category: Category,
    caption: &str,
    taken: Taken,
) -> Result<()> {
    let mut tx = backend.store.write().await?;
    let now = backend.clock.now();
    tx.execute(
        "INSERT INTO patient_image (id, org_id, patient_id, category, caption, state, file_name, media_type,
                                    byte_size, sha256, filed_by, filed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        args![
            id,
            caller.org_id,
            patient,
            category.as_str(),
            caption,
            AttachmentState::Processing.as_str(),
            taken.file_name,
            taken.kind.media_type(),
            taken.stored.size,
            taken.stored.sha256,
            caller.staff_id,
            now
        ],
    )
    .await?;
    let job = Job::MakeRenditions { owner: Owner::PatientImage(id) };
    queue::push(backend, &mut tx, caller.org_id, &job, None, now).await?;
    note(backend, &mut tx, caller, "image.upload", id, Origin { patient, message: None }).await?;
    taken.blob.keep();
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(())
}

/// The picture of a message that is meant.
async fn choose(
    tx: &mut Tx,
    caller: &Caller,
    message: MessageId,
    attachment: Option<AttachmentId>,
) -> Result<Attachment> {
    const FIELD: &str = "attachment_id";
    require_message(tx, caller, message).await?;
    let all = Attachment::of_messages(tx, caller.org_id, &[message]).await?;
    let mut named: Vec<Attachment> = match attachment {
        Some(id) => all.into_iter().filter(|one| one.id == id).collect(),
        None => {
            all.into_iter().filter(|one| !one.has_original() || kind::is_picture(&one.media_type)).collect()
        }
    };
    let Some(chosen) = named.pop() else {
        return Err(Error::invalid(FIELD, "This message has no such picture."));
    };
    if !named.is_empty() {
        return Err(Error::invalid(FIELD, "This message has several pictures; say which one."));
    }
    if !chosen.has_original() {
        return Err(Error::failure(
            FailureCode::Conflict,
            "This photo is not here yet, so it cannot be saved. Try again when it has arrived.",
        ));
    }
    if !kind::is_picture(&chosen.media_type) {
        return Err(Error::invalid(FIELD, "Only pictures can be saved to images."));
    }
    Ok(chosen)
}

async fn require_message(tx: &mut Tx, caller: &Caller, message: MessageId) -> Result<()> {
    let known = tx
        .number("SELECT COUNT(*) FROM message WHERE org_id = $1 AND id = $2", args![caller.org_id, message])
        .await?;
    if known == 0 { Err(Error::not_found("message")) } else { Ok(()) }
}

async fn first_filed(
    tx: &mut Tx,
    patient: PatientId,
    attachment: AttachmentId,
) -> Result<Option<PatientImageId>> {
    let row: Option<(Uuid,)> = tx
        .one(
            "SELECT id FROM patient_image WHERE patient_id = $1 AND attachment_id = $2 AND deleted_at IS NULL",
            args![patient, attachment],
        )
        .await?;
    Ok(row.map(|(id,)| id.into()))
}

/// Whom a change of an image concerns.
#[derive(Clone, Copy)]
struct Origin {
    patient: PatientId,
    message: Option<MessageId>,
}

async fn origin(tx: &mut Tx, caller: &Caller, id: PatientImageId) -> Result<Origin> {
    let row: Option<(Uuid, Option<Uuid>)> = tx
        .one(
            "SELECT i.patient_id, i.message_id FROM patient_image i JOIN patient p ON p.id = i.patient_id
             WHERE i.org_id = $1 AND i.id = $2 AND i.deleted_at IS NULL AND p.deleted_at IS NULL",
            args![caller.org_id, id],
        )
        .await?;
    let (patient, message) = row.ok_or_else(|| Error::not_found("image"))?;
    Ok(Origin { patient: patient.into(), message: message.map(Into::into) })
}

/// In the record of what was done, and to open screens.
async fn note(
    backend: &Backend,
    tx: &mut Tx,
    caller: &Caller,
    action: &'static str,
    id: PatientImageId,
    origin: Origin,
) -> Result<()> {
    audit::note(backend, tx, caller, action, "patient_image", Some(id.0)).await?;
    let patient = Change::PatientChanged { patient_id: origin.patient };
    live::record(backend, tx, caller.org_id, patient)?;
    if let Some(message) = origin.message {
        let change = attachment::message_changed(tx, message).await?;
        live::record(backend, tx, caller.org_id, change)?;
    }
    Ok(())
}

fn check_caption(caption: &str) -> Result<&str> {
    let caption = caption.trim();
    if caption.chars().count() > MAX_CAPTION_CHARS {
        return Err(Error::invalid(
            "caption",
            format!("A caption has at most {MAX_CAPTION_CHARS} characters. Shorten it."),
        ));
    }
    Ok(caption)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    patient_id: Uuid,
    patient_name: String,
    attachment_id: Option<Uuid>,
    message_id: Option<Uuid>,
    category: String,
    caption: String,
    file_name: String,
    media_type: String,
    byte_size: i64,
    width: Option<i64>,
    height: Option<i64>,
    filed_at: i64,
    filed_by: Option<String>,
    conversation_id: Option<Uuid>,
    message_at: Option<i64>,
}

impl Row {
    async fn view(self, backend: &Backend, renditions: &[Rendition]) -> Result<PatientImageView> {
        let original = Target {
            key: BlobKey::Image(self.patient_id.into(), self.id.into(), Variant::Original),
            media_type: &self.media_type,
            file_name: &self.file_name,
        };
        let original_url = links::link(backend, &original, Disposition::Download, TO_VIEW).await?;
        let [tile_url, screen_url] = attachment::rendition_links(backend, &original, renditions).await?;
        let source = match (self.message_id, self.conversation_id, self.attachment_id, self.message_at) {
            (Some(message), Some(conversation), Some(attachment), Some(at)) => ImageSource::Message {
                message_id: message.into(),
                conversation_id: conversation.into(),
                attachment_id: attachment.into(),
                at,
            },
            _ => ImageSource::Upload,
        };
        Ok(PatientImageView {
            id: self.id.into(),
            patient: PatientName { id: self.patient_id.into(), name: self.patient_name },
            category: Category::from_word(&self.category)
                .ok_or(Error::Inconsistent("an image of no known category"))?,
            caption: self.caption,
            file_name: self.file_name,
            media_type: self.media_type,
            byte_size: self.byte_size.unsigned_abs(),
            width: attachment::pixels(self.width),
            height: attachment::pixels(self.height),
            filed_at: self.filed_at,
            filed_by: self.filed_by,
            source,
            tile_url,
            screen_url,
            original_url,
        })
    }
}

async fn views(backend: &Backend, tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<PatientImageView>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let renditions = attachment::renditions(tx, &ids).await?;
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        let made = renditions.get(&row.id).map_or(&[] as &[_], Vec::as_slice);
        views.push(row.view(backend, made).await?);
    }
    Ok(views)
}

fn write_cursor(at: Millis, id: Uuid) -> String {
    format!("{}{at}", id.simple())
}

fn read_cursor(cursor: &str) -> Result<(Millis, Uuid)> {
    let parts =
        cursor.split_at_checked(32).and_then(|(id, at)| Some((at.parse().ok()?, Uuid::try_parse(id).ok()?)));
    parts.ok_or_else(|| Error::invalid("cursor", "This cursor is not one that a previous page gave."))
}
