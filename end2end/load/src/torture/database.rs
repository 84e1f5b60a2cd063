//! The server's database, read beside it.

use super::Engine;
use anyhow::Result;
use model::Millis;
use sqlx::postgres::{PgConnectOptions, PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, FromRow};
use std::str::FromStr;
use std::time::Duration;
use uuid::Uuid;

/// Every look has a connection of its own: one that stayed open would keep SQLite's index of its log in memory, and a
/// server that was killed would not have to recover it.
#[derive(Clone)]
pub(super) struct Database {
    engine: Engine,
    url: String,
}

/// What work is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    /// Jobs of messages and media that are to be done, now or later.
    pub(super) jobs: i64,
    /// Webhooks that nobody has read.
    pub(super) webhooks: i64,
}

/// What stands in the database of one message.
pub(super) struct Stored {
    pub(super) id: Uuid,
    pub(super) conversation: Uuid,
    pub(super) inbound: bool,
    pub(super) text: String,
}

/// What stands there of one attachment.
pub(super) struct StoredFile {
    pub(super) message: Uuid,
    pub(super) id: Uuid,
    pub(super) state: String,
}

impl Database {
    /// `url` as the server is told it.
    pub(super) fn new(engine: Engine, url: String) -> Self {
        Self { engine, url }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Other kinds of jobs, such as looking after an uncertain message for a day, need not be waited for.
    pub(super) async fn left(&self) -> Result<Left> {
        let jobs = "SELECT COUNT(*) FROM job
                    WHERE state <> 'failed'
                      AND (kind LIKE 'read_webhook%' OR kind LIKE 'deliver_message%'
                           OR kind LIKE 'fetch_media%' OR kind LIKE 'make_renditions%')";
        let webhooks = "SELECT COUNT(*) FROM journal_entry WHERE state = 'pending'";
        Ok(Left { jobs: self.number(jobs).await?, webhooks: self.number(webhooks).await? })
    }

    /// Jobs and webhooks that nobody tries any more by themselves.
    pub(super) async fn aside(&self) -> Result<i64> {
        let jobs = self.number("SELECT COUNT(*) FROM job WHERE state = 'failed'").await?;
        let webhooks = "SELECT COUNT(*) FROM journal_entry WHERE state IN ('poisoned', 'quarantined')";
        Ok(jobs + self.number(webhooks).await?)
    }

    /// All messages, in the order in which staff see those of a conversation.
    pub(super) async fn messages(&self) -> Result<Vec<Stored>> {
        let rows: Vec<(Uuid, Uuid, String, String)> =
            self.all("SELECT id, conversation_id, direction, body FROM message ORDER BY at, id").await?;
        let stored = |(id, conversation, direction, text): (Uuid, Uuid, String, String)| Stored {
            id,
            conversation,
            inbound: direction == "inbound",
            text,
        };
        Ok(rows.into_iter().map(stored).collect())
    }

    /// The events of inbound messages that were taken from the carrier's list, because no webhook had brought them, and
    /// when that was.
    pub(super) async fn listed(&self) -> Result<Vec<(String, Millis)>> {
        let sql = "SELECT external_id, received_at FROM journal_entry
                   WHERE kind = 'inbound' AND listed_at IS NOT NULL";
        self.all(sql).await
    }

    /// The deliveries: their ids, their messages', and their states.
    pub(super) async fn deliveries(&self) -> Result<Vec<(Uuid, Uuid, String)>> {
        self.all("SELECT id, message_id, state FROM delivery").await
    }

    pub(super) async fn files(&self) -> Result<Vec<StoredFile>> {
        let rows: Vec<(Uuid, Uuid, String)> = self
            .all(
                "SELECT message_id, id, state FROM attachment
                 WHERE message_id IS NOT NULL ORDER BY message_id, position",
            )
            .await?;
        Ok(rows.into_iter().map(|(message, id, state)| StoredFile { message, id, state }).collect())
    }

    /// While no process of the server runs: what those that were killed had claimed is anybody's again, as it would be
    /// after some minutes of waiting.
    pub(super) async fn end_leases(&self) -> Result<()> {
        let sql = "UPDATE job SET lease_until = 0 WHERE state = 'running'";
        match self.engine {
            Engine::Sqlite => {
                let mut connection = self.sqlite()?.connect().await?;
                sqlx::query::<Sqlite>(sql).execute(&mut connection).await?;
                connection.close().await?;
            }
            Engine::Postgres => {
                let mut connection = PgConnectOptions::from_str(&self.url)?.connect().await?;
                sqlx::query::<Postgres>(sql).execute(&mut connection).await?;
                connection.close().await?;
            }
        }
        Ok(())
    }

    async fn number(&self, sql: &'static str) -> Result<i64> {
        let rows: Vec<(i64,)> = self.all(sql).await?;
        Ok(rows.first().map_or(0, |(number,)| *number))
    }

    async fn all<R>(&self, sql: &'static str) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        Ok(match self.engine {
            Engine::Sqlite => {
                let mut connection = self.sqlite()?.read_only(true).connect().await?;
                let rows = sqlx::query_as::<Sqlite, R>(sql).fetch_all(&mut connection).await?;
                connection.close().await?;
                rows
            }
            Engine::Postgres => {
                let mut connection = PgConnectOptions::from_str(&self.url)?.connect().await?;
                let rows = sqlx::query_as::<Postgres, R>(sql).fetch_all(&mut connection).await?;
                connection.close().await?;
                rows
            }
        })
    }

    fn sqlite(&self) -> Result<SqliteConnectOptions> {
        Ok(SqliteConnectOptions::from_str(&self.url)?.busy_timeout(Duration::from_secs(10)))
    }
}
