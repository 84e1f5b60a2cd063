//! A backup becomes a database and a blob store again.

use super::archive::{self, DATABASE, Engine, Manifest, Place};
use super::{blocking, folder_of, make_private_file, of_file, open, private_folder, refused};
use crate::media::blobs::{BlobError, BlobKey};
use crate::store::{args, file_used_by};
use crate::{Blobs, Error, Result, Store};
use futures::StreamExt;
use model::Millis;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncSeekExt, Take};
use tokio_util::io::ReaderStream;

/// After so many photos and files there is a line of progress.
const TOLD_EVERY: usize = 1000;

/// Where the database is to be, or is.
#[derive(Clone, Copy)]
pub enum Database<'a> {
    /// The file of a SQLite database, which the backup holds.
    File(&'a Path),
    /// A PostgreSQL database that its own tools put back already.
    Server(&'a Store),
}

/// What was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was made.
    pub made_at: Millis,
    /// Whether the database was in it.
    pub database: bool,
    /// Photos and files.
    pub blobs: usize,
    /// Requests to carriers that had not been made when the backup was made. Nobody knows what became of them, so they
    /// are not made now: staff see them as uncertain.
    pub held_back: u64,
    /// Photos and files that were missing already when the backup was made.
    pub missing: usize,
    /// Photos that had other bytes already then than those that came.
    pub damaged: usize,
}

/// Checks all of a backup, then puts its photos and files into `blobs` and a SQLite database into its file. That comes
/// last, so that a restore that was stopped can be run again. In a PostgreSQL database, what waited to be sent is held
/// back first, before the backup is checked: whoever is refused may start a server on it all the same. `tell` gets a
/// line of progress at a time.
///
/// # Errors
/// `Conflict`, with words for the operator, unless both places are empty (or hold what this backup put there);
/// `Unavailable` when the file is no whole backup or something cannot be written. Nothing is held back where the backup
/// is of another engine, or does not say of which.
pub async fn restore(
    file: &Path,
    database: Database<'_>,
    blobs: &Blobs,
    tell: &mut dyn FnMut(&str),
) -> Result<Restored> {
    let end = file.to_owned();
    let announced = blocking(move || archive::manifest(&end)).await.map_err(of_file(file))?;
    refuse_unfit(announced.engine, database)?;
    let mut held_back = 0;
    if let Database::Server(store) = database {
        held_back = hold_back(store, announced.made_at).await?;
        if held_back > 0 {
            // Also told where what follows is refused: run again, it finds nothing that is not held back.
            tell(&format!("{held_back} messages that waited to be sent are held back"));
        }
    }
    tell("checking the backup");
    let whole = file.to_owned();
    let (manifest, places) = blocking(move || archive::examine(&whole)).await.map_err(of_file(file))?;
    refuse_used(&manifest, blobs).await?;
    let mut restored = Restored {
        made_at: manifest.made_at,
        database: false,
        blobs: 0,
        held_back,
        missing: manifest.missing.len(),
        damaged: manifest.damaged.len(),
    };
    for (name, place) in &places {
        let Some(key) = archive::key_of(name) else { continue };
        put_back(file, *place, &key, blobs, &manifest.members[name].sha256).await?;
        restored.blobs += 1;
        if restored.blobs.is_multiple_of(TOLD_EVERY) {
            tell(&format!("{} photos and files", restored.blobs));
        }
    }
    if let (Database::File(target), Some(place)) = (database, places.get(DATABASE)) {
        restored.held_back = put_database_back(file, *place, target, manifest.made_at).await?;
        restored.database = true;
    }
    Ok(restored)
}

/// A backup and a place for the database that do not go together.
fn refuse_unfit(engine: Engine, database: Database<'_>) -> Result<()> {
    match (engine, database) {
        (Engine::Sqlite, Database::Server(_)) => Err(refused(
            "This backup holds a SQLite database, and DATABASE_URL names PostgreSQL. Restore it without DATABASE_URL, \
             then move it with heliograph migrate --to.",
        )),
        (Engine::Postgres, Database::File(_)) => Err(refused(
            "This backup was made beside PostgreSQL and holds photos and files only. Set DATABASE_URL to the database \
             that pg_restore made.",
        )),
        (Engine::Sqlite, Database::File(file)) => refuse_database(file),
        (Engine::Postgres, Database::Server(_)) => Ok(()),
    }
}

/// A place where a database is already, or a server works with one.
fn refuse_database(file: &Path) -> Result<()> {
    if let Some(server) = file_used_by(file)? {
        return Err(refused(server));
    }
    // A log that lies beside it would be taken for the new database's own.
    let log = PathBuf::from(format!("{}-wal", file.display()));
    let is_used = file.metadata().is_ok_and(|facts| facts.len() > 0);
    let in_the_way = if is_used { Some(file) } else { log.exists().then_some(log.as_path()) };
    in_the_way.map_or(Ok(()), |there| {
        Err(refused(format!("{} exists already. Restore into an empty data folder.", there.display())))
    })
}

async fn refuse_used(manifest: &Manifest, blobs: &Blobs) -> Result<()> {
    let expected: BTreeSet<String> =
        manifest.members.keys().filter_map(|name| Some(archive::key_of(name)?.path())).collect();
    let mut listed = blobs.list();
    while let Some(blob) = listed.next().await {
        if !expected.contains(&blob?.path) {
            return Err(refused(
                "The store for photos holds files that are not in this backup. Restore into an empty one.",
            ));
        }
    }
    Ok(())
}

async fn put_back(file: &Path, place: Place, key: &BlobKey, blobs: &Blobs, sha256: &str) -> Result<()> {
    let part = part(file, place).await.map_err(of_file(file))?;
    let body = ReaderStream::with_capacity(part, 64 * 1024).boxed();
    let stored = blobs.put_stream(key, key.noted_type(), body, u64::MAX).await?;
    if stored.size != place.bytes || hex::encode(&stored.sha256) != sha256 {
        return Err(BlobError::Unavailable("the backup changed while it was read".to_owned()).into());
    }
    Ok(())
}

/// Answers how many requests to carriers were held back.
async fn put_database_back(file: &Path, place: Place, target: &Path, made_at: Millis) -> Result<u64> {
    let folder = folder_of(target);
    let scratch = private_folder(&folder).map_err(of_file(&folder))?;
    let fresh = scratch.path().join(DATABASE);
    let copied = async {
        let mut part = part(file, place).await?;
        let mut content = tokio::fs::File::from_std(make_private_file(&fresh)?);
        tokio::io::copy(&mut part, &mut content).await?;
        content.sync_all().await
    };
    copied.await.map_err(of_file(&fresh))?;
    let store = open(&fresh).await?;
    store.migrate().await?;
    let held_back = hold_back(&store, made_at).await?;
    store.close().await;
    if PathBuf::from(format!("{}-wal", fresh.display())).exists() {
        return Err(Error::Inconsistent("a database that was closed left its log"));
    }
    // A server may have been started since.
    refuse_database(target)?;
    let (from, to) = (fresh, target.to_owned());
    blocking(move || {
        File::open(&from)?.sync_all()?;
        std::fs::rename(&from, &to)?;
        File::open(folder_of(&to))?.sync_all()
    })
    .await
    .map_err(of_file(target))?;
    Ok(held_back)
}

/// Requests that waited when the backup was made were most likely made since: they count as made, with an outcome that
/// nobody knows, at about that moment, near which a carrier's list may tell it. Nobody is texted twice.
///
/// To be called before a server starts on a database that was put back, by whichever tool. Answers how many there are.
///
/// # Errors
/// `Conflict`, with words for the operator, when nothing was put back, or a server works on it.
pub async fn hold_back(store: &Store, made_at: Millis) -> Result<u64> {
    if let Some(server) = store.used_by().await? {
        return Err(refused(format!("{server} What it is about to send would be held back with the rest.")));
    }
    let mut tx = store.write().await?;
    // The engines describe themselves each in its own way.
    let tables = match tx.is_postgres() {
        true => {
            "SELECT COUNT(*) FROM information_schema.tables
             WHERE table_schema = current_schema() AND table_name = 'delivery'"
        }
        false => "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'delivery'",
    };
    if tx.number(tables, args![]).await? == 0 {
        return Err(refused("The database is empty. Put it back first; with PostgreSQL, pg_restore does."));
    }
    let held = tx
        .execute(
            "UPDATE delivery SET marked_at = $1 WHERE state IN ('queued', 'sending') AND marked_at IS NULL",
            args![made_at],
        )
        .await?;
    tx.commit().await?;
    Ok(held)
}

/// A member's bytes.
async fn part(file: &Path, place: Place) -> io::Result<Take<tokio::fs::File>> {
    let mut file = tokio::fs::File::open(file).await?;
    file.seek(SeekFrom::Start(place.offset)).await?;
    Ok(file.take(place.bytes))
}
