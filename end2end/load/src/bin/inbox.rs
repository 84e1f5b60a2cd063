//! See `cargo xtask bench inbox`: fills an organisation on each engine, measures what staff do all day, and prints how
//! long the server takes for it.

use anyhow::{Context, Result};
use backend::testing::{TestBackend, postgres};
use clap::Parser;
use load::inbox::fill::{Size, fill};
use load::inbox::measure::{Timing, measure};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Instant;

/// How large the organisation is, and how often each call is measured.
#[derive(Parser)]
struct Args {
    /// Conversations.
    #[arg(long, default_value_t = 100_000)]
    conversations: usize,
    /// Messages in all of them.
    #[arg(long, default_value_t = 2_000_000)]
    messages: usize,
    /// Messages of the longest thread.
    #[arg(long, default_value_t = 10_000)]
    longest: usize,
    /// Calls of each kind that count.
    #[arg(long, default_value_t = 300)]
    rounds: usize,
}

#[derive(Serialize)]
struct Report {
    bench: &'static str,
    engines: Vec<Engine>,
}

#[derive(Serialize)]
struct Engine {
    engine: &'static str,
    conversations: usize,
    messages: usize,
    p50_ms: BTreeMap<&'static str, f64>,
    p95_ms: BTreeMap<&'static str, f64>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let folder = tempfile::tempdir()?;
    let sqlite = format!("sqlite:{}", folder.path().join("heliograph.db").display());
    let postgres = postgres().await.context("HELIOGRAPH_TEST_POSTGRES names no PostgreSQL")?;
    let mut engines = Vec::new();
    for (engine, url) in [("sqlite", sqlite), ("postgres", postgres)] {
        let timings = Box::pin(run(engine, &url, &args)).await?;
        print(engine, &timings);
        let by_name =
            |ms: fn(&Timing) -> f64| timings.iter().map(|timing| (timing.name, ms(timing))).collect();
        engines.push(Engine {
            engine,
            conversations: args.conversations,
            messages: args.messages,
            p50_ms: by_name(|timing: &Timing| timing.p50_ms),
            p95_ms: by_name(|timing: &Timing| timing.p95_ms),
        });
    }
    println!("{}", serde_json::to_string(&Report { bench: "inbox", engines })?);
    Ok(())
}

async fn run(engine: &str, url: &str, args: &Args) -> Result<Vec<Timing>> {
    let started = Instant::now();
    let clinic = Box::pin(TestBackend::new(Some(url))).await;
    let size = Size {
        conversations: args.conversations,
        messages: args.messages,
        longest: args.longest.min(args.messages / 2),
    };
    let filled =
        Box::pin(fill(&clinic, url, &size)).await.with_context(|| format!("not filled: {engine}"))?;
    println!(
        "{engine}: made {} conversations and {} messages in {:.0} s",
        size.conversations,
        size.messages,
        started.elapsed().as_secs_f64()
    );
    let timings = Box::pin(measure(&clinic, &filled, args.rounds)).await;
    clinic.backend.store.close().await;
    timings.with_context(|| format!("not measured: {engine}"))
}

fn print(engine: &str, timings: &[Timing]) {
    let width = timings.iter().map(|timing| timing.name.len()).max().unwrap_or(0);
    println!("\n{engine:<width$}        p50        p95");
    for Timing { name, p50_ms, p95_ms } in timings {
        println!("{name:<width$}  {p50_ms:>6.1} ms  {p95_ms:>6.1} ms");
    }
    println!();
}
