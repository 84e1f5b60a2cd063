//! The inbox's rows and how they stay true.

use crate::api::{Answer, inbox};
use crate::parts::live::{Live, News};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::conversation::{ConversationRow, InboxQuery, Show};
use model::live::Change;
use model::{ConversationId, Page, StaffId};

/// A row of the list; it changes in place.
#[derive(Debug, Clone)]
pub struct Row {
    /// The conversation.
    pub id: ConversationId,
    /// What to show.
    pub row: ArcRwSignal<ConversationRow>,
}

impl Row {
    fn new(row: ConversationRow) -> Self {
        Self { id: row.id, row: ArcRwSignal::new(row) }
    }

    fn show(&self, row: ConversationRow) -> Self {
        if *self.row.read_untracked() != row {
            self.row.set(row);
        }
        self.clone()
    }
}

/// The list of conversations; a context of the inbox and the thread beside it.
#[derive(Debug, Clone, Copy)]
pub struct Inbox {
    /// In the order to show.
    pub rows: RwSignal<Vec<Row>>,
    /// Which of them to show.
    pub show: RwSignal<Show>,
    /// What is searched for.
    pub search: RwSignal<String>,
    /// The first page of the present question is on its way.
    pub loading: RwSignal<bool>,
    /// What went wrong, until it goes right.
    pub failure: RwSignal<Option<String>>,
    next: RwSignal<Option<String>>,
    /// Answers to earlier questions are dropped.
    question: StoredValue<u32>,
    me: StaffId,
}

impl Inbox {
    /// Begins with the first page, as the server rendered it.
    pub fn new(me: StaffId, first: Answer<Page<ConversationRow>>) -> Self {
        let (page, failure) = match first {
            Ok(page) => (page, None),
            Err(failure) => (Page { items: Vec::new(), next: None }, Some(failure.error.message)),
        };
        let page_next = page.next;
        Self {
            rows: RwSignal::new(page.items.into_iter().map(Row::new).collect()),
            show: RwSignal::new(Show::All),
            search: RwSignal::new(String::new()),
            loading: RwSignal::new(false),
            failure: RwSignal::new(failure),
            next: RwSignal::new(page_next),
            question: StoredValue::new(0),
            me,
        }
    }

    /// The inbox around this component.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// Follows the stream of changes; call it once. `seq` is the newest one that the first page can contain for sure.
    pub fn follow(self, live: Live, seq: i64) {
        Effect::new(move |_| {
            live.listen(move |news| match news {
                News::Reload => self.load(),
                News::Change(
                    Change::MessageAdded { conversation_id, .. }
                    | Change::MessageChanged { conversation_id, .. }
                    | Change::ConversationChanged { conversation_id },
                ) => self.refresh(conversation_id),
                // A new name stands in any number of rows.
                News::Change(Change::PatientChanged { patient_id }) => {
                    for row in self.rows.get_untracked() {
                        if row.row.read_untracked().patients.iter().any(|patient| patient.id == patient_id) {
                            self.refresh(row.id);
                        }
                    }
                }
                News::Change(_) => {}
            });
            // What changed while the first page was read, nobody was here to hear.
            if live.newest() != seq {
                self.load();
            }
        });
        // A changed filter or search asks anew; the first run is what the server has answered already.
        Effect::new(move |before: Option<(Show, String)>| {
            let question = (self.show.get(), self.search.get());
            if before.is_some_and(|before| before != question) {
                self.load();
            }
            question
        });
    }

    /// Asks for the first page of the present question.
    pub fn load(self) {
        self.loading.set(true);
        self.ask(None);
    }

    /// Asks for the next page, if there is one and none is on its way.
    pub fn load_more(self) {
        if !self.loading.get_untracked()
            && let Some(cursor) = self.next.get_untracked()
        {
            self.next.set(None);
            self.ask(Some(cursor));
        }
    }

    fn ask(self, cursor: Option<String>) {
        let question = self.question.get_value() + u32::from(cursor.is_none());
        self.question.set_value(question);
        let search = Some(self.search.get_untracked().trim().to_owned()).filter(|search| !search.is_empty());
        let query = InboxQuery { show: self.show.get_untracked(), search, cursor: cursor.clone() };
        spawn_local(async move {
            let answer = inbox::list(query).await;
            if self.question.try_get_value() != Some(question) {
                return;
            }
            self.loading.set(false);
            match answer {
                Ok(page) => {
                    self.failure.set(None);
                    self.next.set(page.next);
                    self.rows.update(|rows| {
                        // What is drawn hangs on its row, so a row that is shown already goes on.
                        let known = if cursor.is_none() { std::mem::take(rows) } else { Vec::new() };
                        for row in page.items {
                            if !rows.iter().any(|other| other.id == row.id) {
                                rows.push(match known.iter().find(|known| known.id == row.id) {
                                    Some(known) => known.show(row),
                                    None => Row::new(row),
                                });
                            }
                        }
                    });
                }
                Err(failure) => {
                    if !Live::signed_out(&failure) {
                        self.next.set(cursor);
                        self.failure.set(Some(failure.error.message));
                    }
                }
            }
        });
    }

    /// Reads one row again and puts it where it belongs.
    pub fn refresh(self, id: ConversationId) {
        spawn_local(async move {
            let mut answer = inbox::get(id).await;
            while let Err(failure) = &answer
                && Live::again(failure).await
                && !self.rows.is_disposed()
            {
                answer = inbox::get(id).await;
            }
            if let Ok(view) = answer
                && !self.rows.is_disposed()
            {
                self.place(view.row);
            }
        });
    }

    /// A row that is shown stays shown, also when it no longer answers the filter: nothing vanishes under the hand.
    fn place(self, row: ConversationRow) {
        let at = row.last.as_ref().map_or(0, |last| last.at);
        let known = self.rows.read_untracked().iter().find(|known| known.id == row.id).cloned();
        match known {
            Some(known) => {
                let before = known.row.read_untracked().last.as_ref().map_or(0, |last| last.at);
                known.show(row);
                if before != at {
                    self.rows.update(|rows| {
                        rows.retain(|other| other.id != known.id);
                        insert(rows, known, at);
                    });
                }
            }
            None if self.wants(&row) => self.rows.update(|rows| insert(rows, Row::new(row), at)),
            None => {}
        }
    }

    fn wants(self, row: &ConversationRow) -> bool {
        self.search.read_untracked().trim().is_empty()
            && match self.show.get_untracked() {
                Show::All => true,
                Show::Unread => row.unread > 0,
                Show::Mine => row.assigned_to == Some(self.me),
            }
    }
}

fn insert(rows: &mut Vec<Row>, row: Row, at: model::Millis) {
    let newer = |other: &Row| other.row.read_untracked().last.as_ref().map_or(0, |last| last.at) > at;
    let place = rows.iter().position(|other| !newer(other)).unwrap_or(rows.len());
    rows.insert(place, row);
}
