//! Through which line and which of its carriers a message leaves, and whether it can leave at all.

use super::deliveries::{Part, Whole};
use crate::lines;
use crate::share_links::Leaving;
use crate::store::{Tx, args};
use crate::{Backend, Caller, Error, Result, consent, share_links, whatsapp};
use model::conversation::{ConversationRow, LineChoice, SendAbility};
use model::link::with_link;
use model::message::Channel;
use model::routing::{Load, Plan, pictures_of_request, plan};
use model::staff::Permission;
use model::{ConversationId, FailureCode, LineAccountId, LineId, OrgId};
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

/// The line that a message takes. Patients see one number: another line than the one that the conversation knows is
/// taken only where the sender asked for it by name.
///
/// # Errors
/// `CannotSend` without a line, or where another line would show the patient another number; `Invalid` for a line that
/// is not there.
pub(super) async fn choose_line(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    conversation: ConversationId,
    asked: Option<LineId>,
) -> Result<LineChoice> {
    let mut lines = lines::choices(backend, tx, org).await?;
    match asked {
        Some(id) => lines.into_iter().find(|line| line.id == id).ok_or_else(|| {
            Error::invalid("line_id", "This line does not exist (any more). Choose another one.")
        }),
        None => {
            let at = known_line(tx, conversation, &lines).await?;
            Ok(lines.swap_remove(at))
        }
    }
}

/// The carrier of a line that a message takes; `only`: no other one may.
///
/// # Errors
/// `CannotSend` where none can carry it.
pub(super) fn choose_carrier(line: &LineChoice, load: &Load, only: Option<LineAccountId>) -> Result<Plan> {
    let mut plans = plan(&line.routes, load);
    plans.usable.retain(|plan| only.is_none_or(|account| plan.account_id == account));
    if plans.usable.is_empty() {
        let way_out = if load.channel == Channel::Mms { " A private link can go instead." } else { "" };
        return Err(Error::failure(FailureCode::CannotSend, plans.why_not() + way_out));
    }
    Ok(plans.usable.swap_remove(0))
}

/// Which of the lines a conversation knows: the one that the patient wrote to last; while they wrote nothing, the one
/// that they were last written to from, other lines that somebody asked for by name only where there is nothing else;
/// before that, the default. A message that certainly never left made no number known.
async fn known_line(tx: &mut Tx, conversation: ConversationId, lines: &[LineChoice]) -> Result<usize> {
    let mut used: Option<(Option<Uuid>,)> = tx
        .one(
            "SELECT line_id FROM message
             WHERE conversation_id = $1 AND direction = 'inbound' AND account_id IS NOT NULL
             ORDER BY at DESC, id DESC LIMIT 1",
            args![conversation],
        )
        .await?;
    if used.is_none() {
        used = tx
            .one(
                "SELECT line_id FROM message
                 WHERE conversation_id = $1 AND direction = 'outbound' AND account_id IS NOT NULL AND state <> 'failed'
                 ORDER BY CASE WHEN line_asked THEN 1 ELSE 0 END, at DESC, id DESC LIMIT 1",
                args![conversation],
            )
            .await?;
    }
    let words = match used {
        Some((Some(line),)) => match lines.iter().position(|known| known.id.0 == line) {
            Some(at) => return Ok(at),
            None => {
                "The line that this patient knows is switched off, and another one would show them another \
                 number. Switch it on again in Settings, Lines."
            }
        },
        Some((None,)) => {
            "This patient wrote to another number of your carrier's account, which is no line here, and an answer \
             would show them a number that they do not know. Add that number in Settings, Lines."
        }
        // The default one comes first.
        None if !lines.is_empty() => return Ok(0),
        None => "There is no line to send from yet. An admin can add one in Settings, Lines.",
    };
    Err(Error::failure(FailureCode::CannotSend, words))
}

/// Which carriers of a line may be asked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    /// Not these.
    pub(crate) tried: &'a [LineAccountId],
    /// None that failed a moment ago.
    pub(crate) rested: bool,
}

impl<'a> Asked<'a> {
    /// All but these.
    pub(crate) fn but(tried: &'a [LineAccountId]) -> Self {
        Self { tried, rested: false }
    }
}

/// The best carrier now for one request of a message, among those that show the patient the same number, can carry it
/// as it is, and may be asked.
pub(crate) async fn for_part(
    backend: &Backend,
    tx: &mut Tx,
    whole: Whole,
    part: &Part,
    asked: &Asked<'_>,
) -> Result<Option<LineAccountId>> {
    let message: Option<(String, String, Option<Uuid>)> = tx
        .one(
            "SELECT m.channel, m.body, t.account_id FROM message m
             LEFT JOIN whatsapp_template t ON t.id = m.template_id WHERE m.id = $1",
            args![whole.message],
        )
        .await?;
    let (channel, text, approved_for) = message.ok_or(Error::Inconsistent("a message vanished"))?;
    let (text, pictures) = match share_links::leaving(backend, tx, whole.message).await? {
        Leaving::Plain => {
            let sql = "SELECT COUNT(*) FROM attachment WHERE message_id = $1";
            (text, tx.number(sql, args![whole.message]).await?)
        }
        Leaving::With(link) => (with_link(&text, &link), 0),
        Leaving::Closed(_) => return Ok(None),
    };
    let parts = tx
        .number("SELECT COUNT(DISTINCT part) FROM delivery WHERE message_id = $1", args![whole.message])
        .await?;
    let count = |n: i64| usize::try_from(n).unwrap_or(0);
    let share = pictures_of_request(count(part.part), count(parts), count(pictures));
    let channel = Channel::from_word(&channel).ok_or(Error::Inconsistent("a message of no known channel"))?;
    // The text goes with the first of the requests.
    let text = if part.part == 0 { text.as_str() } else { "" };
    let load = Load { channel, ..Load::of(text, vec![None; share.len()]) };
    let mut options = lines::options_beside(backend, tx, part.account).await?;
    options.retain(|option| !(asked.tried.contains(&option.account_id) || asked.rested && option.cooling));
    let may = |account: LineAccountId| approved_for.is_none_or(|only| account.0 == only);
    let fits = |plan: &Plan| plan.requests == 1 && may(plan.account_id);
    Ok(plan(&options, &load).usable.into_iter().find(fits).map(|plan| plan.account_id))
}

/// What the caller can send in a conversation, and otherwise why not.
pub(crate) async fn ability(
    backend: &Backend,
    tx: &mut Tx,
    caller: &Caller,
    row: &ConversationRow,
) -> Result<SendAbility> {
    let mut offers = lines::choices(backend, tx, caller.org_id).await?;
    let (mut line, without_line) = match known_line(tx, row.id, &offers).await {
        Ok(at) => (Some(offers.remove(at)), None),
        Err(Error::Failure(failure)) => (None, Some(failure.message)),
        Err(error) => return Err(error),
    };
    let blocked = why_nothing_at_all(backend, caller, row);
    if blocked.is_some() {
        offers.clear();
    }
    let whatsapp = match &line {
        Some(line) => whatsapp::ability(tx, row.id, line).await?,
        None => None,
    };
    if caller.require(Permission::ReadReports).is_err() {
        let routes = line.iter_mut().chain(&mut offers).flat_map(|line| &mut line.routes);
        routes.for_each(|route| route.tariff = None);
    }
    let pictures = |line: &LineChoice| line.routes.iter().any(|route| route.channels.contains(&Channel::Mms));
    Ok(SendAbility {
        blocked: blocked.or(without_line),
        pictures: line.as_ref().is_some_and(pictures),
        link_base: share_links::address_base(backend),
        mock: backend.settings.mock_mode,
        line,
        whatsapp,
        offers,
        changes_in_ms: lines::rest_ends_in(backend, tx, caller.org_id).await?,
    })
}

/// Why the caller can send nothing in a conversation, through whichever line.
fn why_nothing_at_all(backend: &Backend, caller: &Caller, row: &ConversationRow) -> Option<String> {
    if row.number.number().is_none() {
        return Some(NO_WAY_BACK.to_owned());
    }
    for reason in [caller.require(Permission::SendMessages), sending_is_on(backend)] {
        if let Err(Error::Failure(failure)) = reason {
            return Some(failure.message);
        }
    }
    row.opted_out.then(|| consent::WITHDRAWN.to_owned())
}
