//! The two engines, behind one transaction type.

use super::value::{Kind, Record, Value, args, postgres_values, sqlite_values};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{
    PgArguments, PgConnectOptions, PgConnection, PgListener, PgPool, PgPoolOptions, Postgres,
};
use sqlx::sqlite::{
    Sqlite, SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, SqlSafeStr, Transaction};
use std::mem;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// What processes on one PostgreSQL database call each other on.
const CHANNEL: &str = "heliograph";

/// How long a transaction waits for its connection before the database counts as too busy.
const ACQUIRE: Duration = Duration::from_secs(5);

/// How many prepared statements a connection to PostgreSQL keeps: more than there are in daily use. Each takes some ten
/// kilobytes of the database server, for each connection.
const STATEMENTS: usize = 256;

/// How long after its last use a connection to PostgreSQL is taken to be alive without asking.
const TRUSTED: Duration = Duration::from_millis(200);

/// How often a transaction is begun anew on another connection, where the one it was given turns out to be dead.
const TRIES_TO_BEGIN: u32 = 30;

/// How often a migration is tried that gives way to servers at work, and the wait in between.
const TRIES_TO_MIGRATE: u32 = 60;
const GIVE_WAY: Duration = Duration::from_millis(500);

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address names no engine that we know.
    #[error("DATABASE_URL must begin with sqlite: or postgres:")]
    UnknownEngine,
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

/// SQLite: busy (5), locked (6), read-only (8), I/O error (10), full (13), cannot open (14), by primary code.
/// PostgreSQL: connection (08), read-only, as after a failover (25006), picked as the one that gives way (40), out of
/// resources (53), operator's intervention (57), system error (58).
fn is_unavailable(code: &str) -> bool {
    match code.parse::<u32>() {
        Ok(sqlite) if code.len() < 5 => matches!(sqlite & 0xff, 5 | 6 | 8 | 10 | 13 | 14),
        _ => ["08", "25006", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class)),
    }
}

/// The file of a SQLite database, as it is written in its address; `None` for any other engine.
pub fn sqlite_file(url: &str) -> Option<&Path> {
    let file = url.strip_prefix("sqlite:")?;
    Some(Path::new(file.strip_prefix("//").unwrap_or(file).split('?').next().unwrap_or_default()))
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store(Pools);

#[derive(Clone)]
enum Pools {
    /// One connection writes, several read: SQLite has a single writer, and waiting in our pool is fairer than
    /// waiting on its lock.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
        /// Whoever holds it waits for the writer's connection; see [`Store::write_first`].
        turn: Arc<Mutex<()>>,
    },
    Postgres(PgPool),
}

impl Store {
    /// Opens `sqlite:PATH` (created when missing) or `postgres://…`.
    ///
    /// # Errors
    /// An unknown scheme is refused rather than becoming a new, empty file.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url)?.statement_cache_capacity(STATEMENTS);
            let pool = PgPoolOptions::new()
                .max_connections(24)
                .acquire_timeout(ACQUIRE)
                .test_before_acquire(false)
                .before_acquire(|connection, meta| {
                    Box::pin(async move {
                        if meta.idle_for > TRUSTED {
                            connection.ping().await?;
                        }
                        Ok(true)
                    })
                })
                .connect_with(options)
                .await?;
            return Ok(Self(Pools::Postgres(pool)));
        }
        let file = sqlite_file(url).ok_or(StoreError::UnknownEngine)?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit that was acknowledged survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let pool = |connections, options| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE)
                .connect_with(options)
        };
        let write = pool(1, options.clone()).await?;
        let read = pool(8, options.read_only(true).create_if_missing(false)).await?;
        Ok(Self(Pools::Sqlite { write, read, turn: Arc::default() }))
    }

    /// Applies the migrations that are missing.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.0 {
            Pools::Sqlite { write, .. } => SQLITE_MIGRATIONS.run(write).await?,
            Pools::Postgres(pool) => {
                for _ in 1..TRIES_TO_MIGRATE {
                    match migrate(pool).await {
                        Err(StoreError::Migration(error)) if gave_way(&error) => {
                            tokio::time::sleep(GIVE_WAY).await;
                        }
                        done => return done,
                    }
                }
                migrate(pool).await?;
            }
        }
        Ok(())
    }

    /// Whether this is PostgreSQL, which several processes may share.
    pub fn is_postgres(&self) -> bool {
        matches!(self.0, Pools::Postgres(_))
    }

    /// Something to read from. On PostgreSQL each query sees a moment of its own; see [`snapshot`](Self::snapshot).
    pub(crate) async fn read(&self) -> Result<Tx, StoreError> {
        let asked = Instant::now();
        let engine = match &self.0 {
            Pools::Sqlite { read, .. } => Engine::Sqlite(read.begin().await?),
            // Without a transaction, which would show each query a moment of its own as well, at two round trips more.
            Pools::Postgres(pool) => Engine::PostgresReads(pool.acquire().await?),
        };
        Ok(Tx::begun(engine, "read", asked))
    }

    /// One moment of the database, however many queries look at it.
    pub(crate) async fn snapshot(&self) -> Result<Tx, StoreError> {
        let asked = Instant::now();
        let engine = match &self.0 {
            // Every transaction of SQLite sees one moment.
            Pools::Sqlite { read, .. } => Engine::Sqlite(read.begin().await?),
            Pools::Postgres(pool) => {
                Engine::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?)
            }
        };
        Ok(Tx::begun(engine, "read", asked))
    }

    /// Writes one moment of a SQLite database into `file`, which must be missing or empty, while others go on writing.
    /// `false` where the database is PostgreSQL.
    pub(crate) async fn copy_into(&self, file: &Path) -> Result<bool, StoreError> {
        let Pools::Sqlite { read, .. } = &self.0 else { return Ok(false) };
        let arguments = sqlite_arguments(args![file.to_string_lossy().into_owned()])?;
        sqlx::query_with("VACUUM INTO $1", arguments).execute(read).await?;
        Ok(true)
    }

    /// A transaction that writes. Dropping it without [`Tx::commit`] changes nothing.
    pub(crate) async fn write(&self) -> Result<Tx, StoreError> {
        let asked = Instant::now();
        let turn = match &self.0 {
            Pools::Sqlite { turn, .. } => {
                let turn = timeout(ACQUIRE, turn.clone().lock_owned()).await;
                Some(turn.map_err(|_| StoreError::from(sqlx::Error::PoolTimedOut))?)
            }
            Pools::Postgres(_) => None,
        };
        Ok(Tx { turn, ..self.begin_to_write(asked).await? })
    }

    /// As [`write`](Self::write), before all who wait there for SQLite's one writer: for what somebody outside waits for
    /// who may not come again.
    pub(crate) async fn write_first(&self) -> Result<Tx, StoreError> {
        self.begin_to_write(Instant::now()).await
    }

    async fn begin_to_write(&self, asked: Instant) -> Result<Tx, StoreError> {
        let engine = match &self.0 {
            // Taking the lock at the start: a reader that turns writer half-way can only fail.
            Pools::Sqlite { write, .. } => Engine::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Pools::Postgres(pool) => Engine::Postgres(begin(pool).await?),
        };
        Ok(Tx::begun(engine, "write", asked))
    }

    /// Says a word of at most some thousand bytes to every process that listens on this database. SQLite carries none.
    pub(crate) async fn notify(&self, word: &str) -> Result<(), StoreError> {
        if let Pools::Postgres(pool) = &self.0 {
            sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(word).execute(pool).await?;
        }
        Ok(())
    }

    /// Hears from now on what processes on this database say, this one included. `None` on SQLite.
    pub(crate) async fn listen(&self) -> Result<Option<Listener>, StoreError> {
        let Pools::Postgres(pool) = &self.0 else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Listener(listener)))
    }

    /// Closes all connections, so that SQLite's log is folded into its file.
    pub async fn close(&self) {
        match &self.0 {
            Pools::Sqlite { write, read, .. } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

/// On a connection that is closed afterwards: a run that fails leaves its lock on it, for which the next would wait.
async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await?;
    let run = POSTGRES_MIGRATIONS.run(&mut *connection).await;
    let closed = connection.close().await;
    run?;
    Ok(closed?)
}

/// A transaction on a connection that is alive: of those that were just used, a restart of the database may have left none.
async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    for _ in 1..TRIES_TO_BEGIN {
        match pool.begin().await {
            // Nothing has run yet, and the pool drops what is broken.
            Err(sqlx::Error::Io(_)) => {}
            Err(sqlx::Error::Database(cause)) if cause.code().is_some_and(|code| code.starts_with("57P")) => {
            }
            begun => return begun,
        }
    }
    pool.begin().await
}

/// Whether a migration could not have the locks that it needs (`lock_not_available`), or was picked to give way.
fn gave_way(error: &MigrateError) -> bool {
    let (MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) = error else {
        return false;
    };
    let code = cause.as_database_error().and_then(|cause| cause.code());
    code.is_some_and(|code| code == "55P03" || code == "40P01")
}

/// One connection of the pool, for as long as it is kept.
pub(crate) struct Listener(PgListener);

impl Listener {
    /// Waits for the next word. `None` when the connection was lost and made anew: what was said meanwhile is gone.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, StoreError> {
        Ok(self.0.try_recv().await?.map(|word| word.payload().to_owned()))
    }
}

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

enum Engine {
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
    fn begun(engine: Engine, kind: &'static str, asked: Instant) -> Self {
        metrics::histogram!("db_acquire_seconds", "kind" => kind).record(asked.elapsed().as_secs_f64());
        Self { engine, begun: Instant::now(), turn: None, last: Vec::new() }
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
        fn $name(args: Vec<Value>) -> Result<$arguments, StoreError> {
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
