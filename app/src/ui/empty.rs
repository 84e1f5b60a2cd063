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
    /// The first step.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <Icon glyph=glyph />
            <h2>{title}</h2>
            <p>{text}</p>
            {children.map(|children| children())}
        </div>
    }
}
