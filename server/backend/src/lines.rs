//! The numbers that patients write to, and the carrier accounts behind them.

use crate::store::Tx;
use crate::{Backend, Caller, Result};
use model::line::{LineView, ProviderKind};
use model::{LineAccountId, LineId, OrgId, PhoneNumber};

/// A line to make.
pub struct NewLine {
    /// What staff call it.
    pub name: String,
    /// As people write it; read in the organisation's country.
    pub number: String,
    /// The carrier.
    pub provider: ProviderKind,
    /// In the carrier's own shape.
    pub credentials: serde_json::Value,
}

/// Lines that are not disabled, the default one first.
pub async fn list(backend: &Backend, caller: &Caller) -> Result<Vec<LineView>> {
    unimplemented!()
}

/// Makes a line; the organisation's first becomes its default.
pub async fn create(backend: &Backend, caller: &Caller, new: NewLine) -> Result<LineView> {
    unimplemented!()
}

/// As [`create`], by the operator of the server.
pub async fn add(backend: &Backend, org: OrgId, new: NewLine) -> Result<LineView> {
    unimplemented!()
}

/// New conversations go out here from now on.
pub async fn set_default(backend: &Backend, caller: &Caller, id: LineId) -> Result<()> {
    unimplemented!()
}

/// Every simulator line of every organisation, for registering them with the simulated network at start.
pub async fn simulators(backend: &Backend) -> Result<Vec<Route>> {
    unimplemented!()
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
    /// The carrier.
    pub provider: ProviderKind,
    /// What the carrier's code needs.
    pub account: providers::Account,
    /// The public inbound webhook.
    pub inbound_url: url::Url,
    /// Sender's number.
    pub number: PhoneNumber,
}

/// The route that an organisation's outbound messages take: its default line. `None` without a line.
/// In mock mode the provider is always the simulator.
pub(crate) async fn default_route(backend: &Backend, tx: &mut Tx, org: OrgId) -> Result<Option<Route>> {
    unimplemented!()
}

/// The route of an account.
pub(crate) async fn route(backend: &Backend, tx: &mut Tx, account: LineAccountId) -> Result<Option<Route>> {
    unimplemented!()
}

/// The route that a webhook path names.
pub(crate) async fn route_by_key(
    backend: &Backend,
    tx: &mut Tx,
    provider: ProviderKind,
    line_key: &str,
) -> Result<Option<Route>> {
    unimplemented!()
}
