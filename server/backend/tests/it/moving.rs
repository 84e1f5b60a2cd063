//! Everything is copied into another database and another store, and is the same there.

use crate::blobs::bucket;
use crate::photos::{files_below, jpeg, photo_arrives, uploads};
use crate::twilio::{carrier_accepts, draft, failure, is_read, text, to};
use backend::images::{self, Filter};
use backend::media::blobs::{BlobKey, Variant};
use backend::testing::{TestBackend, alter, on_each_engine, postgres};
use backend::transfer::{self, Moved};
use backend::{
    Backend, Blobs, Parts, Store, canary, conversations, lines, live, messages, patients, schedule, sign_in,
    staff,
};
use model::conversation::{InboxQuery, ThreadFrom};
use model::link::LinkOptions;
use model::media::Category;
use model::message::Draft;
use model::patient::PatientInput;
use model::staff::Role;
use model::{FailureCode, PatientId};
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Notify;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// What a small clinic has after a day: somebody who signs in, a photo that came and was filed, a text of another
/// patient, who wants no more of them, an answer, and a picture behind a link.
pub(crate) async fn usual_day(t: &TestBackend) -> PatientId {
    let b = &t.backend;
    canary::note_keys(b).await.unwrap();
    let welcome = staff::invite(b, &t.admin, "sam@clinic.example", "Sam", Role::Staff).await.unwrap();
    let welcome = welcome.link().unwrap();
    sign_in::use_one_time_link(b, welcome.rsplit('/').next().unwrap(), PASSWORD).await.unwrap();
    let photo = photo_arrives(t, 1, 0, &jpeg(1)).await;
    let input = PatientInput { name: "Amelia Hart".to_owned(), ..PatientInput::default() };
    let amelia = patients::create(b, &t.admin, &input).await.unwrap().id;
    images::file(b, &t.admin, photo.id, None, amelia, Category::Prescriptions).await.unwrap();
    is_read(t, &text(t, 2, 1, "When do you open?")).await;
    is_read(t, &text(t, 3, 2, "STOP")).await;
    carrier_accepts(t).await;
    messages::send(b, &t.admin, &to(1), &draft("At nine \u{1F600}", "one")).await.unwrap();
    let scan = uploads(t, "scan.jpg", &jpeg(2)).await.unwrap().media_id;
    let with_link =
        Draft { attachments: vec![scan], link: Some(LinkOptions::default()), ..draft("Your scan", "two") };
    messages::send(b, &t.admin, &to(0), &with_link).await.unwrap();
    for _ in 0..3 {
        t.later(Duration::from_secs(60)).await;
    }
    // One of a pair of tables that refer to each other; so do messages and links.
    let line = lines::list(b, &t.admin).await.unwrap().remove(0);
    lines::pin(b, &t.admin, line.id, Some(line.accounts[0].route.account_id)).await.unwrap();
    amelia
}

/// The same clinic in another place.
pub(crate) fn elsewhere(t: &TestBackend, store: Store, blobs: Blobs) -> Backend {
    let b = &t.backend;
    Backend::new(Parts {
        store,
        blobs,
        http: b.http.clone(),
        pictures: b.pictures.clone(),
        clock: b.clock.clone(),
        keys: b.keys.clone(),
        settings: b.settings.clone(),
        live: live::Hub::default(),
    })
}

/// Everything that staff see of it.
pub(crate) async fn seen(b: &Backend, t: &TestBackend) -> Value {
    let inbox = conversations::list(b, &t.admin, &InboxQuery::default()).await.unwrap();
    let mut threads = Vec::new();
    for row in &inbox.items {
        threads.push(conversations::thread(b, &t.admin, row.id, &ThreadFrom::Newest).await.unwrap());
    }
    let images = images::list(b, &t.admin, Filter::default(), None).await.unwrap();
    let lines = lines::list(b, &t.admin).await.unwrap();
    json!({ "inbox": inbox.items, "threads": threads, "images": images.items, "lines": lines })
}

pub(crate) async fn database(url: &str) -> Store {
    let store = Store::connect(url).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// Empty databases: SQLite, and PostgreSQL where there is one.
async fn databases(folder: &TempDir) -> Vec<Store> {
    let mut all = vec![database(&format!("sqlite:{}", folder.path().join("other.db").display())).await];
    if let Some(url) = postgres().await {
        all.push(database(&url).await);
    }
    all
}

async fn run(b: &Backend, store: Option<&Store>, blobs: Option<&Blobs>) -> Result<Moved, backend::Error> {
    transfer::run(b, store, blobs, &mut |_: &str| {}).await
}

#[tokio::test]
async fn every_table_is_copied_or_left_behind_on_purpose() {
    on_each_engine(async |t: TestBackend| {
        let unnamed = transfer::unnamed_tables(&t.backend.store).await.unwrap();
        assert_eq!(unnamed, Vec::<String>::new(), "name them in transfer/tables.rs");
        t
    })
    .await;
}

#[tokio::test]
async fn a_clinic_is_the_same_in_another_place() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let before = seen(&t.backend, &t).await;
        let folder = tempfile::tempdir().unwrap();
        for (n, store) in databases(&folder).await.into_iter().enumerate() {
            let blobs = Blobs::folder(&folder.path().join(n.to_string())).await.unwrap();
            let moved = run(&t.backend, Some(&store), Some(&blobs)).await.unwrap();
            assert_eq!((moved.rows, moved.blobs), (moved.rows_written, moved.blobs_written));
            assert!(moved.rows > 40 && moved.blobs > 8, "{moved:?}");
            assert_eq!((moved.strange, moved.missing), (0, 0));

            let there = elsewhere(&t, store.clone(), blobs.clone());
            assert_eq!(seen(&there, &t).await, before);
            assert_eq!(canary::wrong_key(&there).await.unwrap(), None);

            let again = run(&t.backend, Some(&store), Some(&blobs)).await.unwrap();
            assert_eq!((again.rows, again.blobs), (moved.rows, moved.blobs));
            assert_eq!((again.rows_written, again.blobs_written), (0, 0));

            sign_in::sign_in(&there, "sam@clinic.example", PASSWORD, "192.0.2.1").await.unwrap();
            store.close().await;
        }
        t
    })
    .await;
}

#[tokio::test]
async fn a_copy_that_was_stopped_goes_on_where_it_was() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let folder = tempfile::tempdir().unwrap();
        for (n, store) in databases(&folder).await.into_iter().enumerate() {
            let blobs = Blobs::folder(&folder.path().join(n.to_string())).await.unwrap();
            let stop = Notify::new();
            let mut tell = |line: &str| {
                if line.starts_with("conversation:") {
                    stop.notify_one();
                }
            };
            tokio::select! {
                biased;
                () = stop.notified() => {}
                done = transfer::run(&t.backend, Some(&store), Some(&blobs), &mut tell) => {
                    panic!("it was not stopped: {done:?}");
                }
            }
            let moved = run(&t.backend, Some(&store), Some(&blobs)).await.unwrap();
            assert!(0 < moved.rows_written && moved.rows_written < moved.rows, "{moved:?}");
            // What was changed here since the copy is changed there by the next one.
            t.alter("UPDATE patient SET notes = 'Prefers mornings'").await;
            assert_eq!(run(&t.backend, Some(&store), None).await.unwrap().rows_written, 1);
            t.alter("UPDATE patient SET notes = ''").await;
            run(&t.backend, Some(&store), None).await.unwrap();
            assert_eq!(seen(&elsewhere(&t, store.clone(), blobs), &t).await, seen(&t.backend, &t).await);
            store.close().await;
        }
        t
    })
    .await;
}

#[tokio::test]
async fn what_belongs_to_somebody_else_is_never_touched() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let other = TestBackend::new(None).await;
        let refused = failure(run(&t.backend, Some(&other.backend.store), None).await);
        assert_eq!(refused.code, FailureCode::Conflict);
        assert!(refused.message.contains("rows that this one has not"), "{}", refused.message);
        assert_eq!(other.count("SELECT COUNT(*) FROM organisation").await, 1);
        assert_eq!(other.count("SELECT COUNT(*) FROM message").await, 0);
        t
    })
    .await;
}

#[tokio::test]
async fn a_copy_that_a_server_has_worked_with_is_never_written_over() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let folder = tempfile::tempdir().unwrap();
        for store in databases(&folder).await {
            run(&t.backend, Some(&store), None).await.unwrap();
            let there = elsewhere(&t, store.clone(), Blobs::memory());
            let is_refused = async || {
                let refused = failure(run(&t.backend, Some(&store), None).await);
                assert!(refused.message.contains("A server has worked with"), "{}", refused.message);
            };
            // Whoever was told of something there worked with it, whatever it was.
            alter(&there, "UPDATE live_counter SET seq = seq + 1").await;
            is_refused().await;
            alter(&there, "UPDATE live_counter SET seq = seq - 1").await;
            assert_eq!(run(&t.backend, Some(&store), None).await.unwrap().rows_written, 0);
            // What a server does as soon as it starts.
            schedule::run_due(&there).await.unwrap();
            is_refused().await;
            store.close().await;
        }
        t
    })
    .await;
}

#[tokio::test]
async fn a_store_for_photos_of_somebody_else_is_never_touched() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::folder(folder.path()).await.unwrap();
        let theirs = BlobKey::Outbound(t.backend.clock.new_id(), Variant::Original);
        blobs.put_bytes(&theirs, "image/jpeg", jpeg(5).into()).await.unwrap();
        let other = tempfile::tempdir().unwrap();
        let database = database(&format!("sqlite:{}", other.path().join("other.db").display())).await;
        let refused = failure(run(&t.backend, Some(&database), Some(&blobs)).await);
        assert_eq!(refused.code, FailureCode::Conflict);
        assert!(refused.message.contains("somebody else uses it"), "{}", refused.message);
        assert_eq!(files_below(folder.path()), [folder.path().join(theirs.path())]);
        assert_eq!(run(&t.backend, Some(&database), None).await.unwrap().missing, 0);
        database.close().await;

        // A copy that was stopped has something in common with what is copied, whatever else lies there.
        let scan = uploads(&t, "scan.jpg", &jpeg(6)).await.unwrap().media_id;
        t.run_jobs().await;
        let ours = BlobKey::Outbound(scan, Variant::Original);
        blobs.put_bytes(&ours, "image/jpeg", jpeg(6).into()).await.unwrap();
        let moved = run(&t.backend, None, Some(&blobs)).await.unwrap();
        assert_eq!((moved.blobs, moved.missing), (moved.blobs_written + 1, 0));

        // What is none of ours is in nobody's way.
        let with_notes = Blobs::folder(other.path()).await.unwrap();
        std::fs::write(other.path().join("notes.txt"), "somebody's").unwrap();
        assert!(run(&t.backend, None, Some(&with_notes)).await.unwrap().blobs_written > 8);
        t
    })
    .await;
}

#[tokio::test]
async fn photos_that_are_not_there_to_be_copied_are_told() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::folder(folder.path()).await.unwrap();
        // A disk that is not there lists nothing.
        let hollow = elsewhere(&t, t.backend.store.clone(), Blobs::memory());
        let moved = run(&hollow, None, Some(&blobs)).await.unwrap();
        assert_eq!((moved.blobs, moved.missing), (0, 3));
        let moved = run(&t.backend, None, Some(&blobs)).await.unwrap();
        assert!(moved.blobs > 8 && moved.missing == 0, "{moved:?}");
        t
    })
    .await;
}

#[tokio::test]
async fn nothing_is_copied_onto_itself() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let refused = failure(run(&t.backend, Some(&t.backend.store), None).await);
        assert_eq!(refused.code, FailureCode::Conflict);
        assert!(refused.message.contains("DATABASE_URL still has to name"), "{}", refused.message);

        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("photos"), folder.path().join("also-photos"));
        let there = elsewhere(&t, t.backend.store.clone(), Blobs::folder(&path).await.unwrap());
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let refused = failure(run(&there, None, Some(&Blobs::folder(&link).await.unwrap())).await);
        assert!(refused.message.contains("--blobs names the new one"), "{}", refused.message);
        let Some(settings) = bucket("photos").await else { return t };
        let there = elsewhere(&t, t.backend.store.clone(), Blobs::s3(settings.clone()).await.unwrap());
        let refused = failure(run(&there, None, Some(&Blobs::s3(settings).await.unwrap())).await);
        assert!(refused.message.contains("--blobs names the new one"), "{}", refused.message);
        t
    })
    .await;
}

#[tokio::test]
async fn a_folder_for_photos_lies_beside_the_other_one() {
    let t = TestBackend::new(None).await;
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("data/media"), folder.path().join("link"));
    let there = elsewhere(&t, t.backend.store.clone(), Blobs::folder(&path).await.unwrap());
    std::os::unix::fs::symlink(folder.path().join("data"), &link).unwrap();
    for nested in
        ["data/media/new", "data", "data/media/a/b/../c", "link/media/new", "none/../data/media/x", "link"]
    {
        let refused = failure(transfer::refuse_nested(&there, &folder.path().join(nested)).await);
        assert_eq!(refused.code, FailureCode::Conflict);
        assert!(refused.message.contains("Name a folder beside it"), "{}", refused.message);
    }
    // The folder itself is refused in words of its own.
    for beside in ["data/media-new", "data/media/../new", "new", "link/media"] {
        transfer::refuse_nested(&there, &folder.path().join(beside)).await.unwrap();
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_meanwhile_is_noticed() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let folder = tempfile::tempdir().unwrap();
        let store = databases(&folder).await.remove(0);
        let mut written = false;
        let mut tell = |_: &str| {
            if !std::mem::replace(&mut written, true) {
                let input = PatientInput { name: "Ben Hall".to_owned(), ..PatientInput::default() };
                let create = patients::create(&t.backend, &t.admin, &input);
                let runtime = tokio::runtime::Handle::current();
                tokio::task::block_in_place(|| runtime.block_on(create)).unwrap();
            }
        };
        let refused = failure(transfer::run(&t.backend, Some(&store), None, &mut tell).await);
        assert_eq!(refused.code, FailureCode::Conflict);
        assert!(refused.message.contains("Stop the server"), "{}", refused.message);
        run(&t.backend, Some(&store), None).await.unwrap();
        store.close().await;
        t
    })
    .await;
}

#[tokio::test]
async fn photos_move_to_s3_and_back() {
    on_each_engine(async |t: TestBackend| {
        let Some(settings) = bucket("moved/here").await else { return t };
        usual_day(&t).await;
        let s3 = Blobs::s3(settings).await.unwrap();
        let moved = run(&t.backend, None, Some(&s3)).await.unwrap();
        assert!(moved.blobs > 8 && moved.blobs_written == moved.blobs && moved.rows == 0, "{moved:?}");
        assert_eq!(run(&t.backend, None, Some(&s3)).await.unwrap().blobs_written, 0);

        let there = elsewhere(&t, t.backend.store.clone(), s3);
        let folder = tempfile::tempdir().unwrap();
        let back = Blobs::folder(folder.path()).await.unwrap();
        let returned = run(&there, None, Some(&back)).await.unwrap();
        assert_eq!((returned.blobs, returned.bytes), (moved.blobs, moved.bytes));
        let home = elsewhere(&t, t.backend.store.clone(), back);
        assert!(backend::doctor::examine(&home, false, &mut |_| {}).await.unwrap().findings.is_empty());
        t
    })
    .await;
}
