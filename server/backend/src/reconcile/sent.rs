//! What we sent, as a carrier lists it: states that no report told, and messages of which nobody knew whether they left.

use crate::conversations::rows::known;
use crate::lines::Route;
use crate::messages::deliveries::{self, Heard};
use crate::share_links::Leaving;
use crate::store::{Tx, args};
use crate::{Backend, Result, jobs, numbers, share_links};
use model::line::ProviderKind;
use model::link::with_link;
use model::message::DeliveryState;
use model::{Address, DeliveryId, MessageId, Millis};
use providers::{Confirmation, Status};
use uuid::Uuid;

/// How much earlier than our mark, in milliseconds, a carrier may say that it took a message: clocks differ.
pub(super) const EARLIER: Millis = 2 * 60 * 1000;

/// How much later: a request ends after half a minute at the latest.
const LATER: Millis = 5 * 60 * 1000;

/// A message that left from the line's number.
pub(super) struct Sent {
    pub(super) status: Status,
    pub(super) to: String,
    pub(super) text: String,
    pub(super) at: Millis,
    /// What the carrier may be told once this is heard.
    pub(super) confirm: Option<Confirmation>,
}

/// What came of a list of our messages.
pub(super) struct Taken {
    /// Of how many it told news.
    pub(super) reports: usize,
    /// What it told of messages that are certainly ours.
    pub(super) safe: Vec<Confirmation>,
}

/// A request of ours of which the carrier never told the id.
struct Unanswered {
    delivery: DeliveryId,
    uncertain: bool,
    marked_at: Millis,
    to: String,
    text: String,
}

impl Unanswered {
    /// Whether it may be this message.
    fn may_be(&self, sent: &Sent) -> bool {
        let in_time = (self.marked_at - EARLIER..=self.marked_at + LATER).contains(&sent.at);
        in_time && self.to == sent.to && self.text == sent.text
    }
}

/// What is to be done about a listed message.
enum Step {
    /// It is not ours, as far as is known.
    Nothing,
    /// It is ours, and tells nothing new.
    Heard,
    /// It tells news of a delivery: of the one that has its id, or of this one.
    Hear(Option<DeliveryId>),
    /// Nobody here knows its id.
    Compare,
}

/// Takes in what a carrier lists of our messages. `settled`: the answer to our own request for a younger one may be on its
/// way. Of a list that is not `whole` nothing is compared: what is missing in it may be alike.
pub(super) async fn hear(
    backend: &Backend,
    route: &Route,
    listed: Vec<Sent>,
    settled: Millis,
    whole: bool,
) -> Result<Taken> {
    let (mut taken, mut strangers) = (Taken { reports: 0, safe: Vec::new() }, Vec::<Sent>::new());
    for sent in listed {
        let mut look = backend.store.read().await?;
        let step = step(&mut look, route, &sent.status).await?;
        drop(look);
        match step {
            Step::Nothing => {}
            Step::Heard => taken.safe.extend(sent.confirm),
            Step::Hear(told) => {
                apply(backend, route, sent.status, told).await?;
                taken.reports += 1;
                taken.safe.extend(sent.confirm);
            }
            Step::Compare => {
                let again = strangers.iter().any(|other| other.status.carrier_id == sent.status.carrier_id);
                if !again && whole && sent.at <= settled {
                    strangers.push(sent);
                }
            }
        }
    }
    if strangers.is_empty() {
        return Ok(taken);
    }
    let unanswered = unanswered(backend, route, &strangers).await?;
    for (at, delivery) in pairs(&strangers, &unanswered) {
        apply(backend, route, strangers[at].status.clone(), Some(delivery)).await?;
        taken.reports += 1;
        taken.safe.extend(strangers[at].confirm.clone());
    }
    Ok(taken)
}

/// Which of the messages is which request, by recipient, text and time: only where there is no other that either of
/// them could be. The rest is for people to say.
fn pairs(strangers: &[Sent], unanswered: &[Unanswered]) -> Vec<(usize, DeliveryId)> {
    let mut pairs = Vec::new();
    for (at, sent) in strangers.iter().enumerate() {
        let mut requests = unanswered.iter().filter(|request| request.may_be(sent));
        let (Some(only), None) = (requests.next(), requests.next()) else { continue };
        let alike = strangers.iter().filter(|other| only.may_be(other)).count();
        if only.uncertain && alike == 1 {
            pairs.push((at, only.delivery));
        }
    }
    pairs
}

async fn step(tx: &mut Tx, route: &Route, status: &Status) -> Result<Step> {
    let row: Option<(String, bool)> = tx
        .one(
            "SELECT state, price_by_carrier FROM delivery WHERE account_id = $1 AND carrier_id = $2",
            args![route.account_id, &status.carrier_id],
        )
        .await?;
    if let Some((state, priced)) = row {
        let before = known(DeliveryState::from_word(&state))?;
        let moves = status.state.is_some_and(|state| before.advance(state) != before);
        let prices = status.price.is_some() && !priced;
        return Ok(if moves || prices { Step::Hear(None) } else { Step::Heard });
    }
    if let Some(reference) = &status.reference {
        let delivery = reference.parse::<DeliveryId>().ok();
        let unsure = tx
            .number(
                "SELECT COUNT(*) FROM delivery
                 WHERE id = $1 AND account_id = $2 AND carrier_id IS NULL AND state = 'uncertain'",
                args![delivery, route.account_id],
            )
            .await?;
        // Whatever else it names is not ours, or is just being answered.
        return Ok(if unsure > 0 { Step::Hear(delivery) } else { Step::Nothing });
    }
    let elsewhere = tx
        .number(
            "SELECT COUNT(*) FROM delivery WHERE carrier_id = $1
               AND account_id IN (SELECT id FROM line_account WHERE provider = $2)",
            args![&status.carrier_id, route.provider.as_str()],
        )
        .await?;
    Ok(if elsewhere > 0 { Step::Nothing } else { Step::Compare })
}

/// Every request of the account of which the carrier never told an id, from when the messages were sent: also those
/// that a person has settled or that failed, since a message may be theirs.
async fn unanswered(backend: &Backend, route: &Route, strangers: &[Sent]) -> Result<Vec<Unanswered>> {
    #[derive(sqlx::FromRow)]
    struct Row {
        id: Uuid,
        message_id: Uuid,
        part: i64,
        state: String,
        marked_at: Millis,
        body: String,
        address_sealed: Vec<u8>,
    }
    let first = strangers.iter().map(|sent| sent.at).min().unwrap_or(Millis::MAX - LATER);
    let pretended = backend.settings.mock_mode && route.provider == ProviderKind::Simulator;
    let mut tx = backend.store.read().await?;
    let rows: Vec<Row> = tx
        .all(
            "SELECT d.id, d.message_id, d.part, d.state, d.marked_at, m.body, n.address_sealed
             FROM delivery d JOIN message m ON m.id = d.message_id
             JOIN conversation c ON c.id = m.conversation_id JOIN number n ON n.id = c.number_id
             WHERE d.account_id = $1 AND d.carrier_id IS NULL AND d.marked_at >= $2 AND d.mock = $3",
            args![route.account_id, first - LATER, pretended],
        )
        .await?;
    let mut unanswered = Vec::with_capacity(rows.len());
    for row in rows {
        let text = match share_links::leaving(backend, &mut tx, MessageId(row.message_id)).await? {
            Leaving::Plain if row.part == 0 => row.body,
            Leaving::Plain => String::new(),
            Leaving::With(link) => with_link(&row.body, &link),
            Leaving::Closed(_) => continue,
        };
        let Address::Number(to) = numbers::open_address(backend, &row.address_sealed)? else { continue };
        unanswered.push(Unanswered {
            delivery: row.id.into(),
            uncertain: row.state == DeliveryState::Uncertain.as_str(),
            marked_at: row.marked_at,
            to: to.as_e164().to_owned(),
            text,
        });
    }
    Ok(unanswered)
}

/// Hears what the list says, as if it were reported.
async fn apply(backend: &Backend, route: &Route, status: Status, told: Option<DeliveryId>) -> Result<()> {
    // A word that nobody knows says all the same that the carrier has it.
    let state = status.state.or(told.map(|_| DeliveryState::Accepted));
    let status = Status { state, ..status };
    let now = backend.clock.now();
    let mut tx = backend.store.write().await?;
    let heard = deliveries::hear_status(backend, &mut tx, route.account_id, status, told, now).await?;
    if let Heard::Failed(delivery, fault) = heard {
        jobs::failed_later(backend, &mut tx, delivery, fault).await?;
    }
    tx.commit().await?;
    backend.live.wake(route.org_id);
    Ok(())
}
