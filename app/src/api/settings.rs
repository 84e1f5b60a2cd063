//! What admins decide: staff, lines, tokens, the organisation.

use super::Answer;
#[cfg(feature = "ssr")]
use super::signed_in;
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::line::{LineView, ProviderKind, Tariff, Verification};
use model::staff::{ApiTokenView, Invitation, Role, StaffView};
use model::{ApiTokenId, LineAccountId, LineId, StaffId};

/// Everyone who works here, by name.
#[server(prefix = "/api/ui", endpoint = "settings/staff", input = Json)]
pub async fn staff() -> Answer<Vec<StaffView>> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::staff::list(&backend, &caller).await?)
}

/// Adds a person and answers how they sign in.
#[server(prefix = "/api/ui", endpoint = "settings/invite", input = Json)]
pub async fn invite(email: String, name: String, role: Role) -> Answer<Invitation> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::staff::invite(&backend, &caller, &email, &name, role).await?)
}

/// A new one-time link for a person who lost their password.
#[server(prefix = "/api/ui", endpoint = "settings/reset-staff", input = Json)]
pub async fn reset_staff(id: StaffId) -> Answer<String> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::staff::reset(&backend, &caller, id).await?)
}

/// Changes a role.
#[server(prefix = "/api/ui", endpoint = "settings/change-role", input = Json)]
pub async fn change_role(id: StaffId, role: Role) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::staff::change_role(&backend, &caller, id, role).await?)
}

/// Disables or enables a person.
#[server(prefix = "/api/ui", endpoint = "settings/set-disabled", input = Json)]
pub async fn set_disabled(id: StaffId, disabled: bool) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::staff::set_disabled(&backend, &caller, id, disabled).await?)
}

/// Lines, the default one first.
#[server(prefix = "/api/ui", endpoint = "settings/lines", input = Json)]
pub async fn lines() -> Answer<Vec<LineView>> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::lines::list(&backend, &caller).await?)
}

/// Makes a line. `credentials` is in the carrier's own shape and leaves the server never again.
#[server(prefix = "/api/ui", endpoint = "settings/create-line", input = Json)]
pub async fn create_line(
    name: String,
    number: String,
    provider: ProviderKind,
    credentials: serde_json::Value,
) -> Answer<LineView> {
    let (backend, caller) = signed_in().await?;
    let new = backend::lines::NewLine { name, number, provider, credentials };
    Ok(backend::lines::create(&backend, &caller, new).await?)
}

/// Gives a line another name.
#[server(prefix = "/api/ui", endpoint = "settings/rename-line", input = Json)]
pub async fn rename_line(id: LineId, name: String) -> Answer<LineView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::lines::rename(&backend, &caller, id, &name).await?)
}

/// Adds a carrier to a line.
#[server(prefix = "/api/ui", endpoint = "settings/add-carrier", input = Json)]
pub async fn add_carrier(
    line: LineId,
    provider: ProviderKind,
    credentials: serde_json::Value,
) -> Answer<LineView> {
    let (backend, caller) = signed_in().await?;
    let new = backend::lines::NewAccount { provider, credentials };
    Ok(backend::lines::add_account(&backend, &caller, line, new).await?)
}

/// Changes those fields of a carrier's credentials that are named, how its webhooks are checked, how many texts leave
/// through it in a second, and what it costs: without a pace, as fast as usual; without a tariff, what it publishes.
#[server(prefix = "/api/ui", endpoint = "settings/change-carrier", input = Json)]
pub async fn change_carrier(
    id: LineAccountId,
    credentials: Option<serde_json::Value>,
    verification: Verification,
    addresses: String,
    pace: Option<f64>,
    tariff: Option<Tariff>,
) -> Answer<LineView> {
    use backend::lines::{AccountChange, Pace, Prices};
    let (backend, caller) = signed_in().await?;
    let change = AccountChange {
        credentials,
        verification: Some(verification),
        addresses: Some(addresses),
        pace: Some(pace.map_or(Pace::Usual, Pace::PerSecond)),
        prices: Some(tariff.map_or(Prices::Published, Prices::Own)),
    };
    Ok(backend::lines::update_account(&backend, &caller, id, change).await?)
}

/// Takes a carrier away from its line.
#[server(prefix = "/api/ui", endpoint = "settings/remove-carrier", input = Json)]
pub async fn remove_carrier(id: LineAccountId) -> Answer<LineView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::lines::remove_account(&backend, &caller, id).await?)
}

/// Sends everything through one of a line's carriers that it can carry; without one, the cheapest goes first.
#[server(prefix = "/api/ui", endpoint = "settings/pin-carrier", input = Json)]
pub async fn pin_carrier(line: LineId, account: Option<LineAccountId>) -> Answer<LineView> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::lines::pin(&backend, &caller, line, account).await?)
}

/// Makes a new secret for a carrier's webhook addresses; with `end` the one before it is taken no longer.
#[server(prefix = "/api/ui", endpoint = "settings/exchange-secret", input = Json)]
pub async fn exchange_secret(id: LineAccountId, end: bool) -> Answer<LineView> {
    let (backend, caller) = signed_in().await?;
    Ok(match end {
        true => backend::lines::end_exchange(&backend, &caller, id).await?,
        false => backend::lines::exchange_secret(&backend, &caller, id).await?,
    })
}

/// Checks a carrier's webhooks in quarantine once more; with `release` they are read whatever comes of it. Answers how
/// many left quarantine.
#[server(prefix = "/api/ui", endpoint = "settings/check-quarantine", input = Json)]
pub async fn check_quarantine(id: LineAccountId, release: bool) -> Answer<u32> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::lines::check_again(&backend, &caller, id, release).await?)
}

/// New conversations go out on this line from now on.
#[server(prefix = "/api/ui", endpoint = "settings/set-default-line", input = Json)]
pub async fn set_default_line(id: LineId) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::lines::set_default(&backend, &caller, id).await?)
}

/// API tokens, newest first.
#[server(prefix = "/api/ui", endpoint = "settings/tokens", input = Json)]
pub async fn tokens() -> Answer<Vec<ApiTokenView>> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::tokens::list(&backend, &caller).await?)
}

/// Makes a token and answers its secret, which is shown this once.
#[server(prefix = "/api/ui", endpoint = "settings/create-token", input = Json)]
pub async fn create_token(name: String, role: Role) -> Answer<(ApiTokenView, String)> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::tokens::create(&backend, &caller, &name, role).await?)
}

/// Revokes a token.
#[server(prefix = "/api/ui", endpoint = "settings/revoke-token", input = Json)]
pub async fn revoke_token(id: ApiTokenId) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::tokens::revoke(&backend, &caller, id).await?)
}

/// Changes the organisation's name, country and word for its people.
#[server(prefix = "/api/ui", endpoint = "settings/update-organisation", input = Json)]
pub async fn update_organisation(name: String, country: String, person_word: String) -> Answer<()> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::organisations::update(&backend, &caller, &name, &country, &person_word).await?)
}
