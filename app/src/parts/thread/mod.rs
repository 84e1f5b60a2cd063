//! The scrolling middle of a conversation.

pub mod bubble;
pub mod file_card;
pub mod filing;
pub mod item;
pub mod link_line;
pub mod opted_out;
pub mod outbox;
pub mod picture_fate;
mod scroll;
pub mod sent_pictures;
mod slice;
pub mod state;
pub mod viewer;

use crate::browser;
use crate::parts::thread::bubble::Bubble;
use crate::parts::thread::state::Thread;
use crate::ui::{Button, Empty, Glyph};
use leptos::html;
use leptos::prelude::*;
use model::MessageId;

/// Pixels from either end at which more is loaded.
const NEAR_PX: i32 = 800;

/// Pixels from the end within which one counts as being there.
const AT_END_PX: i32 = 40;

/// The messages, oldest first, the newest in view.
#[component]
pub fn ThreadView(
    /// The message that a link led to.
    #[prop(into)]
    marked: Signal<Option<MessageId>>,
) -> impl IntoView {
    let thread = Thread::of_page();
    let scroller = NodeRef::<html::Div>::new();
    // Notes what is in view, and loads what soon will be.
    let look = move || {
        let Some(scroller) = scroller.get_untracked() else { return };
        // Laid out from the end: 0 there, negative above.
        let from_end = -scroller.scroll_top();
        let at_end = from_end < AT_END_PX && !thread.has_newer.get_untracked();
        if thread.at_end.get_untracked() != at_end {
            thread.at_end.set(at_end);
        }
        if at_end && thread.unseen.get_untracked() > 0 {
            thread.unseen.set(0);
        }
        let from_start = scroller.scroll_height() - scroller.client_height() - from_end;
        if from_start < NEAR_PX {
            thread.load_older();
        }
        if from_end < NEAR_PX {
            thread.load_newer();
        }
    };
    Effect::new(move |_| {
        if let Some(id) = marked.get() {
            request_animation_frame(move || {
                if thread.items.is_disposed() {
                    return;
                }
                let item = thread
                    .items
                    .read_untracked()
                    .iter()
                    .find(|item| item.message.read_untracked().id == id)
                    .cloned();
                if let Some(element) =
                    item.and_then(|item| document().get_element_by_id(&format!("m-{}", item.key)))
                {
                    let options = web_sys::ScrollIntoViewOptions::new();
                    options.set_block(web_sys::ScrollLogicalPosition::Center);
                    element.scroll_into_view_with_scroll_into_view_options(&options);
                }
                // A thread that fits on the screen does not scroll.
                look();
            });
        }
    });
    view! {
        <div class="thread">
            <div node_ref=scroller class="thread-scroll" on:scroll=move |_| look() tabindex="0" role="log" aria-label="Messages">
                <div class="thread-content">
                    <Show when=move || thread.has_older.get()>
                        <Button on_press=move |_| thread.load_older()>"Older messages"</Button>
                    </Show>
                    <Show when=move || thread.items.read().is_empty()>
                        <Empty glyph=Glyph::Message title="No messages yet" text="Write the first one below. It is sent from the clinic's number." />
                    </Show>
                    <For each=move || thread.items.get() key=|item| item.key.clone() let(item)>
                        {
                            let id = item.message.clone();
                            let here = Signal::derive(move || marked.get().is_some_and(|marked| marked == id.read().id));
                            view! { <Bubble item=item marked=here /> }
                        }
                    </For>
                </div>
            </div>
            <Show when=move || !thread.at_end.get()>
                <div class="to-end">
                    <Button glyph=Glyph::Down on_press=move |_| thread.to_end()>
                        {move || match thread.unseen.get() {
                            0 => "Newest".to_owned(),
                            1 => "1 new message".to_owned(),
                            more => format!("{more} new messages"),
                        }}
                    </Button>
                </div>
            </Show>
        </div>
    }
}

/// Gives the focus to the thread, so that keys scroll it.
pub(crate) fn focus_thread() {
    browser::focus(".thread-scroll");
}
