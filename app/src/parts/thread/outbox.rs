//! Messages that were written and that the server does not have yet.
//!
//! They are kept in the browser, one entry each, so that neither another conversation nor a closed window loses them.
//! Each goes out under the client id that it was born with: it is sent once at most, whichever window hands it over.

use crate::api::messages;
use crate::api::session::Session;
use crate::browser;
use crate::parts::live::Live;
use crate::parts::thread::item::Local;
use crate::ui::{Notices, Tone};
use gloo_timers::callback::Interval;
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::message::{Draft, MessageView, Recipient};
use model::{ConversationId, FailureCode};
use send_wrapper::SendWrapper;
use std::rc::Rc;

/// What could not be sent is tried again this often, as long as there is a connection.
const TRY_AGAIN_MS: u32 = 10_000;

/// Hears by client id how a message fares: the server has it, or where it stands else.
type Listener = Rc<dyn Fn(&str, Result<MessageView, Local>)>;

/// The conversation on the screen shows how its messages fare.
#[derive(Clone)]
struct Screen {
    number: u32,
    conversation: ConversationId,
    listener: SendWrapper<Listener>,
}

/// What one member of staff wrote in this browser; a context of the page.
#[derive(Debug, Clone, Copy)]
pub struct Outbox {
    prefix: StoredValue<String>,
    /// What the browser would not keep; it lives as long as the page.
    unkept: StoredValue<Vec<MessageView>>,
    screen: StoredValue<Option<Screen>>,
    next_number: StoredValue<u32>,
    /// Conversations whose messages are being handed over.
    delivering: StoredValue<Vec<ConversationId>>,
    notices: Notices,
}

impl Outbox {
    /// Begins to hand over what waits, in whichever conversation.
    pub fn start(session: &Session, live: Live) -> Self {
        let outbox = Self {
            prefix: StoredValue::new(prefix(session)),
            unkept: StoredValue::new(Vec::new()),
            screen: StoredValue::new(None),
            next_number: StoredValue::new(0),
            delivering: StoredValue::new(Vec::new()),
            notices: Notices::of_page(),
        };
        when_connected(live, move || {
            for message in outbox.all() {
                outbox.deliver(message.conversation_id);
            }
        });
        outbox
    }

    /// The outbox of this page.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// Messages that the server does not have yet.
    pub fn count(self) -> usize {
        self.all().len()
    }

    /// What waits in a conversation, or was refused there (then with its `failure`). `listener` hears how it fares, until
    /// the present component goes away. Call it from an effect.
    pub fn open(
        self,
        id: ConversationId,
        listener: impl Fn(&str, Result<MessageView, Local>) + 'static,
    ) -> Vec<MessageView> {
        let number = self.next_number.get_value();
        self.next_number.set_value(number + 1);
        let listener: Listener = Rc::new(listener);
        self.screen.set_value(Some(Screen {
            number,
            conversation: id,
            listener: SendWrapper::new(listener),
        }));
        on_cleanup(move || {
            self.screen.try_update_value(|screen| {
                // The next conversation may have come before this one has gone.
                if screen.as_ref().is_some_and(|screen| screen.number == number) {
                    *screen = None;
                }
            });
        });
        self.all().into_iter().filter(|message| message.conversation_id == id).collect()
    }

    /// Keeps a message until [`Outbox::forget`].
    pub fn keep(self, message: &MessageView) {
        let mut kept = message.clone();
        for picture in &mut kept.attachments {
            // Links die with the page, or soon after.
            (picture.tile_url, picture.screen_url, picture.original_url) = (None, None, None);
        }
        if let (Some(client_id), Ok(json)) = (&kept.client_id, serde_json::to_string(&kept)) {
            self.forget(client_id);
            if !browser::keep(&self.name(client_id), &json) {
                self.unkept.update_value(|unkept| unkept.push(kept));
            }
        }
    }

    /// The server has it, or staff gave it up.
    pub fn forget(self, client_id: &str) {
        browser::keep(&self.name(client_id), "");
        self.unkept
            .update_value(|unkept| unkept.retain(|message| message.client_id.as_deref() != Some(client_id)));
    }

    fn name(self, client_id: &str) -> String {
        self.prefix.with_value(|prefix| format!("{prefix}{client_id}"))
    }

    fn all(self) -> Vec<MessageView> {
        let kept = self.prefix.with_value(|prefix| browser::kept_below(prefix));
        let mut all = self.unkept.get_value();
        all.extend(kept.iter().filter_map(|json| serde_json::from_str::<MessageView>(json).ok()));
        all.sort_by_key(|message| message.at);
        all
    }

    /// Those of a conversation that wait, in the order in which they were written.
    fn waiting(self, id: ConversationId) -> impl Iterator<Item = MessageView> {
        let waits = move |message: &MessageView| message.conversation_id == id && message.failure.is_none();
        self.all().into_iter().filter(waits)
    }

    /// Hands over what waits in a conversation, one message after the other, so that they arrive in the order in which
    /// they were written; what is written meanwhile joins at the end.
    pub fn deliver(self, id: ConversationId) {
        let under_way = self.delivering.try_update_value(|all| {
            let under_way = all.contains(&id);
            if !under_way {
                all.push(id);
            }
            under_way
        });
        if under_way != Some(false) {
            return;
        }
        spawn_local(async move {
            while let Some(message) = self.waiting(id).next() {
                self.tell(&message, Err(Local::Sending));
                match messages::send_message(Recipient::Conversation(id), draft(&message)).await {
                    Ok(sent) => {
                        self.forget(message.client_id.as_deref().unwrap_or_default());
                        self.tell(&message, Ok(sent));
                    }
                    Err(failure) => {
                        if failure.may_pass() || Live::signed_out(&failure) {
                            let why = match failure.code() {
                                FailureCode::TooManyRequests => Local::Held,
                                _ => Local::Waiting,
                            };
                            // The others wait behind it.
                            for message in self.waiting(id) {
                                self.tell(&message, Err(why.clone()));
                            }
                            break;
                        }
                        self.refused(message, failure.error.message);
                    }
                }
            }
            self.delivering.update_value(|all| all.retain(|other| *other != id));
        });
    }

    /// The server will not take it as it is, and why.
    fn refused(self, message: MessageView, why: String) {
        let told = self.tell(&message, Err(Local::Refused(why.clone())));
        if !told {
            let place = format!("/c/{}", message.conversation_id);
            self.notices.tell_of(Tone::Bad, format!("A message was not sent: {why}"), place);
        }
        self.keep(&MessageView { failure: Some(why), ..message });
    }

    /// Answers whether the conversation is on the screen.
    fn tell(self, message: &MessageView, how: Result<MessageView, Local>) -> bool {
        let screen = self.screen.get_value().filter(|screen| screen.conversation == message.conversation_id);
        if let Some(screen) = &screen {
            (screen.listener)(message.client_id.as_deref().unwrap_or_default(), how);
        }
        screen.is_some()
    }
}

/// What is written in one organisation must not be handed over in another one that the person switched to.
fn prefix(session: &Session) -> String {
    format!("heliograph.outbox.{}.{}.", session.me.staff_id, session.me.organisation.id)
}

/// What the server is asked to send.
fn draft(message: &MessageView) -> Draft {
    Draft {
        // A template is all that its message says.
        text: if message.template.is_some() { String::new() } else { message.text.clone() },
        attachments: message.attachments.iter().map(|attachment| attachment.id).collect(),
        client_id: message.client_id.clone().unwrap_or_default(),
        line: message.line_id,
        link: message.link.as_ref().map(|link| link.options(message.at)),
        // As it was shown while it was written, whatever came in since.
        channel: Some(message.channel),
        template: message.template.clone(),
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
