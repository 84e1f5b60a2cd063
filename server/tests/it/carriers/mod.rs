//! Each carrier's journey over real HTTP. Its API is played on loopback by what its documents describe, one file each;
//! the journey is the same for all.

mod clicksend;
mod journey;
mod messagemedia;
mod smsbroadcast;
mod telnyx;
mod twilio;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use model::Millis;
use model::line::{LineView, ProviderKind};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use url::form_urlencoded;

/// A carrier as its documents have it.
trait Contract: Sync {
    fn kind(&self) -> ProviderKind;

    /// The line's number, which this carrier can send pictures with if it can send any.
    fn line(&self) -> &'static str {
        "+61491570313"
    }

    fn patient(&self) -> &'static str {
        "+61491570156"
    }

    /// Without the address of its API.
    fn credentials(&self) -> Value;

    fn sends_pictures(&self) -> bool {
        true
    }

    /// Whether a request asks to send a message.
    fn asks_to_send(&self, asked: &Asked) -> bool;

    /// The newest request to send, held against the documents.
    fn read(&self, asked: &[Asked]) -> Sending;

    /// The answer that takes a message.
    fn takes(&self, asked: &Asked, id: &str) -> Response;

    /// The answer that refuses one, because the number is none.
    fn refuses(&self) -> Response;

    /// The answer to anything else: media, uploads. `photo` is what a patient sent.
    fn answers(&self, asked: &Asked, photo: &'static [u8]) -> Response;

    /// How it names its `n`th message.
    fn id(&self, n: usize) -> String;

    /// What it calls us with when a patient wrote.
    fn brings(&self, line: &LineView, said: &Said) -> Hook;

    /// What it calls us with when a message moved.
    fn reports(&self, line: &LineView, news: &News<'_>) -> Hook;

    /// The words for staff when it reports that a phone cannot be reached.
    fn unreachable(&self) -> &'static str;

    /// The same call from somebody who is not the carrier.
    fn forged(&self, hook: Hook) -> Hook;

    /// What the fetch of a patient's photo proved itself with; `None` for a photo within its webhook, or a public one.
    fn fetches_with(&self) -> Option<String> {
        None
    }
}

/// A request to send, in our words.
struct Sending {
    to: String,
    from: String,
    text: String,
    media: Vec<Media>,
    /// As the carrier gives it back, and where it reports to for this message; where it does so.
    reference: Option<String>,
    status_url: Option<String>,
}

enum Media {
    Link(String),
    Bytes(Vec<u8>),
}

/// A patient's message.
struct Said {
    id: String,
    from: &'static str,
    to: &'static str,
    text: &'static str,
    /// The carrier's API, where it has a photo there; the photo itself where it brings it along.
    photo: Option<(String, &'static [u8])>,
    at: Millis,
}

/// News of a message of ours.
struct News<'a> {
    id: &'a str,
    about: &'a Sending,
    outcome: Outcome,
    at: Millis,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Sent,
    Delivered,
    Unreachable,
}

/// A call of the carrier.
#[derive(Clone)]
struct Hook {
    method: Method,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Hook {
    fn form(url: &str, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        Self { method: Method::POST, url: url.to_owned(), headers, body }
    }

    fn json(url: &str, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { method: Method::POST, url: url.to_owned(), headers, body: body.to_string() }
    }

    /// At the same address under another secret.
    fn under_another_secret(self) -> Self {
        let url = self.url.replacen("key=", "key=x", 1);
        assert_ne!(url, self.url, "the address carries a secret");
        Self { url, ..self }
    }
}

/// What the carrier was asked.
#[derive(Clone)]
struct Asked {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }

    fn form(&self) -> Vec<(String, String)> {
        assert_eq!(self.header("content-type"), Some("application/x-www-form-urlencoded"));
        form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// The values of a name, in order.
fn values(form: &[(String, String)], name: &str) -> Vec<String> {
    form.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
}

/// The only value of a name.
fn value(form: &[(String, String)], name: &str) -> String {
    let mut all = values(form, name);
    assert_eq!(all.len(), 1, "{name}");
    all.remove(0)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn json(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

/// A patient's photo for whoever proves who they are.
fn photo(asked: &Asked, login: &str, photo: &'static [u8]) -> Response {
    if asked.header("authorization") != Some(login) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    ([(header::CONTENT_TYPE, "image/png")], photo).into_response()
}

/// How the carrier is disposed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    Refuses,
    /// Takes it, and is never heard of.
    HangsUp,
}

/// A carrier's API on loopback.
struct Api {
    /// As `host:port`.
    host: String,
    stage: Arc<Stage>,
}

struct Stage {
    contract: &'static dyn Contract,
    photo: &'static [u8],
    mood: Mutex<Mood>,
    asked: Mutex<Vec<Asked>>,
}

impl Api {
    async fn start(contract: &'static dyn Contract, photo: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (mood, asked) = (Mutex::new(Mood::Takes), Mutex::default());
        let stage = Arc::new(Stage { contract, photo, mood, asked });
        let router = Router::new().fallback(play).with_state(stage.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { host, stage }
    }

    fn base(&self) -> String {
        format!("http://{}", self.host)
    }

    fn is(&self, mood: Mood) {
        *self.stage.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> Vec<Asked> {
        self.stage.asked.lock().unwrap().clone()
    }

    /// How many messages it was asked to send so far.
    fn sendings(&self) -> usize {
        self.asked().iter().filter(|asked| self.stage.contract.asks_to_send(asked)).count()
    }
}

async fn play(
    State(stage): State<Arc<Stage>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = Asked { method, path: uri.path().to_owned(), headers, body };
    let nth = {
        let mut all = stage.asked.lock().unwrap();
        all.push(asked.clone());
        all.iter().filter(|asked| stage.contract.asks_to_send(asked)).count()
    };
    if !stage.contract.asks_to_send(&asked) {
        return stage.contract.answers(&asked, stage.photo);
    }
    match *stage.mood.lock().unwrap() {
        Mood::Takes => stage.contract.takes(&asked, &stage.contract.id(nth)),
        Mood::Refuses => stage.contract.refuses(),
        Mood::HangsUp => StatusCode::BAD_GATEWAY.into_response(),
    }
}
