//! One request to a carrier.
//!
//! The attempt is marked, and the mark committed, before the carrier is called: a delivery that is found marked
//! and without an outcome may have reached the patient, so it becomes uncertain and is never sent again by itself.

mod answer;
mod marking;
mod next_attempt;
mod outbound;
mod surely;
mod turn;

use super::{Outcome, backoff};
use crate::clock::millis;
use crate::consent;
use crate::conversations::rows::known;
use crate::lines::{self, Route};
use crate::messages::deliveries::{self, News, Part, Whole};
use crate::messages::{NO_WAY_BACK, unreadable_words};
use crate::share_links::Leaving;
use crate::store::{Tx, args};
use crate::{Backend, Result, numbers, share_links, whatsapp};
use marking::{Marked, mark};
use model::link::with_link;
use model::media::AttachmentState;
use model::message::{Channel, DeliveryState};
use model::routing::pictures_of_request;
use model::{Address, AttachmentId, DeliveryId, JobId, LineAccountId, Millis, NumberId, PhoneNumber};
pub(crate) use next_attempt::failed_later;
use next_attempt::{Next, follow};
use outbound::{Prepared, prepare};
use providers::Template;
use std::time::Duration;
use surely::surely;
use turn::Share;
use uuid::Uuid;

/// How long a carrier that cannot be reached is tried. A text that comes hours late confuses more than it helps.
const TRIED_FOR: Duration = Duration::from_secs(60 * 60);

/// How often a carrier to which no connection is made is tried where another one stands ready.
const TRIES_UNREACHED: u32 = 2;

/// How long a message waits for its pictures to be prepared.
const PREPARED_WITHIN: Duration = Duration::from_secs(30 * 60);

/// When a delivery is looked at again that somebody else had marked: the carrier has answered by then, or nobody will ever
/// know.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The parameter of a status address that names the delivery it was made for. If the carrier's answer gets lost, its
/// reports still say which message they are about.
pub(super) const DELIVERY_PARAMETER: &str = "d";

/// Why a message has failed that the carrier would not take in time.
const NOT_WITHIN_THE_HOUR: &str =
    "The carrier could not take it within an hour. Nothing was sent; try again later.";

/// Why an attempt is not made of which an earlier one was reported as delivered meanwhile.
const ARRIVED: &str = "Not sent again: the earlier attempt arrived after all.";

/// What to do with a delivery now.
enum Step {
    /// Nothing: it has its outcome.
    Leave,
    /// Its pictures are not ready.
    Wait,
    /// It can go no further, and this is what to say of it.
    End(News),
    /// Not through this carrier, which is why; perhaps through another one of the line.
    Elsewhere(News),
    /// Everything is there.
    Send(Box<Ready>),
}

/// A delivery that may be offered to its carrier.
struct Ready {
    request: Request,
    to: PhoneNumber,
    /// As it was recorded: without pictures, an MMS leaves as an SMS.
    channel: Channel,
    text: String,
    pictures: Vec<Picture>,
    template: Option<Template>,
    route: Route,
}

/// Which request, of what, to whom.
#[derive(Clone, Copy)]
struct Request {
    id: DeliveryId,
    /// The job that makes it, while it runs.
    job: Option<JobId>,
    whole: Whole,
    account: LineAccountId,
    number: NumberId,
    part: i64,
    attempt: i64,
    /// Bytes of its pictures together, at most, where the carrier found those of the attempt before too large.
    media_bytes: Option<u64>,
    created_at: Millis,
}

struct Picture {
    id: AttachmentId,
    state: AttachmentState,
    file_name: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    message_id: Uuid,
    conversation_id: Uuid,
    account_id: Uuid,
    number_id: Uuid,
    part: i64,
    attempt: i64,
    media_bytes: Option<i64>,
    offered_bytes: Option<i64>,
    state: String,
    marked_at: Option<Millis>,
    created_at: Millis,
    mock: bool,
    channel: String,
    body: String,
    address_sealed: Vec<u8>,
}

pub(super) async fn run(backend: &Backend, job: JobId, id: DeliveryId, attempt: u32) -> Result<Outcome> {
    let mut tx = backend.store.read().await?;
    let Some((request, row)) = load(&mut tx, id).await? else { return Ok(Outcome::Done) };
    let request = Request { job: Some(job), ..request };
    let step = next_step(backend, &mut tx, request, row).await?;
    drop(tx);
    match step {
        Step::Leave => Ok(Outcome::Done),
        Step::Wait => Ok(Outcome::Again {
            after: backoff(attempt, Duration::from_millis(300), Duration::from_secs(10)),
        }),
        Step::End(news) => {
            settle(backend, request, &news, Next::Nothing).await?;
            Ok(Outcome::Done)
        }
        Step::Elsewhere(news) => {
            settle(backend, request, &news, Next::Elsewhere { rest: None }).await?;
            Ok(Outcome::Done)
        }
        Step::Send(ready) => {
            let prepared = match prepare(backend, &ready).await {
                // The database still answers, so that staff can be told.
                Err(error) if error.is_outage() && is_late(backend, request) => {
                    tracing::error!(%error, "a delivery waited for its pictures too long");
                    Prepared::Never
                }
                prepared => prepared?,
            };
            let (outbound, sent_bytes) = match prepared {
                Prepared::Whole(outbound, bytes) => (outbound, bytes),
                Prepared::NotNow if !is_late(backend, request) => {
                    let after = backoff(attempt, Duration::from_secs(2), Duration::from_secs(60));
                    return Ok(Outcome::Again { after });
                }
                Prepared::NotNow | Prepared::Never => {
                    settle(backend, request, &unprepared(), Next::Nothing).await?;
                    return Ok(Outcome::Done);
                }
                Prepared::TooLarge { file_name } => {
                    let words = format!(
                        "The picture “{file_name}” cannot be made as small as the carrier wants it. Send it as a private link."
                    );
                    let news = News::of(DeliveryState::Failed, words);
                    settle(backend, request, &news, Next::Elsewhere { rest: None }).await?;
                    return Ok(Outcome::Done);
                }
            };
            let share = Share::of(ready.route.provider, &outbound);
            match mark(backend, request, sent_bytes, share).await? {
                Marked::Ours => {}
                Marked::NotToBe => return Ok(Outcome::Done),
                // Whoever had it before may have lost the job, and leave it to us to try again.
                Marked::Taken => return Ok(Outcome::Again { after: LOOK_AGAIN }),
                Marked::Early => {
                    let turn = turn::keep(backend, request, share).await?;
                    if !is_late_in(backend, request, turn.held_for) {
                        return Ok(Outcome::NotItsTurn { until_then: turn.until_then });
                    }
                    // The carrier takes nothing for longer than there is.
                    let news = News::of(DeliveryState::Failed, NOT_WITHIN_THE_HOUR);
                    settle(backend, request, &news, Next::Elsewhere { rest: None }).await?;
                    return Ok(Outcome::Done);
                }
            }
            let provider = providers::for_kind(ready.route.provider);
            let answered = provider.send(&backend.http, &ready.route.account, &outbound).await;
            surely(|| answer::record(backend, request, answered.clone(), sent_bytes, attempt)).await
        }
    }
}

async fn load(tx: &mut Tx, id: DeliveryId) -> Result<Option<(Request, Row)>> {
    let row: Option<Row> = tx
        .one(
            "SELECT d.org_id, d.message_id, m.conversation_id, d.account_id, c.number_id, d.part, d.attempt,
                    d.media_bytes, d.offered_bytes, d.state, d.marked_at, d.created_at, d.mock, m.channel, m.body,
                    n.address_sealed
             FROM delivery d JOIN message m ON m.id = d.message_id
             JOIN conversation c ON c.id = m.conversation_id JOIN number n ON n.id = c.number_id
             WHERE d.id = $1",
            args![id],
        )
        .await?;
    Ok(row.map(|row| {
        let whole = Whole {
            org: row.org_id.into(),
            message: row.message_id.into(),
            conversation: row.conversation_id.into(),
        };
        let request = Request {
            id,
            job: None,
            whole,
            account: row.account_id.into(),
            number: row.number_id.into(),
            part: row.part,
            attempt: row.attempt,
            media_bytes: row.media_bytes.and_then(|bytes| u64::try_from(bytes).ok()),
            created_at: row.created_at,
        };
        (request, row)
    }))
}

async fn next_step(backend: &Backend, tx: &mut Tx, request: Request, row: Row) -> Result<Step> {
    let failed = |words: &str| Ok(Step::End(News::of(DeliveryState::Failed, words)));
    let state = known(DeliveryState::from_word(&row.state))?;
    if !matches!(state, DeliveryState::Queued | DeliveryState::Sending) {
        return Ok(Step::Leave);
    }
    if row.marked_at.is_some() {
        return Ok(Step::End(uncertain()));
    }
    let parts = deliveries::parts(tx, request.whole.message).await?;
    if has_arrived(&parts, request) {
        return failed(ARRIVED);
    }
    if !backend.settings.messaging_enabled {
        return failed("Sending is switched off on this server (MESSAGING_ENABLED=false).");
    }
    if row.mock != backend.settings.mock_mode {
        return failed(
            "Not sent: MESSAGING_MOCK_MODE was changed while this message waited. Send it again if it is still meant.",
        );
    }
    if consent::withdrawn(tx, request.whole.org, request.number).await? {
        return failed(consent::WITHDRAWN);
    }
    if let Some(words) = whatsapp::obstacle(backend, tx, request.whole).await? {
        return failed(&words);
    }
    let pictures = pictures(tx, request, row.part, parts.len()).await?;
    if let Some(broken) = pictures.iter().find(|picture| picture.state == AttachmentState::Unreadable) {
        return failed(&unreadable_words(&broken.file_name));
    }
    if let Some(slow) = pictures.iter().find(|picture| picture.state != AttachmentState::Ready) {
        if backend.clock.now() - request.created_at < millis(PREPARED_WITHIN) {
            return Ok(Step::Wait);
        }
        return failed(&format!(
            "The picture “{}” could not be prepared in time. Send it again.",
            slow.file_name
        ));
    }
    let Some(mut route) = lines::route_out(backend, tx, request.account).await? else {
        return failed("The line that this message was to leave through does not exist any more.");
    };
    if route.disabled {
        let words = "Taken away from the line before it was sent.";
        return Ok(Step::Elsewhere(News::of(DeliveryState::Failed, words)));
    }
    route.account.status_url.query_pairs_mut().append_pair(DELIVERY_PARAMETER, &request.id.to_string());
    let (text, pictures) = match share_links::leaving(backend, tx, request.whole.message).await? {
        Leaving::Plain if row.part == 0 => (row.body, pictures),
        Leaving::Plain => (String::new(), pictures),
        // They were waited for, since whoever opens the link wants to see them, and they stay here.
        Leaving::With(link) => (with_link(&row.body, &link), Vec::new()),
        Leaving::Closed(why) => return failed(&format!("Not sent. {}", share_links::closed_words(why))),
    };
    let Address::Number(to) = numbers::open_address(backend, &row.address_sealed)? else {
        return failed(NO_WAY_BACK);
    };
    let channel = known(Channel::from_word(&row.channel))?;
    let template = whatsapp::template(tx, request.whole).await?;
    // The carrier knows its text.
    let text = if template.is_some() { String::new() } else { text };
    Ok(Step::Send(Box::new(Ready { request, to, channel, text, pictures, template, route })))
}

/// An earlier attempt of the same request is with the patient.
fn has_arrived(parts: &[Part], request: Request) -> bool {
    parts.iter().any(|part| part.part == request.part && deliveries::arrived(part.state))
}

async fn pictures(tx: &mut Tx, request: Request, part: i64, parts: usize) -> Result<Vec<Picture>> {
    let rows: Vec<(Uuid, String, String)> = tx
        .all(
            "SELECT id, state, file_name FROM attachment WHERE message_id = $1 ORDER BY position",
            args![request.whole.message],
        )
        .await?;
    let share = pictures_of_request(usize::try_from(part).unwrap_or(usize::MAX), parts, rows.len());
    rows.into_iter()
        .take(share.end)
        .skip(share.start)
        .map(|(id, state, file_name)| {
            let state = known(AttachmentState::from_word(&state))?;
            Ok(Picture { id: id.into(), state, file_name })
        })
        .collect()
}

/// Records how an attempt ended and what follows it, in one moment: nobody sees a failure that is being seen to, and
/// after anything but a certain failure nothing follows.
async fn settle(backend: &Backend, request: Request, news: &News, next: Next) -> Result<()> {
    let mut tx = backend.store.write().await?;
    deliveries::hold(&mut tx, request.whole.message).await?;
    deliveries::hear(backend, &mut tx, request.whole, request.id, news).await?;
    follow(backend, &mut tx, request, next).await?;
    commit(backend, tx, request).await
}

async fn commit(backend: &Backend, tx: Tx, request: Request) -> Result<()> {
    tx.commit().await?;
    backend.live.wake(request.whole.org);
    Ok(())
}

/// Staff see that it did not leave, or may have left, rather than a message that waits for ever.
pub(super) async fn end(backend: &Backend, tx: &mut Tx, id: DeliveryId) -> Result<()> {
    let Some((request, _)) = load(tx, id).await? else { return Ok(()) };
    deliveries::hold(tx, request.whole.message).await?;
    // Only now does nobody else move it.
    let Some((request, row)) = load(tx, id).await? else { return Ok(()) };
    let state = known(DeliveryState::from_word(&row.state))?;
    if !matches!(state, DeliveryState::Queued | DeliveryState::Sending) {
        return Ok(());
    }
    let news = if row.marked_at.is_some() { uncertain() } else { unprepared() };
    deliveries::hear(backend, tx, request.whole, id, &news).await.map(drop)
}

fn is_late(backend: &Backend, request: Request) -> bool {
    is_late_in(backend, request, Duration::ZERO)
}

/// Whether it will have been tried for too long after a wait.
fn is_late_in(backend: &Backend, request: Request, wait: Duration) -> bool {
    backend.clock.now() + millis(wait) - request.created_at >= millis(TRIED_FOR)
}

fn unprepared() -> News {
    News::of(DeliveryState::Failed, "The server could not prepare this message. Try again later.")
}

fn uncertain() -> News {
    News::of(
        DeliveryState::Uncertain,
        "The carrier did not confirm this message; it may have arrived. Ask the patient, then say whether it did.",
    )
}
