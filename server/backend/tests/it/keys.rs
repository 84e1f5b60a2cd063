//! A server that is started with other keys than before.

use backend::keys::WhichKey;
use backend::testing::{TestBackend, on_each_engine};
use backend::{Backend, Keys, Parts, canary, live, patients};
use model::patient::{NumberInput, PatientInput};

/// The same database under other keys; a story's own are of sevens and of eights.
fn under(t: &TestBackend, master: u8, phone: u8) -> Backend {
    let b = &t.backend;
    Backend::new(Parts {
        store: b.store.clone(),
        blobs: b.blobs.clone(),
        http: b.http.clone(),
        pictures: b.pictures.clone(),
        clock: b.clock.clone(),
        keys: Keys::new([master; 32], [phone; 32]),
        settings: b.settings.clone(),
        live: live::Hub::default(),
    })
}

async fn wrong_keys(t: &TestBackend) -> Vec<Option<WhichKey>> {
    let mut wrong = Vec::new();
    for (master, phone) in [(7, 8), (9, 8), (7, 9), (9, 9)] {
        wrong.push(canary::wrong_key(&under(t, master, phone)).await.unwrap());
    }
    wrong
}

const TOLD: [Option<WhichKey>; 4] =
    [None, Some(WhichKey::Master), Some(WhichKey::Phone), Some(WhichKey::Master)];

#[tokio::test]
async fn keys_other_than_those_of_before_are_noticed() {
    on_each_engine(async |t: TestBackend| {
        assert_eq!(canary::note_keys(&t.backend).await.unwrap(), None);
        assert_eq!(wrong_keys(&t).await, TOLD);
        // Noting others replaces nothing.
        assert_eq!(canary::note_keys(&under(&t, 9, 8)).await.unwrap(), Some(WhichKey::Master));
        assert_eq!(wrong_keys(&t).await, TOLD);
        t
    })
    .await;
}

#[tokio::test]
async fn a_database_that_noted_no_keys_is_tried_by_what_it_holds() {
    on_each_engine(async |t: TestBackend| {
        let number = NumberInput { number: "0491 570 156".to_owned(), ..NumberInput::default() };
        let input =
            PatientInput { name: "Amelia Hart".to_owned(), numbers: vec![number], ..PatientInput::default() };
        patients::create(&t.backend, &t.admin, &input).await.unwrap();
        assert_eq!(t.count("SELECT COUNT(*) FROM key_canary").await, 0);
        assert_eq!(wrong_keys(&t).await, TOLD);
        t
    })
    .await;
}
