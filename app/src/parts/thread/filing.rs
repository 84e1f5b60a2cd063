//! Filing a picture of a message in a patient's record.

use crate::api::session::Session;
use crate::api::{images, messages};
use crate::parts::images::category_options;
use crate::parts::thread::state::Thread;
use crate::parts::thread::viewer::Viewer;
use crate::ui::{Button, ButtonKind, Glyph, Notices, SelectField, Tone};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::MessageId;
use model::PatientId;
use model::media::{AttachmentView, Category, FiledAs};
use model::staff::Permission;

/// Patient, category, and "Save to Images".
#[component]
pub fn Filing(
    /// The message that carries the picture.
    message: MessageId,
    /// The picture.
    picture: AttachmentView,
) -> impl IntoView {
    let thread = Thread::of_page();
    let notices = Notices::of_page();
    let may_file = expect_context::<Session>().me.role.may(Permission::FileImages);
    let patients = thread.view.read_untracked().row.patients.clone();
    let Viewer { patient, category, .. } = Viewer::of_page();
    if patient.read_untracked().is_empty() {
        let ids: Vec<PatientId> = patients.iter().map(|patient| patient.id).collect();
        patient.set(likely(&ids, &picture.filed).map(|id| id.to_string()).unwrap_or_default());
    }
    let wrong = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let filed = StoredValue::new(picture.filed.clone());
    let filed_here = move || {
        let patient = patient.get();
        filed.with_value(|filed| filed.iter().find(|filed| filed.patient_id.to_string() == patient).copied())
    };
    let attachment = picture.id;
    let save = move |_| {
        let Ok(patient) = patient.get_untracked().parse::<PatientId>() else {
            wrong.set(Some("Select a patient".to_owned()));
            return;
        };
        let Some(category) = Category::from_word(&category.get_untracked()) else {
            wrong.set(Some("Select a category".to_owned()));
            return;
        };
        wrong.set(None);
        busy.set(true);
        spawn_local(async move {
            match images::file(message, attachment, patient, category).await {
                Ok(_) => {
                    if let Ok(message) = messages::get(message).await {
                        thread.put(message);
                    }
                    notices.tell(Tone::Good, "Saved to Images");
                }
                Err(failure) => wrong.try_set(Some(failure.error.message)).map_or((), |_| ()),
            }
            busy.try_set(false);
        });
    };
    if !may_file {
        return ().into_any();
    }
    if patients.is_empty() {
        return view! { <p class="muted">"To save this picture, link the number to a patient first."</p> }
            .into_any();
    }
    let several = patients.len() > 1;
    let names: Vec<(String, String)> =
        patients.into_iter().map(|patient| (patient.id.to_string(), patient.name)).collect();
    view! {
        <section class="filing stack" aria-label="Save to a record">
            {several.then(|| view! {
                <SelectField label="Patient" name="filing-patient" value=patient options=names placeholder="Select a patient" />
            })}
            {move || match filed_here() {
                Some(filed) => view! {
                    <p class="muted">{format!("Category: {}", filed.category.label())}</p>
                    <Button kind=ButtonKind::Done glyph=Glyph::Check disabled=true>"Saved to Images"</Button>
                    <a href=format!("/images?patient={}", filed.patient_id)>"Open images"</a>
                }
                .into_any(),
                None => view! {
                    <SelectField
                        label="Category"
                        name="filing-category"
                        value=category
                        options=category_options()
                        placeholder="Select a category"
                        error=wrong
                    />
                    <Button kind=ButtonKind::Primary glyph=Glyph::Photo disabled=busy on_press=save>"Save to Images"</Button>
                }
                .into_any(),
            }}
        </section>
    }
    .into_any()
}

/// Whom a picture is about as far as that is known: whose record has it, else the only one it can be.
fn likely(patients: &[PatientId], filed: &[FiledAs]) -> Option<PatientId> {
    let has_it = |id: &&PatientId| filed.iter().any(|filed| filed.patient_id == **id);
    let only = patients.first().filter(|_| patients.len() == 1);
    patients.iter().find(has_it).or(only).copied()
}
