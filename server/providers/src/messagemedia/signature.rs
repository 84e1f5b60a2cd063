//! `X-MessageMedia-Signature`: RSA (PKCS #1 v1.5) over request line, `Date` and body, with nothing between them.

use crate::WebhookRequest;
use base64::{Engine, engine::general_purpose::STANDARD};
use rsa::pkcs8::DecodePublicKey;
use rsa::sha2::{Digest, Sha224, Sha256, Sha512};
use rsa::{Pkcs1v15Sign, RsaPublicKey};
use std::time::{Duration, UNIX_EPOCH};

const SIGNATURE: &str = "x-messagemedia-signature";

/// A key with which MessageMedia signs for this account.
pub(super) struct Key {
    pub(super) id: String,
    public: RsaPublicKey,
    /// The one it was made for, where that is known; a header may not choose another.
    hash: Option<Hash>,
}

/// The hashes that MessageMedia offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha224,
    Sha256,
    Sha512,
}

impl Key {
    /// Of the parts that MessageMedia tells when a key is made. `None` where they make no key; one of 1024 bits does,
    /// because MessageMedia makes such keys.
    pub(super) fn read(id: &str, public: &str, hash: Option<&str>) -> Option<Self> {
        let id = id.trim().to_ascii_lowercase();
        let lines = public.lines().filter(|line| !line.starts_with("-----"));
        let base64: String = lines.flat_map(str::split_whitespace).collect();
        let public = RsaPublicKey::from_public_key_der(&STANDARD.decode(base64).ok()?).ok()?;
        let hash = hash.map(Hash::named);
        (!id.is_empty() && hash != Some(None)).then(|| Self { id, public, hash: hash.flatten() })
    }
}

impl Hash {
    /// Written with and without a dash.
    fn named(name: &str) -> Option<Self> {
        match name.trim().replace('-', "").to_ascii_uppercase().as_str() {
            "SHA224" => Some(Self::Sha224),
            "SHA256" => Some(Self::Sha256),
            "SHA512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn verifies(self, public: &RsaPublicKey, signed: &[u8], signature: &[u8]) -> bool {
        let (scheme, hashed) = match self {
            Self::Sha224 => (Pkcs1v15Sign::new::<Sha224>(), Sha224::digest(signed).to_vec()),
            Self::Sha256 => (Pkcs1v15Sign::new::<Sha256>(), Sha256::digest(signed).to_vec()),
            Self::Sha512 => (Pkcs1v15Sign::new::<Sha512>(), Sha512::digest(signed).to_vec()),
        };
        public.verify(scheme, &hashed, signature).is_ok()
    }
}

/// Whether a webhook says that it is signed.
pub(super) fn is_given(request: &WebhookRequest) -> bool {
    request.header(SIGNATURE).is_some()
}

/// Whether a webhook carries a signature by one of `keys`, made not longer than `within` from its arrival.
pub(super) fn holds(keys: &[Key], within: Duration, request: &WebhookRequest) -> bool {
    check(keys, within, request).unwrap_or(false)
}

fn check(keys: &[Key], within: Duration, request: &WebhookRequest) -> Option<bool> {
    let signature = STANDARD.decode(request.header(SIGNATURE)?).ok()?;
    let id = request.header("x-messagemedia-key-id")?.trim().to_ascii_lowercase();
    let key = keys.iter().find(|key| key.id == id)?;
    let date = request.header("date")?;
    if !is_recent(date, request.received_at, within)? {
        return Some(false);
    }
    let cipher = request.header("x-messagemedia-cipher-type").unwrap_or("RSA");
    let hash = request.header("x-messagemedia-digest-type").map_or(key.hash, Hash::named)?;
    if !cipher.eq_ignore_ascii_case("RSA") || key.hash.is_some_and(|made_for| made_for != hash) {
        return Some(false);
    }
    // MessageMedia speaks HTTP/1.1, whatever a proxy in front of us makes of it.
    let line = format!("{} {} HTTP/1.1", request.method, target(&request.url));
    let signed = [line.as_bytes(), date.as_bytes(), &request.body].concat();
    Some(hash.verifies(&key.public, &signed, &signature))
}

/// Path and query as they were asked for.
fn target(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |path| &rest[path..])
}

fn is_recent(date: &str, received_at: i64, within: Duration) -> Option<bool> {
    let made = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let received = Duration::from_millis(received_at.try_into().ok()?);
    Some(made.abs_diff(received) <= within)
}
