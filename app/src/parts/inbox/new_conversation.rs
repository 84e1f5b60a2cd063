//! Beginning a conversation: with a patient, or with a number as it is typed.

use crate::api::inbox;
use crate::parts::inbox::list::navigator;
use crate::parts::patients::search::PatientSearch;
use crate::ui::{Button, ButtonKind, Dialog, Glyph};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::patient::PatientRow;

/// The dialog behind `n`.
#[component]
pub fn NewConversation(
    /// Whether it is open.
    open: RwSignal<bool>,
) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let failure = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let go = navigator();
    let begin = Callback::new(move |number: String| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let go = go.clone();
        spawn_local(async move {
            match inbox::open(number).await {
                Ok(id) => {
                    open.set(false);
                    go(id);
                }
                Err(what) => failure.set(Some(what.error.message)),
            }
            busy.set(false);
        });
    });
    let choose = Callback::new(move |row: PatientRow| match row.number {
        Some(number) => begin.run(number.as_e164().to_owned()),
        None => failure.set(Some(format!("{} has no number yet. Add one in the record.", row.patient.name))),
    });
    Effect::new(move |_| {
        if open.get() {
            typed.set(String::new());
            failure.set(None);
        }
    });
    view! {
        <Dialog open=open title="New conversation" light=true>
            <form
                class="stack"
                on:submit=move |event| {
                    event.prevent_default();
                    let text = typed.get_untracked();
                    if looks_like_number(&text) {
                        begin.run(text);
                    }
                }
            >
                <PatientSearch typed=typed on_choose=choose />
                <p class="field-below is-error" role="alert">{move || failure.get()}</p>
                <Show when=move || looks_like_number(&typed.read())>
                    <Button kind=ButtonKind::Primary glyph=Glyph::Message submit=true disabled=busy>
                        {move || format!("Write to {}", typed.get().trim())}
                    </Button>
                </Show>
            </form>
        </Dialog>
    }
}

/// Enough digits and nothing but what people write in numbers; whether it is one, the server says.
fn looks_like_number(text: &str) -> bool {
    text.chars().filter(char::is_ascii_digit).count() >= 6
        && text.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || "+()-./".contains(c))
}

#[cfg(test)]
mod tests {
    use super::looks_like_number;

    #[test]
    fn tells_numbers_from_names() {
        assert!(looks_like_number("0491 570 006"));
        assert!(looks_like_number("+61 (0)491-570-006"));
        assert!(!looks_like_number("0491"));
        assert!(!looks_like_number("Mary 0491570006"));
    }
}
