//! The journeys of `end2end`, in Chromium against the debug server and the bundled site.

use super::Tally;
use crate::process::line;
use crate::tools::Node;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fs;
use std::path::Path;
use std::time::Instant;

pub(super) fn run(workspace: &Workspace, server: &Path, site: &Path) -> Result<Tally> {
    let folder = workspace.root.join("end2end");
    let node = Node::find(workspace)?;
    node.install_locked(&folder)?;
    let started = Instant::now();
    let report = workspace.target.join("end2end.json");
    // A report of an earlier run must not speak for this one.
    let _ = fs::remove_file(&report);
    let status = node
        .command()?
        .args(["node_modules/@playwright/test/cli.js", "test"])
        .current_dir(&folder)
        .env("HELIOGRAPH_BIN", server)
        .env("HELIOGRAPH_SITE", site)
        .env("HELIOGRAPH_REPORT", &report)
        .status()
        .context("cannot start Playwright")?;
    let mut tally = match fs::read(&report) {
        Ok(json) => tally(&json)?,
        Err(_) => Tally::default(),
    };
    if !status.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    line(started, &format!("ran the browser journeys: {} passed, {} failed", tally.passed, tally.failed));
    Ok(tally)
}

/// Playwright's JSON report. A journey that only passed the second time has failed, and so has one
/// that was left out.
fn tally(report: &[u8]) -> Result<Tally> {
    #[derive(Deserialize)]
    struct Report {
        stats: Stats,
    }
    #[derive(Deserialize)]
    struct Stats {
        expected: u64,
        unexpected: u64,
        flaky: u64,
        skipped: u64,
    }
    let Report { stats } =
        serde_json::from_slice(report).context("Playwright's report is not what it was")?;
    Ok(Tally { passed: stats.expected, failed: stats.unexpected + stats.flaky + stats.skipped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journey_that_was_left_out_has_failed() -> Result<()> {
        let report =
            br#"{"stats": {"expected": 5, "unexpected": 1, "flaky": 1, "skipped": 2, "duration": 1.5}}"#;
        assert_eq!(tally(report)?, Tally { passed: 5, failed: 4 });
        Ok(())
    }
}
