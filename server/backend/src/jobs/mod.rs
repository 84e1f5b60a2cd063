//! Work that outlives a request.

pub mod queue;

use crate::{Backend, Result};

/// Runs jobs until `stop` resolves; what is running then is finished first.
pub async fn work(backend: Backend, stop: impl Future<Output = ()> + Send) {
    unimplemented!()
}

/// Runs every job that is due, and those they lead to, until none is due. Answers how many ran. For stories.
pub async fn run_due(backend: &Backend) -> Result<usize> {
    unimplemented!()
}
