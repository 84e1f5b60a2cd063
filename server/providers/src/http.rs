//! The only outbound HTTP client.
//!
//! Every call to a host outside goes through [`Http`], which has time limits, size caps, the block on private
//! addresses and redaction built in, so that no caller has to remember them. Neither its errors nor its
//! `Debug` contain a URL, a header or a body.

mod guard;

pub use guard::Netguard;

use crate::{Login, MediaRequest};
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use guard::{Errand, NoPublicAddress, PublicOnly, Reach};
use http::header::{ACCEPT, CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use httpdate::parse_http_date;
use reqwest::{Client, RequestBuilder, Response};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// To make a connection: DNS, TCP and TLS together.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// For a whole call of a carrier's API. Longer than [`CONNECT_TIME`], so that a failure to connect is told
/// apart from an answer that did not come.
const CALL_TIME: Duration = Duration::from_secs(30);
/// For a fetch until its body begins, redirects included.
const REACH_TIME: Duration = Duration::from_secs(60);
/// For a fetched body from one hop, however large.
const BODY_TIME: Duration = Duration::from_secs(30 * 60);
/// Without a single byte.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// A kept connection that the other side has just closed turns the next send into "nobody knows"; a short
/// life makes that rare.
const KEEP_IDLE: Duration = Duration::from_secs(5);
/// The largest answer of a carrier's API.
const ANSWER_BYTES: u64 = 1024 * 1024;
/// How often a fetch may be sent elsewhere.
const REDIRECTS: usize = 5;
/// No carrier's wish to wait is honoured beyond this.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a request brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The address is private, its scheme is not http(s), or credentials would travel without TLS: nothing
    /// was sent there.
    #[error("the address is not allowed")]
    Forbidden,
    /// No connection was made (DNS, TCP, TLS): certainly not processed.
    #[error("no connection")]
    Connect,
    /// Broke off or took too long after the request was written: nobody knows.
    #[error("broke off")]
    Interrupted,
    /// The answer is larger than asked for. The request was processed.
    #[error("the answer is too large")]
    TooLarge,
    /// An answer that is no success, to a fetch.
    #[error("status {status}")]
    Status {
        /// HTTP status.
        status: u16,
        /// `Retry-After`; at most a day.
        retry_after: Option<Duration>,
    },
}

impl HttpError {
    /// Whether the other side certainly never saw the request, so that it may be repeated.
    pub fn never_sent(self) -> bool {
        matches!(self, Self::Forbidden | Self::Connect)
    }
}

/// The client cannot be made: TLS finds nobody to trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no certificate authorities were found on this machine; install the package ca-certificates")]
pub struct NoTrust;

/// An HTTP client with time limits, size caps, a block on private addresses and redaction built in.
///
/// Cheap to clone. Proxies named in the environment are not used: behind one the address check would be moot.
#[derive(Clone)]
pub struct Http {
    inner: Arc<Inner>,
    errand: Errand,
}

struct Inner {
    guard: Netguard,
    /// Resolves names to public addresses only.
    public: Client,
    /// For the pairs of host and port that the guard allows by name.
    private: Client,
}

/// What an API call sends.
pub struct Call<'a> {
    /// Where.
    pub url: &'a Url,
    /// What it proves itself with.
    pub login: Option<&'a Login>,
    /// Further headers, by name in lower case.
    pub headers: &'a [(&'static str, String)],
    /// Media type of the body.
    pub content_type: &'static str,
    /// Raw bytes.
    pub body: Vec<u8>,
}

/// What an API answered, whatever its status.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`; at most a day.
    pub retry_after: Option<Duration>,
    /// All headers.
    pub headers: HeaderMap,
    /// At most 1 MiB.
    pub body: Bytes,
}

/// A fetched body while it streams.
pub struct Fetched {
    /// As its sender says.
    pub media_type: Option<String>,
    /// As its sender says; the cap holds in any case.
    pub length: Option<u64>,
    /// Ends with [`HttpError::TooLarge`] past the cap.
    pub body: BoxStream<'static, Result<Bytes, HttpError>>,
}

impl Http {
    /// A client that refuses private addresses but those in `guard`.
    ///
    /// # Errors
    /// [`NoTrust`] on a machine without certificate authorities.
    pub fn new(guard: Netguard) -> Result<Self, NoTrust> {
        #[expect(clippy::disallowed_methods, reason = "this is the one client")]
        let base = || {
            Client::builder()
                .no_proxy()
                .http1_only()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .connect_timeout(CONNECT_TIME)
                .read_timeout(IDLE_TIME)
                .pool_idle_timeout(KEEP_IDLE)
                .user_agent(concat!("Heliograph/", env!("CARGO_PKG_VERSION")))
        };
        let public = base().dns_resolver(Arc::new(PublicOnly)).build().map_err(|_| NoTrust)?;
        let private = base().build().map_err(|_| NoTrust)?;
        Ok(Self { inner: Arc::new(Inner { guard, public, private }), errand: Errand::Any })
    }

    /// The same client on the simulated carrier's account; see [`Netguard::own`].
    pub(crate) fn simulated(&self) -> Self {
        Self { inner: self.inner.clone(), errand: Errand::Simulated }
    }

    /// Whether a URL may be fetched although it is not https: only where its host and port are allowed by name.
    pub fn allows_without_tls(&self, url: &Url) -> bool {
        self.inner.guard.judge(url, self.errand) == Ok(Reach::AllowedPrivate)
    }

    /// Posts to a carrier's API. Redirects are not followed: a repeated post might send twice.
    ///
    /// # Errors
    /// [`HttpError::never_sent`] tells whether the call may be repeated.
    pub async fn post(&self, call: Call<'_>) -> Result<Answer, HttpError> {
        let secret = call.login.is_some() || !call.headers.is_empty();
        let mut request = self
            .client(call.url, secret)?
            .post(call.url.clone())
            .timeout(CALL_TIME)
            .header(CONTENT_TYPE, call.content_type)
            .header(ACCEPT, "application/json");
        for (name, value) in call.headers {
            request = request.header(*name, value);
        }
        answer(logged_in(request.body(call.body), call.login)).await
    }

    /// Asks a carrier's API for something. Redirects are not followed.
    ///
    /// # Errors
    /// As [`Http::post`]; asking twice does no harm.
    pub async fn get(&self, url: &Url, login: Option<&Login>) -> Result<Answer, HttpError> {
        self.get_with(url, login, &[]).await
    }

    /// [`Http::get`] with further headers, by name in lower case.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub async fn get_with(
        &self,
        url: &Url,
        login: Option<&Login>,
        headers: &[(&'static str, String)],
    ) -> Result<Answer, HttpError> {
        let mut request = self
            .client(url, login.is_some() || !headers.is_empty())?
            .get(url.clone())
            .timeout(CALL_TIME)
            .header(ACCEPT, "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        answer(logged_in(request, login)).await
    }

    /// [`Http::post`] of JSON.
    ///
    /// # Errors
    /// As [`Http::post`].
    pub async fn post_json(
        &self,
        url: &Url,
        login: Option<&Login>,
        body: &serde_json::Value,
    ) -> Result<Answer, HttpError> {
        let body = body.to_string().into_bytes();
        self.post(Call { url, login, headers: &[], content_type: "application/json", body }).await
    }

    /// [`Http::post`] of form fields, in order, names may repeat.
    ///
    /// # Errors
    /// As [`Http::post`].
    pub async fn post_form(
        &self,
        url: &Url,
        login: Option<&Login>,
        fields: &[(&str, &str)],
    ) -> Result<Answer, HttpError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes();
        let content_type = "application/x-www-form-urlencoded";
        self.post(Call { url, login, headers: &[], content_type, body }).await
    }

    /// Fetches a URL that someone else chose. Up to five redirects are followed, each judged like the first;
    /// credentials never cross to another scheme, host or port.
    ///
    /// # Errors
    /// Anything but a 2xx is [`HttpError::Status`]. A body announced as larger than `max_bytes` is
    /// [`HttpError::TooLarge`] at once, any other ends with it.
    pub async fn fetch(
        &self,
        url: &Url,
        login: Option<&Login>,
        max_bytes: u64,
    ) -> Result<Fetched, HttpError> {
        let reached = tokio::time::timeout(REACH_TIME, self.follow(url, login));
        capped(reached.await.map_err(|_| HttpError::Interrupted)??, max_bytes)
    }

    /// [`Http::fetch`] of an attachment, as its carrier asks.
    ///
    /// # Errors
    /// As [`Http::fetch`].
    pub async fn fetch_media(&self, request: &MediaRequest, max_bytes: u64) -> Result<Fetched, HttpError> {
        let client = if request.simulated { self.simulated() } else { self.clone() };
        let login = request.login.as_ref();
        if login.is_none() || !request.login_only_if_asked {
            return client.fetch(&request.url, login, max_bytes).await;
        }
        match client.fetch(&request.url, None, max_bytes).await {
            Err(HttpError::Status { status: 401 | 403, .. }) => {
                client.fetch(&request.url, login, max_bytes).await
            }
            fetched => fetched,
        }
    }

    /// [`Http::fetch`], gathered in memory.
    ///
    /// # Errors
    /// As [`Http::fetch`].
    pub async fn fetch_whole(
        &self,
        url: &Url,
        login: Option<&Login>,
        max_bytes: u64,
    ) -> Result<(Option<String>, Bytes), HttpError> {
        let fetched = self.fetch(url, login, max_bytes).await?;
        Ok((fetched.media_type, collect(fetched.body).await?))
    }

    async fn follow(&self, start: &Url, mut login: Option<&Login>) -> Result<Response, HttpError> {
        let mut url = start.clone();
        let mut left = REDIRECTS;
        loop {
            let request = self.client(&url, login.is_some())?.get(url.clone()).timeout(BODY_TIME);
            let response = send(logged_in(request, login)).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let failed =
                HttpError::Status { status: status.as_u16(), retry_after: retry_after(response.headers()) };
            let Some(next) = target(&url, &response).filter(|_| left > 0) else { return Err(failed) };
            left -= 1;
            if !self.inner.guard.judge_hop(&url, &next, self.errand)? {
                login = None;
            }
            url = next;
        }
    }

    /// The client that may call a URL, if any may.
    fn client(&self, url: &Url, secret: bool) -> Result<&Client, HttpError> {
        match self.inner.guard.judge(url, self.errand)? {
            Reach::AllowedPrivate => Ok(&self.inner.private),
            Reach::Public if secret && url.scheme() != "https" => Err(HttpError::Forbidden),
            Reach::Public => Ok(&self.inner.public),
        }
    }
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetched").field("media_type", &self.media_type).finish_non_exhaustive()
    }
}

fn logged_in(request: RequestBuilder, login: Option<&Login>) -> RequestBuilder {
    match login {
        None => request,
        Some(Login::Basic(user, password)) => request.basic_auth(user, Some(password)),
        Some(Login::Bearer(token)) => request.bearer_auth(token),
    }
}

async fn answer(request: RequestBuilder) -> Result<Answer, HttpError> {
    let response = send(request).await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = collect(capped(response, ANSWER_BYTES)?.body).await?;
    Ok(Answer { status, retry_after: retry_after(&headers), headers, body })
}

async fn send(request: RequestBuilder) -> Result<Response, HttpError> {
    request.send().await.map_err(|error| {
        if !error.is_connect() {
            // A request that cannot even be built was not sent, but no caller makes one.
            return HttpError::Interrupted;
        }
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(inner) = cause {
            if inner.is::<NoPublicAddress>() {
                return HttpError::Forbidden;
            }
            cause = inner.source();
        }
        HttpError::Connect
    })
}

/// Where a redirect leads; `None` for any other answer. Fragments do not travel.
fn target(from: &Url, response: &Response) -> Option<Url> {
    let redirects = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    let location = response.headers().get(LOCATION).filter(|_| redirects.contains(&response.status()))?;
    from.join(location.to_str().ok()?).ok()
}

fn capped(response: Response, max_bytes: u64) -> Result<Fetched, HttpError> {
    let length = response.content_length();
    if length.is_some_and(|length| length > max_bytes) {
        return Err(HttpError::TooLarge);
    }
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let chunks = response.bytes_stream();
    let body = futures::stream::try_unfold((chunks, max_bytes), |(mut chunks, left)| async move {
        let Some(chunk) = chunks.next().await else { return Ok(None) };
        let chunk = chunk.map_err(|_| HttpError::Interrupted)?;
        let left = left.checked_sub(chunk.len() as u64).ok_or(HttpError::TooLarge)?;
        Ok(Some((chunk, (chunks, left))))
    });
    Ok(Fetched { media_type, length, body: body.boxed() })
}

async fn collect(mut body: BoxStream<'static, Result<Bytes, HttpError>>) -> Result<Bytes, HttpError> {
    let mut whole = Vec::new();
    while let Some(chunk) = body.next().await {
        whole.extend_from_slice(&chunk?);
    }
    Ok(whole.into())
}

/// In seconds, or as a date, which is held against the date of the answer: clocks differ.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    let wait = match asked.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let (then, now) = (parse_http_date(asked).ok()?, parse_http_date(text(DATE)?).ok()?);
            then.duration_since(now).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_until_a_date() {
        let asked = |retry_after: &'static str| {
            let date = (DATE, "Mon, 02 Mar 2026 09:00:00 GMT".parse().expect("a header"));
            let asked = (RETRY_AFTER, retry_after.parse().expect("a header"));
            super::retry_after(&HeaderMap::from_iter([date, asked]))
        };
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        assert_eq!(asked("Mon, 02 Mar 2026 09:02:00 GMT"), Some(Duration::from_secs(120)));
        assert_eq!(asked("Mon, 02 Mar 2026 08:00:00 GMT"), Some(Duration::ZERO), "it is over");
        assert_eq!(asked("Wed, 04 Mar 2026 09:00:00 GMT"), Some(LONGEST_WAIT));
        assert_eq!(asked("soon"), None);
    }
}
