//! The transaction: all that the rest of the house sees of the two engines.

use super::StoreError;
use super::value::{Kind, Record, Value, placeholders, postgres_values, sqlite_values};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection};
use sqlx::{SqlSafeStr, Transaction};
use std::mem;
use std::time::Instant;
use tokio::sync::OwnedMutexGuard;

/// A transaction on either engine, or a connection that reads.
pub struct Tx {
    engine: Engine,
    /// When it could begin, for the operator.
    begun: Instant,
    /// Nobody else waits for SQLite's writer until this one is done.
    turn: Option<OwnedMutexGuard<()>>,
    /// See [`before_commit`](Self::before_commit).
    last: Vec<(&'static str, Vec<Value>)>,
}

pub(super) enum Engine {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
    PostgresReads(PoolConnection<Postgres>),
}

/// What a statement is run on.
enum Connection<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl Tx {
    /// Counts how long a transaction of this kind waited for its connection and, on SQLite, for the one writer's turn.
    pub(super) fn begun(
        engine: Engine,
        kind: &'static str,
        asked: Instant,
        turn: Option<OwnedMutexGuard<()>>,
    ) -> Self {
        metrics::histogram!("db_acquire_seconds", "kind" => kind).record(asked.elapsed().as_secs_f64());
        Self { engine, begun: Instant::now(), turn, last: Vec::new() }
    }

    fn connection(&mut self) -> Connection<'_> {
        match &mut self.engine {
            Engine::Sqlite(tx) => Connection::Sqlite(tx),
            Engine::Postgres(tx) => Connection::Postgres(tx),
            Engine::PostgresReads(connection) => Connection::Postgres(connection),
        }
    }

    /// Runs a statement; answers how many rows it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: impl SqlSafeStr,
        args: Vec<Value>,
    ) -> Result<u64, StoreError> {
        if matches!(self.engine, Engine::PostgresReads(_)) {
            // SQLite refuses it by itself.
            let mistake = "what was begun to read does not write";
            return Err(StoreError::Query(sqlx::Error::Protocol(mistake.to_owned())));
        }
        Ok(match self.connection() {
            Connection::Sqlite(on) => {
                sqlx::query_with(sql, sqlite_arguments(args)?).execute(on).await?.rows_affected()
            }
            Connection::Postgres(on) => {
                sqlx::query_with(sql, postgres_arguments(args)?).execute(on).await?.rows_affected()
            }
        })
    }

    /// Every row of a query.
    pub(crate) async fn all<R: Record>(
        &mut self,
        sql: impl SqlSafeStr,
        args: Vec<Value>,
    ) -> Result<Vec<R>, StoreError> {
        Ok(match self.connection() {
            Connection::Sqlite(on) => sqlx::query_as_with(sql, sqlite_arguments(args)?).fetch_all(on).await?,
            Connection::Postgres(on) => {
                sqlx::query_as_with(sql, postgres_arguments(args)?).fetch_all(on).await?
            }
        })
    }

    /// The first row of a query, if there is one.
    pub(crate) async fn one<R: Record>(
        &mut self,
        sql: impl SqlSafeStr,
        args: Vec<Value>,
    ) -> Result<Option<R>, StoreError> {
        Ok(match self.connection() {
            Connection::Sqlite(on) => {
                sqlx::query_as_with(sql, sqlite_arguments(args)?).fetch_optional(on).await?
            }
            Connection::Postgres(on) => {
                sqlx::query_as_with(sql, postgres_arguments(args)?).fetch_optional(on).await?
            }
        })
    }

    /// Every row of a query whose columns are known by their kinds only.
    pub(crate) async fn values(
        &mut self,
        sql: impl SqlSafeStr,
        args: Vec<Value>,
        kinds: &[Kind],
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let rows: Result<Vec<Vec<Value>>, sqlx::Error> = match self.connection() {
            Connection::Sqlite(on) => {
                let rows = sqlx::query_with(sql, sqlite_arguments(args)?).fetch_all(on).await?;
                rows.iter().map(|row| sqlite_values(row, kinds)).collect()
            }
            Connection::Postgres(on) => {
                let rows = sqlx::query_with(sql, postgres_arguments(args)?).fetch_all(on).await?;
                rows.iter().map(|row| postgres_values(row, kinds)).collect()
            }
        };
        Ok(rows?)
    }

    /// A single number, such as a count; 0 where there is no row.
    pub(crate) async fn number(&mut self, sql: impl SqlSafeStr, args: Vec<Value>) -> Result<i64, StoreError> {
        Ok(self.one::<(i64,)>(sql, args).await?.map_or(0, |(n,)| n))
    }

    /// `($1, $2), ($3, $4), …` for so many rows of so many values each, for a `VALUES …` that has no other parameters; wrap
    /// the text in `sqlx::AssertSqlSafe`. For SQLite they have no names, each of which would be looked for among all others.
    pub(crate) fn rows_of_placeholders(&self, rows: usize, columns: usize) -> String {
        let row = |row| match self.is_postgres() {
            true => placeholders(row * columns + 1, columns),
            false => vec!["?"; columns].join(", "),
        };
        (0..rows).map(|n| format!("({})", row(n))).collect::<Vec<_>>().join(", ")
    }

    /// Keeps a statement until the others have run: one that locks what every transaction comes to.
    pub(crate) fn before_commit(&mut self, sql: &'static str, args: Vec<Value>) {
        self.last.push((sql, args));
    }

    /// Makes it so.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let committing = Instant::now();
        for (sql, args) in mem::take(&mut self.last) {
            self.execute(sql, args).await?;
        }
        let Self { engine, begun, turn, .. } = self;
        match engine {
            Engine::Sqlite(tx) => tx.commit().await?,
            Engine::Postgres(tx) => tx.commit().await?,
            Engine::PostgresReads(_) => {}
        }
        metrics::histogram!("db_commit_seconds").record(committing.elapsed().as_secs_f64());
        metrics::histogram!("db_transaction_seconds").record(begun.elapsed().as_secs_f64());
        drop(turn);
        Ok(())
    }

    /// Whether this is PostgreSQL, for the few labelled differences.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_) | Engine::PostgresReads(_))
    }
}

/// PostgreSQL's TEXT holds no U+0000, which a text from outside may well contain: on both engines U+FFFD stands in
/// its place, so that a message is kept rather than refused.
fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text }
}

macro_rules! arguments {
    ($name:ident, $arguments:ty) => {
        pub(super) fn $name(args: Vec<Value>) -> Result<$arguments, StoreError> {
            use sqlx::Arguments;
            let mut all = <$arguments>::default();
            for value in args {
                match value {
                    Value::Id(v) => all.add(v),
                    Value::Int(v) => all.add(v),
                    Value::Bool(v) => all.add(v),
                    Value::Text(v) => all.add(v.map(storable)),
                    Value::Bytes(v) => all.add(v),
                }
                .map_err(|cause| StoreError::Query(sqlx::Error::Encode(cause)))?;
            }
            Ok(all)
        }
    };
}

arguments!(sqlite_arguments, SqliteArguments);
arguments!(postgres_arguments, PgArguments);
