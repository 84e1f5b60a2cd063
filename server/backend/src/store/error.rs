//! What a database can fail with, for those who tell busy from broken.

use sqlx::migrate::MigrateError;

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address names no engine that we know.
    #[error("the address of a database begins with sqlite: or postgres:")]
    UnknownEngine,
    /// Its server answers, and lets us not in.
    #[error("PostgreSQL refuses: {0}")]
    Refused(String),
    /// It cannot be reached, is full, or too busy: nothing was changed.
    #[error("unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A row that must be unique exists already.
    #[error("exists already")]
    Conflict,
    /// A migration could not be applied.
    #[error("migration: {0}")]
    Migration(#[from] MigrateError),
    /// Anything else; a mistake of ours.
    #[error("query: {0}")]
    Query(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Tls(_) => Self::Unavailable(error),
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::Conflict,
            sqlx::Error::Database(cause) if is_unavailable(&cause.code().unwrap_or_default()) => {
                Self::Unavailable(error)
            }
            _ => Self::Query(error),
        }
    }
}

/// SQLite: busy (5), locked (6), out of memory (7), read-only (8), I/O error (10), full (13), cannot open (14), locking
/// protocol (15), schema changed (17), by primary code.
/// PostgreSQL: connection (08), read-only, as after a failover (25006), picked as the one that gives way (40), a privilege
/// or a table that is missing, as while a dump is being restored (42501, 42P01), not ready for it (55), out of resources
/// (53), operator's intervention (57), system error (58).
fn is_unavailable(code: &str) -> bool {
    match code.parse::<u32>() {
        Ok(sqlite) if code.len() < 5 => matches!(sqlite & 0xff, 5 | 6 | 7 | 8 | 10 | 13 | 14 | 15 | 17),
        _ => ["08", "25006", "40", "42501", "42P01", "53", "55", "57", "58"]
            .iter()
            .any(|class| code.starts_with(class)),
    }
}
