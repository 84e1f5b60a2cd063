//! One record: details, numbers and images.

use crate::api::session::Session;
use crate::api::{inbox, patients};
use crate::parts::images::gallery::{FirstImages, Gallery, first_images};
use crate::parts::images::upload::ImageUpload;
use crate::parts::live::{Live, News};
use crate::parts::patients::form::PatientForm;
use crate::parts::patients::person::PersonWord;
use crate::ui::{
    Banner, Button, ButtonKind, Dialog, Empty, Glyph, Icon, IconButton, Notices, Skeleton, SkeletonShape,
    Time, TimeStyle, Tone,
};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::hooks::{use_navigate, use_params_map};
use model::live::Change;
use model::patient::{PatientNumber, PatientView};
use model::staff::{Permission, Role};
use model::{Failure, FailureCode, PatientId};

/// The record of the address.
#[component]
pub fn PatientPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| {
        params.with(|params| params.get("patient")).and_then(|id| id.parse::<PatientId>().ok())
    });
    let record = Resource::new_blocking(
        move || id.get(),
        |id| async move {
            match id {
                Some(id) => patients::get(id).await,
                None => {
                    Err(Failure::new(FailureCode::NotFound, "The address is not that of a record.").into())
                }
            }
        },
    );
    let images = first_images(move || id.get());
    view! {
        <Transition fallback=|| view! { <div class="page"><Skeleton shape=SkeletonShape::Lines /></div> }>
            {move || Suspend::new(async move {
                match record.await {
                    Ok(patient) => view! { <Record patient=patient images=images /> }.into_any(),
                    Err(failure) if failure.code() == FailureCode::NotFound => {
                        view! {
                            <Title text="Not found" />
                            <Empty whole_page=true glyph=Glyph::Question title="There is no such record" text="It may have been removed, or the address is mistyped.">
                                <a class="button" href="/patients">"See all records"</a>
                            </Empty>
                        }
                            .into_any()
                    }
                    Err(failure) => {
                        view! { <div class="page"><Banner tone=Tone::Bad>{failure.error.message}</Banner></div> }.into_any()
                    }
                }
            })}
        </Transition>
    }
}

#[component]
fn Record(patient: PatientView, images: FirstImages) -> impl IntoView {
    let role = expect_context::<Session>().me.role;
    let word = PersonWord::of_page();
    let id = patient.id;
    let patient = RwSignal::new(patient);
    let live = Live::of_page();
    Effect::new(move |_| {
        live.listen(move |news| {
            let touches = match news {
                News::Reload => true,
                News::Change(Change::PatientChanged { patient_id }) => patient_id == id,
                // A first message makes the conversation that a number leads to.
                News::Change(Change::ConversationChanged { .. } | Change::MessageAdded { .. }) => patient
                    .with_untracked(|patient| {
                        patient.numbers.iter().any(|number| number.conversation_id.is_none())
                    }),
                News::Change(_) => false,
            };
            if touches {
                spawn_local(async move {
                    if let Ok(fresh) = patients::get(id).await {
                        patient.try_set(fresh);
                    }
                });
            }
        });
    });
    let name = move || patient.with(|patient| patient.name.clone());
    let (editing, uploading) = (RwSignal::new(false), RwSignal::new(false));
    let notices = Notices::of_page();
    let on_saved = Callback::new(move |fresh| {
        patient.set(fresh);
        editing.set(false);
        notices.tell(Tone::Good, "Record saved.");
    });
    view! {
        // Asked once more when another record has taken this one's place.
        <Title text=move || patient.try_with(|patient| patient.name.clone()).unwrap_or_default() />
        <div class="page">
            <header class="page-head record-head">
                <a class="icon-button" href="/patients" aria-label=format!("All {}", word.many) title=format!("All {}", word.many)>
                    <Icon glyph=Glyph::Back />
                </a>
                <h1>{name}</h1>
            </header>
            <div class="record">
                <section class="card stack record-details" aria-labelledby="details">
                    <header class="section-head">
                        <h2 id="details">"Details"</h2>
                        {role
                            .may(Permission::EditPatients)
                            .then(|| {
                                view! { <IconButton glyph=Glyph::Edit label="Change details" on_press=move |_| editing.set(true) /> }
                            })}
                    </header>
                    {move || view! { <Details patient=patient.get() role=role /> }}
                </section>
                <section class="record-images" aria-labelledby="images">
                    <header class="section-head">
                        <h2 id="images">"Images"</h2>
                        {role
                            .may(Permission::FileImages)
                            .then(|| view! { <Button glyph=Glyph::Upload on_press=move |_| uploading.set(true)>"Add images"</Button> })}
                    </header>
                    <Gallery patient=id first=images />
                </section>
            </div>
        </div>
        <Dialog open=editing title="Change details">
            <PatientForm patient=patient.get_untracked() on_saved=on_saved />
        </Dialog>
        <Dialog open=uploading title="Add images">
            <ImageUpload patient=id open=uploading />
        </Dialog>
    }
}

#[component]
fn Details(patient: PatientView, role: Role) -> impl IntoView {
    let fact = |term: &'static str, words: Option<String>| {
        words.map(|words| view! { <div><dt>{term}</dt><dd>{words}</dd></div> })
    };
    let no_numbers = patient.numbers.is_empty();
    view! {
        <ul class="record-numbers" aria-label="Numbers">
            {patient.numbers.into_iter().map(|number| view! { <Number number=number role=role /> }).collect_view()}
            {no_numbers.then(|| view! { <li class="muted">"No number yet. Without one, no message can be sent."</li> })}
        </ul>
        <dl class="detail-list">
            {fact("Date of birth", patient.born)} {fact("Reference", patient.reference)}
            {fact("Notes", Some(patient.notes).filter(|notes| !notes.is_empty()))}
            <div>
                <dt>"Record made"</dt>
                <dd>
                    <Time at=patient.created_at style=TimeStyle::Exact />
                </dd>
            </div>
        </dl>
    }
}

#[component]
fn Number(number: PatientNumber, role: Role) -> impl IntoView {
    let notices = Notices::of_page();
    let navigate = use_navigate();
    let busy = RwSignal::new(false);
    let spaced = number.number.spaced();
    let e164 = number.number.as_e164().to_owned();
    let write = move |_| {
        let (navigate, e164) = (navigate.clone(), e164.clone());
        busy.set(true);
        spawn_local(async move {
            match inbox::open(e164).await {
                Ok(conversation) => {
                    navigate(&format!("/c/{conversation}"), leptos_router::NavigateOptions::default());
                }
                Err(failure) if Live::signed_out(&failure) => {}
                Err(failure) => {
                    notices.failed(&failure);
                    busy.try_set(false);
                }
            }
        });
    };
    let action = match number.conversation_id {
        Some(conversation) => Some(
            view! {
                <a class="button" href=format!("/c/{conversation}") aria-label=format!("Open the conversation with {spaced}")>
                    <Icon glyph=Glyph::Message />
                    <span>"Conversation"</span>
                </a>
            }
            .into_any(),
        ),
        None => role.may(Permission::SendMessages).then(|| {
            view! {
                <Button kind=ButtonKind::Plain glyph=Glyph::Send disabled=busy on_press=write>
                    "Write to this number"
                </Button>
            }
            .into_any()
        }),
    };
    view! {
        <li>
            <span class="record-number">
                <span class="number">{spaced}</span>
                <span class="muted">{number.label}</span>
            </span>
            {action}
        </li>
    }
}
