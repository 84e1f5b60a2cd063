//! `cargo xtask bench NAME [ARGS…]`: measures Heliograph, beside other software or the machine's own limits, in one run,
//! prints a table, and ends with one line of JSON.

mod convert;
mod preview;
mod table;
mod webhooks;

use crate::process::execute;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// One benchmark.
#[derive(Clone, Copy)]
enum Bench {
    /// Run with files of the caller's own, or with its usual ones where there are none.
    OnFiles(fn(&Workspace, &[PathBuf]) -> Result<()>),
    /// Run by a program of the crate `load`, which is given the arguments.
    OnServer(fn(&Workspace, &[String]) -> Result<()>),
}

const BENCHES: &[(&str, Bench)] = &[
    ("preview", Bench::OnFiles(preview::run)),
    ("convert", Bench::OnFiles(convert::run)),
    ("webhooks", Bench::OnServer(webhooks::run)),
];

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let names = || BENCHES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let Some((name, rest)) = args.split_first() else { bail!("name a benchmark: {}", names()) };
    let Some((_, bench)) = BENCHES.iter().find(|(known, _)| known == name) else {
        bail!("there is no benchmark {name:?}: choose from {}", names())
    };
    match bench {
        Bench::OnFiles(bench) => bench(workspace, &files(rest)?),
        Bench::OnServer(bench) => bench(workspace, rest),
    }
}

fn files(args: &[String]) -> Result<Vec<PathBuf>> {
    args.iter()
        .map(|file| std::fs::canonicalize(file).with_context(|| format!("cannot find {file}")))
        .collect()
}

/// Builds a program of the crate `load` as it is measured; answers with its path.
fn built(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let args = ["build", "--locked", "--release", "--package", "load", "--bin", name];
    crate::process::step(&format!("built {name}"), || execute(workspace.cargo(None).args(args)))?;
    Ok(workspace.target.join("release").join(name))
}

/// A photo of the shared test media, such as `heic/arrow.heic`.
fn test_media(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let folder = std::env::var_os("HELIOGRAPH_TEST_DATA")
        .map_or_else(|| workspace.root.join("../shared/data"), PathBuf::from);
    let file = folder.join(name);
    if !file.is_file() {
        bail!("{} is not there: set HELIOGRAPH_TEST_DATA, or name files of your own", file.display());
    }
    Ok(file)
}
