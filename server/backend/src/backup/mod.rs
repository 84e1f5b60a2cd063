//! One file with everything that can be lost: the database at one moment, and every photo and file that it names.
//!
//! The keys are not in it. Whoever finds a backup without them reads no number and no credential, but every text, name and
//! photo; whoever keeps a backup without them has kept little.

mod archive;
mod restore;

pub use archive::{Engine, Manifest, Member};
pub use restore::{Database, Restored, hold_back, restore};

use crate::clock::is_untouched_for;
use crate::doctor::Trouble;
use crate::media::blobs::{BlobError, BlobKey};
use crate::media::inventory::{self, Original};
use crate::{Backend, Error, Result, Store};
use archive::{DATABASE, UNFINISHED, Writer};
use futures::TryStreamExt;
use model::FailureCode;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// After so many photos and files there is a line of progress.
const TOLD_EVERY: usize = 1000;

/// How the names of folders for what is not finished begin.
const PRIVATE: &str = ".heliograph-";

/// Whoever wrote nothing into such a folder for so long was killed.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 3600);

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Whether the database is in it; PostgreSQL has tools of its own.
    pub database: bool,
    /// Photos and files, renditions included.
    pub blobs: usize,
    /// Bytes of everything.
    pub bytes: u64,
    /// Photos and files that the database named and that are not in it.
    pub missing: usize,
    /// Of these, those that do not lie in the blob store although the database names them still.
    pub lost: usize,
    /// Of these, those that lie there and cannot be read.
    pub unreadable: usize,
    /// Originals that are in it with other bytes than those that came. They may be all there is of them.
    pub damaged: usize,
}

/// Writes a backup into `file`, which must not exist yet; it appears whole or not at all, readable by its owner only.
/// Others go on working meanwhile. `tell` gets a line of progress at a time.
///
/// # Errors
/// `Conflict` when the file exists, `Unavailable` when it cannot be written, each with words for the operator.
pub async fn make(backend: &Backend, file: &Path, tell: &mut dyn FnMut(&str)) -> Result<Made> {
    if file.exists() {
        return Err(refused(format!("{} exists already. Name another file.", file.display())));
    }
    let folder = folder_of(file);
    // On the same disk as the backup, where there has to be room for it anyway. One folder for both, so that the archive
    // that grows in it tells that somebody works there.
    let scratch = private_folder(&folder).map_err(of_file(&folder))?;
    let snapshot = scratch.path().join(DATABASE);
    make_private_file(&snapshot).map_err(of_file(&snapshot))?;
    let made_at = backend.clock.now();
    let has_database = backend.store.copy_into(&snapshot).await?;
    let rows = if has_database { open(&snapshot).await? } else { backend.store.clone() };
    let writer = Writer::create(scratch.path()).map_err(of_file(&folder))?;
    let mut packing = Packing { backend, writer, left_out: Vec::new(), altered: Vec::new(), file, tell };
    packing = packing.blobs(&rows).await?;
    if has_database {
        rows.close().await;
        let database = File::open(&snapshot).map_err(of_file(&snapshot))?;
        let (packed, unread) = packing.member(DATABASE.to_owned(), database).await?;
        packing = packed;
        if let Some(error) = unread {
            return Err(of_file(&snapshot)(error));
        }
    }
    let Packing { writer, left_out, altered, tell, .. } = packing;
    let (mut lost, mut unreadable) = (0, 0);
    for LeftOut { key, unread } in still_named(backend, &left_out).await? {
        match unread {
            Some(why) => {
                unreadable += 1;
                tell(why);
            }
            None => {
                lost += 1;
                tell(&format!("{}: {}", key.path(), Trouble::OriginalMissing.words()));
            }
        }
    }
    let damaged = damaged(backend, &altered).await?;
    for key in &damaged {
        tell(&format!("{}: {}", key.path(), Trouble::OriginalAltered.words()));
    }
    let manifest = Manifest {
        format: archive::FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        engine: if has_database { Engine::Sqlite } else { Engine::Postgres },
        made_at,
        members: writer.members().clone(),
        missing: left_out.iter().map(|left_out| left_out.key.path()).collect(),
        damaged: damaged.iter().map(BlobKey::path).collect(),
    };
    let made = Made {
        database: has_database,
        blobs: manifest.members.len() - usize::from(has_database),
        bytes: manifest.members.values().map(|member| member.bytes).sum(),
        missing: left_out.len(),
        lost,
        unreadable,
        damaged: damaged.len(),
    };
    let target = file.to_owned();
    blocking(move || writer.finish(&manifest, &target)).await.map_err(of_file(file))?;
    Ok(made)
}

/// What a backup has to do without.
struct LeftOut {
    key: BlobKey,
    /// Why it cannot be read; absent where nothing lies under the key.
    unread: Option<String>,
}

/// A backup while it is written.
struct Packing<'a> {
    backend: &'a Backend,
    writer: Writer,
    left_out: Vec<LeftOut>,
    /// Originals with other bytes than their rows said, and the hash that these said.
    altered: Vec<(BlobKey, Vec<u8>)>,
    file: &'a Path,
    tell: &'a mut dyn FnMut(&str),
}

impl Packing<'_> {
    /// Everything that the rows name; what was deleted since is noted.
    async fn blobs(mut self, rows: &Store) -> Result<Self> {
        let mut originals = inventory::all(rows);
        while let Some(original) = originals.try_next().await? {
            for key in original.keys() {
                self = self.blob(&key).await?;
            }
            self.compare(&original);
        }
        Ok(self)
    }

    async fn blob(mut self, key: &BlobKey) -> Result<Self> {
        let backend = self.backend;
        let packed = match backend.blobs.open_file(key).await {
            Ok(blob) => {
                let (packed, unread) = self.member(archive::name_of(key), blob).await?;
                self = packed;
                match unread {
                    Some(error) => Err(backend.blobs.broken_off(key, &error).await),
                    None => Ok(()),
                }
            }
            Err(error) => Err(error),
        };
        let unread = match packed {
            Ok(()) => return Ok(self.with_progress()),
            Err(BlobError::Missing) => None,
            Err(BlobError::Unreadable(why)) => Some(why),
            Err(error) => return Err(error.into()),
        };
        self.left_out.push(LeftOut { key: *key, unread });
        Ok(self)
    }

    fn with_progress(self) -> Self {
        let there = self.writer.members().len();
        if there.is_multiple_of(TOLD_EVERY) {
            (self.tell)(&format!("{there} photos and files"));
        }
        self
    }

    /// What was packed of an original with what its row says. Copies made of it have no hash: they can be made again.
    fn compare(&mut self, original: &Original) {
        let Some(noted) = &original.sha256 else { return };
        let packed = self.writer.members().get(&archive::name_of(&original.key));
        if packed.is_some_and(|member| member.sha256 != hex::encode(noted)) {
            self.altered.push((original.key, noted.clone()));
        }
    }

    /// Answers also why the content cannot be read, where that is so; the rest goes on without it.
    async fn member(self, name: String, content: File) -> Result<(Self, Option<io::Error>)> {
        let Self { backend, writer, left_out, altered, file, tell } = self;
        let with = blocking(move || writer.with(name, &content));
        let (writer, unread) = with.await.map_err(of_file(file))?;
        Ok((Self { backend, writer, left_out, altered, file, tell }, unread))
    }
}

/// Those that the database names still: the others were deleted meanwhile.
async fn still_named<'a>(backend: &Backend, left_out: &'a [LeftOut]) -> Result<Vec<&'a LeftOut>> {
    let mut named = Vec::new();
    let mut tx = backend.store.read().await?;
    for one in left_out {
        if inventory::names(&mut tx, &one.key).await? {
            named.push(one);
        }
    }
    Ok(named)
}

/// Those whose rows say the same still: one that was deleted or fetched anew meanwhile is not damaged.
async fn damaged(backend: &Backend, altered: &[(BlobKey, Vec<u8>)]) -> Result<Vec<BlobKey>> {
    let mut damaged = Vec::new();
    let mut tx = backend.store.read().await?;
    for (key, noted) in altered {
        if inventory::notes(&mut tx, key, noted).await? {
            damaged.push(*key);
        }
    }
    Ok(damaged)
}

/// A copy of a database, apart from the one in use.
async fn open(file: &Path) -> Result<Store> {
    Ok(Store::connect(&format!("sqlite:{}", file.display())).await?)
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// A folder for what is not finished; it goes with its value. Those that were left beside it by processes that were killed
/// go first: a whole database may stand in them, readable.
fn private_folder(beside: &Path) -> io::Result<TempDir> {
    for other in std::fs::read_dir(beside).into_iter().flatten().flatten() {
        let other = other.path();
        if is_left_behind(&other).unwrap_or(false)
            && let Err(error) = std::fs::remove_dir_all(&other)
        {
            tracing::warn!(%error, folder = %other.display(), "what an earlier backup left cannot be deleted");
        }
    }
    tempfile::Builder::new().prefix(PRIVATE).permissions(Permissions::from_mode(0o700)).tempdir_in(beside)
}

/// Whether it is a folder of ours, with nothing in it but what we put there, and long so.
fn is_left_behind(folder: &Path) -> io::Result<bool> {
    let facts = folder.symlink_metadata()?;
    let is_named = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PRIVATE));
    if !is_named || !facts.is_dir() || !is_untouched_for(&facts, LEFT_BEHIND) {
        return Ok(false);
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // SQLite puts its log beside the database.
        let is_ours = name == UNFINISHED || name.starts_with(DATABASE);
        if !is_ours || !is_untouched_for(&entry.metadata()?, LEFT_BEHIND) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn make_private_file(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// What is wrong with a file or folder, for the operator.
fn of_file(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::failure(FailureCode::Unavailable, format!("{}: {error}", path.display()))
}

fn refused(message: impl Into<String>) -> Error {
    Error::failure(FailureCode::Conflict, message)
}
