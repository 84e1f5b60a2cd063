//! What the simulated phones show, kept in memory and bounded.

use bytes::Bytes;
use model::{Millis, PhoneNumber};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};

/// Messages that one phone keeps.
const PER_PHONE: usize = 500;
/// Phones that are kept.
const MOST_PHONES: usize = 1000;
/// Bytes of all photos together.
const SHELF_BYTES: usize = 256 * 1024 * 1024;

/// A photo's bytes.
#[derive(Clone)]
pub struct Photo {
    /// As its sender says.
    pub media_type: Option<String>,
    /// Whole.
    pub bytes: Bytes,
}

/// A photo as the carrier hands it to the server of the line that it was sent to.
pub struct HandedOut {
    /// What there is of it.
    pub photo: Photo,
    /// It goes on and on, and says so beforehand.
    pub endless: bool,
}

/// A message as a phone shows it.
#[derive(Clone, Serialize)]
pub struct PhoneMessage {
    /// The carrier's id.
    pub id: String,
    /// Grows with every message and every change of one, over all phones; the mark for what to ask next.
    pub revision: u64,
    /// The line's number.
    pub line: PhoneNumber,
    /// Written on this phone, not received by it.
    pub from_phone: bool,
    /// It travels by WhatsApp.
    pub whatsapp: bool,
    /// May be empty when there are photos.
    pub text: String,
    /// In order.
    pub photos: Vec<ShownPhoto>,
    /// When it arrived or was written.
    pub at: Millis,
    /// How far it has come.
    pub state: PhoneMessageState,
}

/// A photo in a message on a phone.
#[derive(Clone, Serialize)]
pub struct ShownPhoto {
    /// For [`super::Network::media`].
    pub id: String,
    /// As its sender says.
    pub media_type: Option<String>,
    /// Size in bytes.
    pub bytes: usize,
}

/// How far a message on a phone has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneMessageState {
    /// On its way to the line's webhook.
    Sending,
    /// Received by this phone, or taken by the line's webhook.
    Delivered,
    /// The line's webhook did not take it.
    Failed,
}

/// All phones, and the photos of their messages.
#[derive(Default)]
pub(super) struct Phones {
    threads: HashMap<PhoneNumber, VecDeque<PhoneMessage>>,
    revision: u64,
    shelf: VecDeque<Shelved>,
    shelf_bytes: usize,
}

/// A photo in store.
struct Shelved {
    id: String,
    /// The line it was sent by or to.
    line: PhoneNumber,
    photo: Photo,
    /// Not there yet for whoever asks first.
    late: bool,
    /// Larger than any server keeps.
    huge: bool,
}

impl Phones {
    /// Puts a message on a phone and its photos on the shelf.
    pub(super) fn show(
        &mut self,
        phone: &PhoneNumber,
        mut message: PhoneMessage,
        photos: Vec<(String, Photo)>,
    ) -> PhoneMessage {
        for (id, photo) in photos {
            let shown =
                ShownPhoto { id: id.clone(), media_type: photo.media_type.clone(), bytes: photo.bytes.len() };
            message.photos.push(shown);
            self.shelf_bytes += photo.bytes.len();
            self.shelf.push_back(Shelved { id, line: message.line.clone(), photo, late: false, huge: false });
        }
        while self.shelf_bytes > SHELF_BYTES {
            let Some(oldest) = self.shelf.pop_front() else { break };
            self.shelf_bytes -= oldest.photo.bytes.len();
        }
        self.revision += 1;
        message.revision = self.revision;
        if !self.threads.contains_key(phone) && self.threads.len() >= MOST_PHONES {
            self.forget_the_quietest();
        }
        let thread = self.threads.entry(phone.clone()).or_default();
        thread.push_back(message.clone());
        if thread.len() > PER_PHONE {
            thread.pop_front();
        }
        message
    }

    /// Notes what became of a message.
    pub(super) fn settle(&mut self, phone: &PhoneNumber, id: &str, state: PhoneMessageState) {
        self.revision += 1;
        let thread = self.threads.get_mut(phone).into_iter().flatten();
        if let Some(message) = thread.rev().find(|message| message.id == id) {
            message.state = state;
            message.revision = self.revision;
        }
    }

    /// The messages that one phone exchanged with one line, oldest first, changed after `since`.
    pub(super) fn thread(&self, phone: &PhoneNumber, line: &PhoneNumber, since: u64) -> Vec<PhoneMessage> {
        let thread = self.threads.get(phone).into_iter().flatten();
        thread.filter(|message| message.line == *line && message.revision > since).cloned().collect()
    }

    /// When a phone last wrote to a line by WhatsApp.
    pub(super) fn heard_at(&self, phone: &PhoneNumber, line: &PhoneNumber) -> Option<Millis> {
        let thread = self.threads.get(phone).into_iter().flatten();
        let written =
            thread.filter(|message| message.line == *line && message.from_phone && message.whatsapp);
        written.map(|message| message.at).max()
    }

    /// A photo, and the line it was sent by or to.
    pub(super) fn photo(&self, id: &str) -> Option<(&PhoneNumber, &Photo)> {
        self.shelf.iter().find(|shelved| shelved.id == id).map(|shelved| (&shelved.line, &shelved.photo))
    }

    /// Lets a photo be late, or huge, when it is handed out.
    pub(super) fn burden(&mut self, id: &str, late: bool, huge: bool) {
        if let Some(shelved) = self.shelf.iter_mut().find(|shelved| shelved.id == id) {
            (shelved.late, shelved.huge) = (late, huge);
        }
    }

    /// A photo for the server of its line. `None` for one that is not there, or not yet.
    pub(super) fn hand_out(&mut self, id: &str) -> Option<HandedOut> {
        let shelved = self.shelf.iter_mut().find(|shelved| shelved.id == id)?;
        if std::mem::take(&mut shelved.late) {
            return None;
        }
        Some(HandedOut { photo: shelved.photo.clone(), endless: shelved.huge })
    }

    fn forget_the_quietest(&mut self) {
        let last = |thread: &VecDeque<PhoneMessage>| thread.back().map_or(0, |message| message.revision);
        let quietest =
            self.threads.iter().min_by_key(|(_, thread)| last(thread)).map(|(phone, _)| phone.clone());
        if let Some(phone) = quietest {
            self.threads.remove(&phone);
        }
    }
}
