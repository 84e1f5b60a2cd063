//! The numbers that people write to, and the carriers behind them.

use super::account_fields::AccountFields;
use super::{Listed, OnlyWith};
use crate::api::settings;
use crate::parts::live::Live;
use crate::parts::pager::Pager;
use crate::parts::submission::Submission;
use crate::ui::{
    Banner, Button, ButtonKind, CopyField, Dialog, Empty, Glyph, Icon, Notices, SelectField, TextField, Tone,
};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use model::LineId;
use model::line::{LineView, ProviderKind};
use model::staff::Permission;

/// The list and adding one.
#[component]
pub fn LinesPage() -> impl IntoView {
    view! {
        <Title text="Lines" />
        <OnlyWith permission=Permission::ManageLines what="which numbers messages go out from">
            <Listed read=settings::lines show=show />
        </OnlyWith>
    }
}

fn show(pager: Pager<LineView>) -> impl IntoView {
    let adding = RwSignal::new(false);
    let (items, none) = (pager.items(), pager.is_empty());
    view! {
        <div class="settings-head">
            <p class="muted">"A line is one number at one carrier. New conversations go out on the default line."</p>
            <Button kind=ButtonKind::Primary glyph=Glyph::Add on_press=move |_| adding.set(true)>"Add a line"</Button>
        </div>
        <Show
            when=move || !none.get()
            fallback=|| {
                view! {
                    <Empty
                        glyph=Glyph::Phone
                        title="No line yet"
                        text="Add the number that people will write to. To try Heliograph first, add a simulator: its phone is a page in this browser."
                    />
                }
            }
        >
            <ul class="stack" aria-label="Lines">
                <For each=move || items.get() key=|line| (line.id, line.name.clone(), line.is_default, line.quarantined) let(line)>
                    <Line line=line pager=pager />
                </For>
            </ul>
        </Show>
        <Dialog open=adding title="Add a line">
            <Add pager=pager open=adding />
        </Dialog>
    }
}

#[component]
fn Line(line: LineView, pager: Pager<LineView>) -> impl IntoView {
    let notices = Notices::of_page();
    let id = line.id;
    let make_default = move |_| {
        spawn_local(async move {
            match settings::set_default_line(id).await {
                Ok(()) => pager.refresh(),
                Err(failure) if Live::signed_out(&failure) => {}
                Err(failure) => notices.failed(&failure),
            }
        });
    };
    let changing = RwSignal::new(false);
    let quarantined =
        (line.quarantined > 0).then(|| view! { <Quarantine id=id count=line.quarantined pager=pager /> });
    let (name, provider) = (line.name.clone(), line.provider);
    let urls = match line.provider {
        ProviderKind::Simulator => view! { <PhoneLink number=line.number.as_e164().to_owned() /> }.into_any(),
        provider => view! {
            <p class="muted">
                {match provider {
                    ProviderKind::Twilio => "In Twilio's console, at the number or its messaging service: “A message comes in” and the status callback, both as HTTP POST.",
                    _ => "Enter both in the carrier's console, as its page in the documentation says. They contain a secret: show them to nobody else.",
                }}
            </p>
            <CopyField label="When a message comes in" id=format!("inbound-{id}") text=line.inbound_url />
            <CopyField label="Status callback" id=format!("status-{id}") text=line.status_url />
        }
        .into_any(),
    };
    view! {
        <li class="card stack line">
            <div class="section-head">
                <span class="settings-name">
                    <strong>{line.name}</strong>
                    <span class="muted number">{line.number.spaced()} " · " {line.provider.label()}</span>
                </span>
                <span class="actions">
                    {if line.is_default {
                        view! { <span class="badge tone-good">"Default"</span> }.into_any()
                    } else {
                        view! { <Button on_press=make_default>"Make default"</Button> }.into_any()
                    }}
                    <Button on_press=move |_| changing.set(true)>"Change"</Button>
                </span>
            </div>
            {quarantined}
            {urls}
            <Dialog open=changing title="Change the line">
                <Change id=id name=name.clone() provider=provider pager=pager open=changing />
            </Dialog>
        </li>
    }
}

/// The phone with which a simulator line talks.
#[component]
fn PhoneLink(number: String) -> impl IntoView {
    // A `+` in an address means a space.
    let href = format!("/phone?line=%2B{}", number.trim_start_matches('+'));
    view! {
        <p class="actions">
            <a class="button" href=href>
                <Icon glyph=Glyph::Phone />
                <span>"Open the phone"</span>
            </a>
            <span class="muted">"Nothing leaves this server: messages go to the simulated phone."</span>
        </p>
    }
}

/// What stands in quarantine, and the ways out.
#[component]
fn Quarantine(id: LineId, count: u32, pager: Pager<LineView>) -> impl IntoView {
    let notices = Notices::of_page();
    let check = move |release| {
        spawn_local(async move {
            match settings::check_quarantine(id, release).await {
                Ok(0) => notices.tell(
                    Tone::Warn,
                    "None of them holds. Compare the auth token and the server's public address with the carrier's console.",
                ),
                Ok(left) => {
                    notices.tell(Tone::Good, format!("Taken out of quarantine: {left}."));
                    pager.refresh();
                }
                Err(failure) if Live::signed_out(&failure) => {}
                Err(failure) => notices.failed(&failure),
            }
        });
    };
    let webhooks = if count == 1 { "1 webhook is".to_owned() } else { format!("{count} webhooks are") };
    view! {
        <Banner tone=Tone::Warn>
            <span class="stack">
                {format!(
                    "{webhooks} in quarantine because the signature did not hold, and not shown in conversations. Most often the auth token here or the server's public address is not the one that the carrier knows. Correct it, then check again.",
                )}
                <span class="actions">
                    <Button on_press=move |_| check(false)>"Check again"</Button>
                    <Button on_press=move |_| check(true)>"They are genuine: read them"</Button>
                </span>
            </span>
        </Banner>
    }
}

#[component]
fn Change(
    id: LineId,
    name: String,
    provider: ProviderKind,
    pager: Pager<LineView>,
    open: RwSignal<bool>,
) -> impl IntoView {
    let name = RwSignal::new(name);
    let fields = AccountFields::new(provider);
    let form = Submission::default();
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        form.send(settings::update_line(id, name.get_untracked(), fields.filled()), move |_| {
            pager.refresh();
            open.try_set(false);
        });
    };
    let beside = form.error_where(move |field| field != "name" && !fields.has(field));
    view! {
        <form class="stack" on:submit=on_submit novalidate autocomplete="off">
            {move || beside.get().map(|words| view! { <Banner tone=Tone::Bad>{words}</Banner> })}
            <TextField label="Name" name="name" value=name error=form.error_of("name") required=true />
            {(!fields.is_empty())
                .then(|| {
                    view! {
                        <p class="muted">"What you leave empty stays as it is. With new credentials, webhooks in quarantine are checked again."</p>
                        {fields.view(form, false)}
                    }
                })}
            <div class="actions">
                <Button kind=ButtonKind::Primary submit=true disabled=form.busy()>"Save"</Button>
            </div>
        </form>
    }
}

#[component]
fn Add(pager: Pager<LineView>, open: RwSignal<bool>) -> impl IntoView {
    let text = || RwSignal::new(String::new());
    let provider = RwSignal::new(ProviderKind::Twilio.as_str().to_owned());
    let (name, number) = (text(), text());
    // Each choice of a carrier begins with empty inputs.
    let fields = Memo::new_with_compare(
        move |_| {
            let kind = provider.with(|provider| ProviderKind::from_word(provider))?;
            Some((kind, AccountFields::new(kind)))
        },
        |_, _| true,
    );
    let form = Submission::default();
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some((kind, fields)) = fields.get_untracked() else { return };
        let (name, number) = (name.get_untracked(), number.get_untracked());
        form.send(settings::create_line(name, number, kind, fields.filled()), move |_| {
            pager.refresh();
            open.try_set(false);
        });
    };
    let beside = form.error_where(move |field| {
        let of_account = fields.with_untracked(|fields| fields.is_some_and(|(_, fields)| fields.has(field)));
        !of_account && !matches!(field, "name" | "number")
    });
    let simulator_last = ProviderKind::ALL.into_iter().skip(1).chain([ProviderKind::Simulator]);
    let carriers: Vec<_> =
        simulator_last.map(|kind| (kind.as_str().to_owned(), kind.label().to_owned())).collect();
    view! {
        <form class="stack" on:submit=on_submit novalidate autocomplete="off">
            {move || beside.get().map(|words| view! { <Banner tone=Tone::Bad>{words}</Banner> })}
            <SelectField label="Carrier" name="provider" value=provider options=carriers />
            <TextField
                label="Name"
                name="name"
                value=name
                hint="For your staff, for example Front desk."
                error=form.error_of("name")
                required=true
            />
            <TextField
                label="Number"
                name="number"
                kind="tel"
                value=number
                hint="The number that people write to."
                error=form.error_of("number")
                required=true
            />
            {move || {
                fields
                    .get()
                    .filter(|(_, fields)| !fields.is_empty())
                    .map(|(_, fields)| {
                        view! {
                            {fields.view(form, true)}
                            <p class="muted">"What you enter here is sealed on the server and never shown again. The addresses for the carrier's console appear when the line is added."</p>
                        }
                    })
            }}
            <div class="actions">
                <Button kind=ButtonKind::Primary submit=true disabled=form.busy()>"Add line"</Button>
            </div>
        </form>
    }
}
