//! Who is on the other side.

use crate::api::session::Session;
use crate::api::{images, inbox, patients};
use crate::parts::images::filed::FiledPicture;
use crate::parts::live::{Live, News};
use crate::parts::patients::link::LinkPatient;
use crate::parts::thread::state::Thread;
use crate::ui::{Avatar, Button, Glyph, Icon, IconButton, Notices, SelectField};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::StaffId;
use model::live::Change;
use model::media::RenditionRole;
use model::patient::{PatientImageView, PatientView};
use model::staff::Permission;

/// Photos shown beside the thread; the record has all.
const IMAGES: usize = 6;

/// The records behind a conversation, read in the browser; a context of the conversation's parts.
#[derive(Debug, Clone, Copy)]
pub struct People {
    /// In the conversation's order.
    pub all: RwSignal<Vec<PatientView>>,
    images: RwSignal<Vec<PatientImageView>>,
}

impl People {
    /// Nothing yet; the records follow once the page is alive.
    pub fn new(thread: Thread, live: Live) -> Self {
        let people = Self { all: RwSignal::new(Vec::new()), images: RwSignal::new(Vec::new()) };
        let patients = Memo::new(move |_| thread.view.read().row.patients.clone());
        Effect::new(move |_| people.load(patients.get().into_iter().map(|patient| patient.id).collect()));
        Effect::new(move |_| {
            live.listen(move |news| {
                let concerned = match news {
                    News::Reload => true,
                    News::Change(Change::PatientChanged { patient_id }) => {
                        patients.read_untracked().iter().any(|patient| patient.id == patient_id)
                    }
                    News::Change(_) => false,
                };
                if concerned {
                    people.load(patients.get_untracked().into_iter().map(|patient| patient.id).collect());
                }
            });
        });
        people
    }

    /// The people of this conversation.
    pub fn of_page() -> Self {
        expect_context()
    }

    fn load(self, ids: Vec<model::PatientId>) {
        spawn_local(async move {
            let (mut all, mut pictures) = (Vec::new(), Vec::new());
            for id in ids {
                if let Ok(patient) = patients::get(id).await {
                    all.push(patient);
                }
                if let Ok(page) = images::list(Some(id), None, None).await {
                    pictures.extend(page.items);
                }
            }
            self.all.try_set(all);
            self.images.try_set(pictures);
        });
    }
}

/// Name, numbers, images, link to the record; for a stranger the ways to make them known.
#[component]
pub fn PatientPanel(
    /// Shown as a drawer on middle screens.
    open: RwSignal<bool>,
) -> impl IntoView {
    let thread = Thread::of_page();
    let people = People::of_page();
    let may_edit = expect_context::<Session>().me.role.may(Permission::EditPatients);
    let linking = RwSignal::new(false);
    let is_stranger = move || thread.view.read().row.patients.is_empty();
    let number = move || thread.view.read().row.number.number().cloned();
    view! {
        <aside class="panel" class:is-open=open aria-label="Patient">
            <header class="panel-head">
                <h2>{move || match (is_stranger(), number()) {
                    (false, _) => "Patient",
                    (true, Some(_)) => "Unknown number",
                    (true, None) => "Not a telephone number",
                }}</h2>
                <IconButton glyph=Glyph::Close label="Close the panel (p)" class="panel-close" on_press=move |_| open.set(false) />
            </header>
            <Show when=is_stranger>
                <p class="number panel-number">{move || thread.view.read().row.number.spaced()}</p>
                <p class="muted">{move || match number() {
                    Some(_) => "Nobody has this number in their record yet.",
                    None => "A short code or a name. Its messages can be read, but not answered.",
                }}</p>
                {move || number().filter(|_| may_edit).map(|number| view! {
                    <div class="actions">
                        <Button glyph=Glyph::Link on_press=move |_| linking.set(true)>"Link to a patient"</Button>
                        <a class="button" href=format!("/patients?number=%2B{}", number.digits())>
                            <Icon glyph=Glyph::UserAdd />
                            "Make a patient"
                        </a>
                    </div>
                })}
            </Show>
            <For each=move || thread.view.read().row.patients.clone() key=|patient| (patient.id, patient.name.clone()) let(patient)>
                <section class="person stack">
                    <div class="person-name">
                        <Avatar name=Some(patient.name.clone()) />
                        <a href=format!("/patients/{}", patient.id)>{patient.name.clone()}</a>
                    </div>
                    {move || {
                        people
                            .all
                            .get()
                            .into_iter()
                            .find(|view| view.id == patient.id)
                            .map(|view| view! { <Details patient=view /> })
                    }}
                </section>
            </For>
            <Images people=people />
            <Assigned />
            <LinkPatient open=linking />
        </aside>
    }
}

#[component]
fn Details(patient: PatientView) -> impl IntoView {
    view! {
        <dl class="facts">
            {patient.born.map(|born| view! { <div><dt>"Born"</dt><dd class="number">{born}</dd></div> })}
            {patient.reference.map(|reference| view! { <div><dt>"Reference"</dt><dd class="number">{reference}</dd></div> })}
            {patient
                .numbers
                .into_iter()
                .map(|number| {
                    let label = if number.label.is_empty() { "Number".to_owned() } else { number.label };
                    view! { <div><dt>{label}</dt><dd class="number">{number.number.spaced()}</dd></div> }
                })
                .collect_view()}
        </dl>
        {(!patient.notes.is_empty()).then(|| view! { <p class="person-notes">{patient.notes}</p> })}
    }
}

#[component]
fn Images(people: People) -> impl IntoView {
    view! {
        {move || {
            let all = people.images.get();
            let first = people.all.read().first().map(|patient| patient.id);
            (!all.is_empty())
                .then(|| view! {
                    <section class="stack" aria-label="Images">
                        <h3>"Images"</h3>
                        <ul class="panel-images">
                            {all
                                .into_iter()
                                .take(IMAGES)
                                .map(|image| {
                                    let href = format!("/images?patient={}", image.patient.id);
                                    view! {
                                        <li>
                                            <a class="thumbnail" href=href>
                                                <FiledPicture image=image rendition=RenditionRole::Tile />
                                            </a>
                                        </li>
                                    }
                                })
                                .collect_view()}
                        </ul>
                        {first.map(|id| view! { <a href=format!("/images?patient={id}")>"All images"</a> })}
                    </section>
                })
        }}
    }
}

/// Who looks after the conversation.
#[component]
fn Assigned() -> impl IntoView {
    let thread = Thread::of_page();
    let notices = Notices::of_page();
    let may_assign = expect_context::<Session>().me.role.may(Permission::AssignConversations);
    let staff = RwSignal::new(Vec::<(String, String)>::new());
    let chosen = RwSignal::new(String::new());
    let assigned =
        Memo::new(move |_| thread.view.read().row.assigned_to.map(|id| id.to_string()).unwrap_or_default());
    Effect::new(move |_| {
        spawn_local(async move {
            if let Ok(colleagues) = inbox::colleagues().await {
                staff.try_set(colleagues.into_iter().map(|(id, name)| (id.to_string(), name)).collect());
            }
        });
    });
    Effect::new(move |_| chosen.set(assigned.get()));
    Effect::new(move |_| {
        let to = chosen.get();
        if to == assigned.get_untracked() {
            return;
        }
        let to = to.parse::<StaffId>().ok();
        spawn_local(async move {
            match inbox::assign(thread.id, to).await {
                Ok(()) => thread.refresh_view(),
                Err(failure) => {
                    // Whoever it is assigned to stands there again.
                    if let Some(assigned) = assigned.try_get_untracked() {
                        chosen.set(assigned);
                    }
                    notices.failed(&failure);
                }
            }
        });
    });
    view! {
        <SelectField
            label="Assigned to"
            name="assigned"
            value=chosen
            options=staff
            placeholder="Nobody"
            disabled=!may_assign
        />
    }
}
