//! Dialogs about something that is there or not.

use leptos::prelude::*;

/// The `open` of a dialog that shows something: open as long as there is something; closing drops it.
pub fn open_while<T: Send + Sync + 'static>(something: RwSignal<Option<T>>) -> RwSignal<bool> {
    let open = RwSignal::new(something.with_untracked(Option::is_some));
    // Each side is set only where it differs, since setting it wakes the other one.
    Effect::new(move |_| {
        let there = something.with(Option::is_some);
        if open.get_untracked() != there {
            open.set(there);
        }
    });
    Effect::new(move |_| {
        if !open.get() && something.with_untracked(Option::is_some) {
            something.set(None);
        }
    });
    open
}
