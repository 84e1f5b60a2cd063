//! Short sentences about what just happened.

use super::{Glyph, Icon, IconButton};
use gloo_timers::callback::Timeout;
use leptos::prelude::*;

/// What a notice means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It worked.
    Good,
    /// Mind this.
    Warn,
    /// It did not work; stays until it is closed.
    Bad,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "notice tone-good",
            Self::Warn => "notice tone-warn",
            Self::Bad => "notice tone-bad",
        }
    }

    fn glyph(self) -> Glyph {
        match self {
            Self::Good => Glyph::Check,
            Self::Warn => Glyph::Warning,
            Self::Bad => Glyph::Error,
        }
    }
}

/// Milliseconds after which a notice that is no failure goes by itself.
const STAYS_MS: u32 = 8_000;

#[derive(Debug, Clone)]
struct Notice {
    id: u32,
    tone: Tone,
    text: String,
    /// The place in this product where something can be done about it.
    place: Option<String>,
}

/// The page's notices; a context, there once per page.
#[derive(Debug, Clone, Copy)]
pub struct Notices {
    shown: RwSignal<Vec<Notice>>,
    next_id: StoredValue<u32>,
}

impl Default for Notices {
    fn default() -> Self {
        Self { shown: RwSignal::default(), next_id: StoredValue::new(0) }
    }
}

impl Notices {
    /// The notices of this page.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// Shows a sentence.
    pub fn tell(self, tone: Tone, text: impl Into<String>) {
        self.show(tone, text.into(), None);
    }

    /// Shows a sentence about something elsewhere, with a way there.
    pub fn tell_of(self, tone: Tone, text: String, place: String) {
        self.show(tone, text, Some(place));
    }

    fn show(self, tone: Tone, text: String, place: Option<String>) {
        let id = self.next_id.get_value();
        self.next_id.set_value(id + 1);
        self.shown.update(|shown| {
            shown.retain(|notice| notice.text != text || notice.place != place);
            shown.push(Notice { id, tone, text, place });
        });
        if tone != Tone::Bad {
            Timeout::new(STAYS_MS, move || self.close(id)).forget();
        }
    }

    /// Shows what went wrong.
    pub fn failed(self, failure: &crate::api::ApiFailure) {
        self.tell(Tone::Bad, failure.message());
    }

    fn close(self, id: u32) {
        self.shown.try_update(|shown| shown.retain(|notice| notice.id != id));
    }
}

/// Where the page's notices appear.
#[component]
pub fn NoticeList() -> impl IntoView {
    let notices = Notices::of_page();
    view! {
        <div class="notices" role="status" aria-live="polite">
            <For each=move || notices.shown.get() key=|notice| notice.id let(notice)>
                <div class=notice.tone.class()>
                    <Icon glyph=notice.tone.glyph() />
                    <p>
                        {notice.text} " "
                        {notice.place.map(|place| view! { <a href=place on:click=move |_| notices.close(notice.id)>"Open"</a> })}
                    </p>
                    <IconButton glyph=Glyph::Close label="Close" on_press=move |_| notices.close(notice.id) />
                </div>
            </For>
        </div>
    }
}

/// A sentence that stands on the page as long as it is true.
#[component]
pub fn Banner(
    /// What it means.
    tone: Tone,
    /// The sentence.
    children: Children,
) -> impl IntoView {
    view! {
        <div class=format!("banner {}", tone.class()) role="status">
            <Icon glyph=tone.glyph() />
            <p>{children()}</p>
        </div>
    }
}
