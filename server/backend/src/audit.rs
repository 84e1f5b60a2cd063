//! Who changed what.

use crate::store::{Tx, args};
use crate::{Backend, Caller, Result};
use uuid::Uuid;

/// Notes that `caller` did `action` (for example `image.file`) to a subject (for example `patient_image`).
pub(crate) async fn note(
    backend: &Backend,
    tx: &mut Tx,
    caller: &Caller,
    action: &'static str,
    subject_kind: &'static str,
    subject: Option<Uuid>,
) -> Result<()> {
    tx.execute(
        "INSERT INTO audit_entry (id, org_id, at, staff_id, api_token_id, action, subject_kind, subject_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![
            backend.clock.new_id::<Uuid>(),
            caller.org_id,
            backend.clock.now(),
            caller.staff_id,
            caller.token_id,
            action,
            subject_kind,
            subject
        ],
    )
    .await?;
    Ok(())
}
