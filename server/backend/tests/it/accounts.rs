//! Accounts at carriers: what proves that a webhook is theirs, and who may change them.

use crate::carriers::{account, costs, media_calls, tariff, two_carriers, written};
use crate::twilio::{arrives, asked_to_send, failure, inbox_ids, text, texts};
use backend::inbox::Accepted;
use backend::lines::{self, AccountChange, NewAccount, NewLine, Prices};
use backend::testing::{TestBackend, on_each_engine};
use model::FailureCode;
use model::line::{ProviderKind, Verification};
use model::staff::Role;
use serde_json::{Value, json};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn addresses_are_a_second_proof_where_a_carrier_signs_nothing() {
    on_each_engine(async |t: TestBackend| {
        let (b, admin) = (&t.backend, &t.admin);
        let line = two_carriers(&t).await;
        let (media, inbound) = (account(&line, ProviderKind::MessageMedia), &line.accounts[1].inbound_url);
        let change = async |addresses: &str, verification| {
            let addresses = Some(addresses.to_owned());
            let change = AccountChange { addresses, verification, ..AccountChange::default() };
            lines::update_account(b, admin, media, change).await
        };
        assert_eq!(failure(change("somewhere", None).await).field.as_deref(), Some("addresses"));
        let line = change("198.51.100.0/24 203.0.113.9", None).await.unwrap();
        assert_eq!(line.accounts[1].addresses, "198.51.100.0/24 203.0.113.9");
        assert_eq!(media_calls(&t, inbound, written(1, 0, "From elsewhere")).await, Accepted::Quarantined);
        assert_eq!(lines::check_again(b, admin, media, false).await.unwrap(), 0);
        // Once its address is on the list, what came from it is read.
        let line = change("203.0.113.7", None).await.unwrap();
        assert_eq!(line.accounts[1].quarantined, 0);
        t.run_jobs().await;
        assert_eq!(texts(&t, inbox_ids(&t).await[0]).await, ["From elsewhere"]);
        change("198.51.100.1", Some(Verification::Observe)).await.unwrap();
        assert_eq!(media_calls(&t, inbound, written(2, 0, "Observed")).await, Accepted::Journalled);
        let forged = inbound.replace("?key=", "?key=x");
        assert_eq!(media_calls(&t, &forged, written(3, 0, "Observed too")).await, Accepted::Journalled);
        change("", Some(Verification::Enforce)).await.unwrap();
        assert_eq!(media_calls(&t, &forged, written(4, 0, "Forged")).await, Accepted::Quarantined);
        // Twilio's webhooks are not asked where they come from.
        assert_eq!(arrives(&t, &text(&t, 9, 0, "Signed")).await.unwrap(), Accepted::Journalled);
        t.run_jobs().await;
        t
    })
    .await;
}

#[tokio::test]
async fn what_a_carrier_that_was_taken_away_brought_into_quarantine_is_not_lost() {
    on_each_engine(async |t: TestBackend| {
        let (b, admin) = (&t.backend, &t.admin);
        let line = two_carriers(&t).await;
        let media = account(&line, ProviderKind::MessageMedia);
        let forged = line.accounts[1].inbound_url.replace("?key=", "?key=x");
        let line = lines::remove_account(b, admin, media).await.unwrap();
        assert_eq!(line.accounts.len(), 1);
        assert_eq!(
            media_calls(&t, &forged, written(1, 0, "Late, under a wrong address")).await,
            Accepted::Quarantined
        );
        let listed = lines::list(b, admin).await.unwrap().remove(0);
        let shown: Vec<_> =
            listed.accounts.iter().map(|one| (one.carrier, one.removed, one.quarantined)).collect();
        assert_eq!(shown, [(ProviderKind::Twilio, false, 0), (ProviderKind::MessageMedia, true, 1)]);
        // It is read and nothing else: the carrier stays away.
        assert_eq!(failure(lines::pin(b, admin, line.id, Some(media)).await).code, FailureCode::NotFound);
        let stranger = t.stranger().await;
        assert_eq!(failure(lines::check_again(b, &stranger, media, true).await).code, FailureCode::NotFound);
        assert_eq!(lines::check_again(b, admin, media, false).await.unwrap(), 0);
        assert_eq!(lines::check_again(b, admin, media, true).await.unwrap(), 1);
        t.run_jobs().await;
        assert_eq!(texts(&t, inbox_ids(&t).await[0]).await, ["Late, under a wrong address"]);
        assert_eq!(lines::list(b, admin).await.unwrap()[0].accounts.len(), 1);
        t
    })
    .await;
}

#[tokio::test]
async fn while_a_secret_is_exchanged_both_are_taken() {
    on_each_engine(async |t: TestBackend| {
        let (b, admin) = (&t.backend, &t.admin);
        let line = two_carriers(&t).await;
        let media = account(&line, ProviderKind::MessageMedia);
        let old = line.accounts[1].inbound_url.clone();
        let line = lines::exchange_secret(b, admin, media).await.unwrap();
        let new = line.accounts[1].inbound_url.clone();
        assert_ne!(old, new);
        assert!(line.accounts[1].old_secret_until.is_some() && line.accounts[1].by_secret);
        for (n, address) in [(1, &old), (2, &new)] {
            assert_eq!(media_calls(&t, address, written(n, 0, "Hello")).await, Accepted::Journalled);
        }
        // Another one now would cut off the addresses that the carrier still calls.
        let twice = failure(lines::exchange_secret(b, admin, media).await);
        assert_eq!(twice.code, FailureCode::Conflict);
        assert_eq!(media_calls(&t, &old, written(6, 0, "Hello")).await, Accepted::Journalled);
        t.later(8 * 24 * 60 * MINUTE).await;
        assert_eq!(media_calls(&t, &old, written(3, 0, "Hello")).await, Accepted::Quarantined);
        // Whoever knows that the old one has leaked does not wait for a week.
        let newest = lines::exchange_secret(b, admin, media).await.unwrap().accounts[1].inbound_url.clone();
        lines::end_exchange(b, admin, media).await.unwrap();
        assert_eq!(media_calls(&t, &new, written(4, 0, "Hello")).await, Accepted::Quarantined);
        assert_eq!(media_calls(&t, &newest, written(5, 0, "Hello")).await, Accepted::Journalled);
        t.run_jobs().await;
        t
    })
    .await;
}

#[tokio::test]
async fn what_a_carrier_does_not_know_is_refused_before_anything_changes() {
    on_each_engine(async |t: TestBackend| {
        let (b, admin) = (&t.backend, &t.admin);
        let line = two_carriers(&t).await;
        let (twilio, media) =
            (account(&line, ProviderKind::Twilio), account(&line, ProviderKind::MessageMedia));
        let change = async |credentials: Value| {
            let change = AccountChange { credentials: Some(credentials), ..AccountChange::default() };
            lines::update_account(b, admin, media, change).await
        };
        let unknown = failure(change(json!({"api_secrt": "new"})).await);
        assert_eq!(unknown.field.as_deref(), Some("credentials"));
        assert!(unknown.message.contains("api_secrt") && unknown.message.contains("api_secret"));
        for broken in ["half a secret", "half a\nsecret"] {
            let refused = failure(change(json!({"api_secret": broken})).await);
            assert_eq!(refused.field.as_deref(), Some("api_secret"));
        }
        change(json!({"api_secret": " new\n", "caption": "Your picture"})).await.unwrap();
        let none = failure(lines::exchange_secret(b, admin, twilio).await);
        assert!(none.code == FailureCode::Invalid && none.message.contains("Twilio"), "{none:?}");
        t
    })
    .await;
}

#[tokio::test]
async fn a_number_is_one_line_of_an_organisation() {
    on_each_engine(async |t: TestBackend| {
        let (b, stranger) = (&t.backend, t.stranger().await);
        let again = || NewLine {
            name: "Reception".to_owned(),
            number: "+61 491 570 006".to_owned(),
            provider: ProviderKind::MessageMedia,
            credentials: json!({"api_key": "key", "api_secret": "secret"}),
        };
        let refused = failure(lines::create(b, &t.admin, again()).await);
        assert_eq!(refused.field.as_deref(), Some("number"));
        assert!(refused.message.contains("Front desk"), "{}", refused.message);
        assert_eq!(lines::list(b, &t.admin).await.unwrap().len(), 1);
        // What another organisation has agreed with its carrier, nobody here can know.
        lines::create(b, &stranger, again()).await.unwrap();
        t
    })
    .await;
}

#[tokio::test]
async fn only_admins_of_the_organisation_change_its_carriers() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let line = two_carriers(&t).await;
        let id = account(&line, ProviderKind::MessageMedia);
        let staff = t.colleague(Role::Staff).await;
        let stranger = t.stranger().await;
        for (caller, code) in [(&staff, FailureCode::NotAllowed), (&stranger, FailureCode::NotFound)] {
            let new = NewAccount { provider: ProviderKind::Simulator, credentials: Value::Null };
            let told = [
                failure(lines::add_account(b, caller, line.id, new).await),
                failure(lines::update_account(b, caller, id, AccountChange::default()).await),
                failure(lines::remove_account(b, caller, id).await),
                failure(lines::exchange_secret(b, caller, id).await),
                failure(lines::end_exchange(b, caller, id).await),
                failure(lines::check_again(b, caller, id, true).await),
                failure(lines::rename(b, caller, line.id, "Ours").await),
            ];
            assert!(told.iter().all(|failure| failure.code == code), "{told:?}");
        }
        let dear = AccountChange { prices: Some(tariff(-1, 0)), ..AccountChange::default() };
        assert_eq!(failure(lines::update_account(b, &t.admin, id, dear).await).field.as_deref(), Some("sms"));
        costs(&t, id, tariff(79_000, 300_000)).await;
        let known = lines::list(b, &t.admin).await.unwrap().remove(0);
        assert!(known.accounts[1].own_tariff);
        assert_eq!(known.accounts[1].route.tariff.unwrap().mms, Some(300_000));
        costs(&t, id, Prices::Published).await;
        assert!(!lines::list(b, &t.admin).await.unwrap()[0].accounts[1].own_tariff);
        assert!(asked_to_send(&t).await.is_empty());
        t
    })
    .await;
}
