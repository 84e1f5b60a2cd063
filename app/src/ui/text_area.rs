//! Several lines of text.

use leptos::prelude::*;

/// An input for several lines, with its label and error.
#[component]
pub fn TextArea(
    /// What goes in here.
    #[prop(into)]
    label: String,
    /// Its name in the form, also its id; unique on the page.
    name: &'static str,
    /// What is typed.
    value: RwSignal<String>,
    /// Lines to show at first.
    #[prop(default = 3)]
    rows: u32,
    /// What is wrong, if anything.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
) -> impl IntoView {
    let below = format!("{name}-below");
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <textarea
                id=name
                name=name
                rows=rows
                aria-invalid=move || error.get().is_some().then_some("true")
                aria-describedby=below.clone()
                prop:value=value
                on:input:target=move |event| value.set(event.target().value())
            ></textarea>
            <p id=below class="field-below is-error" aria-live="polite">
                {move || error.get().unwrap_or_default()}
            </p>
        </div>
    }
}
