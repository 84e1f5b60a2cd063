//! Backups, and what they become.

use crate::moving::{PASSWORD, database, elsewhere, seen, usual_day};
use crate::photos::{files_below, jpeg, uploads};
use crate::twilio::{asked_to_send, carrier_accepts, draft, failure, is_read, shown, text, to};
use backend::backup::{self, Database, Made, Restored};
use backend::media::blobs::{BlobKey, Variant};
use backend::testing::{START, TestBackend, on_each_engine, postgres};
use backend::{Blobs, Store, conversations, doctor, jobs, messages, sign_in, transfer};
use bytes::Bytes;
use model::FailureCode;
use model::message::DeliveryState;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

async fn make(t: &TestBackend, file: &Path) -> Made {
    backup::make(&t.backend, file, &mut |_: &str| {}).await.unwrap()
}

/// Where a backup is put back: the file of the database, unless the story runs on PostgreSQL, and a folder.
pub(crate) struct Place {
    database: Option<PathBuf>,
    /// What PostgreSQL's own tools put back.
    server: Store,
    media: PathBuf,
}

impl Place {
    pub(crate) fn new(t: &TestBackend, folder: &Path) -> Self {
        let database = (!t.backend.store.is_postgres()).then(|| folder.join("heliograph.db"));
        Self { database, server: t.backend.store.clone(), media: folder.join("media") }
    }

    async fn blobs(&self) -> Blobs {
        Blobs::folder(&self.media).await.unwrap()
    }

    pub(crate) async fn restore(&self, file: &Path) -> Result<Restored, backend::Error> {
        let database = match &self.database {
            Some(file) => Database::File(file),
            None => Database::Server(&self.server),
        };
        backup::restore(file, database, &self.blobs().await, &mut |_: &str| {}).await
    }

    /// The database that was put back.
    async fn store(&self) -> Store {
        match &self.database {
            Some(file) => Store::connect(&format!("sqlite:{}", file.display())).await.unwrap(),
            None => self.server.clone(),
        }
    }
}

/// Another PostgreSQL database with the same rows, as pg_dump and pg_restore make it.
async fn dumped_and_put_back(t: &TestBackend) -> Store {
    let store = database(&postgres().await.unwrap()).await;
    transfer::run(&t.backend, Some(&store), None, &mut |_: &str| {}).await.unwrap();
    store
}

#[tokio::test]
async fn a_backup_that_was_made_while_others_wrote_is_a_whole_clinic() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clinic.backup");
        let others_write = async {
            for n in 10..30 {
                is_read(&t, &text(&t, n, 3, "One more")).await;
            }
        };
        let (made, ()) = tokio::join!(make(&t, &file), others_write);
        assert_eq!((made.database, made.missing, made.damaged), (!t.backend.store.is_postgres(), 0, 0));
        assert!(made.blobs > 8 && made.bytes > 0, "{made:?}");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(files_below(folder.path()), std::slice::from_ref(&file));

        let place = Place::new(&t, folder.path());
        let restored = place.restore(&file).await.unwrap();
        assert_eq!((restored.database, restored.blobs, restored.held_back), (made.database, made.blobs, 0));
        let store = place.store().await;
        let there = elsewhere(&t, store.clone(), place.blobs().await);
        let report = doctor::examine(&there, false, &mut |_| {}).await.unwrap();
        // A webhook that was being read at that moment is read when the server starts.
        assert!(report.findings.is_empty(), "{report:?}");
        assert!(report.originals >= 3 && report.conversations >= 3, "{report:?}");
        sign_in::sign_in(&there, "sam@clinic.example", PASSWORD, "192.0.2.1").await.unwrap();
        jobs::run_due(&there).await.unwrap();
        if made.database {
            store.close().await;
        }
        t
    })
    .await;
}

#[tokio::test]
async fn staff_see_what_they_saw() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clinic.backup");
        make(&t, &file).await;
        let place = Place::new(&t, folder.path());
        place.restore(&file).await.unwrap();
        let store = place.store().await;
        let there = elsewhere(&t, store.clone(), place.blobs().await);
        assert_eq!(seen(&there, &t).await, seen(&t.backend, &t).await);
        if place.database.is_some() {
            store.close().await;
        }
        t
    })
    .await;
}

#[tokio::test]
async fn what_waited_to_be_sent_is_not_sent_a_second_time() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let waiting = messages::send(&t.backend, &t.admin, &to(1), &draft("See you", "three")).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clinic.backup");
        make(&t, &file).await;
        let mut place = Place::new(&t, folder.path());
        if place.database.is_none() {
            place.server = dumped_and_put_back(&t).await;
        }
        t.run_jobs().await;
        assert_eq!(shown(&t, waiting.id).await.state, DeliveryState::Accepted);

        carrier_accepts(&t).await;
        assert_eq!(place.restore(&file).await.unwrap().held_back, 1);
        let store = place.store().await;
        assert_eq!(backup::hold_back(&store, START).await.unwrap(), 0, "they are held back already");
        let there = elsewhere(&t, store.clone(), place.blobs().await);
        jobs::run_due(&there).await.unwrap();
        let message = conversations::message(&there, &t.admin, waiting.id).await.unwrap();
        assert_eq!(message.state, DeliveryState::Uncertain);
        assert!(!asked_to_send(&t).await.contains(&"See you".to_owned()));
        store.close().await;
        t
    })
    .await;
}

/// Whoever is refused may start the server all the same.
#[tokio::test]
async fn what_waited_is_held_back_also_where_the_rest_is_refused() {
    on_each_engine(async |t: TestBackend| {
        if !t.is_postgres().await {
            // There the database is in the backup, and comes last.
            return t;
        }
        usual_day(&t).await;
        messages::send(&t.backend, &t.admin, &to(1), &draft("See you", "three")).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clinic.backup");
        make(&t, &file).await;

        // The store is in use.
        let mut place = Place::new(&t, &folder.path().join("used"));
        place.server = dumped_and_put_back(&t).await;
        let stranger = BlobKey::Inbound(t.backend.clock.new_id(), Variant::Original);
        place.blobs().await.put_bytes(&stranger, "image/jpeg", jpeg(9).into()).await.unwrap();
        let refused = failure(place.restore(&file).await);
        assert!(refused.message.contains("not in this backup"), "{}", refused.message);
        assert_eq!(backup::hold_back(&place.server, START).await.unwrap(), 0, "they are held back already");
        place.server.close().await;

        // A photo in the backup is damaged.
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[600] ^= 1;
        let damaged = folder.path().join("damaged.backup");
        std::fs::write(&damaged, bytes).unwrap();
        let mut place = Place::new(&t, &folder.path().join("empty"));
        place.server = dumped_and_put_back(&t).await;
        let refused = failure(place.restore(&damaged).await);
        assert_eq!(refused.code, FailureCode::Unavailable, "{}", refused.message);
        assert_eq!(backup::hold_back(&place.server, START).await.unwrap(), 0, "they are held back already");

        // Put back once more, by the whole backup: nothing new is found.
        assert_eq!(place.restore(&file).await.unwrap().held_back, 0);
        place.server.close().await;
        t
    })
    .await;
}

#[tokio::test]
async fn a_backup_of_another_engine_holds_nothing_back() {
    on_each_engine(async |t: TestBackend| {
        if !t.is_postgres().await {
            return t;
        }
        usual_day(&t).await;
        messages::send(&t.backend, &t.admin, &to(1), &draft("See you", "three")).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("other.backup");
        let other = TestBackend::new(None).await;
        make(&other, &file).await;
        let refused = failure(Place::new(&t, folder.path()).restore(&file).await);
        assert!(refused.message.contains("holds a SQLite database"), "{}", refused.message);
        assert_eq!(backup::hold_back(&t.backend.store, START).await.unwrap(), 1, "it waits to be sent");
        t
    })
    .await;
}

#[tokio::test]
async fn what_a_killed_backup_left_goes_after_a_day() {
    on_each_engine(async |t: TestBackend| {
        let folder = tempfile::tempdir().unwrap();
        let left = |name: &str, file: &str| {
            let left = folder.path().join(name);
            std::fs::create_dir(&left).unwrap();
            std::fs::write(left.join(file), "every text, readable").unwrap();
            left
        };
        let killed = left(".heliograph-1", "database.sqlite");
        let at_work = left(".heliograph-2", "backup.tar");
        let somebodys = left(".heliograph-notes", "notes.txt");
        let files = [killed.join("database.sqlite"), somebodys.join("notes.txt")];
        for old in files.iter().chain([&killed, &at_work, &somebodys]) {
            File::open(old).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
        make(&t, &folder.path().join("clinic.backup")).await;
        let there = [&killed, &at_work, &somebodys].map(|folder| folder.exists());
        assert_eq!(there, [false, true, true]);
        t
    })
    .await;
}

#[tokio::test]
async fn nothing_is_put_over_what_is_there() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clinic.backup");
        make(&t, &file).await;
        let again = failure(backup::make(&t.backend, &file, &mut |_: &str| {}).await);
        assert!(again.message.contains("exists already"), "{}", again.message);

        let place = Place::new(&t, folder.path());
        let stranger = BlobKey::Inbound(t.backend.clock.new_id(), Variant::Original);
        place.blobs().await.put_bytes(&stranger, "image/jpeg", jpeg(9).into()).await.unwrap();
        let refused = failure(place.restore(&file).await);
        assert_eq!(refused.code, FailureCode::Conflict);
        assert!(refused.message.contains("not in this backup"), "{}", refused.message);
        place.blobs().await.delete(&stranger).await.unwrap();

        place.restore(&file).await.unwrap();
        if place.database.is_some() {
            let refused = failure(place.restore(&file).await);
            assert!(refused.message.contains("empty data folder"), "{}", refused.message);
        }
        t
    })
    .await;
}

#[tokio::test]
async fn a_backup_that_is_not_whole_is_refused_before_anything_is_put_back() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("clinic.backup");
        make(&t, &whole).await;
        let bytes = std::fs::read(&whole).unwrap();
        let mut flipped = bytes.clone();
        // Behind the header of the first member.
        flipped[600] ^= 1;
        for damaged in [flipped, bytes[..bytes.len() / 2].to_vec(), b"no archive".to_vec(), Vec::new()] {
            let file = folder.path().join("damaged.backup");
            std::fs::write(&file, damaged).unwrap();
            let place = Place::new(&t, folder.path());
            let refused = failure(place.restore(&file).await);
            assert_eq!(refused.code, FailureCode::Unavailable, "{}", refused.message);
            assert_eq!(files_below(&place.media), Vec::<PathBuf>::new());
            assert!(place.database.is_none_or(|file| !file.exists()));
        }
        t
    })
    .await;
}

#[tokio::test]
async fn a_photo_whose_bytes_changed_is_kept_and_told() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let upload = uploads(&t, "scratched.jpg", &jpeg(3)).await.unwrap().media_id;
        t.run_jobs().await;
        let key = BlobKey::Outbound(upload, Variant::Original);
        let others = Bytes::from_static(b"\xFF\xD8 other bytes");
        t.backend.blobs.put_bytes(&key, "image/jpeg", others.clone()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clinic.backup");
        let mut told = Vec::new();
        let mut tell = |line: &str| told.push(line.to_owned());
        let made = backup::make(&t.backend, &file, &mut tell).await.unwrap();
        assert_eq!((made.missing, made.lost, made.unreadable, made.damaged), (0, 0, 0, 1));
        assert!(told.iter().any(|line| line.starts_with(&key.path())), "{told:?}");

        // It may be all there is.
        let place = Place::new(&t, folder.path());
        assert_eq!(place.restore(&file).await.unwrap().blobs, made.blobs);
        assert_eq!(place.blobs().await.size(&key).await.unwrap(), Some(others.len() as u64));
        t
    })
    .await;
}

#[tokio::test]
async fn a_photo_that_is_gone_is_told_and_the_rest_is_kept() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let lost = uploads(&t, "lost.jpg", &jpeg(3)).await.unwrap().media_id;
        t.run_jobs().await;
        let key = BlobKey::Outbound(lost, Variant::Original);
        t.backend.blobs.delete(&key).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clinic.backup");
        let mut told = Vec::new();
        let mut tell = |line: &str| told.push(line.to_owned());
        let made = backup::make(&t.backend, &file, &mut tell).await.unwrap();
        assert_eq!((made.missing, made.lost, made.damaged), (1, 1, 0));
        assert!(told.iter().any(|line| line.starts_with(&key.path())), "{told:?}");
        let place = Place::new(&t, folder.path());
        assert_eq!(place.restore(&file).await.unwrap().missing, 1);
        t
    })
    .await;
}
