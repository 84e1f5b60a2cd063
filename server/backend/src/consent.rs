//! The ledger of what a number agreed to or withdrew.

use crate::store::Tx;
use crate::{Backend, Caller, Result};
use model::{ConversationId, NumberId, OrgId};

/// The number withdrew its consent and has not given it again.
pub(crate) async fn withdrawn(tx: &mut Tx, org: OrgId, number: NumberId) -> Result<bool> {
    unimplemented!()
}

/// Staff record that the patient wishes to be written to again, and why.
pub async fn record_consent(
    backend: &Backend,
    caller: &Caller,
    conversation: ConversationId,
    reason: &str,
) -> Result<()> {
    unimplemented!()
}
