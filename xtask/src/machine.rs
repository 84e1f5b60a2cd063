//! What the machine itself must have: packages of the operating system.

use crate::process::{execute, exists, output, step, succeeds};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;

/// Something a Debian package brings, and how to see that it is there.
pub(crate) struct Need {
    package: &'static str,
    present: fn() -> bool,
}

/// libheif (C++, CMake) and its decoder; libjpeg-turbo wants an assembler to be fast.
pub(crate) const TO_BUILD: &[Need] = &[
    Need { package: "g++", present: || exists("c++") || exists("g++") },
    Need { package: "make", present: || exists("make") },
    Need { package: "cmake", present: || exists("cmake") },
    Need { package: "nasm", present: || exists("nasm") },
    Need { package: "pkg-config", present: || exists("pkg-config") },
    Need { package: "libde265-dev", present: || pkg_config_knows("libde265") },
];

/// A private environment for what comes from the Python package index.
pub(crate) const FOR_PYTHON: &[Need] = &[Need {
    package: "python3-venv",
    present: || succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])),
}];

/// A database server, and what the page about the API tells its readers to use: its test runs those lines.
pub(crate) const FOR_NATIVE_TESTS: &[Need] = &[
    Need { package: "postgresql", present: || postgres_binaries().is_some() },
    Need { package: "curl", present: || exists("curl") },
    Need { package: "jq", present: || exists("jq") },
    Need { package: "openssl", present: || exists("openssl") },
];

pub(crate) const FOR_BROWSER: &[Need] = &[Need { package: "chromium", present: || exists("chromium") }];

/// Debian's Rust with the sources of its standard library, its linker for wasm, and its linter.
pub(crate) const FOR_DEBIAN_WASM: &[Need] = &[
    Need { package: "rustc-web", present: || Path::new("/usr/bin/rustc").exists() },
    Need { package: "cargo-web", present: || Path::new("/usr/bin/cargo").exists() },
    Need {
        package: "rust-web-src",
        present: || Path::new("/usr/lib/rustlib/src/rust/library/std/Cargo.toml").exists(),
    },
    Need { package: "rust-web-llvm", present: || exists("rust-lld") },
    Need { package: "lld-22", present: || exists("lld-22") },
];

/// Readers of shell scripts and of systemd's units.
pub(crate) const TO_LINT_DEPLOYMENT: &[Need] = &[
    Need { package: "shellcheck", present: || exists("shellcheck") },
    Need { package: "systemd", present: || exists("systemd-analyze") },
];

pub(crate) const FOR_DEBIAN_CLIPPY: &[Need] =
    &[Need { package: "rust-web-clippy", present: || Path::new("/usr/bin/cargo-clippy").exists() }];

/// Installs the packages that are missing, or says which command would. Whoever will need several kinds of them names
/// all at once and before the first long build, so that an administrator is asked for once.
///
/// # Errors
/// Where this user may not install packages, with the command that one who may should run.
pub(crate) fn ensure(needs: &[&[Need]]) -> Result<()> {
    let missing: Vec<&str> =
        needs.iter().copied().flatten().filter(|need| !(need.present)()).map(|need| need.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !exists("apt-get") {
        bail!("missing, and this is not a Debian to install it on: {list} (the names are Debian's)");
    }
    if !may_install() {
        bail!(
            "something is missing that only an administrator can install. Run this, then try again:\n\n    {}\n",
            command(&missing)
        );
    }
    step(&format!("installed {list}"), || {
        execute(apt_get().args(["update", "--quiet"]))?;
        execute(apt_get().args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(&missing))
    })
}

/// What an administrator runs. A machine that was just set up knows no packages until it is told to look.
fn command(packages: &[&str]) -> String {
    let packages = packages.join(" ");
    format!("sudo apt-get update && sudo apt-get install --yes --no-install-recommends {packages}")
}

/// A command that runs as root: as it is for root, through sudo for the others.
pub(crate) fn as_root(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut sudo = Command::new("sudo");
    sudo.args(["--non-interactive", program]);
    sudo
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub(crate) fn may_install() -> bool {
    is_root() || succeeds(Command::new("sudo").args(["--non-interactive", "true"]))
}

/// The folder of the newest PostgreSQL installed the Debian way, where `initdb` is not on the search
/// path, or of the one that is.
pub(crate) fn postgres_binaries() -> Option<std::path::PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = debian
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let folder = entry.path().join("bin");
            folder.join("initdb").exists().then_some((version, folder))
        })
        .max();
    if let Some((_, folder)) = newest {
        return Some(folder);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|folder| folder.join("initdb").is_file())
}

fn pkg_config_knows(library: &str) -> bool {
    output(Command::new("pkg-config").args(["--exists", library])).is_ok()
}

fn apt_get() -> Command {
    // `env` so that the setting survives sudo.
    let mut command = as_root("env");
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_for_an_administrator_works_on_a_machine_that_was_just_set_up() {
        assert_eq!(
            command(&["cmake", "nasm"]),
            "sudo apt-get update && sudo apt-get install --yes --no-install-recommends cmake nasm"
        );
    }
}
