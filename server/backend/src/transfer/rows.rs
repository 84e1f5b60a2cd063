//! Rows from one database into another, page by page.

use super::refused;
use super::tables::{Table, quoted};
use crate::Result;
use crate::store::{Store, Tx, Value, args};
use sqlx::AssertSqlSafe;

type Row = Vec<Value>;

/// Makes the rows of `to` those of `from`; each page in a transaction of its own, so that what was copied stays copied.
/// Answers how many rows it wrote.
pub(super) async fn copy(from: &mut Tx, to: &Store, table: &Table) -> Result<u64> {
    let mut written = 0;
    let mut last = None;
    loop {
        let page = page(from, table, last.as_ref()).await?;
        let Some(end) = page.last() else { return Ok(written) };
        last = Some(key_of(table, end));
        let mut tx = to.write().await?;
        let there = with_keys(&mut tx, table, &page).await?;
        let missing: Vec<&Row> = page.iter().filter(|row| !there.contains(row)).collect();
        if missing.is_empty() {
            continue;
        }
        let values = missing.iter().flat_map(|row| row.iter().cloned()).collect();
        tx.execute(AssertSqlSafe(table.upsert(missing.len())), values).await?;
        tx.commit().await?;
        written += missing.len() as u64;
    }
}

/// How many rows `to` has that `from` has not; counting ends with the first page that has any.
pub(super) async fn foreign(from: &mut Tx, to: &mut Tx, table: &Table) -> Result<usize> {
    let table = table.only_keys();
    let mut last = None;
    loop {
        let page = page(to, &table, last.as_ref()).await?;
        let Some(end) = page.last() else { return Ok(0) };
        last = Some(key_of(&table, end));
        let foreign = page.len() - with_keys(from, &table, &page).await?.len();
        if foreign > 0 {
            return Ok(foreign);
        }
    }
}

/// Compares every value of every row. Answers how many rows there are.
///
/// # Errors
/// `Conflict` where a row differs or is in one of the two only.
pub(super) async fn verify(from: &mut Tx, to: &mut Tx, table: &Table) -> Result<u64> {
    let differs = || refused(format!("{} is not the same in both databases. Run this again.", table.name()));
    let mut rows = 0;
    let mut last = None;
    loop {
        let page = page(from, table, last.as_ref()).await?;
        let Some(end) = page.last() else { break };
        last = Some(key_of(table, end));
        let there = with_keys(to, table, &page).await?;
        if page.iter().any(|row| !there.contains(row)) {
            return Err(differs());
        }
        rows += page.len() as u64;
    }
    match u64::try_from(count(to, table.name()).await?) {
        Ok(there) if there == rows => Ok(rows),
        _ => Err(differs()),
    }
}

/// How many rows a table has.
pub(super) async fn count(tx: &mut Tx, table: &str) -> Result<i64> {
    Ok(tx.number(AssertSqlSafe(format!("SELECT COUNT(*) FROM {}", quoted(table))), args![]).await?)
}

async fn page(tx: &mut Tx, table: &Table, after: Option<&Row>) -> Result<Vec<Row>> {
    let sql = format!("{} LIMIT {}", table.select(after.is_some()), table.page());
    let args = after.cloned().unwrap_or_default();
    Ok(tx.values(AssertSqlSafe(sql), args, &table.kinds()).await?)
}

async fn with_keys(tx: &mut Tx, table: &Table, rows: &[Row]) -> Result<Vec<Row>> {
    let keys = rows.iter().flat_map(|row| key_of(table, row)).collect();
    Ok(tx.values(AssertSqlSafe(table.select_by_keys(rows.len())), keys, &table.kinds()).await?)
}

fn key_of(table: &Table, row: &Row) -> Row {
    row[..table.keys()].to_vec()
}
