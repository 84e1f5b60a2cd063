//! MessageMedia: its signature, its webhooks in every form that is known, and how an account is looked at.

mod account;
mod messages;
mod signature;

use crate::support::*;
use providers::{Account, WebhookKind, WebhookRequest};
use serde_json::json;

const KEY_ID: &str = "7ca628a8-08b0-4e42-aeb8-960b37049c31";
/// 2048 bits.
const PUBLIC_KEY: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAl7jUMY0hew9eerGV58jqRs82pmH9YNJE6qsbp6VGeVPTcCmio9WncrIlAhriHruGqUaHcBZI847GVzm7oS85WduODirq5AB0rH4y62n6Dpe4DK5VccFh/7DAPNDbsBrpDetLj6/F4XAf7JELIAt58ar5y8IGHJhQNBGeDhd8eqmCA7p6H4t58XNwQgUN4eZnPCrq7oHqVNNjMzNiTwby/KuUzUhGfOFPfbRw4NH9JatH1gBvw3Sep6CGxRNurM2FK4s0xOTnEVRbQhjyCLl8aWBdjG8x6Z0nkUrJMffkuDEBhwvkPF0rzgY9BBblJA13EmlvaN/PWaquASBlL9Af5QIDAQAB";

/// When what is signed was signed.
const RECEIVED_AT: i64 = 1_785_808_327_000;

/// 1024 bits, as in MessageMedia's own sample of a key.
const SHORT_KEY: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDjVx5lOj+whrmXFoEhdCirL/zJj92pHQlAu7cRIptgYw6MXJ3TTFbDj4sV+ZP0q/r73Dwl2pFqhbfiOPC0a2pGlrTQsC3TwUHdrGAAWlrmRCDqpf5BnEUiwgQ45NKuPNoKxqwhD36RhEShH8SdcoOIIBFUtGO81qTHlSMscthFqQIDAQAB";
const SHORT_KEY_ID: &str = "6a0108cf-3659-435e-800e-004beb910fd1";

const SECRET: &str = "webhook-secret-0123456789";

/// With both keys; neither is bound to a hash.
fn signing() -> Account {
    account(json!({
        "api_key": API_KEY, "api_secret": API_SECRET,
        "signature_keys": [
            { "key_id": SHORT_KEY_ID, "public_key": SHORT_KEY },
            { "key_id": KEY_ID, "public_key": PUBLIC_KEY, "cipher": "RSA", "enabled": false },
        ],
    }))
}

fn plain() -> Account {
    let webhook_secrets = vec![SECRET.to_owned(), "the-one-before".to_owned()];
    Account { webhook_secrets, ..account(messagemedia_credentials()) }
}

fn json_request(kind: WebhookKind, body: &str) -> WebhookRequest {
    WebhookRequest {
        kind,
        method: "POST".to_owned(),
        url: "https://hooks.example.test/w".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.as_bytes().to_vec(),
        received_at: RECEIVED_AT,
        client: None,
    }
}
