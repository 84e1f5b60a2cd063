//! From a photo chosen to its preview painted, in Chromium: our composer against the npm packages heic2any
//! and heic-to. `end2end/bench/preview.mjs` measures and prints; its last line is the JSON.

use super::files;
use crate::process::execute;
use crate::tools::Node;
use crate::workspace::Workspace;
use crate::{machine, server, site, wasm};
use anyhow::Result;

const COMPARED_WITH: &[&str] = &["heic2any@0.0.4", "heic-to@1.5.2"];

pub(super) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let files = files(args)?;
    machine::ensure(&[machine::TO_BUILD, machine::FOR_BROWSER, machine::FOR_PYTHON, wasm::needs()])?;
    // The preview is made in the page; of the server it wants files, which a debug build hands out as well.
    let program = server::build(workspace)?;
    let site = site::build(workspace)?;
    let node = Node::find(workspace)?;
    let folder = workspace.root.join("end2end");
    node.install_locked(&folder)?;
    let modules = node.install_for_bench(workspace, "preview", COMPARED_WITH)?.join("node_modules");
    execute(
        node.command()?
            .arg("bench/preview.mjs")
            .args(&files)
            .current_dir(&folder)
            .env("HELIOGRAPH_BIN", program)
            .env("HELIOGRAPH_SITE", site)
            .env("HELIOGRAPH_BENCH_MODULES", modules),
    )
}
