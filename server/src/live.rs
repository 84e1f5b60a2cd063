//! `GET /api/live`: what changes, as server-sent events. Events name rows and carry no content.

use crate::App;
use crate::failure::{Asked, Problem};
use crate::metrics::OpenStream;
use crate::session::{Asker, Credential};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use backend::clock::millis;
use backend::{Caller, live};
use futures::Stream;
use futures::stream;
use model::live::LiveEvent;
use model::{Millis, OrgId};
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// How often a stream asks whether its caller is still signed in.
const CHECK: Duration = Duration::from_secs(15);

/// How often a quiet stream says that it is alive, so that proxies keep it open.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Where a stream begins.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct From {
    /// The last number the caller knows; without it and without `Last-Event-ID`, only what happens from now on.
    after: Option<i64>,
    /// The organisation that a page shows. Where the caller's session was moved to another one, the stream says `moved`
    /// and nothing else.
    #[param(value_type = Option<String>)]
    organisation: Option<OrgId>,
}

/// Changes as server-sent events: `id` is the sequence number, `data` a LiveEvent. After a gap that is too long to
/// replay comes the event `reset`, whose `id` is the newest number: read everything again.
#[utoipa::path(
    get, path = "/api/live", tag = "live", params(From),
    responses((status = 200, content_type = "text/event-stream", body = LiveEvent), (status = 401, body = Problem)),
)]
pub(crate) async fn live(
    asker: Asker,
    Asked(from): Asked<From>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    // Before the first look at the store: what happens in between is heard of twice rather than not at all.
    let changed = asker.backend().live.subscribe();
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let seq = match resumed.or(from.after) {
        Some(seq) => seq,
        None => live::newest(asker.backend(), &asker.caller).await?,
    };
    let Asker { app, caller } = asker;
    let moved = from.organisation.is_some_and(|organisation| organisation != caller.org_id);
    let feed = Feed::new(app, caller, Credential::of(&headers), changed, seq, moved);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("alive");
    Ok((
        // A proxy that collects answers would hold events back.
        [("x-accel-buffering", "no"), ("cache-control", "no-store")],
        Sse::new(feed.into_stream()).keep_alive(keep_alive),
    ))
}

struct Feed {
    app: App,
    caller: Caller,
    credential: Credential,
    changed: Receiver<Option<OrgId>>,
    /// The last number that was put in line.
    seq: i64,
    waiting: VecDeque<Event>,
    may_have_more: bool,
    /// The page shows an organisation that the session has left.
    moved: bool,
    /// When the caller was last known to be signed in. Asked again in time, however much there is to tell.
    checked_at: Millis,
    /// Counted for as long as the stream is there.
    _open: OpenStream,
}

impl Feed {
    fn new(
        app: App,
        caller: Caller,
        credential: Credential,
        changed: Receiver<Option<OrgId>>,
        seq: i64,
        moved: bool,
    ) -> Self {
        // At once, so that the browser knows the stream is open.
        let mut waiting = VecDeque::from([Event::default().comment("open")]);
        if moved {
            waiting.push_back(Event::default().event("moved").data("{}"));
        }
        let checked_at = app.backend.clock.now();
        let may_have_more = true;
        let _open = OpenStream::begin();
        Self { app, caller, credential, changed, seq, waiting, may_have_more, moved, checked_at, _open }
    }

    fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut feed| async {
            let event = feed.next().await?;
            Some((Ok(event), feed))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            let since = self.app.backend.clock.now() - self.checked_at;
            // Also when the clock was set back.
            if !(0..millis(CHECK)).contains(&since) {
                self.check().await?;
            }
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.moved {
                return None;
            }
            if self.may_have_more {
                self.may_have_more = false;
                self.look().await?;
                continue;
            }
            self.wait().await?;
        }
    }

    /// Puts in line what the store has. `None` ends the stream; the client comes back and tries again.
    async fn look(&mut self) -> Option<()> {
        match live::since(&self.app.backend, &self.caller, self.seq).await.ok()? {
            Some(events) => {
                // Of a longer gap this is one page; the next is read once this one is told.
                self.may_have_more = events.len() as i64 == live::PAGE;
                for event in events {
                    self.seq = event.seq;
                    self.waiting.push_back(frame(&event)?);
                }
            }
            None => {
                self.seq = live::newest(&self.app.backend, &self.caller).await.ok()?;
                let reset = Event::default().event("reset").id(self.seq.to_string()).data("{}");
                self.waiting.push_back(reset);
            }
        }
        Some(())
    }

    /// `None` when the caller signed out or switched to another organisation.
    async fn check(&mut self) -> Option<()> {
        let caller = self.credential.caller(&self.app.backend).await.ok()??;
        if caller.org_id != self.caller.org_id {
            return None;
        }
        self.caller = caller;
        self.checked_at = self.app.backend.clock.now();
        Some(())
    }

    /// Waits for news. `None` when the caller signed out or the process stops.
    async fn wait(&mut self) -> Option<()> {
        tokio::select! {
            () = self.app.stopping.cancelled() => None,
            news = self.changed.recv() => {
                match news {
                    Ok(org) => self.may_have_more = org.is_none_or(|org| org == self.caller.org_id),
                    Err(RecvError::Lagged(_)) => self.may_have_more = true,
                    Err(RecvError::Closed) => return None,
                }
                Some(())
            }
            () = tokio::time::sleep(CHECK) => {
                self.check().await?;
                // Another process may have written to the same database, and its call got lost.
                self.may_have_more = true;
                Some(())
            }
        }
    }
}

fn frame(event: &LiveEvent) -> Option<Event> {
    Event::default().id(event.seq.to_string()).json_data(event).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::*;
    use crate::config::{Config, Settings};
    use backend::testing::TestBackend;
    use backend::{organisations, sign_in, staff};
    use futures::StreamExt;
    use model::staff::Role;

    #[tokio::test]
    async fn a_stream_that_is_never_quiet_ends_in_time_when_its_person_is_disabled() {
        let t = TestBackend::new(None).await;
        let b = &t.backend;
        let invited = staff::invite(b, &t.admin, "sam@clinic.example", "Sam", Role::Staff).await.unwrap();
        let link = invited.link().unwrap();
        let token = link.rsplit('/').next().unwrap();
        let session = sign_in::use_one_time_link(b, token, "a long enough password").await.unwrap();
        let sam = sign_in::caller_by_session(b, &session.token).await.unwrap().unwrap();
        let id = sam.staff_id.unwrap();
        let app = App::new(b.clone(), &Config::from_settings(&Settings::default()).unwrap());
        let (changed, seq) = (b.live.subscribe(), live::newest(b, &sam).await.unwrap());
        let feed = Feed::new(app, sam, Credential::Session(session.token), changed, seq, false);
        let mut stream = Box::pin(feed.into_stream());
        let something_changes = async || {
            organisations::update(b, &t.admin, "Harbour Clinic", "AU", "patient").await.unwrap();
        };
        assert!(stream.next().await.is_some(), "it opens");
        b.clock.advance(CHECK);
        something_changes().await;
        assert!(stream.next().await.is_some(), "who is signed in hears of it");
        staff::set_disabled(b, &t.admin, id, true).await.unwrap();
        assert!(stream.next().await.is_some(), "not every event is worth a question");
        b.clock.advance(CHECK);
        something_changes().await;
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn a_long_gap_is_told_whole_and_in_order() {
        let t = TestBackend::new(None).await;
        let b = &t.backend;
        let app = App::new(b.clone(), &Config::from_settings(&Settings::default()).unwrap());
        let (changed, seq) = (b.live.subscribe(), live::newest(b, &t.admin).await.unwrap());
        let missed = live::PAGE + 3;
        for _ in 0..missed {
            organisations::update(b, &t.admin, "Harbour Clinic", "AU", "patient").await.unwrap();
        }
        let mut feed = Feed::new(app, t.admin.clone(), Credential::Nothing, changed, seq, false);
        assert!(feed.next().await.is_some(), "it opens");
        for told in 1..=missed {
            assert!(feed.next().await.is_some());
            assert!(feed.seq >= seq + told, "{told} of {missed}");
        }
        assert!(feed.waiting.is_empty());
        assert_eq!(feed.seq, seq + missed);
    }
}
