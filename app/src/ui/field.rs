//! Inputs with their label, hint and error.

use leptos::prelude::*;

/// One line of text.
#[component]
pub fn TextField(
    /// What goes in here.
    #[prop(into)]
    label: String,
    /// Its name in the form, also its id; unique on the page.
    name: &'static str,
    /// What is typed.
    value: RwSignal<String>,
    /// `text`, `email`, `password`, `tel`, `search`, `date`.
    #[prop(default = "text")]
    kind: &'static str,
    /// For the browser's own memory.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// What stands in it as long as nothing is typed.
    #[prop(optional, into)]
    placeholder: Option<String>,
    /// A sentence below, as long as there is no error.
    #[prop(optional, into)]
    hint: Option<String>,
    /// What is wrong, if anything.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
    /// Must not be empty.
    #[prop(optional)]
    required: bool,
    /// Takes the focus when it appears.
    #[prop(optional)]
    autofocus: bool,
) -> impl IntoView {
    let below = format!("{name}-below");
    let described_by = below.clone();
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input
                id=name
                name=name
                type=kind
                autocomplete=autocomplete
                placeholder=placeholder
                required=required
                autofocus=autofocus
                aria-invalid=move || error.get().is_some().then_some("true")
                aria-describedby=described_by
                prop:value=value
                on:input:target=move |event| value.set(event.target().value())
            />
            <Below id=below hint=hint error=error />
        </div>
    }
}

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
    let described_by = below.clone();
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <textarea
                id=name
                name=name
                rows=rows
                aria-invalid=move || error.get().is_some().then_some("true")
                aria-describedby=described_by
                prop:value=value
                on:input:target=move |event| value.set(event.target().value())
            ></textarea>
            <Below id=below hint=None error=error />
        </div>
    }
}

/// One of a few.
#[component]
pub fn SelectField(
    /// What is chosen here.
    #[prop(into)]
    label: String,
    /// Its name in the form, also its id; unique on the page.
    name: &'static str,
    /// The word of what is chosen; empty for nothing.
    value: RwSignal<String>,
    /// Words and the names to show, in order.
    #[prop(into)]
    options: Signal<Vec<(String, String)>>,
    /// Shown as long as nothing is chosen.
    #[prop(optional, into)]
    placeholder: Option<String>,
    /// Cannot be changed now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// What is wrong, if anything.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
) -> impl IntoView {
    let below = format!("{name}-below");
    let described_by = below.clone();
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <select
                id=name
                name=name
                disabled=disabled
                aria-invalid=move || error.get().is_some().then_some("true")
                aria-describedby=described_by
                // An option that was picked by hand follows its attribute no more.
                prop:value=value
                on:change:target=move |event| value.set(event.target().value())
            >
                {placeholder
                    .map(|words| view! {
                        <option value="" selected=move || value.get().is_empty()>
                            {words}
                        </option>
                    })}
                {move || {
                    options
                        .get()
                        .into_iter()
                        .map(|(word, name)| {
                            let same = word.clone();
                            view! {
                                <option value=word selected=move || value.get() == same>
                                    {name}
                                </option>
                            }
                        })
                        .collect_view()
                }}
            </select>
            <Below id=below hint=None error=error />
        </div>
    }
}

#[component]
fn Below(id: String, hint: Option<String>, error: Signal<Option<String>>) -> impl IntoView {
    let hint = StoredValue::new(hint);
    view! {
        <p id=id class="field-below" class:is-error=move || error.get().is_some() aria-live="polite">
            {move || error.get().or_else(|| hint.get_value()).unwrap_or_default()}
        </p>
    }
}
