//! Making a stranger known: the number belongs to a patient.

use crate::api::patients;
use crate::parts::patients::search::PatientSearch;
use crate::parts::thread::state::Thread;
use crate::ui::{Dialog, Notices, Tone};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::patient::PatientRow;

/// The dialog behind "Link to a patient".
#[component]
pub fn LinkPatient(
    /// Whether it is open.
    open: RwSignal<bool>,
) -> impl IntoView {
    let thread = Thread::of_page();
    let notices = Notices::of_page();
    let typed = RwSignal::new(String::new());
    let choose = Callback::new(move |row: PatientRow| {
        spawn_local(async move {
            match patients::link(row.patient.id, thread.id).await {
                Ok(()) => {
                    open.set(false);
                    thread.refresh_view();
                    notices.tell(
                        Tone::Good,
                        format!("The number now stands in the record of {}.", row.patient.name),
                    );
                }
                Err(failure) => notices.failed(&failure),
            }
        });
    });
    view! {
        <Dialog open=open title="Link to a patient" light=true>
            <p class="muted">"The number is added to the patient's record. Messages and photos stay where they are."</p>
            <PatientSearch typed=typed on_choose=choose />
        </Dialog>
    }
}
