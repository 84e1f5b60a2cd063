//! `GET /api/live`: what changes, as server-sent events. Events name rows and carry no content.

use crate::App;
use crate::failure::{Asked, Problem};
use crate::session::{Asker, Credential};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use backend::{Caller, live};
use futures::Stream;
use futures::stream;
use model::OrgId;
use model::live::LiveEvent;
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// How often a quiet stream asks whether its caller is still signed in.
const CHECK: Duration = Duration::from_secs(15);

/// How often a quiet stream says that it is alive, so that proxies keep it open.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Where a stream begins.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct From {
    /// The last number the caller knows; without it and without `Last-Event-ID`, only what happens from now on.
    after: Option<i64>,
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
    let feed = Feed {
        credential: Credential::of(&headers),
        app,
        caller,
        changed,
        seq,
        waiting: VecDeque::new(),
        may_have_more: true,
    };
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
    changed: Receiver<OrgId>,
    /// The last number that was put in line.
    seq: i64,
    waiting: VecDeque<Event>,
    may_have_more: bool,
}

impl Feed {
    fn into_stream(mut self) -> impl Stream<Item = Result<Event, Infallible>> {
        // At once, so that the browser knows the stream is open.
        self.waiting.push_back(Event::default().comment("open"));
        stream::unfold(self, |mut feed| async {
            let event = feed.next().await?;
            Some((Ok(event), feed))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
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

    /// Waits for news. `None` when the caller signed out or the process stops.
    async fn wait(&mut self) -> Option<()> {
        tokio::select! {
            () = self.app.stopping.cancelled() => None,
            news = self.changed.recv() => {
                match news {
                    Ok(org) => self.may_have_more = org == self.caller.org_id,
                    Err(RecvError::Lagged(_)) => self.may_have_more = true,
                    Err(RecvError::Closed) => return None,
                }
                Some(())
            }
            () = tokio::time::sleep(CHECK) => {
                let caller = self.credential.caller(&self.app.backend).await.ok()??;
                self.caller = caller;
                // Another process may have written to the same database.
                self.may_have_more = true;
                Some(())
            }
        }
    }
}

fn frame(event: &LiveEvent) -> Option<Event> {
    Event::default().id(event.seq.to_string()).json_data(event).ok()
}
