//! What sending takes: through which carrier, how large, how dear. And the other numbers that a message could come from,
//! which patients do not know: never taken without a press.

use crate::parts::composer::chosen::Chosen;
use crate::parts::composer::whatsapp_window::Whatsapp;
use crate::parts::thread::state::Thread;
use crate::ui::{Glyph, Icon, IconButton, Menu, MenuItem};
use gloo_timers::callback::Timeout;
use leptos::prelude::*;
use model::LineId;
use model::conversation::{LineChoice, SendAbility};
use model::link::LinkOptions;
use model::routing::{Load, Plan, Plans, plan};
use send_wrapper::SendWrapper;

/// A carrier that rested is looked at again a little later than it may be asked: better late once than early again and
/// again.
const AFTER_REST_MS: u32 = 500;

/// The way that what is being written would take.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    thread: Thread,
    chosen: RwSignal<Vec<Chosen>>,
    /// Another line than the one that the patient knows.
    asked: RwSignal<Option<LineId>>,
    plans: Memo<Plans>,
    /// Whether there is anything to send yet.
    is_empty: Memo<bool>,
}

impl Way {
    /// The way of a text as it leaves and of the pictures, which stay here where the message is `linked`; it changes
    /// with all of them, and with whether it goes by WhatsApp.
    pub(crate) fn new(
        thread: Thread,
        chosen: RwSignal<Vec<Chosen>>,
        leaving: Memo<String>,
        linked: Memo<Option<LinkOptions>>,
        asked: RwSignal<Option<LineId>>,
        whatsapp: Whatsapp,
    ) -> Self {
        let line = Memo::new(move |_| line_of(&thread.view.read().can_send, asked.get()).cloned());
        let plans = Memo::new(move |_| {
            let travelling = match linked.read().is_some() {
                true => Vec::new(),
                false => chosen.read().iter().map(copy_size).collect(),
            };
            let load = Load::of(leaving.read().trim(), travelling);
            let load = if whatsapp.is_on() { load.by_whatsapp() } else { load };
            line.read().as_ref().map(|line| plan(&line.routes, &load)).unwrap_or_default()
        });
        let is_empty = Memo::new(move |_| leaving.read().trim().is_empty() && chosen.read().is_empty());
        read_when_rested(thread);
        Self { thread, chosen, asked, plans, is_empty }
    }

    /// Why nothing can be sent this way.
    pub(crate) fn blocked(self) -> Option<String> {
        let view = self.thread.view.read();
        let asked = self.asked.get().filter(|id| view.can_send.offers.iter().any(|line| line.id == *id));
        // There are other numbers to choose only where nothing but the usual one stands in the way.
        if let (Some(reason), None) = (&view.can_send.blocked, asked) {
            return Some(reason.clone());
        }
        let plans = self.plans.read();
        plans.usable.is_empty().then(|| plans.why_not())
    }

    /// The line that staff asked for in place of the one that the patient knows.
    pub(crate) fn asked(self) -> Option<LineId> {
        let view = self.thread.view.read_untracked();
        self.asked.get_untracked().filter(|id| view.can_send.offers.iter().any(|line| line.id == *id))
    }

    /// The next message goes the usual way again.
    pub(crate) fn forget(self) {
        self.asked.set(None);
    }

    /// Bytes that a picture may have at most.
    pub(crate) fn share_of(self, key: String) -> Signal<Option<u64>> {
        Signal::derive(move || {
            let at = self.chosen.read().iter().position(|chosen| chosen.key == key)?;
            self.plans.read().usable.first()?.shares.get(at).copied()
        })
    }
}

/// That a carrier's rest begins is news; its end comes by the clock alone.
fn read_when_rested(thread: Thread) {
    Effect::new(move |_| {
        let Some(wait) = thread.view.read().can_send.changes_in_ms else { return };
        let wait = u32::try_from(wait).unwrap_or(0).saturating_add(AFTER_REST_MS);
        let timer = SendWrapper::new(Timeout::new(wait, move || thread.refresh_view()));
        on_cleanup(move || drop(timer));
    });
}

/// The line that is asked for, else the one that the patient knows.
fn line_of(ability: &SendAbility, asked: Option<LineId>) -> Option<&LineChoice> {
    let offered = ability.offers.iter().find(|line| Some(line.id) == asked);
    offered.or(ability.line.as_ref())
}

/// Bytes of the copy that leaves for the carrier, once the server has made it.
fn copy_size(chosen: &Chosen) -> Option<u64> {
    chosen.attachment.read().as_ref().and_then(|attachment| attachment.carrier).map(|copy| copy.byte_size)
}

/// One quiet line below the text; nothing as long as nothing is written.
#[component]
pub fn RouteWords(
    /// What is being written.
    way: Way,
) -> impl IntoView {
    move || {
        let plan = way.plans.read().usable.first().cloned().filter(|_| !way.is_empty.get())?;
        let Plan { sentence, poor, .. } = plan;
        Some(view! {
            <span class="route-words">
                <span class="number">{sentence}</span>
                {poor.then(|| view! { <span class="is-warn">" · the pictures will look coarse"</span> })}
            </span>
        })
    }
}

/// The warning that the patient will see a number that they may not know, once staff asked for it.
#[component]
pub fn OtherNumber(
    /// What is being written.
    way: Way,
) -> impl IntoView {
    move || {
        let asked = way.asked.get();
        let view = way.thread.view.read();
        let line = view.can_send.offers.iter().find(|line| Some(line.id) == asked).cloned()?;
        Some(view! {
            <p class="route-other tone-warn">
                <Icon glyph=Glyph::Warning />
                <span>
                    "The patient will see "
                    <span class="number">{line.number.spaced()}</span>
                    {format!(" ({})", line.name)}
                </span>
                <IconButton glyph=Glyph::Close label="Send from the usual number" on_press=move |_| way.forget() />
            </p>
        })
    }
}

/// The other numbers, one press away from being asked for.
#[component]
pub fn Offers(
    /// What is being written.
    way: Way,
) -> impl IntoView {
    let offers = Memo::new(move |_| way.thread.view.read().can_send.offers.clone());
    view! {
        <Show when=move || !offers.read().is_empty()>
            <Menu label="Send from another number" glyph=Glyph::Phone>
                {move || {
                    offers
                        .get()
                        .into_iter()
                        .map(|line| {
                            let id = line.id;
                            view! {
                                <MenuItem on_press=move |()| way.asked.set(Some(id))>
                                    {format!("Send from {} instead ({})", line.number.spaced(), line.name)}
                                </MenuItem>
                            }
                        })
                        .collect_view()
                }}
            </Menu>
        </Show>
    }
}
