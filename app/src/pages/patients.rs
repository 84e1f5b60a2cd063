//! Everyone in the organisation's care, by name.

use crate::api::patients;
use crate::api::session::Session;
use crate::browser;
use crate::parts::live::{Live, News};
use crate::parts::pager::{Pager, ShowMore};
use crate::parts::patients::form::PatientForm;
use crate::parts::patients::person::PersonWord;
use crate::parts::query_search::{QuerySearch, searched};
use crate::parts::shortcuts::{Shortcut, on_shortcut};
use crate::ui::{
    Avatar, Banner, Button, ButtonKind, Dialog, Empty, Glyph, Icon, Skeleton, SkeletonShape, Tone,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_navigate, use_query_map};
use model::Page;
use model::live::Change;
use model::patient::{PatientRow, PatientView};
use model::staff::Permission;

/// A searchable list, and the way to a new record. `?number=…` begins one, for a number that wrote in.
#[component]
pub fn PatientsPage() -> impl IntoView {
    let word = PersonWord::of_page();
    let may_edit = expect_context::<Session>().me.role.may(Permission::EditPatients);
    let search = searched();
    let first = Resource::new(move || search.get(), |search| patients::list(search, None));
    let creating = RwSignal::new(false);
    let query = use_query_map();
    let stranger = Memo::new(move |_| query.with(|query| query.get("number")));
    Effect::new(move |_| {
        if may_edit && stranger.with(Option::is_some) {
            creating.set(true);
        }
    });
    let navigate = use_navigate();
    let on_saved = Callback::new(move |patient: PatientView| {
        navigate(&format!("/patients/{}", patient.id), leptos_router::NavigateOptions::default());
    });
    on_shortcut(move |shortcut| match shortcut {
        Shortcut::Search => {
            browser::focus("#search");
        }
        Shortcut::New if may_edit => creating.set(true),
        Shortcut::Down => step(1),
        Shortcut::Up => step(-1),
        _ => {}
    });
    let new_one = StoredValue::new(format!("New {}", word.one));
    view! {
        <Title text=word.title.clone() />
        <div class="page">
            <div class="page-wide">
                <header class="page-head">
                    <h1>{word.title.clone()}</h1>
                    {may_edit
                        .then(|| {
                            view! {
                                <Button kind=ButtonKind::Primary glyph=Glyph::UserAdd on_press=move |_| creating.set(true)>
                                    {new_one.get_value()}
                                </Button>
                            }
                        })}
                </header>
                <QuerySearch label="Search by name, number or reference" />
                <Transition fallback=|| view! { <Skeleton shape=SkeletonShape::Rows /> }>
                    {move || {
                        let word = word.clone();
                        Suspend::new(async move {
                            match first.await {
                                Ok(first) => view! { <List first=first search=search.get_untracked() word=word /> }.into_any(),
                                Err(failure) => view! { <Banner tone=Tone::Bad>{failure.error.message}</Banner> }.into_any(),
                            }
                        })
                    }}
                </Transition>
            </div>
        </div>
        <Dialog open=creating title=new_one.get_value()>
            <PatientForm number=stranger.get_untracked().unwrap_or_default() on_saved=on_saved />
        </Dialog>
    }
}

#[component]
fn List(first: Page<PatientRow>, search: Option<String>, word: PersonWord) -> impl IntoView {
    let asked = search.clone();
    let pager = Pager::new(first, move |cursor| patients::list(asked.clone(), cursor));
    let live = Live::of_page();
    Effect::new(move |_| {
        live.listen(move |news| {
            if matches!(news, News::Reload | News::Change(Change::PatientChanged { .. })) {
                pager.refresh();
            }
        });
    });
    let nobody = pager.is_empty();
    let (items, title) = (pager.items(), word.title.clone());
    view! {
        <ul class="rows card" aria-label=title hidden=nobody>
            <For each=move || items.get() key=row_key let(row)>
                <Row row=row />
            </For>
        </ul>
        <ShowMore pager=pager />
        {move || {
            nobody
                .get()
                .then(|| match &search {
                    Some(search) => {
                        view! {
                            <Empty
                                glyph=Glyph::Search
                                title=format!("Nobody found for “{search}”")
                                text="Part of a name, a reference, a whole number or its last 4 to 9 digits are found."
                            />
                        }
                            .into_any()
                    }
                    None => {
                        view! {
                            <Empty
                                glyph=Glyph::Users
                                title=format!("No {} yet", word.many)
                                text=format!(
                                    "Records hold names, numbers and photos. Make one here, or from a conversation when an unknown number writes in. The first {} is one click away.",
                                    word.one,
                                )
                            />
                        }
                            .into_any()
                    }
                })
        }}
    }
}

/// All that a row shows: rows are drawn anew when any of it changes.
fn row_key(row: &PatientRow) -> (model::PatientId, String, Option<String>, u32) {
    let number = row.number.as_ref().map(|number| number.as_e164().to_owned());
    (row.patient.id, row.patient.name.clone(), number, row.images)
}

#[component]
fn Row(row: PatientRow) -> impl IntoView {
    let images = match row.images {
        0 => None,
        1 => Some("1 image".to_owned()),
        count => Some(format!("{count} images")),
    };
    view! {
        <li>
            <a class="row" href=format!("/patients/{}", row.patient.id)>
                <Avatar name=Some(row.patient.name.clone()) />
                <span class="row-name">{row.patient.name}</span>
                <span class="row-number muted number">
                    {row.number.map_or_else(|| "No number".to_owned(), |number| number.spaced())}
                </span>
                <span class="row-images muted number">
                    {images.map(|images| view! { <Icon glyph=Glyph::Photo /> {images} })}
                </span>
            </a>
        </li>
    }
}

/// Moves the focus along the rows.
fn step(by: isize) {
    let Some(list) = browser::find(".rows") else { return };
    let rows = browser::find_all(&list, "a.row");
    let Some(last) = rows.len().checked_sub(1) else { return };
    let focused = browser::focused();
    let next = match rows.iter().position(|row| Some(row) == focused.as_ref()) {
        None => 0,
        Some(at) => at.saturating_add_signed(by).min(last),
    };
    let _ = rows[next].focus();
}
