//! Telephone numbers in the store: sealed, found by keyed hashes.

use crate::store::Tx;
use crate::{Backend, Result};
use model::{NumberId, OrgId, PhoneNumber};

/// The id of a number, made when it is new. Safe in parallel: two callers get the same id.
pub(crate) async fn find_or_make(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    number: &PhoneNumber,
) -> Result<NumberId> {
    unimplemented!()
}

/// The id of a number that is known already.
pub(crate) async fn find(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    number: &PhoneNumber,
) -> Result<Option<NumberId>> {
    unimplemented!()
}

/// Numbers that end in these 4 to 9 digits.
pub(crate) async fn find_by_tail(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    digits: &str,
) -> Result<Vec<NumberId>> {
    unimplemented!()
}

/// Opens a sealed number.
pub(crate) fn open(backend: &Backend, sealed: &[u8]) -> Result<PhoneNumber> {
    unimplemented!()
}
