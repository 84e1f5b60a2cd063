//! The frame around everything that needs someone signed in.

use super::lazy;
use crate::api::session::{PageSession, Session, sign_in_path};
use crate::parts::alerts::{AlertLine, Alerts};
use crate::parts::composer::drafts::Drafts;
use crate::parts::live::Live;
use crate::parts::rail::Rail;
use crate::parts::shortcuts::{HelpDialog, Shortcuts};
use crate::parts::sign_out::{SignOut, SignOutDialog};
use crate::parts::thread::outbox::Outbox;
use crate::parts::thread::sent_pictures::SentPictures;
use crate::ui::{Banner, Empty, Glyph, Tone};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::{Outlet, Redirect};
use leptos_router::hooks::use_location;
use model::FailureCode;

/// Rail, banners and the page of the address. Provides the contexts [`Session`], [`Live`] and [`Drafts`].
///
/// Nothing waits here: a page below may then ask for its data in the same order on the server and in the browser,
/// which is how the browser finds the answers that came with the document.
#[component]
pub fn Desk() -> impl IntoView {
    match PageSession::of_page().0 {
        Ok(session) => view! { <Frame session=session /> }.into_any(),
        Err(failure) if failure.code() == FailureCode::SignedOut => view! { <ToSignIn /> }.into_any(),
        Err(failure) => view! {
            <main class="page">
                <Empty whole_page=true glyph=Glyph::Offline title="Heliograph cannot be opened" text=failure.error.message>
                    <a class="button" href="/" rel="external">"Try again"</a>
                </Empty>
            </main>
        }
        .into_any(),
    }
}

#[component]
fn Frame(session: Session) -> impl IntoView {
    let live = Live::start(&session);
    let shortcuts = Shortcuts::start();
    let mock_mode = session.mock_mode;
    let outbox = Outbox::start(&session, live);
    provide_context(outbox);
    provide_context(SignOut::new(&session, outbox));
    // Here and not beside the inbox, so that an upload goes on while one looks something up on another screen.
    let drafts = Drafts::new(session.me.staff_id);
    drafts.follow(live);
    provide_context(drafts);
    provide_context(Alerts::start(&session, live));
    provide_context(SentPictures::default());
    provide_context(live);
    provide_context(shortcuts);
    provide_context(session);
    let connected = live.connected();
    Effect::new(|_| spawn_local(lazy::load_all()));
    view! {
        <a class="skip-link" href="#main">"Skip to content"</a>
        <div class="desk">
            <Rail />
            <div class="desk-main">
                {mock_mode.then(|| view! {
                    <Banner tone=Tone::Warn>
                        "Mock mode: nothing leaves this server. Messages go to the simulated phone. " <a href="/phone">"Open the phone"</a>
                    </Banner>
                })}
                <Show when=move || !connected.get()>
                    <Banner tone=Tone::Warn>"Waiting for connection. What you write is kept and sent as soon as it is back."</Banner>
                </Show>
                <AlertLine />
                <main id="main" class="desk-page" tabindex="-1">
                    <Outlet />
                </main>
            </div>
        </div>
        <HelpDialog />
        <SignOutDialog />
    }
}

#[component]
fn ToSignIn() -> impl IntoView {
    let location = use_location();
    let (path, query) = (location.pathname.get_untracked(), location.search.get_untracked());
    let here = if query.is_empty() { path } else { format!("{path}?{query}") };
    view! { <Redirect path=sign_in_path(&here) /> }
}
