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
    /// A press beside it closes it: for what loses nothing by that, unlike a form or something that is shown once.
    #[prop(optional)]
    light: bool,
    /// What stands in it.
    children: ChildrenFn,
) -> impl IntoView {
    let node = NodeRef::<html::Dialog>::new();
    let pressed_beside = StoredValue::new(false);
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
            on:pointerdown=move |event| pressed_beside.set_value(light && is_beside(&event))
            on:click=move |event| {
                // Marking a text may end beside the window; only a press that began there is meant to close it.
                if pressed_beside.get_value() && is_beside(&event) {
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

/// On the backdrop, which belongs to the dialog itself; everything inside is a child of it.
fn is_beside(event: &web_sys::Event) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    target.is_some_and(|target| target.tag_name() == "DIALOG")
}
