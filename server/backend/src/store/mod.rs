//! The database: SQLite by default, PostgreSQL when outgrown, one text per query for both.
//!
//! A [`Tx`] is the only way in. Queries use `$1` placeholders and the types of `Value`, which both engines
//! understand alike; where they differ, the difference stands in this module or is labelled at the query.
//! Rows are private to the file that asks for them.

mod engine;
mod error;
mod file;
mod migrations;
mod transaction;
mod value;

pub use engine::{Store, file_used_by, sqlite_file};
pub use error::StoreError;
pub use transaction::Tx;
pub(crate) use value::{Kind, Value, args, placeholders, rows_at_once};
