//! The file: a tar archive whose last member says what the others are.

use super::make_private_file;
use crate::media::blobs::BlobKey;
use model::Millis;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// The form that this version writes, and the only one that it reads.
pub(super) const FORMAT: u32 = 1;

/// The member that is the database.
pub(super) const DATABASE: &str = "database.sqlite";

/// What the archive is called until it is finished.
pub(super) const UNFINISHED: &str = "backup.tar";

/// What the names of photos and files begin with.
const BLOBS: &str = "blobs/";

const MANIFEST: &str = "manifest.json";

/// Bytes of a member's header.
const HEADER_BYTES: usize = 512;

/// What every archive has in its first header, and where.
const MAGIC: &[u8] = b"ustar";
const MAGIC_AT: usize = 257;

/// What is in a backup. The serialised form is a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of the archive.
    pub format: u32,
    /// Of the program that wrote it.
    pub version: String,
    /// What its database ran on.
    pub engine: Engine,
    /// When it was begun: its database is of this moment.
    pub made_at: Millis,
    /// Everything beside this manifest, by name.
    pub members: BTreeMap<String, Member>,
    /// Blobs that rows name and that were not there, or could not be read.
    pub missing: Vec<String>,
    /// Originals that are in it with other bytes than their rows say.
    #[serde(default)]
    pub damaged: Vec<String>,
}

/// What a database runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// The database is in the backup.
    Sqlite,
    /// The database is not in the backup: `pg_dump` takes it.
    Postgres,
}

/// One member of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its size.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// Where a member's bytes lie in the archive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// The member's name of a blob.
pub(super) fn name_of(key: &BlobKey) -> String {
    format!("{BLOBS}{}", key.path())
}

/// The blob that a member is; `None` for the others.
pub(super) fn key_of(name: &str) -> Option<BlobKey> {
    BlobKey::from_path(name.strip_prefix(BLOBS)?)
}

/// An archive while it is written, in a private folder beside its place, which goes unless the archive is finished.
pub(super) struct Writer {
    tar: tar::Builder<BufWriter<File>>,
    members: BTreeMap<String, Member>,
    path: PathBuf,
}

impl Writer {
    pub(super) fn create(private_folder: &Path) -> io::Result<Self> {
        let path = private_folder.join(UNFINISHED);
        let tar = tar::Builder::new(BufWriter::new(make_private_file(&path)?));
        Ok(Self { tar, members: BTreeMap::new(), path })
    }

    pub(super) fn members(&self) -> &BTreeMap<String, Member> {
        &self.members
    }

    /// Adds a member. One whose content cannot be read to its end is left out, and why is told beside.
    pub(super) fn with(mut self, name: String, content: &File) -> io::Result<(Self, Option<io::Error>)> {
        let begin = self.tar.get_mut().stream_position()?;
        match self.append(&name, content) {
            Ok(member) => {
                self.members.insert(name, member);
                Ok((self, None))
            }
            Err(Failed::Writing(error)) => Err(error),
            Err(Failed::Reading(error)) => {
                // Part of it may stand there already.
                let file = self.tar.get_mut();
                file.seek(SeekFrom::Start(begin))?;
                file.get_ref().set_len(begin)?;
                Ok((self, Some(error)))
            }
        }
    }

    fn append(&mut self, name: &str, mut content: &File) -> Result<Member, Failed> {
        content.rewind().map_err(Failed::Reading)?;
        let bytes = content.metadata().map_err(Failed::Reading)?.len();
        let mut hashed = Hashed::new(content.take(bytes));
        let appended = self.tar.append_data(&mut header(bytes), name, &mut hashed);
        if let Some(error) = hashed.unread.take() {
            return Err(Failed::Reading(error));
        }
        appended.map_err(Failed::Writing)?;
        let (read, sha256) = hashed.end();
        if read != bytes {
            let shorter = "it became shorter while it was read";
            return Err(Failed::Reading(io::Error::new(io::ErrorKind::UnexpectedEof, shorter)));
        }
        Ok(Member { bytes, sha256 })
    }

    /// Puts the archive in its place, where it survives a power cut.
    pub(super) fn finish(mut self, manifest: &Manifest, target: &Path) -> io::Result<()> {
        let manifest = serde_json::to_vec_pretty(manifest)?;
        self.tar.append_data(&mut header(manifest.len() as u64), MANIFEST, manifest.as_slice())?;
        let mut writer = self.tar.into_inner()?;
        writer.flush()?;
        writer.get_ref().sync_all()?;
        // Somebody may have made one of that name meanwhile.
        match TempPath::try_from_path(self.path)?.persist_noclobber(target) {
            // Some file systems know no such rename.
            Err(failed) if failed.error.kind() != io::ErrorKind::AlreadyExists => {
                failed.path.persist(target)?;
            }
            kept => kept?,
        }
        File::open(super::folder_of(target))?.sync_all()
    }
}

/// What ended a member: its content, or the archive.
enum Failed {
    Reading(io::Error),
    Writing(io::Error),
}

fn header(bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(0o600);
    header
}

/// A file that begins like an archive of ours.
fn open(file: &Path) -> io::Result<BufReader<File>> {
    let mut file = File::open(file)?;
    let mut header = Vec::with_capacity(HEADER_BYTES);
    (&file).take(HEADER_BYTES as u64).read_to_end(&mut header)?;
    if !header.get(MAGIC_AT..).is_some_and(|rest| rest.starts_with(MAGIC)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "this is not a backup of Heliograph. If it was encrypted or compressed, decrypt or decompress it first",
        ));
    }
    file.rewind()?;
    Ok(BufReader::new(file))
}

/// What an archive says is in it, without a look at the rest: whether it is, [`examine`] finds out.
///
/// # Errors
/// `InvalidData` for anything whose end is not a backup's, in words for the operator.
pub(super) fn manifest(file: &Path) -> io::Result<Manifest> {
    let mut archive = tar::Archive::new(open(file)?);
    let mut manifest = None;
    for entry in archive.entries_with_seek().map_err(unread)? {
        let mut entry = entry.map_err(unread)?;
        let name = entry.path().map_err(unread)?.to_string_lossy().into_owned();
        if name == MANIFEST {
            let mut text = Vec::new();
            entry.read_to_end(&mut text).map_err(unread)?;
            manifest = Some(read_manifest(&text)?);
        }
    }
    manifest.ok_or_else(|| broken("its end is missing"))
}

/// Reads an archive from its beginning to its end, and finds every member as its manifest says.
///
/// # Errors
/// `InvalidData` for anything else than a whole backup, in words for the operator.
pub(super) fn examine(file: &Path) -> io::Result<(Manifest, BTreeMap<String, Place>)> {
    let mut archive = tar::Archive::new(open(file)?);
    let (mut found, mut places, mut manifest) = (BTreeMap::new(), BTreeMap::new(), None);
    for entry in archive.entries().map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let name = entry.path().map_err(unread)?.to_string_lossy().into_owned();
        let place = Place { offset: entry.raw_file_position(), bytes: entry.size() };
        let mut hashed = Hashed::new(entry);
        if name == MANIFEST {
            let mut text = Vec::new();
            hashed.read_to_end(&mut text).map_err(unread)?;
            manifest = Some(read_manifest(&text)?);
            continue;
        }
        if name != DATABASE && key_of(&name).is_none() {
            return Err(broken("it holds a file that no backup of ours holds"));
        }
        io::copy(&mut hashed, &mut io::sink()).map_err(unread)?;
        let (bytes, sha256) = hashed.end();
        found.insert(name.clone(), Member { bytes, sha256 });
        places.insert(name, place);
    }
    let manifest = manifest.ok_or_else(|| broken("its end is missing"))?;
    if manifest.members != found {
        return Err(broken("its content is not what was put into it"));
    }
    Ok((manifest, places))
}

fn read_manifest(text: &[u8]) -> io::Result<Manifest> {
    let manifest: Manifest =
        serde_json::from_slice(text).map_err(|_| broken("its manifest cannot be read"))?;
    if manifest.format != FORMAT {
        return Err(broken("another version of Heliograph wrote it"));
    }
    Ok(manifest)
}

/// What went wrong with reading an archive. The library's words may quote bytes of the file, which are somebody's, or which
/// no terminal shows.
#[expect(clippy::needless_pass_by_value, reason = "an adapter for `map_err`, which hands over the error")]
fn unread(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::Other
        | io::ErrorKind::InvalidData
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::UnexpectedEof => broken("it is cut off or damaged"),
        of_the_disk => of_the_disk.into(),
    }
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("this is no whole backup: {why}"))
}

/// Hashes what is read through it.
struct Hashed<R> {
    inner: R,
    hash: Sha256,
    bytes: u64,
    /// Why it cannot be read on.
    unread: Option<io::Error>,
}

impl<R> Hashed<R> {
    fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0, unread: None }
    }

    /// How much was read, and its SHA-256 in hexadecimal.
    fn end(self) -> (u64, String) {
        (self.bytes, hex::encode(self.hash.finalize()))
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.inner.read(buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let kind = error.kind();
                self.unread = Some(error);
                return Err(kind.into());
            }
        };
        self.hash.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::*;

    #[test]
    fn what_cannot_be_read_to_its_end_leaves_nothing_in_the_archive() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("late")).unwrap();
        let content = folder.path().join("content");
        std::fs::write(&content, [7; 100_000]).unwrap();
        let readable = File::open(&content).unwrap();
        let unreadable = File::options().append(true).open(&content).unwrap();
        let mut writer = Writer::create(folder.path()).unwrap();
        let id = "0190a5d2-7c1e-7aaa-8bbb-0123456789ab";
        for (variant, content, is_there) in
            [("original", &readable, true), ("tile", &unreadable, false), ("screen", &readable, true)]
        {
            let (with, unread) = writer.with(format!("blobs/mms/inbound/{id}/{variant}"), content).unwrap();
            assert_eq!(unread.is_none(), is_there, "{unread:?}");
            writer = with;
        }
        let manifest = Manifest {
            format: FORMAT,
            version: String::new(),
            engine: Engine::Postgres,
            made_at: 0,
            members: writer.members().clone(),
            missing: Vec::new(),
            damaged: Vec::new(),
        };
        let target = folder.path().join("clinic.backup");
        writer.finish(&manifest, &target).unwrap();
        let late = Writer::create(&folder.path().join("late")).unwrap();
        let refused = late.finish(&manifest, &target).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists, "it was made meanwhile, and stays");
        let (found, places) = examine(&target).unwrap();
        assert_eq!((found, places.len()), (manifest, 2));
    }
}
