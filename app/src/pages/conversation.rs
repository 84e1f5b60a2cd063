//! One conversation: its thread, its composer and who is on the other side.

use crate::api::inbox;
use crate::api::{Answer, ApiFailure};
use crate::browser;
use crate::parts::composer::chosen::files;
use crate::parts::composer::drafts::Drafts;
use crate::parts::composer::{Composer, attach};
use crate::parts::live::Live;
use crate::parts::patients::panel::{PatientPanel, People};
use crate::parts::shortcuts::{Shortcut, on_shortcut};
use crate::parts::thread::ThreadView;
use crate::parts::thread::opted_out::OptedOut;
use crate::parts::thread::state::{Thread, opened_at};
use crate::parts::thread::viewer::{Viewer, ViewerDialog};
use crate::ui::{Empty, Glyph, Icon, IconButton, Menu, MenuItem, Notices, Skeleton, SkeletonShape};
use leptos::ev::{self, DragEvent};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_params_map, use_query_map};
use model::conversation::{ConversationView, ThreadSlice};
use model::{ConversationId, Failure, FailureCode, MessageId};

/// The page of `/c/{conversation}`; `?m={message}` opens it at a message.
#[component]
pub fn ConversationPage() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let id = Memo::new(move |_| {
        params.read().get("conversation").and_then(|id| id.parse::<ConversationId>().ok())
    });
    let marked = Memo::new(move |_| query.read().get("m").and_then(|id| id.parse::<MessageId>().ok()));
    let live = Live::of_page();
    let loaded = Resource::new(move || (id.get(), marked.get()), move |(id, marked)| load(live, id, marked));
    view! {
        <Suspense fallback=|| {
            view! { <section class="conversation-pane"><Skeleton shape=SkeletonShape::Bubbles /></section> }
        }>
            {move || Suspend::new(async move {
                match loaded.await {
                    Ok((seq, view, slice)) => {
                        view! { <Conversation seq=seq view=view slice=slice marked=marked /> }.into_any()
                    }
                    Err(failure) => {
                        view! {
                            <section class="conversation-pane is-empty" aria-label="Conversation">
                                <Title text="Not found" />
                                <Empty whole_page=true glyph=Glyph::Question title="This conversation cannot be shown" text=failure.error.message>
                                    <a class="button" href="/">"Go to the inbox"</a>
                                </Empty>
                            </section>
                        }
                            .into_any()
                    }
                }
            })}
        </Suspense>
    }
}

/// Also answers the newest change that was known before.
async fn load(
    live: Live,
    id: Option<ConversationId>,
    marked: Option<MessageId>,
) -> Answer<(i64, ConversationView, ThreadSlice)> {
    let Some(id) = id else {
        let failure = Failure::new(FailureCode::NotFound, "This conversation does not exist (any more).");
        return Err(ApiFailure::from(failure));
    };
    let seq = live.newest();
    let view = inbox::get(id).await?;
    Ok((seq, view, inbox::thread(id, opened_at(marked)).await?))
}

#[component]
fn Conversation(
    seq: i64,
    view: ConversationView,
    slice: ThreadSlice,
    marked: Memo<Option<MessageId>>,
) -> impl IntoView {
    let live = Live::of_page();
    let notices = Notices::of_page();
    let thread = Thread::new(view, slice, marked.get_untracked());
    thread.follow(live, seq);
    let people = People::new(thread, live);
    provide_context(thread);
    provide_context(people);
    provide_context(Viewer::default());
    let draft = expect_context::<Drafts>().of(thread.id);
    let dropped_on = StoredValue::new(draft.clone());
    let panel = RwSignal::new(false);
    read_while_shown(thread);
    on_shortcut(move |shortcut| match shortcut {
        Shortcut::Read => mark(thread, true, notices),
        Shortcut::Panel => panel.update(|open| *open = !*open),
        _ => {}
    });
    // Entering a child fires before leaving its parent: only the balance says whether the pointer is still inside.
    let depth = RwSignal::new(0_i32);
    let carries_files = |event: &DragEvent| {
        event.data_transfer().is_some_and(|data| data.types().includes(&"Files".into(), 0))
    };
    let title = Memo::new(move |_| thread.view.read().row.title());
    view! {
        // Asked once more when another conversation has taken this one's place.
        <Title text=move || title.try_get().unwrap_or_default() />
        <section
            class="conversation-pane"
            class:has-panel=panel
            aria-label=move || format!("Conversation with {}", title.get())
            on:dragenter=move |event| {
                if carries_files(&event) {
                    event.prevent_default();
                    depth.update(|depth| *depth += 1);
                }
            }
            on:dragover=move |event| {
                if carries_files(&event) {
                    event.prevent_default();
                }
            }
            on:dragleave=move |_| depth.update(|depth| *depth = (*depth - 1).max(0))
            on:drop=move |event| {
                depth.set(0);
                let dropped = event.data_transfer().map(|data| files(data.files())).unwrap_or_default();
                if !dropped.is_empty() {
                    event.prevent_default();
                    attach(dropped_on.get_value(), dropped, notices);
                }
            }
        >
            <div class="conversation-main">
                <Head thread=thread panel=panel />
                <ThreadView marked=marked />
                <OptedOut />
                <Composer draft=draft />
                <Show when=move || { depth.get() > 0 }>
                    <div class="drop-here" aria-hidden="true"><Icon glyph=Glyph::Photo /><p>"Drop image here"</p></div>
                </Show>
            </div>
            <PatientPanel open=panel />
        </section>
        <ViewerDialog />
    }
}

#[component]
fn Head(thread: Thread, panel: RwSignal<bool>) -> impl IntoView {
    let notices = Notices::of_page();
    let navigate = use_navigate();
    let row = move || thread.view.read().row.clone();
    view! {
        <header class="conversation-head">
            <a class="icon-button conversation-back" href="/" aria-label="Back to the inbox"><Icon glyph=Glyph::Back /></a>
            <div class="conversation-who">
                <h1>{move || row().title()}</h1>
                <p class="muted number">{move || {
                    let row = row();
                    (!row.patients.is_empty()).then(|| row.number.spaced())
                }}</p>
            </div>
            <IconButton glyph=Glyph::Panel label="Patient (p)" on_press=move |_| panel.update(|open| *open = !*open) />
            <Menu label="More">
                <MenuItem glyph=Glyph::Check on_press=move |()| mark(thread, true, notices)>"Mark as read"</MenuItem>
                <MenuItem glyph=Glyph::Inbox on_press={
                    let navigate = navigate.clone();
                    move |()| {
                        mark(thread, false, notices);
                        navigate("/", NavigateOptions::default());
                    }
                }>"Mark as unread"</MenuItem>
            </Menu>
        </header>
    }
}

fn mark(thread: Thread, read: bool, notices: Notices) {
    // Whoever says so while newer messages are not loaded means all of them.
    let up_to = untrack(|| thread.newest_shown()).filter(|_| !thread.has_newer.get_untracked());
    spawn_local(async move {
        let answer =
            if read { inbox::mark_read(thread.id, up_to).await } else { inbox::mark_unread(thread.id).await };
        if let Err(failure) = answer {
            notices.failed(&failure);
        }
    });
}

/// What is in view is read: when the conversation opens, and whenever something arrives while the window has the
/// focus and the end is in view.
fn read_while_shown(thread: Thread) {
    let looked_at = RwSignal::new(false);
    Effect::new(move |_| {
        looked_at.set(browser::is_looked_at());
        let comes = window_event_listener(ev::focus, move |_| looked_at.set(true));
        let goes = window_event_listener(ev::blur, move |_| looked_at.set(false));
        on_cleanup(move || {
            comes.remove();
            goes.remove();
        });
    });
    Effect::new(move |_| {
        let newest = thread.newest_shown();
        let unread = thread.view.read().row.unread;
        let in_view = thread.at_end.get() && !thread.has_newer.get() && looked_at.get();
        if newest.is_some() && unread > 0 && in_view {
            spawn_local(async move {
                // It stays unread, which is the safe side.
                let _ = inbox::mark_read(thread.id, newest).await;
            });
        }
    });
}
