//! The carrier's answer is in hand, and the database fails at that very moment. Were the answer dropped, the next run would
//! find the mark without an outcome, and nobody would know any more what became of the message.

use crate::jobs::backoff;
use crate::{Error, Result};
use std::time::Duration;

/// How often it is tried, within some seconds: the process may have been told to stop.
const TRIES: u32 = 6;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Runs what records an answer, and again where the database fails at it. It must stand being repeated: a commit of which
/// nobody heard may have been made.
pub(super) async fn surely<T, F>(record: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut tries = 1;
    loop {
        match record().await {
            Err(error @ Error::Store(_)) if tries < TRIES => {
                tracing::warn!(%error, tries, "a carrier's answer could not be stored yet");
                tokio::time::sleep(backoff(tries, FIRST_PAUSE, LONGEST_PAUSE)).await;
                tries += 1;
            }
            recorded => return recorded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;
    use std::cell::Cell;

    #[tokio::test]
    async fn an_answer_outlives_a_moment_without_the_database() {
        let tries = Cell::new(0);
        let recorded = surely(|| async {
            tries.set(tries.get() + 1);
            if tries.get() < 3 { Err(Error::Store(StoreError::Conflict)) } else { Ok(tries.get()) }
        });
        assert_eq!(recorded.await.expect("it is recorded"), 3);
    }

    #[tokio::test]
    async fn what_will_never_work_is_not_repeated() {
        let tries = Cell::new(0);
        let recorded = surely(|| async {
            tries.set(tries.get() + 1);
            Err::<(), _>(Error::Inconsistent("for the story"))
        });
        assert!(recorded.await.is_err());
        assert_eq!(tries.get(), 1);
    }
}
