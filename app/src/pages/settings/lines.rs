//! The numbers that people write to, and the carriers behind them.

use super::account_fields::AccountFields;
use super::carriers::{AddCarrier, Carrier, carrier_options};
use super::{Listed, OnlyWith};
use crate::api::settings;
use crate::parts::live::Live;
use crate::parts::pager::Pager;
use crate::parts::submission::Submission;
use crate::ui::{
    Banner, Button, ButtonKind, Dialog, Empty, Glyph, Menu, MenuItem, Notices, SelectField, TextField, Tone,
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
            <p class="muted">
                "A line is one number, with one carrier behind it or several. New conversations go out on the default line. "
                <a href="/guides/keeping-your-number" target="_blank" rel="external">"Changing carriers without changing the number"</a>
            </p>
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
                // Whatever changes about a line draws it anew.
                <For each=move || items.get() key=|line| format!("{line:?}") let(line)>
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
    let (id, is_default) = (line.id, line.is_default);
    let make_default = move |()| {
        spawn_local(async move {
            match settings::set_default_line(id).await {
                Ok(()) => pager.refresh(),
                Err(failure) if Live::signed_out(&failure) => {}
                Err(failure) => notices.failed(&failure),
            }
        });
    };
    let (renaming, adding) = (RwSignal::new(false), RwSignal::new(false));
    let name = StoredValue::new(line.name.clone());
    let mut taken: Vec<ProviderKind> =
        line.accounts.iter().filter(|account| !account.removed).map(|account| account.carrier).collect();
    // It shares a line with no real carrier.
    taken.push(ProviderKind::Simulator);
    let free = StoredValue::new(carrier_options(&taken));
    let several = line.accounts.iter().filter(|account| !account.removed).count() > 1;
    let number = StoredValue::new(line.number.clone());
    view! {
        <li class="card stack line">
            <div class="section-head">
                <span class="settings-name">
                    <strong>{line.name}</strong>
                    <span class="muted number">{line.number.spaced()}</span>
                </span>
                <span class="actions">
                    {is_default.then(|| view! { <span class="badge tone-good">"Default"</span> })}
                    <Menu label=format!("More for {}", name.get_value())>
                        {(!is_default).then(|| view! { <MenuItem glyph=Glyph::Check on_press=make_default>"Make default"</MenuItem> })}
                        <MenuItem glyph=Glyph::Edit on_press=move |()| renaming.set(true)>"Rename"</MenuItem>
                    </Menu>
                </span>
            </div>
            <ul class="carriers" aria-label=format!("Carriers of {}", name.get_value())>
                {line
                    .accounts
                    .into_iter()
                    .map(|account| view! { <Carrier line=id number=number.get_value() account=account several=several pager=pager /> })
                    .collect_view()}
            </ul>
            {(!free.read_value().is_empty())
                .then(|| {
                    view! {
                        <p class="actions">
                            <Button glyph=Glyph::Add on_press=move |_| adding.set(true)>"Add a carrier"</Button>
                            <span class="muted">"Messages come in through any carrier, and leave the cheapest way that can carry them."</span>
                        </p>
                    }
                })}
            <Dialog open=renaming title="Rename the line">
                <Rename id=id name=name.get_value() pager=pager open=renaming />
            </Dialog>
            <Dialog open=adding title="Add a carrier">
                <AddCarrier line=id options=free.get_value() pager=pager open=adding />
            </Dialog>
        </li>
    }
}

#[component]
fn Rename(id: LineId, name: String, pager: Pager<LineView>, open: RwSignal<bool>) -> impl IntoView {
    let name = RwSignal::new(name);
    let form = Submission::default();
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        form.send(settings::rename_line(id, name.get_untracked()), move |_| {
            pager.refresh();
            open.try_set(false);
        });
    };
    let beside = form.error_beside(&["name"]);
    view! {
        <form class="stack" on:submit=on_submit novalidate autocomplete="off">
            {move || beside.get().map(|words| view! { <Banner tone=Tone::Bad>{words}</Banner> })}
            <TextField label="Name" name="name" value=name error=form.error_of("name") required=true autofocus=true />
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
    let fields = AccountFields::following(provider);
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
    view! {
        <form class="stack" on:submit=on_submit novalidate autocomplete="off">
            {move || beside.get().map(|words| view! { <Banner tone=Tone::Bad>{words}</Banner> })}
            <SelectField label="Carrier" name="provider" value=provider options=carrier_options(&[]) />
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
            {move || fields.get().map(|(_, fields)| fields.for_new(form))}
            <div class="actions">
                <Button kind=ButtonKind::Primary submit=true disabled=form.busy()>"Add line"</Button>
            </div>
        </form>
    }
}
