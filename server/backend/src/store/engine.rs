//! The two engines: how each is opened, and how a transaction begins on it.

use super::StoreError;
use super::file::{self, DatabaseFile};
use super::migrations::{migrate_postgres, migrate_sqlite};
use super::transaction::{Engine, Tx, sqlite_arguments};
use super::value::args;
use crate::clock::random_bytes;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPool, PgPoolOptions, Postgres};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, Transaction};
use std::fs::File;
use std::future::ready;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

/// What processes on one PostgreSQL database call each other on.
const CHANNEL: &str = "heliograph";

/// How PostgreSQL lists the connections of our processes, with something behind that each has for itself: on other machines,
/// and in containers, they may have the same id.
const PROCESS: &str = "heliograph";

/// How long a transaction waits for its connection to PostgreSQL before the database counts as too busy.
const ACQUIRE: Duration = Duration::from_secs(5);

/// How long a process waits for another one that writes to the same SQLite file. They are served in no order: where several
/// write all the time, one of them may wait for seconds.
const BUSY: Duration = Duration::from_secs(10);

/// How long a writer waits for SQLite's one connection: those before it may wait for another process.
const SQLITE_TURN: Duration = Duration::from_secs(15);

/// Pages of SQLite's log, of 4 KB each, after which they are brought into the database. That waits for the disk twice while
/// all writers wait; a page that was written many times since is brought there once.
const CHECKPOINT_PAGES: &str = "4000";

/// Connections of one process to PostgreSQL, at most: what it allows by default is enough for four processes and one that
/// takes a fifth's place.
const CONNECTIONS: u32 = 18;

/// How many prepared statements a connection to PostgreSQL keeps: more than there are in daily use. Each takes some ten
/// kilobytes of the database server, for each connection.
const STATEMENTS: usize = 256;

/// How long after its last use a connection to PostgreSQL is taken to be alive without asking.
const TRUSTED: Duration = Duration::from_millis(200);

/// How often a transaction is begun anew on another connection, where the one it was given turns out to be dead.
const TRIES_TO_BEGIN: u32 = 30;

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
        file: Arc<DatabaseFile>,
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
            let options = PgConnectOptions::from_str(url)?
                .statement_cache_capacity(STATEMENTS)
                .application_name(own_name());
            let pool = PgPoolOptions::new()
                .max_connections(CONNECTIONS)
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
                .connect_with(options.clone())
                .await;
            return match pool {
                Ok(pool) => Ok(Self(Pools::Postgres(pool))),
                Err(sqlx::Error::PoolTimedOut) => Err(not_let_in(why_not(&options).await)),
                Err(error) => Err(not_let_in(error)),
            };
        }
        let file = sqlite_file(url).ok_or(StoreError::UnknownEngine)?;
        // Not by the pool: connections that it opens later would make an empty one where this was moved away.
        match File::options().write(true).create_new(true).open(file) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(sqlx::Error::Io(error).into());
            }
            _ => {}
        }
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(false)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit that was acknowledged survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY);
        let pool = |connections, options| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(SQLITE_TURN)
                // SQLite ends a transaction by itself, where the disk is full, say; the driver counts it still, cannot roll
                // it back, and would begin no other on this connection.
                .before_acquire(|connection, _| Box::pin(ready(Ok(!connection.is_in_transaction()))))
                .connect_with(options)
        };
        let writer = options.clone().pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
        let write = pool(1, writer).await?;
        let read = pool(8, options.read_only(true)).await?;
        let file = Arc::new(DatabaseFile::opened(file).map_err(sqlx::Error::Io)?);
        Ok(Self(Pools::Sqlite { write, read, turn: Arc::default(), file }))
    }

    /// Applies the migrations that are missing.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.0 {
            Pools::Sqlite { write, .. } => migrate_sqlite(write).await,
            Pools::Postgres(pool) => migrate_postgres(pool).await,
        }
    }

    /// Whether this is PostgreSQL, which several processes may share.
    pub fn is_postgres(&self) -> bool {
        matches!(self.0, Pools::Postgres(_))
    }

    /// Tells others that a server works with this database, until the process ends. PostgreSQL lists its connections.
    ///
    /// # Errors
    /// When that cannot be noted beside the file.
    pub fn hold(&self) -> Result<(), StoreError> {
        match &self.0 {
            Pools::Sqlite { file, .. } => Ok(file.hold().map_err(sqlx::Error::Io)?),
            Pools::Postgres(_) => Ok(()),
        }
    }

    /// Which other process of ours works with this database, if one does, and what to do, in words for the operator.
    ///
    /// # Errors
    /// Of the database.
    pub async fn used_by(&self) -> Result<Option<String>, StoreError> {
        if let Pools::Sqlite { file, .. } = &self.0 {
            return Ok(file.held_by_a_server().map_err(sqlx::Error::Io)?.map(|lock| stop_the_server(&lock)));
        }
        let sql = "SELECT CAST(pid AS BIGINT), host(client_addr) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name LIKE $1 AND application_name <> $2
                   ORDER BY pid";
        let rows: Vec<(i64, Option<String>)> =
            self.read().await?.all(sql, args![format!("{PROCESS} %"), own_name()]).await?;
        let Some((pid, address)) = rows.first() else { return Ok(None) };
        let address = address.as_deref().unwrap_or("this machine");
        Ok(Some(format!(
            "A server is connected to this database: process {pid} of PostgreSQL, from {address}, and {} more. Stop it \
             first; what a machine left behind that is gone, pg_terminate_backend ends.",
            rows.len() - 1
        )))
    }

    /// Something to read from. On PostgreSQL each query sees a moment of its own; see [`snapshot`](Self::snapshot).
    pub(crate) async fn read(&self) -> Result<Tx, StoreError> {
        let asked = Instant::now();
        let engine = match &self.0 {
            Pools::Sqlite { read, .. } => Engine::Sqlite(read.begin().await?),
            // Without a transaction, which would show each query a moment of its own as well, at two round trips more.
            Pools::Postgres(pool) => Engine::PostgresReads(pool.acquire().await?),
        };
        Ok(Tx::begun(engine, "read", asked, None))
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
        Ok(Tx::begun(engine, "read", asked, None))
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
                let turn = timeout(SQLITE_TURN, turn.clone().lock_owned()).await;
                Some(turn.map_err(|_| StoreError::from(sqlx::Error::PoolTimedOut))?)
            }
            Pools::Postgres(_) => None,
        };
        self.begin_to_write(asked, turn).await
    }

    /// As [`write`](Self::write), before all who wait there for SQLite's one writer: for what somebody outside waits for
    /// who may not come again.
    pub(crate) async fn write_first(&self) -> Result<Tx, StoreError> {
        self.begin_to_write(Instant::now(), None).await
    }

    async fn begin_to_write(
        &self,
        asked: Instant,
        turn: Option<OwnedMutexGuard<()>>,
    ) -> Result<Tx, StoreError> {
        let engine = match &self.0 {
            // Taking the lock at the start: a reader that turns writer half-way can only fail.
            Pools::Sqlite { write, file, .. } => {
                let begun = write.begin_with("BEGIN IMMEDIATE").await?;
                // After the wait for the one writer.
                file.must_be_there()?;
                Engine::Sqlite(begun)
            }
            Pools::Postgres(pool) => Engine::Postgres(begin(pool).await?),
        };
        Ok(Tx::begun(engine, "write", asked, turn))
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

/// As [`Store::used_by`], of a file that may be gone.
///
/// # Errors
/// When its lock cannot be looked at.
pub fn file_used_by(path: &Path) -> Result<Option<String>, StoreError> {
    Ok(file::held_by_a_server(path).map_err(sqlx::Error::Io)?.map(|lock| stop_the_server(&lock)))
}

fn stop_the_server(lock: &Path) -> String {
    format!("A server works with this database, and holds {}. Stop it first.", lock.display())
}

/// What this process is called among the connections to PostgreSQL.
fn own_name() -> &'static str {
    static NAME: LazyLock<String> =
        LazyLock::new(|| format!("{PROCESS} {}", hex::encode(random_bytes::<8>())));
    &NAME
}

/// A server that answers and lets nobody in says why in words; where in its source they stand is nobody's business.
fn not_let_in(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(cause) => StoreError::Refused(cause.message().to_owned()),
        _ => error.into(),
    }
}

/// What keeps the pool from connecting: it tries until its time is up, and tells that alone.
async fn why_not(options: &PgConnectOptions) -> sqlx::Error {
    match timeout(ACQUIRE, PgConnection::connect_with(options)).await {
        Ok(Err(error)) => error,
        Ok(Ok(_)) | Err(_) => sqlx::Error::PoolTimedOut,
    }
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

/// One connection of the pool, for as long as it is kept.
pub(crate) struct Listener(PgListener);

impl Listener {
    /// Waits for the next word. `None` when the connection was lost and made anew: what was said meanwhile is gone.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, StoreError> {
        Ok(self.0.try_recv().await?.map(|word| word.payload().to_owned()))
    }
}
