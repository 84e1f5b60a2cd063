//! Carriers that sign nothing prove themselves by a long secret that only they were told: in the address that
//! was pasted into their console, or in a header that they can be made to send.

use crate::{Account, WebhookRequest};
use subtle::ConstantTimeEq;

/// The query parameter of a webhook address that carries the secret.
pub const SECRET_PARAMETER: &str = "key";

/// The header that may carry it instead, where a carrier sends headers of our choice.
pub const SECRET_HEADER: &str = "x-heliograph-key";

/// Whether the request carries one of the account's secrets: the current one, or the one before while they
/// are being exchanged.
pub(crate) fn holds(account: &Account, request: &WebhookRequest) -> bool {
    let given: Vec<String> = request
        .query()
        .filter(|(name, _)| name == SECRET_PARAMETER)
        .map(|(_, value)| value.into_owned())
        .chain(request.header(SECRET_HEADER).map(str::to_owned))
        .collect();
    // Every pair is compared to its end, so that time tells nothing.
    let mut holds = subtle::Choice::from(0);
    for secret in &account.webhook_secrets {
        for given in &given {
            holds |= secret.as_bytes().ct_eq(given.as_bytes());
        }
    }
    holds.into()
}
