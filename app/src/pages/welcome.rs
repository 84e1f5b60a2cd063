//! A one-time link: choosing a password, for the first time or anew.

use super::sign_in::Brand;
use crate::api::session::{self, Welcome};
use crate::browser;
use crate::ui::{Banner, Button, ButtonKind, Empty, Glyph, Skeleton, SkeletonShape, TextField, Tone};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use model::staff::MIN_PASSWORD_CHARS;

/// Greets and asks for a password; a link that was used or has expired says so.
#[component]
pub fn WelcomePage() -> impl IntoView {
    let params = use_params_map();
    let token = Memo::new(move |_| params.read().get("token").unwrap_or_default());
    let welcome = Resource::new(move || token.get(), session::read_welcome);
    view! {
        <Title text="Welcome" />
        <main class="sign-in">
            <Suspense fallback=|| view! { <Skeleton shape=SkeletonShape::Lines /> }>
                {move || Suspend::new(async move {
                    match welcome.await {
                        Ok(welcome) => view! { <ChoosePassword welcome=welcome token=token.get_untracked() /> }.into_any(),
                        Err(failure) => {
                            view! {
                                <Empty whole_page=true glyph=Glyph::Link title="This link does not work (any more)" text=failure.error.message>
                                    <a class="button" href="/sign-in">"Sign in"</a>
                                </Empty>
                            }
                                .into_any()
                        }
                    }
                })}
            </Suspense>
        </main>
    }
}

#[component]
fn ChoosePassword(welcome: Welcome, token: String) -> impl IntoView {
    let password = RwSignal::new(String::new());
    let failure = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let token = StoredValue::new(token);
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        let password = password.get_untracked();
        if password.chars().count() < MIN_PASSWORD_CHARS {
            failure.set(Some(format!(
                "Use at least {MIN_PASSWORD_CHARS} characters. Several words are easiest to keep in mind."
            )));
            return;
        }
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        spawn_local(async move {
            match session::choose_password(token.get_value(), password).await {
                Ok(()) => browser::load("/"),
                Err(what) => {
                    failure.set(Some(what.error.message));
                    busy.set(false);
                }
            }
        });
    };
    view! {
        <form class="card stack" method="post" on:submit=on_submit>
            <Brand />
            <h1>{format!("Welcome, {}", welcome.name)}</h1>
            <p>{format!("Choose a password for {}. You will sign in as {}.", welcome.organisation, welcome.email)}</p>
            {move || failure.get().map(|failure| view! { <Banner tone=Tone::Bad>{failure}</Banner> })}
            // For password managers, which keep name and password together.
            <input class="visually-hidden" type="email" autocomplete="username" value=welcome.email.clone() readonly tabindex="-1" aria-hidden="true" />
            <TextField
                label="Password"
                name="password"
                kind="password"
                autocomplete="new-password"
                value=password
                hint=format!("At least {MIN_PASSWORD_CHARS} characters.")
                required=true
                autofocus=true
            />
            <Button kind=ButtonKind::Primary submit=true disabled=busy>
                "Set password and sign in"
            </Button>
        </form>
    }
}
