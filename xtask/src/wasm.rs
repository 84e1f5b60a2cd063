//! The two crates that run in the browser, and a toolchain that can build them.

use crate::machine::{self, Need, as_root};
use crate::process::{execute, exists, line, output, step, succeeds};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
const PAGE_PROFILE: &str = "wasm-release";
const WORKER_PROFILE: &str = "preview-release";
const DEBIAN_LIBRARY: &str = "/usr/lib/rustlib/wasm32-unknown-unknown/lib";
/// In that folder: the compiler that the library was built with.
const MARKER: &str = ".built-with";

/// A Rust toolchain that has the wasm standard library.
pub(crate) struct Toolchain {
    /// As rustup knows it; `None` is the one in use.
    pub(crate) name: Option<&'static str>,
}

/// Builds the page and the preview worker, installing the wasm standard library first if need be.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let toolchain = toolchain(workspace)?;
    step("built the page for the browser", || {
        // As an argument of rustc for this one crate, the flags reach what links the page and leave its
        // dependencies alone. The lazy routes are taken out by following the relocations.
        execute(cargo(workspace, &toolchain, "rustc", "frontend", PAGE_PROFILE).args([
            "--",
            "-C",
            "link-arg=--emit-relocs",
        ]))
    })?;
    step("built the preview worker for the browser", || {
        // Decoding needs SIMD to be quick. The page itself stays without, so that it also opens in
        // browsers that lack it; there a HEIC has no preview and can still be sent. Names are
        // stripped here, because no wasm-bindgen comes after to do it.
        let rustflags = "-C target-feature=+simd128 -C strip=symbols";
        execute(
            cargo(workspace, &toolchain, "build", "preview-worker", WORKER_PROFILE)
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", rustflags),
        )
    })
}

/// The page as Cargo built it.
pub(crate) fn frontend(workspace: &Workspace) -> PathBuf {
    workspace.target.join(TARGET).join(PAGE_PROFILE).join("frontend.wasm")
}

/// The preview worker as Cargo built it, which is as it is served.
pub(crate) fn preview_worker(workspace: &Workspace) -> PathBuf {
    workspace.target.join(TARGET).join(WORKER_PROFILE).join("preview_worker.wasm")
}

/// What the machine must have for [`toolchain`]. Where the wasm standard library is missing, Rust's own site is asked
/// for it through rustup, which takes no packages; only where that fails is it Debian's Rust.
pub(crate) fn needs() -> &'static [Need] {
    // Asked once: without a network the answer takes minutes.
    static BROUGHT_BY_RUSTUP: OnceLock<bool> = OnceLock::new();
    if installed().is_some() {
        return &[];
    }
    let brought = BROUGHT_BY_RUSTUP.get_or_init(|| {
        let started = Instant::now();
        let told = match add_target() {
            Ok(()) => "installed the wasm standard library with rustup".to_owned(),
            Err(why) => format!("rustup brought no wasm standard library ({why}), so Debian's Rust shall"),
        };
        line(started, &told);
        installed().is_some()
    });
    if *brought { &[] } else { machine::FOR_DEBIAN_WASM }
}

/// Finds a toolchain with the wasm standard library, or installs what is missing: from Rust's own site
/// through rustup; where that cannot be reached, Debian's Rust with a standard library built from its
/// sources.
pub(crate) fn toolchain(workspace: &Workspace) -> Result<Toolchain> {
    let needs = needs();
    if !needs.is_empty() {
        debian(workspace, needs).with_context(|| {
            format!(
                "the standard library for {TARGET} is missing.\n  \
                 Any one of these helps: let rustup reach static.rust-lang.org and run \
                 `rustup target add {TARGET}`; or use Debian 12 with its security updates, where the \
                 packages rustc-web, cargo-web, rust-web-src, rust-web-llvm and lld-22 are\n  Debian"
            )
        })?;
    }
    installed().context("the wasm standard library was installed but is not found by rustc")
}

fn cargo(
    workspace: &Workspace,
    toolchain: &Toolchain,
    command: &str,
    package: &str,
    profile: &str,
) -> Command {
    let mut cargo = workspace.cargo(toolchain.name);
    cargo.args([
        command,
        "--locked",
        "--lib",
        "--target",
        TARGET,
        "--package",
        package,
        "--profile",
        profile,
    ]);
    cargo
}

fn installed() -> Option<Toolchain> {
    [None, Some("debian")].into_iter().map(|name| Toolchain { name }).find(has_standard_library)
}

fn has_standard_library(toolchain: &Toolchain) -> bool {
    let folder = output(rustc(toolchain).args(["--print", "target-libdir", "--target", TARGET]));
    let Some(library) = folder.ok().and_then(|folder| standard_library(Path::new(folder.trim()))) else {
        return false;
    };
    match toolchain.name {
        // rustup keeps library and compiler together.
        None => true,
        // As a package would; ours is only as good as the compiler that built it.
        Some(_) => {
            succeeds(Command::new("dpkg-query").arg("--search").arg(&library))
                || version(toolchain).is_ok_and(|version| is_built_with(&library, &version))
        }
    }
}

/// The file of the standard library in a folder of libraries.
fn standard_library(folder: &Path) -> Option<PathBuf> {
    let mut files = fs::read_dir(folder).ok()?.flatten();
    files.find(|file| file.file_name().to_string_lossy().starts_with("libstd-")).map(|file| file.path())
}

/// The marker beside a library that we built names this compiler. It is written last, so that a copy which was
/// interrupted has none.
fn is_built_with(library: &Path, version: &str) -> bool {
    fs::read_to_string(library.with_file_name(MARKER)).is_ok_and(|of_library| of_library == version)
}

fn version(toolchain: &Toolchain) -> Result<String> {
    output(rustc(toolchain).arg("-vV"))
}

fn rustc(toolchain: &Toolchain) -> Command {
    let mut rustc = Command::new("rustc");
    if let Some(name) = toolchain.name {
        rustc.arg(format!("+{name}")).env_remove("RUSTUP_TOOLCHAIN");
    }
    rustc
}

fn add_target() -> std::result::Result<(), String> {
    if !exists("rustup") {
        return Err("there is no rustup".to_owned());
    }
    // Without a network rustup repeats itself for minutes.
    let mut rustup = Command::new("timeout");
    rustup.args(["300", "rustup", "target", "add", TARGET]).env("RUSTUP_MAX_RETRIES", "1");
    output(&mut rustup).map(|_| ()).map_err(|error| {
        let text = format!("{error:#}");
        text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it failed").trim().to_owned()
    })
}

fn debian(workspace: &Workspace, needs: &[Need]) -> Result<()> {
    if !exists("rustup") {
        bail!("without rustup a second toolchain cannot be added");
    }
    machine::ensure(&[needs])?;
    step("named Debian's Rust «debian» for rustup", || {
        output(Command::new("rustup").args(["toolchain", "link", "debian", "/usr"])).map(|_| ())
    })?;
    let debian = Toolchain { name: Some("debian") };
    if has_standard_library(&debian) {
        return Ok(());
    }
    if !machine::may_install() {
        bail!("only an administrator may write to {DEBIAN_LIBRARY}: run `cargo xtask run` once as root");
    }
    step("built the wasm standard library from Debian's sources", || {
        let folder = workspace.tools().join("wasm-std");
        let libraries = build_standard_library(&folder)?;
        let marker = folder.join(MARKER);
        fs::write(&marker, version(&debian)?)?;
        // Of two libraries side by side the compiler may take the one that it did not build.
        execute(as_root("rm").args(["-rf", DEBIAN_LIBRARY]))?;
        execute(as_root("mkdir").args(["-p", DEBIAN_LIBRARY]))?;
        execute(as_root("cp").args(&libraries).arg(DEBIAN_LIBRARY))?;
        execute(as_root("cp").arg(&marker).arg(DEBIAN_LIBRARY))
    })
}

/// Builds an empty crate with its own standard library in `folder`; answers with the library's files.
fn build_standard_library(folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    let manifest = "[package]\nname = \"empty\"\nedition = \"2021\"\n\n[workspace]\n";
    fs::write(folder.join("Cargo.toml"), manifest)?;
    let target = folder.join("target");
    // What another compiler left there would be copied as well.
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    execute(
        Command::new("cargo")
            .args(["+debian", "build", "--release", "--target", TARGET])
            .args(["-Z", "build-std=std,panic_abort,panic_unwind,proc_macro"])
            .current_dir(folder)
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO")
            .env_remove("LD_LIBRARY_PATH")
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", &target),
    )?;
    let mut libraries = Vec::new();
    for file in fs::read_dir(target.join(TARGET).join("release/deps"))? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            libraries.push(path);
        }
    }
    Ok(libraries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::children::Scratch;

    #[test]
    fn a_library_of_another_compiler_or_half_a_copy_does_not_count() -> Result<()> {
        let folder = Scratch::new("library")?;
        assert_eq!(standard_library(folder.path()), None);
        fs::write(folder.path().join("libcore-1.rlib"), "")?;
        fs::write(folder.path().join("libstd-1.rlib"), "")?;
        let library = standard_library(folder.path()).context("it is there")?;
        assert!(!is_built_with(&library, "rustc 1.96.0"));
        fs::write(folder.path().join(MARKER), "rustc 1.96.0")?;
        assert!(is_built_with(&library, "rustc 1.96.0"));
        assert!(!is_built_with(&library, "rustc 1.96.1"));
        Ok(())
    }
}
