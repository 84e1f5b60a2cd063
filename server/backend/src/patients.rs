//! Patients and their numbers.

use crate::{Backend, Caller, Result};
use model::patient::{PatientInput, PatientRow, PatientView};
use model::{ConversationId, Page, PatientId};

/// Patients by name; `search` is part of a name, the organisation's reference, a whole number in any format, or
/// its last 4 to 9 digits.
pub async fn list(
    backend: &Backend,
    caller: &Caller,
    search: Option<&str>,
    cursor: Option<&str>,
) -> Result<Page<PatientRow>> {
    unimplemented!()
}

/// One record.
pub async fn get(backend: &Backend, caller: &Caller, id: PatientId) -> Result<PatientView> {
    unimplemented!()
}

/// Makes a record. Conversations with its numbers are linked to it.
pub async fn create(backend: &Backend, caller: &Caller, input: &PatientInput) -> Result<PatientView> {
    unimplemented!()
}

/// Replaces a record's fields and numbers.
pub async fn update(
    backend: &Backend,
    caller: &Caller,
    id: PatientId,
    input: &PatientInput,
) -> Result<PatientView> {
    unimplemented!()
}

/// Hides a record. Its messages and images stay stored.
pub async fn delete(backend: &Backend, caller: &Caller, id: PatientId) -> Result<()> {
    unimplemented!()
}

/// Links a conversation to a patient, and its number to the patient's numbers.
pub async fn link(
    backend: &Backend,
    caller: &Caller,
    id: PatientId,
    conversation: ConversationId,
) -> Result<()> {
    unimplemented!()
}

/// Takes that link away.
pub async fn unlink(
    backend: &Backend,
    caller: &Caller,
    id: PatientId,
    conversation: ConversationId,
) -> Result<()> {
    unimplemented!()
}
