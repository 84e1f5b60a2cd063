//! A large organisation, on SQLite and on a PostgreSQL that is started for it: how long the server's calls take.
//! `end2end/load/src/bin/inbox.rs` fills, measures and prints; its last line is the JSON. Arguments go to it, such as
//! `--conversations 1000 --messages 20000` for a quick try.

use super::built;
use crate::machine;
use crate::postgres::{Commits, Postgres};
use crate::process::execute;
use crate::workspace::Workspace;
use anyhow::Result;
use std::process::Command;

pub(super) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    machine::ensure(&[machine::TO_BUILD, machine::FOR_NATIVE_TESTS])?;
    let program = built(workspace, "inbox")?;
    let postgres = Postgres::start(Commits::Durable)?;
    execute(Command::new(program).args(args).env("HELIOGRAPH_TEST_POSTGRES", postgres.url()))
}
