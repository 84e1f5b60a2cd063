//! A cluster that trusts everyone on the loopback address.

use anyhow::{Context, Result};
use std::path::Path;

/// What a commit is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commits {
    /// On disk when it is answered, as in real life.
    Durable,
    /// Quick: nothing in the cluster is to be kept.
    Fleeting,
}

const FLEETING: &[&str] = &["fsync=off", "synchronous_commit=off", "full_page_writes=off"];
const DURABLE: &[&str] = &["fsync=on", "synchronous_commit=on", "full_page_writes=on"];

/// What `initdb` is told, to make a cluster in the folder `data`.
pub fn to_make(data: &Path, commits: Commits) -> Vec<String> {
    let mut args = ["--username=heliograph", "--auth=trust", "--encoding=UTF8", "--locale=C"].to_vec();
    if commits == Commits::Fleeting {
        args.push("--no-sync");
    }
    let mut args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    args.extend(["--pgdata".to_owned(), data.display().to_string()]);
    args
}

/// What `postgres` is told, to serve the cluster in the folder `data`.
pub fn to_serve(data: &Path, port: u16, commits: Commits) -> Vec<String> {
    let mut args = vec!["-D".to_owned(), data.display().to_string(), "-p".to_owned(), port.to_string()];
    let always = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300"];
    let worth = match commits {
        Commits::Durable => DURABLE,
        Commits::Fleeting => FLEETING,
    };
    for setting in always.iter().chain(worth) {
        args.extend(["-c".to_owned(), (*setting).to_owned()]);
    }
    args
}

/// Where a superuser finds it, who can make databases.
pub fn url(port: u16) -> String {
    format!("postgres://heliograph@127.0.0.1:{port}/postgres")
}

/// The user and group that it runs as where we are root, which it refuses: those that Debian's package made.
///
/// # Errors
/// When there is no such user.
pub fn user() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find_map(|line| line.strip_prefix("postgres:"));
    let mut fields = line.context("there is no user «postgres» to run PostgreSQL as")?.split(':').skip(1);
    let mut number = || fields.next()?.parse().ok();
    let found = number().zip(number());
    found.map(Some).context("/etc/passwd does not give the user «postgres» in numbers")
}
