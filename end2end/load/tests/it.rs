//! The crash test, short: a server that is killed a few times.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use load::torture::{Engine, Plan, Verdict, run};
use std::path::{Path, PathBuf};

/// What the runner of the tests names: a program or a folder of programs.
fn given(name: &str) -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
    let value = std::env::var_os(name);
    value
        .unwrap_or_else(|| panic!("{name} is not set: `cargo xtask test http` names what this test needs"))
        .into()
}

fn plan(engine: Engine, root: &Path) -> Plan {
    Plan {
        engine,
        kills: 4,
        messages: 60,
        seed: 20_260_804,
        // Two processes that answer and two that work, where the database can be shared.
        several: engine == Engine::Postgres,
        short: true,
        heliograph: given("HELIOGRAPH_BIN"),
        postgres: given("HELIOGRAPH_TEST_POSTGRES_PROGRAMS"),
        weed: given("HELIOGRAPH_TEST_WEED"),
        folder: root.join(engine.as_str()),
    }
}

fn assert_good(verdict: &Verdict, root: &Path) {
    println!("{verdict}");
    assert!(verdict.is_good(), "databases, photos and logs are kept in {}\n{verdict}", root.display());
    assert!(verdict.kills >= 4, "{verdict}");
    assert!(verdict.photos > 0 && verdict.fetched > 0, "no photo came or went\n{verdict}");
    assert!(verdict.inbound > 40 && verdict.outbound > 40, "too few messages to prove anything\n{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nobody_is_texted_twice_while_the_server_is_killed() {
    let root = std::env::temp_dir().join(format!("heliograph-torture-test-{}", std::process::id()));
    let (sqlite, postgres) = (plan(Engine::Sqlite, &root), plan(Engine::Postgres, &root));
    // Side by side, since most of both is waiting.
    let (sqlite, postgres) = tokio::join!(Box::pin(run(&sqlite)), Box::pin(run(&postgres)));
    for verdict in [sqlite, postgres] {
        assert_good(&verdict.unwrap(), &root);
    }
    std::fs::remove_dir_all(&root).unwrap();
}
