//! Who works here, and what each is trusted with.

use super::{Listed, OnlyWith, role_options};
use crate::api::session::Session;
use crate::api::settings;
use crate::parts::live::Live;
use crate::parts::pager::Pager;
use crate::parts::submission::Submission;
use crate::ui::{
    Avatar, Banner, Button, ButtonKind, CopyField, Dialog, Glyph, Menu, MenuItem, Notices, SelectField,
    TextField, Time, Tone, open_while,
};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use model::staff::{Invitation, Permission, Role, StaffView};

/// The list, inviting, and what can be done with each.
#[component]
pub fn StaffPage() -> impl IntoView {
    view! {
        <Title text="Staff" />
        <OnlyWith permission=Permission::ManageStaff what="who works here">
            <Listed read=settings::staff show=show />
        </OnlyWith>
    }
}

/// How a person signs in from now on, to be told to them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct WayIn {
    name: String,
    invitation: Invitation,
}

fn show(pager: Pager<StaffView>) -> impl IntoView {
    let inviting = RwSignal::new(false);
    let way_in = RwSignal::new(None::<WayIn>);
    // Closed is gone: a link must not stay in the page.
    let way_in_shown = open_while(way_in);
    let is_known =
        move || way_in.with(|way_in| matches!(way_in, Some(WayIn { invitation: Invitation::Known, .. })));
    let title = Signal::derive(move || if is_known() { "Invited" } else { "One-time link" }.to_owned());
    let items = pager.items();
    view! {
        <div class="settings-head">
            <p class="muted">"Everyone signs in with their own e-mail and password."</p>
            <Button kind=ButtonKind::Primary glyph=Glyph::UserAdd on_press=move |_| inviting.set(true)>"Invite"</Button>
        </div>
        <ul class="settings-list card" aria-label="Staff">
            <For each=move || items.get() key=|person| person.id let(person)>
                <Person person=person pager=pager way_in=way_in />
            </For>
        </ul>
        <Dialog open=inviting title="Invite">
            <Invite pager=pager open=inviting way_in=way_in />
        </Dialog>
        <Dialog open=way_in_shown title=title>
            {move || {
                way_in
                    .get()
                    .map(|WayIn { name, invitation }| match invitation {
                        Invitation::Link(link) => {
                            view! {
                                <p>
                                    {format!(
                                        "Give this link to {name}, and to nobody else: whoever opens it chooses the password. It works once, and is shown only now.",
                                    )}
                                </p>
                                <CopyField label="Link" id="one-time-link" text=link />
                            }
                                .into_any()
                        }
                        Invitation::Known => {
                            view! {
                                <p>
                                    {format!(
                                        "{name} belongs to another organisation on this server already and signs in with the password they have. If they have none, the operator of the server can make them a link.",
                                    )}
                                </p>
                            }
                                .into_any()
                        }
                    })
            }}
        </Dialog>
    }
}

#[component]
fn Person(person: StaffView, pager: Pager<StaffView>, way_in: RwSignal<Option<WayIn>>) -> impl IntoView {
    let is_me = expect_context::<Session>().me.staff_id == person.id;
    let notices = Notices::of_page();
    let id = person.id;
    let now = pager.item(move |other| other.id == id);
    let first = person.clone();
    let person = Signal::derive(move || now.get().unwrap_or_else(|| first.clone()));
    let name = Signal::derive(move || person.get().name);
    let after = move |answer: crate::api::Answer<()>| match answer {
        Ok(()) => pager.refresh(),
        Err(failure) if Live::signed_out(&failure) => {}
        Err(failure) => {
            notices.failed(&failure);
            // Puts the choice back to what holds.
            pager.refresh();
        }
    };
    let change_role = move |word: String| {
        let Some(role) = Role::from_word(&word) else { return };
        spawn_local(async move { after(settings::change_role(id, role).await) });
    };
    let set_disabled =
        move |disabled| spawn_local(async move { after(settings::set_disabled(id, disabled).await) });
    let reset = move || {
        spawn_local(async move {
            match settings::reset_staff(id).await {
                Ok(link) => {
                    let invitation = Invitation::Link(link);
                    way_in.try_set(Some(WayIn { name: name.get_untracked(), invitation }));
                }
                Err(failure) if Live::signed_out(&failure) => {}
                Err(failure) => notices.failed(&failure),
            }
        });
    };
    let state = move || match person.get() {
        person if person.disabled => view! { <span class="badge tone-bad">"Disabled"</span> }.into_any(),
        person if person.invited => view! { <span class="badge tone-warn">"Invited"</span> }.into_any(),
        person => match person.last_seen_at {
            Some(at) => view! { <span class="muted">"Seen " <Time at=at /></span> }.into_any(),
            None => view! { <span class="muted">"Not seen yet"</span> }.into_any(),
        },
    };
    view! {
        <li class="settings-row">
            <Avatar name=Signal::derive(move || Some(name.get())) />
            <span class="settings-name">
                <strong>{name} {is_me.then_some(" (you)")}</strong>
                <span class="muted">{move || person.get().email}</span>
            </span>
            <span class="settings-state">{state}</span>
            <select
                class="input settings-role"
                aria-label=move || format!("Role of {}", name.get())
                disabled=is_me
                prop:value=move || person.get().role.as_str()
                on:change:target=move |event| change_role(event.target().value())
            >
                {Role::ALL
                    .iter()
                    .map(|role| {
                        let role = *role;
                        view! {
                            <option value=role.as_str() selected=move || person.get().role == role>
                                {role.label()}
                            </option>
                        }
                    })
                    .collect_view()}
            </select>
            {if is_me {
                view! { <span class="menu-space"></span> }.into_any()
            } else {
                view! {
                    <Menu label=Signal::derive(move || format!("More for {}", name.get()))>
                        <MenuItem glyph=Glyph::Link on_press=move |()| reset()>"New one-time link"</MenuItem>
                        {move || {
                            let disabled = person.get().disabled;
                            let (glyph, words) = if disabled { (Glyph::Check, "Enable") } else { (Glyph::Ban, "Disable") };
                            view! { <MenuItem glyph=glyph on_press=move |()| set_disabled(!disabled)>{words}</MenuItem> }
                        }}
                    </Menu>
                }
                    .into_any()
            }}
        </li>
    }
}

#[component]
fn Invite(pager: Pager<StaffView>, open: RwSignal<bool>, way_in: RwSignal<Option<WayIn>>) -> impl IntoView {
    let (name, email) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let role = RwSignal::new(Role::Staff.as_str().to_owned());
    let form = Submission::default();
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(chosen) = Role::from_word(&role.get_untracked()) else { return };
        let (name, email) = (name.get_untracked(), email.get_untracked());
        form.send(settings::invite(email, name.clone(), chosen), move |invitation| {
            pager.refresh();
            open.try_set(false);
            way_in.try_set(Some(WayIn { name, invitation }));
        });
    };
    let beside = form.error_beside(&["name", "email"]);
    view! {
        <form class="stack" on:submit=on_submit novalidate>
            {move || beside.get().map(|words| view! { <Banner tone=Tone::Bad>{words}</Banner> })}
            <TextField label="Name" name="name" value=name error=form.error_of("name") required=true autofocus=true />
            <TextField label="E-mail" name="email" kind="email" value=email error=form.error_of("email") required=true />
            <SelectField label="Role" name="role" value=role options=role_options() />
            <div class="actions">
                <Button kind=ButtonKind::Primary submit=true disabled=form.busy()>"Make one-time link"</Button>
            </div>
        </form>
    }
}
