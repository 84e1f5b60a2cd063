//! What the demo's patients and its clinic wrote to each other on earlier days.
//!
//! The rows are those that real messages leave behind. No webhook came and no carrier was asked, so there is nothing in
//! the journal, and nothing to deliver.

use crate::jobs::{Job, Owner, queue};
use crate::media::blobs::{BlobKey, Stored, Variant};
use crate::messages::cost;
use crate::store::{Tx, args};
use crate::{Backend, Error, Result, conversations, lines, numbers};
use bytes::Bytes;
use model::message::{Channel, Direction};
use model::phone::Country;
use model::{
    AttachmentId, ConversationId, DeliveryId, LineAccountId, LineId, MessageId, Millis, OrgId, PhoneNumber,
    StaffId, segments,
};

const HOUR: Millis = 60 * 60 * 1000;

/// Drawn for this demo; nobody's.
const PRESCRIPTION: &[u8] = include_bytes!("prescription.png");

/// One conversation.
struct Story {
    /// Whose phone.
    number: &'static str,
    /// The oldest first.
    said: &'static [Said],
    /// Nobody has read the last one.
    is_unread: bool,
}

struct Said {
    /// Hours before the demo was made.
    hours_ago: Millis,
    by: Direction,
    text: &'static str,
    /// With a photo of a prescription.
    photo: bool,
}

const fn patient(hours_ago: Millis, text: &'static str) -> Said {
    Said { hours_ago, by: Direction::Inbound, text, photo: false }
}

const fn clinic(hours_ago: Millis, text: &'static str) -> Said {
    Said { hours_ago, by: Direction::Outbound, text, photo: false }
}

const STORIES: [Story; 4] = [
    Story {
        number: "0491 570 159",
        said: &[
            clinic(122, "A reminder from Harbour Clinic: we see you on Thursday at 10:30."),
            patient(121, "Thanks, I will be there"),
        ],
        is_unread: false,
    },
    Story {
        number: "0491 570 157",
        said: &[
            patient(77, "Hello, could I have my physio exercises once more? I lost the sheet."),
            clinic(75, "Of course, Ben. We print them for you; they are at the front desk from tomorrow."),
            patient(74, "Great, thank you!"),
        ],
        is_unread: false,
    },
    Story {
        number: "0491 570 158",
        said: &[
            Said { photo: true, ..patient(51, "The pharmacy asks whether this is the latest one. Is it?") },
            clinic(50, "Yes, that is the one from last week, and it holds for three months."),
        ],
        is_unread: false,
    },
    Story {
        number: "0491 570 110",
        said: &[
            clinic(98, "Elsie's results are here and everything is fine. No need to come in."),
            patient(26, "What a relief. Does she still need the drops in the evening?"),
        ],
        is_unread: true,
    },
];

/// Whose messages these are, and through what they went.
pub(super) struct Clinic {
    pub(super) org: OrgId,
    pub(super) line: LineId,
    pub(super) account: LineAccountId,
    /// Who answered.
    pub(super) author: StaffId,
}

/// A message of a story on its way into the database.
struct Telling<'a> {
    conversation: ConversationId,
    message: MessageId,
    at: Millis,
    said: &'a Said,
    /// Nobody has read it.
    is_unread: bool,
}

impl Telling<'_> {
    fn channel(&self) -> Channel {
        if self.said.photo { Channel::Mms } else { Channel::Sms }
    }

    fn parts(&self) -> usize {
        segments::count(self.said.text).parts
    }
}

/// Writes all of them down.
pub(super) async fn tell_all(backend: &Backend, clinic: &Clinic) -> Result<()> {
    for story in &STORIES {
        tell(backend, clinic, story).await?;
    }
    Ok(())
}

async fn tell(backend: &Backend, clinic: &Clinic, story: &Story) -> Result<()> {
    let number = PhoneNumber::parse(story.number, Country::AU)
        .map_err(|_| Error::Inconsistent("a number of the demo is no number"))?;
    let photo = match story.said.iter().any(|said| said.photo) {
        true => Some(Photo::keep(backend).await?),
        false => None,
    };
    let now = backend.clock.now();
    let mut tx = backend.store.write().await?;
    let number = numbers::find_or_make(backend, &mut tx, clinic.org, &number).await?;
    let (conversation, _) = conversations::find_or_make(backend, &mut tx, clinic.org, number, now).await?;
    for (place, said) in story.said.iter().enumerate() {
        let is_last = place + 1 == story.said.len();
        let telling = Telling {
            conversation,
            message: backend.clock.new_id(),
            at: now - said.hours_ago * HOUR,
            said,
            is_unread: is_last && story.is_unread,
        };
        match said.by {
            Direction::Inbound => receive(backend, &mut tx, clinic, &telling).await?,
            Direction::Outbound => send(backend, &mut tx, clinic, &telling).await?,
        }
        if let Some(photo) = photo.as_ref().filter(|_| said.photo) {
            photo.attach(backend, &mut tx, clinic, &telling).await?;
        }
        tx.execute(
            "UPDATE conversation SET last_at = $2, last_message_id = $3 WHERE id = $1",
            args![conversation, telling.at, telling.message],
        )
        .await?;
    }
    conversations::count_unread(&mut tx, conversation).await?;
    tx.commit().await?;
    Ok(())
}

async fn receive(backend: &Backend, tx: &mut Tx, clinic: &Clinic, telling: &Telling<'_>) -> Result<()> {
    let route = lines::route_in(backend, tx, clinic.account, None).await?;
    let route = route.ok_or(Error::Inconsistent("the demo's line vanished"))?;
    let price = cost::received(backend, &route, telling.channel(), telling.parts());
    tx.execute(
        "INSERT INTO message (id, org_id, conversation_id, line_id, direction, channel, body, at, state, state_at,
             parts, account_id, carrier_id, price_micros, price_currency, read_at)
         VALUES ($1, $2, $3, $4, 'inbound', $5, $6, $7, 'delivered', $7, $8, $9, $10, $11, $12, $13)",
        args![
            telling.message,
            clinic.org,
            telling.conversation,
            clinic.line,
            telling.channel().as_str(),
            telling.said.text,
            telling.at,
            telling.parts(),
            clinic.account,
            carrier_id(telling),
            price.map(|price| price.micros),
            price.map(|price| price.currency.as_str()),
            (!telling.is_unread).then_some(telling.at)
        ],
    )
    .await?;
    Ok(())
}

async fn send(backend: &Backend, tx: &mut Tx, clinic: &Clinic, telling: &Telling<'_>) -> Result<()> {
    tx.execute(
        "INSERT INTO message (id, org_id, conversation_id, line_id, direction, channel, body, at, state, state_at,
             parts, author_id, account_id)
         VALUES ($1, $2, $3, $4, 'outbound', $5, $6, $7, 'delivered', $7, $8, $9, $10)",
        args![
            telling.message,
            clinic.org,
            telling.conversation,
            clinic.line,
            telling.channel().as_str(),
            telling.said.text,
            telling.at,
            telling.parts(),
            clinic.author,
            clinic.account
        ],
    )
    .await?;
    let delivery: DeliveryId = backend.clock.new_id();
    tx.execute(
        "INSERT INTO delivery (id, org_id, message_id, account_id, part, attempt, state, marked_at, carrier_id,
             created_at, state_at, mock)
         VALUES ($1, $2, $3, $4, 0, 1, 'delivered', $5, $6, $5, $5, $7)",
        args![
            delivery,
            clinic.org,
            telling.message,
            clinic.account,
            telling.at,
            carrier_id(telling),
            backend.settings.mock_mode
        ],
    )
    .await?;
    cost::taken(backend, tx, delivery, clinic.account, None).await
}

/// The photo of a story, stored.
struct Photo {
    id: AttachmentId,
    stored: Stored,
}

impl Photo {
    async fn keep(backend: &Backend) -> Result<Self> {
        let id: AttachmentId = backend.clock.new_id();
        let key = BlobKey::Inbound(id, Variant::Original);
        let stored = backend.blobs.put_bytes(&key, "image/png", Bytes::from_static(PRESCRIPTION)).await?;
        Ok(Self { id, stored })
    }

    /// Its renditions are made like any other's.
    async fn attach(
        &self,
        backend: &Backend,
        tx: &mut Tx,
        clinic: &Clinic,
        telling: &Telling<'_>,
    ) -> Result<()> {
        tx.execute(
            "INSERT INTO attachment (id, org_id, message_id, position, direction, state, file_name, media_type,
                 byte_size, sha256, created_at)
             VALUES ($1, $2, $3, 0, 'inbound', 'processing', 'photo-1.png', 'image/png', $4, $5, $6)",
            args![
                self.id,
                clinic.org,
                telling.message,
                self.stored.size,
                self.stored.sha256.clone(),
                telling.at
            ],
        )
        .await?;
        let job = Job::MakeRenditions { owner: Owner::Attachment(self.id) };
        queue::push(backend, tx, clinic.org, &job, None, backend.clock.now()).await
    }
}

/// Under which id the simulated carrier would have known it.
fn carrier_id(telling: &Telling<'_>) -> String {
    format!("demo-{}", telling.message)
}
