//! The carriers behind a line: added, changed, preferred, spared for a while, and taken away again.
//!
//! Whoever changes an account holds its organisation first: so does what marks a message, which comes to the account
//! last, and in the other order each would wait for the other.

use super::addresses::AddressList;
use super::row::Row;
use super::{credentials, finish, quarantine, route};
use crate::keys::Purpose;
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, live, organisations, whatsapp};
use model::line::{LineView, ProviderKind, Tariff, Verification, pause_of_pace};
use model::live::Change;
use model::staff::Permission;
use model::{FailureCode, LineAccountId, LineId, Millis, OrgId, PhoneNumber};
use serde_json::{Map, Value};
use std::time::Duration;

/// Millionths of a currency's unit that nothing costs: a thousand of them for one message is a typing error.
const TOO_DEAR: i64 = 1_000 * 1_000_000;

/// An account to add to a line.
pub struct NewAccount {
    /// The carrier.
    pub provider: ProviderKind,
    /// In the carrier's own shape; a simulator needs none.
    pub credentials: Value,
}

/// What changes about an account; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    /// Fields of the carrier's credentials. An empty one is taken away, one that is not named stays.
    pub credentials: Option<Value>,
    /// What to do with webhooks that do not prove where they come from.
    pub verification: Option<Verification>,
    /// The only addresses that its webhooks may come from; empty for any.
    pub addresses: Option<String>,
    /// How fast messages leave through it.
    pub pace: Option<Pace>,
    /// What it costs.
    pub prices: Option<Prices>,
}

/// How fast messages leave through an account. What waits for its turn already keeps it when this changes.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// As the carrier is known to let one number send.
    Usual,
    /// So many parts of SMS, or messages of another kind, a second: 0.1 to 100. Kept as whole milliseconds between two.
    PerSecond(f64),
}

/// Whose word on prices is taken.
#[derive(Debug, Clone, Copy)]
pub enum Prices {
    /// The carrier's, where it publishes any.
    Published,
    /// The organisation's, by its contract.
    Own(Tariff),
}

/// Adds a carrier to a line: messages come in through any of its carriers, and leave through the best one. A simulator
/// gives its place to the first real carrier, and the line's conversations go on.
///
/// # Errors
/// `Invalid` names the field: the carrier that the line has already, a simulator for a line that has a real carrier, or
/// what the carrier says of the credentials.
pub async fn add_account(
    backend: &Backend,
    caller: &Caller,
    line: LineId,
    new: NewAccount,
) -> Result<LineView> {
    caller.require(Permission::ManageLines)?;
    let mut tx = backend.store.write().await?;
    organisations::hold(&mut tx, caller.org_id).await?;
    let rows = Row::of_line(&mut tx, caller.org_id, line).await?;
    let first = rows.first().ok_or_else(|| Error::not_found("line"))?;
    for row in &rows {
        if row.stored_provider()? == new.provider {
            return Err(Error::invalid("provider", "This line has this carrier already. Change it instead."));
        }
    }
    credentials::check_new(new.provider, &new.credentials)?;
    require_simulated_number(backend, &mut tx, caller.org_id, &first.number(backend)?, new.provider).await?;
    keep_apart(backend, &mut tx, &rows, new.provider).await?;
    insert(backend, &mut tx, caller.org_id, line, &new).await?;
    finish(backend, caller, tx, line, "line.add_carrier").await
}

/// Changes an account. With new credentials or addresses, webhooks in quarantine are checked once more: what holds now
/// is read; with new credentials it is also asked first again, if it is the one to ask first.
///
/// # Errors
/// `Invalid` names the field, `NotFound` for an account that is not there.
pub async fn update_account(
    backend: &Backend,
    caller: &Caller,
    id: LineAccountId,
    change: AccountChange,
) -> Result<LineView> {
    caller.require(Permission::ManageLines)?;
    let mut tx = backend.store.write().await?;
    organisations::hold(&mut tx, caller.org_id).await?;
    let row = found(&mut tx, caller, id).await?;
    if let Some(credentials) = &change.credentials {
        let changed = credentials::changed(row.stored_provider()?, row.credentials(backend)?, credentials)?;
        // Before the account's row, as what fetches templates does.
        whatsapp::withdraw(&mut tx, row.line_id(), row.stored_provider()?).await?;
        tx.execute(
            "UPDATE line_account SET credentials_sealed = $2, cooling_until = NULL, templates_fetched_at = NULL
             WHERE id = $1",
            args![id, sealed(backend, &changed)?],
        )
        .await?;
    }
    if let Some(verification) = change.verification {
        tx.execute(
            "UPDATE line_account SET verification = $2 WHERE id = $1",
            args![id, verification.as_str()],
        )
        .await?;
    }
    if let Some(addresses) = &change.addresses {
        let list = AddressList::parse(addresses)?;
        tx.execute(
            "UPDATE line_account SET webhook_addresses = $2 WHERE id = $1",
            args![id, list.to_store()],
        )
        .await?;
    }
    if let Some(pace) = change.pace {
        tx.execute("UPDATE line_account SET send_pause_ms = $2 WHERE id = $1", args![id, pause_ms(pace)?])
            .await?;
    }
    if let Some(prices) = change.prices {
        tx.execute("UPDATE line_account SET tariff = $2 WHERE id = $1", args![id, to_store(prices)?]).await?;
    }
    if change.credentials.is_some() || change.addresses.is_some() {
        quarantine::look_again(backend, &mut tx, id).await?;
    }
    finish(backend, caller, tx, row.line_id(), "line.change_carrier").await
}

/// Takes a carrier away from its line: nothing leaves through it any more. Its webhook addresses go on working, for
/// messages and reports that are under way.
///
/// # Errors
/// `Conflict` for the only one of a line.
pub async fn remove_account(backend: &Backend, caller: &Caller, id: LineAccountId) -> Result<LineView> {
    caller.require(Permission::ManageLines)?;
    let mut tx = backend.store.write().await?;
    organisations::hold(&mut tx, caller.org_id).await?;
    let row = found(&mut tx, caller, id).await?;
    if Row::of_line(&mut tx, caller.org_id, row.line_id()).await?.len() < 2 {
        return Err(Error::failure(
            FailureCode::Conflict,
            "A line needs a carrier. Add the other one first, then take this one away.",
        ));
    }
    take_away(backend, &mut tx, id).await?;
    finish(backend, caller, tx, row.line_id(), "line.remove_carrier").await
}

/// Sends everything through one carrier of a line that it can carry, whatever the others cost; without one, the cheapest
/// goes first again.
pub async fn pin(
    backend: &Backend,
    caller: &Caller,
    line: LineId,
    account: Option<LineAccountId>,
) -> Result<LineView> {
    caller.require(Permission::ManageLines)?;
    let mut tx = backend.store.write().await?;
    if let Some(account) = account
        && found(&mut tx, caller, account).await?.line_id() != line
    {
        return Err(Error::not_found("carrier"));
    }
    tx.execute(
        "UPDATE line SET pinned_account_id = $3 WHERE id = $1 AND org_id = $2",
        args![line, caller.org_id, account],
    )
    .await?;
    finish(backend, caller, tx, line, "line.pin_carrier").await
}

/// Makes a new secret for an account's webhook addresses. The one before it is taken for a week, until the new addresses
/// are pasted.
///
/// # Errors
/// `Invalid` for a carrier whose addresses carry none, `Conflict` before that exchange has ended: the addresses that the
/// carrier calls now would stop working.
pub async fn exchange_secret(backend: &Backend, caller: &Caller, id: LineAccountId) -> Result<LineView> {
    caller.require(Permission::ManageLines)?;
    let mut tx = backend.store.write().await?;
    organisations::hold(&mut tx, caller.org_id).await?;
    let row = found(&mut tx, caller, id).await?;
    let provider = row.stored_provider()?;
    if !providers::for_kind(provider).proves_itself_by_secret() {
        return Err(Error::invalid(
            "exchange_secret",
            format!(
                "The addresses that {} calls carry no secret, since it proves itself in another way. There is nothing to \
                 exchange.",
                provider.label()
            ),
        ));
    }
    if row.old_secret_until(backend.clock.now()).is_some() {
        return Err(Error::failure(
            FailureCode::Conflict,
            "The secret is being exchanged already. Paste the new addresses at the carrier and take the old ones no \
             longer; then it can be exchanged again.",
        ));
    }
    tx.execute(
        "UPDATE line_account SET secret_generation = secret_generation + 1, secret_exchanged_at = $2
         WHERE id = $1",
        args![id, backend.clock.now()],
    )
    .await?;
    finish(backend, caller, tx, row.line_id(), "line.exchange_secret").await
}

/// Takes the secret before the current one no longer: the new addresses are pasted, or somebody else has learnt it.
pub async fn end_exchange(backend: &Backend, caller: &Caller, id: LineAccountId) -> Result<LineView> {
    caller.require(Permission::ManageLines)?;
    let mut tx = backend.store.write().await?;
    organisations::hold(&mut tx, caller.org_id).await?;
    let row = found(&mut tx, caller, id).await?;
    tx.execute("UPDATE line_account SET secret_exchanged_at = NULL WHERE id = $1", args![id]).await?;
    finish(backend, caller, tx, row.line_id(), "line.end_exchange").await
}

/// Lets the other carriers of its line go first for a while, because this one failed. Open screens are told when that
/// begins; its end they know beforehand ([`rest_ends_in`]).
pub(crate) async fn cool_down(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    id: LineAccountId,
    time: Duration,
) -> Result<()> {
    let now = backend.clock.now();
    let resting = "SELECT COUNT(*) FROM line_account WHERE id = $1 AND cooling_until > $2";
    if tx.number(resting, args![id, now]).await? == 0 {
        live::record(backend, tx, org, Change::SettingsChanged)?;
    }
    let until: Millis = now + crate::clock::millis(time);
    tx.execute(
        "UPDATE line_account SET cooling_until = $2 WHERE id = $1 AND COALESCE(cooling_until, 0) < $2",
        args![id, until],
    )
    .await?;
    Ok(())
}

/// Milliseconds until the next of an organisation's resting carriers may be asked like the others again.
pub(crate) async fn rest_ends_in(backend: &Backend, tx: &mut Tx, org: OrgId) -> Result<Option<Millis>> {
    let now = backend.clock.now();
    let row: Option<(Option<i64>,)> = tx
        .one(
            "SELECT MIN(cooling_until) FROM line_account
             WHERE org_id = $1 AND disabled_at IS NULL AND cooling_until > $2",
            args![org, now],
        )
        .await?;
    Ok(row.and_then(|(until,)| until).map(|until| until - now))
}

/// Adds an account that was checked. One that the line had before comes back, with a new secret.
pub(super) async fn insert(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    line: LineId,
    new: &NewAccount,
) -> Result<()> {
    whatsapp::withdraw(tx, line, new.provider).await?;
    let nothing = Value::Object(Map::new());
    let credentials = if new.credentials.is_null() { &nothing } else { &new.credentials };
    tx.execute(
        "INSERT INTO line_account (id, org_id, line_id, provider, credentials_sealed, verification, created_at)
         VALUES ($1, $2, $3, $4, $5, 'enforce', $6)
         ON CONFLICT (line_id, provider) DO UPDATE SET
             disabled_at = NULL, credentials_sealed = excluded.credentials_sealed, verification = 'enforce',
             secret_generation = line_account.secret_generation + 1, secret_exchanged_at = NULL,
             cooling_until = NULL, webhook_addresses = NULL, send_pause_ms = NULL, tariff = NULL,
             templates_fetched_at = NULL, unlisted_since = NULL, untold_since = NULL",
        args![
            backend.clock.new_id::<LineAccountId>(),
            org,
            line,
            new.provider.as_str(),
            sealed(backend, credentials)?,
            backend.clock.now()
        ],
    )
    .await?;
    Ok(())
}

/// The simulator shares a line with no real carrier: else what is meant for somebody's phone could end at a simulated
/// one. While the server only pretends to send, none reaches a phone, and they stand side by side.
///
/// # Errors
/// `Invalid` for a simulator beside a real carrier.
async fn keep_apart(backend: &Backend, tx: &mut Tx, beside: &[Row], new: ProviderKind) -> Result<()> {
    if backend.settings.mock_mode {
        return Ok(());
    }
    if new == ProviderKind::Simulator {
        return Err(Error::invalid(
            "provider",
            "This line sends to real phones. To try something out, add a line of its own for the simulator.",
        ));
    }
    for row in beside.iter().filter(|row| row.is_simulator()) {
        take_away(backend, tx, row.account_id.into()).await?;
    }
    Ok(())
}

async fn take_away(backend: &Backend, tx: &mut Tx, id: LineAccountId) -> Result<()> {
    tx.execute("UPDATE line SET pinned_account_id = NULL WHERE pinned_account_id = $1", args![id]).await?;
    tx.execute("UPDATE line_account SET disabled_at = $2 WHERE id = $1", args![id, backend.clock.now()])
        .await?;
    Ok(())
}

/// # Errors
/// `Invalid` for a number that another organisation has in the simulated network.
pub(super) async fn require_simulated_number(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    number: &PhoneNumber,
    provider: ProviderKind,
) -> Result<()> {
    let simulated = provider == ProviderKind::Simulator || backend.settings.mock_mode;
    if simulated && route::is_simulated_elsewhere(backend, tx, org, number).await? {
        return Err(Error::invalid(
            "number",
            "This number is taken in this server's simulated network. Choose another one.",
        ));
    }
    Ok(())
}

async fn found(tx: &mut Tx, caller: &Caller, id: LineAccountId) -> Result<Row> {
    Row::in_org(tx, caller.org_id, id).await?.ok_or_else(|| Error::not_found("carrier"))
}

/// Milliseconds between two messages; none for the carrier's usual ones.
fn pause_ms(pace: Pace) -> Result<Option<u32>> {
    let Pace::PerSecond(texts) = pace else { return Ok(None) };
    let wrong = || Error::invalid("pace", "Write how many texts may leave in a second, from 0.1 to 100.");
    pause_of_pace(texts).map(Some).ok_or_else(wrong)
}

fn to_store(prices: Prices) -> Result<Option<String>> {
    let Prices::Own(tariff) = prices else { return Ok(None) };
    let Tariff { sms, mms, whatsapp, sms_in, mms_in, .. } = tariff;
    let amounts =
        [("sms", sms), ("mms", mms), ("whatsapp", whatsapp), ("sms_in", sms_in), ("mms_in", mms_in)];
    for (field, amount) in amounts {
        if amount.is_some_and(|amount| !(0..TOO_DEAR).contains(&amount)) {
            return Err(Error::invalid(field, "Write what one message costs, for example 0.079."));
        }
    }
    serde_json::to_string(&tariff).map(Some).map_err(|_| Error::Inconsistent("a tariff does not serialise"))
}

fn sealed(backend: &Backend, credentials: &Value) -> Result<Vec<u8>> {
    let plain =
        serde_json::to_vec(credentials).map_err(|_| Error::Inconsistent("credentials do not serialise"))?;
    Ok(backend.keys.seal(Purpose::Credentials, &plain))
}
