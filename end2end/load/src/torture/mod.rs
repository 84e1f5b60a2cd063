//! The crash test: nothing that was acknowledged is lost, and nobody is texted twice, whatever is killed when.
//!
//! Real processes of `heliograph` on a database of the run's own. A carrier on loopback brings numbered messages and
//! takes numbered messages, with every mishap that carriers have; meanwhile the server's processes are killed, and its
//! database and its blob store are taken away and given back. In the end, in calm, what each side remembers is compared.

mod carrier;
mod children;
mod database;
mod dice;
mod inbound;
mod mischief;
mod numbered;
mod outbound;
mod server;
mod storage;
mod twilio;
mod verdict;
mod watch;

pub use verdict::Verdict;

use anyhow::{Context, Result, bail};
use backend::Blobs;
use backend::Clock;
use backend::media::blobs::S3Settings;
use carrier::Carrier;
use database::{Database, Left};
use dice::Dice;
use inbound::Brought;
use outbound::Asked;
use reqwest::Client;
use server::{Layout, Server};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use storage::Service;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use twilio::Doors;
use uuid::Uuid;
use verdict::{Remembered, judge};

/// How long one message is offered to the server, and how long the calm may take, before the run has failed: far more
/// than a server needs that comes back at all.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// Who writes at the same time for the organisation.
const WRITERS: usize = 6;

/// Where the server keeps what it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, and photos in a folder.
    Sqlite,
    /// PostgreSQL, and photos in S3: both are stopped now and then.
    Postgres,
}

impl Engine {
    /// As it is written on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// Runs on different engines may go side by side.
    fn first_port(self) -> u16 {
        match self {
            Self::Sqlite => 18_000,
            Self::Postgres => 23_000,
        }
    }
}

/// What is run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// On what.
    pub engine: Engine,
    /// How many processes of the server are killed, at least.
    pub kills: usize,
    /// How many messages are brought in, and how many are sent.
    pub messages: usize,
    /// Every random choice follows from it. What a choice meets does not: processes take the time that they take.
    pub seed: u64,
    /// Two processes that answer and two that work, on one PostgreSQL, in place of one process.
    pub several: bool,
    /// For the tests: no carrier that falls silent for half a minute, and no waiting until what a killed process had
    /// claimed is free again.
    pub short: bool,
    /// The program.
    pub heliograph: PathBuf,
    /// The folder of PostgreSQL's programs; only needed with it.
    pub postgres: PathBuf,
    /// SeaweedFS's program; only needed with PostgreSQL.
    pub weed: PathBuf,
    /// For databases, photos and logs. It must not exist yet.
    pub folder: PathBuf,
}

/// What everybody who writes in a run knows.
struct Ground {
    seed: u64,
    /// How long everybody together takes to write all messages, if nothing goes wrong.
    span: Duration,
    messages: usize,
    inbound: AtomicUsize,
    outbound: AtomicUsize,
    client: Client,
    doors: Arc<Doors>,
    clock: Clock,
    carrier: Arc<Carrier>,
    carrier_base: String,
    inbound_url: String,
    token: String,
    /// The patients' numbers.
    senders: Vec<String>,
}

impl Ground {
    /// From one message to the next of one of so many who share all of them.
    fn pause(&self, dice: &mut Dice, writers: usize) -> Duration {
        let average = self.span.mul_f64(writers as f64 / self.messages.max(1) as f64);
        dice.between(Duration::ZERO, (average * 2).min(self.span))
    }

    fn next_inbound(&self) -> Option<usize> {
        next(&self.inbound, self.messages)
    }

    fn next_outbound(&self) -> Option<usize> {
        next(&self.outbound, self.messages)
    }
}

fn next(count: &AtomicUsize, end: usize) -> Option<usize> {
    Some(count.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < end)
}

/// What the server keeps its data in.
struct Kept {
    database: Database,
    s3: Option<S3Settings>,
    /// Those of the run's own that are running.
    services: Vec<Service>,
}

/// Runs a plan to its end. What is wrong with messages stands in the verdict.
///
/// # Errors
/// When the run itself cannot be made, or the server refuses what it must take, or comes to no rest.
pub async fn run(plan: &Plan) -> Result<Verdict> {
    if plan.several && plan.engine == Engine::Sqlite {
        bail!("several processes share a PostgreSQL");
    }
    let data = plan.folder.join("data");
    std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    let layout = Layout::new(plan.several);
    let mut ports = children::free_ports(plan.engine.first_port(), 10 + layout.processes())?.into_iter();
    let mut some = |count: usize| ports.by_ref().take(count).collect::<Vec<u16>>();
    let (own, for_storage, for_server) = (some(1), some(9), some(layout.processes()));
    let kept = keep(plan, &data, &for_storage).await?;

    let client = twilio::client()?;
    let doors = Arc::new(layout.doors(&for_server));
    let carrier = Carrier::new(plan.seed, !plan.short, client.clone(), doors.clone());
    let listener = TcpListener::bind(("127.0.0.1", own[0])).await?;
    let carrier_address = listener.local_addr()?.to_string();
    carrier.serve(listener);
    let mut environment = vec![
        ("HELIOGRAPH_DATA", data.display().to_string()),
        ("DATABASE_URL", kept.database.url().to_owned()),
        ("APP_URL", doors.public().to_owned()),
        ("HELIOGRAPH_ALLOW_PRIVATE", carrier_address.clone()),
    ];
    environment.extend(kept.s3.iter().flat_map(storage::s3_environment));
    let mut server = Server::new(&plan.heliograph, &plan.folder, &layout, &for_server, &environment);
    let carrier_base = format!("http://{carrier_address}");
    let access = server.set_up(&carrier_base).await?;
    let senders = twilio::senders();
    let ground = Arc::new(Ground {
        seed: plan.seed,
        // Everybody writes as long as processes are killed.
        span: mischief::LIFE.mul_f64(plan.kills as f64),
        messages: plan.messages.max(2 * senders.len()),
        inbound: AtomicUsize::new(0),
        outbound: AtomicUsize::new(0),
        client,
        doors,
        clock: Clock::system(),
        carrier,
        carrier_base,
        inbound_url: access.inbound_url,
        token: access.token,
        senders,
    });
    server.start();
    server.answers(&ground.client).await?;
    let Kept { database, s3, services } = kept;
    // The services are kept until the verdict.
    let (remembered, _services) = Box::pin(torment(plan, &ground, &mut server, services, &database)).await?;
    let blobs = match s3 {
        Some(settings) => Box::pin(Blobs::s3(settings)).await?,
        None => Blobs::folder(&data.join("media")).await?,
    };
    let verdict = Box::pin(judge(plan.engine, remembered, &ground.carrier, &database, &blobs)).await;
    server.stop().await?;
    verdict
}

/// Starts the database and the blob store, where the engine has any to start.
async fn keep(plan: &Plan, data: &Path, ports: &[u16]) -> Result<Kept> {
    let [for_postgres, for_s3 @ ..] = ports else { bail!("a run needs ports") };
    if plan.engine == Engine::Sqlite {
        let url = format!("sqlite:{}", data.join("heliograph.db").display());
        let database = Database::new(plan.engine, url);
        return Ok(Kept { database, s3: None, services: Vec::new() });
    }
    let folder = plan.folder.join("postgres");
    let (mut postgres, url) = storage::postgres(&plan.postgres, &folder, *for_postgres).await?;
    let (mut s3, settings) = storage::s3(&plan.weed, &plan.folder.join("s3"), for_s3)?;
    postgres.start().await?;
    s3.start().await?;
    let database = Database::new(plan.engine, url);
    Ok(Kept { database, s3: Some(settings), services: vec![postgres, s3] })
}

/// Everybody writes while everything is killed; then the server is left alone until it has done all of its work.
async fn torment(
    plan: &Plan,
    ground: &Arc<Ground>,
    server: &mut Server,
    services: Vec<Service>,
    database: &Database,
) -> Result<(Remembered, Vec<Service>)> {
    let (mut brought, conversations) = greet(ground, database).await?;
    println!("  everybody has written once; now processes are killed");
    let (written, over, watched) =
        (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let watching = tokio::spawn(watch::states(database.clone(), watched.clone()));
    let pause = Duration::from_secs(if plan.short { 4 } else { 25 });
    let dice = Dice::new(plan.seed, "storage");
    let interrupting = tokio::spawn(mischief::interrupt(services, pause, over.clone(), dice));
    let writing = async {
        let done = write(ground, conversations).await;
        written.cancel();
        done
    };
    let killing = async {
        mischief::kill(server, plan.kills, &written, Dice::new(plan.seed, "kills")).await;
        anyhow::Ok(())
    };
    let working = async {
        let (written, ()) = tokio::try_join!(writing, killing)?;
        over.cancel();
        Ok(written)
    };
    // A service that does not come back ends all of it, which would wait for it for ever.
    let interrupting = async { interrupting.await? };
    let ((more, asked), (services, interruptions)) = tokio::try_join!(working, interrupting)?;
    brought.extend(more);
    let kills = server.kills();
    println!("  all is written, {kills} processes were killed; now it is calm");
    if plan.short {
        server.stop().await?;
        database.end_leases().await?;
        server.start();
    }
    server.answers(&ground.client).await?;
    calm(ground, database).await?;
    watched.cancel();
    let backwards = watching.await?;
    Ok((Remembered { kills, interruptions, brought, asked, backwards }, services))
}

/// Each patient's first message, before anything is killed; answers with their conversations too.
async fn greet(ground: &Arc<Ground>, database: &Database) -> Result<(Vec<Brought>, Arc<Vec<Uuid>>)> {
    let mut brought = Vec::new();
    for sender in 0..ground.senders.len() {
        let mut dice = Dice::new(ground.seed, &format!("greeting {sender}"));
        let number = ground.next_inbound().context("a number for each patient")?;
        brought.push(inbound::bring(ground, sender, number, None, &mut dice).await?);
    }
    let began = Instant::now();
    loop {
        let mut conversations: Vec<Uuid> =
            database.messages().await?.iter().map(|message| message.conversation).collect();
        conversations.sort_unstable();
        conversations.dedup();
        if conversations.len() == ground.senders.len() {
            return Ok((brought, Arc::new(conversations)));
        }
        if began.elapsed() > PATIENCE {
            bail!("{} of {} patients have a conversation", conversations.len(), ground.senders.len());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Both directions at once, until every number is used up.
async fn write(ground: &Arc<Ground>, conversations: Arc<Vec<Uuid>>) -> Result<(Vec<Brought>, Vec<Asked>)> {
    let patients = (0..ground.senders.len()).map(|sender| inbound::write(ground.clone(), sender));
    let staff = (0..WRITERS).map(|writer| outbound::write(ground.clone(), writer, conversations.clone()));
    let (brought, asked) =
        tokio::try_join!(futures::future::try_join_all(patients), futures::future::try_join_all(staff))?;
    Ok((brought.into_iter().flatten().collect(), asked.into_iter().flatten().collect()))
}

/// Waits until the carrier has said everything and the server has nothing left to do.
async fn calm(ground: &Ground, database: &Database) -> Result<()> {
    let began = Instant::now();
    let mut calm_looks = 0;
    loop {
        let reported = ground.carrier.has_reported();
        let left = database.left().await?;
        let at_rest = reported && left == Left { jobs: 0, webhooks: 0 };
        // Between two jobs there may be a moment without one.
        calm_looks = if at_rest { calm_looks + 1 } else { 0 };
        if calm_looks == 3 {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            bail!("no rest: {} jobs and {} webhooks are left", left.jobs, left.webhooks);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
