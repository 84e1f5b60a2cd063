//! The crash test as a program; `cargo xtask torture` builds and starts it.

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use load::torture::{Engine, Plan, run};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Kills Heliograph again and again while messages come in and go out, and counts what was lost or sent twice.
#[derive(Parser)]
#[command(name = "torture", max_term_width = 110)]
struct Options {
    /// On which database; without it on both, one after the other.
    #[arg(long)]
    engine: Option<On>,
    /// How many processes are killed on each, at least.
    #[arg(long, default_value_t = 100)]
    kills: usize,
    /// How many messages are brought in, and how many are sent.
    #[arg(long, default_value_t = 1500)]
    messages: usize,
    /// Repeats the choices of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
    /// On PostgreSQL: two processes that answer and two that work, in place of one that does both.
    #[arg(long)]
    processes: bool,
    /// The program `heliograph`.
    #[arg(long, value_name = "FILE")]
    heliograph: PathBuf,
    /// The folder of PostgreSQL's programs.
    #[arg(long, value_name = "FOLDER")]
    postgres: PathBuf,
    /// SeaweedFS's program `weed`.
    #[arg(long, value_name = "FILE")]
    weed: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum On {
    Sqlite,
    Postgres,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(torture(&options))
}

async fn torture(options: &Options) -> Result<ExitCode> {
    let seed = options.seed.unwrap_or_else(|| u64::from(u32::from_ne_bytes(backend::clock::random_bytes())));
    let engines = match options.engine {
        Some(On::Sqlite) => vec![Engine::Sqlite],
        Some(On::Postgres) => vec![Engine::Postgres],
        None => vec![Engine::Sqlite, Engine::Postgres],
    };
    let root = std::env::temp_dir().join(format!("heliograph-torture-{}", std::process::id()));
    let mut lines = Vec::new();
    let mut good = true;
    for engine in engines {
        println!("{} with --seed {seed}, in {}", engine.as_str(), root.display());
        let plan = Plan {
            engine,
            kills: options.kills,
            messages: options.messages,
            seed,
            several: options.processes && engine == Engine::Postgres,
            short: false,
            heliograph: options.heliograph.clone(),
            postgres: options.postgres.clone(),
            weed: options.weed.clone(),
            folder: root.join(engine.as_str()),
        };
        let verdict = Box::pin(run(&plan)).await.with_context(|| kept(&root, seed))?;
        println!("\n{verdict}");
        good &= verdict.is_good();
        lines.push(verdict.json()?);
    }
    if good {
        std::fs::remove_dir_all(&root)?;
    } else {
        println!("{}", kept(&root, seed));
    }
    for line in lines {
        println!("{line}");
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where whoever looks for the reason finds something.
fn kept(root: &Path, seed: u64) -> String {
    format!("databases, photos and logs are kept in {}; the run was one with --seed {seed}", root.display())
}
