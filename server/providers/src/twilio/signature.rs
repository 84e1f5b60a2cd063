//! `X-Twilio-Signature`: Base64 of HMAC-SHA1, keyed with the account's primary auth token, over the URL and,
//! for a form, its parameters.

use crate::WebhookRequest;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use subtle::ConstantTimeEq;
use url::Url;

/// Whether a webhook carries a signature made with `auth_token`.
pub(super) fn holds(auth_token: &str, request: &WebhookRequest) -> bool {
    let Some(given) = request.header("x-twilio-signature") else { return false };
    let url = request.url.split('#').next().unwrap_or_default();
    let parameters = if is_form(request) {
        match joined_parameters(&request.body) {
            Some(joined) => joined,
            None => return false,
        }
    } else if request.body.is_empty() || body_hash_matches(url, &request.body) {
        String::new()
    } else {
        return false;
    };
    // Every form is tried, also after a match, so that the time taken tells nothing.
    url_forms(url).iter().fold(false, |found, form| {
        let expected = sign(auth_token, form, &parameters);
        found | bool::from(expected.as_bytes().ct_eq(given.as_bytes()))
    })
}

/// Whether the parameters are in the body; otherwise they are in the query.
pub(super) fn is_form(request: &WebhookRequest) -> bool {
    let media_type = request.header("content-type").and_then(|v| v.split(';').next()).unwrap_or_default();
    request.method == "POST" && media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn sign(auth_token: &str, url: &str, parameters: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(url.as_bytes());
    mac.update(parameters.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Names in byte order, each followed by its value; of a repeated name the distinct values in order.
///
/// `None` for a field without `=`. Twilio always writes one, and without this check `Body=hi` could be
/// altered into `Body&hi` under the same signature.
fn joined_parameters(body: &[u8]) -> Option<String> {
    if !body.is_empty() && !body.split(|&b| b == b'&').all(|field| field.contains(&b'=')) {
        return None;
    }
    let mut sorted: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        sorted.entry(name).or_default().insert(value);
    }
    let pairs = sorted.iter().flat_map(|(name, values)| values.iter().map(move |value| [name, value]));
    Some(pairs.flatten().map(AsRef::as_ref).collect())
}

/// A body that is no form is covered through its hash in the signed query.
fn body_hash_matches(url: &str, body: &[u8]) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let given = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "bodySHA256");
    let expected = hex::encode(Sha256::digest(body));
    given.is_some_and(|(_, hash)| bool::from(expected.as_bytes().ct_eq(hash.as_bytes())))
}

/// The spellings of one URL under which Twilio is known to sign: with and without the port, the query as it
/// came, as a URL parser escapes it, and as Node's older `querystring` writes it. Only port and query vary;
/// scheme, user, host and path stay as they came.
fn url_forms(url: &str) -> Vec<String> {
    let (base, query) = match url.split_once('?') {
        Some((base, query)) => (base, Some(query)),
        None => (url, None),
    };
    let mut queries = BTreeSet::from([query.map(str::to_owned)]);
    if let Some(query) = query {
        let parsed = Url::parse(url).ok().and_then(|url| url.query().map(str::to_owned));
        queries.insert(Some(parsed.unwrap_or_else(|| query.to_owned())));
        queries.insert(Some(legacy_query(query)));
    }
    let bases = port_forms(base);
    let with_query = |base: &String, query: &Option<String>| match query {
        Some(query) => format!("{base}?{query}"),
        None => base.clone(),
    };
    bases.iter().flat_map(|base| queries.iter().map(move |query| with_query(base, query))).collect()
}

/// `scheme://authority/path` without a port, and with the one given or the scheme's own.
fn port_forms(base: &str) -> Vec<String> {
    let Some((scheme, rest)) = base.split_once("://") else { return vec![base.to_owned()] };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host_at = authority.rfind('@').map_or(0, |at| at + 1);
    // A colon inside the brackets of an IPv6 address separates no port.
    let port_at = authority.rfind(':').filter(|&at| at >= host_at && !authority[at..].contains(']'));
    let (host, port) = match port_at {
        Some(at) => (&authority[..at], &authority[at + 1..]),
        None if scheme == "https" => (authority, "443"),
        None => (authority, "80"),
    };
    vec![format!("{scheme}://{host}{path}"), format!("{scheme}://{host}:{port}{path}")]
}

/// Parsed and written again: repeated names together, escaped as `encodeURIComponent` does.
fn legacy_query(query: &str) -> String {
    let mut fields: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value.into_owned()),
            None => fields.push((name.into_owned(), vec![value.into_owned()])),
        }
    }
    let mut out = String::new();
    for (name, value) in fields.iter().flat_map(|(name, values)| values.iter().map(move |v| (name, v))) {
        if !out.is_empty() {
            out.push('&');
        }
        escape_component(name, &mut out);
        out.push('=');
        escape_component(value, &mut out);
    }
    out
}

fn escape_component(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
}
