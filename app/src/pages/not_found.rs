//! An address that leads nowhere.

use crate::ui::{Empty, Glyph};
use leptos::prelude::*;
use leptos_meta::Title;

/// Says so, as a whole page.
#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <main class="page">
            <NothingHere whole_page=true />
        </main>
    }
}

/// Says so, with the status 404.
#[component]
pub fn NothingHere(
    /// There is nothing else on the page.
    #[prop(optional)]
    whole_page: bool,
) -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
    view! {
        <Title text="Not found" />
        <Empty whole_page=whole_page glyph=Glyph::Question title="There is nothing here" text="The address may be mistyped, or what it led to was removed.">
            <a class="button" href="/">"Go to the inbox"</a>
        </Empty>
    }
}
