//! A PostgreSQL of the tests' and benchmarks' own.

use crate::children::{Scratch, Server, free_ports};
use crate::machine;
use crate::process::{output, step};
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

/// A cluster that lasts as long as this value. It trusts everyone on the loopback address.
pub(crate) struct Postgres {
    // Dropped in this order: the server stops before its folder goes.
    _server: Server,
    _folder: Scratch,
    port: u16,
}

impl Postgres {
    /// Writes nothing through to the disk, because nothing in it is to be kept.
    pub(crate) fn start() -> Result<Self> {
        let settings = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];
        step("started a PostgreSQL for the tests", || start(&settings))
    }

    /// Acknowledges what is on the disk, as one that keeps its data does.
    pub(crate) fn start_durable() -> Result<Self> {
        step("started a PostgreSQL that writes through to the disk", || start(&[]))
    }

    /// Names a superuser, so that tests can make databases of their own.
    pub(crate) fn url(&self) -> String {
        format!("postgres://heliograph@127.0.0.1:{}/postgres", self.port)
    }
}

/// With settings of its own beside those that all have.
fn start(settings: &[&str]) -> Result<Postgres> {
    let binaries =
        machine::postgres_binaries().context("PostgreSQL is installed, but initdb is not found")?;
    let folder = Scratch::new("postgres")?;
    let data = folder.path().join("data");
    // PostgreSQL refuses to run as root.
    let user = if machine::is_root() { Some(postgres_user()?) } else { None };
    if let Some((user, group)) = user {
        chown(folder.path(), Some(user), Some(group))?;
    }
    let mut initdb = Command::new(binaries.join("initdb"));
    initdb.args(["--username=heliograph", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    initdb.arg("--pgdata").arg(&data).current_dir(folder.path());
    if let Some((user, group)) = user {
        use std::os::unix::process::CommandExt;
        initdb.uid(user).gid(group);
    }
    output(&mut initdb)?;
    let port = free_ports(1)?[0];
    let mut args = vec!["-D".to_owned(), data.display().to_string(), "-p".to_owned(), port.to_string()];
    let usual = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300"];
    for setting in usual.iter().chain(settings) {
        args.extend(["-c".to_owned(), (*setting).to_owned()]);
    }
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

/// The user and group that Debian's package made.
fn postgres_user() -> Result<(u32, u32)> {
    let users = fs::read_to_string(Path::new("/etc/passwd"))?;
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let mut fields = line.context("there is no user «postgres» to run PostgreSQL as")?.split(':').skip(2);
    let mut number = || fields.next()?.parse().ok();
    number().zip(number()).context("/etc/passwd does not give the user «postgres» in numbers")
}
