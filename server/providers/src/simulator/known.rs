//! What the simulated network remembers of messages, for lines that ask what their webhooks missed.

use super::wire::{Known, KnownMessages, KnownSent, Question, Webhook};
use model::{Millis, PhoneNumber};
use std::collections::VecDeque;

/// Messages that are remembered, of all lines together.
const MOST: usize = 20_000;

/// Messages in one answer, which has to fit into one megabyte.
const PAGE: usize = 100;

/// Every message of late, in the order in which it was taken.
#[derive(Default)]
pub(super) struct Notes {
    messages: VecDeque<Note>,
    last: u64,
}

struct Note {
    /// Counts from 1, over all lines.
    number: u64,
    line: PhoneNumber,
    known: Known,
}

impl Notes {
    /// Remembers a message: what tells a line of it, and what the line sent, if it did.
    pub(super) fn add(&mut self, line: PhoneNumber, at: Millis, told: Webhook, sent: Option<KnownSent>) {
        self.last += 1;
        self.messages.push_back(Note { number: self.last, line, known: Known { at, told, sent } });
        if self.messages.len() > MOST {
            self.messages.pop_front();
        }
    }

    /// Notes the newest report on a message. "Delivered" stays, also where it is told before "sent".
    pub(super) fn report(&mut self, id: &str, report: &Webhook) {
        let is_it =
            |note: &&mut Note| matches!(&note.known.told, Webhook::Status { id: known, .. } if known == id);
        let Some(note) = self.messages.iter_mut().rev().find(is_it) else { return };
        let delivered =
            matches!(&note.known.told, Webhook::Status { status, .. } if status.as_str() == "delivered");
        if !delivered {
            note.known.told = report.clone();
        }
    }

    /// A page of what is remembered.
    pub(super) fn of(&self, question: &Question) -> KnownMessages {
        let asked = |note: &&Note| {
            note.line == question.line && note.number > question.after && note.known.at >= question.since
        };
        let page: Vec<&Note> = self.messages.iter().filter(asked).take(PAGE).collect();
        KnownMessages {
            next: page.last().filter(|_| page.len() == PAGE).map(|note| note.number),
            messages: page.into_iter().map(|note| note.known.clone()).collect(),
        }
    }
}
