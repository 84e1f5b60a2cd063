//! The carriers behind a line: what each can do and costs, how it stands, and what can be done with it.

use super::account_fields::AccountFields;
use super::carrier_form::ChangeCarrier;
use crate::api::{settings, whatsapp};
use crate::parts::live::Live;
use crate::parts::pager::Pager;
use crate::parts::submission::Submission;
use crate::ui::{
    Banner, Button, ButtonKind, CopyField, Dialog, Glyph, Icon, Menu, MenuItem, Notices, SelectField, Time,
    TimeStyle, Tone,
};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::line::{AccountView, LineView, Price, ProviderKind, Tariff, Verification};
use model::media::human_bytes;
use model::message::Channel;
use model::routing::RouteOption;
use model::whatsapp::{TemplateState, TemplateView};
use model::{LineAccountId, LineId, PhoneNumber};

/// Carriers to choose from, the simulator last, without those that are `taken`.
pub(super) fn carrier_options(taken: &[ProviderKind]) -> Vec<(String, String)> {
    let simulator_last = ProviderKind::ALL.into_iter().skip(1).chain([ProviderKind::Simulator]);
    let free = simulator_last.filter(|kind| !taken.contains(kind));
    free.map(|kind| (kind.as_str().to_owned(), kind.label().to_owned())).collect()
}

/// One carrier of a line.
#[component]
pub fn Carrier(
    /// The line.
    line: LineId,
    /// Its number.
    number: PhoneNumber,
    /// The account there.
    account: AccountView,
    /// The line has others.
    several: bool,
    /// The lines.
    pager: Pager<LineView>,
) -> impl IntoView {
    let (id, provider) = (account.route.account_id, account.route.provider);
    let notices = Notices::of_page();
    let changing = RwSignal::new(false);
    let known = StoredValue::new(account.clone());
    let pinned = account.route.pinned;
    let pin = move |()| {
        act(settings::pin_carrier(line, (!pinned).then_some(id)), pager, notices);
    };
    let remove = move |()| act(settings::remove_carrier(id), pager, notices);
    let exchanging = RwSignal::new(false);
    let exchange = move |_: leptos::ev::MouseEvent| {
        exchanging.set(false);
        act(settings::exchange_secret(id, false), pager, notices);
    };
    let refresh = move |()| {
        spawn_local(async move {
            match whatsapp::refresh(line).await {
                Ok(all) => notices.tell(Tone::Good, templates_told(&all)),
                Err(failure) if Live::signed_out(&failure) => {}
                Err(failure) => notices.failed(&failure),
            }
        });
    };
    let by_whatsapp = account.route.channels.contains(&Channel::Whatsapp);
    let is_real = provider != ProviderKind::Simulator;
    // One after the other: a second exchange would cut off the addresses that are in use.
    let may_exchange = account.by_secret && account.old_secret_until.is_none();
    let (removed, has_list) = (account.removed, !account.addresses.is_empty());
    let addresses = if removed {
        ().into_any()
    } else if is_real {
        view! { <Addresses account=account.clone() pager=pager /> }.into_any()
    } else {
        view! { <PhoneLink number=number.as_e164().to_owned() /> }.into_any()
    };
    view! {
        <li class="carrier">
            <div class="section-head">
                <span class="settings-name">
                    <span class="carrier-name">
                        <strong>{provider.label()}</strong>
                        {badges(&account)}
                    </span>
                    {if removed {
                        view! { <span class="muted">"Nothing leaves through it any more. It goes from this list once nothing of it is in quarantine."</span> }
                            .into_any()
                    } else {
                        view! {
                            <span class="muted">{abilities(&account)}</span>
                            <span class="muted number">{prices(&account)}</span>
                            {account.cooling_until.map(|_| view! { <span class="muted">{why_it_rests(several)}</span> })}
                        }
                        .into_any()
                    }}
                </span>
                {(!removed)
                    .then(|| {
                        view! {
                            <Menu label=format!("More for {}", provider.label())>
                                <MenuItem glyph=Glyph::Edit on_press=move |()| changing.set(true)>"Change"</MenuItem>
                                {several
                                    .then(|| {
                                        let words = if pinned { "Send the cheapest way" } else { "Send through this one first" };
                                        view! { <MenuItem glyph=Glyph::Send on_press=pin>{words}</MenuItem> }
                                    })}
                                {may_exchange
                                    .then(|| {
                                        view! { <MenuItem glyph=Glyph::Refresh on_press=move |()| exchanging.set(true)>"Exchange the secret"</MenuItem> }
                                    })}
                                {by_whatsapp
                                    .then(|| view! { <MenuItem glyph=Glyph::Whatsapp on_press=refresh>"Refresh templates"</MenuItem> })}
                                {several.then(|| view! { <MenuItem glyph=Glyph::Trash on_press=remove>"Take away"</MenuItem> })}
                            </Menu>
                        }
                    })}
            </div>
            {(account.quarantined > 0).then(|| view! { <Quarantine id=id count=account.quarantined has_list=has_list pager=pager /> })}
            {addresses}
            <Dialog open=changing title=format!("Change {}", provider.label())>
                <ChangeCarrier account=known.get_value() pager=pager open=changing />
            </Dialog>
            <Dialog open=exchanging title="Exchange the secret">
                <div class="stack">
                    <p>
                        {format!(
                            "Both addresses get a new secret and have to be pasted anew in {}'s console. For a week the old ones are taken as well.",
                            provider.label(),
                        )}
                    </p>
                    <div class="actions">
                        <Button kind=ButtonKind::Primary on_press=exchange>"Exchange it"</Button>
                    </div>
                </div>
            </Dialog>
        </li>
    }
}

/// Does something to a carrier and shows what came of it.
fn act(
    request: impl Future<Output = crate::api::Answer<LineView>> + 'static,
    pager: Pager<LineView>,
    notices: Notices,
) {
    spawn_local(async move {
        match request.await {
            Ok(_) => pager.refresh(),
            Err(failure) if Live::signed_out(&failure) => {}
            Err(failure) => notices.failed(&failure),
        }
    });
}

/// What became of asking for the templates.
fn templates_told(all: &[TemplateView]) -> String {
    let approved = all.iter().filter(|template| template.state == TemplateState::Approved).count();
    match all.len() {
        0 => "This line has no WhatsApp template of plain text.".to_owned(),
        listed => format!("{approved} of {listed} WhatsApp templates are approved."),
    }
}

fn badges(account: &AccountView) -> impl IntoView + use<> {
    let not_checked = match account.verification {
        Verification::Enforce => None,
        Verification::Observe => Some("Webhooks observed"),
        Verification::Off => Some("Webhooks not checked"),
    };
    view! {
        {account.removed.then(|| view! { <span class="badge tone-warn">"Taken away"</span> })}
        {account.route.pinned.then(|| view! { <span class="badge tone-good">"Goes first"</span> })}
        {account
            .cooling_until
            .map(|until| view! { <span class="badge tone-warn">"Rests until "<Time at=until style=TimeStyle::Clock /></span> })}
        {not_checked.map(|words| view! { <span class="badge tone-warn">{words}</span> })}
    }
}

/// What made a carrier rest, and what that means for messages.
fn why_it_rests(several: bool) -> &'static str {
    if several {
        "It rests because it could not be reached, had too much to do, or refused this account. The line's other carriers go first until then."
    } else {
        "It rests because it could not be reached, had too much to do, or refused this account. As the line's only carrier it is still used."
    }
}

/// For example `SMS and MMS, up to 10 pictures of 4.8 MB together; brings pictures`, and how fast where that was set.
fn abilities(account: &AccountView) -> String {
    let RouteOption { channels, media_per_request, media_bytes, pictures_elsewhere, .. } = &account.route;
    let names: Vec<&str> = channels.iter().map(|channel| channel.label()).collect();
    let mut words = format!("Sends {}", names.join(", "));
    if channels.contains(&Channel::Mms) {
        words += &match media_per_request {
            1 => format!(", one picture of up to {} in a message", human_bytes(*media_bytes)),
            most => format!(", up to {most} pictures of {} together in a message", human_bytes(*media_bytes)),
        };
    } else if *pictures_elsewhere {
        words += ", but no pictures with numbers of this country";
    } else {
        words += ", but no pictures";
    }
    words += if account.pictures_in { ". Brings text and pictures." } else { ". Brings text." };
    if let Some(texts) = account.pace() {
        words += &format!(" Texts a second: {texts}.");
    }
    words
}

fn prices(account: &AccountView) -> String {
    let Some(tariff) = account.route.tariff else {
        return "Prices not known: without them it goes behind carriers whose prices are.".to_owned();
    };
    let Tariff { currency, sms, mms, whatsapp, sms_in, mms_in } = tariff;
    let amounts =
        [("SMS", sms), ("MMS", mms), ("WhatsApp", whatsapp), ("SMS in", sms_in), ("MMS in", mms_in)];
    let shown = amounts
        .into_iter()
        .filter_map(|(name, micros)| Some(format!("{name} {}", Price { micros: micros?, currency }.exact())));
    let whose = match account.route.provider {
        _ if account.own_tariff => "your prices",
        ProviderKind::Simulator => "made up",
        _ => "as published",
    };
    format!("{} ({whose})", shown.collect::<Vec<_>>().join(", "))
}

/// What is pasted into the carrier's console.
#[component]
fn Addresses(account: AccountView, pager: Pager<LineView>) -> impl IntoView {
    let notices = Notices::of_page();
    let (id, provider) = (account.route.account_id, account.route.provider);
    let end = move |_| act(settings::exchange_secret(id, true), pager, notices);
    let exchanging = account.old_secret_until.map(|until| {
        view! {
            <Banner tone=Tone::Warn>
                <span class="stack">
                    <span>"The secret was exchanged: paste both addresses anew. Until "<Time at=until style=TimeStyle::Day />" the old ones are taken as well."</span>
                    <span class="actions">
                        <Button on_press=end>"Take the old ones no longer"</Button>
                    </span>
                </span>
            </Banner>
        }
    });
    view! {
        {exchanging}
        <details class="carrier-addresses">
            <summary>{format!("Addresses for {}'s console", provider.label())}</summary>
            <div class="stack">
                <p class="muted">
                    {match provider {
                        ProviderKind::Twilio => "At the number or its messaging service: “A message comes in” and the status callback, both as HTTP POST. ",
                        _ => "Enter both in the carrier's console. They contain a secret: show them to nobody else. ",
                    }}
                    <a href=format!("/guides/{}", provider.as_str()) target="_blank" rel="external">
                        {format!("Connecting {}, step by step", provider.label())}
                    </a>
                </p>
                <CopyField label="When a message comes in" id=format!("inbound-{id}") text=account.inbound_url />
                <CopyField label="Status callback" id=format!("status-{id}") text=account.status_url />
            </div>
        </details>
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
fn Quarantine(
    id: LineAccountId,
    count: u32,
    /// Only some network addresses are allowed.
    has_list: bool,
    pager: Pager<LineView>,
) -> impl IntoView {
    let notices = Notices::of_page();
    let check = move |release| {
        spawn_local(async move {
            match settings::check_quarantine(id, release).await {
                Ok(0) => notices.tell(
                    Tone::Warn,
                    "None of them holds. Compare the credentials, the list of addresses and the server's public address with the carrier's console.",
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
    view! {
        <Banner tone=Tone::Warn>
            <span class="stack">
                {quarantine_words(count, has_list)}
                <span class="actions">
                    <Button on_press=move |_| check(false)>"Check again"</Button>
                    <Button on_press=move |_| check(true)>"They are genuine: read them"</Button>
                </span>
            </span>
        </Banner>
    }
}

/// What did not hold, and what most often is the reason.
fn quarantine_words(count: u32, has_list: bool) -> String {
    let webhooks = if count == 1 { "1 webhook is".to_owned() } else { format!("{count} webhooks are") };
    let (why, often) = if has_list {
        (
            "the signature or secret did not hold, or the network address is not on the list under Change",
            "the list lacks one of the carrier's addresses, or this server sees its proxy's instead \
             (HELIOGRAPH_CLIENT_ADDRESS_HEADER)",
        )
    } else {
        (
            "the signature or secret did not hold",
            "the credentials here or the server's public address is not the one that the carrier knows",
        )
    };
    format!(
        "{webhooks} in quarantine because {why}, and not shown in conversations. Most often {often}. Correct it, then \
         check again."
    )
}

/// The form for one more carrier.
#[component]
pub fn AddCarrier(
    /// The line.
    line: LineId,
    /// Carriers that it does not have yet.
    options: Vec<(String, String)>,
    /// The lines.
    pager: Pager<LineView>,
    /// Closes the dialog around it.
    open: RwSignal<bool>,
) -> impl IntoView {
    let first = options.first().map(|(word, _)| word.clone()).unwrap_or_default();
    let provider = RwSignal::new(first);
    let fields = AccountFields::following(provider);
    let form = Submission::default();
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some((kind, fields)) = fields.get_untracked() else { return };
        form.send(settings::add_carrier(line, kind, fields.filled()), move |_| {
            pager.refresh();
            open.try_set(false);
        });
    };
    let beside = form.error_where(move |field| {
        !fields.with_untracked(|fields| fields.is_some_and(|(_, fields)| fields.has(field)))
    });
    view! {
        <form class="stack" on:submit=on_submit novalidate autocomplete="off">
            {move || beside.get().map(|words| view! { <Banner tone=Tone::Bad>{words}</Banner> })}
            <SelectField label="Carrier" name="provider" value=provider options=options />
            <p class="muted">
                "The number stays the same, and so do the conversations. A simulator gives its place to the first real carrier. The carrier must know the number as yours before it can send from it. "
                <a href=move || format!("/guides/{}", provider.get()) target="_blank" rel="external">"Step by step"</a>
            </p>
            {move || fields.get().map(|(_, fields)| fields.for_new(form))}
            <div class="actions">
                <Button kind=ButtonKind::Primary submit=true disabled=form.busy()>"Add carrier"</Button>
            </div>
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::{quarantine_words, why_it_rests};

    #[test]
    fn a_carrier_without_others_is_used_while_it_rests() {
        assert!(why_it_rests(true).ends_with("other carriers go first until then."));
        assert!(why_it_rests(false).ends_with("it is still used."));
    }

    #[test]
    fn the_list_of_addresses_is_named_where_there_is_one() {
        let plain = quarantine_words(1, false);
        assert!(plain.starts_with("1 webhook is in quarantine because the signature or secret"), "{plain}");
        assert!(!plain.contains("list"), "{plain}");
        let listed = quarantine_words(3, true);
        assert!(listed.starts_with("3 webhooks are") && listed.contains("not on the list"), "{listed}");
        assert!(listed.contains("HELIOGRAPH_CLIENT_ADDRESS_HEADER"), "{listed}");
    }
}
