//! Patients and their numbers.

use super::Answer;
#[cfg(feature = "ssr")]
use super::signed_in;
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::patient::{PatientInput, PatientRow, PatientView};
use model::{ConversationId, Page, PatientId};

/// Patients by name; `search` is part of a name, a reference, or a number or its last digits.
#[server(prefix = "/api/ui", endpoint = "patients/list", input = Json)]
pub async fn list(search: Option<String>, cursor: Option<String>) -> Answer<Page<PatientRow>> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::patients::list(&backend, &caller, search.as_deref(), cursor.as_deref()).await?)
}

/// One record.
#[server(prefix = "/api/ui", endpoint = "patients/get", input = Json)]
pub async fn get(id: PatientId) -> Answer<PatientView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::patients::get(&backend, &caller, id).await?)
}

/// Makes a record.
#[server(prefix = "/api/ui", endpoint = "patients/create", input = Json)]
pub async fn create(input: PatientInput) -> Answer<PatientView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::patients::create(&backend, &caller, &input).await?)
}

/// Replaces a record's fields and numbers.
#[server(prefix = "/api/ui", endpoint = "patients/update", input = Json)]
pub async fn update(id: PatientId, input: PatientInput) -> Answer<PatientView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::patients::update(&backend, &caller, id, &input).await?)
}

/// Hides a record.
#[server(prefix = "/api/ui", endpoint = "patients/delete", input = Json)]
pub async fn delete(id: PatientId) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::patients::delete(&backend, &caller, id).await?)
}

/// Links a conversation, and with it its number, to a patient.
#[server(prefix = "/api/ui", endpoint = "patients/link", input = Json)]
pub async fn link(id: PatientId, conversation: ConversationId) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::patients::link(&backend, &caller, id, conversation).await?)
}

/// Takes that link away.
#[server(prefix = "/api/ui", endpoint = "patients/unlink", input = Json)]
pub async fn unlink(id: PatientId, conversation: ConversationId) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::patients::unlink(&backend, &caller, id, conversation).await?)
}
