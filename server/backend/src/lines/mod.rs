//! The numbers that patients write to, and the carrier accounts behind them.

mod accounts;
mod addresses;
mod credentials;
mod quarantine;
mod route;
mod row;

pub use accounts::{
    AccountChange, NewAccount, Pace, Prices, add_account, end_exchange, exchange_secret, pin, remove_account,
    update_account,
};
pub(crate) use accounts::{cool_down, rest_ends_in};
pub use quarantine::check_again;
pub use route::{Route, simulators};
pub(crate) use route::{
    all_to_ask, choices, line_of_inbound, options_beside, route_by_key, route_in, route_out, routes_of,
};

use crate::clock::random_token;
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, audit, live, numbers, organisations};
use model::line::{AccountView, LineView, ProviderKind};
use model::live::Change;
use model::staff::Permission;
use model::{LineId, NumberId, OrgId, PhoneNumber};
use providers::Health;
use row::Row;
use serde_json::Value;

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
    let mut views: Vec<LineView> = Vec::new();
    for row in Row::shown_of_org(&mut tx, caller.org_id).await? {
        let account = account_view(backend, &mut tx, &row).await?;
        match views.last_mut() {
            Some(view) if view.id == row.line_id() => view.accounts.push(account),
            _ => views.push(LineView { accounts: vec![account], ..row.line_view(backend)? }),
        }
    }
    Ok(views)
}

/// Whether any of the organisation's lines ends in the simulated phone, as all of them do in mock mode.
pub async fn has_simulator(backend: &Backend, caller: &Caller) -> Result<bool> {
    caller.require(Permission::ReadConversations)?;
    if backend.settings.mock_mode {
        return Ok(true);
    }
    let mut tx = backend.store.read().await?;
    let simulators = tx
        .number(
            "SELECT COUNT(*) FROM line_account a JOIN line l ON l.id = a.line_id
             WHERE a.org_id = $1 AND a.provider = $2 AND a.disabled_at IS NULL AND l.disabled_at IS NULL",
            args![caller.org_id, ProviderKind::Simulator.as_str()],
        )
        .await?;
    Ok(simulators > 0)
}

/// A line as Settings shows it.
async fn view(backend: &Backend, tx: &mut Tx, org: OrgId, id: LineId) -> Result<LineView> {
    let mut rows = Row::shown_of_org(tx, org).await?;
    rows.retain(|row| row.line_id() == id);
    let mut view = rows.first().ok_or_else(|| Error::not_found("line"))?.line_view(backend)?;
    for row in &rows {
        view.accounts.push(account_view(backend, tx, row).await?);
    }
    Ok(view)
}

async fn account_view(backend: &Backend, tx: &mut Tx, row: &Row) -> Result<AccountView> {
    let quarantined = tx
        .number(
            "SELECT COUNT(*) FROM journal_entry WHERE account_id = $1 AND state = 'quarantined'",
            args![row.account_id],
        )
        .await?;
    row.account_view(backend, u32::try_from(quarantined).unwrap_or(u32::MAX))
}

/// Makes a line; the organisation's first becomes its default.
///
/// # Errors
/// `Invalid` names the field: the number, also one that another line has, or what the carrier says of the credentials.
pub async fn create(backend: &Backend, caller: &Caller, new: NewLine) -> Result<LineView> {
    caller.require(Permission::ManageLines)?;
    let mut tx = backend.store.write().await?;
    let view = insert(backend, &mut tx, caller.org_id, new).await?;
    audit::note(backend, &mut tx, caller, "line.create", "line", Some(view.id.0)).await?;
    live::record(backend, &mut tx, caller.org_id, Change::SettingsChanged)?;
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

/// Gives a line another name.
///
/// # Errors
/// `Invalid` for a name that is none, `NotFound` for a line that is not there.
pub async fn rename(backend: &Backend, caller: &Caller, id: LineId, name: &str) -> Result<LineView> {
    caller.require(Permission::ManageLines)?;
    let name = checked_name(name)?;
    let mut tx = backend.store.write().await?;
    tx.execute("UPDATE line SET name = $3 WHERE id = $1 AND org_id = $2", args![id, caller.org_id, name])
        .await?;
    finish(backend, caller, tx, id, "line.update").await
}

/// Notes what was done to a line, tells open screens, and answers with the line as it is now.
async fn finish(
    backend: &Backend,
    caller: &Caller,
    mut tx: Tx,
    id: LineId,
    action: &'static str,
) -> Result<LineView> {
    let view = view(backend, &mut tx, caller.org_id, id).await?;
    audit::note(backend, &mut tx, caller, action, "line", Some(id.0)).await?;
    live::record(backend, &mut tx, caller.org_id, Change::SettingsChanged)?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(view)
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

/// How one of a line's accounts stands.
pub struct Checked {
    /// The line.
    pub line: LineId,
    /// What staff call it.
    pub name: String,
    /// What patients write to.
    pub number: PhoneNumber,
    /// The carrier that was asked.
    pub provider: ProviderKind,
    /// What it answered.
    pub health: Health,
}

/// Asks every carrier of an organisation's lines how it stands. For the operator of the server.
pub async fn check(backend: &Backend, org: OrgId) -> Result<Vec<Checked>> {
    let mut tx = backend.store.read().await?;
    let mut asked = Vec::new();
    for row in Row::of_org(&mut tx, org).await? {
        let route = row.route(backend, row.stored_provider()?)?;
        asked.push((row.name.clone(), route));
    }
    drop(tx);
    let mut all = Vec::with_capacity(asked.len());
    for (name, route) in asked {
        let provider = route.provider;
        let health = providers::for_kind(provider).health(&backend.http, &route.account).await;
        all.push(Checked { line: route.line_id, name, number: route.account.sender, provider, health });
    }
    Ok(all)
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
    live::record(backend, &mut tx, caller.org_id, Change::SettingsChanged)?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(())
}

async fn insert(backend: &Backend, tx: &mut Tx, org: OrgId, new: NewLine) -> Result<LineView> {
    let name = checked_name(&new.name)?;
    // On PostgreSQL, two who add the same number at once would both find it free.
    organisations::hold(tx, org).await?;
    let country = organisations::country(tx, org).await?;
    let number =
        PhoneNumber::parse(&new.number, country).map_err(|why| Error::invalid("number", why.to_string()))?;
    credentials::check_new(new.provider, &new.credentials)?;
    accounts::require_simulated_number(backend, tx, org, &number, new.provider).await?;
    let number_id = numbers::find_or_make(backend, tx, org, &number).await?;
    require_free_number(tx, org, number_id).await?;
    let lines =
        tx.number("SELECT COUNT(*) FROM line WHERE org_id = $1 AND disabled_at IS NULL", args![org]).await?;
    let id: LineId = backend.clock.new_id();
    let now = backend.clock.now();
    tx.execute(
        "INSERT INTO line (id, org_id, name, number_id, line_key, is_default, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        args![id, org, name, number_id, random_token(), lines == 0, now],
    )
    .await?;
    accounts::insert(
        backend,
        tx,
        org,
        id,
        &NewAccount { provider: new.provider, credentials: new.credentials },
    )
    .await?;
    view(backend, tx, org, id).await
}

/// A number is one line of an organisation, however many carriers it has; otherwise it would be chance through which of
/// them a message came. Other organisations are not asked: whose the number really is, the carrier knows.
async fn require_free_number(tx: &mut Tx, org: OrgId, number: NumberId) -> Result<()> {
    let taken: Option<(String,)> = tx
        .one(
            "SELECT name FROM line WHERE org_id = $1 AND number_id = $2 AND disabled_at IS NULL",
            args![org, number],
        )
        .await?;
    match taken {
        None => Ok(()),
        Some((name,)) => Err(Error::invalid(
            "number",
            format!("The line “{name}” has this number already. Add a further carrier to that line instead."),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestBackend, postgres};
    use std::time::Duration;

    /// How long a story waits for something that should come at once.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn an_account_is_changed_while_a_message_is_marked() {
        const WAITING: &str = "SELECT COUNT(*) FROM pg_stat_activity
                               WHERE datname = current_database() AND wait_event_type = 'Lock'";
        // SQLite has one writer.
        let Some(url) = postgres().await else { return };
        let t = TestBackend::new(Some(&url)).await;
        let account = list(&t.backend, &t.admin).await.expect("lines")[0].accounts[0].route.account_id;
        // As a delivery that is marked: it has the account's row, and comes to the organisation's number at its end.
        let mut marking = t.backend.store.write().await.expect("a transaction");
        live::record(&t.backend, &mut marking, t.org, Change::SettingsChanged).expect("a change");
        let taken = marking.execute("UPDATE line_account SET next_send_at = next_send_at", args![]).await;
        assert_eq!(taken.expect("a row"), 1);
        let (backend, caller) = (t.backend.clone(), t.admin.clone());
        let changing = tokio::spawn(async move {
            let credentials = Some(serde_json::json!({"auth_token": "another_token_0123456789abcdef00"}));
            let change = AccountChange { credentials, ..AccountChange::default() };
            update_account(&backend, &caller, account, change).await
        });
        let waits = async {
            while t.count(WAITING).await == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waits).await.expect("it waits for its turn");
        tokio::time::timeout(PATIENCE, marking.commit()).await.expect("no circle").expect("a commit");
        changing.await.expect("no panic").expect("a changed account");
        t.backend.store.close().await;
    }
}
