//! The numbers that patients write to, and the carrier accounts behind them.

mod quarantine;
mod route;

pub use quarantine::check_again;
pub use route::{Route, simulators};
pub(crate) use route::{default_route, line_of_inbound, route_by_key, route_in, route_out};

use crate::clock::random_token;
use crate::keys::Purpose;
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, audit, live, numbers, organisations};
use model::line::{LineView, ProviderKind};
use model::live::Change;
use model::staff::Permission;
use model::{LineAccountId, LineId, OrgId, PhoneNumber};
use providers::Health;
use route::Row;
use serde_json::{Map, Value};

/// A line to make.
pub struct NewLine {
    /// What staff call it.
    pub name: String,
    /// As people write it; read in the organisation's country.
    pub number: String,
    /// The carrier.
    pub provider: ProviderKind,
    /// In the carrier's own shape; a simulator needs none.
    pub credentials: Value,
}

/// Lines that are not disabled, the default one first.
pub async fn list(backend: &Backend, caller: &Caller) -> Result<Vec<LineView>> {
    caller.require(Permission::ManageLines)?;
    let mut tx = backend.store.read().await?;
    let rows = Row::of_org(&mut tx, caller.org_id).await?;
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        views.push(view(backend, &mut tx, row).await?);
    }
    Ok(views)
}

async fn view(backend: &Backend, tx: &mut Tx, row: Row) -> Result<LineView> {
    let quarantined = tx
        .number(
            "SELECT COUNT(*) FROM journal_entry WHERE account_id = $1 AND state = 'quarantined'",
            args![row.account_id],
        )
        .await?;
    Ok(LineView { quarantined: u32::try_from(quarantined).unwrap_or(u32::MAX), ..row.view(backend)? })
}

/// Makes a line; the organisation's first becomes its default.
///
/// # Errors
/// `Invalid` names the field: the number, or what the carrier says of the credentials.
pub async fn create(backend: &Backend, caller: &Caller, new: NewLine) -> Result<LineView> {
    caller.require(Permission::ManageLines)?;
    let mut tx = backend.store.write().await?;
    let view = insert(backend, &mut tx, caller.org_id, new).await?;
    audit::note(backend, &mut tx, caller, "line.create", "line", Some(view.id.0)).await?;
    live::record(backend, &mut tx, caller.org_id, Change::SettingsChanged).await?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(view)
}

/// As [`create`], by the operator of the server.
pub async fn add(backend: &Backend, org: OrgId, new: NewLine) -> Result<LineView> {
    let mut tx = backend.store.write().await?;
    let view = insert(backend, &mut tx, org, new).await?;
    tx.commit().await?;
    Ok(view)
}

/// What changes about a line; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct LineChange {
    /// What staff call it.
    pub name: Option<String>,
    /// Fields of the carrier's credentials. An empty one is taken away, one that is not named stays.
    pub credentials: Option<Value>,
}

/// Changes a line. With new credentials, webhooks in quarantine are checked once more: what holds now is read.
///
/// # Errors
/// `Invalid` names the field, `NotFound` for a line that is not there.
pub async fn update(backend: &Backend, caller: &Caller, id: LineId, change: LineChange) -> Result<LineView> {
    caller.require(Permission::ManageLines)?;
    let mut tx = backend.store.write().await?;
    let row = Row::of_line(&mut tx, caller.org_id, id).await?.ok_or_else(|| Error::not_found("line"))?;
    if let Some(name) = &change.name {
        let name = checked_name(name)?;
        tx.execute("UPDATE line SET name = $2 WHERE id = $1", args![id, name]).await?;
    }
    if let Some(credentials) = &change.credentials {
        let merged = merged(row.credentials(backend)?, credentials)?;
        check_credentials(row.stored_provider()?, &merged)?;
        tx.execute(
            "UPDATE line_account SET credentials_sealed = $2 WHERE id = $1",
            args![row.account_id, sealed(backend, &merged)?],
        )
        .await?;
    }
    if change.credentials.is_some() {
        quarantine::look_again(backend, &mut tx, row.account_id.into()).await?;
    }
    audit::note(backend, &mut tx, caller, "line.update", "line", Some(id.0)).await?;
    live::record(backend, &mut tx, caller.org_id, Change::SettingsChanged).await?;
    let row =
        Row::of_line(&mut tx, caller.org_id, id).await?.ok_or(Error::Inconsistent("a line vanished"))?;
    let view = view(backend, &mut tx, row).await?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(view)
}

/// Credentials with changed fields.
fn merged(before: Value, changes: &Value) -> Result<Value> {
    let (Value::Object(mut fields), Value::Object(changes)) = (before, changes) else {
        return Err(Error::invalid("credentials", "Give the fields to change as a JSON object."));
    };
    for (name, value) in changes {
        match value.as_str().map(str::trim) {
            Some("") => fields.remove(name),
            _ => fields.insert(name.clone(), value.clone()),
        };
    }
    Ok(Value::Object(fields))
}

fn check_credentials(provider: ProviderKind, credentials: &Value) -> Result<()> {
    if provider == ProviderKind::Simulator {
        return Ok(());
    }
    providers::for_kind(provider)
        .check_credentials(credentials)
        .map_err(|error| Error::invalid(error.field, error.message))
}

fn sealed(backend: &Backend, credentials: &Value) -> Result<Vec<u8>> {
    let plain =
        serde_json::to_vec(credentials).map_err(|_| Error::Inconsistent("credentials do not serialise"))?;
    Ok(backend.keys.seal(Purpose::Credentials, &plain))
}

fn checked_name(name: &str) -> Result<&str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 {
        return Err(Error::invalid(
            "name",
            "Give the line a name of 1 to 100 characters, for example Front desk.",
        ));
    }
    Ok(name)
}

/// Asks the carrier of each of an organisation's lines how it stands. For the operator of the server.
pub async fn check(backend: &Backend, org: OrgId) -> Result<Vec<(LineView, Health)>> {
    let mut tx = backend.store.read().await?;
    let mut asked = Vec::new();
    for row in Row::of_org(&mut tx, org).await? {
        let route = route_in(backend, &mut tx, row.account_id.into(), None).await?;
        asked.push((row.view(backend)?, route.ok_or(Error::Inconsistent("a line vanished"))?));
    }
    drop(tx);
    let mut findings = Vec::with_capacity(asked.len());
    for (view, route) in asked {
        let health = providers::for_kind(route.provider).health(&backend.http, &route.account).await;
        findings.push((view, health));
    }
    Ok(findings)
}

/// New conversations go out here from now on.
pub async fn set_default(backend: &Backend, caller: &Caller, id: LineId) -> Result<()> {
    caller.require(Permission::ManageLines)?;
    let mut tx = backend.store.write().await?;
    let found = tx
        .number(
            "SELECT COUNT(*) FROM line WHERE org_id = $1 AND id = $2 AND disabled_at IS NULL",
            args![caller.org_id, id],
        )
        .await?;
    if found == 0 {
        return Err(Error::not_found("line"));
    }
    tx.execute("UPDATE line SET is_default = (id = $2) WHERE org_id = $1", args![caller.org_id, id]).await?;
    audit::note(backend, &mut tx, caller, "line.set_default", "line", Some(id.0)).await?;
    live::record(backend, &mut tx, caller.org_id, Change::SettingsChanged).await?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(())
}

async fn insert(backend: &Backend, tx: &mut Tx, org: OrgId, new: NewLine) -> Result<LineView> {
    let name = checked_name(&new.name)?;
    let country = organisations::country(tx, org).await?;
    let number =
        PhoneNumber::parse(&new.number, country).map_err(|why| Error::invalid("number", why.to_string()))?;
    check_credentials(new.provider, &new.credentials)?;
    let simulated = new.provider == ProviderKind::Simulator || backend.settings.mock_mode;
    if simulated && route::is_simulated_elsewhere(backend, tx, org, &number).await? {
        return Err(Error::invalid(
            "number",
            "This number is taken in this server's simulated network. Choose another one.",
        ));
    }
    let number_id = numbers::find_or_make(backend, tx, org, &number).await?;
    let lines =
        tx.number("SELECT COUNT(*) FROM line WHERE org_id = $1 AND disabled_at IS NULL", args![org]).await?;
    let (id, account_id): (LineId, LineAccountId) = (backend.clock.new_id(), backend.clock.new_id());
    let now = backend.clock.now();
    tx.execute(
        "INSERT INTO line (id, org_id, name, number_id, line_key, is_default, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        args![id, org, name, number_id, random_token(), lines == 0, now],
    )
    .await?;
    let credentials = match new.credentials {
        Value::Null => Value::Object(Map::new()),
        credentials => credentials,
    };
    tx.execute(
        "INSERT INTO line_account (id, org_id, line_id, provider, credentials_sealed, verification, created_at)
         VALUES ($1, $2, $3, $4, $5, 'enforce', $6)",
        args![
            account_id,
            org,
            id,
            new.provider.as_str(),
            sealed(backend, &credentials)?,
            now
        ],
    )
    .await?;
    Row::of_account(tx, account_id).await?.ok_or(Error::Inconsistent("a line vanished"))?.view(backend)
}
