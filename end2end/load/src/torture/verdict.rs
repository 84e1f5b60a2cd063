//! What became of every message, told by the carrier's memory, the database and the blob store.

use super::Engine;
use super::carrier::Carrier;
use super::database::{Database, Stored, StoredFile};
use super::inbound::Brought;
use super::numbered::{
    inbound_number, inbound_number_of_event, outbound_number, outbound_photos, photo_hash,
};
use super::outbound::Asked;
use super::watch::Backwards;
use anyhow::{Context, Result};
use backend::Blobs;
use backend::media::blobs::{BlobKey, Variant};
use futures::StreamExt;
use model::Millis;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::fmt;
use uuid::Uuid;

/// What a run came to. The lists name what is wrong, one line each, and are empty after a good run.
pub struct Verdict {
    /// On which database.
    pub engine: Engine,
    /// Processes of the server that were killed.
    pub kills: usize,
    /// How often the database or the blob store was taken away.
    pub interruptions: usize,
    /// Inbound messages that the server acknowledged.
    pub inbound: usize,
    /// Photos that came with them.
    pub photos: usize,
    /// Photos of outbound messages that the carrier fetched.
    pub fetched: usize,
    /// Inbound messages that came with the carrier's list, before a webhook or without any.
    pub listed: usize,
    /// Outbound messages that the server accepted.
    pub outbound: usize,
    /// Those of them that stand as uncertain in the end.
    pub uncertain: usize,
    /// Jobs and webhooks that stand aside.
    pub aside: i64,
    /// Acknowledged or accepted, and not there, or without the outcome that the carrier knows of.
    pub lost: Vec<String>,
    /// There more than once.
    pub duplicated: Vec<String>,
    /// In another order than their sender wrote them.
    pub disordered: Vec<String>,
    /// Taken more than once by the carrier.
    pub sent_twice: Vec<String>,
    /// States that went backwards.
    pub regressions: Vec<String>,
    /// Photos that are missing, not ready, or not what the patient sent.
    pub bad_blobs: Vec<String>,
}

/// What the writers and watchers of a run remember.
pub(super) struct Remembered {
    pub(super) kills: usize,
    pub(super) interruptions: usize,
    pub(super) brought: Vec<Brought>,
    pub(super) asked: Vec<Asked>,
    pub(super) backwards: Vec<Backwards>,
}

/// The messages of one direction by their numbers.
type Numbered<'a> = HashMap<usize, Vec<&'a Stored>>;

/// When inbound messages were taken from the carrier's list, because no webhook had brought them.
type Listed = HashMap<usize, Millis>;

/// The states of a message's deliveries.
type States = HashMap<Uuid, Vec<String>>;

/// How often the carrier took each outbound message.
type Taken = HashMap<usize, usize>;

/// Compares what was promised with what is there.
pub(super) async fn judge(
    engine: Engine,
    remembered: Remembered,
    carrier: &Carrier,
    database: &Database,
    blobs: &Blobs,
) -> Result<Verdict> {
    let Remembered { kills, interruptions, brought, asked, backwards } = remembered;
    let messages = database.messages().await?;
    let inbound = numbered(messages.iter().filter(|message| message.inbound), inbound_number);
    let outbound = numbered(messages.iter().filter(|message| !message.inbound), outbound_number);
    let texts: HashMap<Uuid, &str> =
        messages.iter().map(|message| (message.id, message.text.as_str())).collect();
    let acknowledged: Vec<&Brought> =
        brought.iter().filter(|brought| brought.acknowledged.is_some()).collect();
    let mut states = States::new();
    for (_, message, state) in database.deliveries().await? {
        states.entry(message).or_default().push(state);
    }
    let mut taken = Taken::new();
    let mut bad_blobs: Vec<String> = carrier
        .unfetched()
        .into_iter()
        .map(|text| format!("{text}: the carrier could not fetch its photo"))
        .collect();
    for (text, photos) in carrier.sent() {
        let number = outbound_number(&text).with_context(|| format!("the carrier was sent {text:?}"))?;
        *taken.entry(number).or_default() += 1;
        if photos != outbound_photos(number) {
            bad_blobs.push(format!("{text}: left with {photos} photos"));
        }
    }
    let mut verdict = Verdict {
        kills,
        interruptions,
        aside: database.aside().await?,
        disordered: disordered(&messages, &acknowledged),
        bad_blobs,
        ..Verdict::empty(engine)
    };
    for backwards in backwards {
        let text = texts.get(&backwards.message).copied().unwrap_or("a message that is not there");
        verdict.regressions.push(format!("{text}: {}", backwards.words));
    }
    let mut listed = Listed::new();
    for (event, at) in database.listed().await? {
        let number = inbound_number_of_event(&event).with_context(|| format!("an event {event:?}"))?;
        listed.insert(number, at);
    }
    verdict.listed = listed.len();
    verdict.judge_inbound(&brought, &inbound, &listed);
    verdict.judge_outbound(&asked, &outbound, &states, &taken);
    let mut files: HashMap<Uuid, Vec<StoredFile>> = HashMap::new();
    for file in database.files().await? {
        files.entry(file.message).or_default().push(file);
    }
    let came = acknowledged.iter().map(|brought| (inbound.get(&brought.number), brought.media));
    let went = asked.iter().filter(|asked| asked.accepted);
    let went = went.map(|asked| (outbound.get(&asked.number), outbound_photos(asked.number)));
    for (stored, photos) in came.chain(went) {
        let Some(message) = stored.and_then(|found| found.first()) else { continue };
        let found = files.get(&message.id).map_or(&[][..], Vec::as_slice);
        verdict.bad_blobs.extend(bad_photos(message, photos, found, blobs).await);
    }
    verdict.fetched = carrier.fetched();
    Ok(verdict)
}

fn numbered<'a>(
    messages: impl Iterator<Item = &'a Stored>,
    number: fn(&str) -> Option<usize>,
) -> Numbered<'a> {
    let mut numbered = Numbered::new();
    for message in messages {
        if let Some(number) = number(&message.text) {
            numbered.entry(number).or_default().push(message);
        }
    }
    numbered
}

/// A patient wrote the next message only after the one before was acknowledged, or given up, and took the numbers as
/// they rose.
fn disordered(messages: &[Stored], acknowledged: &[&Brought]) -> Vec<String> {
    let acknowledged: HashSet<usize> = acknowledged.iter().map(|brought| brought.number).collect();
    let mut newest: HashMap<Uuid, usize> = HashMap::new();
    let mut disordered = Vec::new();
    for message in messages.iter().filter(|message| message.inbound) {
        let number = inbound_number(&message.text).filter(|number| acknowledged.contains(number));
        let Some(number) = number else { continue };
        let newest = newest.entry(message.conversation).or_insert(number);
        if number < *newest {
            disordered.push(format!("{} stands after message {newest}", message.text));
        }
        *newest = number.max(*newest);
    }
    disordered
}

impl Verdict {
    fn empty(engine: Engine) -> Self {
        Self {
            engine,
            kills: 0,
            interruptions: 0,
            inbound: 0,
            photos: 0,
            fetched: 0,
            listed: 0,
            outbound: 0,
            uncertain: 0,
            aside: 0,
            lost: Vec::new(),
            duplicated: Vec::new(),
            disordered: Vec::new(),
            sent_twice: Vec::new(),
            regressions: Vec::new(),
            bad_blobs: Vec::new(),
        }
    }

    fn judge_inbound(&mut self, brought: &[Brought], inbound: &Numbered<'_>, listed: &Listed) {
        for Brought { number, media, acknowledged } in brought {
            if let Some(acknowledged) = acknowledged {
                self.inbound += 1;
                self.photos += media;
                // The list makes good what was lost, which hides nothing here.
                if listed.get(number).is_some_and(|listed| listed > acknowledged) {
                    self.lost.push(format!(
                        "inbound {number}: acknowledged, and there by the carrier's list alone"
                    ));
                }
            }
            match inbound.get(number).map_or(0, Vec::len) {
                0 if acknowledged.is_some() => {
                    self.lost.push(format!("inbound {number}: acknowledged and not there"));
                }
                0 | 1 => {}
                times => self.duplicated.push(format!("inbound {number}: there {times} times")),
            }
        }
    }

    fn judge_outbound(&mut self, asked: &[Asked], outbound: &Numbered<'_>, states: &States, taken: &Taken) {
        for Asked { number, accepted } in asked {
            let taken = taken.get(number).copied().unwrap_or(0);
            if taken > 1 {
                self.sent_twice.push(format!("outbound {number}: taken {taken} times"));
            }
            let stored = outbound.get(number).map_or(&[][..], Vec::as_slice);
            if stored.len() > 1 {
                self.duplicated.push(format!("outbound {number}: there {} times", stored.len()));
            }
            if !accepted {
                continue;
            }
            self.outbound += 1;
            let states = stored.first().and_then(|message| states.get(&message.id));
            let states = states.map(|states| states.join(", ")).unwrap_or_default();
            if states.contains("uncertain") {
                self.uncertain += 1;
            } else if taken == 0 {
                self.lost
                    .push(format!("outbound {number}: never reached the carrier, and stands as [{states}]"));
            } else if ["", "queued", "sending", "failed"].contains(&states.as_str()) {
                self.lost.push(format!("outbound {number}: the carrier has it, and it stands as [{states}]"));
            }
        }
    }

    /// Whether every promise was kept.
    pub fn is_good(&self) -> bool {
        self.wrong().iter().all(|(_, wrong)| wrong.is_empty())
    }

    /// One line for programs.
    ///
    /// # Errors
    /// Never in fact: numbers and a word serialise.
    pub fn json(&self) -> Result<String> {
        #[derive(Serialize)]
        struct Line {
            torture: Counts,
        }
        #[derive(Serialize)]
        struct Counts {
            engine: &'static str,
            kills: usize,
            inbound: usize,
            lost: usize,
            duplicated: usize,
            outbound: usize,
            sent_twice: usize,
            uncertain: usize,
            regressions: usize,
            bad_blobs: usize,
        }
        let torture = Counts {
            engine: self.engine.as_str(),
            kills: self.kills,
            inbound: self.inbound,
            lost: self.lost.len(),
            duplicated: self.duplicated.len(),
            outbound: self.outbound,
            sent_twice: self.sent_twice.len(),
            uncertain: self.uncertain,
            regressions: self.regressions.len(),
            bad_blobs: self.bad_blobs.len(),
        };
        Ok(serde_json::to_string(&Line { torture })?)
    }

    fn wrong(&self) -> [(&'static str, &[String]); 6] {
        [
            ("lost", &self.lost),
            ("duplicated", &self.duplicated),
            ("out of order", &self.disordered),
            ("sent twice", &self.sent_twice),
            ("states that went backwards", &self.regressions),
            ("photos that are not whole", &self.bad_blobs),
        ]
    }
}

/// A table, and below it what is wrong.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            ("processes killed", self.kills),
            ("times without database or blobs", self.interruptions),
            ("inbound messages acknowledged", self.inbound),
            ("photos that came with them", self.photos),
            ("found in the carrier's list", self.listed),
            ("outbound messages accepted", self.outbound),
            ("of these uncertain in the end", self.uncertain),
            ("photos that the carrier fetched", self.fetched),
            ("jobs and webhooks set aside", usize::try_from(self.aside).unwrap_or(0)),
        ];
        writeln!(f, "{}", self.engine.as_str())?;
        for (name, count) in counts {
            writeln!(f, "  {name:<34}{count:>8}")?;
        }
        for (name, wrong) in self.wrong() {
            writeln!(f, "  {name:<34}{:>8}", wrong.len())?;
        }
        for (name, wrong) in self.wrong() {
            for line in wrong {
                writeln!(f, "  {name}: {line}")?;
            }
        }
        Ok(())
    }
}

/// What is wrong with the photos of a message.
async fn bad_photos(message: &Stored, photos: usize, found: &[StoredFile], blobs: &Blobs) -> Vec<String> {
    let text = &message.text;
    let mut bad = Vec::new();
    if found.len() != photos {
        bad.push(format!("{text}: has {} of {photos} photos", found.len()));
    }
    for (position, file) in found.iter().enumerate() {
        if file.state != "ready" {
            bad.push(format!("{text}: photo {position} is {}", file.state));
            continue;
        }
        let original = match message.inbound {
            true => BlobKey::Inbound(file.id.into(), Variant::Original),
            false => BlobKey::Outbound(file.id.into(), Variant::Original),
        };
        match hash(blobs, &original).await {
            Ok(hash) if hash == photo_hash(text, position) => {}
            Ok(_) => bad.push(format!("{text}: photo {position} has other bytes than were sent")),
            Err(error) => bad.push(format!("{text}: photo {position} cannot be read: {error}")),
        }
    }
    bad
}

async fn hash(blobs: &Blobs, key: &BlobKey) -> Result<Vec<u8>> {
    let mut body = blobs.get(key, None).await?.stream;
    let mut hash = Sha256::new();
    while let Some(piece) = body.next().await {
        hash.update(&piece?);
    }
    Ok(hash.finalize().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(id: u128, text: &str) -> Stored {
        let (id, conversation) = (Uuid::from_u128(id), Uuid::from_u128(0));
        Stored { id, conversation, inbound: text.starts_with("In"), text: text.to_owned() }
    }

    fn brought(number: usize, acknowledged: bool) -> Brought {
        let acknowledged = acknowledged.then_some(1000);
        Brought { number, media: 0, acknowledged }
    }

    #[test]
    fn what_was_acknowledged_must_be_there_once_and_what_was_not_at_most_once() {
        let messages = [stored(1, "In 000001"), stored(2, "In 000004"), stored(3, "In 000004")];
        let inbound = numbered(messages.iter(), inbound_number);
        let brought = [brought(1, true), brought(2, true), brought(3, false), brought(4, false)];
        let mut verdict = Verdict::empty(Engine::Sqlite);
        verdict.judge_inbound(&brought, &inbound, &Listed::new());
        assert_eq!((verdict.inbound, verdict.lost.len(), verdict.duplicated.len()), (2, 1, 1));
        assert!(verdict.lost[0].contains("inbound 2") && verdict.duplicated[0].contains("inbound 4"));
        assert!(!verdict.is_good());
    }

    #[test]
    fn what_only_the_list_brought_back_was_lost() {
        let messages = [stored(1, "In 000001"), stored(2, "In 000002"), stored(3, "In 000003")];
        let inbound = numbered(messages.iter(), inbound_number);
        let brought = [brought(1, true), brought(2, true), brought(3, false)];
        let mut verdict = Verdict::empty(Engine::Sqlite);
        verdict.judge_inbound(&brought, &inbound, &Listed::from([(1, 2000), (2, 500), (3, 2000)]));
        assert_eq!(verdict.lost.len(), 1, "{:?}", verdict.lost);
        assert!(verdict.lost[0].contains("inbound 1"));
    }

    #[test]
    fn only_what_was_acknowledged_must_stand_in_its_order() {
        let messages = [stored(1, "In 000002"), stored(2, "In 000001"), stored(3, "In 000003")];
        let (one, two, three) = (brought(1, true), brought(2, true), brought(3, true));
        assert_eq!(disordered(&messages, &[&one, &two, &three]).len(), 1);
        assert_eq!(disordered(&messages, &[&two, &three]).len(), 0);
    }

    #[test]
    fn an_accepted_message_reached_the_carrier_once_or_is_uncertain() {
        let texts = ["Out 000001", "Out 000002", "Out 000003", "Out 000004", "Out 000005"];
        let messages: Vec<Stored> = (1..).zip(texts).map(|(id, text)| stored(id, text)).collect();
        let outbound = numbered(messages.iter(), outbound_number);
        let words = ["delivered", "uncertain", "sent", "delivered", "failed"];
        let states: States =
            messages.iter().zip(words).map(|(message, word)| (message.id, vec![word.to_owned()])).collect();
        let taken = Taken::from([(1, 1), (2, 1), (4, 2), (5, 1)]);
        let asked: Vec<Asked> = (1..=6).map(|number| Asked { number, accepted: true }).collect();
        let mut verdict = Verdict::empty(Engine::Sqlite);
        verdict.judge_outbound(&asked, &outbound, &states, &taken);
        // 3 never left, 5 is said to have failed, 6 is nowhere; 4 was taken twice.
        assert_eq!((verdict.outbound, verdict.uncertain, verdict.sent_twice.len()), (6, 1, 1));
        assert_eq!(verdict.lost.len(), 3, "{:?}", verdict.lost);
    }

    #[test]
    fn programs_read_one_line() {
        let line = Verdict::empty(Engine::Postgres).json().ok();
        let expected = r#"{"torture":{"engine":"postgres","kills":0,"inbound":0,"lost":0,"duplicated":0,"outbound":0,"sent_twice":0,"uncertain":0,"regressions":0,"bad_blobs":0}}"#;
        assert_eq!(line.as_deref(), Some(expected));
    }
}
