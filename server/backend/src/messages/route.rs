//! Which line a message leaves through, and whether any can leave at all.

use crate::lines::{self, Route};
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, consent, share_links};
use model::conversation::{ConversationRow, SendAbility};
use model::staff::Permission;
use model::{ConversationId, FailureCode, OrgId};
use uuid::Uuid;

/// Why nothing is sent to a short code or a name, for staff.
pub(crate) const NO_WAY_BACK: &str = "This sender is a short code or a name and not a telephone number: its messages \
     can be read, but not answered. Reach the sender in another way.";

/// # Errors
/// `CannotSend` while the operator has switched sending off.
pub(super) fn sending_is_on(backend: &Backend) -> Result<()> {
    if backend.settings.messaging_enabled {
        return Ok(());
    }
    Err(Error::failure(
        FailureCode::CannotSend,
        "Sending is switched off on this server (MESSAGING_ENABLED=false). Messages still arrive.",
    ))
}

/// The line that a conversation knows: the one its newest message came or went through, else the default.
///
/// # Errors
/// `CannotSend` without a line, or where another line would show the patient another number.
pub(super) async fn choose(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    conversation: ConversationId,
) -> Result<Route> {
    let used: Option<(Option<Uuid>, Uuid)> = tx
        .one(
            "SELECT line_id, account_id FROM message
             WHERE conversation_id = $1 AND account_id IS NOT NULL
             ORDER BY at DESC, id DESC LIMIT 1",
            args![conversation],
        )
        .await?;
    if let Some((line, account)) = used {
        let line = line.ok_or_else(|| {
            Error::failure(
                FailureCode::CannotSend,
                "This patient wrote to another number of your carrier's account, which is no line here, and an answer \
                 would show them a number that they do not know. Add that number in Settings, Lines.",
            )
        })?;
        let account: Option<(Uuid,)> = tx
            .one(
                "SELECT a.id FROM line_account a JOIN line l ON l.id = a.line_id
                 WHERE a.line_id = $1 AND a.disabled_at IS NULL AND l.disabled_at IS NULL
                 ORDER BY CASE WHEN a.id = $2 THEN 0 ELSE 1 END, a.id LIMIT 1",
                args![line, account],
            )
            .await?;
        let route = match account {
            Some((account,)) => lines::route_out(backend, tx, account.into()).await?,
            None => None,
        };
        return route.ok_or_else(|| {
            Error::failure(
                FailureCode::CannotSend,
                "The line that this patient knows is switched off, and another one would show them another \
                 number. Switch it on again in Settings, Lines.",
            )
        });
    }
    lines::default_route(backend, tx, org).await?.ok_or_else(|| {
        Error::failure(
            FailureCode::CannotSend,
            "There is no line to send from yet. An admin can add one in Settings, Lines.",
        )
    })
}

/// What the caller can send in a conversation, and otherwise why not.
pub(crate) async fn ability(
    backend: &Backend,
    tx: &mut Tx,
    caller: &Caller,
    row: &ConversationRow,
) -> Result<SendAbility> {
    let (route, mut blocked) = match choose(backend, tx, caller.org_id, row.id).await {
        Ok(route) => (Some(route), None),
        Err(Error::Failure(failure)) => (None, Some(failure.message)),
        Err(error) => return Err(error),
    };
    let reasons = [caller.require(Permission::SendMessages), sending_is_on(backend)];
    for reason in reasons.into_iter().rev() {
        if let Err(Error::Failure(failure)) = reason {
            blocked = Some(failure.message);
        }
    }
    if row.opted_out && blocked.is_none() {
        blocked = Some(consent::WITHDRAWN.to_owned());
    }
    if row.number.number().is_none() {
        blocked = Some(NO_WAY_BACK.to_owned());
    }
    Ok(SendAbility {
        blocked,
        pictures: route
            .is_some_and(|route| providers::for_kind(route.provider).limits().media_per_request > 0),
        link_base: share_links::address_base(backend),
        mock: backend.settings.mock_mode,
    })
}
