//! The `heliograph` processes: set up, kept running, killed.

use super::children::{Program, end};
use super::dice::Dice;
use super::twilio::{ACCOUNT, Doors, LINE, TOKEN};
use anyhow::{Context, Result, bail};
use reqwest::Client;
use rustix::process::Signal;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// After which a process that ended by itself is started again: without its database it ends at once.
const START_AGAIN: Duration = Duration::from_millis(300);

/// How long a process of a debug build may take until it answers.
const ANSWERS_WITHIN: Duration = Duration::from_secs(120);

/// All processes of one server.
pub(super) struct Server {
    seats: Vec<Arc<Seat>>,
    keepers: Vec<JoinHandle<Result<()>>>,
    stop: CancellationToken,
}

/// A process, and whoever takes its place when it ends.
struct Seat {
    program: Program,
    /// Where it answers.
    base: String,
    kill: Notify,
    kills: AtomicUsize,
}

/// Which processes a server has.
pub(super) struct Layout {
    /// The arguments of each.
    roles: Vec<&'static [&'static str]>,
}

impl Layout {
    /// Two processes that answer and two that work on jobs, or one that does both.
    pub(super) fn new(several: bool) -> Self {
        const ALL: &[&str] = &["serve"];
        const WEB: &[&str] = &["serve", "--role", "web"];
        const WORKER: &[&str] = &["serve", "--role", "worker"];
        Self { roles: if several { vec![WEB, WEB, WORKER, WORKER] } else { vec![ALL] } }
    }

    pub(super) fn processes(&self) -> usize {
        self.roles.len()
    }

    /// The doors of those that answer, by the ports of all.
    pub(super) fn doors(&self, ports: &[u16]) -> Doors {
        let answering = self.roles.iter().zip(ports).filter(|(role, _)| !role.contains(&"worker"));
        Doors::new(answering.map(|(_, port)| base(*port)).collect())
    }
}

fn base(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// What staff and the carrier know of the server once it is set up.
pub(super) struct Access {
    /// Of an API token with the role staff.
    pub(super) token: String,
    /// Where the carrier tells of inbound messages.
    pub(super) inbound_url: String,
}

impl Server {
    /// `environment`: the settings that all processes share.
    pub(super) fn new(
        heliograph: &Path,
        folder: &Path,
        layout: &Layout,
        ports: &[u16],
        environment: &[(&'static str, String)],
    ) -> Self {
        let seat = |(place, (role, port)): (usize, (&&[&str], &u16))| {
            let mut environment = environment.to_vec();
            environment.push(("HELIOGRAPH_ADDR", format!("127.0.0.1:{port}")));
            let program = Program {
                path: heliograph.to_owned(),
                args: role.iter().map(|&arg| arg.to_owned()).collect(),
                environment,
                folder: folder.to_owned(),
                log: log(folder, place),
                user: None,
            };
            Arc::new(Seat { program, base: base(*port), kill: Notify::new(), kills: AtomicUsize::new(0) })
        };
        let seats = layout.roles.iter().zip(ports).enumerate().map(seat).collect();
        Self { seats, keepers: Vec::new(), stop: CancellationToken::new() }
    }

    /// By the command line, as an operator does it before the first start.
    pub(super) async fn set_up(&self, carrier: &str) -> Result<Access> {
        let Some(seat) = self.seats.first() else { bail!("a server has a process") };
        seat.program.once(&["org", "add", "Harbour Clinic"], "").await?;
        let token = seat.program.once(&["token", "create", "torture", "--role", "staff"], "").await?;
        let credentials = json!({
            "account_sid": ACCOUNT, "auth_token": TOKEN, "api_base": carrier, "content_base": carrier,
        });
        let add = ["line", "add", LINE, "--provider", "twilio", "--credentials", "-"];
        let addresses = seat.program.once(&add, &credentials.to_string()).await?;
        let inbound = addresses.lines().find_map(|line| line.strip_prefix("Inbound webhook:"));
        let inbound = inbound.context("`line add` tells no inbound address")?.trim();
        // What stands behind the # is for Twilio alone.
        let inbound_url = inbound.split('#').next().unwrap_or_default().to_owned();
        Ok(Access { token: token.trim().to_owned(), inbound_url })
    }

    /// Starts every process; from now on each that ends is started again.
    pub(super) fn start(&mut self) {
        self.stop = CancellationToken::new();
        let keep = |seat: &Arc<Seat>| tokio::spawn(keep(seat.clone(), self.stop.clone()));
        self.keepers = self.seats.iter().map(keep).collect();
    }

    /// Kills every process, and starts none.
    pub(super) async fn stop(&mut self) -> Result<()> {
        self.stop.cancel();
        for keeper in self.keepers.drain(..) {
            keeper.await??;
        }
        Ok(())
    }

    /// Waits until every process answers.
    pub(super) async fn answers(&self, client: &Client) -> Result<()> {
        for seat in &self.seats {
            let asked = Instant::now();
            let url = format!("{}/healthz", seat.base);
            loop {
                let answer = client.get(&url).timeout(Duration::from_secs(5)).send().await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    break;
                }
                if asked.elapsed() > ANSWERS_WITHIN {
                    bail!("the server does not answer; see {}", seat.program.log.display());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Has one of the processes killed, in whatever it does; one that is just being started, as soon as it is.
    pub(super) fn kill_one(&self, dice: &mut Dice) {
        if let Some(seat) = self.seats.get(dice.below(self.seats.len())) {
            seat.kill.notify_one();
        }
    }

    /// How many processes were killed so far.
    pub(super) fn kills(&self) -> usize {
        self.seats.iter().map(|seat| seat.kills.load(Ordering::Relaxed)).sum()
    }
}

fn log(folder: &Path, place: usize) -> PathBuf {
    folder.join(format!("heliograph-{place}.log"))
}

async fn keep(seat: Arc<Seat>, stop: CancellationToken) -> Result<()> {
    loop {
        let mut process = seat.program.start()?;
        tokio::select! {
            ended = process.wait() => {
                ended.context("cannot wait for the server")?;
                tokio::select! {
                    () = tokio::time::sleep(START_AGAIN) => {}
                    () = stop.cancelled() => return Ok(()),
                }
            }
            () = seat.kill.notified() => {
                end(&mut process, Signal::KILL).await?;
                seat.kills.fetch_add(1, Ordering::Relaxed);
            }
            () = stop.cancelled() => return end(&mut process, Signal::KILL).await,
        }
    }
}
