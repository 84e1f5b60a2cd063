//! Twilio's wire, as far as both sides of it speak it here: its account, its signature, and its calls to us.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Client;
use sha1::Sha1;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub(super) const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub(super) const TOKEN: &str = "torture_auth_token_0123456789abc";

/// The line's number.
pub(super) const LINE: &str = "+61491570006";

/// Who writes: the other mobile numbers that Australia's regulator sets aside for fiction.
const SENDERS: [&str; 24] = [
    "570156", "570157", "570158", "570159", "570110", "570313", "570737", "571266", "571491", "571804",
    "572549", "572665", "572983", "573770", "573087", "574118", "574632", "575254", "575789", "576398",
    "576801", "577426", "577644", "578957",
];

/// How long Twilio waits for an answer to a webhook.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

pub(super) fn senders() -> Vec<String> {
    SENDERS.iter().map(|end| format!("+61491{end}")).collect()
}

/// What its requests must say of who asks.
pub(super) fn login() -> String {
    format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:{TOKEN}")))
}

/// Where the server's processes are. All stand behind one public address, as behind a proxy: whoever calls that address
/// is let in through one door or another.
pub(super) struct Doors {
    public: String,
    doors: Vec<String>,
    next: AtomicUsize,
}

impl Doors {
    /// `doors`: the address of each process that listens, without a slash at the end; the first is the public one.
    pub(super) fn new(doors: Vec<String>) -> Self {
        Self { public: doors.first().cloned().unwrap_or_default(), doors, next: AtomicUsize::new(0) }
    }

    pub(super) fn public(&self) -> &str {
        &self.public
    }

    /// A public address as one that can be called now.
    pub(super) fn through(&self, url: &str) -> String {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.doors.len().max(1);
        match (self.doors.get(turn), url.strip_prefix(&self.public)) {
            (Some(door), Some(rest)) => format!("{door}{rest}"),
            _ => url.to_owned(),
        }
    }
}

/// A webhook.
pub(super) struct Hook {
    /// As it is signed.
    pub(super) url: String,
    pub(super) fields: Vec<(&'static str, String)>,
}

impl Hook {
    /// Calls once; the status that was answered, or `None` where there was no whole answer.
    pub(super) async fn call(&self, client: &Client, doors: &Doors) -> Option<u16> {
        let request = client
            .post(doors.through(&self.url))
            .header("x-twilio-signature", sign(&self.url, &self.fields))
            .timeout(ANSWER_WITHIN)
            .form(&self.fields);
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        // An answer that breaks off half-way is none.
        answer.bytes().await.ok().map(|_| status)
    }
}

/// Base64 of HMAC-SHA1 over the URL and the parameters, sorted by name.
fn sign(url: &str, fields: &[(&'static str, String)]) -> String {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_unstable();
    let mut mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Asks on loopback alone, whatever proxy the environment names.
pub(super) fn client() -> reqwest::Result<Client> {
    #[expect(clippy::disallowed_methods, reason = "the test asks as strangers do, on loopback")]
    let builder = Client::builder();
    builder.no_proxy().build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_address_leads_through_every_door() {
        let doors = Doors::new(vec!["http://127.0.0.1:1".to_owned(), "http://127.0.0.1:2".to_owned()]);
        let called: Vec<_> = (0..3).map(|_| doors.through("http://127.0.0.1:1/healthz")).collect();
        assert_eq!(
            called,
            ["http://127.0.0.1:1/healthz", "http://127.0.0.1:2/healthz", "http://127.0.0.1:1/healthz"]
        );
        assert_eq!(doors.through("http://127.0.0.1:9/x"), "http://127.0.0.1:9/x");
    }

    #[test]
    fn fields_are_signed_in_the_order_of_their_names() {
        let one = [("To", "b".to_owned()), ("Body", "a".to_owned())];
        let other = [("Body", "a".to_owned()), ("To", "b".to_owned())];
        assert_eq!(sign("http://127.0.0.1:1/x", &one), sign("http://127.0.0.1:1/x", &other));
        assert_ne!(sign("http://127.0.0.1:1/x", &one), sign("http://127.0.0.1:1/y", &one));
    }
}
