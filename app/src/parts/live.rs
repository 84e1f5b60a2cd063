//! The stream of changes that keeps open screens true.

use crate::api::ApiFailure;
use crate::api::session::{self, Session};
use crate::browser;
use gloo_timers::future::TimeoutFuture;
use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::live::{Change, LiveEvent};
use model::{FailureCode, OrgId, StaffId};
use send_wrapper::SendWrapper;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{EventSource, MessageEvent};

/// After this many milliseconds a stream that the server closed is asked for again, and so is what could not be read.
const AGAIN_MS: u32 = 2_000;

/// Changes that come within so many milliseconds after one that was told are told together, each once: catching up after
/// a long sleep, or a busy minute, must not make a request for each.
const GATHER_MS: u32 = 100;

/// When more than these come together, reading everything again is less work than reading each.
const MANY: usize = 200;

/// What a screen hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// One thing changed; read it again.
    Change(Change),
    /// Too much was missed: read everything again.
    Reload,
}

type Listener = Rc<dyn Fn(News)>;

/// The page's stream of changes; a context, there once per page.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    me: StaffId,
    connected: RwSignal<bool>,
    source: StoredValue<Option<SendWrapper<EventSource>>>,
    newest: StoredValue<i64>,
    organisation: OrgId,
    /// Changes were told just now; more are waited for.
    gathering: StoredValue<bool>,
    /// What came meanwhile.
    gathered: StoredValue<Vec<Change>>,
    listeners: StoredValue<Vec<(u32, SendWrapper<Listener>)>>,
    next_id: StoredValue<u32>,
}

impl Live {
    /// Opens the stream, in the browser, for what happened since the session was read.
    pub fn start(session: &Session) -> Self {
        let live = Self {
            me: session.me.staff_id,
            // Until proven otherwise: nobody should read of a lost connection while the first one is made.
            connected: RwSignal::new(true),
            source: StoredValue::new(None),
            newest: StoredValue::new(session.live_seq),
            organisation: session.me.organisation.id,
            gathering: StoredValue::new(false),
            gathered: StoredValue::new(Vec::new()),
            listeners: StoredValue::new(Vec::new()),
            next_id: StoredValue::new(0),
        };
        Effect::new(move |_| {
            live.open();
            // A network that goes away does not end a stream, and nothing would be heard when it comes back.
            let goes = window_event_listener(ev::offline, move |_| {
                live.connected.try_set(false);
            });
            let comes = window_event_listener(ev::online, move |_| live.open());
            on_cleanup(move || {
                goes.remove();
                comes.remove();
            });
        });
        live
    }

    /// The stream of this page.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// There is a connection to the server.
    pub fn connected(self) -> Signal<bool> {
        self.connected.into()
    }

    /// Number of the newest change that was heard of. Note it before reading something: when it has moved by the time that
    /// one listens, what was read may be behind.
    pub fn newest(self) -> i64 {
        self.newest.get_value()
    }

    /// Calls `listener` for each change, until the present component goes away. Call it from an effect or an event
    /// handler: the server has no stream.
    pub fn listen(self, listener: impl Fn(News) + 'static) {
        let id = self.next_id.get_value();
        self.next_id.set_value(id + 1);
        self.listeners.update_value(|all| all.push((id, SendWrapper::new(Rc::new(listener)))));
        on_cleanup(move || {
            self.listeners.try_update_value(|all| all.retain(|(other, _)| *other != id));
        });
    }

    /// Tells a change at once, and those that follow it closely a moment later.
    fn hear(self, change: Change) {
        if self.gathering.get_value() {
            self.gathered.update_value(|gathered| {
                if !gathered.contains(&change) {
                    gathered.push(change);
                }
            });
            return;
        }
        self.gathering.set_value(true);
        self.tell(News::Change(change));
        spawn_local(async move {
            loop {
                TimeoutFuture::new(GATHER_MS).await;
                let Some(gathered) = self.gathered.try_update_value(std::mem::take) else { return };
                if gathered.is_empty() {
                    self.gathering.set_value(false);
                    return;
                }
                if gathered.len() > MANY {
                    self.tell(News::Reload);
                } else {
                    gathered.into_iter().for_each(|change| self.tell(News::Change(change)));
                }
            }
        });
    }

    fn tell(self, news: News) {
        // Listeners may begin or end to listen while they are told.
        let listeners: Vec<Listener> =
            self.listeners.with_value(|all| all.iter().map(|(_, listener)| Rc::clone(listener)).collect());
        for listener in listeners {
            listener(news);
        }
    }

    fn open(self) {
        let Some(newest) = self.newest.try_get_value() else { return };
        if let Some(Some(old)) = self.source.try_update_value(Option::take) {
            old.close();
        }
        let address = format!("/api/live?after={newest}&organisation={}", self.organisation);
        let Ok(source) = EventSource::new(&address) else { return };
        let on_open = Closure::<dyn Fn()>::new(move || {
            if self.connected.try_get_untracked() == Some(false) {
                spawn_local(async move {
                    if self.is_ours().await {
                        self.connected.try_set(true);
                    }
                });
            }
        });
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            let text = event.data().as_string().unwrap_or_default();
            if let Ok(event) = serde_json::from_str::<LiveEvent>(&text) {
                self.newest.set_value(event.seq);
                self.hear(event.change);
            }
        });
        let on_reset = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            if let Ok(newest) = event.last_event_id().parse() {
                self.newest.set_value(newest);
            }
            self.gathered.set_value(Vec::new());
            self.tell(News::Reload);
        });
        // In another window the person switched to another organisation; this page still shows the one before.
        let on_moved = Closure::<dyn Fn()>::new(|| browser::load("/"));
        let on_error = Closure::<dyn Fn(web_sys::Event)>::new(move |event: web_sys::Event| {
            self.connected.try_set(false);
            let source = event.target().and_then(|target| target.dyn_into::<EventSource>().ok());
            // A broken connection is mended by the browser; a refused one is not.
            if source.is_some_and(|source| source.ready_state() == EventSource::CLOSED) {
                spawn_local(async move {
                    if self.is_ours().await {
                        TimeoutFuture::new(AGAIN_MS).await;
                        self.open();
                    }
                });
            }
        });
        source.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        source.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        // Fails only for an event target that is gone.
        let _ = source.add_event_listener_with_callback("reset", on_reset.as_ref().unchecked_ref());
        let _ = source.add_event_listener_with_callback("moved", on_moved.as_ref().unchecked_ref());
        let kept = SendWrapper::new((source, on_open, on_message, on_reset, on_moved, on_error));
        self.source.set_value(Some(SendWrapper::new(kept.0.clone())));
        // What listens stays for as long as the page is there.
        std::mem::forget(kept);
    }

    /// Whether the session is still that of this page. While there was no connection it may have ended, or somebody else
    /// have signed in; the page is left then.
    async fn is_ours(self) -> bool {
        match session::read_session().await {
            Ok(session) if session.me.staff_id != self.me => {
                browser::load(&browser::here());
                false
            }
            Ok(_) => true,
            Err(failure) => !Self::signed_out(&failure),
        }
    }

    /// What a change made necessary to read could not be read: waits a moment where asking again may help, and answers
    /// whether it may. A change is told once.
    pub async fn again(failure: &ApiFailure) -> bool {
        if failure.may_pass() {
            TimeoutFuture::new(AGAIN_MS).await;
            return true;
        }
        Self::signed_out(failure);
        false
    }

    /// Leaves for the sign-in page when the session has ended; anything else is for the caller to show.
    pub fn signed_out(failure: &ApiFailure) -> bool {
        let signed_out = failure.code() == FailureCode::SignedOut;
        if signed_out {
            browser::load(&session::sign_in_path(&browser::here()));
        }
        signed_out
    }
}
