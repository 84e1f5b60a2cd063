//! The journey that every carrier makes.

use super::{Api, Contract, Hook, Media, Mood, News, Outcome, Said, Sending};
use super::{clicksend, messagemedia, smsbroadcast, telnyx, twilio};
use crate::running::{PHOTO, Running};
use crate::story::Story;
use backend::lines::{self, NewLine};
use model::line::LineView;
use reqwest::Method;
use serde_json::{Value, json};

const NOT_A_NUMBER: &str = "This is not a valid telephone number. Check the patient's number.";

#[tokio::test]
async fn twilio() {
    journey(&twilio::Twilio).await;
}

#[tokio::test]
async fn telnyx() {
    journey(&telnyx::Telnyx).await;
}

#[tokio::test]
async fn messagemedia() {
    journey(&messagemedia::MessageMedia).await;
}

#[tokio::test]
async fn smsbroadcast() {
    journey(&smsbroadcast::SmsBroadcast).await;
}

#[tokio::test]
async fn clicksend() {
    journey(&clicksend::ClickSend).await;
}

async fn journey(contract: &'static dyn Contract) {
    let play = Play::begin(contract).await;
    play.a_text_goes_out().await;
    play.a_photo_goes_out().await;
    play.an_answer_gets_lost().await;
    play.a_number_is_refused().await;
    play.a_phone_cannot_be_reached().await;
    play.a_text_comes_in().await;
    play.a_photo_comes_in().await;
    play.a_stranger_calls().await;
    play.an_address_that_nobody_has_is_called().await;
    play.story.running.stop().await;
}

struct Play {
    contract: &'static dyn Contract,
    api: Api,
    story: Story,
    line: LineView,
}

impl Play {
    async fn begin(contract: &'static dyn Contract) -> Self {
        let api = Api::start(contract, PHOTO).await;
        let running = Running::with(&["--allow-private", &api.host]).await;
        let story = Story::begin(running, contract.patient()).await;
        let backend = &story.running.backend;
        let mut credentials = contract.credentials();
        credentials["api_base"] = json!(api.base());
        let new = NewLine {
            name: "Carrier".to_owned(),
            number: contract.line().to_owned(),
            provider: contract.kind(),
            credentials,
        };
        let line = lines::create(backend, &story.admin(), new).await.unwrap();
        lines::set_default(backend, &story.admin(), line.id).await.unwrap();
        Self { contract, api, story, line }
    }

    async fn a_text_goes_out(&self) {
        let text = "Your results are in: 3 × 1 = 3 & all is well ☕";
        self.story.staff_send(text).await;
        let sending = self.taken(text).await;
        assert_eq!((sending.text.as_str(), sending.media.len()), (text, 0));
        for (outcome, state) in [(Outcome::Sent, "sent"), (Outcome::Delivered, "delivered")] {
            self.report(&sending, outcome).await;
            self.story.until_state(text, state).await;
        }
        // Late and repeated news change nothing.
        self.report(&sending, Outcome::Sent).await;
        self.report(&sending, Outcome::Delivered).await;
        assert_eq!(self.story.shown(text).await[0]["state"], "delivered");
    }

    async fn a_photo_goes_out(&self) {
        let text = "This is how it looks";
        let staff = &self.story.running.staff;
        let media = staff.upload("/api/sms/upload-media/", &[], PHOTO).await.json["media_id"].take();
        let path = format!("/api/sms/patient/{}/send/", self.story.patient);
        let before = self.api.sendings();
        let sent = staff.post(&path, json!({"message": text, "media_ids": [media]})).await;
        if !self.contract.sends_pictures() {
            assert_eq!(sent.failure(), (409, "cannot_send"));
            let words = sent.json["error"]["message"].as_str().unwrap();
            assert!(words.contains("pictures"), "{words}");
            assert_eq!(self.api.sendings(), before);
            return;
        }
        assert_eq!(sent.status, 201, "{}", sent.json);
        let sending = self.taken(text).await;
        assert_eq!(sending.text, text);
        let picture = match sending.media.as_slice() {
            [Media::Bytes(bytes)] => bytes.clone(),
            // The carrier has nothing to prove itself with.
            [Media::Link(link)] => {
                let fetched = self.story.running.nobody().request(Method::GET, link).send().await.unwrap();
                assert_eq!(
                    (fetched.status().as_u16(), &fetched.headers()["content-type"]),
                    (200, &"image/jpeg".parse().unwrap())
                );
                fetched.bytes().await.unwrap().to_vec()
            }
            media => panic!("{} pictures", media.len()),
        };
        assert!(picture.starts_with(&[0xff, 0xd8, 0xff]));
        self.report(&sending, Outcome::Delivered).await;
        self.story.until_state(text, "delivered").await;
    }

    async fn an_answer_gets_lost(&self) {
        let text = "Did this arrive?";
        self.api.is(Mood::HangsUp);
        self.story.staff_send(text).await;
        self.story.until_state(text, "uncertain").await;
        self.api.is(Mood::Takes);
        let sendings = self.api.sendings();
        let sending = self.contract.read(&self.api.asked());
        assert!(sending.reference.is_some() || sending.status_url.is_some(), "nothing names the message");
        self.report(&sending, Outcome::Delivered).await;
        self.story.until_state(text, "delivered").await;
        assert_eq!(self.api.sendings(), sendings, "it was not sent again");
    }

    async fn a_number_is_refused(&self) {
        let text = "To nobody";
        self.api.is(Mood::Refuses);
        self.story.staff_send(text).await;
        let failed = self.story.until_state(text, "failed").await;
        assert_eq!(failed["failure"], NOT_A_NUMBER);
        self.api.is(Mood::Takes);
    }

    async fn a_phone_cannot_be_reached(&self) {
        let text = "Are you there?";
        self.story.staff_send(text).await;
        let sending = self.taken(text).await;
        self.report(&sending, Outcome::Unreachable).await;
        let failed = self.story.until_state(text, "undelivered").await;
        assert_eq!(failed["failure"], self.contract.unreachable());
    }

    async fn a_text_comes_in(&self) {
        let hook = self.contract.brings(&self.line, &self.said(1, "Läuft es? 1 + 1 & 2", false));
        let calls = (0..3).map(|_| self.call(&hook));
        for answer in futures::future::join_all(calls).await {
            assert_eq!(answer.0, 200, "{answer:?}");
        }
        let message = self.story.until_shown("Läuft es? 1 + 1 & 2").await;
        assert_eq!((&message["direction"], &message["channel"]), (&json!("inbound"), &json!("sms")));
        self.call(&hook).await;
        assert_eq!(self.story.shown("Läuft es? 1 + 1 & 2").await.len(), 1);
    }

    async fn a_photo_comes_in(&self) {
        let hook = self.contract.brings(&self.line, &self.said(2, "My foot", true));
        assert_eq!(self.call(&hook).await.0, 200);
        let attachment = self.story.until_photo("My foot", "ready").await;
        let message = self.story.until_shown("My foot").await;
        assert_eq!(message["channel"], "mms");
        let original = attachment["original_url"].as_str().unwrap();
        let original = self.story.running.nobody().request(Method::GET, original).send().await.unwrap();
        assert_eq!(original.bytes().await.unwrap(), PHOTO, "as it came");
        if let Some(login) = self.contract.fetches_with() {
            let asked = self.api.asked();
            let fetch = asked.iter().rfind(|asked| asked.method == Method::GET).unwrap();
            assert_eq!(fetch.header("authorization"), Some(login.as_str()));
        }
    }

    async fn a_stranger_calls(&self) {
        let genuine = self.contract.brings(&self.line, &self.said(3, "This is me", false));
        let forged = self.contract.brings(&self.line, &self.said(4, "Send me your money", false));
        let forged = self.call(&self.contract.forged(forged)).await;
        let genuine = self.call(&genuine).await;
        assert_eq!(forged, genuine, "a forger learns nothing from the answer");
        assert_eq!(genuine.0, 200);
        self.story.until_shown("This is me").await;
        let thread = json!(self.story.thread().await).to_string();
        assert!(!thread.contains("money"), "{thread}");
        let lines = lines::list(&self.story.running.backend, &self.story.admin()).await.unwrap();
        let line = lines.iter().find(|line| line.id == self.line.id).unwrap();
        assert_eq!(line.accounts[0].quarantined, 1);
    }

    async fn an_address_that_nobody_has_is_called(&self) {
        let mut hook = self.contract.brings(&self.line, &self.said(5, "Hello?", false));
        let key = self.line.accounts[0].inbound_url.split('/').nth(5).unwrap();
        hook.url = hook.url.replace(key, "nobodys-key");
        let (status, answer) = self.call(&hook).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((status, &answer["error"]["code"]), (404, &json!("not_found")));
    }

    fn said(&self, n: usize, text: &'static str, photo: bool) -> Said {
        Said {
            id: self.contract.id(1000 + n),
            from: self.contract.patient(),
            to: self.contract.line(),
            text,
            photo: photo.then(|| (self.api.base(), PHOTO)),
            at: self.story.running.backend.clock.now(),
        }
    }

    /// Waits until the carrier has taken the message with this text, and answers what it was asked: from the line, to the
    /// patient.
    async fn taken(&self, text: &str) -> Sending {
        self.story.until_state(text, "accepted").await;
        let sending = self.contract.read(&self.api.asked());
        let (from, to) = (self.contract.line(), self.contract.patient());
        assert_eq!((sending.from.as_str(), sending.to.as_str()), (from, to));
        sending
    }

    /// The carrier reports on the newest message that it was asked to send.
    async fn report(&self, about: &Sending, outcome: Outcome) {
        let id = self.contract.id(self.api.sendings());
        let at = self.story.running.backend.clock.now();
        let hook = self.contract.reports(&self.line, &News { id: &id, about, outcome, at });
        assert_eq!(self.call(&hook).await.0, 200);
    }

    /// The status and the body of our answer.
    async fn call(&self, hook: &Hook) -> (u16, String) {
        let mut request = self.story.running.nobody().request(hook.method.clone(), &hook.url);
        for (name, value) in &hook.headers {
            request = request.header(*name, value);
        }
        let response = request.body(hook.body.clone()).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}
