//! The file of a SQLite database: whether it is still the one that was opened, and whether a server works with it.

use super::StoreError;
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A file that was opened.
pub(super) struct DatabaseFile {
    path: PathBuf,
    identity: (u64, u64),
    /// Locked as long as this process serves.
    held: Mutex<Option<File>>,
}

impl DatabaseFile {
    /// The file that the database was just opened at.
    pub(super) fn opened(path: &Path) -> io::Result<Self> {
        let identity = identity(&std::fs::metadata(path)?);
        Ok(Self { path: path.to_owned(), identity, held: Mutex::default() })
    }

    /// Whoever writes into a file that was moved away, deleted or replaced keeps nothing, and is told of no error.
    ///
    /// # Errors
    /// `Unavailable` until it lies there again.
    pub(super) fn must_be_there(&self) -> Result<(), StoreError> {
        if std::fs::metadata(&self.path).is_ok_and(|facts| identity(&facts) == self.identity) {
            return Ok(());
        }
        let words = format!("{} was moved away, deleted or replaced", self.path.display());
        Err(StoreError::Unavailable(sqlx::Error::Io(io::Error::new(io::ErrorKind::NotFound, words))))
    }

    /// Tells others that a server works with it, until this process ends, however it does.
    pub(super) fn hold(&self) -> io::Result<()> {
        let lock = lock_of(&self.path)?;
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock);
        let file = file.map_err(at(&lock))?;
        file.lock_shared().map_err(at(&lock))?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        Ok(())
    }

    /// The lock that a server holds, if one does.
    pub(super) fn held_by_a_server(&self) -> io::Result<Option<PathBuf>> {
        held_by_a_server(&self.path)
    }
}

/// The lock that a server holds which works with the database at `path`, or did before the file was moved away.
pub(super) fn held_by_a_server(path: &Path) -> io::Result<Option<PathBuf>> {
    let lock = lock_of(path)?;
    let file = match File::open(&lock) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(&lock)(error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(lock)),
        Err(TryLockError::Error(error)) => Err(at(&lock)(error)),
    }
}

/// A file of its own, where the database itself lies, by whatever path: closing the database's would end the locks that SQLite
/// holds on it.
fn lock_of(path: &Path) -> io::Result<PathBuf> {
    let path = match path.canonicalize() {
        Ok(path) => path,
        // It may be gone; its folder is there.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            let name = path.file_name().unwrap_or_default();
            folder.canonicalize().map_or_else(|_| path.to_owned(), |folder| folder.join(name))
        }
        Err(error) => return Err(at(path)(error)),
    };
    let mut name = path.into_os_string();
    name.push(".lock");
    Ok(name.into())
}

/// Says which file it was.
fn at(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn identity(facts: &Metadata) -> (u64, u64) {
    (facts.dev(), facts.ino())
}
