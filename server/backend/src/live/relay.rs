//! Processes on one PostgreSQL database wake each other.
//!
//! A word says in which organisation something was committed. It is said after the commit rather than in its
//! transaction: PostgreSQL commits transactions that notify one after the other, and would no longer write several to
//! disk at once. A word that a dying process no longer says costs nothing but time: streams and workers look for
//! themselves now and then.

use crate::Backend;
use crate::store::StoreError;
use model::OrgId;
use std::collections::HashSet;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use uuid::Uuid;

/// How long what changes is gathered after something was told: people do not see it, and where much changes the others are
/// called as often as is of use to them.
const GATHERED_FOR: Duration = Duration::from_millis(20);

/// The wait before a database that does not answer is asked again.
const AGAIN: Duration = Duration::from_secs(2);

/// Tells other processes what changes through this one, and this one what changes through others, until `stop`
/// resolves. With SQLite there is nothing to do.
pub fn relay(backend: Backend, stop: impl Future<Output = ()> + Send) -> impl Future<Output = ()> + Send {
    // Now, not when the future is first polled: nothing is missed from here on.
    let own = backend.live.own.subscribe();
    async move {
        let me: Uuid = backend.clock.new_id();
        tokio::select! {
            () = stop => {}
            () = tell(&backend, me, own) => {}
            () = listen(&backend, me) => {}
        }
    }
}

/// Ends only with the hub.
async fn tell(backend: &Backend, me: Uuid, mut own: Receiver<OrgId>) {
    loop {
        // `None`: more changed than was kept track of.
        let mut changed = HashSet::from([match own.recv().await {
            Ok(org) => Some(org),
            Err(RecvError::Lagged(_)) => None,
            Err(RecvError::Closed) => return,
        }]);
        // What came since the last words were said goes along, each organisation once.
        loop {
            changed.insert(match own.try_recv() {
                Ok(org) => Some(org),
                Err(TryRecvError::Lagged(_)) => None,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            });
        }
        for org in changed {
            if let Err(error) = backend.store.notify(&word(me, org)).await {
                tracing::warn!(%error, "other processes could not be told of a change");
            }
        }
        tokio::time::sleep(GATHERED_FOR).await;
    }
}

/// Ends only with SQLite.
async fn listen(backend: &Backend, me: Uuid) {
    loop {
        match hear(backend, me).await {
            Ok(()) => return std::future::pending().await,
            Err(error) => tracing::warn!(%error, "other processes cannot be heard"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Returns when there is nobody to hear.
async fn hear(backend: &Backend, me: Uuid) -> Result<(), StoreError> {
    let Some(mut words) = backend.store.listen().await? else { return Ok(()) };
    // Nobody was listening until now.
    backend.live.wake_here(None);
    loop {
        match words.next().await? {
            Some(word) => match understood(&word) {
                Some((from, _)) if from == me => {}
                Some((_, org)) => backend.live.wake_here(org),
                // Of a version that is yet to come, perhaps: better to look in vain.
                None => backend.live.wake_here(None),
            },
            None => backend.live.wake_here(None),
        }
    }
}

/// `<who> <organisation>`, or `<who> any`.
fn word(me: Uuid, org: Option<OrgId>) -> String {
    match org {
        Some(org) => format!("{me} {org}"),
        None => format!("{me} any"),
    }
}

fn understood(word: &str) -> Option<(Uuid, Option<OrgId>)> {
    let (from, org) = word.split_once(' ')?;
    let org = if org == "any" { None } else { Some(org.parse().ok()?) };
    Some((from.parse().ok()?, org))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::organisations;
    use crate::testing::{TestBackend, postgres};
    use std::future::pending;
    use tokio::time::timeout;

    /// How long a story waits for what should come at once.
    const PATIENCE: Duration = Duration::from_secs(60);

    async fn heard(news: &mut Receiver<Option<OrgId>>) -> Option<OrgId> {
        timeout(PATIENCE, news.recv()).await.expect("news").expect("a hub")
    }

    #[test]
    fn words_are_understood() {
        let (me, org) = (Uuid::from_u128(7), OrgId(Uuid::from_u128(8)));
        assert_eq!(understood(&word(me, Some(org))), Some((me, Some(org))));
        assert_eq!(understood(&word(me, None)), Some((me, None)));
        assert_eq!(understood("hello"), None);
    }

    #[tokio::test]
    async fn a_change_through_one_process_wakes_the_other() {
        let Some(url) = postgres().await else { return };
        let t = TestBackend::new(Some(&url)).await;
        let (one, other) = (&t.backend, t.sibling());
        let mut news = other.live.subscribe();
        let relays = [one.clone(), other.clone()].map(|process| tokio::spawn(relay(process, pending())));
        assert_eq!(heard(&mut news).await, None, "it begins to listen");
        organisations::update(one, &t.admin, "Harbour Clinic", "AU", "member").await.expect("a change");
        assert_eq!(heard(&mut news).await, Some(t.org));
        timeout(PATIENCE, other.live.jobs.notified()).await.expect("a call");
        // No call is left over from before, so that this one comes with the next change.
        organisations::update(one, &t.admin, "Harbour Clinic", "AU", "client").await.expect("a change");
        timeout(PATIENCE, other.live.jobs.notified()).await.expect("a call for workers");
        relays.iter().for_each(tokio::task::JoinHandle::abort);
        t.backend.store.close().await;
    }

    #[tokio::test]
    async fn after_a_lost_connection_everything_may_have_changed() {
        let Some(url) = postgres().await else { return };
        let t = TestBackend::new(Some(&url)).await;
        let mut news = t.backend.live.subscribe();
        let relay = tokio::spawn(relay(t.backend.clone(), pending()));
        assert_eq!(heard(&mut news).await, None, "it begins to listen");
        let ended = t.count(
            "SELECT COUNT(*) FROM pg_stat_activity
             WHERE CASE WHEN datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'
                        THEN pg_terminate_backend(pid) ELSE FALSE END",
        );
        assert_eq!(ended.await, 1);
        assert_eq!(heard(&mut news).await, None, "it listens again");
        relay.abort();
        t.backend.store.close().await;
    }
}
