//! A list that grows page by page, and can be read again without losing its length.

use crate::api::Answer;
use crate::parts::live::Live;
use crate::ui::{Button, Notices};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::Page;
use std::pin::Pin;
use std::sync::Arc;

type Reading<T> = Pin<Box<dyn Future<Output = Answer<Page<T>>> + Send>>;
type Read<T> = Arc<dyn Fn(Option<String>) -> Reading<T> + Send + Sync>;

/// The list. Copies name the same one.
pub struct Pager<T: Send + Sync + 'static> {
    items: RwSignal<Vec<T>>,
    next: RwSignal<Option<String>>,
    busy: RwSignal<bool>,
    /// Grows with each reading, so that the answer to an older one is dropped.
    reading: StoredValue<u32>,
    read: StoredValue<Read<T>>,
    notices: Notices,
}

impl<T: Send + Sync + 'static> Clone for Pager<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Pager<T> {}

impl<T: Clone + PartialEq + Send + Sync + 'static> Pager<T> {
    /// Begins with the first page; `read` gets the page of a cursor. Call it while a component is made.
    pub fn new<F>(first: Page<T>, read: impl Fn(Option<String>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer<Page<T>>> + Send + 'static,
    {
        Self {
            items: RwSignal::new(first.items),
            next: RwSignal::new(first.next),
            busy: RwSignal::new(false),
            reading: StoredValue::new(0),
            read: StoredValue::new(Arc::new(move |cursor| Box::pin(read(cursor)))),
            notices: Notices::of_page(),
        }
    }

    /// Begins with a whole list, which `read` reads again.
    pub fn whole<F>(first: Vec<T>, read: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer<Vec<T>>> + Send + 'static,
    {
        let page = |items| Page { items, next: None };
        Self::new(page(first), move |_| {
            let items = read();
            async move { items.await.map(page) }
        })
    }

    /// What is there so far.
    pub fn items(self) -> Signal<Vec<T>> {
        self.items.into()
    }

    /// Nothing is there.
    pub fn is_empty(self) -> Memo<bool> {
        Memo::new(move |_| self.items.with(Vec::is_empty))
    }

    /// The item that `is` it, as long as it is in the list; follows its changes.
    pub fn item(self, is: impl Fn(&T) -> bool + Send + Sync + 'static) -> Memo<Option<T>> {
        Memo::new(move |_| self.items.with(|items| items.iter().find(|item| is(item)).cloned()))
    }

    /// Reads on at the end.
    pub fn more(self) {
        let Some(cursor) = self.next.get_untracked() else { return };
        if self.busy.get_untracked() {
            return;
        }
        let reading = self.begin();
        self.busy.set(true);
        let page = self.read.with_value(|read| read(Some(cursor)));
        spawn_local(async move {
            let page = page.await;
            if !self.is_current(reading) {
                return;
            }
            self.busy.set(false);
            match page {
                Ok(page) => {
                    self.items.update(|items| items.extend(page.items));
                    self.next.set(page.next);
                }
                Err(failure) if Live::signed_out(&failure) => {}
                Err(failure) => self.notices.failed(&failure),
            }
        });
    }

    /// Reads everything again that is shown. Quiet when the server cannot be reached: the page says so already.
    pub fn refresh(self) {
        let reading = self.begin();
        self.busy.set(false);
        let wanted = self.items.with_untracked(Vec::len);
        spawn_local(async move {
            let (mut items, mut cursor) = (Vec::new(), None);
            loop {
                let Some(page) = self.read.try_with_value(|read| read(cursor)) else { return };
                match page.await {
                    Ok(page) => {
                        items.extend(page.items);
                        cursor = page.next;
                    }
                    Err(failure) => {
                        Live::signed_out(&failure);
                        return;
                    }
                }
                if cursor.is_none() || items.len() >= wanted {
                    break;
                }
            }
            if self.is_current(reading) {
                self.items.update(|shown| {
                    if *shown != items {
                        *shown = items;
                    }
                });
                self.next.set(cursor);
            }
        });
    }

    /// Puts one item in place of another.
    pub fn replace(self, is: impl Fn(&T) -> bool, with: T) {
        self.items.try_update(|items| {
            if let Some(item) = items.iter_mut().find(|item| is(item)) {
                *item = with;
            }
        });
    }

    fn begin(self) -> u32 {
        self.reading.update_value(|reading| *reading += 1);
        self.reading.get_value()
    }

    fn is_current(self, reading: u32) -> bool {
        self.reading.try_get_value() == Some(reading)
    }
}

/// The way to what follows; nothing at the end of the list.
#[component]
pub fn ShowMore<T: Clone + PartialEq + Send + Sync + 'static>(
    /// Of this list.
    pager: Pager<T>,
) -> impl IntoView {
    view! {
        <Show when=move || pager.next.get().is_some()>
            <p class="show-more">
                <Button disabled=pager.busy on_press=move |_| pager.more()>"Show more"</Button>
            </p>
        </Show>
    }
}
