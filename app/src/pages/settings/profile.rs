//! The person who is signed in.

use crate::api::session::{self, Session};
use crate::browser;
use crate::parts::live::Live;
use crate::parts::sign_out::SignOut;
use crate::parts::submission::Submission;
use crate::ui::{Banner, Button, Glyph, Notices, TextField, Tone};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use model::OrgId;
use model::staff::{MIN_PASSWORD_CHARS, Organisation};

/// The cookie in which the choice is kept, so that the server renders with it; empty follows the system.
const THEME_COOKIE: &str = "heliograph_theme";

const THEMES: [(&str, &str); 3] = [("", "As the system"), ("light", "Light"), ("dark", "Dark")];

/// Name, e-mail, role, the other organisations, light or dark, signing out; and the password.
#[component]
pub fn ProfilePage() -> impl IntoView {
    let me = expect_context::<Session>().me;
    let sign_out = SignOut::of_page();
    let email = me.email.clone();
    view! {
        <Title text="Profile" />
        <div class="stack settings-form">
            <section class="card stack">
                <dl class="detail-list">
                    <div><dt>"Name"</dt><dd>{me.name}</dd></div>
                    <div><dt>"E-mail"</dt><dd>{me.email}</dd></div>
                    <div><dt>"Role"</dt><dd>{me.role.label()}</dd></div>
                    <div><dt>"Organisation"</dt><dd>{me.organisation.name}</dd></div>
                </dl>
                <Elsewhere />
                <Themes />
                <div class="actions">
                    <Button glyph=Glyph::SignOut on_press=move |_| sign_out.begin()>"Sign out"</Button>
                </div>
            </section>
            <Password email=email />
        </div>
    }
}

/// Changing it, by whoever knows the present one.
#[component]
fn Password(email: String) -> impl IntoView {
    let notices = Notices::of_page();
    let (current, password) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let form = Submission::default();
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        let request = session::change_password(current.get_untracked(), password.get_untracked());
        form.send(request, move |()| {
            current.try_set(String::new());
            password.try_set(String::new());
            notices.tell(Tone::Good, "Password changed. You are signed out everywhere else.");
        });
    };
    let beside = form.error_beside(&["current_password", "password"]);
    view! {
        <section class="card stack" aria-labelledby="own-password">
            <h2 id="own-password">"Password"</h2>
            <form class="stack" method="post" on:submit=on_submit novalidate>
                {move || beside.get().map(|words| view! { <Banner tone=Tone::Bad>{words}</Banner> })}
                // For password managers, which keep name and password together.
                <input class="visually-hidden" type="email" autocomplete="username" value=email readonly tabindex="-1" aria-hidden="true" />
                <TextField
                    label="Current password"
                    name="current_password"
                    kind="password"
                    autocomplete="current-password"
                    value=current
                    error=form.error_of("current_password")
                    required=true
                />
                <TextField
                    label="New password"
                    name="password"
                    kind="password"
                    autocomplete="new-password"
                    value=password
                    hint=format!("At least {MIN_PASSWORD_CHARS} characters.")
                    error=form.error_of("password")
                    required=true
                />
                <p class="muted">"Forgotten? An admin can make you a new link in Settings, Staff."</p>
                <div class="actions">
                    <Button submit=true disabled=form.busy()>"Change password"</Button>
                </div>
            </form>
        </section>
    }
}

/// The other organisations that the person works in, each with a button that leads there; nothing for most people.
#[component]
fn Elsewhere() -> impl IntoView {
    let others = Resource::new(|| (), |()| session::elsewhere());
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match others.await {
                    Ok(others) if others.is_empty() => ().into_any(),
                    Ok(others) => view! { <Others others=others /> }.into_any(),
                    Err(failure) => view! { <p class="muted">{failure.error.message}</p> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Others(others: Vec<Organisation>) -> impl IntoView {
    let notices = Notices::of_page();
    let switch = move |to: OrgId| {
        spawn_local(async move {
            match session::switch(to).await {
                // A full load: nothing of the organisation that is left may stay in memory.
                Ok(()) => browser::load("/"),
                Err(failure) if Live::signed_out(&failure) => {}
                Err(failure) => notices.failed(&failure),
            }
        });
    };
    view! {
        <h2 class="settings-elsewhere">"You also work in"</h2>
        <ul class="settings-list">
            {others
                .into_iter()
                .map(|Organisation { id, name, .. }| {
                    view! {
                        <li class="settings-row">
                            <span class="settings-name">{name}</span>
                            <Button on_press=move |_| switch(id)>"Switch"</Button>
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
}

#[component]
fn Themes() -> impl IntoView {
    let chosen = RwSignal::new(String::new());
    // The page carries the choice; the server put it there.
    Effect::new(move |_| {
        let root = document().document_element();
        chosen.set(root.and_then(|root| root.get_attribute("data-theme")).unwrap_or_default());
    });
    view! {
        <fieldset class="themes">
            <legend>"Light or dark"</legend>
            {THEMES
                .map(|(word, name)| {
                    view! {
                        <label>
                            <input
                                type="radio"
                                name="theme"
                                value=word
                                prop:checked=move || chosen.get() == word
                                on:change=move |_| {
                                    chosen.set(word.to_owned());
                                    choose(word);
                                }
                            />
                            {name}
                        </label>
                    }
                })
                .collect_view()}
        </fieldset>
    }
}

fn choose(theme: &str) {
    let Some(root) = document().document_element() else { return };
    // Neither fails for an attribute with a plain name.
    let _ = if theme.is_empty() {
        root.remove_attribute("data-theme")
    } else {
        root.set_attribute("data-theme", theme)
    };
    browser::set_cookie(THEME_COOKIE, theme);
}
