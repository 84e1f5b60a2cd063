//! A PostgreSQL of the tests' and benchmarks' own.

use crate::children::{Scratch, Server, free_ports};
use crate::machine;
use crate::process::{output, step};
use anyhow::{Context, Result};
use rustix::process::Signal;
use services::postgres;
pub(crate) use services::postgres::Commits;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A cluster that lasts as long as this value. It trusts everyone on the loopback address.
pub(crate) struct Postgres {
    // Dropped in this order: the server stops before its folder goes.
    _server: Server,
    _folder: Scratch,
    port: u16,
}

impl Postgres {
    pub(crate) fn start(commits: Commits) -> Result<Self> {
        step("started a PostgreSQL", || start(commits))
    }

    /// Names a superuser, so that tests can make databases of their own.
    pub(crate) fn url(&self) -> String {
        postgres::url(self.port)
    }
}

fn start(commits: Commits) -> Result<Postgres> {
    let binaries =
        machine::postgres_binaries().context("PostgreSQL is installed, but initdb is not found")?;
    let folder = Scratch::new("postgres")?;
    let data = folder.path().join("data");
    let user = postgres::user()?;
    let mut initdb = Command::new(binaries.join("initdb"));
    initdb.args(postgres::to_make(&data, commits)).current_dir(folder.path());
    if let Some((user, group)) = user {
        chown(folder.path(), Some(user), Some(group))?;
        initdb.uid(user).gid(group);
    }
    output(&mut initdb)?;
    let port = free_ports(1)?[0];
    let args = postgres::to_serve(&data, port, commits);
    let log = folder.path().join("server.log");
    // SIGINT is its fast shutdown: it does not wait for clients to leave.
    let mut server = Server::start(&binaries.join("postgres"), &args, &log, user, Signal::INT)?;
    let port_text = port.to_string();
    server.wait_until(|| {
        crate::process::succeeds(Command::new(binaries.join("pg_isready")).args([
            "--quiet",
            "--host=127.0.0.1",
            "--port",
            &port_text,
        ]))
    })?;
    Ok(Postgres { _server: server, _folder: folder, port })
}
