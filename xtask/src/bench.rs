//! `cargo xtask bench NAME [ARGS…]`: measures Heliograph, beside other software or the machine's own limits in one run,
//! prints a table, and ends with one line of JSON.

mod convert;
mod inbox;
mod preview;
mod table;
mod webhooks;

use crate::process::execute;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// One benchmark: what it is called, and how it is run with arguments of the caller's own, such as files, or as usual
/// where there are none.
type Bench = fn(&Workspace, &[String]) -> Result<()>;

const BENCHES: &[(&str, Bench)] = &[
    ("preview", preview::run),
    ("convert", convert::run),
    ("webhooks", webhooks::run),
    ("inbox", inbox::run),
];

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let names = || BENCHES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let Some((name, args)) = args.split_first() else { bail!("name a benchmark: {}", names()) };
    let Some((_, bench)) = BENCHES.iter().find(|(known, _)| known == name) else {
        bail!("there is no benchmark {name:?}: choose from {}", names())
    };
    bench(workspace, args)
}

/// Arguments that name files.
fn files(args: &[String]) -> Result<Vec<PathBuf>> {
    let found = |file: &String| std::fs::canonicalize(file).with_context(|| format!("cannot find {file}"));
    args.iter().map(found).collect()
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
