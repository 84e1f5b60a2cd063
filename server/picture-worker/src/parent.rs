//! The server's side: starts the child, waits, and believes nothing.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use picture::{HEAD_BYTES, PictureKind, Refusal, Size};

use crate::handover;
use crate::wire::{Answer, Failure, Header, HeicDecoder, Request, Role, SUBCOMMAND, Wanted, WantedRendition};

/// How long a child may take by the clock on the wall. Its own limit on processor time is shorter;
/// this one ends a child that waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest first line of an answer.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// A copy that was made: a baseline JPEG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// What it is for.
    pub role: Role,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

/// An original with its copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Developed {
    /// Width of the original in pixels, upright.
    pub width: u32,
    /// Height of the original in pixels, upright.
    pub height: u32,
    /// Type of the original, from its bytes.
    pub kind: PictureKind,
    /// The copies, in the order in which they were wanted.
    pub renditions: Vec<Rendition>,
}

/// Why there are no copies. `Display` gives the words for staff; the original is kept in any case.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// Not a picture that we take, or one that uses something no decoder here knows. The detail is
    /// for the log.
    #[error("{words}")]
    Unsupported {
        /// What to tell staff.
        words: String,
        /// For the log.
        detail: String,
    },
    /// More pixels or bytes than can be decoded. The detail is for the log.
    #[error("{words}")]
    TooLarge {
        /// What to tell staff.
        words: String,
        /// For the log.
        detail: String,
    },
    /// Damaged or cut off. The detail is for the log.
    #[error(
        "The picture is damaged or incomplete and could not be opened. The original is kept as it came. Ask for it again, or send another copy."
    )]
    Broken {
        /// For the log.
        detail: String,
    },
    /// Decoding it used up its limits of memory and time, or crashed. The detail is for the log.
    #[error(
        "The picture could not be opened safely. The original is kept as it came. Ask for it again, for example as a JPEG."
    )]
    Died {
        /// For the log.
        detail: String,
    },
    /// The child could not be started or the original not be read: our fault, worth another try.
    #[error("The picture could not be worked on just now. The original is kept; try again in a moment.")]
    Unavailable(#[from] std::io::Error),
}

impl PictureError {
    /// Whether trying again may help. All others stay as they are, whoever tries.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<Refusal> for PictureError {
    fn from(refusal: Refusal) -> Self {
        let (words, detail) = (refusal.to_string(), format!("{refusal:?}"));
        match refusal {
            Refusal::TooManyPixels(_) => Self::TooLarge { words, detail },
            Refusal::NotAPicture(_) | Refusal::NotAccepted(_) => Self::Unsupported { words, detail },
            Refusal::Empty => Self::Broken { detail },
        }
    }
}

/// Has copies of originals made in child processes, one for each picture.
///
/// A child takes several milliseconds to start, most of them in the libraries that decode. So one is kept
/// started, without having been told anything, and takes the next picture.
#[derive(Debug)]
pub struct PictureWorker {
    program: PathBuf,
    spare: Mutex<Option<Waiting>>,
}

impl PictureWorker {
    /// `program`: one whose first argument [`SUBCOMMAND`] leads straight to [`crate::child_main`], that is
    /// the server's own.
    #[must_use]
    pub fn new(program: PathBuf) -> Self {
        Self { program, spare: Mutex::new(None) }
    }

    /// Makes the wanted copies of one original. Blocks until they are there, at most two minutes: call it
    /// where blocking is allowed. Several at once are several children.
    ///
    /// `original`: opened for reading; where it stands does not matter.
    ///
    /// HEIC that libheif cannot decode, or dies of, gets a second child with another decoder.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn develop(&self, original: &File, wanted: &Wanted) -> Result<Developed, PictureError> {
        let kind = picture::check(&head(original)?)?.kind;
        let first = self.attempt(original, kind, wanted, HeicDecoder::Libheif);
        self.keep_one_started();
        match first {
            Err(
                PictureError::Broken { .. } | PictureError::Unsupported { .. } | PictureError::Died { .. },
            ) if kind == PictureKind::Heic => {
                // The first error is the more telling one if both fail.
                self.attempt(original, kind, wanted, HeicDecoder::Heifer).or(first)
            }
            _ => first,
        }
    }

    fn attempt(
        &self,
        mut original: &File,
        kind: PictureKind,
        wanted: &Wanted,
        heic_decoder: HeicDecoder,
    ) -> Result<Developed, PictureError> {
        let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get().min(4));
        let request = Request { wanted: wanted.0.clone(), threads };
        let request = serde_json::to_vec(&request).map_err(std::io::Error::from)?;
        // The child inherits the position as well.
        original.seek(SeekFrom::Start(0))?;
        let spare = if heic_decoder == HeicDecoder::Libheif { self.spare().take() } else { None };
        let spare = spare.map(|spare| spare.hand(&request, original));
        let child = match spare {
            Some((child, Ok(()))) => child,
            other => {
                // A spare that has died meanwhile has seen nothing of the picture.
                if let Some((child, Err(_))) = other {
                    end(child)?;
                }
                // A new one that takes nothing has died as well: its status tells of it.
                Waiting::start(&self.program, heic_decoder)?.hand(&request, original).0
            }
        };
        let most = wanted.0.iter().map(|wanted| wanted.bytes).sum::<usize>() + MAX_HEADER_BYTES;
        let (status, answer) = converse(child, most)?;
        understand(status, &answer, kind, &wanted.0)
    }

    /// Where that fails, the next picture starts its own and finds out why.
    fn keep_one_started(&self) {
        let mut spare = self.spare();
        if spare.is_none() {
            *spare = Waiting::start(&self.program, HeicDecoder::Libheif).ok();
        }
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Option<Waiting>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PictureWorker {
    fn drop(&mut self) {
        if let Some(spare) = self.spare().take() {
            // Gone already, or about to be: nothing more can be done about it here.
            let _ = end(spare.child);
        }
    }
}

/// A child that has started and waits for its picture.
#[derive(Debug)]
struct Waiting {
    child: Child,
    socket: OwnedFd,
}

impl Waiting {
    fn start(program: &Path, heic_decoder: HeicDecoder) -> Result<Self, std::io::Error> {
        let (socket, of_child) = handover::pair()?;
        let child = Command::new(program)
            .args([SUBCOMMAND, heic_decoder.as_str()])
            .env_clear()
            .current_dir("/")
            .stdin(of_child)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, socket })
    }

    fn hand(self, request: &[u8], original: &File) -> (Child, Result<(), std::io::Error>) {
        let handed = handover::send(&self.socket, request, original);
        (self.child, handed)
    }
}

fn end(mut child: Child) -> Result<(), std::io::Error> {
    child.kill()?;
    child.wait().map(drop)
}

fn head(mut original: &File) -> Result<Vec<u8>, std::io::Error> {
    original.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    original.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Reads what the child says, at most `most` bytes, and ends it when it says more or takes too long.
fn converse(mut child: Child, most: usize) -> Result<(ExitStatus, Vec<u8>), std::io::Error> {
    let stdout = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    let reader = std::thread::Builder::new().name("picture-reader".to_owned()).spawn(move || {
        let mut answer = Vec::new();
        let read = stdout.map(|stdout| stdout.take(most as u64 + 1).read_to_end(&mut answer));
        // Nobody listens any more when patience has run out.
        let _ = sender.send(read.transpose().map(|_| answer));
    });
    let answer = match reader {
        Ok(_) => receiver.recv_timeout(PATIENCE),
        Err(_) => Err(RecvTimeoutError::Disconnected),
    };
    if !answer.as_ref().is_ok_and(|answer| answer.as_ref().is_ok_and(|answer| answer.len() <= most)) {
        child.kill()?;
    }
    let status = child.wait()?;
    let answer = answer.unwrap_or_else(|_| Ok(Vec::new()))?;
    Ok((status, answer))
}

fn understand(
    status: ExitStatus,
    answer: &[u8],
    kind: PictureKind,
    wanted: &[WantedRendition],
) -> Result<Developed, PictureError> {
    let died = |detail: &str| PictureError::Died { detail: format!("{detail} ({status})") };
    let end = answer.iter().take(MAX_HEADER_BYTES).position(|byte| *byte == b'\n');
    let end = end.ok_or_else(|| died("the child said nothing"))?;
    match serde_json::from_slice(&answer[..end]) {
        Ok(Answer::Developed(header)) => cut(&header, &answer[end + 1..], kind, wanted)
            .ok_or_else(|| died("the child's answer is not what was asked for")),
        Ok(Answer::Failed(failure)) => Err(failure.into()),
        Err(_) => Err(died("the child's answer cannot be read")),
    }
}

/// Cuts the answer's body into renditions. `None` when anything about it is not as it must be.
fn cut(header: &Header, mut body: &[u8], kind: PictureKind, wanted: &[WantedRendition]) -> Option<Developed> {
    let original = Size { width: header.width, height: header.height };
    let told_well = original.is_within_limits() && header.kind == kind;
    if !told_well || header.renditions.len() != wanted.len() {
        return None;
    }
    let mut renditions = Vec::with_capacity(wanted.len());
    for (told, wanted) in header.renditions.iter().zip(wanted) {
        let (bytes, rest) = body.split_at_checked(told.bytes)?;
        body = rest;
        let size = Size { width: told.width, height: told.height };
        let fits = size.pixels() > 0
            && size.longest() <= wanted.budget(original).longest
            && bytes.len() <= wanted.bytes
            && told.role == wanted.role;
        if !fits || !bytes.starts_with(b"\xFF\xD8\xFF") || !bytes.ends_with(b"\xFF\xD9") {
            return None;
        }
        renditions.push(Rendition {
            role: told.role,
            width: told.width,
            height: told.height,
            bytes: bytes.to_vec(),
        });
    }
    body.is_empty().then_some(Developed { width: header.width, height: header.height, kind, renditions })
}

impl From<Failure> for PictureError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unsupported(detail) => Self::Unsupported {
                words: "The picture uses something that cannot be opened here. The original is kept as it \
                        came. Ask for it again as a JPEG."
                    .to_owned(),
                detail,
            },
            Failure::TooLarge(detail) => Self::TooLarge {
                words: "The picture is too large to be opened. The original is kept as it came. Ask for a \
                        smaller copy."
                    .to_owned(),
                detail,
            },
            Failure::Broken(detail) => Self::Broken { detail },
        }
    }
}
