//! The other limit: how many single rows a second the same driver makes durable on the same disk, one after the other.

use anyhow::Result;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Bytes of a row, about those of a sealed webhook.
const ROW: usize = 1500;

macro_rules! measure {
    ($pool:ident, $insert:ident, $for:ident) => {{
        let (body, began) = (vec![7_u8; ROW], Instant::now());
        let mut commits = 0_i64;
        while began.elapsed() < $for {
            sqlx::query($insert).bind(commits).bind(body.as_slice()).execute(&$pool).await?;
            commits += 1;
        }
        Ok(commits as f64 / began.elapsed().as_secs_f64())
    }};
}

/// Durable commits a second, measured for so long. SQLite writes its log through at each commit; PostgreSQL does what
/// its cluster is set to.
pub async fn commits_per_second(database_url: &str, folder: &Path, measured_for: Duration) -> Result<f64> {
    if database_url.starts_with("postgres") {
        let pool = PgPoolOptions::new().max_connections(1).connect(database_url).await?;
        sqlx::query("CREATE TABLE single_commit (id BIGINT PRIMARY KEY, body BYTEA NOT NULL)")
            .execute(&pool)
            .await?;
        let insert = "INSERT INTO single_commit (id, body) VALUES ($1, $2)";
        return measure!(pool, insert, measured_for);
    }
    let url = format!("sqlite:{}", folder.join("single-commits.db").display());
    let options = SqliteConnectOptions::from_str(&url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    sqlx::query("CREATE TABLE single_commit (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        .execute(&pool)
        .await?;
    let insert = "INSERT INTO single_commit (id, body) VALUES ($1, $2)";
    measure!(pool, insert, measured_for)
}
