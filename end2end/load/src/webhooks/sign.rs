//! Webhooks as Twilio sends them.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// The account of Twilio's documentation, as far as it is one.
pub const ACCOUNT: &str = "AC00000000000000000000000000000001";

/// Signs the webhooks.
pub const TOKEN: &str = "bench_auth_token_0123456789abcdef";

/// The line's number, of a range that is set aside for fiction.
pub const LINE: &str = "+61491570006";

/// People who write in turn.
const SENDERS: u64 = 2000;

/// A whole HTTP/1.1 request that brings message number `n` to a path of the server at `authority`: a text with one
/// contact card, which waits at `carrier`. A picture would be decoded as well, which is another benchmark.
pub fn request(authority: &str, path: &str, carrier: &str, n: u64) -> Vec<u8> {
    let sid = format!("MM{n:032x}");
    let from = format!("+1202555{:04}", 100 + n % SENDERS);
    let media = format!("{carrier}/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}/Media/ME{n:032x}");
    let text = format!("Message number {n}: the rash on my arm looks better today, here is my new address.");
    // In the order of their names, as they are signed.
    let parameters = [
        ("AccountSid", ACCOUNT),
        ("ApiVersion", "2010-04-01"),
        ("Body", &text),
        ("From", &from),
        ("FromCountry", "US"),
        ("MediaContentType0", "text/x-vcard"),
        ("MediaUrl0", &media),
        ("MessageSid", &sid),
        ("NumMedia", "1"),
        ("NumSegments", "1"),
        ("SmsMessageSid", &sid),
        ("SmsSid", &sid),
        ("SmsStatus", "received"),
        ("To", LINE),
        ("ToCountry", "AU"),
    ];
    let mut mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("http://{authority}{path}").as_bytes());
    for (name, value) in parameters {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(parameters);
    let body = body.finish();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: TwilioProxy/1.1\r\n\
         Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nX-Twilio-Signature: {signature}\r\n\
         I-Twilio-Idempotency-Token: {n:032x}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}
