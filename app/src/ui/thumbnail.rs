//! A small picture that opens large. Its size is fixed before it loads, so that nothing jumps.

use leptos::ev::MouseEvent;
use leptos::prelude::*;

/// A picture of 100 x 100 pixels, cover-fitted.
#[component]
pub fn Thumbnail(
    /// The tile rendition.
    #[prop(into)]
    src: String,
    /// What it is, for those who do not see it.
    #[prop(into)]
    alt: String,
    /// Further pictures that are not shown: "+3" over this one.
    #[prop(optional)]
    more: usize,
    /// Opens it.
    #[prop(into)]
    on_press: Callback<MouseEvent>,
    /// It cannot be loaded.
    on_broken: Callback<()>,
) -> impl IntoView {
    view! {
        <button type="button" class="thumbnail" on:click=move |event| on_press.run(event)>
            <img src=src alt=alt width="100" height="100" loading="lazy" decoding="async" on:error=move |_| on_broken.run(()) />
            {(more > 0).then(|| view! { <span class="thumbnail-more">{format!("+{more}")}</span> })}
        </button>
    }
}
