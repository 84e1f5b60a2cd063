//! The wasm entry: brings the page that the server rendered to life, and nothing else.

// The types of whole pages are deep: every element stands in the type of the one around it.
#![recursion_limit = "512"]

/// Called by the page's own script once the wasm is loaded.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    // A page may open with a screen that is still on its way.
    leptos::mount::hydrate_lazy(app::App);
}
