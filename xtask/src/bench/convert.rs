//! The server's carrier copy against sharp (npm) and Pillow with pillow-heif (PyPI), on the same
//! files in one run: once with one processor core for each, once with all.
//!
//! The others are warm: their interpreters run and have loaded everything. Ours starts a new process
//! for every picture, as the server does. Rounds alternate, so that whatever else the machine does
//! falls on all alike.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::{table, test_media};
use crate::machine;
use crate::process::{execute, output, step};
use crate::tools::{self, Node};
use crate::workspace::Workspace;

/// Conversions of each file by each program; the median counts.
const ROUNDS: usize = 9;

pub(super) fn run(workspace: &Workspace, files: &[PathBuf]) -> Result<()> {
    machine::ensure(machine::TO_BUILD)?;
    let programs = Programs::install(workspace)?;
    let files = if files.is_empty() { programs.usual_files(workspace)? } else { files.to_vec() };

    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let one = programs.measure(&files, 1)?;
    print("one core each", &one);
    let all = if cores > 1 { programs.measure(&files, cores)? } else { one };
    print(&format!("all {cores} cores"), &all);
    println!("{}", serde_json::to_string(&Report { bench: "convert", cases: all })?);
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
    cases: Vec<Case>,
}

/// Medians in milliseconds; `None` for a program that cannot convert the file. Size and weight are of
/// our copy.
#[derive(Serialize)]
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
        let python = tools::python(workspace, &["pillow", "pillow-heif"])?.join("python");
        let pillow = sharp.join("convert.py");
        fs::write(&pillow, include_str!("convert_pillow.py"))?;
        Ok(Self { ours: workspace.target.join("release/examples/convert"), node, sharp, python, pillow })
    }

    /// A photo as JPEG, as PNG and as a JPEG of 10 MB, made from an iPhone's photo, and that photo.
    fn usual_files(&self, workspace: &Workspace) -> Result<Vec<PathBuf>> {
        let photo = test_media(workspace, "heic/arrow.heic")?;
        let folder = self.sharp.join("photos");
        if !folder.join("10mb.jpg").is_file() {
            step("made the photos to convert", || {
                fs::create_dir_all(&folder)?;
                output(Command::new(&self.python).arg(&self.pillow).arg("make").args([&photo, &folder]))
            })?;
        }
        let mut files: Vec<PathBuf> =
            ["12mp.jpg", "10mb.jpg", "12mp.png"].map(|name| folder.join(name)).into();
        files.push(photo);
        Ok(files)
    }

    fn measure(&self, files: &[PathBuf], cores: usize) -> Result<Vec<Case>> {
        let mut ours = Converter::start(&Command::new(&self.ours), cores)?;
        let mut node = self.node.command()?;
        node.arg("convert.mjs").arg(cores.to_string()).current_dir(&self.sharp);
        let mut sharp = Converter::start(&node, cores)?;
        let mut python = Command::new(&self.python);
        python.arg(&self.pillow);
        let mut pillow = Converter::start(&python, cores)?;

        let mut cases = Vec::new();
        for file in files {
            let mut times = [Vec::new(), Vec::new(), Vec::new()];
            let mut copy = Converted::default();
            // The first round warms up and does not count.
            for round in 0..=ROUNDS {
                for (program, times) in [&mut ours, &mut sharp, &mut pillow].into_iter().zip(&mut times) {
                    let converted = program.convert(file)?;
                    times.extend(converted.ms.filter(|_| round > 0));
                    if copy.bytes == 0 {
                        copy = converted;
                    }
                }
            }
            let [ours_ms, sharp_ms, pillow_ms] = times.map(median);
            cases.push(Case {
                file: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                ours_ms,
                sharp_ms,
                pillow_ms,
                bytes: copy.bytes,
                width: copy.width,
                height: copy.height,
            });
        }
        Ok(cases)
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
