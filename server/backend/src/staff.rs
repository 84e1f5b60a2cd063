//! Who works here.

use crate::{Backend, Caller, Result};
use model::staff::{Role, StaffView};
use model::{OrgId, StaffId};

/// Everyone, by name.
pub async fn list(backend: &Backend, caller: &Caller) -> Result<Vec<StaffView>> {
    unimplemented!()
}

/// Adds a person and answers their one-time link.
pub async fn invite(
    backend: &Backend,
    caller: &Caller,
    email: &str,
    name: &str,
    role: Role,
) -> Result<String> {
    unimplemented!()
}

/// As [`invite`], by the operator of the server: the first admin's way in.
pub async fn add(backend: &Backend, org: OrgId, email: &str, name: &str, role: Role) -> Result<String> {
    unimplemented!()
}

/// A new one-time link for a person who lost their password.
pub async fn reset(backend: &Backend, caller: &Caller, staff: StaffId) -> Result<String> {
    unimplemented!()
}

/// Changes a role. The last admin cannot be made less.
pub async fn change_role(backend: &Backend, caller: &Caller, staff: StaffId, role: Role) -> Result<()> {
    unimplemented!()
}

/// Disables or enables; disabling ends every session at once. The last admin cannot be disabled.
pub async fn set_disabled(backend: &Backend, caller: &Caller, staff: StaffId, disabled: bool) -> Result<()> {
    unimplemented!()
}

/// Names for ids, for showing who a conversation is assigned to: everyone enabled, by name.
pub async fn colleagues(backend: &Backend, caller: &Caller) -> Result<Vec<(StaffId, String)>> {
    unimplemented!()
}
