//! A button that unfolds a few things to do.

use super::{Glyph, Icon};
use crate::browser;
use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

#[derive(Clone, Copy)]
struct MenuState {
    open: RwSignal<bool>,
    button: NodeRef<html::Button>,
}

impl MenuState {
    fn close(self) {
        self.open.set(false);
        if let Some(button) = self.button.get_untracked() {
            let _ = button.focus();
        }
    }
}

/// The button and, once pressed, its [`MenuItem`]s. Arrow keys move, Esc closes.
#[component]
pub fn Menu(
    /// What the button is called.
    #[prop(into)]
    label: Signal<String>,
    /// What stands on it.
    #[prop(default = Glyph::More)]
    glyph: Glyph,
    /// The items.
    children: ChildrenFn,
) -> impl IntoView {
    let state = MenuState { open: RwSignal::new(false), button: NodeRef::new() };
    let list = NodeRef::<html::Div>::new();
    provide_context(state);
    Effect::new(move |_| {
        if state.open.get()
            && let Some(list) = list.get()
        {
            step(&list, 0);
        }
    });
    let on_key = move |event: KeyboardEvent| {
        let Some(list) = list.get_untracked() else { return };
        match event.key().as_str() {
            "ArrowDown" => step(&list, 1),
            "ArrowUp" => step(&list, -1),
            "Escape" => {
                event.stop_propagation();
                state.close();
            }
            _ => return,
        }
        event.prevent_default();
    };
    let on_leave = move |event: leptos::ev::FocusEvent| {
        let to = event.related_target().and_then(|to| to.dyn_into::<web_sys::Node>().ok());
        let stays = list.get_untracked().is_some_and(|list| list.contains(to.as_ref()));
        if !stays {
            state.open.set(false);
        }
    };
    view! {
        <div class="menu">
            <button
                node_ref=state.button
                type="button"
                class="icon-button"
                aria-label=label
                title=label
                aria-haspopup="menu"
                aria-expanded=move || if state.open.get() { "true" } else { "false" }
                // Keeps the focus, so that the list's own closing does not undo this press.
                on:mousedown=move |event| event.prevent_default()
                on:click=move |_| state.open.update(|open| *open = !*open)
            >
                <Icon glyph=glyph />
            </button>
            <Show when=move || state.open.get()>
                <div node_ref=list class="menu-list" role="menu" aria-label=label on:keydown=on_key on:focusout=on_leave>
                    {children()}
                </div>
            </Show>
        </div>
    }
}

/// One thing to do.
#[component]
pub fn MenuItem(
    /// What it does.
    #[prop(into)]
    on_press: Callback<()>,
    /// In front of the words.
    #[prop(optional, into)]
    glyph: Option<Glyph>,
    /// The words.
    children: Children,
) -> impl IntoView {
    let state = expect_context::<MenuState>();
    view! {
        <button
            type="button"
            role="menuitem"
            tabindex="-1"
            on:click=move |_| {
                state.close();
                on_press.run(());
            }
        >
            {glyph.map(|glyph| view! { <Icon glyph=glyph /> })}
            <span>{children()}</span>
        </button>
    }
}

fn step(list: &web_sys::HtmlElement, by: isize) {
    let items = browser::find_all(list, "[role=menuitem]");
    let Some(last) = items.len().checked_sub(1) else { return };
    let focused = browser::focused();
    let at = items.iter().position(|item| Some(item) == focused.as_ref());
    let next = match at {
        None => 0,
        Some(at) => at.saturating_add_signed(by).min(last),
    };
    let _ = items[next].focus();
}
