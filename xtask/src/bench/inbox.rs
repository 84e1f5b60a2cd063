//! A large organisation, on SQLite and on a PostgreSQL that is started for it: how long the server's calls take.
//! `end2end/load/src/bin/inbox.rs` fills, measures and prints; its last line is the JSON. Arguments go to it, such as
//! `--conversations 1000 --messages 20000` for a quick try.

use crate::machine;
use crate::process::{execute, step};
use crate::test::postgres::Postgres;
use crate::workspace::Workspace;
use anyhow::Result;
use std::process::Command;

pub(super) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    machine::ensure(&[machine::TO_BUILD, machine::FOR_NATIVE_TESTS])?;
    step("built the program that fills and measures", || {
        let mut build = workspace.cargo(None);
        execute(build.args(["build", "--release", "--locked", "--package", "load", "--bin", "inbox"]))
    })?;
    let postgres = Postgres::start_durable()?;
    execute(
        Command::new(workspace.target.join("release/inbox"))
            .args(args)
            .env("HELIOGRAPH_TEST_POSTGRES", postgres.url()),
    )
}
