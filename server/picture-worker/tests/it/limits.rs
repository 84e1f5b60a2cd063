//! Children that reach their limits or crash, and what their parent makes of it.

use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};

use heifer::Metadata;
use picture::Budget;
use picture_worker::{Developed, PictureError, PictureWorker, Wanted};
use tempfile::TempDir;

use crate::made::{halves, heic};
use crate::{checked, develop_bytes};

/// The picture worker, started by a shell that does something first.
struct Worker {
    folder: TempDir,
    real: PictureWorker,
}

impl Worker {
    /// `$worker` is the real one.
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("worker");
        // Written by another process: a program cannot be started while anyone has it open for writing, and a child
        // that another test starts at this moment would inherit our handle.
        let mut writer = Command::new("/bin/sh")
            .args(["-c", "cat > \"$0\" && chmod 700 \"$0\""])
            .arg(&program)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let whole = format!("#!/bin/sh\nworker={}\n{script}\n", env!("CARGO_BIN_EXE_picture-worker"));
        writer.stdin.take().unwrap().write_all(whole.as_bytes()).unwrap();
        assert!(writer.wait().unwrap().success());
        Self { folder, real: PictureWorker::new(program) }
    }

    fn develop(&self, bytes: &[u8]) -> Result<Developed, PictureError> {
        let mut file: File = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        self.real.develop(&file, &Wanted::usual(Budget::CARRIER))
    }
}

/// A black PNG, which takes a few hundredths of its pixels' bytes as a file and costs next to nothing to make.
fn black_png(width: u32, height: u32) -> Vec<u8> {
    let rows = u64::from(height) * (1 + 3 * u64::from(width));
    let mut deflated = BitWriter::default();
    // One block with fixed codes (RFC 1951, section 3.2.6): a zero byte, then copies of it.
    deflated.bits(&[1, 1, 0]);
    deflated.bits(&[0, 0, 1, 1, 0, 0, 0, 0]);
    let mut left = rows - 1;
    while left >= 258 {
        // 258 bytes from a distance of one.
        deflated.bits(&[1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]);
        left -= 258;
    }
    for _ in 0..left {
        deflated.bits(&[0, 0, 1, 1, 0, 0, 0, 0]);
    }
    deflated.bits(&[0; 7]);
    let checksum = (u32::try_from(rows % 65_521).unwrap() << 16) | 1;
    let data = [b"\x78\x01", &*deflated.bytes, &checksum.to_be_bytes()].concat();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, body) in [(b"IHDR", header), (b"IDAT", data), (b"IEND", Vec::new())] {
        file.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        let named = [&name[..], &body].concat();
        file.extend(&named);
        file.extend(crc32(&named).to_be_bytes());
    }
    file
}

#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    used: u32,
}

impl BitWriter {
    fn bits(&mut self, bits: &[u8]) {
        for bit in bits {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= bit << (self.used % 8);
            self.used = (self.used + 1) % 8;
        }
    }
}

pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Words for staff that say what to do, and no wish to try again: it would end the same.
fn told(result: Result<Developed, PictureError>) -> String {
    let error = result.map(drop).unwrap_err();
    assert!(!error.is_temporary(), "{error:?}");
    let words = error.to_string();
    assert!(words.contains("The original is kept"), "{words}");
    words
}

#[test]
fn a_picture_that_takes_too_much_memory_ends_its_child_alone() {
    let small = Worker::new("ulimit -v 400000; exec \"$worker\" \"$@\"");
    checked(&small.develop(&black_png(300, 200)).unwrap());
    told(small.develop(&black_png(14_000, 14_000)));
    checked(&small.develop(&black_png(300, 200)).unwrap());
}

#[test]
fn a_picture_that_takes_too_long_ends_its_child_alone() {
    // It has a second of the processor, of which most has gone: how fast the machine is decides little.
    let hasty = Worker::new(
        "ulimit -t 1
         until read -r _ _ _ _ _ _ _ _ _ _ _ _ _ user system _ < /proc/$$/stat && [ $((user + system)) -ge 80 ]
         do :; done
         exec \"$worker\" \"$@\"",
    );
    checked(&hasty.develop(&black_png(300, 200)).unwrap());
    let words = told(hasty.develop(&black_png(14_000, 14_000)));
    assert!(words.contains("could not be opened safely"), "{words}");
    checked(&hasty.develop(&black_png(300, 200)).unwrap());
}

#[test]
fn where_one_decoder_crashes_the_other_one_tries() {
    let fragile = Worker::new("case \"$2\" in libheif) kill -SEGV $$;; esac; exec \"$worker\" \"$@\"");
    let whole = heic(&halves(900, 600), 8, &Metadata::default());
    let developed = fragile.develop(&whole).unwrap();
    assert_eq!((developed.width, developed.height), (900, 600));
    checked(&developed);
    let words = told(fragile.develop(&whole[..whole.len() / 2]));
    assert!(words.contains("could not be opened safely"), "{words}");
    let doomed = Worker::new("kill -SEGV $$");
    assert!(told(doomed.develop(&whole)).contains("for example as a JPEG"));
}

#[test]
fn the_next_picture_s_process_is_started_ahead_and_replaced_when_it_dies() {
    let noted = Worker::new("echo $$ >> \"${0%/*}/started\"; exec \"$worker\" \"$@\"");
    // A process notes itself a moment after it was started.
    let started = |number: usize| loop {
        let noted = std::fs::read_to_string(noted.folder.path().join("started")).unwrap_or_default();
        let all: Vec<i32> = noted.lines().map(|line| line.parse().unwrap()).collect();
        if all.len() >= number {
            assert_eq!(all.len(), number, "more processes than pictures and one spare");
            return *all.last().unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let runs = |pid: i32| std::path::Path::new(&format!("/proc/{pid}")).exists();
    checked(&noted.develop(&black_png(300, 200)).unwrap());
    let spare = started(2);
    assert!(runs(spare));
    checked(&noted.develop(&black_png(300, 200)).unwrap());
    assert!(!runs(spare), "it took the second picture");
    let spare = started(3);
    let pid = rustix::process::Pid::from_raw(spare).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    while !std::fs::read_to_string(format!("/proc/{spare}/stat")).unwrap().contains(") Z ") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    checked(&noted.develop(&black_png(300, 200)).unwrap());
    let spare = started(5);
    drop(noted.real);
    assert!(!runs(spare), "it ends with the worker");
}

/// What counts is the picture. A file may lack the end of something beside it, such as a second picture, as one of the
/// shared test media does: that is told when it is uploaded, and a patient's photo is shown all the same.
#[test]
fn a_whole_picture_in_a_file_that_is_not_is_shown() {
    let whole = heic(&halves(900, 600), 8, &Metadata::default());
    let at = whole.windows(4).position(|name| name == b"mdat").unwrap() - 4;
    let length = u32::from_be_bytes(whole[at..at + 4].try_into().unwrap());
    assert!(length as usize == whole.len() - at, "the picture's data come last");
    let mut longer = whole.clone();
    longer[at..at + 4].copy_from_slice(&(length + 2000).to_be_bytes());
    let developed = develop_bytes(&longer).unwrap();
    assert_eq!((developed.width, developed.height), (900, 600));
    let cut = develop_bytes(&longer[..longer.len() / 2]).map(drop).unwrap_err();
    assert!(matches!(cut, PictureError::Broken { .. }), "{cut:?}");
}
