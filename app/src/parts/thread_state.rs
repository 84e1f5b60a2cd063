//! The loaded stretch of one thread and how it stays true.

use crate::api::{inbox, messages};
use crate::parts::chosen::Chosen;
use crate::parts::live::{Live, News};
use crate::parts::outbox::{Outbox, draft, when_connected};
use crate::parts::scroll::{Hold, scroll_to_end};
use crate::parts::thread_item::{Facts, Item, Local, places};
use crate::ui::{Notices, Times};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::conversation::{ConversationView, ThreadFrom, ThreadSlice};
use model::live::Change;
use model::message::{Direction, MessageView, Recipient};
use model::{ConversationId, MessageId};

/// Slices kept at most; farther ones are dropped and read again when one comes back to them.
const MAX_SLICES: usize = 8;

#[derive(Debug, Clone)]
struct Slice {
    items: Vec<Item>,
    older: Option<String>,
    newer: Option<String>,
}

/// One thread; a context of the conversation's parts.
#[derive(Debug, Clone, Copy)]
pub struct Thread {
    /// Whose.
    pub id: ConversationId,
    /// What stands beside it.
    pub view: RwSignal<ConversationView>,
    /// Oldest first.
    pub items: RwSignal<Vec<Item>>,
    /// There are older messages than the loaded ones.
    pub has_older: RwSignal<bool>,
    /// There are newer messages than the loaded ones.
    pub has_newer: RwSignal<bool>,
    /// Messages that arrived below while one was reading above.
    pub unseen: RwSignal<usize>,
    /// What is read is at the end.
    pub at_end: RwSignal<bool>,
    slices: StoredValue<Vec<Slice>>,
    loading: StoredValue<bool>,
    /// Messages that are being read, and whether they changed meanwhile.
    reading: StoredValue<Vec<(MessageId, bool)>>,
    outbox: Outbox,
    notices: Notices,
    times: Times,
}

impl Thread {
    /// Begins with what the server read.
    pub fn new(view: ConversationView, slice: ThreadSlice) -> Self {
        let thread = Self {
            id: view.row.id,
            view: RwSignal::new(view),
            items: RwSignal::default(),
            has_older: RwSignal::new(false),
            has_newer: RwSignal::new(false),
            unseen: RwSignal::new(0),
            at_end: RwSignal::new(true),
            slices: StoredValue::new(vec![Slice::of(slice)]),
            loading: StoredValue::new(false),
            reading: StoredValue::new(Vec::new()),
            outbox: Outbox::of_page(),
            notices: Notices::of_page(),
            times: Times::of_page(),
        };
        thread.lay_out();
        thread
    }

    /// The thread around this component.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// Follows the stream of changes; call it once.
    pub fn follow(self, live: Live) {
        Effect::new(move |_| {
            live.listen(move |news| match news {
                News::Reload => {
                    self.refresh_view();
                    self.jump(ThreadFrom::Newest);
                }
                News::Change(Change::MessageAdded { conversation_id, message_id })
                    if conversation_id == self.id =>
                {
                    self.read(message_id);
                    self.refresh_view();
                }
                News::Change(Change::MessageChanged { conversation_id, message_id })
                    if conversation_id == self.id =>
                {
                    self.refresh(message_id);
                }
                News::Change(Change::ConversationChanged { conversation_id })
                    if conversation_id == self.id =>
                {
                    self.refresh_view();
                }
                News::Change(Change::PatientChanged { patient_id }) => {
                    if self.view.read_untracked().row.patients.iter().any(|patient| patient.id == patient_id)
                    {
                        self.refresh_view();
                    }
                }
                News::Change(_) => {}
            });
        });
        // Days begin elsewhere once the browser's own time zone is known.
        Effect::new(move |before: Option<i64>| {
            let first = self
                .items
                .with_untracked(|items| items.first().map_or(0, |item| item.message.read_untracked().at));
            let day = self.times.day(first);
            if before.is_some() {
                self.lay_out();
            }
            day
        });
        Effect::new(move |_| {
            self.show_unsent();
            on_cleanup(move || self.outbox.close(self.id));
        });
        when_connected(live, move || self.deliver_waiting());
    }

    /// Shows what was written here on an earlier visit and is not with the server yet.
    fn show_unsent(self) {
        for message in self.outbox.open(self.id) {
            let known = self.items.read_untracked().iter().find(|item| item.is(&message)).cloned();
            if known.as_ref().is_some_and(|item| item.local.read_untracked().is_none()) {
                self.outbox.forget(message.client_id.as_deref().unwrap_or_default());
            } else if known.is_none() {
                let local = message.failure.clone().map_or(Local::Waiting, Local::Refused);
                let item = Item::of(MessageView { failure: None, ..message });
                item.local.set(Some(local));
                self.append(item);
            }
        }
    }

    /// Loads what is older than the loaded stretch.
    pub fn load_older(self) {
        let cursor = self.slices.with_value(|slices| slices.first().and_then(|slice| slice.older.clone()));
        self.load(cursor.map(ThreadFrom::Older));
    }

    /// Loads what is newer than the loaded stretch.
    pub fn load_newer(self) {
        let cursor = self.slices.with_value(|slices| slices.last().and_then(|slice| slice.newer.clone()));
        self.load(cursor.map(ThreadFrom::Newer));
    }

    fn load(self, from: Option<ThreadFrom>) {
        let Some(from) = from.filter(|_| !self.loading.get_value()) else { return };
        self.loading.set_value(true);
        let is_older = matches!(from, ThreadFrom::Older(_));
        spawn_local(async move {
            let answer = inbox::thread(self.id, from).await;
            if self.items.is_disposed() {
                return;
            }
            self.loading.set_value(false);
            match answer {
                Ok(slice) => {
                    let hold = Hold::begin();
                    self.slices.update_value(|slices| {
                        if is_older {
                            slices.insert(0, Slice::of(slice));
                            slices.truncate(MAX_SLICES);
                        } else {
                            slices.push(Slice::of(slice));
                            let surplus = slices.len().saturating_sub(MAX_SLICES);
                            slices.drain(..surplus);
                        }
                    });
                    self.lay_out();
                    hold.end();
                }
                Err(failure) => {
                    if !Live::signed_out(&failure) {
                        self.notices.failed(&failure);
                    }
                }
            }
        });
    }

    /// Replaces the loaded stretch.
    pub fn jump(self, from: ThreadFrom) {
        spawn_local(async move {
            match inbox::thread(self.id, from).await {
                Ok(slice) if !self.items.is_disposed() => {
                    let unsent: Vec<Item> = self
                        .items
                        .get_untracked()
                        .into_iter()
                        .filter(|item| item.local.read_untracked().is_some())
                        .collect();
                    self.slices.update_value(|slices| *slices = vec![Slice::of(slice)]);
                    self.slices.update_value(|slices| slices[0].items.extend(unsent));
                    self.unseen.set(0);
                    self.lay_out();
                    scroll_to_end();
                }
                Ok(_) => {}
                Err(failure) => self.notices.failed(&failure),
            }
        });
    }

    /// Goes to the newest message.
    pub fn to_end(self) {
        self.unseen.set(0);
        if self.has_newer.get_untracked() { self.jump(ThreadFrom::Newest) } else { scroll_to_end() }
    }

    /// Reads a message and shows it; once more if it changed meanwhile, since of two answers the older may come last.
    fn read(self, id: MessageId) {
        let under_way = self.reading.try_update_value(|reading| {
            match reading.iter_mut().find(|(other, _)| *other == id) {
                Some((_, again)) => {
                    *again = true;
                    true
                }
                None => {
                    reading.push((id, false));
                    false
                }
            }
        });
        if under_way != Some(false) {
            return;
        }
        spawn_local(async move {
            loop {
                let answer = messages::get(id).await;
                if self.items.is_disposed() {
                    return;
                }
                if let Ok(message) = answer {
                    self.put(message);
                }
                let again = self.reading.try_update_value(|reading| {
                    let at = reading.iter().position(|(other, _)| *other == id)?;
                    let again = std::mem::take(&mut reading[at].1);
                    if !again {
                        reading.swap_remove(at);
                    }
                    Some(again)
                });
                if again.flatten() != Some(true) {
                    return;
                }
            }
        });
    }

    /// Reads a message again that is shown, or will be in a moment.
    fn refresh(self, id: MessageId) {
        let known = self.items.read_untracked().iter().any(|item| item.message.read_untracked().id == id);
        if known || self.reading.with_value(|reading| reading.iter().any(|(other, _)| *other == id)) {
            self.read(id);
        }
    }

    /// Reads again what stands beside the thread.
    pub fn refresh_view(self) {
        spawn_local(async move {
            if let Ok(view) = inbox::get(self.id).await {
                self.view.try_update(|old| {
                    // The line stays where reading stopped when the thread was opened.
                    let first_unread = old.first_unread;
                    *old = ConversationView { first_unread, ..view };
                });
            }
        });
    }

    /// Shows a message, in its place when it is known, else at the end.
    pub fn put(self, message: MessageView) {
        let known = self.items.read_untracked().iter().find(|item| item.is(&message)).cloned();
        if let Some(item) = known {
            item.replace(message);
            return;
        }
        let inbound = message.direction == Direction::Inbound;
        let at_end = self.at_end.get_untracked();
        if self.has_newer.get_untracked() {
            self.unseen.update(|unseen| *unseen += 1);
            return;
        }
        self.append(Item::of(message));
        if inbound && !at_end {
            self.unseen.update(|unseen| *unseen += 1);
        }
    }

    fn append(self, item: Item) {
        let hold = if self.at_end.get_untracked() { None } else { Some(Hold::begin()) };
        self.slices.update_value(|slices| {
            if let Some(last) = slices.last_mut() {
                last.items.push(item);
            }
        });
        self.lay_out();
        match hold {
            Some(hold) => hold.end(),
            None => scroll_to_end(),
        }
    }

    /// Shows a message as queued at once and sends it.
    pub fn send(self, message: MessageView, chosen: Vec<Chosen>) {
        self.at_end.set(true);
        let item = Item { chosen, ..Item::of(message) };
        item.local.set(Some(Local::Sending));
        self.outbox.keep(&item.message.read_untracked());
        if self.has_newer.get_untracked() {
            self.jump(ThreadFrom::Newest);
        }
        self.append(item.clone());
        self.deliver(item);
    }

    fn deliver_waiting(self) {
        for item in self.items.get_untracked() {
            if item.local.get_untracked() == Some(Local::Waiting) {
                self.deliver(item);
            }
        }
    }

    /// Sends a message of this page again, under the same client id: it is sent once at most.
    pub fn deliver(self, item: Item) {
        let message = item.message.get_untracked();
        item.local.set(Some(Local::Sending));
        spawn_local(async move {
            match messages::send_message(Recipient::Conversation(self.id), draft(&message)).await {
                Ok(sent) => {
                    self.outbox.forget(&item.key);
                    if !self.items.is_disposed() {
                        self.put(sent);
                    }
                }
                Err(failure) if failure.may_pass() => item.local.set(Some(Local::Waiting)),
                Err(failure) => {
                    if !Live::signed_out(&failure) {
                        self.outbox.refused(&message, failure.error.message.clone());
                        item.local.set(Some(Local::Refused(failure.error.message)));
                    }
                }
            }
        });
    }

    /// Takes a message that was never sent out of the thread.
    pub fn forget(self, key: &str) {
        self.outbox.forget(key);
        self.slices.update_value(|slices| {
            for slice in slices {
                slice.items.retain(|item| item.key != key);
            }
        });
        self.lay_out();
    }

    /// Says what the neighbours make of each message, and shows the result.
    fn lay_out(self) {
        let (items, older, newer): (Vec<Item>, bool, bool) = self.slices.with_value(|slices| {
            (
                slices.iter().flat_map(|slice| slice.items.iter().cloned()).collect(),
                slices.first().is_some_and(|slice| slice.older.is_some()),
                slices.last().is_some_and(|slice| slice.newer.is_some()),
            )
        });
        let first_unread = self.view.read_untracked().first_unread;
        let facts: Vec<Facts> = items.iter().map(Facts::of).collect();
        let places = untrack(|| places(&facts, first_unread, |at| self.times.day(at)));
        for (item, place) in items.iter().zip(places) {
            if *item.place.read_untracked() != place {
                item.place.set(place);
            }
        }
        self.has_older.set(older);
        self.has_newer.set(newer);
        self.items.set(items);
    }
}

impl Slice {
    fn of(slice: ThreadSlice) -> Self {
        let items = slice.messages.into_iter().map(Item::of).collect();
        Self { items, older: slice.older, newer: slice.newer }
    }
}
