//! The database: SQLite by default, PostgreSQL when outgrown, one text per query for both.
//!
//! A [`Tx`] is the only way in. Queries use `$1` placeholders and the types of `Value`, which both engines
//! understand alike; where they differ, the difference stands in `engine` or is labelled at the query.
//! Rows are private to the file that asks for them.

mod engine;
mod value;

pub use engine::{Store, StoreError, Tx, sqlite_file};
pub(crate) use value::{Kind, Value, args, placeholders, rows_at_once, rows_of_placeholders};
