//! What is told of a message that was taken: late, twice, out of order, before its time, or never.

use super::Carrier;
use crate::torture::twilio::{ACCOUNT, Hook, LINE};
use std::sync::Arc;
use std::time::Duration;

/// How often a report is tried.
const TRIES: usize = 6;

/// What becomes of one message.
pub(super) struct Story {
    sid: String,
    to: String,
    /// Where the server wants to be told.
    url: String,
    /// The carrier's words, in the order in which they are told.
    words: Vec<&'static str>,
    /// The last of them in truth.
    outcome: &'static str,
    /// Nobody hears of it.
    untold: bool,
}

impl Story {
    pub(super) fn new(carrier: &Carrier, sid: &str, to: &str, callback: &str) -> Self {
        let mut dice = carrier.dice();
        let mut words = match dice.below(20) {
            // The network corrects itself.
            0 => vec!["queued", "sent", "undelivered", "delivered"],
            1 | 2 => vec!["sent", "undelivered"],
            _ => vec!["queued", "sent", "delivered"],
        };
        let outcome = words.last().copied().unwrap_or("sent");
        if dice.chance(25) {
            words.reverse();
        }
        // What stands behind the # is for the carrier alone.
        let url = callback.split('#').next().unwrap_or_default().to_owned();
        Self { sid: sid.to_owned(), to: to.to_owned(), url, words, outcome, untold: dice.chance(10) }
    }

    /// Tells the first of it now, and waits until it is told.
    pub(super) async fn tell_first(&self, carrier: &Carrier) {
        if let Some(word) = self.words.first().filter(|_| !self.untold) {
            self.hook(word).call(&carrier.client, &carrier.doors).await;
        }
    }

    /// Tells all of it, by and by.
    pub(super) fn go_on(self, carrier: &Arc<Carrier>) {
        let teller = carrier.clone();
        carrier.reports.spawn(async move {
            for word in &self.words {
                if !self.untold {
                    self.tell(&teller, word).await;
                }
            }
            let mut known = teller.known();
            if let Some(message) = known.messages.iter_mut().find(|message| message.sid == self.sid) {
                message.status = self.outcome;
            }
        });
    }

    async fn tell(&self, carrier: &Carrier, word: &str) {
        let (pause, twice, again) = {
            let mut dice = carrier.dice();
            let pause = dice.between(Duration::from_millis(20), Duration::from_secs(3));
            (pause, dice.chance(15), dice.chance(15))
        };
        tokio::time::sleep(pause).await;
        let hook = self.hook(word);
        for _ in 0..TRIES {
            let answered = match twice {
                true => {
                    let call = || hook.call(&carrier.client, &carrier.doors);
                    let (one, other) = tokio::join!(call(), call());
                    one.or(other)
                }
                false => hook.call(&carrier.client, &carrier.doors).await,
            };
            if answered.is_some_and(|status| status < 300) {
                break;
            }
            tokio::time::sleep(pause.max(Duration::from_millis(500))).await;
        }
        if again {
            hook.call(&carrier.client, &carrier.doors).await;
        }
    }

    fn hook(&self, word: &str) -> Hook {
        let mut fields = vec![
            ("AccountSid", ACCOUNT.to_owned()),
            ("ApiVersion", "2010-04-01".to_owned()),
            ("From", LINE.to_owned()),
            ("MessageSid", self.sid.clone()),
            ("MessageStatus", word.to_owned()),
            ("SmsSid", self.sid.clone()),
            ("SmsStatus", word.to_owned()),
            ("To", self.to.clone()),
        ];
        if word == "undelivered" {
            // The phone cannot be reached: nothing follows by itself.
            fields.push(("ErrorCode", "30003".to_owned()));
        }
        Hook { url: self.url.clone(), fields }
    }
}
