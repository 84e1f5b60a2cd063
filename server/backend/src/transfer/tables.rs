//! What there is to copy.

use crate::store::{Kind, Store, Tx, args};
use crate::{Error, Result};

/// Every table, each after those that its rows refer to.
pub(super) const TABLES: &[&str] = &[
    "organisation",
    "staff",
    "membership",
    "session",
    "one_time_link",
    "api_token",
    "number",
    "number_tail",
    "patient",
    "patient_name_part",
    "patient_number",
    "line",
    "line_account",
    "conversation",
    "conversation_patient",
    "conversation_read",
    "whatsapp_template",
    "message",
    "share_link",
    "delivery",
    "parked_status",
    "attachment",
    "patient_image",
    "rendition",
    "journal_entry",
    "job",
    "live_counter",
    "live_event",
    "consent_entry",
    "audit_entry",
    "key_canary",
];

/// What begins anew in another database.
const LEFT_BEHIND: &[&str] = &[
    // About one database alone.
    "_sqlx_migrations",
    // The database fills it itself, from `message`.
    "message_index",
    // It counts the last minutes, of PostgreSQL alone.
    "request_window",
];

/// What a server notes of its own work, and what begins anew as well: where there is any, one has worked.
pub(super) const OF_WORK: &[&str] = &[
    // When recurring work is due next: at once, in another place.
    "schedule",
    // It counts the last minutes.
    "sign_in_attempt",
    // Written to see whether it can be: a server was asked how it is.
    "readiness_trial",
];

/// Columns that refer to tables that come later.
const DEFERRED: &[(&str, &str)] = &[("line", "pinned_account_id"), ("message", "share_link_id")];

/// Columns that hold up to eight megabytes a row: webhooks as they came, with photos in them. What kind a column is of does
/// not tell, since a hash and an id are bytes as well.
const LARGE: &[(&str, &str)] = &[("journal_entry", "request_sealed")];

/// Rows that are looked at and written in one go.
const PAGE: usize = 100;

/// The same where rows are large: a page is in memory several times over, on its way from one database to the other.
const PAGE_OF_LARGE: usize = 8;

/// A table and its columns, those of the primary key first.
#[derive(Debug, Clone)]
pub(super) struct Table {
    name: &'static str,
    columns: Vec<Column>,
    keys: usize,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    kind: Kind,
}

/// A column as its engine describes it.
struct Described {
    name: String,
    /// `None` for a type that the schema does not use.
    kind: Option<Kind>,
    /// Its place in the primary key from 1, or 0.
    key: i64,
}

/// Tables that a migration made and that stand in no list here, so that a copy would lack them. Full-text tables and
/// what they consist of are filled by the database itself.
pub async fn unnamed_tables(store: &Store) -> Result<Vec<String>> {
    let mut tx = store.snapshot().await?;
    // The engines describe themselves each in its own way.
    let sql = match tx.is_postgres() {
        true => {
            "SELECT table_name::text FROM information_schema.tables
             WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY table_name"
        }
        false => {
            "SELECT name FROM pragma_table_list
             WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
        }
    };
    let rows: Vec<(String,)> = tx.all(sql, args![]).await?;
    let known = |name: &str| [TABLES, LEFT_BEHIND, OF_WORK].iter().any(|names| names.contains(&name));
    Ok(rows.into_iter().map(|(name,)| name).filter(|name| !known(name)).collect())
}

impl Table {
    /// Every table, with the columns that both databases have.
    pub(super) async fn all(from: &mut Tx, to: &mut Tx) -> Result<Vec<Self>> {
        let mut all = Vec::with_capacity(TABLES.len());
        for name in TABLES {
            all.push(Self::describe(from, to, name).await?);
        }
        Ok(all)
    }

    async fn describe(from: &mut Tx, to: &mut Tx, name: &'static str) -> Result<Self> {
        let (mut ours, theirs) = (described(from, name).await?, described(to, name).await?);
        if ours.len() != theirs.len() {
            return Err(Error::Inconsistent("the two databases have other columns"));
        }
        // The primary key first, in its own order; then the others in theirs.
        ours.sort_by_key(|column| if column.key == 0 { i64::MAX } else { column.key });
        let keys = ours.iter().filter(|column| column.key > 0).count();
        let mut columns = Vec::with_capacity(ours.len());
        for Described { name, kind, .. } in ours {
            let same = theirs.iter().find(|column| column.name == name);
            let same = same.ok_or(Error::Inconsistent("the two databases have other columns"))?;
            // PostgreSQL tells ids from other bytes, and truth values from numbers.
            let kind = if to.is_postgres() { same.kind } else { kind };
            let kind = kind.ok_or(Error::Inconsistent("a column of a type that is not known"))?;
            columns.push(Column { name, kind });
        }
        if keys == 0 {
            return Err(Error::Inconsistent("a table without a primary key"));
        }
        Ok(Self { name, columns, keys })
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// How many of its columns, from the first on, name a row.
    pub(super) fn keys(&self) -> usize {
        self.keys
    }

    /// How many of its rows are looked at and written in one go.
    pub(super) fn page(&self) -> usize {
        let is_large = |column: &Column| LARGE.contains(&(self.name, column.name.as_str()));
        if self.columns.iter().any(is_large) { PAGE_OF_LARGE } else { PAGE }
    }

    pub(super) fn has_deferred(&self) -> bool {
        DEFERRED.iter().any(|(table, _)| *table == self.name)
    }

    /// Without the columns that refer to tables that come later.
    pub(super) fn without_deferred(&self) -> Self {
        let deferred = |column: &Column| DEFERRED.contains(&(self.name, column.name.as_str()));
        let columns = self.columns.iter().filter(|column| !deferred(column)).cloned().collect();
        Self { columns, ..self.clone() }
    }

    /// Its primary key alone.
    pub(super) fn only_keys(&self) -> Self {
        Self { columns: self.columns[..self.keys].to_vec(), ..self.clone() }
    }

    pub(super) fn kinds(&self) -> Vec<Kind> {
        self.columns.iter().map(|column| column.kind).collect()
    }

    /// One page of rows in the order of the primary key, after a row or from the beginning; `LIMIT` is left to be
    /// written behind it.
    pub(super) fn select(&self, after: bool) -> String {
        let keys = self.key_names();
        let beginning = if after {
            format!("WHERE ({keys}) > ({}) ", crate::store::placeholders(1, self.keys))
        } else {
            String::new()
        };
        format!("SELECT {} FROM {} {beginning}ORDER BY {keys}", self.names(), quoted(self.name))
    }

    /// The rows with these keys, as many as are there.
    pub(super) fn select_by_keys(&self, rows: usize) -> String {
        format!(
            "SELECT {} FROM {} WHERE ({}) IN (VALUES {})",
            self.names(),
            quoted(self.name),
            self.key_names(),
            tuples(rows, self.keys)
        )
    }

    /// Writes so many rows, in place of those with the same keys.
    pub(super) fn upsert(&self, rows: usize) -> String {
        let set: Vec<String> = self.columns[self.keys..]
            .iter()
            .map(|column| format!("{0} = excluded.{0}", quoted(&column.name)))
            .collect();
        let update = match set.is_empty() {
            true => "DO NOTHING".to_owned(),
            false => format!("DO UPDATE SET {}", set.join(", ")),
        };
        format!(
            "INSERT INTO {} ({}) VALUES {} ON CONFLICT ({}) {update}",
            quoted(self.name),
            self.names(),
            tuples(rows, self.columns.len()),
            self.key_names()
        )
    }

    fn names(&self) -> String {
        list(&self.columns)
    }

    fn key_names(&self) -> String {
        list(&self.columns[..self.keys])
    }
}

fn list(columns: &[Column]) -> String {
    columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
}

/// A name as both engines take it, also where it is a word of theirs.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// `($1, $2), ($3, $4)` for two rows of two columns.
fn tuples(rows: usize, columns: usize) -> String {
    let tuple = |row: usize| format!("({})", crate::store::placeholders(row * columns + 1, columns));
    (0..rows).map(tuple).collect::<Vec<_>>().join(", ")
}

/// A table's columns, but those that the database fills by itself.
async fn described(tx: &mut Tx, table: &str) -> Result<Vec<Described>> {
    let postgres = tx.is_postgres();
    // The engines describe themselves each in its own way.
    let sql = match postgres {
        true => {
            "SELECT c.column_name::text, c.data_type::text, COALESCE((
                 SELECT k.ordinal_position FROM information_schema.key_column_usage k
                 JOIN information_schema.table_constraints t
                   ON t.constraint_schema = k.constraint_schema AND t.constraint_name = k.constraint_name
                  AND t.table_name = k.table_name
                 WHERE t.constraint_type = 'PRIMARY KEY' AND k.table_schema = c.table_schema
                   AND k.table_name = c.table_name AND k.column_name = c.column_name), 0)::bigint
             FROM information_schema.columns c
             WHERE c.table_schema = current_schema() AND c.table_name::text = $1 AND c.is_generated = 'NEVER'
               AND c.data_type <> 'tsvector'
             ORDER BY c.ordinal_position"
        }
        false => "SELECT name, type, pk FROM pragma_table_xinfo($1) WHERE hidden = 0 ORDER BY cid",
    };
    let rows: Vec<(String, String, i64)> = tx.all(sql, args![table]).await?;
    let described = |(name, of_type, key): (String, String, i64)| {
        let kind = if postgres { postgres_kind(&of_type) } else { sqlite_kind(&of_type) };
        Described { name, kind, key }
    };
    Ok(rows.into_iter().map(described).collect())
}

fn postgres_kind(name: &str) -> Option<Kind> {
    match name {
        "uuid" => Some(Kind::Id),
        "bigint" => Some(Kind::Int),
        "boolean" => Some(Kind::Bool),
        "text" => Some(Kind::Text),
        "bytea" => Some(Kind::Bytes),
        _ => None,
    }
}

fn sqlite_kind(name: &str) -> Option<Kind> {
    match name {
        "INTEGER" => Some(Kind::Int),
        "TEXT" => Some(Kind::Text),
        "BLOB" => Some(Kind::Bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        let columns =
            vec![column("id", Kind::Id), column("name", Kind::Text), column("pinned_account_id", Kind::Id)];
        Table { name: "line", columns, keys: 1 }
    }

    #[test]
    fn a_row_is_written_in_place_of_the_one_with_its_key() {
        assert_eq!(
            table().without_deferred().upsert(2),
            r#"INSERT INTO "line" ("id", "name") VALUES ($1, $2), ($3, $4) ON CONFLICT ("id") DO UPDATE SET "name" = excluded."name""#
        );
        assert!(table().only_keys().upsert(1).ends_with(r#"ON CONFLICT ("id") DO NOTHING"#));
    }

    #[test]
    fn rows_that_may_be_large_go_a_few_at_a_time() {
        let column = |name: &str| Column { name: name.to_owned(), kind: Kind::Bytes };
        let journal =
            Table { name: "journal_entry", columns: vec![column("id"), column("request_sealed")], keys: 1 };
        assert_eq!((journal.page(), journal.only_keys().page(), table().page()), (8, 100, 100));
    }

    #[test]
    fn pages_follow_the_key() {
        let page = table().only_keys().select(true);
        assert_eq!(page, r#"SELECT "id" FROM "line" WHERE ("id") > ($1) ORDER BY "id""#);
    }
}
