//! Stretches of a thread as the server gives them, and the place of each message in them.

use crate::parts::thread::item::Item;
use model::message::MessageView;

/// Messages as the server gave them, oldest first, with those that came since in their places.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub(super) items: Vec<Item>,
    /// Where the server goes on before it; none at the thread's beginning.
    pub(super) older: Option<String>,
    /// Where it goes on after it; none at the thread's end.
    pub(super) newer: Option<String>,
}

impl Slice {
    pub(super) fn find(&self, message: &MessageView) -> Option<&Item> {
        self.items.iter().find(|item| item.is(message))
    }
}

/// Puts a message where it belongs by the server's time: an answer may come late, and so may a carrier. What is older than
/// everything loaded comes with the slice that it is part of.
pub(super) fn insert(slices: &mut [Slice], item: Item) {
    for slice in slices.iter_mut().rev() {
        if let Some(before) = slice.items.iter().rposition(|other| other.is_before(&item)) {
            slice.items.insert(before + 1, item);
            return;
        }
    }
    if let Some(first) = slices.first_mut().filter(|first| first.older.is_none()) {
        first.items.insert(0, item);
    }
}

#[cfg(test)]
mod tests {
    use super::{Slice, insert};
    use crate::parts::thread::item::Item;
    use leptos::prelude::{ReadUntracked, WithUntracked};
    use model::ConversationId;
    use model::message::{Channel, DeliveryState, Direction, MessageView};

    fn message(id: u8, at: i64) -> Item {
        let json = format!("00000000-0000-7000-8000-0000000000{id:02x}");
        Item::of(MessageView {
            id: json.parse().expect("an id"),
            conversation_id: ConversationId(Default::default()),
            direction: Direction::Inbound,
            channel: Channel::Sms,
            text: String::new(),
            at,
            state: DeliveryState::Delivered,
            state_at: at,
            failure: None,
            author: None,
            attachments: Vec::new(),
            parts: 1,
            price: None,
            price_estimated: false,
            client_id: None,
            link: None,
            template: None,
            mock: false,
            line_id: None,
            carrier: None,
            detour: None,
            found_later: false,
            requests: Vec::new(),
        })
    }

    fn slice(items: &[(u8, i64)], older: Option<&str>) -> Slice {
        let items = items.iter().map(|(id, at)| message(*id, *at)).collect();
        Slice { items, older: older.map(str::to_owned), newer: None }
    }

    fn instants(slices: &[Slice]) -> Vec<Vec<i64>> {
        let at = |item: &Item| item.message.with_untracked(|message| message.at);
        slices.iter().map(|slice| slice.items.iter().map(at).collect()).collect()
    }

    #[test]
    fn answers_may_come_in_any_order() {
        let mut slices = vec![slice(&[(1, 10), (2, 20)], None), slice(&[(3, 30)], Some("3"))];
        for (id, at) in [(6, 60), (5, 50), (4, 40), (7, 25), (8, 5)] {
            insert(&mut slices, message(id, at));
        }
        assert_eq!(instants(&slices), [vec![5, 10, 20, 25], vec![30, 40, 50, 60]]);
    }

    #[test]
    fn within_an_instant_the_ids_decide() {
        let mut slices = vec![slice(&[(1, 10), (3, 10)], None)];
        insert(&mut slices, message(2, 10));
        let ids: Vec<_> = slices[0].items.iter().map(|item| item.message.read_untracked().id).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn what_is_older_than_everything_loaded_waits_for_its_slice() {
        let mut slices = vec![slice(&[(1, 10)], Some("1"))];
        insert(&mut slices, message(2, 5));
        assert_eq!(instants(&slices), [vec![10]]);
        let mut empty = vec![slice(&[], None)];
        insert(&mut empty, message(2, 5));
        assert_eq!(instants(&empty), [vec![5]]);
    }
}
