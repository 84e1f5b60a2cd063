//! Keys that work on the whole page.

use crate::browser;
use crate::ui::Dialog;
use leptos::ev::{self, KeyboardEvent};
use leptos::prelude::*;

/// What the keys do; shown in the help dialog, in this order.
const KEYS: [(&str, &str); 11] = [
    ("/", "Search"),
    ("n", "New conversation"),
    ("j or ↓", "Next conversation"),
    ("k or ↑", "Previous conversation"),
    ("Enter", "Open the conversation"),
    ("r", "Reply"),
    ("a", "Attach a picture"),
    ("e", "Mark as read"),
    ("p", "Show or hide the panel at the side"),
    ("?", "This list"),
    ("Esc", "Close what is on top, go back to where you were"),
];

/// A key that a screen may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortcut {
    /// `/`
    Search,
    /// `n`
    New,
    /// `j`
    Down,
    /// `k`
    Up,
    /// `r`
    Reply,
    /// `a`
    Attach,
    /// `e`
    Read,
    /// `p`
    Panel,
}

/// The page's keys; a context.
#[derive(Debug, Clone, Copy)]
pub struct Shortcuts {
    /// The help dialog is open.
    pub help: RwSignal<bool>,
}

impl Shortcuts {
    /// Begins to listen for `?`.
    pub fn start() -> Self {
        let shortcuts = Self { help: RwSignal::new(false) };
        Effect::new(move |_| {
            let handle = window_event_listener(ev::keydown, move |event| {
                if is_free(&event) && event.key() == "?" {
                    event.prevent_default();
                    shortcuts.help.set(true);
                }
            });
            on_cleanup(move || handle.remove());
        });
        shortcuts
    }

    /// The keys of this page.
    pub fn of_page() -> Self {
        expect_context()
    }
}

/// Calls `answer` for each shortcut until the present component goes away.
pub fn on_shortcut(answer: impl Fn(Shortcut) + Clone + 'static) {
    Effect::new(move |_| {
        let answer = answer.clone();
        let handle = window_event_listener(ev::keydown, move |event| {
            if !is_free(&event) {
                return;
            }
            let shortcut = match event.key().as_str() {
                "/" => Shortcut::Search,
                "n" => Shortcut::New,
                "j" => Shortcut::Down,
                "k" => Shortcut::Up,
                "r" => Shortcut::Reply,
                "a" => Shortcut::Attach,
                "e" => Shortcut::Read,
                "p" => Shortcut::Panel,
                _ => return,
            };
            event.prevent_default();
            answer(shortcut);
        });
        on_cleanup(move || handle.remove());
    });
}

/// The key is not part of typing, of a combination of the system, or of an open dialog.
fn is_free(event: &KeyboardEvent) -> bool {
    !event.ctrl_key()
        && !event.meta_key()
        && !event.alt_key()
        && !event.is_composing()
        && !browser::is_typing()
        && !browser::in_dialog()
}

/// The list of keys.
#[component]
pub fn HelpDialog() -> impl IntoView {
    let open = Shortcuts::of_page().help;
    view! {
        <Dialog open=open title="Keyboard" light=true>
            <dl class="keys">
                {KEYS
                    .map(|(key, does)| view! { <div><dt><kbd>{key}</kbd></dt><dd>{does}</dd></div> })
                    .collect_view()}
            </dl>
        </Dialog>
    }
}
