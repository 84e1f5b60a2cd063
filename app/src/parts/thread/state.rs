//! The loaded stretch of one thread and how it stays true.

use crate::api::{inbox, messages};
use crate::parts::composer::chosen::Chosen;
use crate::parts::live::{Live, News};
use crate::parts::thread::item::{Facts, Item, Local, places};
use crate::parts::thread::outbox::Outbox;
use crate::parts::thread::scroll::{Hold, scroll_to_end};
use crate::parts::thread::sent_pictures::SentPictures;
use crate::parts::thread::slice::{Slice, insert};
use crate::ui::{Notices, Times};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::conversation::{ConversationView, ThreadFrom, ThreadSlice};
use model::live::Change;
use model::message::{Direction, MessageView};
use model::{ConversationId, MessageId};

/// Slices kept at most; farther ones are dropped and read again when one comes back to them.
const MAX_SLICES: usize = 8;

/// One thread; a context of the conversation's parts.
#[derive(Debug, Clone, Copy)]
pub struct Thread {
    /// Whose.
    pub id: ConversationId,
    /// The message that a link led to.
    marked: Option<MessageId>,
    /// What stands beside it.
    pub view: RwSignal<ConversationView>,
    /// Oldest first; what the server does not have yet comes last.
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
    /// What was written here and is in no slice yet, in the order in which it was written.
    written: StoredValue<Vec<Item>>,
    loading: StoredValue<bool>,
    /// Number of the present stretch: answers that were to extend an earlier one are dropped.
    stretch: StoredValue<u32>,
    /// Messages that may be missing in the stretch that is being read.
    missed: StoredValue<Vec<MessageId>>,
    /// Messages that are being read, and whether they changed meanwhile.
    reading: StoredValue<Vec<(MessageId, bool)>>,
    outbox: Outbox,
    sent_pictures: SentPictures,
    notices: Notices,
    times: Times,
}

/// Where a thread opens: at its end, or at the message that a link led to.
pub(crate) fn opened_at(marked: Option<MessageId>) -> ThreadFrom {
    marked.map_or(ThreadFrom::Newest, ThreadFrom::Around)
}

impl Thread {
    /// Begins with what the server read.
    pub fn new(view: ConversationView, slice: ThreadSlice, marked: Option<MessageId>) -> Self {
        let thread = Self {
            id: view.row.id,
            marked,
            view: RwSignal::new(view),
            items: RwSignal::default(),
            has_older: RwSignal::new(false),
            has_newer: RwSignal::new(false),
            unseen: RwSignal::new(0),
            // Where a link leads is known once it is drawn.
            at_end: RwSignal::new(slice.newer.is_none() && marked.is_none()),
            slices: StoredValue::new(Vec::new()),
            written: StoredValue::new(Vec::new()),
            loading: StoredValue::new(false),
            stretch: StoredValue::new(0),
            missed: StoredValue::new(Vec::new()),
            reading: StoredValue::new(Vec::new()),
            outbox: Outbox::of_page(),
            sent_pictures: SentPictures::of_page(),
            notices: Notices::of_page(),
            times: Times::of_page(),
        };
        let slice = thread.slice(slice, Vec::new());
        thread.slices.set_value(vec![slice]);
        thread.lay_out();
        thread
    }

    /// The thread around this component.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// Follows the stream of changes; call it once. `seq` is the newest one that the thread can contain for sure.
    pub fn follow(self, live: Live, seq: i64) {
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
                // What can be sent from here, and through whom.
                News::Change(Change::SettingsChanged) => self.refresh_view(),
                News::Change(_) => {}
            });
            // What changed while the thread was read, nobody was here to hear.
            if live.newest() != seq {
                self.refresh_view();
                self.jump(opened_at(self.marked));
            }
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
        Effect::new(move |_| self.show_unsent());
    }

    /// Shows what was written here on an earlier visit and is not with the server yet.
    fn show_unsent(self) {
        let unsent = self.outbox.open(self.id, move |key, how| match how {
            Ok(sent) => self.put(sent),
            Err(local) => {
                if let Some(item) = self.written(key) {
                    item.local.set(Some(local));
                }
            }
        });
        for message in unsent {
            if let Some(item) = self.known(&message) {
                // An earlier page did not hear that it was sent.
                if !item.is_unsent() {
                    self.outbox.forget(&item.key);
                }
                continue;
            }
            let local = message.failure.clone().map_or(Local::Waiting, Local::Refused);
            self.write(Item::of(MessageView { failure: None, ..message }), local);
        }
        self.lay_out();
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
        let stretch = self.stretch.get_value();
        let is_older = matches!(from, ThreadFrom::Older(_));
        spawn_local(async move {
            let answer = inbox::thread(self.id, from).await;
            if self.stretch.try_get_value() != Some(stretch) {
                return;
            }
            self.loading.set_value(false);
            match answer {
                Ok(slice) => {
                    let hold = Hold::begin();
                    let slice = self.slice(slice, Vec::new());
                    self.slices.update_value(|slices| {
                        if is_older {
                            slices.insert(0, slice);
                            slices.truncate(MAX_SLICES);
                        } else {
                            slices.push(slice);
                            let surplus = slices.len().saturating_sub(MAX_SLICES);
                            slices.drain(..surplus);
                        }
                    });
                    self.lay_out();
                    hold.end();
                    self.read_missed();
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
    fn jump(self, from: ThreadFrom) {
        let stretch = self.stretch.get_value() + 1;
        self.stretch.set_value(stretch);
        self.loading.set_value(true);
        spawn_local(async move {
            loop {
                let answer = inbox::thread(self.id, from.clone()).await;
                if self.stretch.try_get_value() != Some(stretch) {
                    return;
                }
                match answer {
                    Ok(slice) => return self.begin_at(slice, from == ThreadFrom::Newest),
                    Err(failure) => {
                        if !Live::again(&failure).await {
                            self.loading.try_set_value(false);
                            return self.notices.failed(&failure);
                        }
                    }
                }
            }
        });
    }

    fn begin_at(self, slice: ThreadSlice, to_end: bool) {
        self.loading.set_value(false);
        let hold = Hold::begin();
        let before = self.slices.try_update_value(std::mem::take).unwrap_or_default();
        let slice = self.slice(slice, before.into_iter().flat_map(|slice| slice.items).collect());
        self.slices.set_value(vec![slice]);
        self.lay_out();
        if to_end {
            self.unseen.set(0);
            self.at_end.set(true);
            scroll_to_end();
        } else {
            hold.end();
        }
        self.read_missed();
    }

    /// What the server gave, less what is in another slice already. What is drawn hangs on its item, so a message that
    /// was shown before goes on with the same one, from `before` or from what was written here.
    fn slice(self, slice: ThreadSlice, mut before: Vec<Item>) -> Slice {
        self.written.with_value(|written| before.extend(written.iter().cloned()));
        let mut items = Vec::new();
        for message in slice.messages {
            if !self.slices.with_value(|slices| slices.iter().any(|slice| slice.find(&message).is_some())) {
                items.push(match before.iter().find(|item| item.is(&message)) {
                    Some(item) => {
                        self.take_in(item, message);
                        item.clone()
                    }
                    None => {
                        self.sent_pictures.let_go(&message);
                        Item::of(message)
                    }
                });
            }
        }
        self.written.update_value(|written| {
            written.retain(|ours| !items.iter().any(|item| item.key == ours.key));
        });
        Slice { items, older: slice.older, newer: slice.newer }
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
                let mut again = false;
                match answer {
                    Ok(message) => self.put(message),
                    Err(failure) => {
                        again = Live::again(&failure).await;
                        if !again {
                            self.notices.failed(&failure);
                        }
                    }
                }
                let again = self.reading.try_update_value(|reading| {
                    let at = reading.iter().position(|(other, _)| *other == id)?;
                    let changed = std::mem::take(&mut reading[at].1);
                    if !again && !changed {
                        reading.swap_remove(at);
                    }
                    Some(again || changed)
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

    /// Reads what came while a stretch was read that may not contain it.
    fn read_missed(self) {
        if !self.has_newer.get_untracked() {
            let missed = self.missed.try_update_value(std::mem::take).unwrap_or_default();
            missed.into_iter().for_each(|id| self.read(id));
        }
    }

    /// Reads again what stands beside the thread.
    pub fn refresh_view(self) {
        spawn_local(async move {
            let mut answer = inbox::get(self.id).await;
            while let Err(failure) = &answer
                && Live::again(failure).await
                && !self.view.is_disposed()
            {
                answer = inbox::get(self.id).await;
            }
            if let Ok(view) = answer {
                self.view.try_update(|old| {
                    // The line stays where reading stopped when the thread was opened.
                    let first_unread = old.first_unread;
                    *old = ConversationView { first_unread, ..view };
                });
            }
        });
    }

    /// The newest message of those that are shown. Its id is the highest: ids rise with the order in which messages came
    /// in.
    pub fn newest_shown(self) -> Option<MessageId> {
        let items = self.items.read();
        items
            .iter()
            .filter(|item| !item.is_unsent())
            .map(|item| item.message.with_untracked(|message| message.id))
            .max()
    }

    /// Shows a message in its place.
    pub fn put(self, message: MessageView) {
        if self.items.is_disposed() {
            return;
        }
        let (id, inbound) = (message.id, message.direction == Direction::Inbound);
        let has_newer = self.has_newer.get_untracked();
        if has_newer || self.loading.get_value() {
            self.missed.update_value(|missed| {
                if !missed.contains(&id) {
                    missed.push(id);
                }
            });
        }
        if let Some(item) = self.known(&message) {
            if self.take_in(&item, message) {
                self.lay_out();
            }
            return;
        }
        let at_end = self.at_end.get_untracked();
        if has_newer || (inbound && !at_end) {
            self.unseen.update(|unseen| *unseen += 1);
        }
        if has_newer {
            return;
        }
        let hold = (!at_end).then(Hold::begin);
        self.slices.update_value(|slices| insert(slices, Item::of(message)));
        self.lay_out();
        match hold {
            Some(hold) => hold.end(),
            None => scroll_to_end(),
        }
    }

    /// Shows what the server knows of an item. Answers whether it was news that the server has it at all.
    fn take_in(self, item: &Item, message: MessageView) -> bool {
        let was_unsent = item.is_unsent();
        if was_unsent {
            self.outbox.forget(&item.key);
        }
        item.replace(message);
        item.message.with_untracked(|message| self.sent_pictures.let_go(message));
        was_unsent
    }

    /// The item of a message, if it is loaded or was written here.
    fn known(self, message: &MessageView) -> Option<Item> {
        self.items.read_untracked().iter().find(|item| item.is(message)).cloned()
    }

    fn written(self, key: &str) -> Option<Item> {
        self.written
            .with_value(|written| written.iter().find(|item| item.key == key && item.is_unsent()).cloned())
    }

    fn write(self, item: Item, local: Local) {
        item.local.set(Some(local));
        self.written.update_value(|written| written.push(item));
    }

    /// Shows a message as queued at once and sends it, after those that wait already.
    pub fn send(self, message: MessageView, chosen: Vec<Chosen>) {
        self.outbox.keep(&message);
        self.sent_pictures.hold(chosen);
        self.write(Item::of(message), Local::Sending);
        // Whoever answers has seen what was new.
        let has_line = self.view.read_untracked().first_unread.is_some();
        if has_line {
            self.view.update(|view| view.first_unread = None);
        }
        self.lay_out();
        self.to_end();
        self.outbox.deliver(self.id);
    }

    /// Sends a message again that was refused, under the same client id: it is sent once at most.
    pub fn deliver(self, item: Item) {
        self.outbox.keep(&item.message.get_untracked());
        item.local.set(Some(Local::Sending));
        // It may go another way than before.
        self.lay_out();
        self.outbox.deliver(self.id);
    }

    /// Takes a message that was never sent out of the thread.
    pub fn forget(self, key: &str) {
        self.outbox.forget(key);
        if let Some(item) = self.written(key) {
            item.message.with_untracked(|message| self.sent_pictures.discard(message));
        }
        self.written.update_value(|written| written.retain(|item| item.key != key));
        self.lay_out();
    }

    /// Says what the neighbours make of each message, and shows the result.
    fn lay_out(self) {
        let (older, newer) = self.slices.with_value(|slices| {
            (
                slices.first().is_some_and(|slice| slice.older.is_some()),
                slices.last().is_some_and(|slice| slice.newer.is_some()),
            )
        });
        // At the end of the thread, what was sent has its place among the others.
        if !newer {
            let (unsent, sent) = self.written.get_value().into_iter().partition(Item::is_unsent);
            self.written.set_value(unsent);
            let sent: Vec<Item> = sent;
            self.slices.update_value(|slices| sent.into_iter().for_each(|item| insert(slices, item)));
        }
        let mut items: Vec<Item> = self
            .slices
            .with_value(|slices| slices.iter().flat_map(|slice| slice.items.iter().cloned()).collect());
        self.written.with_value(|written| items.extend(written.iter().cloned()));
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
