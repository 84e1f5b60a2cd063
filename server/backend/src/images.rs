//! Photos in a patient's record.

use crate::media::upload::Incoming;
use crate::{Backend, Caller, Result};
use model::media::Category;
use model::patient::{PatientImageView, SavedImage};
use model::{AttachmentId, MessageId, Page, PatientId, PatientImageId};

/// Which images to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Of one patient, or of all.
    pub patient: Option<PatientId>,
    /// Under one category, or under all.
    pub category: Option<Category>,
}

/// Images, newest first, 60 a page.
pub async fn list(
    backend: &Backend,
    caller: &Caller,
    filter: Filter,
    cursor: Option<&str>,
) -> Result<Page<PatientImageView>> {
    unimplemented!()
}

/// One image.
pub async fn get(backend: &Backend, caller: &Caller, id: PatientImageId) -> Result<PatientImageView> {
    unimplemented!()
}

/// Files a message's photo in a record: a copy inside the blob store. A second time, also in parallel, it answers
/// with the first one. `attachment` may be left out when the message has one picture.
pub async fn file(
    backend: &Backend,
    caller: &Caller,
    message: MessageId,
    attachment: Option<AttachmentId>,
    patient: PatientId,
    category: Category,
) -> Result<SavedImage> {
    unimplemented!()
}

/// Whether a message's photo stands in a record.
pub async fn filed(
    backend: &Backend,
    caller: &Caller,
    message: MessageId,
    patient: PatientId,
) -> Result<Option<PatientImageId>> {
    unimplemented!()
}

/// Uploads a photo to a record directly.
pub async fn upload(
    backend: &Backend,
    caller: &Caller,
    patient: PatientId,
    category: Category,
    caption: &str,
    incoming: Incoming,
) -> Result<PatientImageView> {
    unimplemented!()
}

/// Changes category and caption.
pub async fn update(
    backend: &Backend,
    caller: &Caller,
    id: PatientImageId,
    category: Category,
    caption: &str,
) -> Result<PatientImageView> {
    unimplemented!()
}

/// Takes an image out of the record.
pub async fn delete(backend: &Backend, caller: &Caller, id: PatientImageId) -> Result<()> {
    unimplemented!()
}
