//! Pictures that were sent from this page, as they were chosen here: shown until the server has made its own of them.

use crate::parts::composer::chosen::Chosen;
use leptos::prelude::*;
use model::AttachmentId;
use model::media::{AttachmentState, AttachmentView};
use model::message::MessageView;

/// So many are held at most. Those of a thread that was left for good nobody lets go; the oldest give way.
const MAX_HELD: usize = 60;

/// They outlive leaving the thread; a context of the page.
#[derive(Debug, Clone, Copy)]
pub struct SentPictures {
    all: StoredValue<Vec<(AttachmentId, Chosen)>>,
}

impl Default for SentPictures {
    fn default() -> Self {
        Self { all: StoredValue::new(Vec::new()) }
    }
}

impl SentPictures {
    /// Those of this page.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// Goes on showing what a message is sent with.
    pub fn hold(self, chosen: Vec<Chosen>) {
        let uploaded =
            |chosen: Chosen| Some((untrack(|| chosen.id().filter(|_| chosen.linked().is_none()))?, chosen));
        let surplus = self.all.try_update_value(|all| {
            all.extend(chosen.into_iter().filter_map(uploaded));
            let surplus = all.len().saturating_sub(MAX_HELD);
            all.drain(..surplus).collect::<Vec<_>>()
        });
        surplus.into_iter().flatten().for_each(|(_, chosen)| chosen.drop_it(false));
    }

    /// An address under which the browser can show a picture now; follows changes where signals are tracked, since a
    /// preview may still be in the making, or be replaced by a better one.
    pub fn address(self, id: AttachmentId) -> Option<String> {
        let chosen = self
            .all
            .with_value(|all| all.iter().find(|(held, _)| *held == id).map(|(_, chosen)| chosen.clone()));
        chosen?.address()
    }

    /// Gives back the memory of those of which the server has its own, or will never have one.
    pub fn let_go(self, message: &MessageView) {
        let is_settled = |id: AttachmentId| {
            let settled = |known: &AttachmentView| {
                known.tile_url.is_some() || known.state == AttachmentState::Unreadable
            };
            message.attachments.iter().any(|known| known.id == id && settled(known))
        };
        self.take_out(is_settled).iter().for_each(|chosen| chosen.drop_it(false));
    }

    /// Gives up those of a message that is never sent, here and on the server.
    pub fn discard(self, message: &MessageView) {
        let is_its = |id: AttachmentId| message.attachments.iter().any(|known| known.id == id);
        self.take_out(is_its).iter().for_each(|chosen| chosen.drop_it(true));
    }

    fn take_out(self, condition: impl Fn(AttachmentId) -> bool) -> Vec<Chosen> {
        let gone = self.all.try_update_value(|all| {
            let (gone, held): (Vec<_>, Vec<_>) =
                std::mem::take(all).into_iter().partition(|(id, _)| condition(*id));
            *all = held;
            gone
        });
        gone.into_iter().flatten().map(|(_, chosen)| chosen).collect()
    }
}
