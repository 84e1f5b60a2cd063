//! Patients page by page, all of them or those who are looked for.

use super::names::{self, Parts};
use super::{fold, like_pattern};
use crate::limits::{self, Action, Whose};
use crate::numbers;
use crate::store::{Tx, Value, args, placeholders};
use crate::{Backend, Caller, Error, Result};
use model::Page;
use model::conversation::PatientName;
use model::patient::PatientRow;
use model::staff::Permission;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

/// Patients on a page.
const PAGE: usize = 50;

/// Patients by name. `search` is part of a name, the organisation's reference, a whole number in any format, or its last
/// 4 to 9 digits; those whose name begins with it come first.
pub async fn list(
    backend: &Backend,
    caller: &Caller,
    search: Option<&str>,
    cursor: Option<&str>,
) -> Result<Page<PatientRow>> {
    caller.require(Permission::ReadPatients)?;
    let search = search.map(str::trim).filter(|text| !text.is_empty());
    if search.is_some() {
        limits::take(backend, Action::Search, Whose::Caller(caller)).await?;
    }
    let mut after = match cursor {
        Some(cursor) => Place::read(cursor)?,
        None => Place::beginning_of(if search.is_some() { Stretch::Beginning } else { Stretch::Rest }),
    };
    let mut tx = backend.store.read().await?;
    let mut rows: Vec<Row> = Vec::new();
    let mut begin = 0;
    if let Some(text) = search
        && after.stretch == Stretch::Beginning
    {
        // However many they are, they stand side by side in the order of the names.
        let these = Which::beginning_with(text);
        rows = these.read(&mut tx, caller, &after, PAGE + 1).await?;
        begin = rows.len();
        after = Place::beginning_of(Stretch::Rest);
    }
    if rows.len() <= PAGE {
        let others = match search {
            Some(text) => Which::containing(backend, &mut tx, caller, text).await?,
            None => Which::all(),
        };
        rows.extend(others.read(&mut tx, caller, &after, PAGE + 1 - rows.len()).await?);
    }
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let stretch = if rows.len() <= begin { Stretch::Beginning } else { Stretch::Rest };
    let next = rows.last().filter(|_| more).map(|last| last.place(stretch).write());
    let items = rows.into_iter().map(|row| row.view(backend)).collect::<Result<_>>()?;
    Ok(Page { items, next })
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    name: String,
    name_folded: String,
    images: i64,
    address_sealed: Option<Vec<u8>>,
}

impl Row {
    fn place(&self, stretch: Stretch) -> Place {
        Place { stretch, name: self.name_folded.clone(), id: self.id }
    }

    fn view(self, backend: &Backend) -> Result<PatientRow> {
        Ok(PatientRow {
            patient: PatientName { id: self.id.into(), name: self.name },
            number: self.address_sealed.map(|sealed| numbers::open(backend, &sealed)).transpose()?,
            images: u32::try_from(self.images).unwrap_or(u32::MAX),
        })
    }
}

/// Which patients are read, as SQL whose placeholders begin after those of [`Which::read`].
struct Which {
    /// A relation that has them as `p`.
    from: String,
    condition: String,
    values: Vec<Value>,
}

/// Placeholders that [`Which::read`] has of its own.
const OWN: usize = 3;

impl Which {
    fn all() -> Self {
        Self { from: "patient p".to_owned(), condition: String::new(), values: Vec::new() }
    }

    /// Those whose name begins with a text.
    fn beginning_with(text: &str) -> Self {
        let from = fold(text);
        let below = format!("{from}{}", char::MAX);
        let condition = format!("AND p.name_folded >= ${} AND p.name_folded < ${}", OWN + 1, OWN + 2);
        Self { condition, values: args![from, below], ..Self::all() }
    }

    /// Those whose name, reference or number contains a text, but not those whose name begins with it.
    async fn containing(backend: &Backend, tx: &mut Tx, caller: &Caller, text: &str) -> Result<Self> {
        let Self { mut values, .. } = Self::beginning_with(text);
        let mut condition =
            format!("AND NOT (p.name_folded >= ${} AND p.name_folded < ${})", OWN + 1, OWN + 2);
        values.push(like_pattern(text).into());
        let like = OWN + values.len();
        condition.push_str(&format!(
            " AND (p.name_folded LIKE ${like} ESCAPE '\\' OR p.reference_folded LIKE ${like} ESCAPE '\\'"
        ));
        let mut owners = String::new();
        let numbers = numbers::search(backend, tx, caller.org_id, text).await?;
        if !numbers.is_empty() {
            let among = format!("pn.number_id IN ({})", placeholders(like + 1, numbers.len()));
            condition.push_str(" OR EXISTS (SELECT 1 FROM patient_number pn WHERE pn.patient_id = p.id AND ");
            condition.push_str(&among);
            condition.push(')');
            owners = format!("UNION SELECT pn.patient_id FROM patient_number pn WHERE {among}");
            values.extend(numbers.into_iter().map(Into::into));
        }
        condition.push(')');
        let mut from = "patient p".to_owned();
        if let Some(Parts { from: first, below }) = names::fewest(tx, caller.org_id, text).await? {
            let (at, end) = (OWN + values.len() + 1, OWN + values.len() + 2);
            values.extend(args![first, below]);
            // To SQLite the order of a CROSS JOIN is an order: these few are looked up, in place of a walk through all.
            from = format!(
                "(SELECT DISTINCT np.patient_id AS id FROM patient_name_part np
                  WHERE np.org_id = $1 AND np.part >= ${at} AND np.part < ${end} {owners}) f CROSS JOIN patient p"
            );
            condition.push_str(" AND p.id = f.id");
        }
        Ok(Self { from, condition, values })
    }

    /// The first of them after a place, by name.
    async fn read(self, tx: &mut Tx, caller: &Caller, after: &Place, most: usize) -> Result<Vec<Row>> {
        let Self { from, condition, values } = self;
        let sql = format!(
            "SELECT p.id, p.name, p.name_folded,
                    (SELECT COUNT(*) FROM patient_image i
                     WHERE i.patient_id = p.id AND i.deleted_at IS NULL) AS images,
                    (SELECT n.address_sealed FROM patient_number pn JOIN number n ON n.id = pn.number_id
                     WHERE pn.patient_id = p.id ORDER BY pn.position LIMIT 1) AS address_sealed
             FROM {from}
             WHERE p.org_id = $1 AND p.deleted_at IS NULL AND (p.name_folded, p.id) > ($2, $3) {condition}
             ORDER BY p.name_folded, p.id LIMIT {most}"
        );
        let mut all = args![caller.org_id, &after.name, after.id];
        all.extend(values);
        Ok(tx.all(AssertSqlSafe(sql), all).await?)
    }
}

/// What a list consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stretch {
    /// Whoever's name begins with what is looked for.
    Beginning,
    /// Everybody else.
    Rest,
}

/// Where a page ends.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    stretch: Stretch,
    /// Folded.
    name: String,
    id: Uuid,
}

impl Place {
    fn beginning_of(stretch: Stretch) -> Self {
        Self { stretch, name: String::new(), id: Uuid::nil() }
    }

    fn write(&self) -> String {
        let stretch = match self.stretch {
            Stretch::Beginning => 'b',
            Stretch::Rest => 'r',
        };
        format!("{stretch}{}{}", self.id.simple(), hex::encode(&self.name))
    }

    fn read(cursor: &str) -> Result<Self> {
        let place = || {
            let (stretch, rest) = cursor.split_at_checked(1)?;
            let stretch = match stretch {
                "b" => Stretch::Beginning,
                "r" => Stretch::Rest,
                _ => return None,
            };
            let (id, name) = rest.split_at_checked(32)?;
            let name = String::from_utf8(hex::decode(name).ok()?).ok()?;
            Some(Self { stretch, name, id: Uuid::try_parse(id).ok()? })
        };
        place().ok_or_else(|| Error::invalid("cursor", "This cursor is not one that a previous page gave."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for stretch in [Stretch::Beginning, Stretch::Rest] {
            let place = Place { stretch, name: "zoë".to_owned(), id: Uuid::from_u128(7) };
            assert_eq!(Place::read(&place.write()).expect("a place"), place);
        }
        for cursor in ["", "b", "x0000", "b00000000000000000000000000000007zz", "ö"] {
            assert!(Place::read(cursor).is_err(), "{cursor}");
        }
    }
}
