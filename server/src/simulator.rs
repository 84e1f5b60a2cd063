//! The simulated carrier's own address: it takes messages and shows phones, as a carrier's service would elsewhere.

use crate::App;
use crate::failure::{self, Asked, Id, Problem, Raw};
use crate::session::Asker;
use crate::uploads::{Form, Part};
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use backend::providers::simulator::{
    AcceptError, Network, NetworkSetup, PhoneMessage, Photo, ReplyError, SIGNATURE_HEADER,
};
use backend::{Backend, Caller};
use bytes::Bytes;
use futures::stream;
use model::message::Channel;
use model::simulator::{Faults, SimulatedLine};
use model::staff::Permission;
use model::{FailureCode, MessageId, PhoneNumber};
use serde::{Deserialize, Serialize};
use std::io;

/// Photos in one reply, and bytes of each, at most: more than any real carrier takes.
const PHOTOS: usize = 10;
const PHOTO_BYTES: usize = 20 * 1024 * 1024;

/// What a photo announces that goes on and on: more than any server keeps.
const ENDLESS_BYTES: u64 = 1 << 40;

/// The simulated network, and the lines it knows.
pub(crate) struct Simulators {
    pub(crate) network: Network,
}

impl Simulators {
    pub(crate) fn new(backend: &Backend) -> Self {
        let (clock, ids) = (backend.clock.clone(), backend.clock.clone());
        Self {
            network: Network::new(NetworkSetup {
                http: backend.http.clone(),
                base: backend.settings.app_url.clone(),
                now: Box::new(move || clock.now()),
                // The id's random part keeps photos from being guessed; the token doubles it.
                new_id: Box::new(move || {
                    format!("{}-{}", ids.new_id::<MessageId>(), backend::clock::random_token())
                }),
            }),
        }
    }

    /// Makes the simulator lines known to the network: at start, and whenever an unknown one shows up.
    pub(crate) async fn register(&self, backend: &Backend) {
        let lines = match backend::lines::simulators(backend).await {
            Ok(lines) => lines,
            Err(error) => {
                tracing::error!(%error, "the simulator lines cannot be read");
                return;
            }
        };
        for line in lines {
            let secret = line.account.credentials["secret"].as_str().unwrap_or_default().to_owned();
            self.network.register(
                line.account.sender,
                line.account.inbound_url,
                line.account.status_url,
                secret,
            );
        }
    }
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/simulator/messages", get(known).post(accept))
        .route("/simulator/media/{id}", get(photo))
        .route("/simulator/lines", get(lines))
        .route("/simulator/lines/{number}/faults", get(faults).put(set_faults))
        .route("/simulator/phones/{number}", get(phone))
        .route("/simulator/phones/{number}/replies", post(reply).layer(DefaultBodyLimit::disable()))
}

/// What a line sends; only lines of this server have the secret that signs it.
async fn accept(State(app): State<App>, headers: HeaderMap, Raw(body): Raw) -> Response {
    let signature = signature(&headers);
    let network = &app.simulators.network;
    let mut accepted = network.accept(signature, &body);
    if matches!(accepted, Err(AcceptError::Unsigned)) {
        app.simulators.register(&app.backend).await;
        accepted = network.accept(signature, &body);
    }
    let error = match accepted {
        Ok(taken) => {
            return match taken.in_time().await {
                Some(answer) => (StatusCode::CREATED, Json(answer)).into_response(),
                None => (StatusCode::CREATED, broken_off()).into_response(),
            };
        }
        Err(error) => error,
    };
    not_taken(error)
}

/// What there is of a line's messages, for the line itself.
async fn known(State(app): State<App>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let (signature, query) = (signature(&headers), query.unwrap_or_default());
    let network = &app.simulators.network;
    let mut known = network.known(signature, &query);
    if matches!(known, Err(AcceptError::Unsigned)) {
        app.simulators.register(&app.backend).await;
        known = network.known(signature, &query);
    }
    match known {
        Ok(known) => Json(known).into_response(),
        Err(error) => not_taken(error),
    }
}

fn signature(headers: &HeaderMap) -> Option<&str> {
    headers.get(SIGNATURE_HEADER).and_then(|value| value.to_str().ok())
}

fn not_taken(error: AcceptError) -> Response {
    let code = match error {
        AcceptError::Unsigned => FailureCode::SignedOut,
        AcceptError::Malformed => FailureCode::Invalid,
        AcceptError::Busy => FailureCode::TooManyRequests,
        AcceptError::Broken => FailureCode::Internal,
    };
    Problem::new(code, format!("Not taken: {error}.")).into_response()
}

/// An answer that ends before it has said anything, for whoever reads it the same as a time-out.
fn broken_off() -> Body {
    Body::from_stream(stream::once(async { Err::<Bytes, _>(io::Error::other("the answer gets lost")) }))
}

/// A photo, for the server that fetches what a phone sent and for staff who look at the phone.
async fn photo(State(app): State<App>, Id(id): Id<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let network = &app.simulators.network;
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let fetches = authorization.is_some_and(|authorization| network.may_fetch(&id, authorization));
    let (photo, endless) = if fetches {
        let handed_out = network.hand_out(&id).ok_or_else(Problem::not_found)?;
        (handed_out.photo, handed_out.endless)
    } else {
        let caller = crate::session::Credential::of(&headers).caller(&app.backend).await?;
        caller.ok_or_else(Problem::not_found)?.require(Permission::ReadConversations)?;
        (network.media(&id).ok_or_else(Problem::not_found)?, false)
    };
    let media_type = photo.media_type.and_then(|media_type| HeaderValue::from_str(&media_type).ok());
    let mut response = if endless { going_on(photo.bytes) } else { Body::from(photo.bytes).into_response() };
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        media_type.unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600, immutable"));
    Ok(response)
}

/// The same bytes again and again, with their sum said beforehand.
fn going_on(bytes: Bytes) -> Response {
    let again_and_again = stream::repeat_with(move || Ok::<_, io::Error>(bytes.clone()));
    let length = [(header::CONTENT_LENGTH, ENDLESS_BYTES.to_string())];
    (length, Body::from_stream(again_and_again)).into_response()
}

/// The caller's simulator lines, and what goes wrong on each.
async fn lines(asker: Asker) -> Result<Json<Vec<SimulatedLine>>, Problem> {
    asker.caller.require(Permission::ReadConversations)?;
    let network = &asker.app.simulators.network;
    let own = own_lines(&asker.app, &asker.caller).await?;
    let lines =
        own.into_iter().filter_map(|line| network.faults(&line).map(|faults| SimulatedLine { line, faults }));
    Ok(Json(lines.collect()))
}

/// What goes wrong on one of the caller's simulator lines.
async fn faults(asker: Asker, Id(number): Id<String>) -> Result<Json<Faults>, Problem> {
    asker.caller.require(Permission::ReadConversations)?;
    let line = own_line(&asker.app, &asker.caller, Some(&number)).await?;
    asker.app.simulators.network.faults(&line).map(Json).ok_or_else(Problem::not_found)
}

/// From now on, until the server ends, this goes wrong on one of the caller's simulator lines, and nothing else.
async fn set_faults(
    asker: Asker,
    Id(number): Id<String>,
    failure::Body(faults): failure::Body<Faults>,
) -> Result<Json<Faults>, Problem> {
    asker.caller.require(Permission::ManageLines)?;
    let line = own_line(&asker.app, &asker.caller, Some(&number)).await?;
    faults.check()?;
    if !asker.app.simulators.network.set_faults(&line, faults) {
        return Err(Problem::not_found());
    }
    Ok(Json(faults))
}

#[derive(Deserialize)]
struct Phone {
    /// The line's number, of several; without it the organisation's first simulator.
    line: Option<String>,
    /// The revision up to which the caller knows the phone.
    #[serde(default)]
    since: u64,
}

#[derive(Serialize)]
struct Shown {
    line: PhoneNumber,
    messages: Vec<PhoneMessage>,
}

/// What a phone shows of its messages with one of the caller's simulator lines.
async fn phone(
    asker: Asker,
    Id(number): Id<String>,
    Asked(Phone { line, since }): Asked<Phone>,
) -> Result<Response, Problem> {
    asker.caller.require(Permission::ReadConversations)?;
    let phone = e164("number", &number)?;
    let line = own_line(&asker.app, &asker.caller, line.as_deref()).await?;
    let messages = asker.app.simulators.network.phone(&phone, &line, since);
    Ok(Json(Shown { line, messages }).into_response())
}

/// Writes from a phone: multipart with `line`, `text`, `channel` (`whatsapp`, or SMS and MMS) and up to ten files.
async fn reply(asker: Asker, Id(number): Id<String>, mut form: Form) -> Result<Response, Problem> {
    asker.caller.require(Permission::SendMessages)?;
    let phone = e164("number", &number)?;
    // Before bytes are taken in for it; which one is meant, if there are several, may come behind them.
    own_line(&asker.app, &asker.caller, None).await?;
    let (mut line, mut text, mut photos) = (None, String::new(), Vec::new());
    let mut by_whatsapp = false;
    while let Some(part) = form.next().await? {
        match part {
            Part::Text(name, value) if name == "line" => {
                own_line(&asker.app, &asker.caller, Some(value.as_str())).await?;
                line = Some(value);
            }
            Part::Text(name, value) if name == "text" => text = value,
            Part::Text(name, value) if name == "channel" => by_whatsapp = value == Channel::Whatsapp.as_str(),
            Part::Text(..) => {}
            Part::File(_) if photos.len() == PHOTOS => {
                return Err(Problem::field("file", format!("A reply carries at most {PHOTOS} photos.")));
            }
            Part::File(mut file) => {
                let media_type = file.content_type().map(str::to_owned);
                let mut bytes = Vec::new();
                while let Some(piece) = file.chunk().await.map_err(|_| {
                    Problem::new(FailureCode::BrokenMedia, "The upload broke off before it was complete.")
                })? {
                    bytes.extend_from_slice(&piece);
                    if bytes.len() > PHOTO_BYTES {
                        return Err(Problem::new(
                            FailureCode::TooLarge,
                            "The simulated phone takes at most 20 MB.",
                        ));
                    }
                }
                // A form's empty file field comes along without bytes.
                if !bytes.is_empty() {
                    photos.push(Photo { media_type, bytes: bytes.into() });
                }
            }
        }
    }
    let line = own_line(&asker.app, &asker.caller, line.as_deref()).await?;
    let network = &asker.app.simulators.network;
    let written = match by_whatsapp {
        true => network.reply_by_whatsapp(&line, &phone, text, photos),
        false => network.reply(&line, &phone, text, photos),
    };
    match written {
        Ok(message) => Ok((StatusCode::CREATED, Json(message)).into_response()),
        Err(error @ ReplyError::Empty) => Err(Problem::field("text", format!("Nothing to send: {error}."))),
        Err(ReplyError::UnknownLine) => Err(Problem::not_found()),
    }
}

/// A simulator line of the caller's own organisation, known to the network.
async fn own_line(app: &App, caller: &Caller, number: Option<&str>) -> Result<PhoneNumber, Problem> {
    let number = number.filter(|text| !text.is_empty()).map(|text| e164("line", text)).transpose()?;
    own_lines(app, caller)
        .await?
        .into_iter()
        .find(|own| number.as_ref().is_none_or(|number| number == own))
        .ok_or_else(|| Problem::new(FailureCode::NotFound, "There is no simulator line with this number."))
}

/// The simulator lines of the caller's own organisation, known to the network.
async fn own_lines(app: &App, caller: &Caller) -> Result<Vec<PhoneNumber>, Problem> {
    app.simulators.register(&app.backend).await;
    let lines = backend::lines::simulators(&app.backend).await?;
    let own = lines.into_iter().filter(|line| line.org_id == caller.org_id);
    Ok(own.map(|line| line.account.sender).collect())
}

/// A number in an address, whose `+` may have become a space on the way.
fn e164(field: &str, text: &str) -> Result<PhoneNumber, Problem> {
    PhoneNumber::from_e164(&format!("+{}", text.trim().trim_start_matches('+')))
        .map_err(|_| Problem::field(field, "Write the number with + and the country code."))
}
