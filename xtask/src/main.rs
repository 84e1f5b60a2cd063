//! `cargo xtask`: sets a machine up, runs, tests, checks and measures Heliograph.
//!
//! Every step prints one line when it is done: how long it took and what it did.
#![expect(
    clippy::disallowed_methods,
    reason = "a build tool reads the environment and the clock of the machine it runs on"
)]

mod bench;
mod check;
mod run;
mod test;
mod torture;

mod server;
mod site;
mod wasm;

mod children;
mod machine;
mod postgres;
mod process;
mod tools;
mod workspace;

use anyhow::{Result, bail};
use std::process::ExitCode;
use workspace::Workspace;

const USAGE: &str = "\
cargo xtask <command>

  run [-- ARGS…]          install what is missing, build, and start the demo on http://127.0.0.1:3000;
                          ARGS are added to `heliograph serve`
  test [GROUP…]           install what tests need and run them: unit, stories, http, browser (default: all)
  check                   fmt, clippy, docs, cargo-deny, migrations in pairs
  torture [--engine sqlite|postgres] [--kills N] [--messages N] [--seed N] [--processes]
                          kill the server again and again while messages come in and go out, and count what was lost
                          or sent twice; ends with one line of JSON for each engine
  bench NAME [ARG…]       measure; against other software: preview, convert (ARGs are files); against the machine's
                          own limits: webhooks; a large organisation: inbox
  site                    build the browser's side only and print where it lies
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", args),
    };
    match command {
        "run" => run::run(&workspace, rest),
        "test" => test::run(&workspace, rest),
        "check" => check::run(&workspace),
        "torture" => torture::run(&workspace, rest),
        "bench" => bench::run(&workspace, rest).map(|()| ExitCode::SUCCESS),
        "site" => {
            machine::ensure(&[machine::TO_BUILD, wasm::needs()])?;
            println!("{}", site::build(&workspace)?.display());
            Ok(ExitCode::SUCCESS)
        }
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        unknown => bail!("there is no command {unknown:?}\n\n{USAGE}"),
    }
}
