//! One process that serves, works, or both, and what it can be told.

use super::{CommandError, say};
use crate::App;
use crate::config::Config;
use crate::listening::Listening;
use crate::serve::{Duty, GRACE_OF_THE_REPLACED, serve_as};
use crate::setup;
use backend::{Backend, demo};
use std::future::pending;
use std::io;
use std::os::fd::AsFd;
use tokio::io::Interest;
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

pub(super) async fn run(
    config: &Config,
    demo: Option<demo::Scene>,
    duty: Duty,
    kept: bool,
) -> Result<(), CommandError> {
    if !duty.serves() {
        if demo.is_some() {
            return Err(CommandError::Refused(
                "--demo: a worker has no pages; give it to a web process".to_owned(),
            ));
        }
        if config.app_url.is_none() {
            return Err(CommandError::Refused(
                "APP_URL: a worker needs it; it is where the web processes are reached".to_owned(),
            ));
        }
    }
    if duty.serves() {
        config.require_pages()?;
    }
    let listening = listen(config).await?;
    let address = listening.listener.local_addr()?;
    let base = config.public_base(address);
    let backend = setup::open(config, base.clone()).await?;
    if let Err(error) = backend.store.hold() {
        tracing::warn!(%error, "other commands cannot see that a server works with this database");
    }
    backend::media::expect_stored(&backend).await?;
    tokio::spawn(tell_of_missing_photos(backend.clone()));
    // Before it says that it is there: from then on it may be told to stop.
    let signals = Signals::listen(kept)?;
    if duty.serves() {
        say(&format!("Heliograph is at {}", base.as_str().trim_end_matches('/')))?;
        let link = match demo {
            Some(scene) => demo::seed(&backend, scene).await?,
            None => setup::first_admin(config, &backend).await?,
        };
        if let Some(link) = link {
            say(&format!("Sign in once with {link}"))?;
        }
    } else {
        say(&format!("A worker answers /metrics at http://{address}"))?;
    }
    if duty != Duty::All {
        warn_of_simulators(&backend).await?;
    }
    let app = App::new(backend, config);
    let told = CancellationToken::new();
    tokio::spawn(signals.heed(told.clone(), app.hurrying.clone()));
    Ok(serve_as(duty, listening, app, told.cancelled_owned()).await?)
}

/// Webhooks are taken all the same, and photos are fetched once there is a place for them.
async fn tell_of_missing_photos(backend: Backend) {
    if let Err(error) = backend.blobs.ready().await {
        tracing::error!(%error, "the store for photos cannot be used");
    }
}

/// What a process can be told by its operator.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Another process has taken the place of this one.
    quit: Signal,
    /// What this process prints, where its end is to be noticed: a keeper that was killed could tell it nothing.
    read_by_keeper: Option<pipe::Sender>,
}

impl Signals {
    fn listen(kept: bool) -> io::Result<Self> {
        let printed = || pipe::Sender::from_owned_fd(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            read_by_keeper: kept.then(printed).transpose()?,
        })
    }

    /// Passes on that the process is to stop, and whether in a hurry.
    async fn heed(mut self, stop: CancellationToken, hurry: CancellationToken) {
        let is_replaced = tokio::select! {
            () = Self::stop(&mut self.terminate, &mut self.interrupt) => false,
            () = Self::left_alone(self.read_by_keeper.as_ref()) => false,
            _ = self.quit.recv() => true,
        };
        tracing::info!("stopping; what is under way is finished first");
        stop.cancel();
        if is_replaced {
            let sooner = Self::stop(&mut self.terminate, &mut self.interrupt);
            // Either way it was long enough.
            let _ = tokio::time::timeout(GRACE_OF_THE_REPLACED, sooner).await;
        }
        hurry.cancel();
    }

    /// The pipe has no reader any more.
    async fn left_alone(printed: Option<&pipe::Sender>) {
        match printed {
            Some(pipe) if pipe.ready(Interest::ERROR).await.is_ok() => {
                tracing::warn!("the process that keeps this one is gone");
            }
            _ => pending().await,
        }
    }

    async fn stop(terminate: &mut Signal, interrupt: &mut Signal) {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

pub(super) async fn listen(config: &Config) -> Result<Listening, CommandError> {
    Listening::open(config.addr).await.map_err(|cause| CommandError::Listen { addr: config.addr, cause })
}

/// What a simulated carrier knows is in the memory of one process: of several, each would have phones of its own.
pub(super) async fn warn_of_simulators(backend: &Backend) -> Result<(), CommandError> {
    if !backend::lines::simulators(backend).await?.is_empty() {
        tracing::warn!(
            "there are simulator lines: simulated phones are whole with exactly one web process, which workers reach \
             at APP_URL"
        );
    }
    Ok(())
}
