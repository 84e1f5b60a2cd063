//! Tests that are Rust programs, and what their last line says.

use super::Tally;
use crate::process::line;
use crate::server::{TestProgram, selection};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Runs one program in its package's folder, as Cargo would.
pub(super) fn run(program: &TestProgram, given: &[(&str, String)]) -> Result<Tally> {
    let mut command = Command::new(&program.path);
    command
        .current_dir(&program.folder)
        .env("CARGO_MANIFEST_DIR", &program.folder)
        .envs(given.iter().map(|(name, value)| (name, value)));
    let kind = if program.integration { "tests" } else { "src" };
    counted(&mut command, &format!("{}/{kind} ({})", program.package, program.name))
}

/// The examples in the documentation of the host's packages.
pub(super) fn documentation(workspace: &Workspace) -> Result<Tally> {
    let mut cargo = workspace.cargo(None);
    cargo.args(["test", "--locked", "--quiet", "--doc"]).args(selection());
    counted(&mut cargo, "the documentation's examples")
}

pub(super) fn of_xtask(workspace: &Workspace) -> Result<Tally> {
    let mut cargo = workspace.cargo(None);
    cargo.args(["test", "--locked", "--quiet", "--package", "xtask"]);
    counted(&mut cargo, "xtask/src")
}

/// Runs, passes the output on, and adds up what it says. A program that fails without naming a failed
/// test (it was killed, or did not compile) counts as one failure.
fn counted(command: &mut Command, what: &str) -> Result<Tally> {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {what}"))?;
    let stdout = child.stdout.take().context("its output is piped")?;
    let mut tally = Tally::default();
    let mut ignored = 0;
    for text in BufReader::new(stdout).split(b'\n') {
        let text = String::from_utf8_lossy(&text?).into_owned();
        println!("{text}");
        if let Some((of_this, ignored_of_this)) = read_result(&text) {
            tally += of_this;
            ignored += ignored_of_this;
        }
    }
    let status = child.wait()?;
    if !status.success() && tally.failed == 0 {
        tally.failed = 1;
        println!("{what} ended with {status}");
    }
    let ignored = if ignored == 0 { String::new() } else { format!(", {ignored} ignored") };
    line(started, &format!("ran {what}: {} passed, {} failed{ignored}", tally.passed, tally.failed));
    Ok(tally)
}

/// Reads `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
fn read_result(text: &str) -> Option<(Tally, u64)> {
    let (_, counts) = text.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |name: &str| {
        let part = counts.split("; ").find_map(|part| part.strip_suffix(name))?;
        part.trim().parse::<u64>().ok()
    };
    Some((Tally { passed: count("passed")?, failed: count("failed")? }, count("ignored")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_line_is_read() {
        let text = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.00s";
        assert_eq!(read_result(text), Some((Tally { passed: 12, failed: 3 }, 1)));
    }

    #[test]
    fn other_lines_are_not() {
        assert_eq!(read_result("test inbox::repeats ... ok"), None);
    }
}
