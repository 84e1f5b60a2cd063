//! The server's program and the tests of everything that runs on the machine itself.

use crate::process::{execute, step};
use crate::workspace::{HOST_PACKAGES, Workspace};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

/// Builds the server as the tests use it; answers with the program's path. Whatever works on pixels is optimised in
/// it too, pages take some milliseconds, and it is there in half the time of a release build.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    step("built the server", || {
        execute(workspace.cargo(None).args(["build", "--locked", "--bins"]).args(selection()))
    })?;
    Ok(workspace.target.join("debug/heliograph"))
}

/// What one build of all tests left behind.
pub(crate) struct BuiltTests {
    pub(crate) programs: Vec<TestProgram>,
    /// `heliograph`, where an integration test made Cargo build it beside the tests.
    server: Option<PathBuf>,
}

impl BuiltTests {
    /// The debug server for the browser's journeys. The same selection of packages as for the tests
    /// compiles hardly anything anew.
    pub(crate) fn server(&self, workspace: &Workspace) -> Result<PathBuf> {
        if let Some(path) = &self.server {
            return Ok(path.clone());
        }
        build(workspace)
    }
}

/// One compiled test program.
pub(crate) struct TestProgram {
    pub(crate) package: String,
    /// The name of the target: the library's, the binary's, or the file under `tests/`.
    pub(crate) name: String,
    /// Whether it lies under `tests/`, beside the code rather than inside it.
    pub(crate) integration: bool,
    pub(crate) path: PathBuf,
    /// The folder of the package, where Cargo would start it.
    pub(crate) folder: PathBuf,
}

/// The arguments that select the host's packages, the same in every invocation: another selection
/// would unite other features and build the dependencies again.
pub(crate) fn selection() -> impl Iterator<Item = &'static str> {
    HOST_PACKAGES.iter().flat_map(|package| ["--package", *package])
}

/// Builds every test of the host's packages, the short crash test, and the debug server in one invocation.
pub(crate) fn build_tests(workspace: &Workspace) -> Result<BuiltTests> {
    let mut cargo = workspace.cargo(None);
    cargo.args(["test", "--locked", "--no-run", "--lib", "--bins", "--tests"]);
    cargo.arg("--message-format=json-render-diagnostics").args(selection());
    cargo.args(["--package", "load"]);
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let stdout = child.stdout.take().context("cargo's output is piped")?;
    let mut programs = Vec::new();
    let mut server = None;
    for line in BufReader::new(stdout).lines() {
        let Ok(artifact) = serde_json::from_str::<Artifact>(&line?) else { continue };
        let Some(path) = artifact.executable else { continue };
        let manifest = PathBuf::from(&artifact.manifest_path);
        let folder = manifest.parent().context("a manifest lies in a folder")?.to_owned();
        if !artifact.profile.test {
            if artifact.target.name == "heliograph" {
                server = Some(path);
            }
            continue;
        }
        programs.push(TestProgram {
            package: package_name(&artifact.package_id).to_owned(),
            integration: artifact.target.kind.iter().any(|kind| kind == "test"),
            name: artifact.target.name,
            path,
            folder,
        });
    }
    if !child.wait()?.success() {
        bail!("the tests do not compile");
    }
    programs.sort_by(|a, b| (&a.package, &a.name).cmp(&(&b.package, &b.name)));
    Ok(BuiltTests { programs, server })
}

#[derive(Deserialize)]
struct Artifact {
    package_id: String,
    manifest_path: String,
    target: Target,
    profile: Profile,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// The name inside Cargo's package id: `path+file:///folder/name#0.1.0`, or `…#name@0.1.0` where the
/// folder is named otherwise.
fn package_name(id: &str) -> &str {
    let (source, rest) = id.rsplit_once('#').unwrap_or((id, ""));
    match rest.split_once('@') {
        Some((name, _)) => name,
        None => source.rsplit('/').next().unwrap_or(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_id_names_its_package() {
        assert_eq!(package_name("path+file:///home/a/server/backend#0.1.0"), "backend");
        assert_eq!(package_name("path+file:///home/a/folder#backend@0.1.0"), "backend");
    }
}
