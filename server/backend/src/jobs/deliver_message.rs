//! One request to a carrier.

use super::Outcome;
use crate::{Backend, Result};

pub(super) async fn run(_: &Backend, _: model::DeliveryId, _attempt: u32) -> Result<Outcome> {
    unimplemented!()
}
