//! Telephone numbers, and the few senders that have none, in the store: sealed, found by keyed hashes.

use crate::keys::Purpose;
use crate::store::{Tx, args};
use crate::{Backend, Error, Result};
use model::{Address, NumberId, OrgId, PhoneNumber};
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
    find_or_make_written(backend, tx, org, number.as_e164()).await
}

/// As [`find_or_make`], for whoever wrote to a line.
pub(crate) async fn find_or_make_sender(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    sender: &Address,
) -> Result<NumberId> {
    find_or_make_written(backend, tx, org, sender.as_str()).await
}

async fn find_or_make_written(backend: &Backend, tx: &mut Tx, org: OrgId, address: &str) -> Result<NumberId> {
    // Most are known.
    if let Some(known) = find(backend, tx, org, address).await? {
        return Ok(known);
    }
    let hash = backend.keys.hash_address(address);
    let id: NumberId = backend.clock.new_id();
    let made = tx
        .execute(
            "INSERT INTO number (id, org_id, hash, address_sealed, created_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (org_id, hash) DO NOTHING",
            args![id, org, hash, backend.keys.seal(Purpose::Number, address.as_bytes()), backend.clock.now()],
        )
        .await?;
    if made == 0 {
        return find(backend, tx, org, address).await?.ok_or(Error::Inconsistent("a number vanished"));
    }
    let digits = address.strip_prefix('+').unwrap_or(address);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    for length in TAIL_DIGITS.filter(|&length| is_number && length <= digits.len()) {
        tx.execute(
            "INSERT INTO number_tail (org_id, tail_hash, number_id) VALUES ($1, $2, $3)",
            args![org, backend.keys.hash_tail(&digits[digits.len() - length..]), id],
        )
        .await?;
    }
    Ok(id)
}

/// The id of what is known already, as the store writes it.
async fn find(backend: &Backend, tx: &mut Tx, org: OrgId, address: &str) -> Result<Option<NumberId>> {
    let row: Option<(Uuid,)> = tx
        .one(
            "SELECT id FROM number WHERE org_id = $1 AND hash = $2",
            args![org, backend.keys.hash_address(address)],
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

/// Opens the sealed number of someone who has one: a line, or a patient.
pub(crate) fn open(backend: &Backend, sealed: &[u8]) -> Result<PhoneNumber> {
    match open_address(backend, sealed)? {
        Address::Number(number) => Ok(number),
        Address::Sender(_) => Err(Error::Inconsistent("a stored number is not E.164")),
    }
}

/// Opens the sealed other side of a conversation.
pub(crate) fn open_address(backend: &Backend, sealed: &[u8]) -> Result<Address> {
    let plain = backend.keys.open(Purpose::Number, sealed)?;
    let text = String::from_utf8(plain).map_err(|_| Error::Inconsistent("a stored number is no text"))?;
    Ok(text.into())
}

/// # Errors
/// What `refused` makes where the conversation's other side has no telephone number.
pub(crate) async fn require_number(
    backend: &Backend,
    tx: &mut Tx,
    id: NumberId,
    refused: impl FnOnce() -> Error,
) -> Result<()> {
    let row: Option<(Vec<u8>,)> =
        tx.one("SELECT address_sealed FROM number WHERE id = $1", args![id]).await?;
    let (sealed,) = row.ok_or(Error::Inconsistent("a number vanished"))?;
    match open_address(backend, &sealed)? {
        Address::Number(_) => Ok(()),
        Address::Sender(_) => Err(refused()),
    }
}

/// Numbers that a search text may mean: a whole number in any format, its last digits, or another sender exactly as
/// it is written. Empty where the text is none of these; then it may be part of a name.
pub(crate) async fn search(backend: &Backend, tx: &mut Tx, org: OrgId, text: &str) -> Result<Vec<NumberId>> {
    let country = crate::organisations::country(tx, org).await?;
    if let Ok(number) = PhoneNumber::parse(text, country) {
        return Ok(find(backend, tx, org, number.as_e164()).await?.into_iter().collect());
    }
    if let Some(sender) = find(backend, tx, org, text).await? {
        return Ok(vec![sender]);
    }
    let spelt_as_number =
        text.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || "+-.()".contains(c));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if spelt_as_number && TAIL_DIGITS.contains(&digits.len()) {
        return find_by_tail(backend, tx, org, &digits).await;
    }
    Ok(Vec::new())
}
