//! The tenants.

use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, audit, live};
use model::OrgId;
use model::live::Change;
use model::phone::Country;
use model::staff::{Organisation, Permission};
use uuid::Uuid;

/// Makes an organisation; the command line and the demo do.
///
/// # Errors
/// `Invalid` without a name.
pub async fn create(backend: &Backend, name: &str, country: Country) -> Result<OrgId> {
    let name = required_name(name)?;
    let id: OrgId = backend.clock.new_id();
    let mut tx = backend.store.write().await?;
    tx.execute(
        "INSERT INTO organisation (id, name, country, person_word, created_at) VALUES ($1, $2, $3, 'patient', $4)",
        args![id, name, country.code(), backend.clock.now()],
    )
    .await?;
    tx.commit().await?;
    Ok(id)
}

/// The organisation with this name, or the only one where none is named.
///
/// # Errors
/// `NotFound` where there is none, `Invalid` where several could be meant.
pub async fn by_name(backend: &Backend, name: Option<&str>) -> Result<OrgId> {
    let mut tx = backend.store.read().await?;
    let rows: Vec<(Uuid,)> = match name {
        Some(name) => tx.all("SELECT id FROM organisation WHERE name = $1", args![name]).await?,
        None => tx.all("SELECT id FROM organisation LIMIT 2", args![]).await?,
    };
    match rows.as_slice() {
        [(id,)] => Ok((*id).into()),
        [] => Err(Error::not_found("organisation")),
        _ => Err(Error::invalid("org", "There are several organisations. Say which one by its name.")),
    }
}

/// Any organisation exists.
pub async fn any(backend: &Backend) -> Result<bool> {
    let mut tx = backend.store.read().await?;
    Ok(tx.number("SELECT COUNT(*) FROM organisation", args![]).await? > 0)
}

/// The caller's organisation.
pub async fn get(backend: &Backend, caller: &Caller) -> Result<Organisation> {
    let mut tx = backend.store.read().await?;
    let row: Option<(String, String, String)> = tx
        .one("SELECT name, country, person_word FROM organisation WHERE id = $1", args![caller.org_id])
        .await?;
    let (name, country, person_word) = row.ok_or(Error::Inconsistent("a caller without an organisation"))?;
    Ok(Organisation { id: caller.org_id, name, country, person_word })
}

/// Changes name, country and the word for its people.
///
/// # Errors
/// `Invalid` names the field.
pub async fn update(
    backend: &Backend,
    caller: &Caller,
    name: &str,
    country: &str,
    person_word: &str,
) -> Result<()> {
    caller.require(Permission::ManageOrganisation)?;
    let name = required_name(name)?;
    let country = Country::from_code(country)
        .ok_or_else(|| Error::invalid("country", "Write the country as two letters, for example AU."))?;
    let person_word = person_word.trim();
    if person_word.is_empty() || person_word.chars().count() > 30 {
        return Err(Error::invalid(
            "person_word",
            "Write one word of at most 30 letters, for example patient.",
        ));
    }
    let mut tx = backend.store.write().await?;
    tx.execute(
        "UPDATE organisation SET name = $2, country = $3, person_word = $4 WHERE id = $1",
        args![caller.org_id, name, country.code(), person_word],
    )
    .await?;
    audit::note(backend, &mut tx, caller, "organisation.update", "organisation", Some(caller.org_id.0))
        .await?;
    live::record(backend, &mut tx, caller.org_id, Change::SettingsChanged)?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(())
}

/// Holds an organisation until the end of the transaction, for decisions that depend on several of its rows.
pub(crate) async fn hold(tx: &mut Tx, org: OrgId) -> Result<()> {
    tx.execute("UPDATE organisation SET name = name WHERE id = $1", args![org]).await?;
    Ok(())
}

/// The country in which an organisation's national numbers are read.
pub(crate) async fn country(tx: &mut Tx, org: OrgId) -> Result<Country> {
    let row: Option<(String,)> = tx.one("SELECT country FROM organisation WHERE id = $1", args![org]).await?;
    row.and_then(|(code,)| Country::from_code(&code))
        .ok_or(Error::Inconsistent("an organisation without a country"))
}

fn required_name(name: &str) -> Result<&str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 200 {
        return Err(Error::invalid("name", "Write a name of 1 to 200 characters."));
    }
    Ok(name)
}
