//! What cannot be read: a photo that lies in its folder, and a file that is no backup.

use crate::backups::Place;
use crate::moving::{elsewhere, usual_day};
use crate::photos::{jpeg, uploads};
use crate::twilio::failure;
use backend::doctor::{self, Trouble};
use backend::media::blobs::{BlobError, BlobKey, Variant};
use backend::testing::{TestBackend, on_each_engine};
use backend::{Backend, Blobs, Error, backup, media, transfer};
use model::media::RenditionRole;
use std::path::Path;

/// A usual day with its photos in a folder, and an upload. In the place of one of its files stands a folder: permissions
/// keep nobody out whom the tests may run as.
async fn with_something_in_the_way(t: &TestBackend, root: &Path, variant: Variant) -> (Backend, BlobKey) {
    usual_day(t).await;
    let upload = uploads(t, "once.jpg", &jpeg(7)).await.unwrap().media_id;
    t.run_jobs().await;
    let blobs = Blobs::folder(root).await.unwrap();
    transfer::run(&t.backend, None, Some(&blobs), &mut |_: &str| {}).await.unwrap();
    let key = BlobKey::Outbound(upload, variant);
    let place = root.join(key.path());
    std::fs::remove_file(&place).unwrap();
    std::fs::create_dir(&place).unwrap();
    (elsewhere(t, t.backend.store.clone(), blobs), key)
}

#[tokio::test]
async fn a_backup_is_made_of_the_rest() {
    on_each_engine(async |t: TestBackend| {
        let folder = tempfile::tempdir().unwrap();
        let (b, key) = with_something_in_the_way(&t, &folder.path().join("media"), Variant::Original).await;
        let file = folder.path().join("clinic.backup");
        let mut told = Vec::new();
        let made = backup::make(&b, &file, &mut |line: &str| told.push(line.to_owned())).await.unwrap();
        assert_eq!((made.missing, made.lost, made.unreadable, made.damaged), (1, 0, 1, 0));
        assert_eq!(told, [format!("{}: is a directory", key.path())]);
        let restored = Place::new(&t, &folder.path().join("back")).restore(&file).await.unwrap();
        assert_eq!((restored.blobs, restored.missing), (made.blobs, 1));
        t
    })
    .await;
}

async fn is_told_by_a_doctor_who_goes_on(t: TestBackend, variant: Variant) -> TestBackend {
    let folder = tempfile::tempdir().unwrap();
    let (b, key) = with_something_in_the_way(&t, folder.path(), variant).await;
    t.alter("UPDATE conversation SET unread = unread + 7").await;
    // Repaired by the second one.
    for (repair, wrong) in [(false, 3), (true, 3), (true, 0)] {
        let mut findings = doctor::examine(&b, repair, &mut |_| {}).await.unwrap().findings;
        let unreadable = findings.remove(0);
        assert_eq!((unreadable.trouble, unreadable.repaired), (Trouble::Unreadable, false));
        assert!(key.path().contains(&unreadable.id));
        assert_eq!(unreadable.about[0], format!("{}: is a directory", key.path()));
        assert!(unreadable.about[1].ends_with("in no message"), "{unreadable:?}");
        assert!(findings.iter().all(|finding| finding.trouble == Trouble::UnreadWrong));
        assert_eq!(findings.len(), wrong);
    }
    t
}

#[tokio::test]
async fn the_doctor_goes_on_after_an_original() {
    on_each_engine(async |t: TestBackend| {
        Box::pin(is_told_by_a_doctor_who_goes_on(t, Variant::Original)).await
    })
    .await;
}

#[tokio::test]
async fn the_doctor_goes_on_after_a_copy() {
    on_each_engine(async |t: TestBackend| {
        let tile = Variant::Rendition(RenditionRole::Tile);
        Box::pin(is_told_by_a_doctor_who_goes_on(t, tile)).await
    })
    .await;
}

#[tokio::test]
async fn a_store_that_is_away_ends_both() {
    on_each_engine(async |t: TestBackend| {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("media");
        let (b, _) = with_something_in_the_way(&t, &root, Variant::Original).await;
        // It takes nothing any more: that is not about one photo.
        std::fs::remove_dir(root.join(".incoming")).unwrap();
        std::fs::write(root.join(".incoming"), "in the way").unwrap();
        let file = folder.path().join("clinic.backup");
        let made = backup::make(&b, &file, &mut |_: &str| {}).await;
        assert!(matches!(made, Err(Error::Blobs(BlobError::Unavailable(_)))), "{made:?}");
        assert!(!file.exists());
        let examined = doctor::examine(&b, false, &mut |_| {}).await;
        assert!(matches!(examined, Err(Error::Blobs(BlobError::Unavailable(_)))), "{examined:?}");
        t
    })
    .await;
}

#[tokio::test]
async fn a_folder_whose_disk_is_not_there_takes_nothing_until_it_is() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let folder = tempfile::tempdir().unwrap();
        let (disk, place) = (folder.path().join("disk"), folder.path().join("media"));
        let full = Blobs::folder(&disk).await.unwrap();
        transfer::run(&t.backend, None, Some(&full), &mut |_: &str| {}).await.unwrap();
        let there = elsewhere(&t, t.backend.store.clone(), Blobs::folder(&place).await.unwrap());
        there.blobs.ready().await.expect("nobody said that something must be in it");
        media::expect_stored(&there).await.unwrap();
        for _ in 0..2 {
            let refused = there.blobs.ready().await;
            assert!(
                matches!(&refused, Err(BlobError::Unavailable(why)) if why.contains("its disk")),
                "{refused:?}"
            );
        }
        let key = BlobKey::Outbound(t.backend.clock.new_id(), Variant::Original);
        assert!(
            matches!(there.blobs.size(&key).await, Err(BlobError::Unavailable(_))),
            "it may be on that disk"
        );
        std::fs::remove_dir_all(&place).unwrap();
        std::fs::rename(&disk, &place).unwrap();
        there.blobs.ready().await.unwrap();
        assert_eq!(there.blobs.size(&key).await.unwrap(), None);
        t
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_no_backup_is_refused_without_a_byte_of_it() {
    on_each_engine(async |t: TestBackend| {
        usual_day(&t).await;
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("clinic.backup");
        backup::make(&t.backend, &whole, &mut |_: &str| {}).await.unwrap();
        let mut torn = std::fs::read(&whole).unwrap();
        // In the checksum of the first header, which the library quotes.
        torn[148..156].copy_from_slice(b"\x1B[31mXX\xFF");
        let encrypted = [b"age-encryption.org/v1\n".as_slice(), &[0xFE; 4000]].concat();
        let compressed = [b"\x1F\x8B\x08\x00".as_slice(), &[0xFE; 4000]].concat();
        for (bytes, words) in [
            (encrypted, "decrypt or decompress it first"),
            (compressed, "decrypt or decompress it first"),
            (torn, "it is cut off or damaged"),
        ] {
            let file = folder.path().join("other.backup");
            std::fs::write(&file, bytes).unwrap();
            let refused = failure(Place::new(&t, folder.path()).restore(&file).await);
            assert!(refused.message.contains(words), "{:?}", refused.message);
            assert!(refused.message.is_ascii() && !refused.message.contains(char::is_control));
        }
        t
    })
    .await;
}
