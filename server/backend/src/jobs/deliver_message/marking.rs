//! The mark that an attempt carries from the moment before its carrier is called.

use super::next_attempt::UNREACHABLE_REST;
use super::turn::{self, Share};
use super::{ARRIVED, Request, commit, has_arrived};
use crate::consent;
use crate::messages::deliveries::{self, News};
use crate::store::args;
use crate::{Backend, Result, lines, whatsapp};
use model::message::DeliveryState;
use providers::SendError;

/// What came of marking an attempt.
pub(super) enum Marked {
    /// The carrier may be called.
    Ours,
    /// It must not be made (any more): by now the patient has it or said STOP, or WhatsApp's window closed, which is
    /// recorded.
    NotToBe,
    /// Another worker has marked it, or it has its outcome by now.
    Taken,
    /// Others go first through the account; nothing was marked.
    Early,
}

pub(super) async fn mark(
    backend: &Backend,
    request: Request,
    offered_bytes: u64,
    share: Share,
) -> Result<Marked> {
    let mut tx = backend.store.write().await?;
    deliveries::hold(&mut tx, request.whole.message).await?;
    // Preparing took its time: what forbids it may have come meanwhile.
    let parts = deliveries::parts(&mut tx, request.whole.message).await?;
    let why_not = if has_arrived(&parts, request) {
        Some(ARRIVED.to_owned())
    } else if consent::withdrawn(&mut tx, request.whole.org, request.number).await? {
        Some(consent::WITHDRAWN.to_owned())
    } else {
        whatsapp::obstacle(backend, &mut tx, request.whole).await?
    };
    if let Some(words) = why_not {
        let news = News::of(DeliveryState::Failed, words);
        deliveries::hear(backend, &mut tx, request.whole, request.id, &news).await?;
        commit(backend, tx, request).await?;
        return Ok(Marked::NotToBe);
    }
    let now = backend.clock.now();
    let marked = tx
        .execute(
            "UPDATE delivery SET state = 'sending', state_at = $2, marked_at = $2, offered_bytes = $3
             WHERE id = $1 AND state IN ('queued', 'sending') AND marked_at IS NULL",
            args![request.id, now, offered_bytes],
        )
        .await?;
    if marked == 0 {
        return Ok(Marked::Taken);
    }
    deliveries::fold(backend, &mut tx, request.whole).await?;
    if !turn::take(backend, &mut tx, request, share).await? {
        return Ok(Marked::Early);
    }
    commit(backend, tx, request).await?;
    Ok(Marked::Ours)
}

/// The carrier certainly did not take it: the next attempt may be made. Where the carrier asked for a pause, the others
/// keep it too; one that is busy without end, or could not be reached at all, goes last for messages that are written
/// meanwhile.
pub(super) async fn unmark(backend: &Backend, request: Request, why: &SendError) -> Result<()> {
    let mut tx = backend.store.write().await?;
    deliveries::hold(&mut tx, request.whole.message).await?;
    match why {
        SendError::Retry { after: Some(pause) } => {
            turn::hold_back(backend, &mut tx, request, *pause).await?;
        }
        SendError::Later { .. } => {}
        _ => {
            lines::cool_down(backend, &mut tx, request.whole.org, request.account, UNREACHABLE_REST).await?;
        }
    }
    tx.execute(
        "UPDATE delivery SET marked_at = NULL, turn_at = NULL WHERE id = $1 AND state = 'sending'",
        args![request.id],
    )
    .await?;
    commit(backend, tx, request).await
}

#[cfg(test)]
mod tests {
    use super::super::outbound::{Prepared, prepare};
    use super::super::{Step, load, next_step};
    use super::*;
    use crate::testing::{TestBackend, fictitious_number, on_each_engine};
    use crate::{conversations, messages};
    use model::message::{Draft, Recipient};
    use uuid::Uuid;

    /// A phone was off, staff press Retry, and while the second attempt is prepared the carrier reports that the first one
    /// arrived.
    #[tokio::test]
    async fn an_attempt_is_not_made_when_the_one_before_arrives_meanwhile() {
        on_each_engine(async |t: TestBackend| {
            let draft = Draft {
                text: "Hello".to_owned(),
                attachments: Vec::new(),
                client_id: "a".to_owned(),
                line: None,
                link: None,
                channel: None,
                template: None,
            };
            let to = Recipient::Number(fictitious_number(0));
            let message = messages::send(&t.backend, &t.admin, &to, &draft).await.expect("a message").id;
            t.alter("UPDATE delivery SET state = 'undelivered'").await;
            t.alter("UPDATE message SET state = 'undelivered'").await;
            messages::retry(&t.backend, &t.admin, message).await.expect("a second attempt");

            let mut tx = t.backend.store.read().await.expect("a connection");
            let second: Option<(Uuid,)> =
                tx.one("SELECT id FROM delivery WHERE attempt = 2", args![]).await.expect("a query");
            let (second,) = second.expect("a second attempt");
            let (request, row) = load(&mut tx, second.into()).await.expect("a query").expect("a delivery");
            let step = next_step(&t.backend, &mut tx, request, row).await.expect("a query");
            let Step::Send(ready) = step else { panic!("it may be sent") };
            let prepared = prepare(&t.backend, &ready).await.expect("nothing to fetch");
            let Prepared::Whole(outbound, bytes) = prepared else { panic!("it is only text") };
            drop(tx);

            t.alter("UPDATE delivery SET state = 'delivered' WHERE attempt = 1").await;
            let share = Share::of(ready.route.provider, &outbound);
            let marked = mark(&t.backend, request, bytes, share).await.expect("a commit");
            assert!(matches!(marked, Marked::NotToBe));
            let shown = conversations::message(&t.backend, &t.admin, message).await.expect("a message");
            assert_eq!(shown.state, DeliveryState::Delivered);
            t
        })
        .await;
    }
}
