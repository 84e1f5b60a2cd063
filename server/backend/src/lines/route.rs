//! A line with one of its accounts, opened for use.

use crate::keys::Purpose;
use crate::store::{Tx, args};
use crate::{Backend, Error, Result, numbers};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::line::{LineView, ProviderKind, Tariff};
use model::{LineAccountId, LineId, Millis, OrgId, PhoneNumber};
use providers::{MediaRequest, Rejected, SECRET_PARAMETER, Verification, WebhookKind};
use serde_json::{Value, json};
use std::collections::HashSet;
use url::Url;
use uuid::Uuid;

/// How long the secret before the current one is taken while they are being exchanged: a week to paste the new one.
const EXCHANGE: Millis = 7 * 24 * 60 * 60 * 1000;

/// The columns of [`Row`], for lines that fulfil a condition.
macro_rules! select_lines {
    ($condition:literal) => {
        concat!(
            "SELECT l.id, l.org_id, l.name, l.line_key, l.is_default, n.address_sealed, a.id AS account_id, a.provider,
                    a.credentials_sealed, a.verification, a.secret_generation, a.secret_exchanged_at, a.tariff
             FROM line l JOIN number n ON n.id = l.number_id JOIN line_account a ON a.line_id = l.id WHERE ",
            $condition
        )
    };
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
    /// Whose door it is: the account's carrier, or the simulator while the server only pretends to send.
    pub provider: ProviderKind,
    /// What the carrier's code needs.
    pub account: providers::Account,
    /// What it costs: by the organisation's contract, else as the carrier publishes it, where that is known.
    pub tariff: Option<Tariff>,
    /// What the carrier's code needs for the simulator, while the server only pretends to send.
    simulated: Option<providers::Account>,
}

impl Route {
    /// How to fetch an attachment that came through this account, or through the simulator in its place.
    pub(crate) fn media_request(&self, remote: &Url) -> Result<MediaRequest, Rejected> {
        let of_carrier = providers::for_kind(self.provider).media_request(&self.account, remote);
        match &self.simulated {
            Some(account) if of_carrier.is_err() => {
                providers::for_kind(ProviderKind::Simulator).media_request(account, remote)
            }
            _ => of_carrier,
        }
    }
}

/// Every line whose carrier is the simulator, for registering them with the simulated network at start. The network
/// knows lines by their numbers, so of several with the same number only the first that was made is among them.
pub async fn simulators(backend: &Backend) -> Result<Vec<Route>> {
    let mut tx = backend.store.read().await?;
    let rows: Vec<Row> = tx
        .all(select_lines!("l.disabled_at IS NULL AND a.disabled_at IS NULL ORDER BY l.id"), args![])
        .await?;
    let mut routes = rows
        .into_iter()
        .map(|row| row.route(backend, row.sending_provider(backend)?))
        .collect::<Result<Vec<_>>>()?;
    let mut numbers = HashSet::new();
    routes.retain(|route| {
        route.provider == ProviderKind::Simulator && numbers.insert(route.account.sender.clone())
    });
    Ok(routes)
}

/// Whether another organisation has the number in the simulated network, which is one for the whole server: as in a
/// real one, a number belongs to one of them.
pub(super) async fn is_simulated_elsewhere(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    number: &PhoneNumber,
) -> Result<bool> {
    let rows: Vec<Row> = tx
        .all(
            select_lines!(
                "n.hash = $1 AND l.org_id <> $2 AND l.disabled_at IS NULL AND a.disabled_at IS NULL"
            ),
            args![backend.keys.hash_address(number.as_e164()), org],
        )
        .await?;
    for row in rows {
        if row.sending_provider(backend)? == ProviderKind::Simulator {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The route that an organisation's outbound messages take: its default line. `None` without a line.
pub(crate) async fn default_route(backend: &Backend, tx: &mut Tx, org: OrgId) -> Result<Option<Route>> {
    let row: Option<Row> = tx
        .one(
            select_lines!("l.org_id = $1 AND l.is_default AND l.disabled_at IS NULL AND a.disabled_at IS NULL ORDER BY a.id LIMIT 1"),
            args![org],
        )
        .await?;
    row.map(|row| row.route(backend, row.sending_provider(backend)?)).transpose()
}

/// The route of an account for a message to a patient: the simulator's while the server only pretends to send.
pub(crate) async fn route_out(
    backend: &Backend,
    tx: &mut Tx,
    account: LineAccountId,
) -> Result<Option<Route>> {
    let row = Row::of_account(tx, account).await?;
    row.map(|row| row.route(backend, row.sending_provider(backend)?)).transpose()
}

/// The route of an account for what came through it. Patients go on writing while the server only pretends to
/// send, so their carrier stays who it is, unless it is told that it came through the simulator's door.
pub(crate) async fn route_in(
    backend: &Backend,
    tx: &mut Tx,
    account: LineAccountId,
    through: Option<ProviderKind>,
) -> Result<Option<Route>> {
    let row = Row::of_account(tx, account).await?;
    row.map(|row| row.route(backend, through.map_or_else(|| row.stored_provider(), Ok)?)).transpose()
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
        if provider == row.stored_provider()? || provider == row.sending_provider(backend)? {
            return row.route(backend, provider).map(Some);
        }
    }
    Ok(None)
}

/// The line to which a message came: one address may take the messages of several numbers, when they share a service
/// at the carrier. `None` for a number that is no line here.
pub(crate) async fn line_of_inbound(
    backend: &Backend,
    tx: &mut Tx,
    route: &Route,
    to: Option<&PhoneNumber>,
) -> Result<Option<LineId>> {
    let Some(to) = to.filter(|to| **to != route.account.sender) else { return Ok(Some(route.line_id)) };
    let row: Option<(Uuid,)> = tx
        .one(
            "SELECT l.id FROM line l JOIN number n ON n.id = l.number_id
             WHERE l.org_id = $1 AND n.hash = $2 AND l.disabled_at IS NULL ORDER BY l.id LIMIT 1",
            args![route.org_id, backend.keys.hash_address(to.as_e164())],
        )
        .await?;
    Ok(row.map(|(line,)| line.into()))
}

/// A line with one of its accounts, as stored.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: Uuid,
    org_id: Uuid,
    name: String,
    line_key: String,
    is_default: bool,
    address_sealed: Vec<u8>,
    pub(super) account_id: Uuid,
    provider: String,
    credentials_sealed: Vec<u8>,
    verification: String,
    secret_generation: i64,
    secret_exchanged_at: Option<Millis>,
    tariff: Option<String>,
}

impl Row {
    /// Lines that are not disabled, the default one first.
    pub(super) async fn of_org(tx: &mut Tx, org: OrgId) -> Result<Vec<Self>> {
        tx.all(
            select_lines!("l.org_id = $1 AND l.disabled_at IS NULL ORDER BY l.is_default DESC, l.id, a.id"),
            args![org],
        )
        .await
        .map_err(Into::into)
    }

    /// A line of an organisation.
    pub(super) async fn of_line(tx: &mut Tx, org: OrgId, id: LineId) -> Result<Option<Self>> {
        tx.one(
            select_lines!("l.org_id = $1 AND l.id = $2 AND l.disabled_at IS NULL ORDER BY a.id LIMIT 1"),
            args![org, id],
        )
        .await
        .map_err(Into::into)
    }

    /// The line of an account.
    pub(super) async fn of_account(tx: &mut Tx, id: LineAccountId) -> Result<Option<Self>> {
        tx.one(select_lines!("a.id = $1"), args![id]).await.map_err(Into::into)
    }

    /// The carrier that the account is at.
    pub(super) fn stored_provider(&self) -> Result<ProviderKind> {
        ProviderKind::from_word(&self.provider)
            .ok_or(Error::Inconsistent("a carrier that this version does not know"))
    }

    /// Who is asked to send: the simulator while the server only pretends.
    fn sending_provider(&self, backend: &Backend) -> Result<ProviderKind> {
        if backend.settings.mock_mode { Ok(ProviderKind::Simulator) } else { self.stored_provider() }
    }

    /// What the carrier's code needs, in its own shape.
    pub(super) fn credentials(&self, backend: &Backend) -> Result<Value> {
        let plain = backend.keys.open(Purpose::Credentials, &self.credentials_sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Error::Inconsistent("credentials are no JSON"))
    }

    pub(super) fn view(&self, backend: &Backend) -> Result<LineView> {
        let provider = self.sending_provider(backend)?;
        Ok(LineView {
            id: self.id.into(),
            name: self.name.clone(),
            number: self.number(backend)?,
            provider,
            is_default: self.is_default,
            inbound_url: self.to_paste(backend, provider, WebhookKind::Inbound)?,
            status_url: self.to_paste(backend, provider, WebhookKind::Status)?,
            quarantined: 0,
        })
    }

    /// A webhook's address as it is entered at the carrier, which is more than what the carrier then calls and signs.
    fn to_paste(&self, backend: &Backend, provider: ProviderKind, kind: WebhookKind) -> Result<String> {
        let mut url = self.webhook(backend, provider, kind)?;
        url.set_fragment(providers::for_kind(provider).address_ending());
        Ok(url.into())
    }

    fn route(&self, backend: &Backend, provider: ProviderKind) -> Result<Route> {
        let pretends = backend.settings.mock_mode && provider != ProviderKind::Simulator;
        Ok(Route {
            line_id: self.id.into(),
            account_id: self.account_id.into(),
            org_id: self.org_id.into(),
            provider,
            account: self.account(backend, provider)?,
            tariff: self.tariff(backend)?,
            simulated: pretends.then(|| self.account(backend, ProviderKind::Simulator)).transpose()?,
        })
    }

    fn account(&self, backend: &Backend, provider: ProviderKind) -> Result<providers::Account> {
        let credentials = match provider {
            // The simulated carrier lives in this server; its secret follows from the line's key.
            ProviderKind::Simulator => json!({
                "api_base": backend.settings.app_url.as_str().trim_end_matches('/'),
                "secret": hex::encode(backend.keys.hash(Purpose::Credentials, &self.line_key)),
            }),
            _ => self.credentials(backend)?,
        };
        let exchanging = self.secret_exchanged_at.is_some_and(|at| backend.clock.now() - at < EXCHANGE);
        let previous = exchanging.then(|| self.secret(backend, self.secret_generation - 1));
        Ok(providers::Account {
            sender: self.number(backend)?,
            credentials,
            verification: match self.verification.as_str() {
                "off" => Verification::Off,
                "observe" => Verification::Observe,
                _ => Verification::Enforce,
            },
            webhook_secrets: [self.secret(backend, self.secret_generation)]
                .into_iter()
                .chain(previous)
                .collect(),
            inbound_url: self.webhook(backend, provider, WebhookKind::Inbound)?,
            status_url: self.webhook(backend, provider, WebhookKind::Status)?,
        })
    }

    fn tariff(&self, backend: &Backend) -> Result<Option<Tariff>> {
        let Some(own) = &self.tariff else {
            let provider = providers::for_kind(self.stored_provider()?);
            return Ok(self
                .number(backend)?
                .country()
                .and_then(|country| provider.published_tariff(country)));
        };
        serde_json::from_str(own).map(Some).map_err(|_| Error::Inconsistent("a tariff is no JSON of ours"))
    }

    fn number(&self, backend: &Backend) -> Result<PhoneNumber> {
        numbers::open(backend, &self.address_sealed)
    }

    /// What carriers that sign nothing must name: 256 bits that follow from the master key, so that the database
    /// alone does not tell them.
    fn secret(&self, backend: &Backend, generation: i64) -> String {
        let text = format!("{}:{generation}", self.account_id);
        URL_SAFE_NO_PAD.encode(backend.keys.hash(Purpose::WebhookSecret, &text))
    }

    fn webhook(&self, backend: &Backend, provider: ProviderKind, kind: WebhookKind) -> Result<Url> {
        let path = format!("webhooks/{}/{}/{}", provider.as_str(), self.line_key, kind.as_str());
        let base = backend.settings.app_url.as_str().trim_end_matches('/');
        let mut url: Url =
            format!("{base}/{path}").parse().map_err(|_| Error::Inconsistent("APP_URL takes no path"))?;
        if providers::for_kind(provider).proves_itself_by_secret() {
            url.query_pairs_mut()
                .append_pair(SECRET_PARAMETER, &self.secret(backend, self.secret_generation));
        }
        Ok(url)
    }
}
