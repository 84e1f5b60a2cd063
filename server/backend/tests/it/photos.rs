//! Pictures for stories, made by the stories themselves, and the ways they come in.

use crate::twilio::{arrives, sid, signed};

use backend::media::upload::{self, Incoming};
use backend::providers::{Http, Netguard, WebhookKind};
use backend::testing::{TestBackend, fictitious_number};
use backend::{Backend, Blobs, Caller, Clock, Error, Parts, conversations, live};
use bytes::Bytes;
use futures::StreamExt;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use model::conversation::{InboxQuery, ThreadFrom};
use model::media::{AttachmentView, UploadedMedia};
use model::message::MessageView;
use std::collections::HashSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

/// A picture of this size, different for each `shade`.
pub(crate) fn picture(format: ImageFormat, width: u32, height: u32, shade: u8) -> Vec<u8> {
    let pixels = RgbImage::from_fn(width, height, |x, y| Rgb([(x % 251) as u8, (y % 241) as u8, shade]));
    let mut bytes = Vec::new();
    DynamicImage::from(pixels).write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

/// A small JPEG.
pub(crate) fn jpeg(shade: u8) -> Vec<u8> {
    picture(ImageFormat::Jpeg, 640, 480, shade)
}

/// What an iPhone photographs, in small.
pub(crate) fn heic(width: u32, height: u32) -> Vec<u8> {
    let data = (0..width * height).flat_map(|n| [(n % 256) as u16, 90, 160, 255]).collect();
    let image = heifer::Image { width, height, bit_depth: 8, has_alpha: false, data };
    heifer::encode_with_metadata(&image, &heifer::Metadata::default(), &heifer::EncodeOptions::default())
        .unwrap()
}

/// A PNG whose structure is whole and whose pixels are not.
pub(crate) fn scrambled_png() -> Vec<u8> {
    let mut png = picture(ImageFormat::Png, 64, 64, 1);
    let at = png.windows(4).position(|name| name == b"IDAT").unwrap() + 4;
    png[at..at + 8].fill(0xFF);
    png
}

/// A file that arrives in small pieces.
pub(crate) fn incoming(file_name: &str, bytes: &[u8]) -> Incoming {
    let pieces: Vec<_> = bytes.chunks(10_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Incoming { file_name: file_name.to_owned(), body: futures::stream::iter(pieces).boxed() }
}

/// The admin uploads a file.
pub(crate) async fn uploads(t: &TestBackend, file_name: &str, bytes: &[u8]) -> Result<UploadedMedia, Error> {
    upload::upload(&t.backend, &t.admin, incoming(file_name, bytes)).await
}

/// The carrier hands out a file under this name.
pub(crate) async fn carrier_offers(t: &TestBackend, name: &str, answer: ResponseTemplate) -> String {
    Mock::given(method("GET"))
        .and(path(format!("/media/{name}")))
        .respond_with(answer)
        .mount(&t.carrier)
        .await;
    format!("{}/media/{name}", t.carrier.uri())
}

/// A file as the carrier hands it out.
pub(crate) fn handed_out(bytes: &[u8], media_type: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(bytes.to_vec(), media_type)
}

/// Patient `from` sends files that wait at these addresses; the webhook is read, nothing is fetched yet.
pub(crate) async fn announces(t: &TestBackend, n: u32, from: usize, text: &str, media: &[&str]) {
    let (sid, from, count) = (sid(n), fictitious_number(from), media.len().to_string());
    let names: Vec<_> =
        (0..media.len()).map(|i| (format!("MediaUrl{i}"), format!("MediaContentType{i}"))).collect();
    let mut fields = vec![
        ("MessageSid", sid.as_str()),
        ("SmsStatus", "received"),
        ("From", from.as_e164()),
        ("To", "+61491570006"),
        ("Body", text),
        ("NumMedia", count.as_str()),
    ];
    for ((url, kind), media) in names.iter().zip(media) {
        fields.push((url, media));
        fields.push((kind, "image/jpeg"));
    }
    arrives(t, &signed(t, WebhookKind::Inbound, &fields)).await.unwrap();
}

/// A patient's photo, fetched and ready.
pub(crate) async fn photo_arrives(t: &TestBackend, n: u32, from: usize, bytes: &[u8]) -> MessageView {
    let url = carrier_offers(t, &n.to_string(), handed_out(bytes, "image/jpeg")).await;
    announces(t, n, from, "my foot", &[&url]).await;
    t.run_jobs().await;
    newest_message(t).await
}

/// The newest message of the conversation on top of the inbox.
pub(crate) async fn newest_message(t: &TestBackend) -> MessageView {
    let inbox = conversations::list(&t.backend, &t.admin, &InboxQuery::default()).await.unwrap();
    let slice =
        conversations::thread(&t.backend, &t.admin, inbox.items[0].id, &ThreadFrom::Newest).await.unwrap();
    slice.messages.into_iter().next_back().unwrap()
}

/// An attachment as staff see it now.
pub(crate) async fn shown(t: &TestBackend, id: model::AttachmentId) -> AttachmentView {
    backend::media::get(&t.backend, &t.admin, id).await.unwrap()
}

/// What a link of the app's own leads to: media type and bytes.
pub(crate) async fn opened(backend: &Backend, link: &str) -> Result<(String, Vec<u8>), Error> {
    let path_and_query = link.strip_prefix("https://clinic.example").unwrap();
    let opened = backend::media::links::open(backend, path_and_query).await?;
    let bytes = gathered(opened.read(backend, None).await?).await.unwrap();
    assert_eq!(bytes.len() as u64, opened.size);
    Ok((opened.media_type, bytes))
}

/// All bytes of a stream.
pub(crate) async fn gathered(mut stream: backend::media::blobs::ByteStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

/// The same backend with its blobs elsewhere, and with a clock that goes where a server checks the time.
pub(crate) fn with_blobs(t: &TestBackend, blobs: Blobs, clock: Clock, reachable: &str) -> Backend {
    let b = &t.backend;
    Backend::new(Parts {
        store: b.store.clone(),
        blobs,
        http: Http::new(Netguard { allowed_private: HashSet::from([reachable.to_owned()]), own: None })
            .unwrap(),
        pictures: b.pictures.clone(),
        clock,
        keys: b.keys.clone(),
        settings: b.settings.clone(),
        live: live::Hub::default(),
    })
}

/// Every file below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

/// Files that were made or found to harm: the project's own, and more where `HELIOGRAPH_TEST_DATA` says or beside the
/// project, for those that are not part of it.
pub(crate) fn hostile_files() -> Vec<PathBuf> {
    let project = Path::new("../..");
    #[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
    let named = std::env::var_os("HELIOGRAPH_TEST_DATA").map(PathBuf::from);
    let beside = || Some(project.join("../shared/data")).filter(|folder| folder.is_dir());
    let mut all = Vec::new();
    for media in [Some(project.join("end2end/media")), named.or_else(beside)].into_iter().flatten() {
        let files = files_below(&media.join("hostile"));
        assert!(!files.is_empty(), "{} holds no hostile file", media.display());
        all.extend(files);
    }
    all
}

/// Someone of the organisation who only reads.
pub(crate) async fn viewer(t: &TestBackend) -> Caller {
    t.colleague(model::staff::Role::Viewer).await
}

/// A story that starts with a folder of its own for blobs.
pub(crate) async fn in_folder(t: &TestBackend) -> (Backend, Arc<tempfile::TempDir>) {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let blobs = Blobs::folder(folder.path()).await.unwrap();
    (with_blobs(t, blobs, t.backend.clock.clone(), &t.carrier.address().to_string()), folder)
}
