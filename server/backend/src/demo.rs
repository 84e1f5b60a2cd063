//! A demo organisation: a clinic with a simulator line, a few fictitious patients, and what they wrote before today.

mod stories;

use crate::lines::{self, NewLine};
use crate::sign_in::{MadeBy, make_one_time_link};
use crate::store::args;
use crate::{Backend, Caller, Error, Result, organisations, patients, staff};
use model::line::ProviderKind;
use model::patient::{NumberInput, PatientInput};
use model::phone::Country;
use model::staff::Role;
use model::{OrgId, StaffId};
use stories::Clinic;
use uuid::Uuid;

/// What the demo's admin signs in with.
pub const ADMIN_EMAIL: &str = "admin@harbour.example";

/// Fictitious people, with numbers of the range that is set aside for fiction.
const PATIENTS: [(&str, &str, &str, &str); 5] = [
    ("Amelia Hart", "1984-02-29", "H-1001", "0491 570 156"),
    ("Ben Okafor", "1971-11-03", "H-1002", "0491 570 157"),
    ("Chloe Nguyen", "1996-07-18", "H-1003", "0491 570 158"),
    ("Dan Rossi", "1959-01-09", "H-1004", "0491 570 159"),
    ("Elsie Brandt", "2011-05-25", "H-1005", "0491 570 110"),
];

/// What a new demo begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// Patients, and conversations of earlier days.
    Full,
    /// Patients alone: nothing was sent or received yet.
    Empty,
}

/// Makes the demo organisation unless an organisation exists. Answers a one-time sign-in link for its admin as long
/// as that admin has not chosen a password.
pub async fn seed(backend: &Backend, scene: Scene) -> Result<Option<String>> {
    if !organisations::any(backend).await? {
        return make(backend, scene).await;
    }
    let mut tx = backend.store.write().await?;
    let row: Option<(Uuid, Uuid)> = tx
        .one(
            "SELECT m.org_id, m.staff_id FROM staff s JOIN membership m ON m.staff_id = s.id
             WHERE s.email = $1 AND s.password_hash IS NULL",
            args![ADMIN_EMAIL],
        )
        .await?;
    let Some((org, admin)) = row else { return Ok(None) };
    let link = make_one_time_link(backend, &mut tx, OrgId(org), StaffId(admin), MadeBy::Operator).await?;
    tx.commit().await?;
    Ok(Some(link))
}

/// Makes the demo organisation, and answers a one-time sign-in link for its admin.
pub async fn make(backend: &Backend, scene: Scene) -> Result<Option<String>> {
    let org = organisations::create(backend, "Harbour Clinic", Country::AU).await?;
    let invitation = staff::add(backend, org, ADMIN_EMAIL, "Alex Morgan", Role::Admin).await?;
    let line = NewLine {
        name: "Front desk".to_owned(),
        number: "0491 570 006".to_owned(),
        provider: ProviderKind::Simulator,
        credentials: serde_json::Value::Null,
    };
    let line = lines::add(backend, org, line).await?;
    let operator = Caller::operator(org);
    for (name, born, reference, number) in PATIENTS {
        let input = PatientInput {
            name: name.to_owned(),
            born: Some(born.to_owned()),
            reference: Some(reference.to_owned()),
            notes: String::new(),
            numbers: vec![NumberInput { number: number.to_owned(), label: "Mobile".to_owned() }],
        };
        patients::create(backend, &operator, &input).await?;
    }
    if scene == Scene::Full {
        let account = line.accounts.first().ok_or(Error::Inconsistent("a line without a carrier"))?;
        let author = admin(backend).await?;
        let clinic = Clinic { org, line: line.id, account: account.route.account_id, author };
        stories::tell_all(backend, &clinic).await?;
    }
    Ok(invitation.link())
}

async fn admin(backend: &Backend) -> Result<StaffId> {
    let mut tx = backend.store.read().await?;
    let row: Option<(Uuid,)> = tx.one("SELECT id FROM staff WHERE email = $1", args![ADMIN_EMAIL]).await?;
    row.map(|(id,)| id.into()).ok_or(Error::Inconsistent("the demo's admin vanished"))
}
