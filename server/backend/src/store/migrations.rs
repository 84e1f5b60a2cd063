//! Bringing a database up to this version, beside servers that are at work on it.

use super::StoreError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use std::time::Duration;

static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");

/// How often a migration is tried that gives way to servers at work, and the wait in between.
const TRIES: u32 = 60;
const GIVE_WAY: Duration = Duration::from_millis(500);

/// SQLite's, on the connection that writes.
pub(super) async fn migrate_sqlite(write: &SqlitePool) -> Result<(), StoreError> {
    Ok(SQLITE.run(write).await?)
}

/// PostgreSQL's. They wait for a lock no longer than they themselves say, so that servers at work are not held up, and are
/// tried again for half a minute.
pub(super) async fn migrate_postgres(pool: &PgPool) -> Result<(), StoreError> {
    for _ in 1..TRIES {
        match run_postgres(pool).await {
            Err(StoreError::Migration(error)) if gave_way(&error) => tokio::time::sleep(GIVE_WAY).await,
            done => return done,
        }
    }
    run_postgres(pool).await
}

/// On a connection that is closed afterwards: a run that fails leaves its lock on it, for which the next would wait.
async fn run_postgres(pool: &PgPool) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await?;
    let run = POSTGRES.run(&mut *connection).await;
    let closed = connection.close().await;
    run?;
    Ok(closed?)
}

/// Whether a migration could not have the locks that it needs (`lock_not_available`), or was picked to give way.
fn gave_way(error: &MigrateError) -> bool {
    let (MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) = error else {
        return false;
    };
    let code = cause.as_database_error().and_then(|cause| cause.code());
    code.is_some_and(|code| code == "55P03" || code == "40P01")
}
