//! Bearer tokens of the REST API, for the organisation's other software.

use super::{Listed, OnlyWith, role_options};
use crate::api::settings;
use crate::parts::live::Live;
use crate::parts::pager::Pager;
use crate::parts::submission::Submission;
use crate::ui::{
    Banner, Button, ButtonKind, CopyField, Dialog, Empty, Glyph, Notices, SelectField, TextField, Time, Tone,
    open_while,
};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use model::staff::{ApiTokenView, Permission, Role};

/// The list, making one, revoking one.
#[component]
pub fn TokensPage() -> impl IntoView {
    view! {
        <Title text="API tokens" />
        <OnlyWith permission=Permission::ManageTokens what="which software may use the API">
            <Listed read=settings::tokens show=show />
        </OnlyWith>
    }
}

fn show(pager: Pager<ApiTokenView>) -> impl IntoView {
    let creating = RwSignal::new(false);
    let secret = RwSignal::new(None::<String>);
    // Closed is gone: it must not stay in the page.
    let secret_shown = open_while(secret);
    let (items, none) = (pager.items(), pager.is_empty());
    view! {
        <div class="settings-head">
            <p class="muted">
                "A token lets your other software use the API in the organisation's name. " <a href="/api/docs" rel="external">"What the API can do"</a>
            </p>
            <Button kind=ButtonKind::Primary glyph=Glyph::Add on_press=move |_| creating.set(true)>"New token"</Button>
        </div>
        <ul class="settings-list card" aria-label="API tokens" hidden=none>
            <For each=move || items.get() key=|token| (token.id, token.last_used_at) let(token)>
                <Token token=token pager=pager />
            </For>
        </ul>
        <Show when=move || none.get()>
            <Empty glyph=Glyph::Link title="No tokens yet" text="Make one for each program, so that each can be revoked alone." />
        </Show>
        <Dialog open=creating title="New token">
            <Create pager=pager open=creating secret=secret />
        </Dialog>
        <Dialog open=secret_shown title="Your new token">
            {move || {
                secret
                    .get()
                    .map(|secret| {
                        view! {
                            <p>
                                "Copy it now into the program that needs it. It is stored hashed, so it cannot be shown again."
                            </p>
                            <CopyField label="Token" id="token-secret" text=secret />
                        }
                    })
            }}
        </Dialog>
    }
}

#[component]
fn Token(token: ApiTokenView, pager: Pager<ApiTokenView>) -> impl IntoView {
    let notices = Notices::of_page();
    let asking = RwSignal::new(false);
    let id = token.id;
    let revoke = move |_| {
        spawn_local(async move {
            match settings::revoke_token(id).await {
                Ok(()) => {
                    notices.tell(Tone::Good, "Token revoked.");
                    pager.refresh();
                }
                Err(failure) if Live::signed_out(&failure) => {}
                Err(failure) => notices.failed(&failure),
            }
        });
    };
    let name = StoredValue::new(token.name.clone());
    view! {
        <li class="settings-row">
            <span class="settings-name">
                <strong>{token.name}</strong>
                <span class="muted">{token.role.label()} ", made " <Time at=token.created_at /></span>
            </span>
            <span class="settings-state muted">
                {match token.last_used_at {
                    Some(at) => view! { "Used " <Time at=at /> }.into_any(),
                    None => "Never used".into_any(),
                }}
            </span>
            <Show
                when=move || asking.get()
                fallback=move || view! { <Button kind=ButtonKind::Danger on_press=move |_| asking.set(true)>"Revoke"</Button> }
            >
                <span class="actions" role="group" aria-label=format!("Revoke {}?", name.get_value())>
                    <Button kind=ButtonKind::Danger on_press=revoke>"Revoke now"</Button>
                    <Button on_press=move |_| asking.set(false)>"Keep"</Button>
                </span>
            </Show>
        </li>
    }
}

#[component]
fn Create(
    pager: Pager<ApiTokenView>,
    open: RwSignal<bool>,
    secret: RwSignal<Option<String>>,
) -> impl IntoView {
    let name = RwSignal::new(String::new());
    let role = RwSignal::new(Role::Staff.as_str().to_owned());
    let form = Submission::default();
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(chosen) = Role::from_word(&role.get_untracked()) else { return };
        form.send(settings::create_token(name.get_untracked(), chosen), move |(_, made)| {
            pager.refresh();
            open.try_set(false);
            secret.try_set(Some(made));
        });
    };
    let beside = form.error_beside(&["name"]);
    view! {
        <form class="stack" on:submit=on_submit novalidate>
            {move || beside.get().map(|words| view! { <Banner tone=Tone::Bad>{words}</Banner> })}
            <TextField
                label="What it is for"
                name="name"
                value=name
                hint="For example Practice software."
                error=form.error_of("name")
                required=true
                autofocus=true
            />
            <SelectField label="Role" name="role" value=role options=role_options() />
            <div class="actions">
                <Button kind=ButtonKind::Primary submit=true disabled=form.busy()>"Make token"</Button>
            </div>
        </form>
    }
}
