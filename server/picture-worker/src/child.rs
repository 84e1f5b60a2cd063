//! The limited process: reads one picture, writes its copies, ends.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use crate::wire::{Answer, Failure, Header, HeicDecoder, RenditionHeader, Request};
use crate::{decode, handover, render, sandbox};

/// Largest original that is read into memory. Files this large are not photographs.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// The whole life of the child process. To be called first of all when the program's first argument
/// is [`crate::SUBCOMMAND`]: before there are threads, a runtime, a log or a configuration.
///
/// Exits with 0 when it has answered, also with a refusal, or was not needed, and with 1 when it could not.
#[must_use]
pub fn child_main() -> ExitCode {
    let (request, original) = match handover::receive(std::io::stdin()) {
        Ok(Some(handed)) => handed,
        // Kept for a picture that did not come before the server ended.
        Ok(None) => return ExitCode::SUCCESS,
        Err(_) => return ExitCode::FAILURE,
    };
    // From here on the original is standard input, and the way to the parent is closed.
    let placed = rustix::stdio::dup2_stdin(&original);
    drop(original);
    // Limited before anything is looked at, the request included.
    if placed.is_err() || sandbox::enter().is_err() {
        return ExitCode::FAILURE;
    }
    let heic_decoder = std::env::args().nth(2).and_then(|word| HeicDecoder::from_word(&word));
    let (Some(heic_decoder), Ok(request)) = (heic_decoder, serde_json::from_slice(&request)) else {
        return ExitCode::FAILURE;
    };
    let (answer, bodies) = match answer(&request, heic_decoder) {
        Ok((header, bodies)) => (Answer::Developed(header), bodies),
        Err(failure) => (Answer::Failed(failure), Vec::new()),
    };
    match write(&answer, &bodies) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer(request: &Request, heic_decoder: HeicDecoder) -> Result<(Header, Vec<Vec<u8>>), Failure> {
    // Room for all of it at once, where the size is told; a pipe says nothing.
    let told = rustix::fs::fstat(std::io::stdin())
        .map_or(0, |stat| stat.st_size.clamp(0, MAX_FILE_BYTES.cast_signed()));
    let mut file = Vec::with_capacity(usize::try_from(told).unwrap_or(0) + 1);
    std::io::stdin().lock().take(MAX_FILE_BYTES + 1).read_to_end(&mut file).map_err(Failure::broken)?;
    if file.len() as u64 > MAX_FILE_BYTES {
        return Err(Failure::TooLarge(format!("more than {MAX_FILE_BYTES} bytes")));
    }
    let kind = picture::sniff(&file).ok_or_else(|| Failure::Unsupported("not a picture".to_owned()))?;
    let decoded = decode::decode(kind, &file, request, heic_decoder)?;
    let original = decoded.original;
    let fitted = render::renditions(&decoded, &request.wanted, request.threads)?;
    let (renditions, bodies) = request
        .wanted
        .iter()
        .zip(fitted)
        .map(|(wanted, fitted)| {
            let header = RenditionHeader {
                role: wanted.role,
                width: fitted.size.width,
                height: fitted.size.height,
                bytes: fitted.bytes.len(),
            };
            (header, fitted.bytes)
        })
        .unzip();
    Ok((Header { width: original.width, height: original.height, kind, renditions }, bodies))
}

fn write(answer: &Answer, bodies: &[Vec<u8>]) -> std::io::Result<()> {
    let mut to = std::io::stdout().lock();
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    to.write_all(&line)?;
    for body in bodies {
        to.write_all(body)?;
    }
    to.flush()
}
