//! The simulated phones: what a patient would see, and the patient's answers, in the browser.

use crate::api::session::Session;
use crate::api::{inbox, patients};
use crate::parts::phone::bad_day::BadDay;
use crate::parts::phone::screen::PhoneScreen;
use crate::parts::query_search::{QuerySearch, searched};
use crate::ui::{Avatar, Banner, Empty, Glyph, Icon, Skeleton, SkeletonShape, Tone};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::PhoneNumber;
use model::conversation::InboxQuery;
use model::staff::Permission;
use std::collections::HashSet;

/// Whose phone, at the left; the phone itself beside it. Both stand in the address: `?number=…&line=…`.
#[component]
pub fn PhonePage() -> impl IntoView {
    let query = use_query_map();
    let asked = move |name: &'static str| {
        // A `+` that was not escaped has become a space.
        let text = query.with(|query| query.get(name))?;
        let text = text.trim();
        PhoneNumber::from_e164(text).or_else(|_| PhoneNumber::from_e164(&format!("+{text}"))).ok()
    };
    let number = Memo::new(move |_| asked("number"));
    let line = Memo::new(move |_| asked("line"));
    let search = searched();
    let owners = Resource::new(move || search.get(), owners);
    let me = expect_context::<Session>().me;
    let may_spoil = me.role.may(Permission::ManageLines);
    let organisation = me.organisation.name;
    view! {
        <Title text="Simulated phone" />
        <div class="phone-page" class:has-phone=move || number.with(Option::is_some)>
            <aside class="phone-owners" aria-label="Whose phone">
                <header class="page-head">
                    <h1>"Simulated phone"</h1>
                </header>
                <p class="muted">"Write and answer as the other side would. Nothing leaves this server."</p>
                {may_spoil.then(|| view! { <BadDay line=line /> })}
                <QuerySearch label="Search, or a number with +" />
                <Transition fallback=|| view! { <Skeleton shape=SkeletonShape::Rows /> }>
                    {move || Suspend::new(async move {
                        match owners.await {
                            Ok(owners) => view! { <Owners owners=owners typed=search.get_untracked() number=number line=line /> }.into_any(),
                            Err(failure) => view! { <Banner tone=Tone::Bad>{failure.error.message}</Banner> }.into_any(),
                        }
                    })}
                </Transition>
            </aside>
            <section class="phone-place" aria-label="Phone">
                {move || match number.get() {
                    Some(number) => {
                        view! {
                            // The list, and the heading on it, is out of sight beside a phone on a narrow screen.
                            <h1 class="visually-hidden phone-title">"Simulated phone"</h1>
                            <a class="button button-quiet phone-back" href=href(None, line.get().as_ref())>
                                <Icon glyph=Glyph::Back />
                                <span>"Other phones"</span>
                            </a>
                            <PhoneScreen number=number line=line.get() organisation=organisation.clone() />
                        }
                            .into_any()
                    }
                    None => {
                        view! { <Empty glyph=Glyph::Phone title="Choose a phone" text="It shows what arrived there, and writes back with text and photos." /> }
                            .into_any()
                    }
                }}
            </section>
        </div>
    }
}

/// A phone that can be taken up.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Owner {
    number: PhoneNumber,
    /// Nobody, for a number that belongs to no record.
    name: Option<String>,
}

/// Numbers with a conversation first, then those of records; each number once.
async fn owners(search: Option<String>) -> crate::api::Answer<Vec<Owner>> {
    let query = InboxQuery { search: search.clone(), ..InboxQuery::default() };
    let conversations = inbox::list(query).await?.items.into_iter().filter_map(|row| {
        let name = (!row.patients.is_empty()).then(|| row.title());
        Some(Owner { number: row.number.number()?.clone(), name })
    });
    let records = patients::list(search, None).await?.items.into_iter();
    let records = records.filter_map(|row| Some(Owner { number: row.number?, name: Some(row.patient.name) }));
    let mut seen = HashSet::new();
    Ok(conversations.chain(records).filter(|owner| seen.insert(owner.number.clone())).collect())
}

#[component]
fn Owners(
    owners: Vec<Owner>,
    typed: Option<String>,
    number: Memo<Option<PhoneNumber>>,
    line: Memo<Option<PhoneNumber>>,
) -> impl IntoView {
    let compact = typed.map(|typed| typed.replace([' ', '-', '(', ')'], ""));
    let stranger = compact
        .and_then(|typed| PhoneNumber::from_e164(&typed).ok())
        .filter(|typed| owners.iter().all(|owner| owner.number != *typed))
        .map(|number| Owner { number, name: None });
    let none = owners.is_empty() && stranger.is_none();
    view! {
        <ul class="rows">
            {stranger
                .into_iter()
                .chain(owners)
                .map(|Owner { number: of, name }| {
                    let (here, to) = (of.clone(), of.clone());
                    view! {
                        <li>
                            <a
                                class="row phone-owner"
                                href=move || href(Some(&to), line.get().as_ref())
                                aria-current=move || number.with(|number| number.as_ref() == Some(&here)).then_some("true")
                            >
                                <Avatar name=name.clone() />
                                <span class="row-name">{name.unwrap_or_else(|| "Unknown number".to_owned())}</span>
                                <span class="row-number muted number">{of.spaced()}</span>
                            </a>
                        </li>
                    }
                })
                .collect_view()}
        </ul>
        {none
            .then(|| {
                view! {
                    <p class="muted phone-none">
                        "Nobody found. Type a whole number with + and the country code to write from a number that nobody knows."
                    </p>
                }
            })}
    }
}

fn href(number: Option<&PhoneNumber>, line: Option<&PhoneNumber>) -> String {
    let pair = |name: &str, number: &PhoneNumber| format!("{name}=%2B{}", number.digits());
    let pairs: Vec<_> = [number.map(|number| pair("number", number)), line.map(|line| pair("line", line))]
        .into_iter()
        .flatten()
        .collect();
    format!("/phone?{}", pairs.join("&"))
}
