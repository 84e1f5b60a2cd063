//! Signing out, and what one should know before.

use crate::api::session::{self, Session};
use crate::browser;
use crate::parts::composer::drafts::Drafts;
use crate::parts::thread::outbox::Outbox;
use crate::ui::{Button, ButtonKind, Dialog, Notices};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::StaffId;

/// The way out of every page; a context.
#[derive(Debug, Clone, Copy)]
pub struct SignOut {
    asking: RwSignal<bool>,
    me: StaffId,
    outbox: Outbox,
    notices: Notices,
}

impl SignOut {
    /// That of a session.
    pub fn new(session: &Session, outbox: Outbox) -> Self {
        Self { asking: RwSignal::new(false), me: session.me.staff_id, outbox, notices: Notices::of_page() }
    }

    /// The way out of this page.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// Signs out; asks before where something is not sent yet.
    pub fn begin(self) {
        if self.outbox.count() > 0 { self.asking.set(true) } else { self.go() }
    }

    fn go(self) {
        spawn_local(async move {
            match session::sign_out().await {
                Ok(()) => {
                    // The next person at this desk is not to read what was begun here.
                    Drafts::forget(self.me);
                    browser::load("/sign-in");
                }
                Err(failure) => self.notices.failed(&failure),
            }
        });
    }
}

/// Asks whether to leave unsent messages behind.
#[component]
pub fn SignOutDialog() -> impl IntoView {
    let sign_out = SignOut::of_page();
    // Only the browser knows what it keeps, and only there anybody asks.
    let title = Signal::derive(move || match sign_out.asking.get().then(|| sign_out.outbox.count()) {
        Some(count) if count != 1 => format!("{count} messages are not sent yet"),
        _ => "1 message is not sent yet".to_owned(),
    });
    view! {
        <Dialog open=sign_out.asking title=title>
            <p>"What is not sent stays in this browser, for you alone, until you sign in here again."</p>
            <div class="actions">
                <Button kind=ButtonKind::Primary on_press=move |_| sign_out.asking.set(false)>"Stay"</Button>
                <Button on_press=move |_| sign_out.go()>"Sign out"</Button>
            </div>
        </Dialog>
    }
}
