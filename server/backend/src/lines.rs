//! The numbers that patients write to, and the carrier accounts behind them.

use crate::clock::random_token;
use crate::keys::Purpose;
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, audit, live, numbers, organisations};
use model::line::{LineView, ProviderKind};
use model::live::Change;
use model::staff::Permission;
use model::{LineAccountId, LineId, OrgId, PhoneNumber};
use providers::{Verification, WebhookKind};
use serde_json::json;
use url::Url;
use uuid::Uuid;

/// The columns of [`Row`], for lines that fulfil a condition.
macro_rules! select_lines {
    ($condition:literal) => {
        concat!(
            "SELECT l.id, l.org_id, l.name, l.line_key, l.is_default, n.address_sealed, a.id AS account_id, a.provider,
                    a.credentials_sealed, a.verification
             FROM line l JOIN number n ON n.id = l.number_id JOIN line_account a ON a.line_id = l.id WHERE ",
            $condition
        )
    };
}

/// A line to make.
pub struct NewLine {
    /// What staff call it.
    pub name: String,
    /// As people write it; read in the organisation's country.
    pub number: String,
    /// The carrier.
    pub provider: ProviderKind,
    /// In the carrier's own shape; a simulator needs none.
    pub credentials: serde_json::Value,
}

/// Lines that are not disabled, the default one first.
pub async fn list(backend: &Backend, caller: &Caller) -> Result<Vec<LineView>> {
    caller.require(Permission::ManageLines)?;
    let mut tx = backend.store.read().await?;
    let rows: Vec<Row> = tx
        .all(
            select_lines!("l.org_id = $1 AND l.disabled_at IS NULL ORDER BY l.is_default DESC, l.id, a.id"),
            args![caller.org_id],
        )
        .await?;
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        let quarantined = tx
            .number(
                "SELECT COUNT(*) FROM journal_entry WHERE org_id = $1 AND account_id = $2 AND state = 'quarantined'",
                args![caller.org_id, row.account_id],
            )
            .await?;
        views.push(LineView {
            quarantined: u32::try_from(quarantined).unwrap_or(u32::MAX),
            ..row.view(backend)?
        });
    }
    Ok(views)
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

/// A line with one of its accounts, opened for use.
#[derive(Debug)]
pub struct Route {
    /// The line.
    pub line_id: LineId,
    /// The account.
    pub account_id: LineAccountId,
    /// Whose it is.
    pub org_id: OrgId,
    /// The carrier; the simulator for every line while mock mode is on.
    pub provider: ProviderKind,
    /// What the carrier's code needs.
    pub account: providers::Account,
    /// The public inbound webhook.
    pub inbound_url: Url,
}

/// Every line whose carrier is the simulator, for registering them with the simulated network at start.
pub async fn simulators(backend: &Backend) -> Result<Vec<Route>> {
    let mut tx = backend.store.read().await?;
    let rows: Vec<Row> =
        tx.all(select_lines!("l.disabled_at IS NULL AND a.disabled_at IS NULL"), args![]).await?;
    let routes = rows.into_iter().map(|row| row.route(backend)).collect::<Result<Vec<_>>>()?;
    Ok(routes.into_iter().filter(|route| route.provider == ProviderKind::Simulator).collect())
}

/// The route that an organisation's outbound messages take: its default line. `None` without a line.
pub(crate) async fn default_route(backend: &Backend, tx: &mut Tx, org: OrgId) -> Result<Option<Route>> {
    let row: Option<Row> = tx
        .one(
            select_lines!("l.org_id = $1 AND l.is_default AND l.disabled_at IS NULL AND a.disabled_at IS NULL ORDER BY a.id LIMIT 1"),
            args![org],
        )
        .await?;
    row.map(|row| row.route(backend)).transpose()
}

/// The route of an account.
pub(crate) async fn route(backend: &Backend, tx: &mut Tx, account: LineAccountId) -> Result<Option<Route>> {
    let row: Option<Row> = tx.one(select_lines!("a.id = $1"), args![account]).await?;
    row.map(|row| row.route(backend)).transpose()
}

/// The route that a webhook path names.
pub(crate) async fn route_by_key(
    backend: &Backend,
    tx: &mut Tx,
    provider: ProviderKind,
    line_key: &str,
) -> Result<Option<Route>> {
    let rows: Vec<Row> = tx
        .all(select_lines!("l.line_key = $1 AND a.disabled_at IS NULL ORDER BY a.id"), args![line_key])
        .await?;
    for row in rows {
        let route = row.route(backend)?;
        if route.provider == provider {
            return Ok(Some(route));
        }
    }
    Ok(None)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    org_id: Uuid,
    name: String,
    line_key: String,
    is_default: bool,
    address_sealed: Vec<u8>,
    account_id: Uuid,
    provider: String,
    credentials_sealed: Vec<u8>,
    verification: String,
}

impl Row {
    fn provider(&self, backend: &Backend) -> Result<ProviderKind> {
        if backend.settings.mock_mode {
            return Ok(ProviderKind::Simulator);
        }
        ProviderKind::from_word(&self.provider)
            .ok_or(Error::Inconsistent("a carrier that this version does not know"))
    }

    fn webhook(&self, backend: &Backend, kind: WebhookKind) -> Result<Url> {
        let path =
            format!("webhooks/{}/{}/{}", self.provider(backend)?.as_str(), self.line_key, kind.as_str());
        let base = backend.settings.app_url.as_str().trim_end_matches('/');
        format!("{base}/{path}").parse().map_err(|_| Error::Inconsistent("APP_URL takes no path"))
    }

    /// A webhook's address as it is entered at the carrier, which is more than what the carrier then calls and signs.
    fn to_paste(&self, backend: &Backend, kind: WebhookKind) -> Result<String> {
        let mut url = self.webhook(backend, kind)?;
        url.set_fragment(providers::for_kind(self.provider(backend)?).address_ending());
        Ok(url.into())
    }

    fn number(&self, backend: &Backend) -> Result<PhoneNumber> {
        numbers::open(backend, &self.address_sealed)
    }

    fn view(&self, backend: &Backend) -> Result<LineView> {
        Ok(LineView {
            id: self.id.into(),
            name: self.name.clone(),
            number: self.number(backend)?,
            provider: self.provider(backend)?,
            is_default: self.is_default,
            inbound_url: self.to_paste(backend, WebhookKind::Inbound)?,
            status_url: self.to_paste(backend, WebhookKind::Status)?,
            quarantined: 0,
        })
    }

    fn route(&self, backend: &Backend) -> Result<Route> {
        let provider = self.provider(backend)?;
        let credentials = match provider {
            // The simulated carrier lives in this server; its secret follows from the line's key.
            ProviderKind::Simulator => json!({
                "api_base": backend.settings.app_url.as_str().trim_end_matches('/'),
                "secret": hex::encode(backend.keys.hash(Purpose::Credentials, &self.line_key)),
            }),
            _ => {
                let plain = backend.keys.open(Purpose::Credentials, &self.credentials_sealed)?;
                serde_json::from_slice(&plain).map_err(|_| Error::Inconsistent("credentials are no JSON"))?
            }
        };
        Ok(Route {
            line_id: self.id.into(),
            account_id: self.account_id.into(),
            org_id: self.org_id.into(),
            provider,
            account: providers::Account {
                sender: self.number(backend)?,
                credentials,
                verification: match self.verification.as_str() {
                    "off" => Verification::Off,
                    "observe" => Verification::Observe,
                    _ => Verification::Enforce,
                },
                status_url: self.webhook(backend, WebhookKind::Status)?,
            },
            inbound_url: self.webhook(backend, WebhookKind::Inbound)?,
        })
    }
}

async fn insert(backend: &Backend, tx: &mut Tx, org: OrgId, new: NewLine) -> Result<LineView> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > 100 {
        return Err(Error::invalid(
            "name",
            "Give the line a name of 1 to 100 characters, for example Front desk.",
        ));
    }
    let country = organisations::country(tx, org).await?;
    let number =
        PhoneNumber::parse(&new.number, country).map_err(|why| Error::invalid("number", why.to_string()))?;
    if new.provider != ProviderKind::Simulator {
        providers::for_kind(new.provider)
            .check_credentials(&new.credentials)
            .map_err(|error| Error::invalid(error.field, error.message))?;
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
    let credentials = serde_json::to_vec(&new.credentials)
        .map_err(|_| Error::Inconsistent("credentials do not serialise"))?;
    tx.execute(
        "INSERT INTO line_account (id, org_id, line_id, provider, credentials_sealed, verification, created_at)
         VALUES ($1, $2, $3, $4, $5, 'enforce', $6)",
        args![
            account_id,
            org,
            id,
            new.provider.as_str(),
            backend.keys.seal(Purpose::Credentials, &credentials),
            now
        ],
    )
    .await?;
    let row: Option<Row> = tx.one(select_lines!("a.id = $1"), args![account_id]).await?;
    row.ok_or(Error::Inconsistent("a line vanished"))?.view(backend)
}
