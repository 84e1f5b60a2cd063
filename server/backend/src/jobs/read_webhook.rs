//! A journalled webhook becomes messages and states.

use super::Outcome;
use crate::{Backend, Result};

pub(super) async fn run(_: &Backend, _: model::JournalEntryId, _attempt: u32) -> Result<Outcome> {
    unimplemented!()
}
