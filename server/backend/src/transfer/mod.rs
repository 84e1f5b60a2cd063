//! Moving house: every row into another database, every blob into another store.
//!
//! Both can be stopped at any moment and begun again: what is there and equal already is left as it is. Nobody may
//! write meanwhile, which is found out at the end; and the other place must be empty, or hold nothing but what an
//! earlier run put there.

mod blobs;
mod rows;
mod same;
mod tables;

use crate::store::{Store, Tx, args};
use crate::{Backend, Blobs, Error, Result};
use model::FailureCode;
use std::path::Path;
use tables::Table;

pub use tables::unnamed_tables;

/// How many changes open screens were told of.
const CHANGES_TOLD: &str = "SELECT CAST(COALESCE(SUM(seq), 0) AS BIGINT) FROM live_counter";

/// What was moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// Rows that are in both databases now.
    pub rows: u64,
    /// Of these, those that this run wrote.
    pub rows_written: u64,
    /// Blobs that lie in both stores now.
    pub blobs: u64,
    /// Of these, those that this run wrote.
    pub blobs_written: u64,
    /// Bytes of all blobs.
    pub bytes: u64,
    /// Files in the store of before whose names are none of ours; they stay where they are.
    pub strange: u64,
    /// Originals that the database names and that do not lie in the new store.
    pub missing: u64,
}

/// Copies the rows into `store` and the blobs into `blobs`, as far as each is given, and compares them. `store` is
/// migrated already. `tell` gets a line of progress at a time.
///
/// # Errors
/// `Conflict`, with words for the operator, when the other place is this one, when the other database holds rows that this
/// one has not, when it was written with other keys, when the other store is somebody else's, or when something was
/// written here meanwhile.
pub async fn run(
    backend: &Backend,
    store: Option<&Store>,
    blobs: Option<&Blobs>,
    tell: &mut dyn FnMut(&str),
) -> Result<Moved> {
    refuse_same(backend, store, blobs).await?;
    if let Some(blobs) = blobs {
        blobs::refuse_foreign(&backend.blobs, blobs).await?;
    }
    let before = state(&mut backend.store.snapshot().await?).await?;
    let mut moved = Moved::default();
    if let Some(store) = store {
        move_rows(backend, store, &mut moved, tell).await?;
    }
    if let Some(blobs) = blobs {
        blobs::copy(&backend.blobs, blobs, &mut moved, tell).await?;
    }
    if state(&mut backend.store.snapshot().await?).await? != before {
        // What was deleted here since, such as a job that is done, would be foreign there.
        return Err(refused(match store {
            Some(_) => {
                "Something was written while it was copied, so that the copy lacks it. Stop the server, empty the other \
                 database, and run this again."
            }
            None => {
                "Something was written while it was copied, so that the copy lacks it. Stop the server, and run this again."
            }
        }));
    }
    if let Some(blobs) = blobs {
        moved.missing = blobs::missing(&backend.store, blobs).await?;
    }
    Ok(moved)
}

/// Settings that name the new place already would have it copied onto itself, and the old one left where it is.
async fn refuse_same(backend: &Backend, store: Option<&Store>, blobs: Option<&Blobs>) -> Result<()> {
    if let Some(store) = store
        && same::is_one_database(&backend.store, store).await?
    {
        return Err(refused(
            "The other database is this one. DATABASE_URL still has to name the old place; --to names the new one.",
        ));
    }
    if let Some(blobs) = blobs
        && backend.blobs.is_same(blobs).await?
    {
        return Err(refused(
            "The other store for photos is this one. AWS_S3_BUCKET and AWS_S3_FOLDER, or HELIOGRAPH_DATA, still have to \
             name the old place; --blobs names the new one.",
        ));
    }
    Ok(())
}

/// A folder for photos that lies in the one of now would be copied into itself, and go with it when that is deleted; one
/// around it would hold two stores. To be asked before the folder is made.
///
/// # Errors
/// `Conflict`, with words for the operator.
pub async fn refuse_nested(backend: &Backend, folder: &Path) -> Result<()> {
    if !backend.blobs.is_nested(folder).await? {
        return Ok(());
    }
    Err(refused(format!(
        "--blobs: {} lies inside the folder in which the photos are now, or around it. Name a folder beside it.",
        folder.display()
    )))
}

async fn move_rows(
    backend: &Backend,
    store: &Store,
    moved: &mut Moved,
    tell: &mut dyn FnMut(&str),
) -> Result<()> {
    if !unnamed_tables(store).await?.is_empty() {
        return Err(Error::Inconsistent("a table that this version does not know how to copy"));
    }
    let mut from = backend.store.snapshot().await?;
    let tables = {
        let mut to = store.snapshot().await?;
        let tables = Table::all(&mut from, &mut to).await?;
        refuse_foreign(&mut from, &mut to, &tables).await?;
        tables
    };
    for table in &tables {
        moved.rows_written += rows::copy(&mut from, store, &table.without_deferred()).await?;
        tell(&format!("{}: copied", table.name()));
    }
    // What refers to rows of tables that come later is filled in when these are there.
    for table in tables.iter().filter(|table| table.has_deferred()) {
        rows::copy(&mut from, store, table).await?;
    }
    let mut to = store.snapshot().await?;
    for table in &tables {
        let count = rows::verify(&mut from, &mut to, table).await?;
        tell(&format!("{}: {count} rows, equal in both databases", table.name()));
        moved.rows += count;
    }
    Ok(())
}

/// Never touches a database that anybody else uses, or that went on by itself after it was copied.
async fn refuse_foreign(from: &mut Tx, to: &mut Tx, tables: &[Table]) -> Result<()> {
    for table in tables {
        let foreign = rows::foreign(from, to, table).await?;
        if foreign > 0 {
            return Err(refused(format!(
                "The other database holds rows that this one has not ({foreign} or more in {}). Name an empty database; \
                 if it holds nothing but an earlier copy, empty it first.",
                table.name()
            )));
        }
    }
    const KEYS: &str = "SELECT name, hash FROM key_canary ORDER BY name";
    let ours: Vec<(String, Vec<u8>)> = from.all(KEYS, args![]).await?;
    let theirs: Vec<(String, Vec<u8>)> = to.all(KEYS, args![]).await?;
    if theirs.iter().any(|key| !ours.contains(key)) {
        return Err(refused("The other database was written with other keys. Name an empty database."));
    }
    if has_worked(from, to).await? {
        return Err(refused(
            "A server has worked with the other database since it was copied, and what it changed there would be lost. \
             Name an empty database; if nothing that happened there is needed, empty it first.",
        ));
    }
    Ok(())
}

/// Whether a server has worked with `to`: a copy is without what one notes of its work, and open screens were told of no
/// more changes there than here.
async fn has_worked(from: &mut Tx, to: &mut Tx) -> Result<bool> {
    for name in tables::OF_WORK {
        if rows::count(to, name).await? > 0 {
            return Ok(true);
        }
    }
    Ok(to.number(CHANGES_TOLD, args![]).await? > from.number(CHANGES_TOLD, args![]).await?)
}

/// What differs as soon as anybody works with the database: how many rows each table has, and how many changes open
/// screens were told of.
async fn state(tx: &mut Tx) -> Result<Vec<i64>> {
    let mut state = Vec::with_capacity(tables::TABLES.len() + 1);
    for name in tables::TABLES {
        state.push(rows::count(tx, name).await?);
    }
    state.push(tx.number(CHANGES_TOLD, args![]).await?);
    Ok(state)
}

fn refused(message: impl Into<String>) -> Error {
    Error::failure(FailureCode::Conflict, message)
}
