//! Messages that were written and that the server does not have yet.
//!
//! They are kept in the browser, one entry each, so that neither another conversation nor a closed window loses them.
//! Each goes out under the client id that it was born with: it is sent once at most, whichever window hands it over.

use crate::api::messages;
use crate::api::session::Session;
use crate::browser;
use crate::parts::live::Live;
use gloo_timers::callback::Interval;
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::ConversationId;
use model::message::{Draft, MessageView, Recipient};
use send_wrapper::SendWrapper;

/// What could not be sent is tried again this often, as long as there is a connection.
const TRY_AGAIN_MS: u32 = 10_000;

/// What one member of staff wrote in this browser; a context of the page.
#[derive(Debug, Clone, Copy)]
pub struct Outbox {
    prefix: StoredValue<String>,
    /// The conversation on the screen sends its own, and shows how that goes.
    open: StoredValue<Option<ConversationId>>,
    delivering: StoredValue<bool>,
}

impl Outbox {
    /// Begins to hand over what waits in conversations that are not on the screen.
    pub fn start(session: &Session, live: Live) -> Self {
        let outbox = Self {
            prefix: StoredValue::new(prefix(session)),
            open: StoredValue::new(None),
            delivering: StoredValue::new(false),
        };
        when_connected(live, move || outbox.deliver());
        outbox
    }

    /// The outbox of this page.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// What waits in a conversation, or was refused there (then with its `failure`). From now on that conversation sends
    /// its own, until [`Outbox::close`].
    pub fn open(self, id: ConversationId) -> Vec<MessageView> {
        self.open.set_value(Some(id));
        self.all().into_iter().filter(|message| message.conversation_id == id).collect()
    }

    /// The conversation is no longer on the screen.
    pub fn close(self, id: ConversationId) {
        self.open.try_update_value(|open| {
            if *open == Some(id) {
                *open = None;
            }
        });
    }

    /// Keeps a message until [`Outbox::forget`].
    pub fn keep(self, message: &MessageView) {
        let mut kept = message.clone();
        for picture in &mut kept.attachments {
            // Links die with the page, or soon after.
            (picture.tile_url, picture.screen_url, picture.original_url) = (None, None, None);
        }
        if let (Some(client_id), Ok(json)) = (&kept.client_id, serde_json::to_string(&kept)) {
            browser::keep(&self.name(client_id), &json);
        }
    }

    /// The server has it, or staff gave it up.
    pub fn forget(self, client_id: &str) {
        browser::keep(&self.name(client_id), "");
    }

    /// The server will not take it as it is, and why.
    pub fn refused(self, message: &MessageView, why: String) {
        self.keep(&MessageView { failure: Some(why), ..message.clone() });
    }

    fn name(self, client_id: &str) -> String {
        self.prefix.with_value(|prefix| format!("{prefix}{client_id}"))
    }

    fn all(self) -> Vec<MessageView> {
        let kept = self.prefix.with_value(|prefix| browser::kept_below(prefix));
        let mut all: Vec<MessageView> =
            kept.iter().filter_map(|json| serde_json::from_str(json).ok()).collect();
        all.sort_by_key(|message| message.at);
        all
    }

    fn deliver(self) {
        if self.delivering.get_value() {
            return;
        }
        self.delivering.set_value(true);
        spawn_local(async move {
            for message in self.all() {
                if message.failure.is_some() || self.open.get_value() == Some(message.conversation_id) {
                    continue;
                }
                let to = Recipient::Conversation(message.conversation_id);
                match messages::send_message(to, draft(&message)).await {
                    Ok(_) => self.forget(message.client_id.as_deref().unwrap_or_default()),
                    Err(failure) if failure.may_pass() => break,
                    Err(failure) => {
                        if Live::signed_out(&failure) {
                            break;
                        }
                        self.refused(&message, failure.error.message);
                    }
                }
            }
            self.delivering.try_set_value(false);
        });
    }
}

/// What is written in one organisation must not be handed over in another one that the person switched to.
fn prefix(session: &Session) -> String {
    format!("heliograph.outbox.{}.{}.", session.me.staff_id, session.me.organisation.id)
}

/// What the server is asked to send.
pub(crate) fn draft(message: &MessageView) -> Draft {
    Draft {
        text: message.text.clone(),
        attachments: message.attachments.iter().map(|attachment| attachment.id).collect(),
        client_id: message.client_id.clone().unwrap_or_default(),
    }
}

/// Calls `work` whenever the connection comes back, and from time to time while it is there: a request may fail while the
/// stream of changes goes on.
pub(crate) fn when_connected(live: Live, work: impl Fn() + Copy + 'static) {
    Effect::new(move |_| {
        if live.connected().get() {
            work();
        }
    });
    Effect::new(move |_| {
        let every = SendWrapper::new(Interval::new(TRY_AGAIN_MS, move || {
            if live.connected().try_get_untracked() == Some(true) {
                work();
            }
        }));
        on_cleanup(move || drop(every));
    });
}
