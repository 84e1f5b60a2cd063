//! Who changed what.

use crate::store::{Tx, args};
use crate::{Backend, Caller, Result};
use model::{ApiTokenId, OrgId, StaffId};
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
    let who = (caller.staff_id, caller.token_id);
    insert(backend, tx, caller.org_id, who, action, subject_kind, subject).await
}

/// As [`note`], for what somebody did who is not signed in.
pub(crate) async fn note_unsigned(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    action: &'static str,
    subject_kind: &'static str,
    subject: Option<Uuid>,
) -> Result<()> {
    insert(backend, tx, org, (None, None), action, subject_kind, subject).await
}

async fn insert(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    (staff, token): (Option<StaffId>, Option<ApiTokenId>),
    action: &'static str,
    subject_kind: &'static str,
    subject: Option<Uuid>,
) -> Result<()> {
    tx.execute(
        "INSERT INTO audit_entry (id, org_id, at, staff_id, api_token_id, action, subject_kind, subject_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![
            backend.clock.new_id::<Uuid>(),
            org,
            backend.clock.now(),
            staff,
            token,
            action,
            subject_kind,
            subject
        ],
    )
    .await?;
    Ok(())
}
