//! The carrier: Twilio's wire on loopback, with every mishap that its customers tell of. It never forgets what it took,
//! and what it says of it is true.

mod listing;
mod reports;
mod sending;

use super::dice::Dice;
use super::numbered::{inbound_text, photo};
use super::twilio::{Doors, LINE, login};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use backend::Clock;
use bytes::Bytes;
use model::Millis;
use reqwest::Client;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// The carrier's side of a run.
pub(super) struct Carrier {
    known: Mutex<Known>,
    dice: Mutex<Dice>,
    clock: Clock,
    client: Client,
    doors: Arc<Doors>,
    /// Reports that are under way.
    reports: TaskTracker,
    /// Whether it sometimes takes a message and then says nothing until it is not waited for any more.
    falls_silent: bool,
}

#[derive(Default)]
struct Known {
    messages: Vec<Message>,
    /// How often each file was asked for.
    asked: HashMap<String, u32>,
    /// Photos that it fetched to send them along.
    fetched: usize,
    /// Texts of messages whose photo it could not fetch.
    unfetched: Vec<String>,
}

/// A message that it carries, in either direction.
#[derive(Clone)]
struct Message {
    sid: String,
    inbound: bool,
    from: String,
    to: String,
    text: String,
    media: usize,
    status: &'static str,
    at: Millis,
}

impl Carrier {
    pub(super) fn new(seed: u64, falls_silent: bool, client: Client, doors: Arc<Doors>) -> Arc<Self> {
        Arc::new(Self {
            known: Mutex::default(),
            dice: Mutex::new(Dice::new(seed, "carrier")),
            clock: Clock::system(),
            client,
            doors,
            reports: TaskTracker::new(),
            falls_silent,
        })
    }

    /// Answers until the process ends.
    pub(super) fn serve(self: &Arc<Self>, listener: TcpListener) {
        let account = "/2010-04-01/Accounts/{account}";
        let routes = Router::new()
            .route(&format!("{account}/Messages.json"), get(listing::list).post(sending::send))
            .route(&format!("{account}/Messages/{{message}}"), get(listing::one))
            .route(&format!("{account}/Messages/{{message}}/Media.json"), get(listing::media))
            .route(&format!("{account}/Messages/{{message}}/Media/{{media}}"), get(file))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
    }

    /// A patient's message reached it.
    pub(super) fn takes_in(&self, sid: &str, from: &str, text: &str, media: usize) {
        let message = Message {
            sid: sid.to_owned(),
            inbound: true,
            from: from.to_owned(),
            to: LINE.to_owned(),
            text: text.to_owned(),
            media,
            status: "received",
            at: self.clock.now(),
        };
        self.known().messages.push(message);
    }

    /// The texts that it took to send and how many photos went along, one for each time that it took one.
    pub(super) fn sent(&self) -> Vec<(String, usize)> {
        let known = self.known();
        let sent = known.messages.iter().filter(|message| !message.inbound);
        sent.map(|message| (message.text.clone(), message.media)).collect()
    }

    /// Photos that it fetched to send them along.
    pub(super) fn fetched(&self) -> usize {
        self.known().fetched
    }

    /// Texts of messages whose photo it could not fetch.
    pub(super) fn unfetched(&self) -> Vec<String> {
        self.known().unfetched.clone()
    }

    /// Whether it has said what it had to say.
    pub(super) fn has_reported(&self) -> bool {
        self.reports.is_empty()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dice(&self) -> MutexGuard<'_, Dice> {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id of a file of an inbound message.
pub(super) fn file_sid(number: usize, position: usize) -> String {
    format!("ME{:032x}", number * 10 + position)
}

fn of_file_sid(sid: &str) -> Option<(usize, usize)> {
    let name = usize::from_str_radix(sid.strip_prefix("ME")?, 16).ok()?;
    Some((name / 10, name % 10))
}

fn knows_the_password(headers: &HeaderMap) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|given| given.as_bytes() == login().as_bytes())
}

/// A patient's photo. One in three cannot be handed out at first, and some break off half-way.
async fn file(
    State(carrier): State<Arc<Carrier>>,
    Path((_, _, sid)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    if !knows_the_password(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Some((number, position)) = of_file_sid(&sid) else { return StatusCode::NOT_FOUND.into_response() };
    let times = {
        let mut known = carrier.known();
        let asked = known.asked.entry(sid).or_default();
        *asked += 1;
        *asked
    };
    if (number + position) % 3 == 0 && times <= 2 {
        return StatusCode::NOT_FOUND.into_response();
    }
    let bytes = photo(&inbound_text(number), position);
    let breaks_off = carrier.dice().chance(8);
    let kind = [(header::CONTENT_TYPE, "image/png")];
    match breaks_off {
        true => (kind, broken_off(Bytes::copy_from_slice(&bytes[..bytes.len() / 2]))).into_response(),
        false => (kind, bytes).into_response(),
    }
}

/// An answer that ends in a broken connection after its first bytes.
fn broken_off(first: Bytes) -> Body {
    let pieces = [Ok(first), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
    Body::from_stream(futures::stream::iter(pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_its_message_and_position() {
        assert_eq!(of_file_sid(&file_sid(123, 1)), Some((123, 1)));
        assert_eq!(of_file_sid("SM00"), None);
    }
}
