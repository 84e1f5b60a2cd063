//! Each text and wasm file once more as `.br` and `.gz`, as small as the formats get: it is done once
//! here and saves every visitor's time.

use super::fingerprint::files_below;
use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

const COMPRESSIBLE: &[&str] = &["css", "html", "js", "json", "svg", "txt", "wasm", "webmanifest"];
const BROTLI_QUALITY: u32 = 11;
/// The widest window that every browser accepts, 16 MiB.
const BROTLI_WINDOW: u32 = 24;

pub(super) fn all(folder: &Path) -> Result<()> {
    let mut files: Vec<PathBuf> = files_below(folder)?
        .into_iter()
        .filter(|file| file.extension().is_some_and(|found| COMPRESSIBLE.iter().any(|known| found == *known)))
        .collect();
    // The largest is taken first, so that no thread is left alone with it at the end.
    files.sort_by_key(|file| fs::metadata(file).map_or(0, |metadata| metadata.len()));
    let queue = Mutex::new(files);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&queue))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("compressing does not panic"))
    })
}

fn work(queue: &Mutex<Vec<PathBuf>>) -> Result<()> {
    loop {
        let next = queue.lock().expect("no thread panics with the queue").pop();
        let Some(file) = next else { return Ok(()) };
        compress(&file).with_context(|| format!("cannot compress {}", file.display()))?;
    }
}

fn compress(file: &Path) -> Result<()> {
    let content = fs::read(file)?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&content)?;
    fs::write(beside(file, ".gz"), gzip.finish()?)?;
    let mut brotli = brotli::CompressorWriter::new(Vec::new(), 1 << 16, BROTLI_QUALITY, BROTLI_WINDOW);
    brotli.write_all(&content)?;
    fs::write(beside(file, ".br"), brotli.into_inner())?;
    Ok(())
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(suffix);
    name.into()
}
