//! The tenants.

use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, audit, live};
use model::live::Change;
use model::phone::Country;
use model::staff::{Organisation, Permission};
use model::{FailureCode, OrgId};
use uuid::Uuid;

/// An organisation in the operator's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name, as patients know it.
    pub name: String,
    /// Where national numbers are read.
    pub country: String,
    /// Numbers that patients write to.
    pub lines: i64,
    /// People who may sign in to it.
    pub staff: i64,
}

/// Makes an organisation; the command line and the demo do.
///
/// # Errors
/// `Invalid` without a name, with one that another organisation has, or with a country whose numbers cannot be read.
pub async fn create(backend: &Backend, name: &str, country: Country) -> Result<OrgId> {
    let name = required_name(name)?;
    require_numbers(country)?;
    let id: OrgId = backend.clock.new_id();
    let mut tx = backend.store.write().await?;
    require_free_name(&mut tx, name).await?;
    tx.execute(
        "INSERT INTO organisation (id, name, country, person_word, created_at) VALUES ($1, $2, $3, 'patient', $4)",
        args![id, name, country.code(), backend.clock.now()],
    )
    .await?;
    tx.commit().await?;
    Ok(id)
}

/// Every organisation of the server, by name. For its operator.
pub async fn list(backend: &Backend) -> Result<Vec<Listed>> {
    let mut tx = backend.store.read().await?;
    let rows: Vec<(String, String, i64, i64)> = tx
        .all(
            "SELECT o.name, o.country,
                    (SELECT COUNT(*) FROM line l WHERE l.org_id = o.id AND l.disabled_at IS NULL),
                    (SELECT COUNT(*) FROM membership m WHERE m.org_id = o.id AND m.disabled_at IS NULL)
             FROM organisation o ORDER BY o.name, o.id",
            args![],
        )
        .await?;
    Ok(rows.into_iter().map(|(name, country, lines, staff)| Listed { name, country, lines, staff }).collect())
}

/// The organisation with this name, or the only one where none is named. Capitals and blanks around it do not matter,
/// unless they are all that tells several apart.
///
/// # Errors
/// `NotFound` where there is none, `Invalid` where several could be meant.
pub async fn by_name(backend: &Backend, name: Option<&str>) -> Result<OrgId> {
    let mut tx = backend.store.read().await?;
    let all = names(&mut tx).await?;
    let called = |fits: &dyn Fn(&str) -> bool| -> Vec<OrgId> {
        all.iter().filter(|(_, name)| fits(name)).map(|(id, _)| (*id).into()).collect()
    };
    let meant = match name {
        None => called(&|_| true),
        Some(asked) => match called(&|name| name == asked) {
            exactly if !exactly.is_empty() => exactly,
            _ => called(&|name| is_same(name, asked)),
        },
    };
    match (meant.as_slice(), name) {
        ([id], _) => Ok(*id),
        ([], Some(name)) => Err(Error::failure(
            FailureCode::NotFound,
            format!("There is no organisation with the name “{name}”."),
        )),
        ([], None) => Err(Error::failure(FailureCode::NotFound, "There is no organisation yet.")),
        (_, Some(_)) => Err(Error::invalid(
            "org",
            "Several organisations have this name. Give one of them another name in Settings first.",
        )),
        (_, None) => {
            Err(Error::invalid("org", "There are several organisations. Say which one by its name."))
        }
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
/// `Invalid` names the field; a name or a country that stays is not looked at again.
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
    let before = get(backend, caller).await?;
    if country.code() != before.country {
        require_numbers(country)?;
    }
    let mut tx = backend.store.write().await?;
    if !is_same(name, &before.name) {
        require_free_name(&mut tx, name).await?;
    }
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

/// By its name alone an organisation is found from the command line.
async fn require_free_name(tx: &mut Tx, name: &str) -> Result<()> {
    // SQLite has one writer; PostgreSQL must be told that looking and adding are one step.
    if tx.is_postgres() {
        tx.execute("LOCK TABLE organisation IN SHARE ROW EXCLUSIVE MODE", args![]).await?;
    }
    if names(tx).await?.iter().any(|(_, taken)| is_same(taken, name)) {
        return Err(Error::invalid(
            "name",
            format!(
                "There is an organisation with the name “{name}” on this server already. Choose another name."
            ),
        ));
    }
    Ok(())
}

async fn names(tx: &mut Tx) -> Result<Vec<(Uuid, String)>> {
    Ok(tx.all("SELECT id, name FROM organisation", args![]).await?)
}

/// Whether people take two names for one.
fn is_same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

fn require_numbers(country: Country) -> Result<()> {
    if country.has_numbers() {
        return Ok(());
    }
    Err(Error::invalid(
        "country",
        format!(
            "{} is no country whose telephone numbers can be read. Write its two letters, for example AU.",
            country.code()
        ),
    ))
}

fn required_name(name: &str) -> Result<&str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 200 {
        return Err(Error::invalid("name", "Write a name of 1 to 200 characters."));
    }
    Ok(name)
}
