//! Patients and their numbers.

mod list;
pub(crate) mod names;

pub use list::list;
pub use names::index_names;

use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, audit, live, numbers, organisations};
use model::live::Change;
use model::patient::{NumberInput, PatientChange, PatientInput, PatientNumber, PatientView};
use model::phone::Country;
use model::staff::Permission;
use model::{ConversationId, FailureCode, NumberId, OrgId, PatientId, PhoneNumber};
use uuid::Uuid;

/// Numbers a patient may have.
const MAX_NUMBERS: usize = 20;

/// One record.
pub async fn get(backend: &Backend, caller: &Caller, id: PatientId) -> Result<PatientView> {
    caller.require(Permission::ReadPatients)?;
    let mut tx = backend.store.read().await?;
    view(backend, &mut tx, caller.org_id, id).await
}

/// Makes a record. Conversations with its numbers are linked to it.
///
/// # Errors
/// `Invalid` names the field; a number's field is `numbers.0`, `numbers.1`, …
pub async fn create(backend: &Backend, caller: &Caller, input: &PatientInput) -> Result<PatientView> {
    caller.require(Permission::EditPatients)?;
    let mut tx = backend.store.write().await?;
    let valid = validate(&mut tx, caller.org_id, input).await?;
    let id: PatientId = backend.clock.new_id();
    tx.execute(
        "INSERT INTO patient (id, org_id, name, name_folded, born, reference, reference_folded, notes, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            id,
            caller.org_id,
            valid.name,
            fold(valid.name),
            valid.born,
            valid.reference,
            valid.reference.map(fold),
            input.notes.trim(),
            backend.clock.now()
        ],
    )
    .await?;
    names::index(&mut tx, caller.org_id, id, valid.name, valid.reference).await?;
    set_numbers(backend, &mut tx, caller.org_id, id, &valid.numbers).await?;
    settle(backend, tx, caller, "patient.create", id).await
}

/// Replaces a record's fields and numbers.
pub async fn update(
    backend: &Backend,
    caller: &Caller,
    id: PatientId,
    input: &PatientInput,
) -> Result<PatientView> {
    let PatientInput { name, born, reference, notes, numbers } = input.clone();
    let all = PatientChange {
        name: Some(name),
        born: Some(born),
        reference: Some(reference),
        notes: Some(notes),
        numbers: Some(numbers),
    };
    change(backend, caller, id, all).await
}

/// Changes some of a record's fields. Whoever changes others of them at the same moment overwrites nothing.
pub async fn change(
    backend: &Backend,
    caller: &Caller,
    id: PatientId,
    change: PatientChange,
) -> Result<PatientView> {
    caller.require(Permission::EditPatients)?;
    let mut tx = backend.store.write().await?;
    // Held before it is read, so that what stays is not what it was a moment ago.
    let held = tx
        .execute(
            "UPDATE patient SET name = name WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
            args![caller.org_id, id],
        )
        .await?;
    if held == 0 {
        return Err(Error::not_found("patient"));
    }
    let kept = view(backend, &mut tx, caller.org_id, id).await?;
    let numbers_stay = change.numbers.is_none();
    let input = PatientInput {
        name: change.name.unwrap_or(kept.name),
        born: change.born.unwrap_or(kept.born),
        reference: change.reference.unwrap_or(kept.reference),
        notes: change.notes.unwrap_or(kept.notes),
        numbers: change.numbers.unwrap_or_default(),
    };
    let valid = validate(&mut tx, caller.org_id, &input).await?;
    tx.execute(
        "UPDATE patient SET name = $3, name_folded = $4, born = $5, reference = $6, reference_folded = $7, notes = $8
         WHERE org_id = $1 AND id = $2",
        args![
            caller.org_id,
            id,
            valid.name,
            fold(valid.name),
            valid.born,
            valid.reference,
            valid.reference.map(fold),
            input.notes.trim()
        ],
    )
    .await?;
    names::index(&mut tx, caller.org_id, id, valid.name, valid.reference).await?;
    if !numbers_stay {
        set_numbers(backend, &mut tx, caller.org_id, id, &valid.numbers).await?;
    }
    settle(backend, tx, caller, "patient.update", id).await
}

/// Hides a record. Its messages and images stay stored.
pub async fn delete(backend: &Backend, caller: &Caller, id: PatientId) -> Result<()> {
    caller.require(Permission::EditPatients)?;
    let mut tx = backend.store.write().await?;
    let hidden = tx
        .execute(
            "UPDATE patient SET deleted_at = $3 WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
            args![caller.org_id, id, backend.clock.now()],
        )
        .await?;
    if hidden == 0 {
        return Err(Error::not_found("patient"));
    }
    for conversation in conversations_of(&mut tx, id).await? {
        live::record(
            backend,
            &mut tx,
            caller.org_id,
            Change::ConversationChanged { conversation_id: conversation },
        )?;
    }
    tx.execute("DELETE FROM conversation_patient WHERE patient_id = $1", args![id]).await?;
    tx.execute("DELETE FROM patient_name_part WHERE patient_id = $1", args![id]).await?;
    audit::note(backend, &mut tx, caller, "patient.delete", "patient", Some(id.0)).await?;
    live::record(backend, &mut tx, caller.org_id, Change::PatientChanged { patient_id: id })?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(())
}

/// Links a conversation to a patient, and its number to the patient's numbers.
pub async fn link(
    backend: &Backend,
    caller: &Caller,
    id: PatientId,
    conversation: ConversationId,
) -> Result<()> {
    caller.require(Permission::EditPatients)?;
    let mut tx = backend.store.write().await?;
    require(&mut tx, caller.org_id, id).await?;
    let number = number_of(&mut tx, caller.org_id, conversation).await?;
    numbers::require_number(backend, &mut tx, number, || {
        let words = "This sender is a short code or a name and not a telephone number, so it cannot stand in a record.";
        Error::failure(FailureCode::Conflict, words)
    })
    .await?;
    let position = tx.number("SELECT COUNT(*) FROM patient_number WHERE patient_id = $1", args![id]).await?;
    tx.execute(
        "INSERT INTO patient_number (patient_id, number_id, org_id, label, position) VALUES ($1, $2, $3, '', $4)
         ON CONFLICT (patient_id, number_id) DO NOTHING",
        args![id, number, caller.org_id, position],
    )
    .await?;
    tx.execute(
        "INSERT INTO conversation_patient (conversation_id, patient_id, org_id) VALUES ($1, $2, $3)
         ON CONFLICT (conversation_id, patient_id) DO NOTHING",
        args![conversation, id, caller.org_id],
    )
    .await?;
    settle_link(backend, tx, caller, "patient.link", id, conversation).await
}

/// Takes that link away, and the number from the patient's numbers.
pub async fn unlink(
    backend: &Backend,
    caller: &Caller,
    id: PatientId,
    conversation: ConversationId,
) -> Result<()> {
    caller.require(Permission::EditPatients)?;
    let mut tx = backend.store.write().await?;
    require(&mut tx, caller.org_id, id).await?;
    let number = number_of(&mut tx, caller.org_id, conversation).await?;
    tx.execute("DELETE FROM patient_number WHERE patient_id = $1 AND number_id = $2", args![id, number])
        .await?;
    tx.execute(
        "DELETE FROM conversation_patient WHERE conversation_id = $1 AND patient_id = $2",
        args![conversation, id],
    )
    .await?;
    settle_link(backend, tx, caller, "patient.unlink", id, conversation).await
}

/// Links a new conversation to everyone who has its number.
pub(crate) async fn link_by_number(
    tx: &mut Tx,
    org: OrgId,
    conversation: ConversationId,
    number: NumberId,
) -> Result<()> {
    tx.execute(
        "INSERT INTO conversation_patient (conversation_id, patient_id, org_id)
         SELECT $1, pn.patient_id, pn.org_id FROM patient_number pn JOIN patient p ON p.id = pn.patient_id
         WHERE pn.org_id = $2 AND pn.number_id = $3 AND p.deleted_at IS NULL
         ON CONFLICT (conversation_id, patient_id) DO NOTHING",
        args![conversation, org, number],
    )
    .await?;
    Ok(())
}

/// # Errors
/// `NotFound` unless the patient belongs to the organisation.
pub(crate) async fn require(tx: &mut Tx, org: OrgId, id: PatientId) -> Result<()> {
    let found = tx
        .number(
            "SELECT COUNT(*) FROM patient WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
            args![org, id],
        )
        .await?;
    if found == 0 { Err(Error::not_found("patient")) } else { Ok(()) }
}

/// Folds the references that an older version stored without their folded form; call it when the product opens.
/// Neither engine can do so in a migration: SQLite folds ASCII only, and PostgreSQL as its locale says.
pub async fn fold_references(backend: &Backend) -> Result<()> {
    loop {
        let mut look = backend.store.read().await?;
        let unfolded: Vec<(Uuid, String)> = look
            .all(
                "SELECT id, reference FROM patient WHERE reference IS NOT NULL AND reference_folded IS NULL LIMIT 500",
                args![],
            )
            .await?;
        if unfolded.is_empty() {
            return Ok(());
        }
        drop(look);
        let mut tx = backend.store.write().await?;
        for (id, reference) in unfolded {
            tx.execute(
                "UPDATE patient SET reference_folded = $3 WHERE id = $1 AND reference = $2",
                args![id, &reference, fold(&reference)],
            )
            .await?;
        }
        tx.commit().await?;
    }
}

/// The form of a name or a reference that is searched and sorted by.
pub(crate) fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

/// A `LIKE` pattern for a part of a folded name, with `\` as the escape character.
pub(crate) fn like_pattern(part: &str) -> String {
    let mut pattern = String::from("%");
    for c in fold(part).chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

struct Valid<'a> {
    name: &'a str,
    born: Option<String>,
    reference: Option<&'a str>,
    numbers: Vec<(PhoneNumber, String)>,
}

async fn validate<'a>(tx: &mut Tx, org: OrgId, input: &'a PatientInput) -> Result<Valid<'a>> {
    let country = organisations::country(tx, org).await?;
    let name = input.name.trim();
    if name.is_empty() || name.chars().count() > 200 {
        return Err(Error::invalid("name", "Write a name of 1 to 200 characters."));
    }
    let born = match input.born.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => Some(
            text.parse::<jiff::civil::Date>()
                .map_err(|_| {
                    Error::invalid("born", "Write the date of birth as YYYY-MM-DD, for example 1984-02-29.")
                })?
                .to_string(),
        ),
        None => None,
    };
    let reference = input.reference.as_deref().map(str::trim).filter(|text| !text.is_empty());
    if reference.is_some_and(|text| text.chars().count() > 100) {
        return Err(Error::invalid("reference", "A reference has at most 100 characters."));
    }
    if input.notes.chars().count() > 4000 {
        return Err(Error::invalid("notes", "Notes have at most 4000 characters."));
    }
    if input.numbers.len() > MAX_NUMBERS {
        return Err(Error::invalid("numbers", format!("A patient has at most {MAX_NUMBERS} numbers.")));
    }
    let numbers = read_numbers(&input.numbers, country)?;
    Ok(Valid { name, born, reference, numbers })
}

fn read_numbers(input: &[NumberInput], country: Country) -> Result<Vec<(PhoneNumber, String)>> {
    let mut read: Vec<(PhoneNumber, String)> = Vec::with_capacity(input.len());
    for (at, number) in input.iter().enumerate() {
        let parsed = PhoneNumber::parse(&number.number, country)
            .map_err(|why| Error::invalid(&format!("numbers.{at}"), why.to_string()))?;
        if number.label.chars().count() > 50 {
            return Err(Error::invalid(&format!("numbers.{at}"), "A label has at most 50 characters."));
        }
        if !read.iter().any(|(known, _)| *known == parsed) {
            read.push((parsed, number.label.trim().to_owned()));
        }
    }
    Ok(read)
}

async fn set_numbers(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    id: PatientId,
    numbers: &[(PhoneNumber, String)],
) -> Result<()> {
    tx.execute("DELETE FROM patient_number WHERE patient_id = $1", args![id]).await?;
    let before = conversations_of(tx, id).await?;
    tx.execute("DELETE FROM conversation_patient WHERE patient_id = $1", args![id]).await?;
    for (position, (number, label)) in numbers.iter().enumerate() {
        let number_id = numbers::find_or_make(backend, tx, org, number).await?;
        tx.execute(
            "INSERT INTO patient_number (patient_id, number_id, org_id, label, position) VALUES ($1, $2, $3, $4, $5)",
            args![id, number_id, org, label.as_str(), position],
        )
        .await?;
    }
    tx.execute(
        "INSERT INTO conversation_patient (conversation_id, patient_id, org_id)
         SELECT c.id, pn.patient_id, c.org_id FROM patient_number pn JOIN conversation c ON c.number_id = pn.number_id
         WHERE pn.patient_id = $1",
        args![id],
    )
    .await?;
    let mut touched = before;
    touched.extend(conversations_of(tx, id).await?);
    touched.sort_unstable();
    touched.dedup();
    for conversation_id in touched {
        live::record(backend, tx, org, Change::ConversationChanged { conversation_id })?;
    }
    Ok(())
}

async fn conversations_of(tx: &mut Tx, id: PatientId) -> Result<Vec<ConversationId>> {
    let rows: Vec<(Uuid,)> =
        tx.all("SELECT conversation_id FROM conversation_patient WHERE patient_id = $1", args![id]).await?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

async fn number_of(tx: &mut Tx, org: OrgId, conversation: ConversationId) -> Result<NumberId> {
    let row: Option<(Uuid,)> = tx
        .one("SELECT number_id FROM conversation WHERE org_id = $1 AND id = $2", args![org, conversation])
        .await?;
    row.map(|(id,)| id.into()).ok_or_else(|| Error::not_found("conversation"))
}

async fn view(backend: &Backend, tx: &mut Tx, org: OrgId, id: PatientId) -> Result<PatientView> {
    #[derive(sqlx::FromRow)]
    struct Row {
        name: String,
        born: Option<String>,
        reference: Option<String>,
        notes: String,
        created_at: i64,
    }
    let row: Option<Row> = tx
        .one(
            "SELECT name, born, reference, notes, created_at FROM patient
             WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
            args![org, id],
        )
        .await?;
    let row = row.ok_or_else(|| Error::not_found("patient"))?;
    let numbers: Vec<(Vec<u8>, String, Option<Uuid>)> = tx
        .all(
            "SELECT n.address_sealed, pn.label, c.id FROM patient_number pn JOIN number n ON n.id = pn.number_id
             LEFT JOIN conversation c ON c.number_id = n.id AND c.org_id = pn.org_id
             WHERE pn.patient_id = $1 ORDER BY pn.position",
            args![id],
        )
        .await?;
    let numbers = numbers
        .into_iter()
        .map(|(sealed, label, conversation)| {
            Ok(PatientNumber {
                number: numbers::open(backend, &sealed)?,
                label,
                conversation_id: conversation.map(Into::into),
            })
        })
        .collect::<Result<_>>()?;
    Ok(PatientView {
        id,
        name: row.name,
        born: row.born,
        reference: row.reference,
        notes: row.notes,
        numbers,
        created_at: row.created_at,
    })
}

async fn settle(
    backend: &Backend,
    mut tx: Tx,
    caller: &Caller,
    action: &'static str,
    id: PatientId,
) -> Result<PatientView> {
    audit::note(backend, &mut tx, caller, action, "patient", Some(id.0)).await?;
    live::record(backend, &mut tx, caller.org_id, Change::PatientChanged { patient_id: id })?;
    let view = view(backend, &mut tx, caller.org_id, id).await?;
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(view)
}

async fn settle_link(
    backend: &Backend,
    mut tx: Tx,
    caller: &Caller,
    action: &'static str,
    id: PatientId,
    conversation_id: ConversationId,
) -> Result<()> {
    live::record(backend, &mut tx, caller.org_id, Change::ConversationChanged { conversation_id })?;
    settle(backend, tx, caller, action, id).await?;
    Ok(())
}
