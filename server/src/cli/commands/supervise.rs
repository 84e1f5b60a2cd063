//! Several processes behind one address: starts them, starts again those that end, and replaces them one by one.
//!
//! All web processes take their connections from one socket, which stays open whoever of them comes and goes.

use super::serving::{listen, warn_of_simulators};
use super::{CommandError, say};
use crate::cli::KEPT;
use crate::config::Config;
use crate::serve::{Duty, GRACE, GRACE_OF_THE_REPLACED};
use crate::setup;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::io;
use std::iter::repeat_n;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::pin::pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a process may take until it is ready; a new version may have the database to bring up to date first.
const READY_WITHIN: Duration = Duration::from_secs(10 * 60);

/// How long a process may take to stop before it is ended: somewhat longer than it grants itself.
const ENDS_WITHIN: Duration = GRACE.saturating_add(Duration::from_secs(15));
const GIVES_WAY_WITHIN: Duration = GRACE_OF_THE_REPLACED.saturating_add(ENDS_WITHIN);

/// How long the others wait for a process that gives way before their own turn comes. Somebody's slow line is no reason to
/// keep what was there before for a quarter of an hour at each of them.
const OTHERS_WAIT: Duration = Duration::from_secs(60);

/// The pause before a process that ended is started again, doubled each time up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is to run, and how.
struct Fleet {
    program: PathBuf,
    /// Beside the environment of this process.
    environment: Vec<(OsString, OsString)>,
    /// Shared by all web processes.
    socket: std::net::TcpListener,
}

/// Who asks for a replacement, and is told whether a new process took over: when the one before it has ended, or has been
/// waited for long enough.
type Replace = oneshot::Sender<bool>;

pub(super) async fn run(
    config: &Config,
    options: Vec<(OsString, OsString)>,
    web: u16,
    workers: u16,
) -> Result<(), CommandError> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    config.require_pages()?;
    let socket = listen(config).await?.listener.into_std()?;
    let base = config.public_base(socket.local_addr()?);
    prepare(config, &base, web).await?;
    let mut environment = options;
    environment.push(("APP_URL".into(), base.as_str().into()));
    let fleet = Arc::new(Fleet { program: config.program.clone(), environment, socket });
    let stop = CancellationToken::new();
    let (mut places, mut keepers) = (Vec::new(), JoinSet::new());
    for duty in repeat_n(Duty::Web, web.into()).chain(repeat_n(Duty::Worker, workers.into())) {
        let (replace, asked) = mpsc::channel(1);
        keepers.spawn(keep(Arc::clone(&fleet), duty, asked, stop.clone()));
        places.push(replace);
    }
    let replacing = async {
        while hang_up.recv().await.is_some() {
            replace_all(&places).await;
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = replacing => {}
    }
    tracing::info!("stopping all processes; what is under way is finished first");
    stop.cancel();
    keepers.join_all().await;
    Ok(())
}

/// Does once what each process would do at its first start, all at the same moment.
async fn prepare(config: &Config, base: &url::Url, web: u16) -> Result<(), CommandError> {
    let backend = setup::open(config, base.clone()).await?;
    say(&format!("Heliograph is at {}", base.as_str().trim_end_matches('/')))?;
    if let Some(link) = setup::first_admin(config, &backend).await? {
        say(&format!("Sign in once with {link}"))?;
    }
    if web > 1 {
        warn_of_simulators(&backend).await?;
    }
    backend.store.close().await;
    Ok(())
}

/// One after the other, so that most of them serve at any moment.
async fn replace_all(places: &[mpsc::Sender<Replace>]) {
    let mut stayed = 0;
    for place in places {
        let (replace, replaced) = oneshot::channel();
        // A place that is gone is told to stop already.
        if place.send(replace).await.is_ok() && !replaced.await.unwrap_or(false) {
            stayed += 1;
        }
    }
    let words = match stayed {
        0 => "Every process was replaced.".to_owned(),
        _ => format!("{stayed} of {} processes were not replaced and go on; the log says why.", places.len()),
    };
    if let Err(error) = say(&words) {
        tracing::warn!(%error, words, "nobody reads what became of a replacement");
    }
}

/// Keeps one process running until `stop`.
async fn keep(fleet: Arc<Fleet>, duty: Duty, mut asked: mpsc::Receiver<Replace>, stop: CancellationToken) {
    let mut pause = FIRST_PAUSE;
    let mut leaving = JoinSet::new();
    loop {
        let started = Instant::now();
        match stop.run_until_cancelled(Process::start(&fleet, duty)).await {
            Some(Ok(process)) => look_after(process, &fleet, duty, &mut asked, &mut leaving, &stop).await,
            Some(Err(error)) => {
                tracing::error!(role = duty.as_str(), %error, "a process could not be started");
            }
            None => {}
        }
        if started.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            leaving.join_all().await;
            return;
        }
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// Returns when the process ended by itself, or was told to because of `stop`. Those whose place was taken go on in
/// `leaving`.
async fn look_after(
    mut process: Process,
    fleet: &Fleet,
    duty: Duty,
    asked: &mut mpsc::Receiver<Replace>,
    leaving: &mut JoinSet<()>,
    stop: &CancellationToken,
) {
    loop {
        let replace = tokio::select! {
            () = stop.cancelled() => return process.end().await,
            ended = process.child.wait() => {
                let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                tracing::error!(role = duty.as_str(), how, "a process ended by itself and is started again");
                return;
            }
            Some(replace) = asked.recv() => replace,
        };
        match stop.run_until_cancelled(Process::start(fleet, duty)).await {
            Some(Ok(new)) => {
                let old = std::mem::replace(&mut process, new);
                let stop = stop.clone();
                leaving.spawn(async move {
                    let mut gone = pin!(old.give_way(&stop));
                    let is_gone = tokio::time::timeout(OTHERS_WAIT, &mut gone).await.is_ok();
                    // Nobody waits any more when all are about to stop.
                    let _ = replace.send(true);
                    if !is_gone {
                        gone.await;
                    }
                });
            }
            Some(Err(error)) => {
                tracing::error!(role = duty.as_str(), %error, "no new process; the one before it goes on");
                let _ = replace.send(false);
            }
            None => return process.end().await,
        }
        while leaving.try_join_next().is_some() {}
    }
}

/// A process that is ready.
struct Process {
    child: Child,
}

impl Process {
    /// Starts one, and waits until it says that it is ready.
    async fn start(fleet: &Fleet, duty: Duty) -> io::Result<Self> {
        let mut command = Command::new(&fleet.program);
        command
            .args(["serve", "--role", duty.as_str()])
            // Not as an option, which a program of before would refuse.
            .env(KEPT, "true")
            .envs(fleet.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            // Of a group of its own: it is told to stop by us, not by the terminal too.
            .process_group(0)
            .kill_on_drop(true);
        if duty.serves() {
            command.stdin(OwnedFd::from(fleet.socket.try_clone()?));
        } else {
            command.stdin(Stdio::null()).env("HELIOGRAPH_ADDR", "127.0.0.1:0");
        }
        let mut child = command.spawn()?;
        let id = child.id().unwrap_or_default();
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("it has no output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let first = tokio::time::timeout(READY_WITHIN, lines.next_line()).await;
        let Ok(Ok(Some(first))) = first else {
            child.kill().await?;
            return Err(io::Error::other("it did not become ready"));
        };
        say_of(duty, id, &first);
        tokio::spawn(pass_on(lines, duty, id));
        Ok(Self { child })
    }

    /// Another one has its place. It finishes what it has under way, unless all are to stop meanwhile.
    async fn give_way(mut self, stop: &CancellationToken) {
        self.tell(Signal::QUIT);
        let ended = tokio::time::timeout(GIVES_WAY_WITHIN, self.child.wait());
        if !matches!(stop.run_until_cancelled(ended).await, Some(Ok(_))) {
            self.end().await;
        }
    }

    fn tell(&self, signal: Signal) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            // It may end by itself this very moment.
            let _ = kill_process(id, signal);
        }
    }

    /// Tells it to stop, and waits until what it has under way is finished.
    async fn end(mut self) {
        self.tell(Signal::TERM);
        if tokio::time::timeout(ENDS_WITHIN, self.child.wait()).await.is_err() {
            tracing::error!("a process did not stop in time and is ended");
            if let Err(error) = self.child.kill().await {
                tracing::error!(%error, "a process cannot be ended");
            }
        }
    }
}

/// What a process says to whoever started it.
async fn pass_on(mut lines: Lines<BufReader<ChildStdout>>, duty: Duty, id: u32) {
    while let Ok(Some(line)) = lines.next_line().await {
        say_of(duty, id, &line);
    }
}

fn say_of(duty: Duty, id: u32, line: &str) {
    if let Err(error) = say(&format!("{} process {id}: {line}", duty.as_str())) {
        tracing::warn!(%error, "nobody reads what the processes say");
    }
}
