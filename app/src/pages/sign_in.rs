//! Signing in with e-mail and password.

use crate::api::{ApiFailure, session};
use crate::browser;
use crate::ui::{Banner, Button, ButtonKind, TextField, Tone};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// The form.
#[component]
pub fn SignInPage() -> impl IntoView {
    let (email, password) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let failure = RwSignal::new(None::<ApiFailure>);
    let busy = RwSignal::new(false);
    let query = use_query_map();
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        // The browser may have filled in the fields before the page came to life.
        let typed = |name: &str, value: RwSignal<String>| {
            browser::field_value(name)
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| value.get_untracked())
        };
        let (email, password) = (typed("email", email), typed("password", password));
        let next = query.with_untracked(|query| query.get("next")).filter(|next| is_our_path(next));
        spawn_local(async move {
            match session::sign_in(email, password).await {
                Ok(()) => browser::load(next.as_deref().unwrap_or("/")),
                Err(what) => {
                    failure.set(Some(what));
                    busy.set(false);
                    browser::focus("#password");
                }
            }
        });
    };
    view! {
        <Title text="Sign in" />
        <main class="sign-in">
            // Without scripts the form must not put a password into the address.
            <form class="card stack" method="post" on:submit=on_submit>
                <Brand />
                <h1>"Sign in"</h1>
                {move || failure.get().map(|failure| view! { <Banner tone=Tone::Bad>{failure.error.message}</Banner> })}
                <TextField label="E-mail" name="email" kind="email" autocomplete="username" value=email required=true autofocus=true />
                <TextField
                    label="Password"
                    name="password"
                    kind="password"
                    autocomplete="current-password"
                    value=password
                    required=true
                />
                <Button kind=ButtonKind::Primary submit=true disabled=busy>
                    "Sign in"
                </Button>
                <p class="muted">"No password, or lost it? An admin can make you a new link in Settings, Staff."</p>
            </form>
        </main>
    }
}

/// The product's mark and name.
#[component]
pub fn Brand() -> impl IntoView {
    view! {
        <p class="brand">
            <img src="/icons/heliograph.svg" alt="" width="28" height="28" />
            "Heliograph"
        </p>
    }
}

/// Only a path on this server: `//host` and `/\host` lead elsewhere.
fn is_our_path(path: &str) -> bool {
    path.starts_with('/') && !path[1..].starts_with(['/', '\\'])
}

#[cfg(test)]
mod tests {
    use super::is_our_path;

    #[test]
    fn goes_on_only_within_this_server() {
        assert!(is_our_path("/"));
        assert!(is_our_path("/c/1?m=2"));
        for elsewhere in ["", "https://example.org", "//example.org", "/\\example.org", "javascript:alert(1)"]
        {
            assert!(!is_our_path(elsewhere), "{elsewhere}");
        }
    }
}
