//! The list of conversations: search, filters, rows.

use crate::browser;
use crate::parts::composer::drafts::Drafts;
use crate::parts::inbox::new_conversation::NewConversation;
use crate::parts::inbox::state::{Inbox, Row};
use crate::parts::shortcuts::{Shortcut, on_shortcut};
use crate::ui::{Avatar, Button, Empty, Glyph, Icon, IconButton, Skeleton, SkeletonShape, Time};
use gloo_timers::callback::Timeout;
use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use model::ConversationId;
use model::conversation::{LastMessage, Show};
use model::message::{DeliveryState, Direction};

/// Milliseconds of quiet before what is typed is searched for.
const SEARCH_AFTER_MS: u32 = 200;

/// Pixels from the end of the list at which the next page is asked for.
const NEAR_END_PX: i32 = 600;

const FILTERS: [(Show, &str); 3] = [(Show::All, "All"), (Show::Unread, "Unread"), (Show::Mine, "Mine")];

/// The left pane of the inbox.
#[component]
pub fn InboxList(
    /// The conversation that is open.
    #[prop(into)]
    open: Signal<Option<ConversationId>>,
) -> impl IntoView {
    let inbox = Inbox::of_page();
    let new = RwSignal::new(false);
    on_shortcut(move |shortcut| match shortcut {
        Shortcut::Search => {
            browser::focus("#inbox-search");
        }
        Shortcut::New => new.set(true),
        Shortcut::Down => step(1),
        Shortcut::Up => step(-1),
        _ => {}
    });
    let on_key = move |event: KeyboardEvent| {
        match event.key().as_str() {
            "ArrowDown" => step(1),
            "ArrowUp" => step(-1),
            _ => return,
        }
        event.prevent_default();
    };
    let on_scroll = move |event: leptos::ev::Event| {
        let list = event_target::<web_sys::HtmlElement>(&event);
        if list.scroll_height() - list.scroll_top() - list.client_height() < NEAR_END_PX {
            inbox.load_more();
        }
    };
    view! {
        <section class="inbox-list" aria-label="Conversations">
            <header class="inbox-head">
                <h1>"Inbox"</h1>
                <IconButton glyph=Glyph::Add label="New conversation (n)" on_press=move |_| new.set(true) />
            </header>
            <SearchBox />
            <div class="filters" role="group" aria-label="Show">
                {FILTERS
                    .map(|(show, name)| {
                        view! {
                            <button
                                type="button"
                                aria-pressed=move || if inbox.show.get() == show { "true" } else { "false" }
                                on:click=move |_| inbox.show.set(show)
                            >
                                {name}
                            </button>
                        }
                    })
                    .collect_view()}
            </div>
            {move || inbox.failure.get().map(|failure| view! {
                <div class="inbox-failure" role="alert">
                    <p>{failure}</p>
                    <Button on_press=move |_| inbox.load()>"Try again"</Button>
                </div>
            })}
            <div class="inbox-rows" aria-busy=move || inbox.loading.get().then_some("true") on:scroll=on_scroll on:keydown=on_key>
                <ul>
                    <For each=move || inbox.rows.get() key=|row| row.id let(row)>
                        <ConversationLink row=row open=open />
                    </For>
                </ul>
                {move || {
                    let empty = inbox.rows.read().is_empty();
                    if !empty || inbox.failure.read().is_some() {
                        ().into_any()
                    } else if inbox.loading.get() {
                        view! { <Skeleton shape=SkeletonShape::Rows /> }.into_any()
                    } else {
                        view! { <NothingToShow new=new /> }.into_any()
                    }
                }}
            </div>
            <NewConversation open=new />
        </section>
    }
}

#[component]
fn SearchBox() -> impl IntoView {
    let inbox = Inbox::of_page();
    let typed = RwSignal::new(String::new());
    Effect::new(move |before: Option<()>| {
        let text = typed.get();
        if before.is_some() {
            let wait = Timeout::new(SEARCH_AFTER_MS, move || inbox.search.set(text));
            let wait = send_wrapper::SendWrapper::new(wait);
            on_cleanup(move || drop(wait));
        }
    });
    view! {
        <div class="search inbox-search" role="search">
            <Icon glyph=Glyph::Search />
            <input
                id="inbox-search"
                class="input"
                type="search"
                placeholder="Search name or number"
                aria-label="Search conversations by name or number"
                autocomplete="off"
                prop:value=typed
                on:input:target=move |event| typed.set(event.target().value())
                on:keydown=move |event| match event.key().as_str() {
                    "Escape" => {
                        typed.set(String::new());
                        step(0);
                    }
                    "ArrowDown" | "Enter" => {
                        event.prevent_default();
                        event.stop_propagation();
                        step(0);
                    }
                    _ => {}
                }
            />
        </div>
    }
}

#[component]
fn NothingToShow(new: RwSignal<bool>) -> impl IntoView {
    let inbox = Inbox::of_page();
    let searching = !inbox.search.read().trim().is_empty();
    let show = inbox.show.get();
    if searching {
        view! { <Empty glyph=Glyph::Search title="Nobody found" text="Search by part of a name, a whole number, or its last four digits." /> }
            .into_any()
    } else if show == Show::Unread {
        view! { <Empty glyph=Glyph::Check title="Everything is read" text="Messages that nobody has read yet appear here." /> }.into_any()
    } else if show == Show::Mine {
        view! { <Empty glyph=Glyph::User title="Nothing is assigned to you" text="Open a conversation, press p for who it is with, and assign it to yourself there." /> }
            .into_any()
    } else {
        view! {
            <Empty glyph=Glyph::Inbox title="No conversations yet" text="Messages from and to patients appear here.">
                <Button glyph=Glyph::Add on_press=move |_| new.set(true)>"New conversation"</Button>
            </Empty>
        }
            .into_any()
    }
}

#[component]
fn ConversationLink(row: Row, open: Signal<Option<ConversationId>>) -> impl IntoView {
    let Row { id, row } = row;
    let row = RwSignal::from(row);
    let is_unread = move || row.read().unread > 0;
    let name = Signal::derive(move || row.read().patients.first().map(|patient| patient.name.clone()));
    let drafts = expect_context::<Drafts>();
    // Where it is open, one sees what one writes.
    let has_draft = move || drafts.has_begun(id) && open.get() != Some(id);
    view! {
        <li>
            <a
                class="conversation"
                class:is-unread=is_unread
                href=format!("/c/{id}")
                aria-current=move || (open.get() == Some(id)).then_some("page")
            >
                <Avatar name=name />
                <span class="conversation-title">{move || row.read().title()}</span>
                <span class="conversation-time">
                    {move || row.read().last.as_ref().map(|last| last.at).map(|at| view! { <Time at=at /> })}
                </span>
                <span class="conversation-last">
                    {move || has_draft().then(|| view! { <span class="conversation-draft">"Draft"</span> })}
                    {move || row.read().last.clone().map(|last| view! { <Last last=last /> })}
                </span>
                {move || {
                    let unread = row.read().unread;
                    (unread > 0).then(|| view! {
                        <span class="unread number">{unread}<span class="visually-hidden">" unread"</span></span>
                    })
                }}
            </a>
        </li>
    }
}

#[component]
fn Last(last: LastMessage) -> impl IntoView {
    let ours = last.direction == Direction::Outbound;
    let words = match last.state {
        DeliveryState::Failed | DeliveryState::Undelivered if ours => "Failed: ",
        DeliveryState::Uncertain if ours => "Not sure it arrived: ",
        _ if ours => "You: ",
        _ => "",
    };
    let text = if last.excerpt.is_empty() && last.has_photo { "Photo".to_owned() } else { last.excerpt };
    view! {
        {last.has_photo.then(|| view! { <Icon glyph=Glyph::Photo /> <span class="visually-hidden">"With a photo. "</span> })}
        <span class="conversation-excerpt" class:is-bad=words.starts_with('F') || words.starts_with('N')>
            {words}{text}
        </span>
    }
}

/// Moves the focus along the rows, from the one that has it or is open.
fn step(by: isize) {
    let Some(list) = browser::find(".inbox-rows") else { return };
    let rows = browser::find_all(&list, "a.conversation");
    let Some(last) = rows.len().checked_sub(1) else { return };
    let focused = browser::focused();
    let at = rows
        .iter()
        .position(|row| Some(row) == focused.as_ref())
        .or_else(|| rows.iter().position(|row| row.has_attribute("aria-current")));
    let next = at.map_or(0, |at| at.saturating_add_signed(by).min(last));
    let _ = rows[next].focus();
}

/// Opens a conversation without loading the page anew.
pub(crate) fn navigator() -> impl Fn(ConversationId) + Clone {
    let navigate = use_navigate();
    move |id| navigate(&format!("/c/{id}"), NavigateOptions::default())
}
