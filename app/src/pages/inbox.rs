//! The inbox: the list of conversations beside the one that is open.

use crate::api::inbox;
use crate::api::session::Session;
use crate::parts::inbox::list::InboxList;
use crate::parts::inbox::state::Inbox;
use crate::parts::live::Live;
use crate::ui::{Empty, Glyph, Skeleton, SkeletonShape};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Outlet;
use leptos_router::hooks::use_location;
use model::ConversationId;
use model::conversation::InboxQuery;

/// List and thread, one live surface.
#[component]
pub fn InboxPage() -> impl IntoView {
    let live = Live::of_page();
    let me = expect_context::<Session>().me.staff_id;
    let first = Resource::new(
        || (),
        move |()| async move {
            let seq = live.newest();
            (seq, inbox::list(InboxQuery::default()).await)
        },
    );
    let path = use_location().pathname;
    let open = Memo::new(move |_| path.read().strip_prefix("/c/")?.parse::<ConversationId>().ok());
    view! {
        <div class="inbox" class:has-open=move || open.get().is_some()>
            <Suspense fallback=|| view! { <section class="inbox-list"><Skeleton shape=SkeletonShape::Rows /></section> }>
                {move || Suspend::new(async move {
                    let (seq, first) = first.await;
                    let inbox = Inbox::new(me, first);
                    inbox.follow(live, seq);
                    provide_context(inbox);
                    view! { <InboxList open=open /> }
                })}
            </Suspense>
            <Outlet />
        </div>
    }
}

/// What stands beside the list while no conversation is open.
#[component]
pub fn NothingOpen() -> impl IntoView {
    view! {
        <Title text="Inbox" />
        <section class="conversation-pane is-empty" aria-label="Conversation">
            <Empty glyph=Glyph::Message title="Choose a conversation" text="Or begin a new one with n. Press ? for all keys." />
        </section>
    }
}
