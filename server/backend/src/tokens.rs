//! Bearer tokens of the REST API.

use crate::clock::random_token;
use crate::keys::Purpose;
use crate::sign_in::role as stored_role;
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, audit};
use model::staff::{ApiTokenView, Permission, Role};
use model::{ApiTokenId, OrgId, StaffId};
use uuid::Uuid;

/// Tokens that are not revoked, newest first.
pub async fn list(backend: &Backend, caller: &Caller) -> Result<Vec<ApiTokenView>> {
    caller.require(Permission::ManageTokens)?;
    #[derive(sqlx::FromRow)]
    struct Row {
        id: Uuid,
        name: String,
        role: String,
        created_at: i64,
        last_used_at: Option<i64>,
    }
    let mut tx = backend.store.read().await?;
    let rows: Vec<Row> = tx
        .all(
            "SELECT id, name, role, created_at, last_used_at FROM api_token
             WHERE org_id = $1 AND revoked_at IS NULL ORDER BY id DESC",
            args![caller.org_id],
        )
        .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ApiTokenView {
                id: row.id.into(),
                name: row.name,
                role: stored_role(&row.role)?,
                created_at: row.created_at,
                last_used_at: row.last_used_at,
            })
        })
        .collect()
}

/// Makes a token and answers its secret, which is shown this once.
///
/// # Errors
/// `Invalid` without a name.
pub async fn create(
    backend: &Backend,
    caller: &Caller,
    name: &str,
    role: Role,
) -> Result<(ApiTokenView, String)> {
    caller.require(Permission::ManageTokens)?;
    let mut tx = backend.store.write().await?;
    let (view, secret) = insert(backend, &mut tx, caller.org_id, caller.staff_id, name, role).await?;
    audit::note(backend, &mut tx, caller, "api_token.create", "api_token", Some(view.id.0)).await?;
    tx.commit().await?;
    Ok((view, secret))
}

/// As [`create`], by the operator of the server.
pub async fn add(backend: &Backend, org: OrgId, name: &str, role: Role) -> Result<String> {
    let mut tx = backend.store.write().await?;
    let (_, secret) = insert(backend, &mut tx, org, None, name, role).await?;
    tx.commit().await?;
    Ok(secret)
}

/// Revokes a token; it stops working at once.
pub async fn revoke(backend: &Backend, caller: &Caller, id: ApiTokenId) -> Result<()> {
    caller.require(Permission::ManageTokens)?;
    let mut tx = backend.store.write().await?;
    let revoked = tx
        .execute(
            "UPDATE api_token SET revoked_at = $3 WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL",
            args![caller.org_id, id, backend.clock.now()],
        )
        .await?;
    if revoked == 0 {
        return Err(Error::not_found("token"));
    }
    audit::note(backend, &mut tx, caller, "api_token.revoke", "api_token", Some(id.0)).await?;
    tx.commit().await?;
    Ok(())
}

async fn insert(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    by: Option<StaffId>,
    name: &str,
    role: Role,
) -> Result<(ApiTokenView, String)> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 {
        return Err(Error::invalid("name", "Say what the token is for, in 1 to 100 characters."));
    }
    // The prefix lets people and secret scanners tell what they have found.
    let secret = format!("hg_{}", random_token());
    let id: ApiTokenId = backend.clock.new_id();
    let created_at = backend.clock.now();
    tx.execute(
        "INSERT INTO api_token (id, org_id, name, role, token_hash, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        args![id, org, name, role.as_str(), backend.keys.hash(Purpose::Token, &secret), by, created_at],
    )
    .await?;
    Ok((ApiTokenView { id, name: name.to_owned(), role, created_at, last_used_at: None }, secret))
}
