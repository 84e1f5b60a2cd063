//! Looks at every delivery's state all the time, and notices when one goes backwards.

use super::database::Database;
use model::message::DeliveryState;
use std::collections::HashMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const EVERY: Duration = Duration::from_millis(100);

/// A state that became one which it may not become.
pub(super) struct Backwards {
    pub(super) message: Uuid,
    pub(super) words: String,
}

/// Watches until it is `over`. Where the database is away, nothing is seen.
pub(super) async fn states(database: Database, over: CancellationToken) -> Vec<Backwards> {
    let mut seen = HashMap::new();
    let mut backwards = Vec::new();
    while !over.is_cancelled() {
        for (delivery, message, word) in database.deliveries().await.unwrap_or_default() {
            let Some(state) = DeliveryState::from_word(&word) else {
                backwards.push(Backwards { message, words: format!("an unknown state, {word}") });
                continue;
            };
            if let Some(before) = seen.insert(delivery, state).filter(|before| !may_become(*before, state)) {
                let words = format!("{} became {}", before.as_str(), state.as_str());
                backwards.push(Backwards { message, words });
            }
        }
        tokio::time::sleep(EVERY).await;
    }
    backwards
}

/// Written anew from the promise rather than taken from the product: whatever was heard in between, which of two states
/// may be seen after the other.
fn may_become(before: DeliveryState, after: DeliveryState) -> bool {
    use DeliveryState::{Accepted, Delivered, Failed, Queued, Read, Sending, Sent, Uncertain, Undelivered};
    match before {
        _ if before == after => true,
        Queued => true,
        Sending => after != Queued,
        // May become any outcome, and is never sent again.
        Uncertain => !matches!(after, Queued | Sending),
        Accepted => matches!(after, Sent | Delivered | Read | Failed | Undelivered),
        Sent => matches!(after, Delivered | Read | Failed | Undelivered),
        // Carriers correct themselves.
        Failed | Undelivered => matches!(after, Delivered | Read),
        Delivered => after == Read,
        Read => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_product_allows_in_one_step_is_no_step_back() {
        for before in DeliveryState::ALL {
            for news in DeliveryState::ALL {
                assert!(may_become(before, before.advance(news)), "{before:?} hears {news:?}");
            }
        }
    }

    #[test]
    fn steps_back_are_noticed() {
        use DeliveryState::{Accepted, Delivered, Queued, Sending, Sent, Uncertain};
        let back = [(Sent, Accepted), (Delivered, Sent), (Uncertain, Sending), (Accepted, Uncertain)];
        for (before, after) in back {
            assert!(!may_become(before, after), "{before:?} {after:?}");
        }
        assert!(may_become(Queued, Delivered));
    }
}
