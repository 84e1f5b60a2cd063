//! Patients by parts of their names and references, without going through all of them.
//!
//! The words of both are kept from their first letter on, from the second, the third and so on: every part of a name is
//! the beginning of one of these. Whoever searches goes from the parts to the patients, and still compares their names.

use super::fold;
use crate::store::{Tx, Value, args};
use crate::{Backend, Result};
use model::{OrgId, PatientId};
use sqlx::AssertSqlSafe;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Characters of the shortest part that is kept.
const SHORTEST: usize = 2;

/// Characters of a part that are kept; what is longer is found by its beginning.
const KEPT: usize = 16;

/// Words of a search that are looked at.
const MAX_WORDS: usize = 8;

/// Parts that are followed to their patients at most: with more of them, going through all patients or conversations
/// meets a page of them sooner.
const FEW: i64 = 1000;

/// The same where there are several words: patients who have all of them may be rare although each word is not.
const FEW_OF_SEVERAL: i64 = 5000;

/// A stretch of the index: parts that begin with the same letters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// The first of them.
    pub(crate) from: String,
    /// What is behind the last of them.
    pub(crate) below: String,
}

impl Parts {
    /// Where every name stands that contains a folded word; nowhere for a single letter, which is in most names.
    fn with(word: &str) -> Option<Self> {
        if word.chars().count() < SHORTEST {
            return None;
        }
        let from: String = word.chars().take(KEPT).collect();
        let below = format!("{from}{}", char::MAX);
        Some(Self { from, below })
    }
}

/// Of the words of a search, where that one stands which the fewest have. `None` where even these are so many, or the
/// words so short, that no way through the index is worth it.
pub(crate) async fn fewest(tx: &mut Tx, org: OrgId, text: &str) -> Result<Option<Parts>> {
    let text = fold(text);
    let words: Vec<Parts> = text.split_whitespace().take(MAX_WORDS).filter_map(Parts::with).collect();
    let bound = if words.len() > 1 { FEW_OF_SEVERAL } else { FEW };
    let mut fewest: Option<(i64, Parts)> = None;
    for parts in words {
        let count = tx
            .number(
                "SELECT COUNT(*) FROM (SELECT np.part FROM patient_name_part np
                                       WHERE np.org_id = $1 AND np.part >= $2 AND np.part < $3 LIMIT $4) f",
                args![org, &parts.from, &parts.below, bound + 1],
            )
            .await?;
        if count <= bound && fewest.as_ref().is_none_or(|(least, _)| count < *least) {
            fewest = Some((count, parts));
        }
    }
    Ok(fewest.map(|(_, parts)| parts))
}

/// Keeps the parts of a patient's name and reference in place of those from before.
pub(super) async fn index(
    tx: &mut Tx,
    org: OrgId,
    id: PatientId,
    name: &str,
    reference: Option<&str>,
) -> Result<()> {
    tx.execute("DELETE FROM patient_name_part WHERE patient_id = $1", args![id]).await?;
    let parts = parts(&fold(name), &reference.map(fold).unwrap_or_default());
    if !parts.is_empty() {
        let rows: Vec<String> = (3..parts.len() + 3).map(|n| format!("($1, $2, ${n})")).collect();
        // Two of them may be equal in the database, which has no U+0000.
        let sql = format!(
            "INSERT INTO patient_name_part (patient_id, org_id, part) VALUES {}
             ON CONFLICT (patient_id, part) DO NOTHING",
            rows.join(", ")
        );
        let mut args = args![id, org];
        args.extend(parts.into_iter().map(Value::from));
        tx.execute(AssertSqlSafe(sql), args).await?;
    }
    tx.execute("UPDATE patient SET name_indexed = $2 WHERE id = $1", args![id, true]).await?;
    Ok(())
}

/// Indexes the names that an older version stored; call it when the product opens, and now and then, since a process of
/// an older version may go on for a while. What finds them compares the folded forms, so
/// [`fold_references`](super::fold_references) is due as well.
pub async fn index_names(backend: &Backend) -> Result<()> {
    loop {
        // Mostly there is nothing to do, and nobody is to wait for that.
        let mut look = backend.store.read().await?;
        let waits = "SELECT COUNT(*) FROM (SELECT id FROM patient WHERE NOT name_indexed LIMIT 1) AS one";
        if look.number(waits, args![]).await? == 0 {
            return Ok(());
        }
        drop(look);
        let mut tx = backend.store.write().await?;
        // SQLite has one writer. On PostgreSQL a name stays as it was read until its parts are written; one that
        // somebody else is changing or indexing is left to them, and to the next time.
        let lock = if tx.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
        let sql = format!(
            "SELECT id, org_id, name, reference FROM patient WHERE NOT name_indexed ORDER BY id LIMIT 500 {lock}"
        );
        let waiting: Vec<(Uuid, Uuid, String, Option<String>)> = tx.all(AssertSqlSafe(sql), args![]).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        for (id, org, name, reference) in waiting {
            index(&mut tx, org.into(), id.into(), &name, reference.as_deref()).await?;
        }
        tx.commit().await?;
    }
}

/// The parts of a folded name and a folded reference, each once.
fn parts(name: &str, reference: &str) -> BTreeSet<String> {
    let words = name.split_whitespace().chain(reference.split_whitespace());
    words
        .flat_map(|word| word.char_indices().map(move |(at, _)| &word[at..]))
        .filter(|rest| rest.chars().count() >= SHORTEST)
        .map(|rest| rest.chars().take(KEPT).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Parts, parts};

    #[test]
    fn every_part_of_a_name_is_the_beginning_of_a_kept_one() {
        let kept = parts("zoë o'hara-with-a-very-long-name", "ä-12");
        assert!(kept.iter().all(|part| (2..=16).contains(&part.chars().count())), "{kept:?}");
        let found = |part: &str| {
            let Parts { from, below } = Parts::with(part).expect("two letters and more");
            kept.iter().any(|kept| *kept >= from && *kept < below)
        };
        for part in ["zo", "zoë", "oë", "hara", "o'h", "a-very-long-name", "me", "ä-1", "12"] {
            assert!(found(part), "{part}");
        }
        // As far as it is kept: names are compared afterwards.
        assert!(found("hara-with-a-very-short-name"));
        assert!(!found("ara'"));
        assert_eq!(Parts::with("ä"), None);
    }
}
