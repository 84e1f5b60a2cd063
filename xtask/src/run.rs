//! `cargo xtask run`: from a fresh machine to the demo in the browser.

use crate::process::step;
use crate::workspace::Workspace;
use crate::{machine, server, site, wasm};
use anyhow::{Context, Result, bail};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    let args = args.strip_prefix(&["--".to_owned()]).unwrap_or(args);
    machine::ensure(&[machine::TO_BUILD, wasm::needs()])?;
    // Before the long build of the server, in which nobody waits for a question.
    wasm::toolchain(workspace)?;
    // Side by side: each has stretches in which it keeps one core busy only.
    let (program, site) = std::thread::scope(|scope| {
        let site = scope.spawn(|| site::build(workspace));
        (server::build(workspace), site.join())
    });
    let program = program?;
    let site = site.unwrap_or_else(|_| bail!("building the site ended in a panic"))?;
    let mut heliograph = Command::new(&program);
    heliograph
        .args(["serve", "--demo"])
        .args(args)
        .current_dir(&workspace.root)
        .env("HELIOGRAPH_SITE", &site);
    step("starting Heliograph", || Ok(()))?;
    // The server takes this process's place, so that Ctrl-C and a service manager's signals reach it.
    Err(heliograph.exec()).with_context(|| format!("cannot start {}", program.display()))
}
