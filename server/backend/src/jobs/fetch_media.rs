//! An attachment is fetched from its carrier.

use super::make_renditions::ORIGINAL_MISSING;
use super::read_webhook::{IN_JOURNAL, inline_file};
use super::{Job, Outcome, Owner, backoff, queue};
use crate::keys::Purpose;
use crate::media::attachment::{self, Attachment};
use crate::media::blobs::{BlobError, Stored, Variant};
use crate::media::{kind, upload};
use crate::store::{Tx, args};
use crate::{Backend, Error, Result, lines, live};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use model::media::{AttachmentState, human_bytes};
use model::{AttachmentId, LineAccountId};
use picture::{HEAD_BYTES, PictureKind};
use providers::{HttpError, MediaRequest, Rejected};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// The first waits are short: carriers announce media that they cannot hand out for some seconds.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// A carrier that has trouble is not asked more often.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// How long a carrier may put a photo off at a time: staff wait for it.
const LONGEST_WISH: Duration = Duration::from_secs(60 * 60);

/// The attempt after which staff see that it could not be fetched: about two minutes after the first.
const SHOWN_AFTER: u32 = 7;

/// The last attempt by itself, about a day after the first; whoever presses Retry starts anew.
const MAX_ATTEMPTS: u32 = 34;

pub(super) async fn run(backend: &Backend, id: AttachmentId, attempt: u32) -> Result<Outcome> {
    let Some((attachment, remote)) = load(backend, id).await? else { return Ok(Outcome::Done) };
    let source = match remote {
        Ok(source) => source,
        Err(why) => return give_up(backend, &attachment, &why).await,
    };
    match fetch(backend, &attachment, &source).await {
        Ok(kept) => {
            record(backend, attachment, kept).await?;
            Ok(Outcome::Done)
        }
        Err(Trouble::Here(error)) => Err(error),
        Err(Trouble::Carrier(error)) => match judge(backend, error) {
            Verdict::Never(why) => give_up(backend, &attachment, &why).await,
            Verdict::Later { words, after } => {
                if attempt >= SHOWN_AFTER {
                    show_failure(backend, &attachment, &words).await?;
                }
                if attempt >= MAX_ATTEMPTS {
                    return Ok(Outcome::GiveUp { why: "a carrier would not hand out an attachment" });
                }
                let wait = backoff(attempt, FIRST_WAIT, LONGEST_WAIT);
                Ok(Outcome::Again { after: after.map_or(wait, |asked| asked.min(LONGEST_WISH).max(wait)) })
            }
        },
    }
}

/// Words for staff and for the operator.
struct Why {
    staff: String,
    operator: &'static str,
}

impl Why {
    fn new(operator: &'static str, staff: impl Into<String>) -> Self {
        Self { staff: staff.into(), operator }
    }
}

enum Trouble {
    Carrier(HttpError),
    Here(Error),
}

enum Verdict {
    Never(Why),
    Later { words: String, after: Option<Duration> },
}

/// Where an attachment comes from.
enum Source {
    Carrier(MediaRequest),
    /// It came within its webhook.
    Inline(Bytes),
}

/// An attachment that is still to be fetched, and how. `None` when nothing is left to do.
async fn load(
    backend: &Backend,
    id: AttachmentId,
) -> Result<Option<(Attachment, std::result::Result<Source, Why>)>> {
    let mut tx = backend.store.read().await?;
    let Some(attachment) = Attachment::load(&mut tx, id).await?.filter(|found| !found.has_original()) else {
        return Ok(None);
    };
    let row: Option<(Option<Vec<u8>>, Option<Uuid>)> = tx
        .one(
            "SELECT a.remote_url_sealed, m.account_id FROM attachment a JOIN message m ON m.id = a.message_id
             WHERE a.id = $1",
            args![id],
        )
        .await?;
    let Some((Some(sealed), Some(account))) = row else {
        return Err(Error::Inconsistent("an arriving attachment without an address"));
    };
    let address = String::from_utf8(backend.keys.open(Purpose::RemoteUrl, &sealed)?)
        .map_err(|_| Error::Inconsistent("an attachment's address is no text"))?;
    if address.starts_with(IN_JOURNAL) {
        let file = inline_file(backend, &mut tx, &address).await?.filter(|file| !file.is_empty());
        let source = file.map(Source::Inline).ok_or_else(|| {
            Why::new(
                "an attachment within a webhook cannot be read",
                "The carrier's message announced a photo and did not contain it. Ask the sender to send it again.",
            )
        });
        return Ok(Some((attachment, source)));
    }
    let url = address.parse().map_err(|_| Error::Inconsistent("an attachment's address is no URL"))?;
    let route = lines::route_in(backend, &mut tx, LineAccountId(account), None).await?;
    let route = route.ok_or(Error::Inconsistent("a message's account is gone"))?;
    let request = route.media_request(&url).map_err(|rejected| match rejected {
        Rejected::Signature | Rejected::Malformed(_) => Why::new(
            "an attachment is offered where its carrier keeps none",
            "The photo was offered at an address that does not belong to the carrier, so it was not fetched. \
             Ask the sender to send it again.",
        ),
    });
    Ok(Some((attachment, request.map(Source::Carrier))))
}

struct Kept {
    stored: Stored,
    media_type: String,
    state: AttachmentState,
    /// Why it is no picture although it was to be one.
    failure: Option<String>,
}

impl Kept {
    fn new(stored: Stored, media_type: String, head: &[u8], claimed: Option<&str>) -> Self {
        if kind::is_picture(&media_type) {
            return Self { stored, media_type, state: AttachmentState::Processing, failure: None };
        }
        if claimed.is_none_or(|claimed| PictureKind::from_media_type(claimed).is_none()) {
            return Self { stored, media_type, state: AttachmentState::Ready, failure: None };
        }
        let found = picture::other_kind(head).unwrap_or("a file of an unknown type");
        let words = format!("A photo was announced, but this is {found}. It is kept as it came.");
        Self { stored, media_type, state: AttachmentState::Unreadable, failure: Some(words) }
    }
}

async fn fetch(
    backend: &Backend,
    attachment: &Attachment,
    source: &Source,
) -> std::result::Result<Kept, Trouble> {
    let limit = backend.settings.max_media_bytes;
    let (claimed, body) = match source {
        Source::Carrier(request) => {
            let fetched = backend.http.fetch_media(request, limit).await.map_err(Trouble::Carrier)?;
            (fetched.media_type, fetched.body)
        }
        Source::Inline(file) => {
            let whole = file.clone();
            (None, futures::stream::once(async move { Ok(whole) }).boxed())
        }
    };
    // The blob store only hears that its source broke off; why stays here.
    let broke_off = Arc::new(Mutex::new(None));
    let body = {
        let broke_off = broke_off.clone();
        let note = move |error: HttpError| {
            *broke_off.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            std::io::Error::other("the carrier broke off")
        };
        body.map_err(note).boxed()
    };
    let carrier = || {
        let noted = broke_off.lock().unwrap_or_else(PoisonError::into_inner).take();
        Trouble::Carrier(noted.unwrap_or(HttpError::Interrupted))
    };
    let (head, body) = upload::peek(body, HEAD_BYTES).await.map_err(|_| carrier())?;
    if head.is_empty() {
        // Nobody sends an empty file on purpose.
        return Err(Trouble::Carrier(HttpError::Interrupted));
    }
    let media_type = kind::of(&head, claimed.as_deref());
    let key = attachment.key(Variant::Original);
    match backend.blobs.put_stream(&key, &media_type, body, limit).await {
        Ok(stored) => Ok(Kept::new(stored, media_type, &head, claimed.as_deref())),
        Err(BlobError::Interrupted) => Err(carrier()),
        Err(BlobError::TooLarge) => Err(Trouble::Carrier(HttpError::TooLarge)),
        Err(error) => Err(Trouble::Here(error.into())),
    }
}

fn judge(backend: &Backend, error: HttpError) -> Verdict {
    match error {
        HttpError::Forbidden => Verdict::Never(Why::new(
            "an attachment is offered at an address that is not allowed",
            "The photo was offered at an address that the server may not reach, so it was not fetched. \
             Ask the sender to send it again.",
        )),
        HttpError::TooLarge => Verdict::Never(Why::new(
            "an attachment is larger than allowed",
            format!(
                "The file is larger than {}, the most that is kept. Ask the sender for a smaller one.",
                human_bytes(backend.settings.max_media_bytes)
            ),
        )),
        HttpError::Connect | HttpError::Interrupted => Verdict::Later {
            words: "The carrier could not be reached to fetch the photo. It will be tried again; Retry tries now."
                .to_owned(),
            after: None,
        },
        HttpError::Status { status, retry_after } => Verdict::Later {
            words: format!(
                "The carrier did not hand out the photo (status {status}). It will be tried again; Retry tries now."
            ),
            after: retry_after,
        },
    }
}

async fn record(backend: &Backend, attachment: Attachment, kept: Kept) -> Result<()> {
    // Most carriers tell no name; the one it has then is a placeholder without an extension.
    let file_name = match attachment.file_name.contains('.') {
        true => attachment.file_name.clone(),
        false => kind::made_up_name(&kept.media_type, attachment.position),
    };
    let mut tx = backend.store.write().await?;
    let moved = tx
        .execute(
            "UPDATE attachment SET state = $4, failure = $5, remote_url_sealed = NULL, file_name = $6,
                                   media_type = $7, byte_size = $8, sha256 = $9
             WHERE id = $1 AND state IN ($2, $3)",
            args![
                attachment.id,
                AttachmentState::Arriving.as_str(),
                AttachmentState::Unfetchable.as_str(),
                kept.state.as_str(),
                kept.failure,
                file_name,
                kept.media_type,
                kept.stored.size,
                kept.stored.sha256
            ],
        )
        .await?;
    if moved == 0 {
        // Another run of this job was faster, and stored the same.
        return Ok(());
    }
    if kept.state == AttachmentState::Processing {
        let job = Job::MakeRenditions { owner: Owner::Attachment(attachment.id) };
        queue::push(backend, &mut tx, attachment.org_id, &job, None, backend.clock.now()).await?;
    }
    let change = attachment.change(&mut tx).await?;
    live::record(backend, &mut tx, attachment.org_id, change)?;
    tx.commit().await?;
    backend.live.wake(attachment.org_id);
    Ok(())
}

/// Staff see that it is not here, and may retry, rather than a photo that arrives for ever.
pub(super) async fn end(backend: &Backend, tx: &mut Tx, id: AttachmentId) -> Result<()> {
    const WORDS: &str = "The photo could not be fetched because of an error on the server. Tell your administrator; Retry tries now.";
    let Some(attachment) = Attachment::load(tx, id).await? else { return Ok(()) };
    let (to, words) = unfetched(&attachment, WORDS);
    attachment::shift(backend, tx, id, AttachmentState::Arriving, to, words).await.map(drop)
}

/// What becomes of one that could not be fetched. One that was here before, and whose original was missing, is again
/// what it was: copies that were made of it are still shown.
fn unfetched<'a>(attachment: &Attachment, words: &'a str) -> (AttachmentState, Option<&'a str>) {
    let was_here = attachment.sha256.is_some();
    let was_ready = attachment.width.is_some() || !kind::is_picture(&attachment.media_type);
    match (was_here, was_ready) {
        (false, _) => (AttachmentState::Unfetchable, Some(words)),
        (true, true) => (AttachmentState::Ready, None),
        (true, false) => (AttachmentState::Unreadable, Some(ORIGINAL_MISSING)),
    }
}

pub(super) async fn reopen(backend: &Backend, tx: &mut Tx, id: AttachmentId) -> Result<()> {
    let (from, to) = (AttachmentState::Unfetchable, AttachmentState::Arriving);
    attachment::shift(backend, tx, id, from, to, None).await.map(drop)
}

async fn give_up(backend: &Backend, attachment: &Attachment, why: &Why) -> Result<Outcome> {
    show_failure(backend, attachment, &why.staff).await?;
    Ok(Outcome::GiveUp { why: why.operator })
}

/// Staff see that it could not be fetched, and why. It ends the fetching of one that was here before.
async fn show_failure(backend: &Backend, attachment: &Attachment, words: &str) -> Result<()> {
    if attachment.failure.as_deref() == Some(words) {
        return Ok(());
    }
    let (to, words) = unfetched(attachment, words);
    let mut tx = backend.store.write().await?;
    let moved = tx
        .execute(
            "UPDATE attachment SET state = $4, failure = $5 WHERE id = $1 AND state IN ($2, $3)",
            args![
                attachment.id,
                AttachmentState::Arriving.as_str(),
                AttachmentState::Unfetchable.as_str(),
                to.as_str(),
                words
            ],
        )
        .await?;
    if moved == 0 {
        return Ok(());
    }
    let change = attachment.change(&mut tx).await?;
    live::record(backend, &mut tx, attachment.org_id, change)?;
    tx.commit().await?;
    backend.live.wake(attachment.org_id);
    Ok(())
}
