//! What whoever holds a link comes to.

use super::record::Record;
use super::{birth_dates, changed};
use crate::clock::random_token;
use crate::keys::Purpose;
use crate::media::attachment::{self, Attachment};
use crate::media::blobs::Variant;
use crate::media::kind::{self, Disposition};
use crate::media::links::{self, TO_VIEW, Target};
use crate::store::{Tx, args};
use crate::{Backend, Error, Result, audit, numbers};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::link::{BIRTH_DATE_TRIES, LinkState};
use model::media::{AttachmentState, MediaKind, RenditionRole};
use model::{Millis, PhoneNumber};
use uuid::Uuid;

/// A link whose time was over this long ago is unknown: its page says nothing of anybody any more.
const REMEMBERED: Millis = 30 * 24 * 60 * 60 * 1000;

/// How long after an opening the same page may ask for it once more: its answer got lost, or its button was pressed
/// twice.
const SAME_OPENING: Millis = 2 * 60 * 1000;

/// Who sent a link, and whom to ask about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The organisation's name.
    pub organisation: String,
    /// The number that the patient knows.
    pub number: Option<PhoneNumber>,
}

/// What stands before the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// Who sent it.
    pub host: Host,
    /// What there is, in its order.
    pub holds: Vec<MediaKind>,
    /// Only for those who know the date of birth.
    pub asks_birth_date: bool,
    /// It opens this one time.
    pub opens_once: bool,
    /// How long it can be opened from now.
    pub for_ms: Millis,
}

/// A file behind an open door, and where its bytes are for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFile {
    /// What it is.
    pub kind: MediaKind,
    /// To show in the page, or to open.
    pub url: String,
    /// To save.
    pub save_url: String,
    /// What it is called when it is saved.
    pub name: String,
    /// Width and height of a picture, in pixels.
    pub size: Option<(u32, u32)>,
    /// How large it is.
    pub bytes: u64,
}

/// Why a date of birth opened nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It is no date; that costs no try.
    NoDate,
    /// It is not the patient's.
    Wrong {
        /// Before the link is locked.
        tries_left: u32,
    },
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Before the files; with what was wrong about the date that was given, if one was.
    Before(Door, Option<Unfit>),
    /// To the files.
    Inside(Host, Vec<SharedFile>),
    /// To nothing (any more), and why.
    Closed(Host, LinkState),
    /// Nobody knows this link.
    Nowhere,
}

/// Looks where a link leads and changes nothing: previews of messengers do the same.
pub async fn look(backend: &Backend, token: &str) -> Result<Place> {
    let mut tx = backend.store.read().await?;
    match Record::of_token(backend, &mut tx, token).await? {
        Some(link) => before(backend, &mut tx, &link, None).await,
        None => Ok(Place::Nowhere),
    }
}

/// What a page carries whose button opens a link, another one each time.
pub fn new_form(backend: &Backend) -> String {
    let nonce = random_token();
    let mac = backend.keys.hash(Purpose::ShareForm, &nonce);
    format!("{nonce}.{}", URL_SAFE_NO_PAD.encode(mac))
}

/// How the store knows a form of ours again; `None` for what somebody made up.
fn known_form(backend: &Backend, form: &str) -> Option<Vec<u8>> {
    let (nonce, mac) = form.split_once('.')?;
    let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
    backend.keys.verify(Purpose::ShareForm, nonce, &mac).then_some(mac)
}

/// Opens a link, which counts, by pressing the button of a page that carries this [`form`](new_form): once more within
/// two minutes, it is the same opening. `born` is what whoever opens it gave as the date of birth, `YYYY-MM-DD`.
pub async fn open_from(backend: &Backend, token: &str, born: Option<&str>, form: &str) -> Result<Place> {
    let form = known_form(backend, form);
    let mut tx = backend.store.read().await?;
    let known = Record::of_token(backend, &mut tx, token).await?.is_some();
    drop(tx);
    if !known {
        // Nobody makes the server write by guessing.
        return Ok(Place::Nowhere);
    }
    let mut tx = backend.store.write().await?;
    let link = Record::of_token(backend, &mut tx, token).await?;
    let link = link.ok_or(Error::Inconsistent("a link vanished"))?;
    let org = link.org();
    let mut again = is_same_opening(backend, &link, form.as_deref());
    if !again && link.state(backend.clock.now()) != LinkState::Open {
        return before(backend, &mut tx, &link, None).await;
    }
    if link.asks_birth_date {
        let Some(date) = born.and_then(|born| born.trim().parse::<jiff::civil::Date>().ok()) else {
            return before(backend, &mut tx, &link, Some(Unfit::NoDate)).await;
        };
        // Paid for before it is looked at, so that many at once get no more tries than one after the other.
        if !take_try(&mut tx, &link).await? {
            return before(backend, &mut tx, &link, None).await;
        }
        let known = birth_dates(&mut tx, link.conversation()).await?;
        if !known.contains(&date.to_string()) {
            return wrong(backend, tx, token).await;
        }
    }
    if !again && !count(backend, &mut tx, &link, form.as_deref()).await? {
        // Perhaps the same button was pressed a moment before, and that press was first.
        let newest = Record::of_token(backend, &mut tx, token).await?;
        again = newest.is_some_and(|link| is_same_opening(backend, &link, form.as_deref()));
        if !again {
            return before(backend, &mut tx, &link, None).await;
        }
    }
    let inside = Place::Inside(host(backend, &mut tx, &link).await?, files(backend, &mut tx, &link).await?);
    if again {
        // Without a commit: a date of birth that was given again costs no try either.
        return Ok(inside);
    }
    audit::note_unsigned(backend, &mut tx, org, "share_link.open", "share_link", Some(link.id)).await?;
    changed(backend, &mut tx, org, link.id.into()).await?;
    tx.commit().await?;
    backend.live.wake(org);
    Ok(inside)
}

/// Whether the page that asks is the one that opened the link a moment ago. What staff closed since stays closed.
fn is_same_opening(backend: &Backend, link: &Record, form: Option<&[u8]>) -> bool {
    let now = backend.clock.now();
    form.is_some_and(|form| link.was_opened_by(form, now - SAME_OPENING))
        && matches!(link.state(now), LinkState::Open | LinkState::UsedUp)
}

/// Counts an opening where one is allowed. Whoever was asked for a date has given the right one.
async fn count(backend: &Backend, tx: &mut Tx, link: &Record, form: Option<&[u8]>) -> Result<bool> {
    let counted = tx
        .execute(
            "UPDATE share_link SET openings = openings + 1, first_opened_at = COALESCE(first_opened_at, $2),
                 last_opened_at = $2, tries_left = $3, opened_by = $4
             WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2
               AND (openings_allowed IS NULL OR openings < openings_allowed)",
            args![link.id, backend.clock.now(), BIRTH_DATE_TRIES, form.map(<[u8]>::to_vec)],
        )
        .await?;
    Ok(counted > 0)
}

/// Takes one of the tries for the date of birth, which an opening gives back; `false` where none is left.
async fn take_try(tx: &mut Tx, link: &Record) -> Result<bool> {
    let taken = tx
        .execute(
            "UPDATE share_link SET tries_left = tries_left - 1 WHERE id = $1 AND tries_left > 0",
            args![link.id],
        )
        .await?;
    Ok(taken > 0)
}

/// Says that a date is not the patient's, and locks the link after the last one.
async fn wrong(backend: &Backend, mut tx: Tx, token: &str) -> Result<Place> {
    let link = Record::of_token(backend, &mut tx, token).await?;
    let link = link.ok_or(Error::Inconsistent("a link vanished"))?;
    let tries_left = u32::try_from(link.tries_left).unwrap_or(0);
    if tries_left == 0 {
        audit::note_unsigned(backend, &mut tx, link.org(), "share_link.lock", "share_link", Some(link.id))
            .await?;
        changed(backend, &mut tx, link.org(), link.id.into()).await?;
    }
    let place = before(backend, &mut tx, &link, Some(Unfit::Wrong { tries_left })).await?;
    tx.commit().await?;
    backend.live.wake(link.org());
    Ok(place)
}

/// Before the door, whether or not it opens.
async fn before(backend: &Backend, tx: &mut Tx, link: &Record, unfit: Option<Unfit>) -> Result<Place> {
    let now = backend.clock.now();
    if link.expires_at + REMEMBERED <= now {
        return Ok(Place::Nowhere);
    }
    let host = host(backend, tx, link).await?;
    // Read again: another one may have used it up in this moment.
    let link = Record::load(tx, link.org(), link.id.into()).await?;
    let link = link.ok_or(Error::Inconsistent("a link vanished"))?;
    let state = link.state(now);
    if state != LinkState::Open {
        return Ok(Place::Closed(host, state));
    }
    let of_message = "SELECT media_type FROM attachment WHERE message_id = $1 ORDER BY position";
    let held: Vec<(String,)> = tx.all(of_message, args![link.message_id]).await?;
    let door = Door {
        host,
        holds: held.iter().map(|(media_type,)| MediaKind::of(media_type)).collect(),
        asks_birth_date: link.asks_birth_date,
        opens_once: link.opens_once(),
        for_ms: link.expires_at - now,
    };
    Ok(Place::Before(door, unfit))
}

async fn host(backend: &Backend, tx: &mut Tx, link: &Record) -> Result<Host> {
    let row: Option<(String, Option<Vec<u8>>)> = tx
        .one(
            "SELECT o.name, n.address_sealed FROM message m JOIN organisation o ON o.id = m.org_id
             LEFT JOIN line l ON l.id = m.line_id LEFT JOIN number n ON n.id = l.number_id WHERE m.id = $1",
            args![link.message_id],
        )
        .await?;
    let (organisation, sealed) = row.ok_or(Error::Inconsistent("a link without its message"))?;
    let number = sealed.map(|sealed| numbers::open(backend, &sealed)).transpose()?;
    Ok(Host { organisation, number })
}

/// Pictures in the size for a screen, anything else as it is.
async fn files(backend: &Backend, tx: &mut Tx, link: &Record) -> Result<Vec<SharedFile>> {
    let attachments = Attachment::of_messages(tx, link.org(), &[link.message_id.into()]).await?;
    let ids: Vec<Uuid> = attachments.iter().map(|attachment| attachment.id.0).collect();
    let renditions = attachment::renditions(tx, &ids).await?;
    let role = RenditionRole::Screen;
    let mut files = Vec::with_capacity(attachments.len());
    for attachment in attachments {
        let made = renditions.get(&attachment.id.0).map_or(&[] as &[_], Vec::as_slice);
        let screen = made.iter().find(|rendition| rendition.role == role).map(|rendition| rendition.facts);
        let (variant, media_type) = match screen {
            Some(_) => (Variant::Rendition(role), kind::RENDITION),
            None if kind::is_picture(&attachment.media_type) => continue,
            None if attachment.state != AttachmentState::Ready => continue,
            None => (Variant::Original, attachment.media_type.as_str()),
        };
        let target = Target { key: attachment.key(variant), media_type, file_name: &attachment.file_name };
        files.push(SharedFile {
            kind: MediaKind::of(media_type),
            url: links::link_for_patient(backend, &target, Disposition::Inline, TO_VIEW).await?,
            save_url: links::link_for_patient(backend, &target, Disposition::Download, TO_VIEW).await?,
            name: kind::impersonal_name(media_type),
            size: screen.map(|screen| (screen.width, screen.height)),
            bytes: screen.map_or(attachment.byte_size, |screen| screen.byte_size),
        });
    }
    Ok(files)
}
