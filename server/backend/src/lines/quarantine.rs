//! The way out of quarantine: most webhooks that do not verify are genuine, and the line's credentials or the
//! server's public address are wrong.

use super::row::Row;
use crate::inbox;
use crate::keys::Purpose;
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, audit, live};
use model::line::ProviderKind;
use model::live::Change;
use model::staff::Permission;
use model::{JournalEntryId, LineAccountId};
use providers::{Verification, WebhookRequest};
use uuid::Uuid;

/// Checks an account's webhooks in quarantine once more, by today's credentials and addresses. What holds is read as if
/// it had just come; `release` reads what does not hold too, on the word of an admin who knows that it is genuine.
/// Answers how many left quarantine.
///
/// # Errors
/// `NotFound` for an account that is not there.
pub async fn check_again(
    backend: &Backend,
    caller: &Caller,
    account: LineAccountId,
    release: bool,
) -> Result<u32> {
    caller.require(Permission::ManageLines)?;
    let mut tx = backend.store.write().await?;
    // One that was taken away as well: its addresses go on working, and what comes there is not to be lost.
    let row = Row::in_org_or_removed(&mut tx, caller.org_id, account).await?;
    let row = row.ok_or_else(|| Error::not_found("carrier"))?;
    let mut left = look_again(backend, &mut tx, account).await?;
    if release {
        left += read_all(backend, &mut tx, account, Verification::Off).await?;
        audit::note(backend, &mut tx, caller, "line.release", "line", Some(row.line_id().0)).await?;
    }
    if left > 0 {
        live::record(backend, &mut tx, caller.org_id, Change::SettingsChanged)?;
    }
    tx.commit().await?;
    backend.live.wake(caller.org_id);
    Ok(left)
}

/// Checks an account's webhooks in quarantine by what is known of it now.
pub(super) async fn look_again(backend: &Backend, tx: &mut Tx, account: LineAccountId) -> Result<u32> {
    read_all(backend, tx, account, Verification::Enforce).await
}

/// Moves on whatever passes, oldest first. An entry that was sent twice meanwhile is dropped.
async fn read_all(
    backend: &Backend,
    tx: &mut Tx,
    account: LineAccountId,
    verification: Verification,
) -> Result<u32> {
    let rows: Vec<(Uuid, Vec<u8>, Option<String>)> = tx
        .all(
            "SELECT id, request_sealed, provider FROM journal_entry
             WHERE account_id = $1 AND state = 'quarantined' ORDER BY received_at, id",
            args![account],
        )
        .await?;
    let mut left = 0;
    for (id, sealed, provider) in rows {
        let through = provider.as_deref().and_then(ProviderKind::from_word);
        let route = super::route_in(backend, tx, account, through).await?;
        let mut route = route.ok_or(Error::Inconsistent("a journalled webhook of no account"))?;
        route.account.verification = verification;
        let raw = backend.keys.open(Purpose::Journal, &sealed)?;
        let Ok(request) = serde_json::from_slice::<WebhookRequest>(&raw) else { continue };
        if verification == Verification::Enforce && !route.addresses.allows(request.client) {
            continue;
        }
        let Ok(received) = providers::for_kind(route.provider).receive(&route.account, &request) else {
            continue;
        };
        inbox::leave_quarantine(backend, tx, &route, JournalEntryId(id), request.kind, received).await?;
        left += 1;
    }
    Ok(left)
}
