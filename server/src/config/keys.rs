//! Where the server's keys come from.

use super::{ConfigError, wrong};
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where a key comes from. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In the settings.
    Given([u8; 32]),
    /// In a file that the operator keeps.
    File(PathBuf),
    /// In a file of ours, made on first start.
    Own(PathBuf),
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given(_) => "Given(…)",
            Self::File(_) => "File(…)",
            Self::Own(_) => "Own(…)",
        })
    }
}

impl KeySource {
    pub(super) fn read(
        setting: &'static str,
        value: Option<&str>,
        file: Option<&str>,
        own: PathBuf,
    ) -> Result<Self, ConfigError> {
        match (value, file) {
            (Some(_), Some(_)) => {
                Err(wrong(setting, "is given as a value and as a file; keep one of the two"))
            }
            (Some(hex), None) => parse_hex(hex).map(Self::Given).ok_or_else(|| {
                wrong(setting, "write 64 hexadecimal digits, for example from `openssl rand -hex 32`")
            }),
            (None, Some(path)) => Ok(Self::File(path.into())),
            (None, None) => Ok(Self::Own(own)),
        }
    }

    /// The key, if it exists already.
    ///
    /// # Errors
    /// A file that should be there and is not, or holds something else.
    pub fn load(&self) -> io::Result<Option<[u8; 32]>> {
        match self {
            Self::Given(key) => Ok(Some(*key)),
            Self::File(path) => read_file(path).map(Some),
            Self::Own(path) if path.exists() => read_file(path).map(Some),
            Self::Own(_) => Ok(None),
        }
    }

    /// Keeps a new key in our own file, readable by its owner only. Never replaces one.
    pub(crate) fn keep(&self, key: &[u8; 32]) -> io::Result<()> {
        let Self::Own(path) = self else { return Ok(()) };
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        write_file(path, &hex).map_err(at(path))
    }
}

/// Makes a folder that only its owner may enter.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes a file that only its owner may read; an error when there is one already.
pub(crate) fn make_private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn write_file(path: &Path, hex: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make_private_folder(folder)?;
    }
    let mut file = make_private_file(path)?;
    file.write_all(hex.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Says which file it was.
fn at(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn read_file(path: &Path) -> io::Result<[u8; 32]> {
    let text = std::fs::read_to_string(path).map_err(at(path))?;
    parse_hex(text.trim()).ok_or_else(|| {
        let problem = format!("{} does not hold 64 hexadecimal digits", path.display());
        io::Error::new(io::ErrorKind::InvalidData, problem)
    })
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key)
}
