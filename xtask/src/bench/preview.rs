//! From a photo chosen to its preview painted, in Chromium: our worker against the npm packages heic2any
//! and heic-to. `end2end/bench/preview.mjs` measures and prints; its last line is the JSON.

use super::test_media;
use crate::process::execute;
use crate::tools::Node;
use crate::workspace::Workspace;
use crate::{machine, site, wasm};
use anyhow::Result;
use std::path::PathBuf;

const PACKAGES: &[&str] = &["playwright-core@1.65.1", "heic2any@0.0.4", "heic-to@1.5.2"];

/// One photo with an embedded thumbnail and one without.
const USUAL_FILES: &[&str] = &["heic/arrow.heic", "heic/xiaomi.heic"];

pub(super) fn run(workspace: &Workspace, files: &[PathBuf]) -> Result<()> {
    machine::ensure(machine::TO_BUILD)?;
    machine::ensure(machine::FOR_BROWSER)?;
    let files = match files {
        [] => USUAL_FILES.iter().map(|name| test_media(workspace, name)).collect::<Result<Vec<_>>>()?,
        files => files.to_vec(),
    };
    let site = site::build(workspace)?;
    let node = Node::find(workspace)?;
    let modules = node.install_for_bench(workspace, "preview", PACKAGES)?.join("node_modules");
    execute(
        node.command()?
            .arg("bench/preview.mjs")
            .args(files)
            .current_dir(workspace.root.join("end2end"))
            .env("HELIOGRAPH_PREVIEW_WASM", wasm::preview_worker(workspace))
            .env("HELIOGRAPH_BENCH_MODULES", modules)
            .env("HELIOGRAPH_FIRST_LOAD", site::first_load_bytes(&site)?.to_string()),
    )
}
