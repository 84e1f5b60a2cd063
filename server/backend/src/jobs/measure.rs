//! What the database knows of the state of the work, for `/metrics`: counts and ages, never a person.

use super::Job;
use crate::store::{Tx, args};
use crate::{Backend, Result};
use model::Millis;

/// States in which a job stands.
const JOB_STATES: [&str; 3] = ["ready", "running", "failed"];

/// States of a webhook that is not done with.
const OPEN_STATES: [&str; 3] = ["pending", "poisoned", "quarantined"];

/// What fulfils one condition: how many rows, and the oldest one's instant.
type Counted = (i64, Option<Millis>);

/// Records for the operator how much waits, since when, and how much stands aside.
pub async fn measure(backend: &Backend) -> Result<()> {
    let now = backend.clock.now();
    let mut tx = backend.store.read().await?;
    measure_journal(&mut tx, now).await?;
    measure_jobs(&mut tx, now).await?;
    let uncertain = tx.number("SELECT COUNT(*) FROM message WHERE state = 'uncertain'", args![]).await?;
    metrics::gauge!("messages_uncertain").set(uncertain as f64);
    Ok(())
}

async fn measure_journal(tx: &mut Tx, now: Millis) -> Result<()> {
    // By organisation, so that the index on their states answers, however long the journal is.
    let rows: Vec<(String, i64, Option<Millis>)> = tx
        .all(
            "SELECT j.state, COUNT(*), MIN(j.received_at) FROM organisation o CROSS JOIN journal_entry j
             WHERE j.org_id = o.id AND j.state IN ('pending', 'poisoned', 'quarantined') GROUP BY j.state",
            args![],
        )
        .await?;
    let [pending, poisoned, quarantined] = OPEN_STATES.map(|state| -> Counted {
        let found = rows.iter().find(|(of, ..)| of == state);
        found.map_or((0, None), |(_, count, oldest)| (*count, *oldest))
    });
    metrics::gauge!("journal_pending").set(pending.0 as f64);
    metrics::gauge!("journal_oldest_pending_seconds").set(seconds_since(pending.1, now));
    metrics::gauge!("webhooks_poisoned").set(poisoned.0 as f64);
    metrics::gauge!("webhooks_quarantined").set(quarantined.0 as f64);
    Ok(())
}

async fn measure_jobs(tx: &mut Tx, now: Millis) -> Result<()> {
    let rows: Vec<(String, String, i64, Option<Millis>)> =
        tx.all("SELECT kind, state, COUNT(*), MIN(run_at) FROM job GROUP BY kind, state", args![]).await?;
    // Kinds that this version does not know may be left of another one.
    let mut kinds: Vec<&str> = Job::KINDS.to_vec();
    kinds.extend(rows.iter().map(|(kind, ..)| kind.as_str()));
    kinds.sort_unstable();
    kinds.dedup();
    let counted = |kind: &str, state: &str| -> Counted {
        let found = rows.iter().find(|(of, stands, ..)| of == kind && stands == state);
        found.map_or((0, None), |(_, _, count, due)| (*count, *due))
    };
    for kind in kinds {
        let name = name_of(kind).to_owned();
        for state in JOB_STATES {
            let jobs = counted(kind, state).0;
            metrics::gauge!("jobs", "kind" => name.clone(), "state" => state).set(jobs as f64);
        }
        let (_, due) = counted(kind, "ready");
        metrics::gauge!("jobs_oldest_due_seconds", "kind" => name).set(seconds_since(due, now));
    }
    let failed: i64 =
        rows.iter().filter(|(_, state, ..)| state == "failed").map(|(.., count, _)| count).sum();
    metrics::gauge!("jobs_failed").set(failed as f64);
    Ok(())
}

/// A kind without the version of its payload: `fetch_media` of `fetch_media.v1`.
pub(super) fn name_of(kind: &str) -> &str {
    kind.split_once(".v").map_or(kind, |(name, _)| name)
}

/// 0 for what lies ahead, and where there is nothing.
fn seconds_since(at: Option<Millis>, now: Millis) -> f64 {
    at.map_or(0, |at| (now - at).max(0)) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_never_negative() {
        assert_eq!(seconds_since(Some(1_000), 3_500).to_string(), "2.5");
        assert_eq!(seconds_since(Some(5_000), 3_500).to_string(), "0");
        assert_eq!(seconds_since(None, 3_500).to_string(), "0");
    }

    #[test]
    fn kinds_are_named_without_their_version() {
        assert_eq!(name_of("fetch_media.v1"), "fetch_media");
        assert_eq!(name_of("of_another_form"), "of_another_form");
    }
}
