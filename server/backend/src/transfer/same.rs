//! Whether two databases are one: copied onto itself, everything would be equal in both, and nothing would have moved.

use crate::Result;
use crate::clock::random_bytes;
use crate::store::{Store, Tx, args};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

/// Whether both are the same database, by whatever address each is reached. Writes nothing.
pub(super) async fn is_one_database(from: &Store, to: &Store) -> Result<bool> {
    let (mut ours, mut theirs) = (from.snapshot().await?, to.snapshot().await?);
    match (ours.is_postgres(), theirs.is_postgres()) {
        (true, true) => is_one_on_postgres(&mut ours, &mut theirs).await,
        (false, false) => {
            let (ours, theirs) = (file(&mut ours).await?, file(&mut theirs).await?);
            Ok(ours.is_some() && ours == theirs)
        }
        _ => Ok(false),
    }
}

/// What one connection has locked, no other can lock in the same database; in another one it can. An address would not
/// tell: a server has many, and poolers have their own.
async fn is_one_on_postgres(ours: &mut Tx, theirs: &mut Tx) -> Result<bool> {
    const LOCK: &str = "SELECT CAST(CASE WHEN pg_try_advisory_xact_lock($1) THEN 1 ELSE 0 END AS BIGINT)";
    const SCHEMA: &str = "SELECT current_schema()::text";
    let lock = i64::from_le_bytes(random_bytes());
    let locked = ours.number(LOCK, args![lock]).await? == 1;
    let is_free = theirs.number(LOCK, args![lock]).await? == 1;
    let our_schema: Option<(Option<String>,)> = ours.one(SCHEMA, args![]).await?;
    let their_schema: Option<(Option<String>,)> = theirs.one(SCHEMA, args![]).await?;
    Ok(locked && !is_free && our_schema == their_schema)
}

/// The file of a SQLite database, as its file system knows it: it may have several paths.
async fn file(tx: &mut Tx) -> Result<Option<(u64, u64)>> {
    // As bytes, since a path need not be a text.
    const FILE: &str = "SELECT CAST(file AS BLOB) FROM pragma_database_list WHERE name = 'main'";
    let row: Option<(Vec<u8>,)> = tx.one(FILE, args![]).await?;
    let facts = row.and_then(|(path,)| std::fs::metadata(OsStr::from_bytes(&path)).ok());
    Ok(facts.map(|facts| (facts.dev(), facts.ino())))
}
