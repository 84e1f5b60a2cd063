//! Who we are.

use crate::api::session::{self, Session};
use crate::api::settings;
use crate::parts::submission::Submission;
use crate::ui::{Banner, Button, ButtonKind, Notices, Skeleton, SkeletonShape, TextField, Tone};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos_meta::Title;
use model::staff::{Organisation, Permission};

/// Name, country and the word for people.
#[component]
pub fn OrganisationPage() -> impl IntoView {
    let may_change = expect_context::<Session>().me.role.may(Permission::ManageOrganisation);
    // Not the page's own session: that one is as old as the page.
    let fresh = Resource::new(|| (), |()| session::read_session());
    view! {
        <Title text="Organisation" />
        <Suspense fallback=|| view! { <Skeleton shape=SkeletonShape::Lines /> }>
            {move || Suspend::new(async move {
                match fresh.await {
                    Ok(session) if may_change => view! { <Form organisation=session.me.organisation /> }.into_any(),
                    Ok(session) => view! { <Facts organisation=session.me.organisation /> }.into_any(),
                    Err(failure) => view! { <Banner tone=Tone::Bad>{failure.error.message}</Banner> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Facts(organisation: Organisation) -> impl IntoView {
    view! {
        <dl class="card detail-list settings-form">
            <div><dt>"Name"</dt><dd>{organisation.name}</dd></div>
            <div><dt>"Country"</dt><dd>{organisation.country}</dd></div>
            <div><dt>"Word for its people"</dt><dd>{organisation.person_word}</dd></div>
        </dl>
    }
}

#[component]
fn Form(organisation: Organisation) -> impl IntoView {
    let name = RwSignal::new(organisation.name);
    let country = RwSignal::new(organisation.country);
    let person_word = RwSignal::new(organisation.person_word);
    let form = Submission::default();
    let notices = Notices::of_page();
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        let (name, country, word) =
            (name.get_untracked(), country.get_untracked(), person_word.get_untracked());
        form.send(settings::update_organisation(name, country, word), move |()| {
            notices.tell(Tone::Good, "Saved. Pages that are open show it when they are loaded again.");
        });
    };
    let beside = form.error_beside(&["name", "country", "person_word"]);
    view! {
        <form class="card stack settings-form" on:submit=on_submit novalidate>
            {move || beside.get().map(|words| view! { <Banner tone=Tone::Bad>{words}</Banner> })}
            <TextField
                label="Name"
                name="name"
                value=name
                hint="As the people you write to know you."
                error=form.error_of("name")
                required=true
            />
            <TextField
                label="Country"
                name="country"
                value=country
                hint="Two letters, for example AU. Numbers without a country code are read as numbers of this country."
                error=form.error_of("country")
                required=true
            />
            <TextField
                label="What you call your people"
                name="person_word"
                value=person_word
                hint="One word, for example patient, member or client."
                error=form.error_of("person_word")
                required=true
            />
            <div class="actions">
                <Button kind=ButtonKind::Primary submit=true disabled=form.busy()>"Save"</Button>
            </div>
        </form>
    }
}
