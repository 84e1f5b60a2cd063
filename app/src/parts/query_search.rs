//! A search whose words stand in the address, as `?q=…`.

use crate::browser;
use crate::ui::{Glyph, Icon};
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate, use_query_map};
use std::time::Duration;

/// Typing pauses this long before the list is read anew.
const PAUSE: Duration = Duration::from_millis(200);

/// The words of the present address, if there are any.
pub fn searched() -> Memo<Option<String>> {
    let query = use_query_map();
    Memo::new(move |_| query.with(|query| query.get("q")).filter(|words| !words.trim().is_empty()))
}

/// The input; `/` leads to it by its id `search`.
#[component]
pub fn QuerySearch(
    /// What can be searched for.
    label: &'static str,
) -> impl IntoView {
    let query = use_query_map();
    let path = use_location().pathname;
    let navigate = use_navigate();
    let searched = searched();
    let typed = RwSignal::new(searched.get_untracked().unwrap_or_default());
    // Another way led here: the input says what the list shows. Not while one types, which is ahead of the address.
    Effect::new(move |_| {
        let words = searched.get().unwrap_or_default();
        let is_typing = browser::focused().is_some_and(|element| element.id() == "search");
        if !is_typing {
            typed.set(words);
        }
    });
    let waiting = StoredValue::new(None::<TimeoutHandle>);
    let stop_waiting = move || {
        if let Some(handle) = waiting.try_update_value(Option::take).flatten() {
            handle.clear();
        }
    };
    on_cleanup(stop_waiting);
    let on_input = move |words: String| {
        typed.set(words);
        stop_waiting();
        let navigate = navigate.clone();
        let go = move || {
            let words = typed.get_untracked();
            let mut query = query.get_untracked();
            query.remove("q");
            if !words.trim().is_empty() {
                query.insert("q", words);
            }
            let options = NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() };
            navigate(&format!("{}{}", path.get_untracked(), query.to_query_string()), options);
        };
        // Fails only where there is no window.
        waiting.set_value(set_timeout_with_handle(go, PAUSE).ok());
    };
    view! {
        // Without scripts the form asks by itself.
        <form class="search" role="search" on:submit=|event| event.prevent_default()>
            <Icon glyph=Glyph::Search />
            <input
                id="search"
                class="input"
                type="search"
                name="q"
                autocomplete="off"
                placeholder=label
                aria-label=label
                value=typed.get_untracked()
                prop:value=typed
                on:input:target=move |event| on_input(event.target().value())
            />
        </form>
    }
}
