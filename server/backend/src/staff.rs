//! Who works here.

use crate::sign_in::{MadeBy, belongs_elsewhere, fold_email, make_one_time_link, role as stored_role};
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, audit, live, organisations};
use model::live::Change;
use model::staff::{Invitation, Permission, Role, StaffView};
use model::{FailureCode, OrgId, StaffId};
use uuid::Uuid;

/// Everyone, by name.
pub async fn list(backend: &Backend, caller: &Caller) -> Result<Vec<StaffView>> {
    caller.require(Permission::ManageStaff)?;
    #[derive(sqlx::FromRow)]
    struct Row {
        id: Uuid,
        name: String,
        email: String,
        role: String,
        disabled_at: Option<i64>,
        last_seen_at: Option<i64>,
        password_hash: Option<String>,
    }
    let mut tx = backend.store.read().await?;
    let rows: Vec<Row> = tx
        .all(
            "SELECT s.id, s.name, s.email, m.role, m.disabled_at, m.last_seen_at, s.password_hash
             FROM membership m JOIN staff s ON s.id = m.staff_id WHERE m.org_id = $1 ORDER BY s.name, s.id",
            args![caller.org_id],
        )
        .await?;
    rows.into_iter()
        .map(|row| {
            Ok(StaffView {
                id: row.id.into(),
                name: row.name,
                email: row.email,
                role: stored_role(&row.role)?,
                disabled: row.disabled_at.is_some(),
                invited: row.password_hash.is_none(),
                last_seen_at: row.last_seen_at,
            })
        })
        .collect()
}

/// Adds a person. There is no link for someone whom the server knows from another organisation: it would hand that
/// organisation over to whoever invites them here.
///
/// # Errors
/// `Invalid` names the field; `Conflict` for someone who works here already.
pub async fn invite(
    backend: &Backend,
    caller: &Caller,
    email: &str,
    name: &str,
    role: Role,
) -> Result<Invitation> {
    caller.require(Permission::ManageStaff)?;
    let mut tx = backend.store.write().await?;
    let person = join(backend, &mut tx, caller.org_id, email, name, role).await?;
    let known = person.has_password || belongs_elsewhere(&mut tx, caller.org_id, person.id).await?;
    let invitation = if known {
        Invitation::Known
    } else {
        Invitation::Link(make_one_time_link(backend, &mut tx, caller.org_id, person.id, MadeBy::Admin).await?)
    };
    settle(backend, tx, caller, "staff.invite", person.id).await?;
    Ok(invitation)
}

/// As [`invite`], by the operator of the server: the first admin's way in. Whoever has no password yet gets a link.
pub async fn add(backend: &Backend, org: OrgId, email: &str, name: &str, role: Role) -> Result<Invitation> {
    let mut tx = backend.store.write().await?;
    let person = join(backend, &mut tx, org, email, name, role).await?;
    let invitation = if person.has_password {
        Invitation::Known
    } else {
        Invitation::Link(make_one_time_link(backend, &mut tx, org, person.id, MadeBy::Operator).await?)
    };
    tx.commit().await?;
    Ok(invitation)
}

/// A new one-time link for a person who lost their password.
///
/// # Errors
/// `Conflict` for a person who also belongs to another organisation: their password opens that one as well.
pub async fn reset(backend: &Backend, caller: &Caller, staff: StaffId) -> Result<String> {
    caller.require(Permission::ManageStaff)?;
    let mut tx = backend.store.write().await?;
    membership(&mut tx, caller.org_id, staff).await?;
    if belongs_elsewhere(&mut tx, caller.org_id, staff).await? {
        return Err(Error::failure(
            FailureCode::Conflict,
            "This person also belongs to another organisation on this server, so an admin of one cannot make them a \
             new password. Ask the operator of the server for a link.",
        ));
    }
    let link = make_one_time_link(backend, &mut tx, caller.org_id, staff, MadeBy::Admin).await?;
    settle(backend, tx, caller, "staff.reset", staff).await?;
    Ok(link)
}

/// As [`reset`], by the operator of the server, for anyone: the link leads into the organisation that the person
/// joined first.
///
/// # Errors
/// `NotFound` for an address with which nobody may sign in.
pub async fn reset_by_operator(backend: &Backend, email: &str) -> Result<String> {
    let mut tx = backend.store.write().await?;
    let row: Option<(Uuid, Uuid)> = tx
        .one(
            "SELECT m.org_id, m.staff_id FROM staff s JOIN membership m ON m.staff_id = s.id
             WHERE s.email = $1 AND m.disabled_at IS NULL ORDER BY m.created_at, m.org_id LIMIT 1",
            args![fold_email(email)],
        )
        .await?;
    let (org, staff) = row.ok_or_else(|| Error::not_found("person"))?;
    let link = make_one_time_link(backend, &mut tx, org.into(), staff.into(), MadeBy::Operator).await?;
    tx.commit().await?;
    Ok(link)
}

/// Changes a role. The last admin cannot be made less.
pub async fn change_role(backend: &Backend, caller: &Caller, staff: StaffId, role: Role) -> Result<()> {
    caller.require(Permission::ManageStaff)?;
    let mut tx = backend.store.write().await?;
    organisations::hold(&mut tx, caller.org_id).await?;
    membership(&mut tx, caller.org_id, staff).await?;
    tx.execute(
        "UPDATE membership SET role = $3 WHERE org_id = $1 AND staff_id = $2",
        args![caller.org_id, staff, role.as_str()],
    )
    .await?;
    require_an_admin(&mut tx, caller.org_id).await?;
    settle(backend, tx, caller, "staff.change_role", staff).await
}

/// Disables or enables; disabling ends every session at once. The last admin cannot be disabled.
pub async fn set_disabled(backend: &Backend, caller: &Caller, staff: StaffId, disabled: bool) -> Result<()> {
    caller.require(Permission::ManageStaff)?;
    let mut tx = backend.store.write().await?;
    organisations::hold(&mut tx, caller.org_id).await?;
    membership(&mut tx, caller.org_id, staff).await?;
    tx.execute(
        "UPDATE membership SET disabled_at = $3 WHERE org_id = $1 AND staff_id = $2",
        args![caller.org_id, staff, disabled.then(|| backend.clock.now())],
    )
    .await?;
    if disabled {
        tx.execute("DELETE FROM session WHERE org_id = $1 AND staff_id = $2", args![caller.org_id, staff])
            .await?;
    }
    require_an_admin(&mut tx, caller.org_id).await?;
    settle(backend, tx, caller, if disabled { "staff.disable" } else { "staff.enable" }, staff).await
}

/// Names for ids, for showing who a conversation is assigned to: everyone enabled, by name.
pub async fn colleagues(backend: &Backend, caller: &Caller) -> Result<Vec<(StaffId, String)>> {
    caller.require(Permission::ReadConversations)?;
    let mut tx = backend.store.read().await?;
    let rows: Vec<(Uuid, String)> = tx
        .all(
            "SELECT s.id, s.name FROM membership m JOIN staff s ON s.id = m.staff_id
             WHERE m.org_id = $1 AND m.disabled_at IS NULL ORDER BY s.name, s.id",
            args![caller.org_id],
        )
        .await?;
    Ok(rows.into_iter().map(|(id, name)| (id.into(), name)).collect())
}

/// Someone who joined an organisation.
struct Joined {
    id: StaffId,
    has_password: bool,
}

/// What somebody can sign in with.
pub fn is_email(text: &str) -> bool {
    let (before_at, after_at) = text.split_once('@').unwrap_or_default();
    !before_at.is_empty() && !after_at.is_empty() && !text.contains(char::is_whitespace) && text.len() <= 254
}

/// A person may be known from another organisation: then they keep their name and password and gain a membership.
async fn join(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    email: &str,
    name: &str,
    role: Role,
) -> Result<Joined> {
    let (email, name) = (fold_email(email), name.trim());
    if !is_email(&email) {
        return Err(Error::invalid("email", "Write an e-mail address, for example sam@clinic.example."));
    }
    if name.is_empty() || name.chars().count() > 200 {
        return Err(Error::invalid("name", "Write the person's name, 1 to 200 characters."));
    }
    let now = backend.clock.now();
    tx.execute(
        "INSERT INTO staff (id, email, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING",
        args![backend.clock.new_id::<StaffId>(), &email, name, now],
    )
    .await?;
    let row: Option<(Uuid, Option<String>)> =
        tx.one("SELECT id, password_hash FROM staff WHERE email = $1", args![&email]).await?;
    let (id, password_hash) = row.ok_or(Error::Inconsistent("a person vanished"))?;
    let staff: StaffId = id.into();
    let joined = tx
        .execute(
            "INSERT INTO membership (org_id, staff_id, role, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (org_id, staff_id) DO NOTHING",
            args![org, staff, role.as_str(), now],
        )
        .await?;
    if joined == 0 {
        return Err(Error::failure(
            FailureCode::Conflict,
            "Someone with this e-mail address works here already.",
        ));
    }
    Ok(Joined { id: staff, has_password: password_hash.is_some() })
}

async fn membership(tx: &mut Tx, org: OrgId, staff: StaffId) -> Result<()> {
    let found = tx
        .number("SELECT COUNT(*) FROM membership WHERE org_id = $1 AND staff_id = $2", args![org, staff])
        .await?;
    if found == 0 { Err(Error::not_found("person")) } else { Ok(()) }
}

/// Call [`organisations::hold`] first: two admins who take away each other's role must not both be counted.
async fn require_an_admin(tx: &mut Tx, org: OrgId) -> Result<()> {
    let admins = tx
        .number(
            "SELECT COUNT(*) FROM membership WHERE org_id = $1 AND role = 'admin' AND disabled_at IS NULL",
            args![org],
        )
        .await?;
    if admins == 0 {
        return Err(Error::failure(
            FailureCode::Conflict,
            "This is the last admin. Make someone else an admin first.",
        ));
    }
    Ok(())
}

async fn settle(
    backend: &Backend,
    mut tx: Tx,
    caller: &Caller,
    action: &'static str,
    staff: StaffId,
) -> Result<()> {
    audit::note(backend, &mut tx, caller, action, "staff", Some(staff.0)).await?;
    live::record(backend, &mut tx, caller.org_id, Change::SettingsChanged)?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(())
}
