//! Sealing what must not be read from the database alone, and the keyed hashes that find it again.

use crate::clock::random_bytes;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of a nonce, in front of every sealed value.
const NONCE: usize = 24;

/// What a sealed value or a hash is for. It is mixed in, so that a value moved from one column to another does
/// not open there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A telephone number.
    Number,
    /// A carrier's credentials.
    Credentials,
    /// A journalled webhook.
    Journal,
    /// A job's payload.
    Job,
    /// Where a carrier offers an attachment.
    RemoteUrl,
    /// The last digits of a number.
    NumberTail,
    /// Session, invitation and API tokens.
    Token,
    /// Who tries to sign in, for counting.
    SignInAttempt,
    /// Who asks how often.
    Limit,
    /// A signed link to a blob.
    MediaLink,
    /// What a carrier that signs nothing must name.
    WebhookSecret,
    /// The secret of a private link.
    ShareLink,
    /// What a page before a private link carries.
    ShareForm,
    /// A constant by which a key is known again.
    Canary,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Number => b"number",
            Self::Credentials => b"credentials",
            Self::Journal => b"journal",
            Self::Job => b"job",
            Self::RemoteUrl => b"remote-url",
            Self::NumberTail => b"number-tail",
            Self::Token => b"token",
            Self::SignInAttempt => b"sign-in-attempt",
            Self::Limit => b"limit",
            Self::MediaLink => b"media-link",
            Self::WebhookSecret => b"webhook-secret",
            Self::ShareLink => b"share-link",
            Self::ShareForm => b"share-form",
            Self::Canary => b"canary",
        }
    }
}

/// One of the server's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichKey {
    /// Seals and signs.
    Master,
    /// Numbers are found under it.
    Phone,
}

impl WhichKey {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Phone => "phone",
        }
    }
}

/// A sealed value did not open: another key, another purpose, or altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open with this master key")]
pub struct SealBroken;

/// The server's keys. `Debug` shows nothing of them.
#[derive(Clone)]
pub struct Keys {
    aead: XChaCha20Poly1305,
    master: Zeroizing<[u8; 32]>,
    phone: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    /// From the master key, which seals and signs, and the key under which numbers are found.
    pub fn new(master: [u8; 32], phone: [u8; 32]) -> Self {
        Self {
            aead: XChaCha20Poly1305::new(&Key::from(master)),
            master: Zeroizing::new(master),
            phone: Zeroizing::new(phone),
        }
    }

    /// Encrypts and authenticates (XChaCha20-Poly1305, random nonce in front).
    pub fn seal(&self, purpose: Purpose, plain: &[u8]) -> Vec<u8> {
        let nonce = random_bytes::<NONCE>();
        let sealed = self
            .aead
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: purpose.label() })
            .expect("encryption in memory fails only past 256 GB");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`seal`](Self::seal) made for the same purpose.
    ///
    /// # Errors
    /// [`SealBroken`] for anything else.
    pub fn open(&self, purpose: Purpose, sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
        let (nonce, body) = sealed.split_at_checked(NONCE).ok_or(SealBroken)?;
        let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| SealBroken)?;
        self.aead
            .decrypt(&XNonce::from(nonce), Payload { msg: body, aad: purpose.label() })
            .map_err(|_| SealBroken)
    }

    /// The hash under which a number or another sender is found; needs the phone key, so a list of all numbers does
    /// not help.
    pub fn hash_address(&self, address: &str) -> Vec<u8> {
        hmac(&self.phone, Purpose::Number, address.as_bytes())
    }

    /// The hash under which a number's last digits are found.
    pub fn hash_tail(&self, digits: &str) -> Vec<u8> {
        hmac(&self.phone, Purpose::NumberTail, digits.as_bytes())
    }

    /// A keyed hash of a secret or an address, to store in its place.
    pub fn hash(&self, purpose: Purpose, text: &str) -> Vec<u8> {
        hmac(&self.master, purpose, text.as_bytes())
    }

    /// What tells each key from another one, and nothing of the key.
    pub(crate) fn canaries(&self) -> [(WhichKey, Vec<u8>); 2] {
        [(WhichKey::Master, &self.master), (WhichKey::Phone, &self.phone)]
            .map(|(which, key)| (which, hmac(key, Purpose::Canary, which.as_str().as_bytes())))
    }

    /// Whether `mac` is [`hash`](Self::hash) of `text`, compared in constant time.
    pub fn verify(&self, purpose: Purpose, text: &str, mac: &[u8]) -> bool {
        self.hash(purpose, text).ct_eq(mac).into()
    }
}

/// A plain SHA-256, for telling content apart.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

fn hmac(key: &[u8; 32], purpose: Purpose, message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(purpose.label());
    mac.update(b"\0");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new([1; 32], [2; 32])
    }

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let sealed = keys().seal(Purpose::Number, b"+61491570006");
        assert_eq!(keys().open(Purpose::Number, &sealed).as_deref(), Ok(b"+61491570006".as_slice()));
        assert_eq!(keys().open(Purpose::Job, &sealed), Err(SealBroken));
        assert_eq!(Keys::new([9; 32], [2; 32]).open(Purpose::Number, &sealed), Err(SealBroken));
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(keys().open(Purpose::Number, &altered), Err(SealBroken), "byte {at}");
        }
        assert_eq!(keys().open(Purpose::Number, b"short"), Err(SealBroken));
    }

    #[test]
    fn seals_the_same_value_differently_each_time() {
        assert_ne!(keys().seal(Purpose::Job, b"same"), keys().seal(Purpose::Job, b"same"));
    }

    #[test]
    fn hashes_depend_on_key_and_purpose() {
        let hash = keys().hash(Purpose::Token, "abc");
        assert!(keys().verify(Purpose::Token, "abc", &hash));
        assert!(!keys().verify(Purpose::Token, "abd", &hash));
        assert!(!keys().verify(Purpose::MediaLink, "abc", &hash));
        assert_ne!(hash, Keys::new([3; 32], [2; 32]).hash(Purpose::Token, "abc"));
    }
}
