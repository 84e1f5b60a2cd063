//! The server's carrier copy against sharp (npm) and Pillow with pillow-heif (PyPI), on the same
//! files in one run: once with one processor core for each, once with all.
//!
//! All do the same work: upright, sRGB, transparency on white, at most 1024 pixels a side and 600 KB, a
//! baseline JPEG of quality 85 (down to 50 where that is too large), colours at half the columns and
//! rows, Huffman tables made for the picture, a Catmull-Rom filter, no metadata, from file to bytes. A
//! JPEG is decoded at a fraction of its size by all. Every round's copies are held to the limits and
//! against each other.
//!
//! The others are warm: their interpreters run and have loaded everything. Ours has a new limited process
//! for every picture, started ahead of it, as the server does. Rounds alternate, so that whatever else the machine
//! does falls on all alike.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{files, table, test_media};
use crate::machine;
use crate::process::{execute, output, step};
use crate::tools::{self, Node};
use crate::workspace::Workspace;

/// Conversions of each file by each program; the median counts.
const ROUNDS: usize = 11;

/// Longest side of a copy in pixels, and most bytes of it.
const LIMITS: (u32, u64) = (1024, 600_000);

pub(super) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let files = files(args)?;
    machine::ensure(&[machine::TO_BUILD, machine::FOR_PYTHON])?;
    let programs = Programs::install(workspace)?;
    let files = if files.is_empty() { programs.usual_files(workspace)? } else { files };

    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let one = programs.measure(&files, 1)?;
    print("one core each", &one);
    let all = if cores > 1 { programs.measure(&files, cores)? } else { one.clone() };
    print(&format!("all {cores} cores"), &all);
    let cases = all
        .into_iter()
        .zip(one)
        .map(|(case, one)| {
            let (ours_one_core_ms, sharp_one_core_ms, pillow_one_core_ms) =
                (one.ours_ms, one.sharp_ms, one.pillow_ms);
            ReportCase { case, ours_one_core_ms, sharp_one_core_ms, pillow_one_core_ms }
        })
        .collect();
    println!("{}", serde_json::to_string(&Report { bench: "convert", cores, cases })?);
    Ok(())
}

fn print(title: &str, cases: &[Case]) {
    println!("\n{title}");
    let times = |other: Option<f64>, ours: Option<f64>| match (other, ours) {
        (Some(other), Some(ours)) => format!("{:.1} x", other / ours),
        _ => String::new(),
    };
    let rows: Vec<Vec<String>> = cases
        .iter()
        .map(|case| {
            vec![
                case.file.clone(),
                table::milliseconds(case.ours_ms),
                table::milliseconds(case.sharp_ms),
                times(case.sharp_ms, case.ours_ms),
                table::milliseconds(case.pillow_ms),
                times(case.pillow_ms, case.ours_ms),
                format!("{} KB", case.bytes / 1000),
                format!("{} x {}", case.width, case.height),
            ]
        })
        .collect();
    table::print(&["file", "ours", "sharp", "", "Pillow", "", "our copy", "pixels"], &rows);
}

#[derive(Serialize)]
struct Report {
    bench: &'static str,
    /// That the times without `one_core` in their name were measured with.
    cores: usize,
    cases: Vec<ReportCase>,
}

#[derive(Serialize)]
struct ReportCase {
    #[serde(flatten)]
    case: Case,
    ours_one_core_ms: Option<f64>,
    sharp_one_core_ms: Option<f64>,
    pillow_one_core_ms: Option<f64>,
}

/// Medians in milliseconds; `None` for a program that cannot convert the file. Size and weight are of
/// our copy.
#[derive(Clone, Serialize)]
struct Case {
    file: String,
    ours_ms: Option<f64>,
    sharp_ms: Option<f64>,
    pillow_ms: Option<f64>,
    bytes: u64,
    width: u32,
    height: u32,
}

struct Programs {
    ours: PathBuf,
    node: Node,
    sharp: PathBuf,
    python: PathBuf,
    pillow: PathBuf,
}

impl Programs {
    fn install(workspace: &Workspace) -> Result<Self> {
        step("built the converter", || {
            let mut build = workspace.cargo(None);
            execute(build.args([
                "build",
                "--release",
                "--locked",
                "-p",
                "picture-worker",
                "--bins",
                "--examples",
            ]))
        })?;
        let node = Node::find(workspace)?;
        let sharp = node.install_for_bench(workspace, "convert", &["sharp@0.35.5"])?;
        fs::write(sharp.join("convert.mjs"), include_str!("convert_sharp.mjs"))?;
        let python = tools::python(workspace, &["pillow==13.0.0", "pillow-heif==1.8.1"])?.join("python");
        let pillow = sharp.join("convert.py");
        fs::write(&pillow, include_str!("convert_pillow.py"))?;
        Ok(Self { ours: workspace.target.join("release/examples/convert"), node, sharp, python, pillow })
    }

    /// A photo as JPEG (with the phone's colour profile and without any), as PNG and as a JPEG of 10 MB,
    /// all made from an iPhone's photo of 12 megapixels, and that photo.
    fn usual_files(&self, workspace: &Workspace) -> Result<Vec<PathBuf>> {
        let photo = test_media(workspace, "heic/arrow.heic")?;
        let folder = self.sharp.join("photos");
        if !folder.join("12mp-srgb.jpg").is_file() {
            step("made the photos to convert", || {
                fs::create_dir_all(&folder)?;
                output(Command::new(&self.python).arg(&self.pillow).arg("make").args([&photo, &folder]))
            })?;
        }
        let mut files: Vec<PathBuf> =
            ["12mp.jpg", "12mp-srgb.jpg", "10mb.jpg", "12mp.png"].map(|name| folder.join(name)).into();
        files.push(photo);
        Ok(files)
    }

    fn measure(&self, files: &[PathBuf], cores: usize) -> Result<Vec<Case>> {
        let copies = ["ours.jpg", "sharp.jpg", "pillow.jpg"].map(|name| self.sharp.join(name));
        let mut ours = Command::new(&self.ours);
        ours.arg(&copies[0]);
        let mut sharp = self.node.command()?;
        sharp.arg("convert.mjs").arg(cores.to_string()).arg(&copies[1]).current_dir(&self.sharp);
        let mut pillow = Command::new(&self.python);
        pillow.arg(&self.pillow).arg(&copies[2]);
        let mut programs = Vec::new();
        for command in [ours, sharp, pillow] {
            programs.push(Converter::start(&command, cores)?);
        }

        files.iter().map(|file| self.case(file, &mut programs, &copies)).collect()
    }

    fn case(&self, file: &Path, programs: &mut [Converter], copies: &[PathBuf]) -> Result<Case> {
        let mut times = [const { Vec::new() }; 3];
        let mut made = [const { None }; 3];
        // The first round warms up and does not count.
        for round in 0..=ROUNDS {
            for ((program, times), made) in programs.iter_mut().zip(&mut times).zip(&mut made) {
                let converted = program.convert(file)?;
                let Some(ms) = converted.ms else { continue };
                if round > 0 {
                    times.push(ms);
                }
                *made = Some(converted);
            }
        }
        let mut checked = Command::new(&self.python);
        checked.arg(&self.pillow).arg("check");
        for (made, copy) in made.iter().zip(copies) {
            let Some(made) = made else { continue };
            let (longest, bytes) = LIMITS;
            ensure!(
                made.bytes <= bytes && made.width.max(made.height) <= longest,
                "{} has {} bytes and {} x {} pixels",
                copy.display(),
                made.bytes,
                made.width,
                made.height
            );
            checked.arg(copy);
        }
        output(&mut checked).with_context(|| format!("the copies of {} differ", file.display()))?;

        let [ours_ms, sharp_ms, pillow_ms] = times.map(median);
        let copy = made[0].take().with_context(|| format!("no copy of {} was made", file.display()))?;
        let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Converted { bytes, width, height, .. } = copy;
        Ok(Case { file, ours_ms, sharp_ms, pillow_ms, bytes, width, height })
    }
}

fn median(mut times: Vec<f64>) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

/// A running program that converts the file whose path it is told.
struct Converter {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Converted {
    /// Missing where the program could not convert the file.
    ms: Option<f64>,
    bytes: u64,
    width: u32,
    height: u32,
}

impl Converter {
    fn start(program: &Command, cores: usize) -> Result<Self> {
        let mut pinned = Command::new("taskset");
        pinned.arg("--cpu-list").arg(format!("0-{}", cores - 1));
        pinned.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => pinned.env(name, value),
                None => pinned.env_remove(name),
            };
        }
        if let Some(folder) = program.get_current_dir() {
            pinned.current_dir(folder);
        }
        let mut child = pinned
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start taskset (package util-linux)")?;
        let to = child.stdin.take().context("the program has no input")?;
        let from = BufReader::new(child.stdout.take().context("the program has no output")?);
        Ok(Self { child, to, from })
    }

    fn convert(&mut self, file: &Path) -> Result<Converted> {
        writeln!(self.to, "{}", file.display())?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("no answer about {}: {line}", file.display()))
    }
}

impl Drop for Converter {
    fn drop(&mut self) {
        // It waits for another path; nothing is lost by ending it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
