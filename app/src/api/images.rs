//! Photos in patients' records.

use super::Answer;
#[cfg(feature = "ssr")]
use super::signed_in;
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::media::Category;
use model::patient::{PatientImageView, SavedImage};
use model::{AttachmentId, MessageId, Page, PatientId, PatientImageId};

/// Images, newest first, of one patient or of all, under one category or under all.
#[server(prefix = "/api/ui", endpoint = "images/list", input = Json)]
pub async fn list(
    patient: Option<PatientId>,
    category: Option<Category>,
    cursor: Option<String>,
) -> Answer<Page<PatientImageView>> {
    let (backend, caller) = signed_in().await?;
    let filter = backend::images::Filter { patient, category };
    Ok(backend::images::list(&backend, &caller, filter, cursor.as_deref()).await?)
}

/// One image.
#[server(prefix = "/api/ui", endpoint = "images/get", input = Json)]
pub async fn get(id: PatientImageId) -> Answer<PatientImageView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::images::get(&backend, &caller, id).await?)
}

/// Files a message's photo in a record; a second time it answers with the first one.
#[server(prefix = "/api/ui", endpoint = "images/file", input = Json)]
pub async fn file(
    message: MessageId,
    attachment: AttachmentId,
    patient: PatientId,
    category: Category,
) -> Answer<SavedImage> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::images::file(&backend, &caller, message, Some(attachment), patient, category).await?)
}

/// Changes category and caption.
#[server(prefix = "/api/ui", endpoint = "images/update", input = Json)]
pub async fn update(id: PatientImageId, category: Category, caption: String) -> Answer<PatientImageView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::images::update(&backend, &caller, id, Some(category), Some(&caption)).await?)
}

/// Takes an image out of the record.
#[server(prefix = "/api/ui", endpoint = "images/delete", input = Json)]
pub async fn delete(id: PatientImageId) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::images::delete(&backend, &caller, id).await?)
}
