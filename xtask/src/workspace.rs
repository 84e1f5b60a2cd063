use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages that are built and tested for the machine itself. `frontend` is missing on purpose:
/// in one invocation Cargo would unite the features `ssr` and `hydrate` of `app`.
pub(crate) const HOST_PACKAGES: &[&str] =
    &["model", "picture", "providers", "picture-worker", "backend", "app", "server", "preview-worker"];

/// Where this checkout and its build output lie.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Cargo's target folder, wherever the environment or a config file put it.
    pub(crate) target: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        // Asked while running: with a target folder that several checkouts share, Cargo may start the
        // program that was built in another one, which may be gone by now.
        let started_in = std::env::current_dir().context("cannot tell the current folder")?;
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR");
        let root = root(manifest.as_deref().map(Path::new), &started_in)?;
        // This program is `<target>/debug/xtask`, which is the one answer that every way of choosing
        // a target folder agrees with.
        let exe = std::env::current_exe().context("cannot tell where xtask itself lies")?;
        let target = exe.ancestors().nth(2).context("xtask was not started by `cargo xtask`")?;
        Ok(Self { root, target: target.to_owned() })
    }

    /// A folder for things that are installed for this project alone.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// The browser's side as the server hands it out.
    pub(crate) fn site(&self) -> PathBuf {
        self.target.join("site")
    }

    /// Cargo in this workspace. `toolchain` names another toolchain than the one in use.
    pub(crate) fn cargo(&self, toolchain: Option<&str>) -> Command {
        let mut cargo = Command::new("cargo");
        if let Some(name) = toolchain {
            cargo.arg(format!("+{name}")).env_remove("RUSTUP_TOOLCHAIN");
        }
        // What `cargo run` says about xtask must not reach the build scripts of other packages.
        for (name, _) in std::env::vars() {
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(name);
            }
        }
        cargo.env_remove("CARGO").env_remove("LD_LIBRARY_PATH");
        cargo.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        cargo
    }

    /// The version of `package` in `Cargo.lock`.
    pub(crate) fn locked_version(&self, package: &str) -> Result<String> {
        let lock = fs::read_to_string(self.root.join("Cargo.lock")).context("cannot read Cargo.lock")?;
        locked_version(&lock, package).with_context(|| format!("Cargo.lock does not name {package}"))
    }
}

/// The checkout that is meant: the one whose `cargo xtask` was called (`manifest` is the folder that
/// Cargo names for it), else the one around the current folder.
fn root(manifest: Option<&Path>, started_in: &Path) -> Result<PathBuf> {
    let from = manifest.unwrap_or(started_in);
    let root = from.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    root.map(Path::to_owned)
        .with_context(|| format!("there is no Cargo.lock above {}; use `cargo xtask`", from.display()))
}

fn locked_version(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"').map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_is_the_one_that_called_and_not_the_one_that_built() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        for checkout in [&one, &other] {
            fs::create_dir_all(checkout.join("xtask"))?;
            fs::write(checkout.join("Cargo.lock"), "")?;
        }
        assert_eq!(root(Some(&one.join("xtask")), &other)?, one);
        assert_eq!(root(None, &other.join("xtask"))?, other);
        assert!(root(None, folder.path()).is_err());
        Ok(())
    }

    #[test]
    fn a_locked_version_is_that_of_the_whole_name() {
        let lock = "[[package]]\nname = \"wasm-bindgen-cli-support\"\nversion = \"0.2.1\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.2\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen").as_deref(), Some("0.2.2"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }
}
