//! One contract for every place where blobs can lie: memory, a folder, and a real S3 server.

use crate::photos::{files_below, gathered, opened, with_blobs};
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use backend::media::blobs::{BlobError, BlobKey, S3Settings, Variant};
use backend::media::links;
use backend::media::upload;
use backend::testing::{TestBackend, on_each_engine};
use backend::{Blobs, Clock};
use bytes::Bytes;
use futures::StreamExt;
use model::media::RenditionRole;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use uuid::Uuid;

fn key(clock: &Clock) -> BlobKey {
    BlobKey::Inbound(clock.new_id(), Variant::Original)
}

fn pieces(bytes: &[u8], size: usize) -> Vec<io::Result<Bytes>> {
    bytes.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect()
}

async fn read(blobs: &Blobs, key: &BlobKey) -> Vec<u8> {
    gathered(blobs.get(key, None).await.unwrap().stream).await.unwrap()
}

/// Bytes of a part of an upload to S3 in parts.
const S3_PART: usize = 8 * 1024 * 1024;

/// `part`: where the place stores in parts, how large one is.
async fn keeps_the_contract(blobs: &Blobs, part: usize) {
    let clock = Clock::system();
    blobs.ready().await.unwrap();
    what_is_stored_is_read_back(blobs, &key(&clock), part).await;
    what_ends_early_leaves_nothing(blobs, &key(&clock), part).await;
    copies_are_independent(blobs, &key(&clock)).await;
    what_is_stored_is_listed(blobs, [key(&clock), key(&clock)]).await;
    what_is_missing_is_told_as_missing(blobs, &key(&clock)).await;
}

async fn what_is_stored_is_read_back(blobs: &Blobs, key: &BlobKey, part: usize) {
    for size in [0, 1, part / 2, part, part + 1, 2 * part + 345] {
        let bytes: Vec<u8> = (0..size).map(|n| (n % 253) as u8).collect();
        let stream = futures::stream::iter(pieces(&bytes, part / 11)).boxed();
        let stored = blobs.put_stream(key, "image/jpeg", stream, size as u64).await.unwrap();
        assert_eq!((stored.size, stored.sha256), (size as u64, backend::keys::sha256(&bytes)));
        assert_eq!(blobs.size(key).await.unwrap(), Some(size as u64));
        let whole = read(blobs, key).await;
        assert!(whole == bytes, "{size} bytes came back as {}", whole.len());
    }
    let whole = read(blobs, key).await;
    let size = whole.len() as u64;
    for range in [0..10, 5..5, size / 2..size / 2 + 10, 1_234..size + 5_000, size..size + 1] {
        let part = blobs.get(key, Some(range.clone())).await.unwrap();
        let expected = &whole[whole.len().min(range.start as usize)..whole.len().min(range.end as usize)];
        assert_eq!(part.size, whole.len() as u64, "{range:?}");
        assert!(gathered(part.stream).await.unwrap() == expected, "{range:?}");
    }
    blobs.delete(key).await.unwrap();
}

async fn what_ends_early_leaves_nothing(blobs: &Blobs, key: &BlobKey, part: usize) {
    let much = vec![7; part + part / 2];
    for size in [100, much.len()] {
        let mut broken = pieces(&much[..size], part / 8);
        broken.push(Err(io::ErrorKind::ConnectionReset.into()));
        let stored =
            blobs.put_stream(key, "image/jpeg", futures::stream::iter(broken).boxed(), u64::MAX).await;
        assert!(matches!(stored, Err(BlobError::Interrupted)), "{stored:?}");
        let stream = futures::stream::iter(pieces(&much[..size], part / 8)).boxed();
        let stored = blobs.put_stream(key, "image/jpeg", stream, size as u64 - 1).await;
        assert!(matches!(stored, Err(BlobError::TooLarge)), "{stored:?}");
        // Its sender goes away: the future is dropped while it waits for more.
        let (took_all, all_taken) = tokio::sync::oneshot::channel();
        let then_nothing = futures::stream::once(async move {
            took_all.send(()).unwrap();
            std::future::pending().await
        });
        let stalled = futures::stream::iter(pieces(&much[..size], part / 8)).chain(then_nothing);
        tokio::select! {
            stored = blobs.put_stream(key, "image/jpeg", stalled.boxed(), u64::MAX) => panic!("{stored:?}"),
            taken = all_taken => taken.unwrap(),
        }
        assert_eq!(blobs.size(key).await.unwrap(), None);
    }
}

async fn copies_are_independent(blobs: &Blobs, from: &BlobKey) {
    let to = from.variant(Variant::Rendition(RenditionRole::Screen));
    blobs.put_bytes(from, "image/jpeg", Bytes::from_static(b"first")).await.unwrap();
    blobs.copy(from, &to).await.unwrap();
    blobs.put_bytes(from, "image/jpeg", Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(read(blobs, &to).await, b"first");
    blobs.delete(from).await.unwrap();
    assert_eq!(read(blobs, &to).await, b"first");
    blobs.delete(&to).await.unwrap();
    blobs.delete(&to).await.unwrap();
    assert!(matches!(blobs.copy(from, &to).await, Err(BlobError::Missing)));
}

async fn what_is_stored_is_listed(blobs: &Blobs, keys: [BlobKey; 2]) {
    let listed = async || {
        let mut all = Vec::new();
        let mut list = blobs.list();
        while let Some(one) = list.next().await {
            let one = one.unwrap();
            all.push((one.path, one.size));
        }
        all.sort();
        all
    };
    assert!(listed().await.is_empty());
    for (n, key) in keys.iter().enumerate() {
        blobs.put_bytes(key, "image/jpeg", Bytes::from(vec![1; n + 1])).await.unwrap();
    }
    assert_eq!(listed().await, vec![(keys[0].path(), 1), (keys[1].path(), 2)]);
    for key in &keys {
        blobs.delete(key).await.unwrap();
    }
    assert!(listed().await.is_empty());
}

async fn what_is_missing_is_told_as_missing(blobs: &Blobs, key: &BlobKey) {
    assert_eq!(blobs.size(key).await.unwrap(), None);
    assert!(matches!(blobs.get(key, None).await, Err(BlobError::Missing)));
    assert!(matches!(blobs.get(key, Some(0..5)).await, Err(BlobError::Missing)));
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    keeps_the_contract(&Blobs::memory(), 100_000).await;
}

#[tokio::test]
async fn a_folder_keeps_the_contract_and_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("media");
    let blobs = Blobs::folder(&root).await.unwrap();
    keeps_the_contract(&blobs, 100_000).await;
    assert_eq!(files_below(&root), Vec::<std::path::PathBuf>::new());
    blobs.put_bytes(&key(&Clock::system()), "image/jpeg", Bytes::from_static(b"x")).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = files_below(&root).pop().unwrap();
    assert_eq!(mode(&file), 0o600);
    for folder in file.ancestors().skip(1).take_while(|folder| folder.starts_with(&root)) {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_unavailable_and_nothing_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("media");
    let blobs = Blobs::folder(&root).await.unwrap();
    std::fs::remove_dir_all(&root).unwrap();
    std::fs::write(&root, "in the way").unwrap();
    let key = key(&Clock::system());
    assert!(matches!(blobs.ready().await, Err(BlobError::Unavailable(_))));
    let put = blobs.put_bytes(&key, "image/jpeg", Bytes::from_static(b"x")).await;
    assert!(matches!(put, Err(BlobError::Unavailable(_))));
    assert!(matches!(blobs.get(&key, None).await, Err(BlobError::Unavailable(_))));
    let listed = blobs.list().next().await.unwrap();
    assert!(matches!(listed, Err(BlobError::Unavailable(words)) if words.starts_with("the folder itself: ")));
}

#[tokio::test]
async fn an_operator_is_told_which_file_of_a_folder_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::folder(folder.path()).await.unwrap();
    std::fs::write(folder.path().join("mms"), "in the way").unwrap();
    let key = key(&Clock::system());
    let at = format!("{}: ", key.path());
    let put = blobs.put_bytes(&key, "image/jpeg", Bytes::from_static(b"x")).await;
    assert!(matches!(&put, Err(BlobError::Unavailable(words)) if words.starts_with(&at)), "{put:?}");
    let size = blobs.size(&key).await;
    assert!(matches!(&size, Err(BlobError::Unreadable(words)) if words.starts_with(&at)), "{size:?}");
}

#[tokio::test]
async fn one_blob_that_cannot_be_read_is_told_from_a_folder_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("media");
    let blobs = Blobs::folder(&root).await.unwrap();
    let key = key(&Clock::system());
    std::fs::create_dir_all(root.join(key.path())).unwrap();
    let about_it =
        |error: BlobError| matches!(error, BlobError::Unreadable(words) if words.starts_with(&key.path()));
    assert!(blobs.get(&key, None).await.err().is_some_and(about_it));
    assert!(blobs.size(&key).await.err().is_some_and(about_it));
    assert!(blobs.copy(&key, &key.variant(Variant::Fitted(1))).await.err().is_some_and(about_it));
    // The same, and the folder takes nothing any more.
    std::fs::remove_dir(root.join(".incoming")).unwrap();
    std::fs::write(root.join(".incoming"), "in the way").unwrap();
    assert!(matches!(blobs.get(&key, None).await, Err(BlobError::Unavailable(_))));
    assert!(matches!(blobs.size(&key).await, Err(BlobError::Unavailable(_))));
}

#[tokio::test]
async fn what_a_file_system_keeps_for_itself_is_none_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::folder(folder.path()).await.unwrap();
    let theirs = folder.path().join("lost+found");
    std::fs::create_dir(&theirs).unwrap();
    std::fs::write(theirs.join("#1234"), "found").unwrap();
    assert!(blobs.list().next().await.is_none());
    assert_eq!(files_below(&theirs).len(), 1);
}

#[tokio::test]
async fn what_never_arrived_goes_after_a_day() {
    let folder = tempfile::tempdir().unwrap();
    Blobs::folder(folder.path()).await.unwrap();
    let incoming = folder.path().join(".incoming");
    let (old, young) = (incoming.join("old"), incoming.join("young"));
    for file in [&old, &young] {
        std::fs::write(file, "half a photo").unwrap();
    }
    std::fs::File::open(&old).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    Blobs::folder(folder.path()).await.unwrap();
    assert_eq!(files_below(folder.path()), [young]);
}

/// A bucket of its own on the server for tests, or `None` with a note.
pub(crate) async fn bucket(folder: &str) -> Option<S3Settings> {
    #[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
    let given = |name| std::env::var(name).ok();
    let Some(endpoint) = given("HELIOGRAPH_TEST_S3") else {
        println!("skipped: HELIOGRAPH_TEST_S3 names no server");
        return None;
    };
    let (id, secret) = (given("AWS_ACCESS_KEY_ID").unwrap(), given("AWS_SECRET_ACCESS_KEY").unwrap());
    let bucket = format!("story-{}", Clock::system().new_id::<Uuid>().simple());
    let settings = S3Settings {
        bucket,
        region: "us-east-1".to_owned(),
        credentials: Some((id, secret)),
        endpoint: Some(endpoint.parse().unwrap()),
        folder: folder.to_owned(),
    };
    client(&settings).create_bucket().bucket(&settings.bucket).send().await.unwrap();
    Some(settings)
}

fn client(settings: &S3Settings) -> aws_sdk_s3::Client {
    let (id, secret) = settings.credentials.clone().unwrap();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .credentials_provider(Credentials::new(id, secret, None, None, "story"))
        .endpoint_url(settings.endpoint.clone().unwrap())
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

#[tokio::test]
async fn s3_keeps_the_contract_with_and_without_a_folder() {
    for folder in ["", "/clinic-1/media/"] {
        let Some(settings) = bucket(folder).await else { return };
        keeps_the_contract(&Blobs::s3(settings.clone()).await.unwrap(), S3_PART).await;
        // Parts of uploads that ended early are called off in the background; each question gives them time.
        let client = client(&settings);
        let mut left = usize::MAX;
        for _ in 0..200 {
            let uploads = client.list_multipart_uploads().bucket(&settings.bucket).send().await.unwrap();
            left = uploads.uploads().len();
            if left == 0 {
                break;
            }
        }
        assert_eq!(left, 0, "parts of uploads that ended early cost money for ever");
    }
}

#[tokio::test]
async fn s3_that_cannot_be_used_is_unavailable() {
    let Some(good) = bucket("").await else { return };
    let key = key(&Clock::system());
    let unreachable = S3Settings { endpoint: Some("http://127.0.0.1:1".parse().unwrap()), ..good.clone() };
    let nowhere = S3Settings { bucket: format!("no-{}", good.bucket), ..good.clone() };
    let stranger =
        S3Settings { credentials: Some(("nobody".to_owned(), "wrong".to_owned())), ..good.clone() };
    let nowhere = Blobs::s3(nowhere).await.unwrap();
    assert!(matches!(nowhere.ready().await, Err(BlobError::Unavailable(words)) if words.contains("bucket")));
    assert!(matches!(nowhere.get(&key, None).await, Err(BlobError::Unavailable(_))));
    for settings in [unreachable, stranger] {
        let blobs = Blobs::s3(settings).await.unwrap();
        assert!(matches!(blobs.ready().await, Err(BlobError::Unavailable(_))));
        assert!(matches!(blobs.get(&key, None).await, Err(BlobError::Unavailable(_))));
        let put = blobs.put_bytes(&key, "image/jpeg", Bytes::from_static(b"x")).await;
        assert!(matches!(put, Err(BlobError::Unavailable(_))));
    }
    let odd = Blobs::s3(S3Settings { folder: "../up".to_owned(), ..good }).await;
    assert!(matches!(odd, Err(BlobError::Unavailable(words)) if words.contains("AWS_S3_FOLDER")));
}

/// Presigned links are opened at the store, without a session; they name their attachment also later.
#[tokio::test]
async fn s3_hands_out_photos_on_presigned_links_only() {
    on_each_engine(async |t: TestBackend| {
        let Some(settings) = bucket("clinic").await else { return t };
        let endpoint = settings.endpoint.clone().unwrap();
        let address = format!("{}:{}", endpoint.host_str().unwrap(), endpoint.port().unwrap());
        let backend = with_blobs(&t, Blobs::s3(settings).await.unwrap(), Clock::system(), &address);
        let photo = crate::photos::jpeg(3);
        let incoming = crate::photos::incoming("Amelia's foot.jpg", &photo);
        let uploaded = upload::upload(&backend, &t.admin, incoming).await.unwrap();
        backend::jobs::run_due(&backend).await.unwrap();
        let view = backend::media::get(&backend, &t.admin, uploaded.media_id).await.unwrap();
        let original: url::Url = view.original_url.unwrap().parse().unwrap();
        assert!(original.path().contains(&format!("/clinic/mms/outbound/{}/original", uploaded.media_id)));
        let fetched = backend.http.fetch_whole(&original, None, u64::MAX).await.unwrap();
        assert_eq!(fetched.0.as_deref(), Some("image/jpeg"));
        assert!(fetched.1 == photo);
        let tile = view.tile_url.unwrap().parse().unwrap();
        assert!(backend.http.fetch_whole(&tile, None, u64::MAX).await.unwrap().1.starts_with(b"\xFF\xD8"));

        let mut altered = original.clone();
        altered.set_path(&original.path().replace("original", "tile"));
        assert!(backend.http.fetch_whole(&altered, None, u64::MAX).await.is_err());
        let mut bare = original.clone();
        bare.set_query(None);
        assert!(backend.http.fetch_whole(&bare, None, u64::MAX).await.is_err());
        let named = links::attachment_of(&backend, &t.admin, &bare).await.unwrap();
        assert_eq!(named, Some(uploaded.media_id));
        assert!(
            opened(&backend, "https://clinic.example/media/mms/outbound/x/original?e=1&d=i&s=")
                .await
                .is_err()
        );
        t
    })
    .await;
}
