//! To which of the patient's numbers a message goes.

use crate::api::inbox;
use crate::parts::composer::drafts::Draft;
use crate::parts::inbox::list::navigator;
use crate::parts::patients::panel::People;
use crate::parts::thread::state::Thread;
use crate::ui::Notices;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// To which of the patient's numbers; each has a conversation of its own, and the draft moves along.
#[component]
pub fn NumberPicker(
    /// What is being written.
    draft: StoredValue<Draft>,
    /// The other conversation is not open yet: nothing may be sent to a number that is not the one on the screen.
    moving: RwSignal<bool>,
) -> impl IntoView {
    let thread = Thread::of_page();
    let people = People::of_page();
    let drafts = expect_context::<crate::parts::composer::drafts::Drafts>();
    let notices = Notices::of_page();
    let numbers = Memo::new(move |_| {
        let mut numbers: Vec<(String, String)> = Vec::new();
        for number in people.all.read().iter().flat_map(|patient| patient.numbers.clone()) {
            let words = if number.label.is_empty() {
                number.number.spaced()
            } else {
                format!("{} · {}", number.number.spaced(), number.label)
            };
            let e164 = number.number.as_e164().to_owned();
            if !numbers.iter().any(|(known, _)| *known == e164) {
                numbers.push((e164, words));
            }
        }
        numbers
    });
    let present = move || thread.view.read().row.number.as_str().to_owned();
    let go = navigator();
    let choose = Callback::new(move |select: web_sys::HtmlSelectElement| {
        let (go, number) = (go.clone(), select.value());
        moving.set(true);
        spawn_local(async move {
            let answer = inbox::open(number).await;
            // Whoever has left this conversation meanwhile stays where they are, and so does the draft.
            if moving.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(id) if id != thread.id => {
                    draft.with_value(|draft| draft.move_to(&drafts.of(id)));
                    go(id);
                }
                Ok(_) => {}
                Err(failure) => {
                    select.set_value(&untrack(present));
                    notices.failed(&failure);
                }
            }
        });
    });
    view! {
        <Show when=move || { numbers.read().len() > 1 }>
            <label class="number-picker">
                <span>"To"</span>
                <select class="input number" disabled=moving on:change:target=move |event| choose.run(event.target())>
                    {move || {
                        numbers
                            .get()
                            .into_iter()
                            .map(|(number, words)| {
                                let selected = number == present();
                                view! { <option value=number selected=selected>{words}</option> }
                            })
                            .collect_view()
                    }}
                </select>
            </label>
        </Show>
    }
}
