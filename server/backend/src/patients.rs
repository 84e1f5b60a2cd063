//! Patients and their numbers.

pub(crate) mod names;

pub use names::index_names;

use crate::limits::{self, Action, Whose};
use crate::store::{Tx, args, placeholders};
use crate::{Backend, Caller, Error, Result, audit, live, numbers, organisations};
use model::conversation::PatientName;
use model::live::Change;
use model::patient::{NumberInput, PatientChange, PatientInput, PatientNumber, PatientRow, PatientView};
use model::phone::Country;
use model::staff::Permission;
use model::{ConversationId, FailureCode, NumberId, OrgId, Page, PatientId, PhoneNumber};
use names::Parts;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

/// Patients on a page.
const PAGE: usize = 50;

/// Numbers a patient may have.
const MAX_NUMBERS: usize = 20;

/// Patients by name; `search` is part of a name, the organisation's reference, a whole number in any format, or
/// its last 4 to 9 digits.
pub async fn list(
    backend: &Backend,
    caller: &Caller,
    search: Option<&str>,
    cursor: Option<&str>,
) -> Result<Page<PatientRow>> {
    caller.require(Permission::ReadPatients)?;
    #[derive(sqlx::FromRow)]
    struct Row {
        id: Uuid,
        name: String,
        name_folded: String,
        images: i64,
        address_sealed: Option<Vec<u8>>,
    }
    let search = search.map(str::trim).filter(|text| !text.is_empty());
    if search.is_some() {
        limits::take(backend, Action::Search, Whose::Caller(caller)).await?;
    }
    let (after_name, after_id) = match cursor {
        Some(cursor) => read_cursor(cursor)?,
        None => (String::new(), Uuid::nil()),
    };
    let mut tx = backend.store.read().await?;
    let mut values = args![caller.org_id, after_name, after_id];
    let mut condition = String::new();
    let mut patients = "patient p".to_owned();
    if let Some(text) = search {
        let numbers = numbers::search(backend, &mut tx, caller.org_id, text).await?;
        values.push(like_pattern(text).into());
        condition =
            "AND (p.name_folded LIKE $4 ESCAPE '\\' OR p.reference_folded LIKE $4 ESCAPE '\\'".to_owned();
        let mut owners = String::new();
        if !numbers.is_empty() {
            let among = format!("pn.number_id IN ({})", placeholders(5, numbers.len()));
            condition.push_str(" OR EXISTS (SELECT 1 FROM patient_number pn WHERE pn.patient_id = p.id AND ");
            condition.push_str(&among);
            condition.push(')');
            owners = format!("UNION SELECT pn.patient_id FROM patient_number pn WHERE {among}");
            values.extend(numbers.into_iter().map(Into::into));
        }
        condition.push(')');
        if let Some(Parts { from, below }) = names::fewest(&mut tx, caller.org_id, text).await? {
            let (at, end) = (values.len() + 1, values.len() + 2);
            values.extend(args![from, below]);
            // To SQLite the order of a CROSS JOIN is an order: these few are looked up, in place of a walk through all.
            patients = format!(
                "(SELECT DISTINCT np.patient_id AS id FROM patient_name_part np
                  WHERE np.org_id = $1 AND np.part >= ${at} AND np.part < ${end} {owners}) f CROSS JOIN patient p"
            );
            condition.push_str(" AND p.id = f.id");
        }
    }
    let sql = format!(
        "SELECT p.id, p.name, p.name_folded,
                (SELECT COUNT(*) FROM patient_image i WHERE i.patient_id = p.id AND i.deleted_at IS NULL) AS images,
                (SELECT n.address_sealed FROM patient_number pn JOIN number n ON n.id = pn.number_id
                 WHERE pn.patient_id = p.id ORDER BY pn.position LIMIT 1) AS address_sealed
         FROM {patients}
         WHERE p.org_id = $1 AND p.deleted_at IS NULL AND (p.name_folded, p.id) > ($2, $3) {condition}
         ORDER BY p.name_folded, p.id LIMIT {}",
        PAGE + 1
    );
    let mut rows: Vec<Row> = tx.all(AssertSqlSafe(sql), values).await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| more).map(|last| write_cursor(&last.name_folded, last.id));
    let items = rows
        .into_iter()
        .map(|row| {
            Ok(PatientRow {
                patient: PatientName { id: row.id.into(), name: row.name },
                number: row.address_sealed.map(|sealed| numbers::open(backend, &sealed)).transpose()?,
                images: u32::try_from(row.images).unwrap_or(u32::MAX),
            })
        })
        .collect::<Result<_>>()?;
    Ok(Page { items, next })
}

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
        )
        .await?;
    }
    tx.execute("DELETE FROM conversation_patient WHERE patient_id = $1", args![id]).await?;
    tx.execute("DELETE FROM patient_name_part WHERE patient_id = $1", args![id]).await?;
    audit::note(backend, &mut tx, caller, "patient.delete", "patient", Some(id.0)).await?;
    live::record(backend, &mut tx, caller.org_id, Change::PatientChanged { patient_id: id }).await?;
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
        let mut tx = backend.store.write().await?;
        let unfolded: Vec<(Uuid, String)> = tx
            .all(
                "SELECT id, reference FROM patient WHERE reference IS NOT NULL AND reference_folded IS NULL LIMIT 500",
                args![],
            )
            .await?;
        if unfolded.is_empty() {
            return Ok(());
        }
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
        live::record(backend, tx, org, Change::ConversationChanged { conversation_id }).await?;
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
    live::record(backend, &mut tx, caller.org_id, Change::PatientChanged { patient_id: id }).await?;
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
    live::record(backend, &mut tx, caller.org_id, Change::ConversationChanged { conversation_id }).await?;
    settle(backend, tx, caller, action, id).await?;
    Ok(())
}

fn write_cursor(name: &str, id: Uuid) -> String {
    format!("{}{}", id.simple(), hex::encode(name))
}

fn read_cursor(cursor: &str) -> Result<(String, Uuid)> {
    let parts = cursor.split_at_checked(32).and_then(|(id, name)| {
        let name = String::from_utf8(hex::decode(name).ok()?).ok()?;
        Some((name, Uuid::try_parse(id).ok()?))
    });
    parts.ok_or_else(|| Error::invalid("cursor", "This cursor is not one that a previous page gave."))
}
