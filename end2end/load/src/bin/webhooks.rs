//! `cargo xtask bench webhooks` starts this: it has a server in a process of its own on each engine, asks it as a
//! carrier does, prints what came of it, and ends with one line of JSON.

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};
use load::webhooks::clinic::{self, Reached};
use load::webhooks::drive::{self, Outcome};
use load::webhooks::{disk, files, sign};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use url::Url;

/// Connections that a carrier keeps open in a storm.
const CONNECTIONS: usize = 128;

/// Requests against the door that keeps nothing.
const UNKEPT: u64 = 50_000;

/// In how many storms the webhooks come; each is read to its end before the next one.
const STORMS: u64 = 5;

/// How long single commits, and half the peak rate, are measured.
const MEASURED_FOR: Duration = Duration::from_secs(10);

/// How long the server may take to read what it took.
const DRAINED_WITHIN: Duration = Duration::from_secs(30 * 60);

/// How often it is asked how much is left, which it has to count.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Measure on SQLite, and on the PostgreSQL database that is named.
    Measure {
        /// An empty database of a durable cluster.
        #[arg(long)]
        postgres: Option<String>,
        /// Webhooks that are kept in all.
        #[arg(long, default_value_t = 100_000)]
        webhooks: u64,
        /// Leave SQLite out.
        #[arg(long)]
        without_sqlite: bool,
    },
    /// The server that is measured.
    Serve { data: PathBuf, database_url: String, carrier: Url },
}

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().command {
        What::Serve { data, database_url, carrier } => clinic::serve(&data, &database_url, &carrier).await,
        What::Measure { postgres, webhooks, without_sqlite } => {
            let mut engines = Vec::new();
            if !without_sqlite {
                engines.push(measure("sqlite", None, webhooks).await?);
            }
            if let Some(url) = postgres {
                engines.push(measure("postgres", Some(url), webhooks).await?);
            }
            println!("{}", json!({ "bench": "webhooks", "engines": engines }));
            Ok(())
        }
    }
}

async fn measure(engine: &str, url: Option<String>, webhooks: u64) -> Result<serde_json::Value> {
    let folder = tempfile::tempdir()?;
    let url = url.unwrap_or_else(|| format!("sqlite:{}", folder.path().join("heliograph.db").display()));
    let commit = disk::commits_per_second(&url, folder.path(), MEASURED_FOR).await?;
    let carrier = files::serve().await?;
    let (server, reached) = start(folder.path(), &url, &carrier).await?;
    let process = server.id().context("the server runs")?;
    let Reached { authority, door, unkept_door } = reached;
    let make = |path: &str, from: u64, count: u64| -> Vec<Vec<u8>> {
        (from..from + count).map(|n| sign::request(&authority, path, &carrier, n)).collect()
    };

    println!("{engine}");
    println!("  single commits {commit:6.0} a second");
    drive::flat_out(&authority, make(&unkept_door, 0, UNKEPT / 10), CONNECTIONS).await?;
    // A machine that is shared becomes another one from minute to minute: both sides are measured right after each other,
    // several times.
    let (mut bare, mut kept, mut drained) = (Outcome::default(), Outcome::default(), Duration::ZERO);
    let mut resident_mb = vec![resident(process)?];
    for storm in 0..STORMS {
        let requests = make(&unkept_door, 0, UNKEPT / STORMS);
        let unkept = drive::flat_out(&authority, requests, CONNECTIONS).await?;
        ensure!(unkept.errors == 0, "the door that keeps nothing refused {} webhooks", unkept.errors);
        let requests = make(&door, storm * webhooks / STORMS, webhooks / STORMS);
        let taken = drive::flat_out(&authority, requests, CONNECTIONS).await?;
        resident_mb.push(resident(process)?);
        let read = until_drained(&authority, taken.took).await?;
        println!(
            "  checked only {:6.0} a second, kept {:6.0}, read after {:.0} s",
            unkept.rate(),
            taken.rate(),
            read.as_secs_f64()
        );
        bare.add(unkept);
        kept.add(taken);
        drained += read;
    }
    println!(
        "  kept in all  {:6.0} a second, {:.0} % of {:.0}, p50 {:.1} ms, p99 {:.1} ms, {} errors",
        kept.rate(),
        100.0 * kept.rate() / bare.rate(),
        bare.rate(),
        ms(&kept, 0.5),
        ms(&kept, 0.99),
        kept.errors
    );
    println!("  memory before, and after each storm: {resident_mb:?} MB");
    let half = kept.rate() / 2.0;
    let even = (half * MEASURED_FOR.as_secs_f64()) as u64;
    let at_half = drive::at_rate(&authority, make(&door, webhooks, even), CONNECTIONS, half).await?;
    stop(server).await?;
    println!(
        "  at half of that: p50 {:.1} ms, p99 {:.1} ms, {} errors",
        ms(&at_half, 0.5),
        ms(&at_half, 0.99),
        at_half.errors
    );
    Ok(json!({
        "engine": engine,
        "bare_per_s": bare.rate().round(),
        "commit_per_s": commit.round(),
        "webhooks_per_s": kept.rate().round(),
        "p99_ms": ms(&at_half, 0.99),
        "errors": kept.errors + at_half.errors,
        "rss_mb": resident_mb.last(),
        "rss_mb_after_each_storm": resident_mb,
        "drained_per_s": (webhooks as f64 / drained.as_secs_f64()).round(),
    }))
}

fn ms(outcome: &Outcome, share: f64) -> f64 {
    outcome.quantile(share).as_secs_f64() * 1000.0
}

/// A server in a process of its own, once it listens.
async fn start(data: &Path, database_url: &str, carrier: &str) -> Result<(Child, Reached)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve").arg(data).args([database_url, carrier]).stdout(Stdio::piped()).kill_on_drop(true);
    let mut server = command.spawn().context("cannot start the server")?;
    let stdout = server.stdout.take().context("its output is piped")?;
    let line = BufReader::new(stdout).lines().next_line().await?.context("the server ended at once")?;
    Ok((server, serde_json::from_str(&line)?))
}

async fn stop(mut server: Child) -> Result<()> {
    server.kill().await.context("cannot end the server")
}

/// How long after the first webhook the journal had been read. It was being read for `already` by then.
async fn until_drained(authority: &str, already: Duration) -> Result<Duration> {
    let began = Instant::now();
    while began.elapsed() < DRAINED_WITHIN {
        if waiting(authority).await? == 0 {
            return Ok(already + began.elapsed());
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!("the journal was not read within half an hour")
}

/// Webhooks that are not read yet, as `/metrics` tells it.
async fn waiting(authority: &str) -> Result<u64> {
    #[expect(clippy::disallowed_methods, reason = "asked on loopback, as an operator's collector does")]
    let text = reqwest::get(format!("http://{authority}/metrics")).await?.error_for_status()?.text().await?;
    let depth = text.lines().find_map(|line| line.strip_prefix("journal_pending "));
    Ok(depth.context("/metrics does not tell how much of the journal is pending")?.trim().parse::<f64>()?
        as u64)
}

/// Resident memory of a process, in megabytes.
fn resident(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes / 1024)
}
