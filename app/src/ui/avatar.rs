//! Who, at a glance.

use super::{Glyph, Icon};
use leptos::prelude::*;

/// Initials of a name, or an icon for a number that belongs to nobody yet.
#[component]
pub fn Avatar(
    /// The name; `None` for a stranger.
    #[prop(into)]
    name: Signal<Option<String>>,
) -> impl IntoView {
    view! {
        <span class="avatar" aria-hidden="true">
            {move || match name.get() {
                Some(name) => initials(&name).into_any(),
                None => view! { <Icon glyph=Glyph::Phone /> }.into_any(),
            }}
        </span>
    }
}

/// The first letters of the first and of the last word: `MO` for Mary Ann O'Brien.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace();
    let first = words.next().and_then(|word| word.chars().next());
    let last = words.next_back().and_then(|word| word.chars().next());
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::initials;

    #[test]
    fn takes_the_first_and_the_last_word() {
        assert_eq!(initials("Mary Ann O'Brien"), "MO");
        assert_eq!(initials("élodie"), "É");
        assert_eq!(initials("  "), "");
    }
}
