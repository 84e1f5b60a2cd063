//! Renditions are made from an original.

use super::Outcome;
use crate::{Backend, Result};

pub(super) async fn run(_: &Backend, _: super::Owner, _attempt: u32) -> Result<Outcome> {
    unimplemented!()
}
