//! What a message takes that leaves with a link.

use super::record::Record;
use super::{birth_dates, closed};
use crate::clock::random_bytes;
use crate::keys::Purpose;
use crate::media::{attachment, kind};
use crate::messages::deliveries::Whole;
use crate::store::{Tx, args};
use crate::{Backend, Error, Result};
use model::link::{
    BIRTH_DATE_TRIES, LinkOptions, LinkState, MAX_HOURS, TOKEN_CHARS, hours, invitation, with_link,
};
use model::media::MediaKind;
use model::message::{Draft, MAX_TEXT_CHARS};
use model::routing::Load;
use model::{AttachmentId, ConversationId, MessageId, OrgId, ShareLinkId, StaffId};

/// What a link's secret is written in.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Which link a message is to carry, if any.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted {
    /// Its pictures travel with it, or it has none.
    None,
    /// A new one, to its own pictures.
    New(LinkOptions),
    /// One that was sent before.
    Again(ShareLinkId),
}

/// What a message leaves with.
pub(crate) enum Leaving {
    /// No link.
    Plain,
    /// The link of this address.
    With(String),
    /// A link that opens nothing (any more).
    Closed(LinkState),
}

/// A message with its link, ready to be recorded.
pub(crate) struct Prepared {
    id: ShareLinkId,
    new: Option<(String, LinkOptions)>,
    /// What the message says, without the link.
    pub(crate) text: String,
    /// What it leaves as: with the link, and without the pictures.
    pub(crate) load: Load,
}

/// How the address of every link begins.
pub(crate) fn address_base(backend: &Backend) -> String {
    format!("{}/i/", backend.settings.app_url.as_str().trim_end_matches('/'))
}

/// Parts of the SMS that leads to one picture when its sender wrote nothing.
pub(crate) async fn parts_of_invitation(backend: &Backend, tx: &mut Tx, org: OrgId) -> Result<u32> {
    let address = address_base(backend) + &"x".repeat(TOKEN_CHARS);
    let text = with_link(&invitation(&organisation(tx, org).await?, &[MediaKind::Image]), &address);
    Ok(Load::of(&text, Vec::new()).text_parts)
}

/// Checks what a sender wants of a link before anything is looked up.
pub(crate) fn check(options: LinkOptions, pictures: usize) -> Result<()> {
    if pictures == 0 {
        return Err(Error::invalid(
            "link",
            "A private link leads to pictures or files. Attach one, or leave the link out.",
        ));
    }
    if !(1..=MAX_HOURS).contains(&options.hours) {
        return Err(Error::invalid("link", format!("A link holds for 1 to {MAX_HOURS} hours.")));
    }
    Ok(())
}

/// Makes the link that a draft wants, or finds the one that it repeats.
///
/// # Errors
/// `Invalid` where the text is too long with its link, where nobody's date of birth is known to ask for, or where files
/// that only go as a link are to go without; `Conflict` for a link of before that cannot be opened (any more).
pub(crate) async fn prepare(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    conversation: ConversationId,
    draft: &Draft,
    wanted: Wanted,
) -> Result<Option<Prepared>> {
    let (id, new, text, address) = match wanted {
        Wanted::None => {
            require_pictures(tx, org, &draft.attachments).await?;
            return Ok(None);
        }
        Wanted::New(options) => {
            if options.ask_birth_date && birth_dates(tx, conversation).await?.is_empty() {
                return Err(Error::invalid(
                    "link",
                    "The date of birth cannot be asked for: no patient with this number has one in their record. Add \
                     it there, or send the link without.",
                ));
            }
            let text = match draft.text.trim() {
                "" => {
                    let files = attachment::uploads(tx, org, &draft.attachments).await?;
                    let kinds: Vec<_> = files.iter().map(|(_, kind)| MediaKind::of(kind)).collect();
                    invitation(&organisation(tx, org).await?, &kinds)
                }
                _ => draft.text.clone(),
            };
            let token = new_token();
            let address = address_base(backend) + &token;
            (backend.clock.new_id(), Some((token, options)), text, address)
        }
        Wanted::Again(id) => {
            let link = Record::load(tx, org, id).await?.ok_or(Error::Inconsistent("a link vanished"))?;
            let state = link.state(backend.clock.now());
            if state != LinkState::Open {
                return Err(closed(state));
            }
            (id, None, draft.text.clone(), link.address(backend)?)
        }
    };
    let leaves = with_link(&text, &address);
    let surplus = leaves.chars().count().saturating_sub(MAX_TEXT_CHARS);
    if surplus > 0 {
        return Err(Error::invalid(
            "text",
            format!("With its link the text has {surplus} characters too many. Shorten it."),
        ));
    }
    Ok(Some(Prepared { id, new, load: Load::of(&leaves, Vec::new()), text }))
}

/// Records the link of a message that was recorded.
pub(crate) async fn add(
    backend: &Backend,
    tx: &mut Tx,
    whole: Whole,
    by: Option<StaffId>,
    link: &Prepared,
) -> Result<()> {
    if let Some((token, options)) = &link.new {
        let now = backend.clock.now();
        tx.execute(
            "INSERT INTO share_link (id, org_id, message_id, token_hash, token_sealed, expires_at, openings_allowed,
                 asks_birth_date, tries_left, created_by, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            args![
                link.id,
                whole.org,
                whole.message,
                backend.keys.hash(Purpose::ShareLink, token),
                backend.keys.seal(Purpose::ShareLink, token.as_bytes()),
                now + hours(options.hours),
                options.one_opening.then_some(1_i64),
                options.ask_birth_date,
                BIRTH_DATE_TRIES,
                by,
                now
            ],
        )
        .await?;
    }
    tx.execute("UPDATE message SET share_link_id = $2 WHERE id = $1", args![whole.message, link.id]).await?;
    Ok(())
}

/// The link that a message leaves with now.
pub(crate) async fn leaving(backend: &Backend, tx: &mut Tx, message: MessageId) -> Result<Leaving> {
    let Some(link) = Record::carried_by(tx, message).await? else { return Ok(Leaving::Plain) };
    Ok(match link.state(backend.clock.now()) {
        LinkState::Open => Leaving::With(link.address(backend)?),
        closed => Leaving::Closed(closed),
    })
}

/// Carriers are handed pictures alone.
async fn require_pictures(tx: &mut Tx, org: OrgId, attachments: &[AttachmentId]) -> Result<()> {
    let files = attachment::uploads(tx, org, attachments).await?;
    match files.into_iter().find(|(_, media_type)| !kind::is_picture(media_type)) {
        None => Ok(()),
        Some((name, _)) => Err(Error::invalid(
            "link",
            format!(
                "“{name}” is no picture and can only go as a private link. Set link, or leave the file out."
            ),
        )),
    }
}

async fn organisation(tx: &mut Tx, org: OrgId) -> Result<String> {
    let row: Option<(String,)> = tx.one("SELECT name FROM organisation WHERE id = $1", args![org]).await?;
    row.map(|(name,)| name).ok_or(Error::Inconsistent("a message without an organisation"))
}

/// 101 random bits that survive any messenger: letters and digits alone.
fn new_token() -> String {
    let mut token = String::with_capacity(TOKEN_CHARS);
    while token.len() < TOKEN_CHARS {
        for byte in random_bytes::<32>() {
            // 248 is the largest multiple of 62: bytes above would make some characters likelier.
            if byte < 248 && token.len() < TOKEN_CHARS {
                token.push(char::from(BASE62[usize::from(byte % 62)]));
            }
        }
    }
    token
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn secrets_are_long_plain_and_never_the_same() {
        let tokens: HashSet<String> = (0..1000).map(|_| new_token()).collect();
        assert_eq!(tokens.len(), 1000);
        assert!(tokens.iter().all(|token| token.len() == TOKEN_CHARS));
        assert!(TOKEN_CHARS as f64 * 62_f64.log2() >= 96.0);
        let used: HashSet<u8> = tokens.iter().flat_map(|token| token.bytes()).collect();
        assert_eq!(used, BASE62.iter().copied().collect());
    }
}
