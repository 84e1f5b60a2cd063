//! Blobs in an S3 bucket.

use super::{BlobBody, BlobError, LinkTerms, Listed};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_util::io::ReaderStream;
use url::Url;

/// Bytes of one part of a larger upload; S3 takes no smaller ones (but the last) and at most 10,000.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// How long S3 is waited for.
#[derive(Clone, Copy)]
struct Patience {
    /// To make a connection.
    connect: Duration,
    /// Until the answer begins, to a request that carries no bytes of a blob. The blob itself streams without a limit
    /// on the whole.
    answer: Duration,
    /// The same for a request with one part of a blob, or one that S3 works on: long enough for a part over a slow line.
    part: Duration,
    /// Without a single byte of a stream, in either direction.
    silence: Duration,
}

const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(5),
    answer: Duration::from_secs(30),
    part: Duration::from_secs(5 * 60),
    silence: Duration::from_secs(30),
};

/// Where the bucket is, and who may use it.
#[derive(Clone)]
pub struct S3Settings {
    /// `AWS_S3_BUCKET`. The user needs to list it, and to read, write and delete its objects.
    pub bucket: String,
    /// `AWS_REGION`.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; without them the machine's own role is used.
    pub credentials: Option<(String, String)>,
    /// `AWS_ENDPOINT_URL_S3`: a server other than Amazon's; its buckets are named in the path.
    pub endpoint: Option<Url>,
    /// `AWS_S3_FOLDER`: what every key begins with, without a slash at either end; may be empty.
    pub folder: String,
}

impl fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Settings")
            .field("bucket", &self.bucket)
            .field("region", &self.region)
            .field("endpoint", &self.endpoint.as_ref().map(Url::as_str))
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
pub(super) struct S3(Arc<Bucket>);

struct Bucket {
    client: Client,
    name: String,
    /// Empty, or ends with a slash.
    prefix: String,
    /// What a direct link begins with, up to and without the key's path.
    link_base: String,
    patience: Patience,
}

impl S3 {
    pub(super) async fn new(settings: S3Settings) -> Result<Self, BlobError> {
        Self::with_patience(settings, PATIENCE).await
    }

    async fn with_patience(settings: S3Settings, patience: Patience) -> Result<Self, BlobError> {
        let folder = settings.folder.trim_matches('/');
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
        if !folder.chars().all(plain) || folder.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(BlobError::Unavailable(
                "AWS_S3_FOLDER may hold letters, digits, and - _ . / only".to_owned(),
            ));
        }
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(settings.region.clone()))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(patience.connect)
                    .operation_attempt_timeout(patience.answer)
                    .build(),
            )
            .stalled_stream_protection(
                StalledStreamProtectionConfig::enabled().grace_period(patience.silence).build(),
            )
            // Newer checksums by trailer are not known to every server that speaks S3.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        match &settings.credentials {
            Some((id, secret)) => {
                config = config.credentials_provider(Credentials::new(id, secret, None, None, "settings"));
            }
            None => {
                let machine = aws_config::defaults(BehaviorVersion::latest())
                    .region(Region::new(settings.region.clone()))
                    .load()
                    .await;
                config.set_credentials_provider(machine.credentials_provider());
            }
        }
        if let Some(endpoint) = &settings.endpoint {
            config = config.endpoint_url(endpoint.as_str()).force_path_style(true);
        }
        let mut bucket = Bucket {
            client: Client::from_conf(config.build()),
            name: settings.bucket,
            prefix: if folder.is_empty() { String::new() } else { format!("{folder}/") },
            link_base: String::new(),
            patience,
        };
        bucket.link_base = bucket.find_link_base().await?;
        Ok(Self(Arc::new(bucket)))
    }

    pub(super) fn writer(&self, path: &str, media_type: &str) -> Writer {
        Writer {
            upload: Upload {
                bucket: self.0.clone(),
                key: self.0.key(path),
                media_type: media_type.to_owned(),
                id: None,
                parts: Vec::new(),
            },
            waiting: BytesMut::new(),
        }
    }

    pub(super) async fn get(&self, path: &str, range: Option<Range<u64>>) -> Result<BlobBody, BlobError> {
        let Bucket { client, name, .. } = &*self.0;
        let get = client.get_object().bucket(name).key(self.0.key(path));
        let Some(range) = range else {
            let got = get.send().await.map_err(unread)?;
            let size = got.content_length.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
            return Ok(BlobBody { size, stream: stream(got.body) });
        };
        // S3 answers an empty range, or one past the end, with an error or with everything.
        let size = self.size(path).await?;
        if range.is_empty() || range.start >= size {
            return Ok(BlobBody { size, stream: futures::stream::empty().boxed() });
        }
        let asked = format!("bytes={}-{}", range.start, range.end - 1);
        let got = get.range(asked).send().await.map_err(unread)?;
        Ok(BlobBody { size, stream: stream(got.body) })
    }

    pub(super) async fn copy(&self, from: &str, to: &str) -> Result<(), BlobError> {
        let Bucket { client, name, .. } = &*self.0;
        let source = format!("{name}/{}", self.0.key(from));
        let copy = client.copy_object().bucket(name).copy_source(source).key(self.0.key(to));
        copy.customize().config_override(self.0.patient()).send().await.map_err(failed)?;
        Ok(())
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), BlobError> {
        let Bucket { client, name, .. } = &*self.0;
        match client.delete_object().bucket(name).key(self.0.key(path)).send().await.map_err(failed) {
            Ok(_) | Err(BlobError::Missing) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn size(&self, path: &str) -> Result<u64, BlobError> {
        let Bucket { client, name, .. } = &*self.0;
        let head = client.head_object().bucket(name).key(self.0.key(path)).send().await.map_err(failed)?;
        Ok(head.content_length.and_then(|size| u64::try_from(size).ok()).unwrap_or(0))
    }

    /// Page after page, each when it is asked for.
    pub(super) fn list(&self) -> BoxStream<'static, Result<Listed, BlobError>> {
        let bucket = self.0.clone();
        futures::stream::try_unfold(Some(None), move |next: Option<Option<String>>| {
            let bucket = bucket.clone();
            async move {
                let Some(token) = next else { return Ok(None) };
                let (page, next) = Box::pin(bucket.page(token)).await?;
                let page = futures::stream::iter(page.into_iter().map(Ok::<_, BlobError>));
                Ok::<_, BlobError>(Some((page, next)))
            }
        })
        .try_flatten()
        .boxed()
    }

    /// Where the objects are says all of it: the server, the bucket, and the folder in it.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.0.link_base == other.0.link_base
    }

    pub(super) async fn ready(&self) -> Result<(), BlobError> {
        let Bucket { client, name, .. } = &*self.0;
        match client.head_bucket().bucket(name).send().await.map_err(failed) {
            Ok(_) => Ok(()),
            Err(BlobError::Missing) => Err(BlobError::Unavailable("the bucket does not exist".to_owned())),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn presign(&self, path: &str, terms: &LinkTerms<'_>) -> Result<String, BlobError> {
        self.0.presign(path, terms).await
    }

    pub(super) fn path_of_link<'a>(&self, link: &'a Url) -> Option<&'a str> {
        let until_query = &link[..url::Position::AfterPath];
        until_query.strip_prefix(&self.0.link_base)
    }
}

impl Bucket {
    fn key(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// One page of a listing, and how to ask for the next one, if there is one.
    async fn page(&self, token: Option<String>) -> Result<(Vec<Listed>, Option<Option<String>>), BlobError> {
        let list = self.client.list_objects_v2().bucket(&self.name).prefix(&self.prefix);
        let page = list.set_continuation_token(token).send().await.map_err(failed)?;
        let next = page.next_continuation_token().filter(|_| page.is_truncated() == Some(true));
        let listed = page.contents().iter().filter_map(|object| {
            // Consoles mark folders with empty objects, which are no blobs.
            let path =
                object.key()?.strip_prefix(self.prefix.as_str()).filter(|path| !path.ends_with('/'))?;
            let size = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
            Some(Listed { path: path.to_owned(), size })
        });
        Ok((listed.collect(), next.map(|token| Some(token.to_owned()))))
    }

    /// For a request that carries a part of a blob, or that S3 works on before it answers.
    fn patient(&self) -> aws_sdk_s3::config::Builder {
        aws_sdk_s3::Config::builder().timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(self.patience.connect)
                .operation_attempt_timeout(self.patience.part)
                .build(),
        )
    }

    async fn presign(&self, path: &str, terms: &LinkTerms<'_>) -> Result<String, BlobError> {
        let seconds = |millis: i64| Duration::from_secs(u64::try_from(millis / 1000).unwrap_or(0));
        let config = PresigningConfig::builder()
            .start_time(SystemTime::UNIX_EPOCH + seconds(terms.from))
            .expires_in(seconds(terms.for_ms))
            .build()
            .map_err(|error| BlobError::Unavailable(error.to_string()))?;
        let get = self.client.get_object().bucket(&self.name).key(self.key(path));
        let link = get
            .response_content_disposition(terms.disposition)
            .response_content_type(terms.media_type)
            .response_cache_control(format!("private, max-age={}", terms.for_ms / 1000))
            .presigned(config)
            .await
            .map_err(failed)?;
        Ok(link.uri().to_owned())
    }

    /// The library alone knows where a bucket's objects are; it is asked once.
    async fn find_link_base(&self) -> Result<String, BlobError> {
        let terms = LinkTerms { from: 0, for_ms: 60_000, disposition: "inline", media_type: "image/jpeg" };
        let link = self.presign("x", &terms).await?;
        let link = link.split('?').next().unwrap_or_default();
        link.strip_suffix('x')
            .map(ToOwned::to_owned)
            .ok_or_else(|| BlobError::Unavailable("links to the bucket cannot be made".to_owned()))
    }
}

/// Collects bytes; up to one part they are stored in one request, more in parts.
pub(super) struct Writer {
    upload: Upload,
    waiting: BytesMut,
}

impl Writer {
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.waiting.extend_from_slice(bytes);
        while self.waiting.len() > PART_BYTES {
            let part = self.waiting.split_to(PART_BYTES).freeze();
            self.upload.send_part(part).await?;
        }
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<(), BlobError> {
        let rest = self.waiting.split().freeze();
        if self.upload.id.is_none() {
            return self.upload.send_whole(rest).await;
        }
        self.upload.send_part(rest).await?;
        self.upload.complete().await
    }
}

/// An upload in parts, once it has an id. Dropped before it is complete, it is called off.
struct Upload {
    bucket: Arc<Bucket>,
    key: String,
    media_type: String,
    id: Option<String>,
    parts: Vec<CompletedPart>,
}

impl Upload {
    async fn send_whole(&self, bytes: Bytes) -> Result<(), BlobError> {
        let Bucket { client, name, .. } = &*self.bucket;
        let put = client.put_object().bucket(name).key(&self.key).content_type(&self.media_type);
        let put = put.body(ByteStream::from(bytes)).customize().config_override(self.bucket.patient());
        put.send().await.map_err(unwritten)?;
        Ok(())
    }

    async fn send_part(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        let Bucket { client, name, .. } = &*self.bucket;
        if self.id.is_none() {
            let create = client.create_multipart_upload().bucket(name).key(&self.key);
            let created = create.content_type(&self.media_type).send().await.map_err(unwritten)?;
            self.id = created.upload_id;
        }
        let number = i32::try_from(self.parts.len() + 1).map_err(|_| BlobError::TooLarge)?;
        let part = client.upload_part().bucket(name).key(&self.key).set_upload_id(self.id.clone());
        let part = part.part_number(number).body(ByteStream::from(bytes)).customize();
        let sent = part.config_override(self.bucket.patient()).send().await.map_err(unwritten)?;
        self.parts.push(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build());
        Ok(())
    }

    async fn complete(mut self) -> Result<(), BlobError> {
        let Bucket { client, name, .. } = &*self.bucket;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts.clone())).build();
        let complete = client.complete_multipart_upload().bucket(name).key(&self.key);
        let complete = complete.set_upload_id(self.id.clone()).multipart_upload(parts).customize();
        complete.config_override(self.bucket.patient()).send().await.map_err(unwritten)?;
        self.id = None;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (bucket, key) = (self.bucket.clone(), std::mem::take(&mut self.key));
        runtime.spawn(async move {
            let abort = bucket.client.abort_multipart_upload().bucket(&bucket.name).key(key);
            if let Err(error) = abort.upload_id(id).send().await.map_err(unwritten) {
                tracing::warn!(%error, "parts of an upload that ended early stay in the bucket");
            }
        });
    }
}

fn stream(body: ByteStream) -> super::ByteStream {
    ReaderStream::with_capacity(body.into_async_read(), 64 * 1024).boxed()
}

/// What the store's error means; without the request's address, which is a name of somebody's photo.
fn failed<E>(error: SdkError<E, aws_sdk_s3::config::http::HttpResponse>) -> BlobError
where
    SdkError<E, aws_sdk_s3::config::http::HttpResponse>: ProvideErrorMetadata,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    match (status, error.code()) {
        (_, Some("NoSuchBucket")) => BlobError::Unavailable("the bucket does not exist".to_owned()),
        (Some(404), _) => BlobError::Missing,
        (Some(status), code) => {
            BlobError::Unavailable(format!("S3 answered {status} {}", code.unwrap_or_default()))
        }
        (None, _) => BlobError::Unavailable(
            match error {
                SdkError::TimeoutError(_) => "S3 did not answer in time",
                SdkError::DispatchFailure(failure) if failure.is_other() => {
                    "S3 cannot be asked: mostly AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are missing, and the machine has \
                     no role of its own"
                }
                SdkError::DispatchFailure(_) => "S3 cannot be reached",
                _ => "the request to S3 could not be made",
            }
            .to_owned(),
        ),
    }
}

/// An error while reading: an object may be archived. That one is kept from us tells nothing of it alone, since a policy keeps
/// them all.
fn unread<E>(error: SdkError<E, aws_sdk_s3::config::http::HttpResponse>) -> BlobError
where
    SdkError<E, aws_sdk_s3::config::http::HttpResponse>: ProvideErrorMetadata,
{
    match error.code() {
        Some(code @ "InvalidObjectState") => BlobError::Unreadable(format!("S3 answered {code}")),
        _ => failed(error),
    }
}

/// An error while writing: what is missing then is no blob.
fn unwritten<E>(error: SdkError<E, aws_sdk_s3::config::http::HttpResponse>) -> BlobError
where
    SdkError<E, aws_sdk_s3::config::http::HttpResponse>: ProvideErrorMetadata,
{
    match failed(error) {
        BlobError::Missing => BlobError::Unavailable("S3 answered 404".to_owned()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const IMPATIENCE: Patience = Patience {
        connect: Duration::from_secs(5),
        answer: Duration::from_millis(50),
        part: Duration::from_millis(50),
        silence: Duration::from_millis(50),
    };

    /// A server that takes every request, says this much, and then nothing any more.
    async fn falls_silent_after(said: &'static str) -> S3 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut some = [0; 64 * 1024];
                    while let Ok(1..) = connection.read(&mut some).await {
                        if connection.write_all(said.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        let settings = S3Settings {
            bucket: "photos".to_owned(),
            region: "us-east-1".to_owned(),
            credentials: Some(("id".to_owned(), "secret".to_owned())),
            endpoint: Some(endpoint.parse().expect("a URL")),
            folder: String::new(),
        };
        S3::with_patience(settings, IMPATIENCE).await.expect("settings that are right")
    }

    fn is_unavailable<T>(result: &Result<T, BlobError>) -> bool {
        matches!(result, Err(BlobError::Unavailable(_)))
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_is_not_waited_for() {
        let silent = falls_silent_after("").await;
        let mut whole = silent.writer("a", "image/jpeg");
        whole.write(b"bytes").await.expect("nothing is sent yet");
        let mut parts = silent.writer("a", "image/jpeg");
        let large = vec![0; PART_BYTES + 1];
        // At once, since each is tried several times.
        let (ready, got, copied, stored, begun) = tokio::join!(
            silent.ready(),
            silent.get("a", None),
            silent.copy("a", "b"),
            whole.finish(),
            parts.write(&large)
        );
        assert!(is_unavailable(&ready) && is_unavailable(&got) && is_unavailable(&copied));
        assert!(is_unavailable(&stored) && is_unavailable(&begun));
    }

    #[tokio::test]
    async fn a_stream_that_stops_is_not_waited_for() {
        let silent = falls_silent_after("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc").await;
        let mut body = silent.get("a", None).await.expect("an answer").stream;
        assert_eq!(body.next().await.expect("bytes").expect("the first"), "abc");
        assert!(body.next().await.expect("an end").is_err());
    }
}
