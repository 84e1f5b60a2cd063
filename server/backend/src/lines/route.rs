//! A line with one of its accounts, opened for use.

use super::addresses::AddressList;
use super::row::{Row, select_lines};
use crate::store::{Tx, args};
use crate::{Backend, Result};
use model::conversation::LineChoice;
use model::line::{ProviderKind, Tariff};
use model::routing::RouteOption;
use model::{LineAccountId, LineId, OrgId, PhoneNumber};
use providers::{MediaRequest, Rejected};
use std::collections::HashSet;
use url::Url;
use uuid::Uuid;

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
    /// Whose tariff counts, also while the simulator stands in front.
    pub(super) carrier: ProviderKind,
    /// What it costs by the organisation's contract.
    pub(super) own_tariff: Option<Tariff>,
    /// The only network addresses that its webhooks may come from.
    pub(crate) addresses: AddressList,
    /// It was taken away from its line: what comes through it is still read, and nothing leaves through it.
    pub(crate) disabled: bool,
    /// What the carrier's code needs for the simulator, while the server only pretends to send.
    pub(super) simulated: Option<providers::Account>,
}

impl Route {
    /// What it costs: by the organisation's contract, else as the carrier publishes it, where that is known. Finding out
    /// takes longer than all else about a route, and most who open one do not ask.
    pub(crate) fn tariff(&self) -> Option<Tariff> {
        self.own_tariff.or_else(|| {
            let country = self.account.sender.country()?;
            providers::for_kind(self.carrier).published_tariff(country)
        })
    }

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
        .all(select_lines!("l.disabled_at IS NULL AND a.disabled_at IS NULL ORDER BY l.id, a.id"), args![])
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

/// Every account of every organisation, to ask its carrier what the webhooks missed; while the server only pretends to
/// send, the simulator in front of each line as well. One that cannot be opened is left out and holds nobody up.
pub(crate) async fn all_to_ask(backend: &Backend, tx: &mut Tx) -> Result<Vec<Route>> {
    let rows: Vec<Row> = tx
        .all(select_lines!("l.disabled_at IS NULL AND a.disabled_at IS NULL ORDER BY l.id, a.id"), args![])
        .await?;
    let (mut routes, mut fronted) = (Vec::new(), HashSet::new());
    for row in rows {
        let Ok(stored) = row.stored_provider() else { continue };
        let simulator = backend.settings.mock_mode && fronted.insert(row.id) && !row.is_simulator();
        for provider in [Some(stored), simulator.then_some(ProviderKind::Simulator)].into_iter().flatten() {
            match row.route(backend, provider) {
                Ok(route) => routes.push(route),
                Err(error) => {
                    tracing::warn!(account = %row.account_id, %error, "an account cannot be opened");
                }
            }
        }
    }
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

/// The lines of an organisation that messages can leave through, the default one first, with their carriers, the oldest
/// first.
pub(crate) async fn choices(backend: &Backend, tx: &mut Tx, org: OrgId) -> Result<Vec<LineChoice>> {
    let mut choices: Vec<LineChoice> = Vec::new();
    for row in Row::of_org(tx, org).await? {
        let option = row.option(backend)?;
        match choices.last_mut() {
            // While the server only pretends to send, the simulator stands in for all of them, behind one door.
            Some(choice) if choice.id.0 == row.id && backend.settings.mock_mode => {}
            Some(choice) if choice.id.0 == row.id => choice.routes.push(option),
            _ => choices.push(LineChoice {
                id: row.id.into(),
                name: row.name.clone(),
                number: row.number(backend)?,
                routes: vec![option],
            }),
        }
    }
    Ok(choices)
}

/// The carriers of an account's line, the oldest first: all of them show the patient the same number. A simulator has
/// no real carrier beside it, and no real carrier a simulator: nothing that failed at the one goes on to the other.
pub(crate) async fn options_beside(
    backend: &Backend,
    tx: &mut Tx,
    account: LineAccountId,
) -> Result<Vec<RouteOption>> {
    let mut rows: Vec<Row> = tx
        .all(
            select_lines!(
                "a.line_id = (SELECT line_id FROM line_account WHERE id = $1)
                 AND a.disabled_at IS NULL AND l.disabled_at IS NULL ORDER BY a.id"
            ),
            args![account],
        )
        .await?;
    if backend.settings.mock_mode {
        rows.truncate(1);
    } else if let Some(own) = Row::of_account(tx, account).await? {
        rows.retain(|row| row.is_simulator() == own.is_simulator());
    }
    rows.iter().map(|row| row.option(backend)).collect()
}

/// The carriers of a line as they are asked to send, the oldest first: the simulator alone while the server only pretends.
pub(crate) async fn routes_of(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    line: LineId,
) -> Result<Vec<Route>> {
    let mut rows = Row::of_line(tx, org, line).await?;
    if backend.settings.mock_mode {
        rows.truncate(1);
    }
    rows.into_iter().map(|row| row.route(backend, row.sending_provider(backend)?)).collect()
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

/// The route that a webhook path names. A carrier that was taken away from its line may have messages and reports under
/// way, so its address goes on working.
pub(crate) async fn route_by_key(
    backend: &Backend,
    tx: &mut Tx,
    provider: ProviderKind,
    line_key: &str,
) -> Result<Option<Route>> {
    let rows: Vec<Row> = tx
        .all(
            select_lines!("l.line_key = $1 ORDER BY CASE WHEN a.disabled_at IS NULL THEN 0 ELSE 1 END, a.id"),
            args![line_key],
        )
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
