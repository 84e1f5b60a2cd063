//! An attachment is fetched from its carrier.

use super::Outcome;
use crate::{Backend, Result};

pub(super) async fn run(_: &Backend, _: model::AttachmentId, _attempt: u32) -> Result<Outcome> {
    unimplemented!()
}
