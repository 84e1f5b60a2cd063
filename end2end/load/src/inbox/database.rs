//! Many rows at once, past the product: what it would take hours to send and receive.

use anyhow::Result;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, PgConnection, Postgres, QueryBuilder, Sqlite};
use std::str::FromStr;
use std::time::Duration;
use uuid::Uuid;

/// Values in one statement; SQLite takes 32,766.
const VALUES: usize = 30_000;

/// A value of a row.
pub(super) enum Value {
    Id(Uuid),
    Int(i64),
    Maybe(Option<i64>),
    Text(String),
    Bytes(Vec<u8>),
}

/// A connection of its own to the backend's database. What it writes is not safe from a power cut until the end.
pub(super) enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

macro_rules! insert {
    ($engine:ty, $connection:expr, $into:expr, $rows:expr) => {{
        let mut query = QueryBuilder::<$engine>::new($into);
        query.push_values($rows, |mut row, values| {
            for value in values {
                match value {
                    Value::Id(value) => row.push_bind(value),
                    Value::Int(value) => row.push_bind(value),
                    Value::Maybe(value) => row.push_bind(value),
                    Value::Text(value) => row.push_bind(value),
                    Value::Bytes(value) => row.push_bind(value),
                };
            }
        });
        query.build().execute(&mut *$connection).await?;
    }};
}

impl Database {
    /// With settings for filling in `sqlite:` or `postgres:`.
    pub(super) async fn connect(url: &str) -> Result<Self> {
        if !url.starts_with("sqlite:") {
            let mut database = Self::Postgres(PgConnection::connect(url).await?);
            database.run("SET synchronous_commit = off").await?;
            return Ok(database);
        }
        let options = SqliteConnectOptions::from_str(url)?
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Off)
            .busy_timeout(Duration::from_secs(60))
            // KiB, as SQLite writes it.
            .pragma("cache_size", "-262144");
        Ok(Self::Sqlite(SqliteConnection::connect_with(&options).await?))
    }

    /// A statement that both engines know.
    pub(super) async fn run(&mut self, sql: &'static str) -> Result<()> {
        match self {
            Self::Sqlite(connection) => {
                sqlx::query(sql).execute(&mut *connection).await?;
            }
            Self::Postgres(connection) => {
                sqlx::query(sql).execute(&mut *connection).await?;
            }
        }
        Ok(())
    }

    /// The only id that a query answers with.
    pub(super) async fn id(&mut self, sql: &'static str) -> Result<Uuid> {
        let (id,): (Uuid,) = match self {
            Self::Sqlite(connection) => sqlx::query_as(sql).fetch_one(&mut *connection).await?,
            Self::Postgres(connection) => sqlx::query_as(sql).fetch_one(&mut *connection).await?,
        };
        Ok(id)
    }

    /// All rows in one transaction. `into` ends before `VALUES`.
    pub(super) async fn insert(&mut self, into: &'static str, rows: Vec<Vec<Value>>) -> Result<()> {
        let Some(columns) = rows.first().map(Vec::len) else { return Ok(()) };
        let at_once = VALUES / columns.max(1);
        self.run("BEGIN").await?;
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let some: Vec<Vec<Value>> = rows.by_ref().take(at_once).collect();
            match self {
                Self::Sqlite(connection) => insert!(Sqlite, connection, into, some),
                Self::Postgres(connection) => insert!(Postgres, connection, into, some),
            }
        }
        self.run("COMMIT").await
    }

    /// Tells the planners what is there, and folds what was written into its files, as the hours would.
    pub(super) async fn settle(mut self) -> Result<()> {
        let statements = match self {
            Self::Sqlite(_) => ["ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"],
            Self::Postgres(_) => ["VACUUM ANALYZE", "CHECKPOINT"],
        };
        for statement in statements {
            self.run(statement).await?;
        }
        match self {
            Self::Sqlite(connection) => connection.close().await?,
            Self::Postgres(connection) => connection.close().await?,
        }
        Ok(())
    }
}
