//! A window above the page. The browser's own modal dialog keeps the focus inside, closes on Esc and gives the
//! focus back to where it was.

use super::{Glyph, IconButton};
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// A modal dialog; its content exists only while it is open.
#[component]
pub fn Dialog(
    /// Whether it is open; set to `false` when the person closes it.
    open: RwSignal<bool>,
    /// What it is about.
    #[prop(into)]
    title: Signal<String>,
    /// Uses the whole window, for pictures.
    #[prop(optional)]
    large: bool,
    /// What stands in it.
    children: ChildrenFn,
) -> impl IntoView {
    let node = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = node.get() else { return };
        if !open.get() {
            dialog.close();
        } else {
            // Once its content stands, so that the focus finds its place in there.
            request_animation_frame(move || {
                if !dialog.open() && open.try_get_untracked() == Some(true) {
                    // Fails only for a dialog outside of the document.
                    let _ = dialog.show_modal();
                }
            });
        }
    });
    view! {
        <dialog
            node_ref=node
            class=if large { "dialog dialog-large" } else { "dialog" }
            aria-label=title
            on:close=move |_| open.set(false)
            on:click=move |event| {
                let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
                if target.is_some_and(|target| target.tag_name() == "DIALOG") {
                    open.set(false);
                }
            }
        >
            <Show when=move || open.get()>
                <div class="dialog-frame">
                    <header class="dialog-head">
                        <h2>{title}</h2>
                        <IconButton glyph=Glyph::Close label="Close" on_press=move |_| open.set(false) />
                    </header>
                    {children()}
                </div>
            </Show>
        </dialog>
    }
}
