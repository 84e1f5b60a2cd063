//! Programs in processes of their own: started again and again, and never outliving this one.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::OpenOptions;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// How long a program that was asked to stop may take.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// Everything that starting a program takes.
#[derive(Clone)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) args: Vec<String>,
    /// Its whole environment: nothing of the machine's own settings reaches it.
    pub(super) environment: Vec<(&'static str, String)>,
    pub(super) folder: PathBuf,
    /// What it prints is added to this file.
    pub(super) log: PathBuf,
    /// The user and group that it runs as, where it refuses to run as root.
    pub(super) user: Option<(u32, u32)>,
}

impl Program {
    /// Starts it. It is killed when the answer is dropped, and when this process is.
    pub(super) fn start(&self) -> Result<Child> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("cannot write {}", self.log.display()))?;
        self.command(&self.args)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.path.display()))
    }

    /// Runs it once with other arguments, tells it `input`, and answers with what it printed.
    pub(super) async fn once(&self, args: &[impl AsRef<str>], input: &str) -> Result<String> {
        let args: Vec<String> = args.iter().map(|arg| arg.as_ref().to_owned()).collect();
        let mut child = self
            .command(&args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.path.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // Most commands read nothing and may have ended by now.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output = child.wait_with_output().await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{} {} ended with {}\n{said}", self.path.display(), args.join(" "), output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn command(&self, args: &[String]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some((user, group)) = self.user {
            command.args([format!("--reuid={user}"), format!("--regid={group}")]).arg("--clear-groups");
        }
        command.arg(&self.path).args(args).current_dir(&self.folder).kill_on_drop(true);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", &self.folder);
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command
    }
}

/// Sends a signal and waits until the process has ended.
pub(super) async fn end(child: &mut Child, signal: Signal) -> Result<()> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
    match tokio::time::timeout(STOP_WITHIN, child.wait()).await {
        Ok(ended) => ended.map(drop).context("cannot wait for a process"),
        Err(_) => child.kill().await.context("cannot kill a process"),
    }
}

/// `count` ports of the loopback address that are free now, from `first` on. They lie below those that the system gives
/// to outgoing connections: one of the test's own clients, which ask also while a server is away, would otherwise be
/// given its port now and then, and the server could not come back.
pub(super) fn free_ports(first: u16, count: usize) -> Result<Vec<u16>> {
    // Held until all are known, so that none comes twice.
    let held: Vec<TcpListener> = (first..first.saturating_add(4000))
        .filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok())
        .take(count)
        .collect();
    if held.len() < count {
        bail!("there are no {count} free ports from {first} on");
    }
    let ports: std::io::Result<Vec<u16>> =
        held.iter().map(|listener| listener.local_addr().map(|address| address.port())).collect();
    Ok(ports?)
}
