//! The browser's side as files: `<target>/site`.
//!
//! `pkg/` holds what carries a hash of its content in its name and may be cached for ever; each file
//! lies beside its own `.br` and `.gz`. `pkg/manifest.json` maps the name that the code uses to the
//! path that the browser asks for; `pkg/parts.json` says which wasm files each lazy route needs. Everything of `frontend/public` lies beside `pkg/` under its own
//! name.

mod compress;
mod fingerprint;
mod page;

use crate::process::line;
use crate::wasm;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use lightningcss::bundler::{Bundler, FileProvider};
use lightningcss::stylesheet::{MinifyOptions, ParserOptions, PrinterOptions};
use lightningcss::targets::{Browsers, Targets};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Logical name to path on the server, such as `main.css` to `/pkg/main.0f3c….css`.
type Manifest = BTreeMap<String, String>;

/// What every screen loads, by logical name.
const EVERY_SCREEN: &[&str] = &["frontend.js", "frontend.wasm", "parts.js", "main.css"];

/// Where a first visit may begin, and the lazy route behind it, by the name that leptos begins it with.
const FIRST_VISITS: &[(&str, Option<&str>)] = &[
    ("inbox", None),
    ("signing in", Some("__sign_in_view")),
    ("welcome", Some("__welcome_view")),
    ("conversation", Some("__conversation_view")),
];

/// Builds the browser's crates and bundles the site where anything changed. Answers with its folder.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    check_wasm_bindgen(workspace)?;
    wasm::build(workspace)?;
    let (frontend, worker) = (wasm::frontend(workspace), wasm::preview_worker(workspace));
    let started = Instant::now();
    let site = workspace.site();
    let fingerprint = fingerprint::of(
        &[&this_program()?, &frontend, &worker, &worker_script(workspace)],
        &[&workspace.root.join("style"), &workspace.root.join("frontend/public")],
    )?;
    let marker = site.join(".fingerprint");
    if fs::read_to_string(&marker).is_ok_and(|of_before| of_before == fingerprint) {
        line(started, "the site is as it was");
        return Ok(site);
    }
    // Bundled beside the old one and exchanged at the end: a server that is running never sees half.
    let fresh = workspace.target.join("site.new");
    remove(&fresh)?;
    bundle(workspace, &fresh)?;
    compress::all(&fresh)?;
    fs::write(fresh.join(".fingerprint"), fingerprint)?;
    let old = workspace.target.join("site.old");
    remove(&old)?;
    if site.exists() {
        fs::rename(&site, &old)?;
    }
    fs::rename(&fresh, &site)?;
    remove(&old)?;
    let worker = size(&site, "preview-worker.wasm", ".gz")? / 1000;
    let mut told = format!("bundled the site: preview worker {worker} KB with gzip; first visit with brotli");
    for (name, route) in FIRST_VISITS {
        told += &format!(", {name} {} KB", first_visit_bytes(&site, *route)? / 1000);
    }
    line(started, &told);
    Ok(site)
}

/// The bundler itself. Linux still reads it where another build has taken its place meanwhile.
fn this_program() -> Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { Ok(running) } else { Ok(std::env::current_exe()?) }
}

/// The glue code must be made by the very version that the wasm was compiled with.
pub(crate) fn check_wasm_bindgen(workspace: &Workspace) -> Result<()> {
    let library = workspace.locked_version("wasm-bindgen")?;
    let tool = workspace.locked_version("wasm-bindgen-cli-support")?;
    if library != tool {
        bail!(
            "Cargo.lock has wasm-bindgen {library} but wasm-bindgen-cli-support {tool}; they must be the same. \
             Run `cargo update wasm-bindgen-cli-support --precise {library}`"
        );
    }
    Ok(())
}

fn bundle(workspace: &Workspace, site: &Path) -> Result<()> {
    let pkg = site.join("pkg");
    fs::create_dir_all(&pkg)?;
    copy_folder(&workspace.root.join("frontend/public"), site)?;
    let mut manifest = Manifest::new();
    page::bundle(&wasm::frontend(workspace), &pkg, &mut manifest)?;
    let css = css(&workspace.root.join("style/main.css"))?;
    manifest.insert("main.css".to_owned(), write_hashed(&pkg, "main", "css", css.as_bytes())?);
    let worker = fs::read(wasm::preview_worker(workspace))?;
    manifest.insert("preview-worker.wasm".to_owned(), write_hashed(&pkg, "preview_worker", "wasm", &worker)?);
    let script = worker_script(workspace);
    let script = fs::read(&script).with_context(|| format!("cannot read {}", script.display()))?;
    manifest.insert("preview-worker.js".to_owned(), write_hashed(&pkg, "preview-worker", "js", &script)?);
    Ok(fs::write(pkg.join("manifest.json"), serde_json::to_vec_pretty(&manifest)?)?)
}

/// `style/main.css` and everything it imports as one text, for the browsers that run wasm with SIMD.
fn css(main: &Path) -> Result<String> {
    let files = FileProvider::new();
    let mut bundler = Bundler::new(&files, None, ParserOptions::default());
    // The error borrows the provider, so it becomes text here.
    let mut sheet = bundler.bundle(main).map_err(|error| anyhow::anyhow!("{}: {error}", main.display()))?;
    let version = |major: u32, minor: u32| Some((major << 16) | (minor << 8));
    let browsers = Browsers {
        chrome: version(111, 0),
        edge: version(111, 0),
        firefox: version(115, 0),
        safari: version(16, 4),
        ios_saf: version(16, 4),
        ..Browsers::default()
    };
    let targets = Targets::from(browsers);
    sheet
        .minify(MinifyOptions { targets, ..MinifyOptions::default() })
        .map_err(|error| anyhow::anyhow!("{}: {error}", main.display()))?;
    let printed = sheet
        .to_css(PrinterOptions { minify: true, targets, ..PrinterOptions::default() })
        .map_err(|error| anyhow::anyhow!("{}: {error}", main.display()))?;
    Ok(printed.code)
}

/// Writes `name.<hash>.extension`; answers with the path that the browser asks for.
fn write_hashed(pkg: &Path, name: &str, extension: &str, content: &[u8]) -> Result<String> {
    let file = format!("{name}.{hash}.{extension}", hash = hash(&[content]));
    fs::write(pkg.join(&file), content).with_context(|| format!("cannot write {file}"))?;
    Ok(format!("/pkg/{file}"))
}

/// A content's name: the first 8 bytes of its SHA-256, in hexadecimal.
fn hash(content: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    content.iter().for_each(|part| digest.update(part));
    digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn worker_script(workspace: &Workspace) -> PathBuf {
    workspace.root.join("frontend/preview-worker/worker.js")
}

/// What a first visit loads before the page is alive, in bytes with brotli.
fn first_visit_bytes(site: &Path, route: Option<&str>) -> Result<u64> {
    let mut bytes = EVERY_SCREEN.iter().map(|name| size(site, name, ".br")).sum::<Result<u64>>()?;
    if let Some(route) = route {
        let parts: BTreeMap<String, Vec<String>> =
            serde_json::from_slice(&fs::read(site.join("pkg/parts.json"))?)?;
        let (_, files) = parts
            .iter()
            .find(|(name, _)| name.starts_with(route))
            .with_context(|| format!("no lazy route begins with {route}"))?;
        for file in files {
            bytes += fs::metadata(site.join(format!("pkg/{file}.wasm.br")))?.len();
        }
    }
    Ok(bytes)
}

fn size(site: &Path, name: &str, suffix: &str) -> Result<u64> {
    let manifest: Manifest = serde_json::from_slice(&fs::read(site.join("pkg/manifest.json"))?)?;
    let path = manifest.get(name).with_context(|| format!("the manifest lacks {name}"))?;
    Ok(fs::metadata(site.join(format!("{}{suffix}", path.trim_start_matches('/'))))?.len())
}

/// Copies what is in `from`, with its subfolders; a folder that does not exist has nothing in it.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for file in fingerprint::files_below(from)? {
        let copy = to.join(file.strip_prefix(from)?);
        fs::create_dir_all(copy.parent().unwrap_or(to))?;
        fs::copy(&file, &copy).with_context(|| format!("cannot copy {}", file.display()))?;
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}
