//! The simulated carrier's network.

use super::hooks;
use super::known::Notes;
use super::mishaps::{Delay, Mishaps};
use super::outcomes::{AcceptError, Acceptance, ReplyError};
use super::phones::{HandedOut, PhoneMessage, PhoneMessageState, Phones, Photo};
use super::whatsapp;
use super::wire::{
    self, AcceptAnswer, KnownMessages, KnownSent, MEDIA_PATH, MEDIA_USER, MESSAGES_PATH, Question,
    SIGNATURE_HEADER, Submission, Webhook, WebhookMedia,
};
use crate::{Http, HttpError, Limits, below};
use base64::{Engine, engine::general_purpose::STANDARD};
use model::simulator::{Fault, Faults};
use model::{Millis, PhoneNumber};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use subtle::ConstantTimeEq;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

const LIMITS: Limits = super::LIMITS;

/// References that are remembered, so that a repetition is taken once.
const REFERENCES: usize = 10_000;
/// Signs what is to be told apart from what a line's own carrier brings.
const WRONG_SECRET: &str = "the secret of no line";

/// A mobile network that exists in memory only. Cheap to clone; needs a Tokio runtime around it.
#[derive(Clone)]
pub struct Network(Arc<Inner>);

/// What a [`Network`] is made of.
pub struct NetworkSetup {
    /// Fetches media and calls webhooks.
    pub http: Http,
    /// Where the server's `/simulator/…` routes are reached.
    pub base: Url,
    /// The time.
    pub now: Box<dyn Fn() -> Millis + Send + Sync>,
    /// Makes an id that is unique across restarts and cannot be guessed: photos are found by it.
    pub new_id: Box<dyn Fn() -> String + Send + Sync>,
}

struct Inner {
    setup: NetworkSetup,
    /// Nothing before this is remembered.
    began: Millis,
    state: Mutex<State>,
    /// How many deliveries are under way.
    busy: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    lines: HashMap<PhoneNumber, Line>,
    phones: Phones,
    accepted: HashMap<(PhoneNumber, String), AcceptAnswer>,
    accepted_order: VecDeque<(PhoneNumber, String)>,
    notes: Notes,
}

struct Line {
    inbound_url: Url,
    status_url: Url,
    secret: String,
    mishaps: Mishaps,
}

impl Network {
    /// An empty network.
    pub fn new(setup: NetworkSetup) -> Self {
        let setup = NetworkSetup { http: setup.http.simulated(), ..setup };
        let (began, busy) = ((setup.now)(), watch::Sender::new(0));
        Self(Arc::new(Inner { setup, began, state: Mutex::default(), busy }))
    }

    /// Makes a line known, or changes what is known of it. Nothing is accepted from a number that is not.
    pub fn register(&self, line: PhoneNumber, inbound_url: Url, status_url: Url, secret: String) {
        let mut state = self.state();
        let mishaps = state.lines.remove(&line).map(|known| known.mishaps).unwrap_or_default();
        state.lines.insert(line, Line { inbound_url, status_url, secret, mishaps });
    }

    /// What goes wrong on a line; `None` for one that is not registered.
    pub fn faults(&self, line: &PhoneNumber) -> Option<Faults> {
        self.state().lines.get(line).map(|line| line.mishaps.faults())
    }

    /// From now on this goes wrong on a line, as on the first day: `false` for one that is not registered.
    pub fn set_faults(&self, line: &PhoneNumber, faults: Faults) -> bool {
        let mut state = self.state();
        let known = state.lines.get_mut(line);
        known.map(|line| line.mishaps.set(faults)).is_some()
    }

    /// Takes a message, given the request's [`SIGNATURE_HEADER`] and body, and delivers it in the background.
    /// The same reference from the same line again gets the same answer and is not delivered again.
    ///
    /// # Errors
    /// See [`AcceptError`].
    pub fn accept(&self, signature: Option<&str>, body: &[u8]) -> Result<Acceptance, AcceptError> {
        let mut submission: Submission = serde_json::from_slice(body).map_err(|_| AcceptError::Malformed)?;
        let id = (self.0.setup.new_id)();
        let mut state = self.state();
        let line = state.lines.get_mut(&submission.from).ok_or(AcceptError::Unsigned)?;
        if !signature.is_some_and(|given| wire::holds(&line.secret, MESSAGES_PATH, body, given)) {
            return Err(AcceptError::Unsigned);
        }
        if let Some(template) = submission.template.as_ref().filter(|_| submission.whatsapp) {
            submission.text =
                whatsapp::words(&template.id, &template.variables).ok_or(AcceptError::Malformed)?;
        }
        let empty = submission.text.is_empty() && submission.media.is_empty();
        let too_long = submission.text.chars().count() > LIMITS.text_chars;
        let most = if submission.whatsapp { 1 } else { LIMITS.media_per_request };
        if empty || too_long || submission.media.len() > most {
            return Err(AcceptError::Malformed);
        }
        line.status_url = submission.status_url.clone();
        let key = (submission.from.clone(), submission.reference.clone());
        if let Some(answer) = state.accepted.get(&key) {
            return Ok(Acceptance { answer: Some(answer.clone()), reports: None });
        }
        let line = state.lines.get_mut(&submission.from).ok_or(AcceptError::Unsigned)?;
        if line.mishaps.happens(Fault::Busy) {
            return Err(AcceptError::Busy);
        }
        if line.mishaps.happens(Fault::Broken) {
            return Err(AcceptError::Broken);
        }
        let early = line.mishaps.happens(Fault::Early);
        let lost = line.mishaps.happens(Fault::LostAnswer);
        let answer = AcceptAnswer { id: id.clone(), status: "accepted".to_owned() };
        state.accepted.insert(key.clone(), answer.clone());
        state.accepted_order.push_back(key);
        if state.accepted_order.len() > REFERENCES
            && let Some(oldest) = state.accepted_order.pop_front()
        {
            state.accepted.remove(&oldest);
        }
        let sent = KnownSent {
            reference: submission.reference.clone(),
            to: submission.to.clone(),
            text: submission.text.clone(),
        };
        let told =
            Webhook::Status { id: id.clone(), status: answer.status.clone(), error_code: None, error: None };
        state.notes.add(submission.from.clone(), (self.0.setup.now)(), told, Some(sent));
        drop(state);
        let network = self.clone();
        let delivery = self.run(async move { network.deliver(id, submission, early).await });
        Ok(Acceptance { answer: (!lost).then_some(answer), reports: early.then_some(delivery) })
    }

    /// What it has of a line's messages, given the query of a `GET` and its [`SIGNATURE_HEADER`]: also those that no
    /// webhook brought.
    ///
    /// # Errors
    /// See [`AcceptError`].
    pub fn known(&self, signature: Option<&str>, query: &str) -> Result<KnownMessages, AcceptError> {
        let field = |name: &str| {
            let found = form_urlencoded::parse(query.as_bytes()).find(|(given, _)| given == name);
            found.map(|(_, value)| value.into_owned()).ok_or(AcceptError::Malformed)
        };
        let number = |name: &str| field(name)?.parse::<u64>().map_err(|_| AcceptError::Malformed);
        let question = Question {
            line: PhoneNumber::from_e164(&field("line")?).map_err(|_| AcceptError::Malformed)?,
            since: Millis::try_from(number("since")?).map_err(|_| AcceptError::Malformed)?,
            after: number("after")?,
        };
        let state = self.state();
        let line = state.lines.get(&question.line).ok_or(AcceptError::Unsigned)?;
        let asked = format!("{MESSAGES_PATH}?{query}");
        if !signature.is_some_and(|given| wire::holds(&line.secret, &asked, b"", given)) {
            return Err(AcceptError::Unsigned);
        }
        Ok(state.notes.of(&question))
    }

    /// What a phone shows of its conversation with a line, oldest first: what is new or changed after the
    /// revision `since`; everything after 0.
    pub fn phone(&self, phone: &PhoneNumber, line: &PhoneNumber, since: u64) -> Vec<PhoneMessage> {
        self.state().phones.thread(phone, line, since)
    }

    /// Writes from a phone to a line: shown on the phone at once, brought to the line's webhook in the
    /// background.
    ///
    /// # Errors
    /// See [`ReplyError`].
    pub fn reply(
        &self,
        line: &PhoneNumber,
        phone: &PhoneNumber,
        text: String,
        photos: Vec<Photo>,
    ) -> Result<PhoneMessage, ReplyError> {
        self.write(line, phone, text, photos, false)
    }

    /// The same by WhatsApp.
    ///
    /// # Errors
    /// See [`ReplyError`].
    pub fn reply_by_whatsapp(
        &self,
        line: &PhoneNumber,
        phone: &PhoneNumber,
        text: String,
        photos: Vec<Photo>,
    ) -> Result<PhoneMessage, ReplyError> {
        self.write(line, phone, text, photos, true)
    }

    fn write(
        &self,
        line: &PhoneNumber,
        phone: &PhoneNumber,
        text: String,
        photos: Vec<Photo>,
        whatsapp: bool,
    ) -> Result<PhoneMessage, ReplyError> {
        if text.is_empty() && photos.is_empty() {
            return Err(ReplyError::Empty);
        }
        let new_id = &self.0.setup.new_id;
        let photos: Vec<_> = photos.into_iter().map(|photo| (new_id(), photo)).collect();
        let media = photos.iter().map(|(id, photo)| WebhookMedia {
            url: below(&self.0.setup.base, &format!("{MEDIA_PATH}{id}")),
            media_type: photo.media_type.clone(),
        });
        let id = new_id();
        let webhook = Webhook::Inbound {
            id: id.clone(),
            from: phone.as_e164().to_owned(),
            to: line.as_e164().to_owned(),
            text: text.clone(),
            media: media.collect(),
            whatsapp,
        };
        let message = PhoneMessage { whatsapp, ..self.message(id.clone(), line, true, text) };
        let mut state = self.state();
        let State { lines, phones, notes, .. } = &mut *state;
        let known = lines.get_mut(line).ok_or(ReplyError::UnknownLine)?;
        notes.add(line.clone(), message.at, webhook.clone(), None);
        let shown = phones.show(phone, message, photos);
        for photo in &shown.photos {
            let (late, huge) =
                (known.mishaps.happens(Fault::LateMedia), known.mishaps.happens(Fault::HugeMedia));
            phones.burden(&photo.id, late, huge);
        }
        let lost = known.mishaps.happens(Fault::Lost);
        let (inbound_url, delay) = (known.inbound_url.clone(), known.mishaps.delay());
        drop(state);
        let (network, line, phone) = (self.clone(), line.clone(), phone.clone());
        self.run(async move {
            delay.over().await;
            let taken = !lost && network.call(&line, &inbound_url, &webhook).await;
            let state = if taken { PhoneMessageState::Delivered } else { PhoneMessageState::Failed };
            network.state().phones.settle(&phone, &id, state);
        });
        Ok(shown)
    }

    /// A photo by its id, for whoever may see the phones; for anyone else see [`Network::may_fetch`].
    pub fn media(&self, id: &str) -> Option<Photo> {
        self.state().phones.photo(id).map(|(_, photo)| photo.clone())
    }

    /// A photo by its id, as the carrier hands it to the server of its line; see [`Network::may_fetch`]. `None` for
    /// one that is not there, or not yet.
    pub fn hand_out(&self, id: &str) -> Option<HandedOut> {
        self.state().phones.hand_out(id)
    }

    /// Whether an `Authorization` header entitles to a photo: the secret of the line it belongs to, as a real
    /// carrier demands its account's.
    pub fn may_fetch(&self, id: &str, authorization: &str) -> bool {
        let state = self.state();
        let line = state.phones.photo(id).and_then(|(line, _)| state.lines.get(line));
        line.is_some_and(|line| {
            let expected = format!("Basic {}", STANDARD.encode(format!("{MEDIA_USER}:{}", line.secret)));
            expected.as_bytes().ct_eq(authorization.as_bytes()).into()
        })
    }

    /// Waits until nothing is under way: every webhook handed over or given up.
    pub async fn settled(&self) {
        let mut busy = self.0.busy.subscribe();
        busy.wait_for(|count| *count == 0).await.expect("the sender lives in self");
    }

    /// Brings an accepted message to its phone, as a real carrier does: fetch the media, hand over, report. `at_once`:
    /// because an answer waits for the reports.
    async fn deliver(&self, id: String, submission: Submission, at_once: bool) {
        let heard_at = self.state().phones.heard_at(&submission.to, &submission.from);
        let outside = whatsapp::is_outside(&submission, heard_at, self.0.began, (self.0.setup.now)());
        let Submission { from: line, to: phone, text, media, status_url, whatsapp: by_whatsapp, .. } =
            submission;
        let status = |status: &str, error: Option<(&str, &str)>| Webhook::Status {
            id: id.clone(),
            status: status.to_owned(),
            error_code: error.map(|(code, _)| code.to_owned()),
            error: error.map(|(_, words)| words.to_owned()),
        };
        let reports = match self.fetch_all(&media).await {
            Ok(_) if outside => vec![status("undelivered", Some(whatsapp::OUTSIDE))],
            Ok(photos) => {
                let mut message = self.message(id.clone(), &line, false, text);
                (message.state, message.whatsapp) = (PhoneMessageState::Delivered, by_whatsapp);
                self.state().phones.show(&phone, message, photos);
                let mut reports = vec![status("sent", None), status("delivered", None)];
                if self.happens(&line, Fault::Reordered) {
                    reports.reverse();
                }
                reports
            }
            Err(_) => {
                let problem = ("media_unreachable", "The simulated carrier could not fetch the picture.");
                vec![status("undelivered", Some(problem))]
            }
        };
        for report in reports {
            self.state().notes.report(&id, &report);
            if !self.happens(&line, Fault::Missing) {
                if let Some(delay) = self.delay(&line).filter(|_| !at_once) {
                    delay.over().await;
                }
                self.call(&line, &status_url, &report).await;
            }
        }
    }

    async fn fetch_all(&self, media: &[Url]) -> Result<Vec<(String, Photo)>, HttpError> {
        let mut left = LIMITS.media_bytes;
        let mut photos = Vec::new();
        for link in media {
            let (media_type, bytes) = self.0.setup.http.fetch_whole(link, None, left).await?;
            left -= bytes.len() as u64;
            photos.push(((self.0.setup.new_id)(), Photo { media_type, bytes }));
        }
        Ok(photos)
    }

    /// Brings a webhook, on some days twice at the same moment or signed wrongly: repetitions are the receiver's to
    /// recognise. `false` when it was given up.
    async fn call(&self, line: &PhoneNumber, url: &Url, webhook: &Webhook) -> bool {
        let body = serde_json::to_vec(webhook).expect("plain text and addresses serialise");
        let (signature, twice) = {
            let mut state = self.state();
            let Some(line) = state.lines.get_mut(line) else { return false };
            let forged = line.mishaps.happens(Fault::Forged);
            let secret = if forged { WRONG_SECRET } else { &line.secret };
            (wire::sign(secret, url.as_str(), &body), line.mishaps.happens(Fault::Duplicate))
        };
        let headers = [(SIGNATURE_HEADER, signature)];
        let http = &self.0.setup.http;
        if twice {
            let (one, other) = tokio::join!(
                hooks::post(http, url, &headers, &body),
                hooks::post(http, url, &headers, &body)
            );
            return one || other;
        }
        hooks::post(http, url, &headers, &body).await
    }

    fn happens(&self, line: &PhoneNumber, fault: Fault) -> bool {
        self.state().lines.get_mut(line).is_some_and(|line| line.mishaps.happens(fault))
    }

    fn delay(&self, line: &PhoneNumber) -> Option<Delay> {
        self.state().lines.get(line).map(|line| line.mishaps.delay())
    }

    fn message(&self, id: String, line: &PhoneNumber, from_phone: bool, text: String) -> PhoneMessage {
        PhoneMessage {
            id,
            revision: 0,
            line: line.clone(),
            from_phone,
            whatsapp: false,
            text,
            photos: Vec::new(),
            at: (self.0.setup.now)(),
            state: PhoneMessageState::Sending,
        }
    }

    fn run(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.0.busy.send_modify(|count| *count += 1);
        let network = self.clone();
        tokio::spawn(async move {
            // Counts down also when the work panics or the runtime stops.
            let _done = Countdown(network);
            work.await;
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Countdown(Network);

impl Drop for Countdown {
    fn drop(&mut self) {
        self.0.0.busy.send_modify(|count| *count -= 1);
    }
}
