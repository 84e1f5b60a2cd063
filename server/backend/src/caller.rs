//! Who is asking.

use crate::{Error, Result};
use model::staff::{Permission, Role};
use model::{ApiTokenId, FailureCode, OrgId, StaffId};

/// Someone whose session or token was checked, and the organisation they ask in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Every query is scoped by it.
    pub org_id: OrgId,
    /// What they are trusted with.
    pub role: Role,
    /// The person, unless a program asks with a token.
    pub staff_id: Option<StaffId>,
    /// The token, if a program asks.
    pub token_id: Option<ApiTokenId>,
}

impl Caller {
    /// The operator of the server, who may do everything and is no member of staff.
    pub fn operator(org_id: OrgId) -> Self {
        Self { org_id, role: Role::Admin, staff_id: None, token_id: None }
    }

    /// # Errors
    /// [`FailureCode::NotAllowed`] unless the caller's role may do this.
    pub fn require(&self, permission: Permission) -> Result<()> {
        if self.role.may(permission) {
            return Ok(());
        }
        Err(Error::failure(
            FailureCode::NotAllowed,
            format!(
                "Your role ({}) does not allow this. An admin can change it in Settings, Staff.",
                self.role.label()
            ),
        ))
    }
}
