//! What the same messages would cost at each carrier.

use super::{NotForViewers, may_read};
use crate::api::reports;
use crate::api::session::Session;
use crate::ui::{Banner, Skeleton, SkeletonShape, TextField, Tone};
use leptos::prelude::*;
use leptos_meta::Title;
use model::comparison::{Compared, Comparison, Cost, Offer, Volumes, compare};
use model::line::{Price, ProviderKind, Tariff};
use model::staff::Permission;

/// Volumes that can be changed, and below them the carriers with their sums, the cheapest first; those without a price
/// stand apart.
#[component]
pub fn ComparePage() -> impl IntoView {
    if !may_read() {
        return view! { <NotForViewers /> }.into_any();
    }
    let read = Resource::new(|| (), |()| reports::compare());
    view! {
        <Title text="Compare carriers" />
        <div class="page">
            <div class="page-wide">
                <header class="page-head">
                    <h1>"Compare carriers"</h1>
                    <a class="button" href="/reports">"Back to reports"</a>
                </header>
                <p class="muted">
                    "What the last 30 days would have cost at each carrier; or type in a month of yours."
                </p>
                <Suspense fallback=|| view! { <Skeleton shape=SkeletonShape::Rows /> }>
                    {move || Suspend::new(async move {
                        match read.await {
                            Ok(comparison) => view! { <Shown comparison=comparison /> }.into_any(),
                            Err(failure) => view! { <Banner tone=Tone::Bad>{failure.error.message}</Banner> }.into_any(),
                        }
                    })}
                </Suspense>
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn Shown(comparison: Comparison) -> impl IntoView {
    let Comparison { volumes, link_parts, offers } = comparison;
    let typed = |count: u32| RwSignal::new(count.to_string());
    let (sms, mms) = (typed(volumes.sms), typed(volumes.mms));
    let (sms_in, mms_in) = (typed(volumes.sms_in), typed(volumes.mms_in));
    let wrong = |text: RwSignal<String>| {
        Signal::derive(move || {
            text.with(|text| count(text).is_none())
                .then(|| "Write a whole number, for example 500.".to_owned())
        })
    };
    let volumes = Memo::new(move |_| {
        let number = |text: RwSignal<String>| text.with(|text| count(text)).unwrap_or(0);
        Volumes { sms: number(sms), mms: number(mms), sms_in: number(sms_in), mms_in: number(mms_in) }
    });
    let may_change = expect_context::<Session>().me.role.may(Permission::ManageLines);
    let (offers, mut unpriced): (Vec<Offer>, Vec<Offer>) =
        offers.into_iter().partition(|offer| offer.tariff.is_some());
    unpriced.sort_by_key(|offer| offer.provider.label());
    view! {
        <form class="card volumes" aria-label="Volumes of a month" on:submit=|event| event.prevent_default()>
            <TextField label="SMS parts sent" name="sms" kind="number" value=sms error=wrong(sms) />
            <TextField label="MMS sent" name="mms" kind="number" value=mms error=wrong(mms) />
            <TextField label="SMS parts received" name="sms-in" kind="number" value=sms_in error=wrong(sms_in) />
            <TextField label="MMS received" name="mms-in" kind="number" value=mms_in error=wrong(mms_in) />
        </form>
        {(!offers.is_empty()).then(|| view! {
            <table class="sums card compared">
                <caption class="visually-hidden">"What these volumes cost at each carrier"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Carrier"</th>
                        <th scope="col">"As MMS"</th>
                        <th scope="col">"As private links"</th>
                    </tr>
                </thead>
                <tbody aria-live="polite">
                    {move || {
                        compare(volumes.get(), link_parts, &offers)
                            .into_iter()
                            .map(|compared| view! { <Row compared=compared /> })
                            .collect_view()
                    }}
                </tbody>
            </table>
        })}
        {(!unpriced.is_empty()).then(|| view! { <Unpriced offers=unpriced may_change=may_change /> })}
        <p class="muted sums-note">{link_words(link_parts)}</p>
        <p class="muted sums-note">
            "By the prices of your contracts where they are entered in Settings, Lines, else by those that carriers publish. Without tax, rent of numbers, discounts, and surcharges of the networks. Different currencies are not held against each other."
        </p>
    }
}

/// Those that cannot be held against the others, and where their prices go.
#[component]
fn Unpriced(offers: Vec<Offer>, may_change: bool) -> impl IntoView {
    // Prices belong to a carrier of a line: without a line there is no place to enter them.
    let some_without_line = offers.iter().any(|offer| offer.lines.is_empty());
    let enter = if may_change {
        view! { <a href="/settings/lines">"enter yours in Settings, Lines"</a> }.into_any()
    } else {
        "an admin can enter yours in Settings, Lines".into_any()
    };
    view! {
        <section class="card unpriced" aria-labelledby="unpriced">
            <h2 id="unpriced">"No price known: " {enter}</h2>
            {some_without_line.then(|| view! { <p class="muted">"A carrier that is with no line is added to one first."</p> })}
            <ul>
                {offers
                    .into_iter()
                    .map(|offer| {
                        view! {
                            <li>
                                <span>{offer.provider.label()} {of_lines(&offer)}</span>
                                {without_mms(&offer).map(|words| view! { <span class="muted">{words}</span> })}
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
        </section>
    }
}

/// " · Reception, Recalls"
fn of_lines(offer: &Offer) -> Option<String> {
    (!offer.lines.is_empty()).then(|| format!(" · {}", offer.lines.join(", ")))
}

/// Why pictures cannot go through it as such.
fn without_mms(offer: &Offer) -> Option<&'static str> {
    match (offer.sends_mms, offer.mms_elsewhere) {
        (true, _) => None,
        (false, true) => Some("Cannot send MMS with numbers of this country"),
        (false, false) => Some("Cannot send MMS"),
    }
}

fn link_words(parts: u32) -> String {
    let many = if parts == 1 { "one part".to_owned() } else { format!("{parts} parts") };
    format!(
        "A private link in the place of an MMS costs {many} of an SMS, with your organisation's name and this server's \
         address; words of your own come on top."
    )
}

/// An empty field is none.
fn count(text: &str) -> Option<u32> {
    let text = text.trim();
    if text.is_empty() { Some(0) } else { text.parse().ok() }
}

#[component]
fn Row(compared: Compared) -> impl IntoView {
    let Compared { offer, as_mms, as_links, without_inbound } = compared;
    view! {
        <tr>
            <th scope="row">
                {offer.provider.label()} {of_lines(&offer)}
                <span class="compared-prices muted">{prices(&offer)}</span>
                {without_inbound
                    .then(|| view! { <span class="compared-prices muted">"Without what comes in, whose price is not known."</span> })}
            </th>
            <td data-label="As MMS">{amount(as_mms, &offer)}</td>
            <td data-label="As private links">{amount(as_links, &offer)}</td>
        </tr>
    }
}

/// "A$0.05 a part, A$0.25 an MMS; published".
fn prices(offer: &Offer) -> Option<String> {
    let tariff = offer.tariff.as_ref()?;
    let Tariff { currency, sms, mms, .. } = *tariff;
    let each = |micros: Option<i64>, of: &str| {
        micros.map(|micros| format!("{} {of}", Price { micros, currency }.exact()))
    };
    let amounts: Vec<String> = [each(sms, "a part"), each(mms, "an MMS")].into_iter().flatten().collect();
    let source = match (offer.by_contract, offer.provider) {
        (true, _) => "by your contract",
        (false, ProviderKind::Simulator) => "made up, to try it out",
        (false, _) => "as published",
    };
    Some(format!("{}; {source}", amounts.join(", ")))
}

fn amount(cost: Cost, offer: &Offer) -> AnyView {
    match cost {
        Cost::Known { price, cheapest } => view! {
            <span class="amount">{price.rounded()}</span>
            {cheapest.then(|| view! { <span class="badge tone-good">"Cheapest"</span> })}
        }
        .into_any(),
        Cost::NoPrice => view! { <span class="muted">"Not known"</span> }.into_any(),
        Cost::Impossible => view! { <span class="muted">{without_mms(offer)}</span> }.into_any(),
    }
}

#[cfg(test)]
mod tests {
    use super::{count, link_words};

    #[test]
    fn what_a_link_takes_is_said() {
        assert!(link_words(1).contains("costs one part of an SMS"));
        assert!(link_words(2).contains("costs 2 parts of an SMS"));
    }

    #[test]
    fn reads_what_people_type_as_a_number() {
        assert_eq!([count(""), count(" 500 "), count("0")], [Some(0), Some(500), Some(0)]);
        assert_eq!([count("many"), count("-1"), count("1.5"), count("99999999999")], [None; 4]);
    }
}
