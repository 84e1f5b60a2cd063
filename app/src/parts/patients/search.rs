//! Finding a patient by typing.

use crate::api::patients;
use crate::ui::{Avatar, Glyph, Icon};
use gloo_timers::callback::Timeout;
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::patient::PatientRow;

const SEARCH_AFTER_MS: u32 = 200;

/// An input and the patients that answer what is typed; a click or Enter takes one.
#[component]
pub fn PatientSearch(
    /// What is typed; also for the dialog around this.
    typed: RwSignal<String>,
    /// Takes the patient.
    #[prop(into)]
    on_choose: Callback<PatientRow>,
) -> impl IntoView {
    let found = RwSignal::new(Vec::<PatientRow>::new());
    let failure = RwSignal::new(None::<String>);
    Effect::new(move |_| {
        let text = typed.get().trim().to_owned();
        let ask = move || {
            spawn_local(async move {
                let answer = patients::list(Some(text.clone()).filter(|text| !text.is_empty()), None).await;
                if typed.try_with_untracked(|typed| typed.trim() == text) != Some(true) {
                    return;
                }
                match answer {
                    Ok(page) => {
                        failure.set(None);
                        found.set(page.items);
                    }
                    Err(what) => failure.set(Some(what.error.message)),
                }
            });
        };
        let wait = send_wrapper::SendWrapper::new(Timeout::new(SEARCH_AFTER_MS, ask));
        on_cleanup(move || drop(wait));
    });
    view! {
        <div class="patient-search">
            <div class="search">
                <Icon glyph=Glyph::Search />
                <input
                    id="patient-search"
                    class="input"
                    type="text"
                    autocomplete="off"
                    autofocus
                    placeholder="Name or number"
                    aria-label="Name or number"
                    prop:value=typed
                    on:input:target=move |event| typed.set(event.target().value())
                />
            </div>
            {move || failure.get().map(|failure| view! { <p class="field-below is-error" role="alert">{failure}</p> })}
            <ul class="choices" aria-label="Patients">
                <For each=move || found.get() key=|row| row.patient.id let(row)>
                    <li>
                        <button type="button" on:click={
                            let row = row.clone();
                            move |_| on_choose.run(row.clone())
                        }>
                            <Avatar name=Some(row.patient.name.clone()) />
                            <span>{row.patient.name.clone()}</span>
                            <span class="muted number">
                                {row.number.as_ref().map_or_else(|| "No number".to_owned(), |number| number.spaced())}
                            </span>
                        </button>
                    </li>
                </For>
            </ul>
        </div>
    }
}
