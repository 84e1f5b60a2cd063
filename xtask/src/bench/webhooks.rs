//! How many webhooks a second become durable, on SQLite and on PostgreSQL, against two limits of the same machine: the
//! same door when it keeps nothing, and single-row commits.

use super::built;
use crate::machine;
use crate::postgres::{Commits, Postgres};
use crate::process::execute;
use crate::workspace::Workspace;
use anyhow::Result;
use std::process::Command;

/// `args` are added to `webhooks measure`.
pub(super) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    machine::ensure(&[machine::TO_BUILD, machine::FOR_NATIVE_TESTS])?;
    let program = built(workspace, "webhooks")?;
    let postgres = Postgres::start(Commits::Durable)?;
    execute(Command::new(program).args(["measure", "--postgres", &postgres.url()]).args(args))
}
