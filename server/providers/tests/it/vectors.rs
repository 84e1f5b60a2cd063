//! Requests that the carriers' own libraries signed or accepted (see `tests/vectors/README.md`): ours take each, and
//! none in which anything was changed.

use crate::support::*;
use proptest::prelude::*;
use proptest::sample::Index;
use providers::{Account, Provider, Received, Rejected, WebhookKind, WebhookRequest};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Made {
    made_by: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    label: String,
    method: String,
    url: String,
    headers: BTreeMap<String, String>,
    body: String,
    received_at: i64,
}

/// A carrier, what its library made, and what of a request its signature covers beside the body.
struct Signed {
    carrier: &'static dyn Provider,
    account: Account,
    made: Made,
    covers_address: bool,
    headers: &'static [&'static str],
}

fn carriers() -> [Signed; 2] {
    let made = |json: &str| serde_json::from_str(json).unwrap();
    [
        Signed {
            carrier: twilio(),
            account: twilio_account(),
            made: made(include_str!("../vectors/twilio.json")),
            covers_address: true,
            headers: &["x-twilio-signature"],
        },
        Signed {
            carrier: telnyx(),
            account: telnyx_account(),
            made: made(include_str!("../vectors/telnyx.json")),
            covers_address: false,
            headers: &["telnyx-signature-ed25519", "telnyx-timestamp"],
        },
    ]
}

impl Vector {
    fn request(&self) -> WebhookRequest {
        WebhookRequest {
            kind: WebhookKind::Inbound,
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone().into_iter().collect(),
            body: self.body.clone().into_bytes(),
            received_at: self.received_at,
            client: None,
        }
    }
}

impl Signed {
    /// Whether the signature holds; what the webhook says does not matter here.
    fn holds(&self, request: &WebhookRequest) -> bool {
        match self.carrier.receive(&self.account, request) {
            Ok(Received { verified, .. }) => verified,
            Err(Rejected::Malformed(_)) => true,
            Err(Rejected::Signature) => false,
        }
    }

    /// Fails unless an altered request is refused, or means the same: `%2b` and `%2B`.
    fn refuses(&self, label: &str, original: &WebhookRequest, altered: &WebhookRequest) {
        let same = meaning(altered) == meaning(original)
            && altered.headers == original.headers
            && self.carrier.receive(&self.account, altered) == self.carrier.receive(&self.account, original);
        assert!(!self.holds(altered) || same, "{}, {label}: {altered:?}", self.made.made_by);
    }
}

/// A place in a request at which a byte can be changed.
#[derive(Clone, Copy)]
enum Place {
    Address(usize),
    Body(usize),
    Header(&'static str, usize),
}

impl Signed {
    fn places(&self, request: &WebhookRequest) -> Vec<Place> {
        let address = if self.covers_address { request.url.len() } else { 0 };
        let headers = self
            .headers
            .iter()
            .flat_map(|name| (0..request.header(name).unwrap().len()).map(move |at| Place::Header(name, at)));
        let body = (0..request.body.len()).map(Place::Body);
        (0..address).map(Place::Address).chain(body).chain(headers).collect()
    }
}

/// The request with one byte changed; `None` where an address or a header would not be text any more.
fn changed(original: &WebhookRequest, place: Place, mask: u8) -> Option<WebhookRequest> {
    let flipped = |text: &str, at: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= mask;
        String::from_utf8(bytes).ok()
    };
    let mut altered = original.clone();
    match place {
        Place::Address(at) => altered.url = flipped(&original.url, at)?,
        Place::Body(at) => altered.body[at] ^= mask,
        Place::Header(name, at) => {
            let (_, value) = altered.headers.iter_mut().find(|(known, _)| known == name).unwrap();
            *value = flipped(value, at)?;
        }
    }
    Some(altered)
}

/// Address without query, and every parameter of the query and of the body.
type Meaning = (String, Vec<(String, String)>, Vec<(String, String)>);

fn meaning(request: &WebhookRequest) -> Meaning {
    let (address, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
    let decoded = |text: &[u8]| form_urlencoded::parse(text).into_owned().collect();
    (address.to_owned(), decoded(query.as_bytes()), decoded(&request.body))
}

#[test]
fn what_their_libraries_made_is_accepted() {
    for signed in carriers() {
        assert!(signed.made.vectors.len() > 2);
        for vector in &signed.made.vectors {
            assert!(signed.holds(&vector.request()), "{}: {}", signed.made.made_by, vector.label);
        }
    }
}

#[test]
fn every_single_changed_byte_is_refused() {
    for signed in carriers() {
        for vector in &signed.made.vectors {
            let original = vector.request();
            for (bit, place) in (0..8).cycle().zip(signed.places(&original)) {
                if let Some(altered) = changed(&original, place, 1 << bit) {
                    signed.refuses(&vector.label, &original, &altered);
                }
            }
        }
    }
}

#[test]
fn every_changed_parameter_is_refused() {
    let [twilio, _] = carriers();
    for vector in &twilio.made.vectors {
        let original = vector.request();
        if original.header("content-type") != Some("application/x-www-form-urlencoded") {
            continue;
        }
        let fields: Vec<(String, String)> = form_urlencoded::parse(&original.body).into_owned().collect();
        for (at, (name, value)) in fields.iter().enumerate() {
            let others = || fields.iter().enumerate().filter(move |(other, _)| *other != at);
            let repeated = others().any(|(_, field)| field == &fields[at]);
            let with = |fields: Vec<(String, String)>| {
                let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                WebhookRequest { body: body.into_bytes(), ..original.clone() }
            };
            let rest = || others().map(|(_, field)| field.clone());
            let changes = [
                ("renamed", rest().chain([(format!("{name}X"), value.clone())]).collect::<Vec<_>>()),
                ("longer", rest().chain([(name.clone(), format!("{value}0"))]).collect()),
                (
                    "joined by another",
                    fields.iter().cloned().chain([(name.clone(), "another".to_owned())]).collect(),
                ),
            ];
            for (change, fields) in changes {
                assert!(!twilio.holds(&with(fields)), "{}: {name} {change}", vector.label);
            }
            // A value that stands there twice counts once.
            let without = with(rest().collect());
            assert_eq!(twilio.holds(&without), repeated, "{}: without {name}", vector.label);
        }
    }
}

#[test]
fn another_key_accepts_none() {
    let other_token = account(with(twilio_credentials(), "auth_token", "another_token"));
    let other_key = account(with(
        telnyx_credentials(),
        "public_key",
        // Of the second test key pair in RFC 8032.
        "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=",
    ));
    for (signed, account) in carriers().into_iter().zip([other_token, other_key]) {
        let signed = Signed { account, ..signed };
        for vector in &signed.made.vectors {
            assert!(!signed.holds(&vector.request()), "{}: {}", signed.made.made_by, vector.label);
        }
    }
}

proptest! {
    #[test]
    fn any_changed_byte_is_refused(carrier in 0..2_usize, which in any::<Index>(), at in any::<Index>(), mask in 1..=255_u8) {
        let signed = &carriers()[carrier];
        let vector = which.get(&signed.made.vectors);
        let original = vector.request();
        let places = signed.places(&original);
        if let Some(altered) = changed(&original, *at.get(&places), mask) {
            signed.refuses(&vector.label, &original, &altered);
        }
    }
}
