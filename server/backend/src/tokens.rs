//! Bearer tokens of the REST API.

use crate::{Backend, Caller, Result};
use model::staff::{ApiTokenView, Role};
use model::{ApiTokenId, OrgId};

/// Tokens that are not revoked, newest first.
pub async fn list(backend: &Backend, caller: &Caller) -> Result<Vec<ApiTokenView>> {
    unimplemented!()
}

/// Makes a token and answers its secret, which is shown this once.
pub async fn create(
    backend: &Backend,
    caller: &Caller,
    name: &str,
    role: Role,
) -> Result<(ApiTokenView, String)> {
    unimplemented!()
}

/// As [`create`], by the operator of the server.
pub async fn add(backend: &Backend, org: OrgId, name: &str, role: Role) -> Result<String> {
    unimplemented!()
}

/// Revokes a token; it stops working at once.
pub async fn revoke(backend: &Backend, caller: &Caller, id: ApiTokenId) -> Result<()> {
    unimplemented!()
}
