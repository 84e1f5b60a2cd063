//! `telnyx-signature-ed25519`: Base64 of an Ed25519 signature over the text of `telnyx-timestamp`, a bar, and the
//! body's raw bytes. The address is not covered.

use crate::WebhookRequest;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};

/// Seconds between signing and arrival, either way: an old webhook must not be played again.
const TOLERANCE: u64 = 300;

/// What Telnyx's signatures are checked with; one for a whole Telnyx account.
pub(super) struct PublicKey([u8; 32]);

impl PublicKey {
    /// As the portal shows it: Base64 of 32 bytes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(signed, signature).is_ok()
    }
}

/// Whether a webhook was signed with one of `keys`, and not long before or after it arrived.
pub(super) fn holds(keys: &[PublicKey], request: &WebhookRequest) -> bool {
    let (Some(timestamp), Some(given)) =
        (request.header("telnyx-timestamp"), request.header("telnyx-signature-ed25519"))
    else {
        return false;
    };
    let Ok(signed_at) = timestamp.parse::<i64>() else { return false };
    if request.received_at.div_euclid(1000).abs_diff(signed_at) > TOLERANCE {
        return false;
    }
    let Ok(signature) = STANDARD.decode(given) else { return false };
    let signed = [timestamp.as_bytes(), b"|", &request.body].concat();
    keys.iter().any(|key| key.verifies(&signed, &signature))
}
