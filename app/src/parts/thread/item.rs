//! One message of the loaded stretch, and its place among its neighbours.

use leptos::prelude::*;
use model::message::{Channel, Direction, MessageView};
use model::{MessageId, Millis};

/// Messages of one side within this time form a run.
const RUN_MS: Millis = 5 * 60_000;

/// A message in the thread; it changes in place.
#[derive(Debug, Clone)]
pub struct Item {
    /// The sender's own id where there is one, so that a message keeps its place when the server answers.
    pub key: String,
    /// What to show.
    pub message: ArcRwSignal<MessageView>,
    /// Where it stands among its neighbours.
    pub place: ArcRwSignal<Place>,
    /// It is known to this page alone.
    pub local: ArcRwSignal<Option<Local>>,
}

/// What a message's neighbours make of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The first of a day.
    pub starts_day: bool,
    /// The first of a run: it names its channel.
    pub starts_run: bool,
    /// The last of a run: it tells its time.
    pub ends_run: bool,
    /// Reading stopped before it.
    pub first_unread: bool,
}

/// Why a message is known to this page alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Local {
    /// On its way to the server.
    Sending,
    /// The server cannot be reached; sent by itself once it can.
    Waiting,
    /// The server took as many as it takes in a minute; sent by itself after that.
    Held,
    /// The server refused it, and why.
    Refused(String),
}

impl Item {
    /// A message as the server knows it.
    pub(crate) fn of(message: MessageView) -> Self {
        Self {
            key: message.client_id.clone().unwrap_or_else(|| message.id.to_string()),
            message: ArcRwSignal::new(message),
            place: ArcRwSignal::default(),
            local: ArcRwSignal::default(),
        }
    }

    /// Shows what the server knows.
    pub(crate) fn replace(&self, mut message: MessageView) {
        {
            let old = self.message.read_untracked();
            // Answers overtake each other; an older one must not undo a newer. Before the server knew the message,
            // its instant was this browser's own and says nothing.
            if old.id == message.id && message.state_at < old.state_at {
                return;
            }
            for attachment in
                message.attachments.iter_mut().filter(|attachment| attachment.tile_url.is_none())
            {
                let same = old.attachments.iter().find(|known| known.id == attachment.id);
                attachment.tile_url = same.and_then(|known| known.tile_url.clone());
            }
        }
        self.local.set(None);
        if *self.message.read_untracked() != message {
            self.message.set(message);
        }
    }

    /// It came before the other one, in the order of the server.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        let (ours, others) = (self.message.read_untracked(), other.message.read_untracked());
        (ours.at, ours.id) < (others.at, others.id)
    }

    /// The server does not have it, as far as this page knows.
    pub(crate) fn is_unsent(&self) -> bool {
        self.local.read_untracked().is_some()
    }

    /// It is this message, by its id or by the id its sender gave it.
    pub(crate) fn is(&self, message: &MessageView) -> bool {
        let ours = self.message.read_untracked();
        ours.id == message.id || (ours.client_id.is_some() && ours.client_id == message.client_id)
    }
}

/// What of a message decides on its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    id: MessageId,
    at: Millis,
    side: (Direction, Channel),
}

impl Facts {
    /// Those of an item, as it is now.
    pub(crate) fn of(item: &Item) -> Self {
        let message = item.message.read_untracked();
        Self { id: message.id, at: message.at, side: (message.direction, message.channel) }
    }
}

/// The place of each message among its neighbours; `day` numbers the days of the reader.
pub(crate) fn places(
    messages: &[Facts],
    first_unread: Option<MessageId>,
    day: impl Fn(Millis) -> i64,
) -> Vec<Place> {
    let joins =
        |a: &Facts, b: &Facts| a.side == b.side && (a.at - b.at).abs() <= RUN_MS && day(a.at) == day(b.at);
    (0..messages.len())
        .map(|i| {
            let message = &messages[i];
            let before = i.checked_sub(1).map(|before| &messages[before]);
            Place {
                starts_day: before.is_none_or(|before| day(before.at) != day(message.at)),
                starts_run: before.is_none_or(|before| !joins(before, message)),
                ends_run: messages.get(i + 1).is_none_or(|after| !joins(message, after)),
                first_unread: first_unread == Some(message.id),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Facts, RUN_MS, places};
    use model::MessageId;
    use model::message::{Channel, Direction};

    const DAY: i64 = 86_400_000;

    fn at(at: i64, direction: Direction) -> Facts {
        Facts { id: MessageId(Default::default()), at, side: (direction, Channel::Sms) }
    }

    #[test]
    fn groups_what_one_side_writes_in_one_go() {
        use Direction::{Inbound, Outbound};
        let messages =
            [at(0, Inbound), at(RUN_MS, Inbound), at(2 * RUN_MS + 1, Inbound), at(2 * RUN_MS + 2, Outbound)];
        let runs: Vec<_> = places(&messages, None, |at| at / DAY)
            .into_iter()
            .map(|place| (place.starts_run, place.ends_run))
            .collect();
        assert_eq!(runs, [(true, false), (false, true), (true, true), (true, true)]);
    }

    #[test]
    fn a_day_begins_once_and_ends_runs() {
        let messages =
            [at(DAY - 1, Direction::Inbound), at(DAY, Direction::Inbound), at(DAY + 1, Direction::Inbound)];
        let places = places(&messages, None, |at| at / DAY);
        assert_eq!(places.iter().map(|place| place.starts_day).collect::<Vec<_>>(), [true, true, false]);
        assert!(places[0].ends_run && places[1].starts_run && !places[2].starts_run);
    }
}
