//! Blobs in a folder that only the server's user can read.

use super::{BlobBody, BlobError, Listed, interrupted};
use crate::clock::{is_untouched_for, random_bytes};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::fs::{DirBuilder, File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::{NamedTempFile, TempPath};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

/// Where bytes wait until all of them are there. On the same file system, so that a rename moves them.
const INCOMING: &str = ".incoming";

/// What ext4 keeps for itself in the root of a disk. Only root may look into it.
const LOST_AND_FOUND: &str = "lost+found";

/// The root, in words.
const ITSELF: &str = "the folder itself";

/// Bytes that are written to find out whether the disk takes any.
const TRIAL: usize = 16 * 1024;

/// Whoever wrote nothing to a file on its way in for so long was killed.
const NEVER_ARRIVES: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone)]
pub(super) struct Folder {
    root: Arc<Path>,
    /// Something must lie in it, and nobody has seen anything yet.
    expects: Arc<AtomicBool>,
}

pub(super) struct Writer {
    file: tokio::fs::File,
    /// Deletes the file when it is dropped.
    path: TempPath,
    root: Arc<Path>,
    /// The key's path.
    name: String,
}

impl Folder {
    pub(super) async fn new(root: &Path) -> Result<Self, BlobError> {
        let folder = Self { root: root.into(), expects: Arc::default() };
        let made = folder.root.clone();
        blocking(move || {
            let incoming = made.join(INCOMING);
            make_private(&incoming)?;
            // It may have been made by hand, with everyone's rights.
            std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o700))?;
            if let Err(error) = sweep(&incoming) {
                tracing::warn!(%error, "files that never arrived stay in the folder for photos");
            }
            Ok(())
        })
        .await
        .map_err(broken(&root.to_string_lossy()))?;
        Ok(folder)
    }

    /// From now on an empty folder is taken for one whose disk is not there, until something lies in it.
    pub(super) fn expect_content(&self) {
        self.expects.store(true, Ordering::Relaxed);
    }

    /// Where a disk is to be mounted and is not, photos would be stored beside it, and those on it would seem lost.
    async fn must_be_there(&self) -> Result<(), BlobError> {
        if !self.expects.load(Ordering::Relaxed) {
            return Ok(());
        }
        let root = self.root.clone();
        if blocking(move || is_empty(&root)).await.map_err(broken(ITSELF))? {
            return Err(BlobError::Unavailable(
                "the folder for photos is empty, and the database names photos: is its disk there? If they are lost for \
                 good, any file in the folder lets the server go on"
                    .to_owned(),
            ));
        }
        self.expects.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// `path` is a key's: it has no `..` and does not begin with `/`.
    fn target(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub(super) async fn writer(&self, path: &str) -> Result<Writer, BlobError> {
        self.must_be_there().await?;
        let incoming = self.root.join(INCOMING);
        // Only the owner can read a temporary file, and a rename keeps that.
        let temporary = blocking(move || NamedTempFile::new_in(incoming)).await.map_err(broken(INCOMING))?;
        let (file, temporary) = temporary.into_parts();
        Ok(Writer {
            file: tokio::fs::File::from_std(file),
            path: temporary,
            root: self.root.clone(),
            name: path.to_owned(),
        })
    }

    pub(super) async fn open(&self, path: &str) -> Result<File, BlobError> {
        self.must_be_there().await?;
        let target = self.target(path);
        let open = move || {
            let file = File::open(target)?;
            refuse_folder(&file.metadata()?)?;
            Ok(file)
        };
        blocking(open).await.map_err(unread)
    }

    pub(super) async fn get(&self, path: &str, range: Option<Range<u64>>) -> Result<BlobBody, BlobError> {
        let mut file = tokio::fs::File::from_std(self.open(path).await?);
        let size = file.metadata().await.map_err(unread)?.len();
        let stream = match range {
            Some(range) => {
                file.seek(io::SeekFrom::Start(range.start)).await.map_err(unread)?;
                ReaderStream::new(file.take(range.end.saturating_sub(range.start))).boxed()
            }
            None => ReaderStream::with_capacity(file, 64 * 1024).boxed(),
        };
        Ok(BlobBody { size, stream })
    }

    pub(super) async fn copy(&self, from: &str, to: &str) -> Result<(), BlobError> {
        let mut original = tokio::fs::File::from_std(self.open(from).await?);
        let mut writer = self.writer(to).await?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = original.read(&mut buffer).await.map_err(unread)?;
            if read == 0 {
                return writer.finish().await;
            }
            writer.write(&buffer[..read]).await?;
        }
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), BlobError> {
        self.must_be_there().await?;
        let target = self.target(path);
        let root = self.root.clone();
        let delete = move || {
            match std::fs::remove_file(&target) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            // Its folders go with their last blob; one that is still in use stays.
            for folder in target.ancestors().skip(1).take_while(|folder| *folder != &*root) {
                if std::fs::remove_dir(folder).is_err() {
                    break;
                }
            }
            Ok(())
        };
        blocking(delete).await.map_err(broken(path))
    }

    pub(super) async fn size(&self, path: &str) -> Result<u64, BlobError> {
        self.must_be_there().await?;
        let target = self.target(path);
        let size = move || {
            let facts = std::fs::metadata(target)?;
            refuse_folder(&facts)?;
            Ok(facts.len())
        };
        blocking(size).await.map_err(unread)
    }

    pub(super) fn list(&self) -> BoxStream<'static, Result<Listed, BlobError>> {
        let root = self.root.clone();
        let (found, mut listed) = mpsc::channel(256);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = walk(&root, &found) {
                // Nobody may be listening any more.
                let _ = found.blocking_send(Err(error));
            }
        });
        futures::stream::poll_fn(move |context| listed.poll_recv(context)).boxed()
    }

    /// Whether the other one is the same folder, by whatever path.
    pub(super) async fn is_same(&self, other: &Self) -> Result<bool, BlobError> {
        let (ours, theirs) = (self.root.clone(), other.root.clone());
        let both = blocking(move || Ok((std::fs::metadata(ours)?, std::fs::metadata(theirs)?))).await;
        let (ours, theirs) = both.map_err(broken(ITSELF))?;
        Ok((ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()))
    }

    /// Whether one of the two lies in the other. `other` need not be there yet.
    pub(super) async fn is_nested(&self, other: &Path) -> Result<bool, BlobError> {
        let (ours, theirs) = (self.root.clone(), other.to_owned());
        let both = blocking(move || Ok((leads_to(&ours)?, leads_to(&theirs)?))).await;
        let (ours, theirs) = both.map_err(broken(&other.to_string_lossy()))?;
        Ok(ours != theirs && (ours.starts_with(&theirs) || theirs.starts_with(&ours)))
    }

    pub(super) async fn ready(&self) -> Result<(), BlobError> {
        let noise = random_bytes::<TRIAL>().to_vec();
        let mut trial = self.writer(ITSELF).await?;
        // A disk that is full has room for the name of a file, and some say so only when it is to be durable.
        trial.write(&noise).await?;
        trial.file.flush().await.map_err(broken(ITSELF))?;
        trial.file.sync_data().await.map_err(broken(ITSELF))
    }

    /// Whether the disk is there. Of one that is gone, what is in memory would still be told: it has to write.
    pub(super) async fn answers(&self) -> Result<(), BlobError> {
        let writer = self.writer("").await?;
        writer.file.sync_all().await.map_err(broken(INCOMING))
    }
}

impl Writer {
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.file.write_all(bytes).await.map_err(broken(&self.name))
    }

    pub(super) async fn finish(mut self) -> Result<(), BlobError> {
        self.file.flush().await.map_err(broken(&self.name))?;
        self.file.sync_all().await.map_err(broken(&self.name))?;
        let Self { path, root, name, .. } = self;
        let target = root.join(&name);
        blocking(move || keep(path, &root, &target)).await.map_err(broken(&name))
    }
}

/// Moves a written file to its place so that both survive a power cut.
fn keep(mut path: TempPath, root: &Path, target: &Path) -> io::Result<()> {
    let folder = target.parent().unwrap_or(root);
    let mut tries = 3;
    loop {
        make_private(folder)?;
        match path.persist(target) {
            Ok(()) => break,
            // The folder was empty, and somebody who deleted its last blob took it away just now.
            Err(error) if error.error.kind() == io::ErrorKind::NotFound && tries > 0 => {
                tries -= 1;
                path = error.path;
            }
            Err(error) => return Err(error.error),
        }
    }
    for folder in target.ancestors().skip(1).take_while(|folder| folder.starts_with(root)) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// But for what is made in it anyway.
fn is_empty(root: &Path) -> io::Result<bool> {
    for entry in std::fs::read_dir(root)? {
        let name = entry?.file_name();
        if name != INCOMING && name != LOST_AND_FOUND {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes away what never arrived. Several processes share the folder, so that the rest may be on its way.
fn sweep(incoming: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(incoming)? {
        let entry = entry?;
        let Some(facts) = unless_gone(entry.metadata())? else { continue };
        if facts.is_file() && is_untouched_for(&facts, NEVER_ARRIVES) {
            unless_gone(std::fs::remove_file(entry.path()))?;
        }
    }
    Ok(())
}

/// Tells of every file below `root`, but those that are still on their way in, and what is the file system's own. A folder
/// in it that nobody lets us into is told, and the others are looked at.
fn walk(root: &Path, found: &mpsc::Sender<Result<Listed, BlobError>>) -> Result<(), BlobError> {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let at = below(root, &folder);
        // A folder goes with its last blob.
        let entries = match unless_gone(std::fs::read_dir(&folder)) {
            Ok(Some(entries)) => entries,
            Ok(None) => continue,
            Err(error) if folder != root && error.kind() == io::ErrorKind::PermissionDenied => {
                let unreadable = BlobError::Unreadable(format!("{at}: {error}"));
                if found.blocking_send(Err(unreadable)).is_err() {
                    return Ok(());
                }
                continue;
            }
            Err(error) => return Err(broken(&at)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(broken(&at))?;
            let path = entry.path();
            let name = below(root, &path);
            if entry.file_type().map_err(broken(&name))?.is_dir() {
                if name != INCOMING && name != LOST_AND_FOUND {
                    folders.push(path);
                }
                continue;
            }
            let facts = unless_gone(entry.metadata()).map_err(broken(&name))?;
            let Some(facts) = facts else { continue };
            if found.blocking_send(Ok(Listed { path: name, size: facts.len() })).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// What an operator looks for; where the root is, the settings say.
fn below(root: &Path, path: &Path) -> String {
    let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
    if name.is_empty() { ITSELF.to_owned() } else { name.into_owned() }
}

fn unless_gone<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where a path leads, through every link; what is not there yet leads nowhere else.
fn leads_to(path: &Path) -> io::Result<PathBuf> {
    let mut place = PathBuf::new();
    for part in std::path::absolute(path)?.components() {
        match part {
            Component::ParentDir => {
                place.pop();
            }
            part => place.push(part),
        }
        if let Some(there) = unless_gone(place.canonicalize())? {
            place = there;
        }
    }
    Ok(place)
}

fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// An error while writing, and where: even a missing folder is then no missing blob.
fn broken(at: &str) -> impl FnOnce(io::Error) -> BlobError {
    move |error| BlobError::Unavailable(format!("{at}: {}", error.kind()))
}

/// An error while reading one blob.
#[expect(clippy::needless_pass_by_value, reason = "an adapter for `map_err`, which hands over the error")]
fn unread(error: io::Error) -> BlobError {
    match error.kind() {
        io::ErrorKind::NotFound => BlobError::Missing,
        // A task that did not end well.
        io::ErrorKind::Other => BlobError::Unavailable(error.to_string()),
        _ => BlobError::Unreadable(error.to_string()),
    }
}

/// A folder can be opened, and has a size.
fn refuse_folder(facts: &Metadata) -> io::Result<()> {
    if facts.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(()) }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| io::Error::other(interrupted(error)))?
}
