//! The frame around everything that needs someone signed in.

use super::lazy;
use crate::api::session::{PageSession, Session};
use crate::parts::chosen::Drafts;
use crate::parts::live::Live;
use crate::parts::outbox::Outbox;
use crate::parts::rail::Rail;
use crate::parts::shortcuts::{HelpDialog, Shortcuts};
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
    provide_context(Outbox::start(&session, live));
    // Here and not beside the inbox, so that an upload goes on while one looks something up on another screen.
    let drafts = Drafts::default();
    drafts.follow(live);
    provide_context(drafts);
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
                <main id="main" class="desk-page" tabindex="-1">
                    <Outlet />
                </main>
            </div>
        </div>
        <HelpDialog />
    }
}

#[component]
fn ToSignIn() -> impl IntoView {
    let location = use_location();
    let (path, query) = (location.pathname.get_untracked(), location.search.get_untracked());
    let here = if query.is_empty() { path } else { format!("{path}?{query}") };
    let to = if here == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={}", escape(&here)) };
    view! { <Redirect path=to /> }
}

fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn escapes_what_would_end_a_query() {
        assert_eq!(escape("/c/1?m=2&é"), "/c/1%3Fm%3D2%26%C3%A9");
    }
}
