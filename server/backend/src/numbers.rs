//! Telephone numbers in the store: sealed, found by keyed hashes.

use crate::keys::Purpose;
use crate::store::{Tx, args};
use crate::{Backend, Error, Result};
use model::{NumberId, OrgId, PhoneNumber};
use std::ops::RangeInclusive;
use uuid::Uuid;

/// How many last digits a number can be found by.
pub const TAIL_DIGITS: RangeInclusive<usize> = 4..=9;

/// The id of a number, made when it is new. Safe in parallel: two callers get the same id.
pub(crate) async fn find_or_make(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    number: &PhoneNumber,
) -> Result<NumberId> {
    let hash = backend.keys.hash_number(number);
    let id: NumberId = backend.clock.new_id();
    let made = tx
        .execute(
            "INSERT INTO number (id, org_id, hash, e164_sealed, created_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (org_id, hash) DO NOTHING",
            args![
                id,
                org,
                hash,
                backend.keys.seal(Purpose::Number, number.as_e164().as_bytes()),
                backend.clock.now()
            ],
        )
        .await?;
    if made == 0 {
        return find(backend, tx, org, number).await?.ok_or(Error::Inconsistent("a number vanished"));
    }
    let digits = number.digits();
    for length in TAIL_DIGITS.filter(|&length| length <= digits.len()) {
        tx.execute(
            "INSERT INTO number_tail (org_id, tail_hash, number_id) VALUES ($1, $2, $3)",
            args![org, backend.keys.hash_tail(&digits[digits.len() - length..]), id],
        )
        .await?;
    }
    Ok(id)
}

/// The id of a number that is known already.
pub(crate) async fn find(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    number: &PhoneNumber,
) -> Result<Option<NumberId>> {
    let row: Option<(Uuid,)> = tx
        .one(
            "SELECT id FROM number WHERE org_id = $1 AND hash = $2",
            args![org, backend.keys.hash_number(number)],
        )
        .await?;
    Ok(row.map(|(id,)| id.into()))
}

/// Numbers that end in these 4 to 9 digits.
pub(crate) async fn find_by_tail(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    digits: &str,
) -> Result<Vec<NumberId>> {
    let rows: Vec<(Uuid,)> = tx
        .all(
            "SELECT number_id FROM number_tail WHERE org_id = $1 AND tail_hash = $2 LIMIT 500",
            args![org, backend.keys.hash_tail(digits)],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

/// Opens a sealed number.
pub(crate) fn open(backend: &Backend, sealed: &[u8]) -> Result<PhoneNumber> {
    let plain = backend.keys.open(Purpose::Number, sealed)?;
    std::str::from_utf8(&plain)
        .ok()
        .and_then(|text| PhoneNumber::from_e164(text).ok())
        .ok_or(Error::Inconsistent("a stored number is not E.164"))
}

/// Numbers that a search text may mean: a whole number in any format, or its last digits. Empty where the text is
/// neither; then it may be part of a name.
pub(crate) async fn search(backend: &Backend, tx: &mut Tx, org: OrgId, text: &str) -> Result<Vec<NumberId>> {
    let country = crate::organisations::country(tx, org).await?;
    if let Ok(number) = PhoneNumber::parse(text, country) {
        return Ok(find(backend, tx, org, &number).await?.into_iter().collect());
    }
    let spelt_as_number =
        text.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || "+-.()".contains(c));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if spelt_as_number && TAIL_DIGITS.contains(&digits.len()) {
        return find_by_tail(backend, tx, org, &digits).await;
    }
    Ok(Vec::new())
}
