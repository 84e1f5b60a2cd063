//! What an empty list says: what it is for, and the first step.

use super::{Glyph, Icon};
use leptos::prelude::*;

/// An icon, a heading, a sentence, and whatever offers the first step.
#[component]
pub fn Empty(
    /// The icon.
    glyph: Glyph,
    /// What is not there.
    #[prop(into)]
    title: String,
    /// What this place is for.
    #[prop(into)]
    text: String,
    /// It is all that the page has to say, so its heading is the page's own.
    #[prop(optional)]
    whole_page: bool,
    /// The first step.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <Icon glyph=glyph />
            {if whole_page { view! { <h1>{title}</h1> }.into_any() } else { view! { <h2>{title}</h2> }.into_any() }}
            <p>{text}</p>
            {children.map(|children| children())}
        </div>
    }
}
