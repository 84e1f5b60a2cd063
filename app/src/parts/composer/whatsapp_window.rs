//! Whether a message goes by WhatsApp, and how long anything can be sent that way: said before one writes, not after.

use crate::parts::composer::drafts::Draft;
use crate::parts::thread::state::Thread;
use crate::ui::{Glyph, Icon, Times};
use leptos::prelude::*;
use model::conversation::WhatsappAbility;
use model::message::Direction;
use model::whatsapp::{SOON_MS, Window, time_left};

/// WhatsApp for what is being written.
#[derive(Debug, Clone, Copy)]
pub struct Whatsapp {
    /// As the patient can be answered; absent where it is of no use, or where the message comes from another number.
    ability: Memo<Option<WhatsappAbility>>,
    /// What staff chose for this one message; until they do, it goes the way that the patient wrote last.
    asked: RwSignal<Option<bool>>,
    is_on: Memo<bool>,
    window: Memo<Window>,
    /// Nothing at all can be sent.
    is_blocked: Memo<bool>,
}

impl Whatsapp {
    /// For a message from the line that the patient knows, unless the draft asks for another one.
    pub(crate) fn new(thread: Thread, draft: &Draft) -> Self {
        let times = Times::of_page();
        let (asked, line) = (RwSignal::from(draft.whatsapp.clone()), RwSignal::from(draft.line.clone()));
        let heard_at = RwSignal::from(draft.heard_at.clone());
        let newest = Memo::new(move |_| {
            let view = thread.view.read();
            let last = view.row.last.as_ref();
            last.filter(|last| last.direction == Direction::Inbound).map(|last| last.at)
        });
        Effect::new(move |_| {
            let newest = newest.get();
            if newest.is_some() && newest != heard_at.get_untracked() {
                heard_at.set(newest);
                asked.set(None);
            }
        });
        let ability = Memo::new(move |_| match line.get() {
            None => thread.view.read().can_send.whatsapp,
            Some(_) => None,
        });
        let is_on = Memo::new(move |_| ability.get().is_some_and(|it| asked.get().unwrap_or(it.usual)));
        // Looked at anew whenever the page's clock moves on, each minute.
        let window = Memo::new(move |_| {
            let now = times.now();
            ability.get().map_or(Window::Never, |ability| ability.window(now))
        });
        let is_blocked = Memo::new(move |_| thread.view.read().can_send.blocked.is_some());
        Self { ability, asked, is_on, window, is_blocked }
    }

    /// It goes by WhatsApp.
    pub(crate) fn is_on(self) -> bool {
        self.is_on.get()
    }

    /// It goes by WhatsApp and only a template may.
    pub(crate) fn needs_template(self) -> bool {
        self.is_on.get() && !self.is_blocked.get() && self.window.get().why_closed().is_some()
    }

    /// Why only a template may, in a sentence.
    pub(crate) fn why_closed(self) -> Option<&'static str> {
        self.window.get().why_closed()
    }

    /// From now on it goes by WhatsApp, or not.
    pub(crate) fn choose(self, on: bool) {
        self.asked.set(Some(on));
    }

    /// The next message goes the way that the patient wrote last again.
    pub(crate) fn forget(self) {
        self.asked.set(None);
    }
}

/// The switch between the ways, and what is left of the window; nothing where there is only one way.
#[component]
pub fn WhatsappBar(
    /// What is being written.
    whatsapp: Whatsapp,
) -> impl IntoView {
    let pressed = move |on: bool| if whatsapp.is_on() == on { "true" } else { "false" };
    view! {
        <Show when=move || whatsapp.ability.read().is_some()>
            <div class="ways">
                <div class="ways-switch" role="group" aria-label="Send by">
                    <button type="button" aria-pressed=move || pressed(false) on:click=move |_| whatsapp.choose(false)>
                        <Icon glyph=Glyph::Message />
                        <span>"SMS/MMS"</span>
                    </button>
                    <button
                        type="button"
                        class="is-whatsapp"
                        aria-pressed=move || pressed(true)
                        on:click=move |_| whatsapp.choose(true)
                    >
                        <Icon glyph=Glyph::Whatsapp />
                        <span>"WhatsApp"</span>
                    </button>
                </div>
                <TimeLeft whatsapp=whatsapp />
            </div>
        </Show>
    }
}

/// How long anything can be sent by WhatsApp. Once it cannot, the words that stand in the place of the text say so.
#[component]
fn TimeLeft(whatsapp: Whatsapp) -> impl IntoView {
    let times = Times::of_page();
    move || match whatsapp.window.get() {
        Window::Open { until } => {
            let left = until - times.now();
            let words = format!("WhatsApp: {} left to reply freely", time_left(left));
            Some(
                view! { <span class="ways-left number" class:is-warn={left < SOON_MS}>{words}</span> }
                    .into_any(),
            )
        }
        Window::Never | Window::Closed if whatsapp.is_on() => None,
        Window::Never | Window::Closed => {
            Some(view! { <span class="ways-left">"WhatsApp: templates only"</span> }.into_any())
        }
    }
}
