//! The engine behind two of Sinch's brands, MessageMedia and SMS Broadcast: its words and codes in ours, and
//! webhooks whose fields a template in its console names and fills.
//!
//! Sinch may change codes and words, so nothing but these tables knows them.

use crate::fields::Fields;
use crate::{Blame, InboundMedia, MediaPlace, Rejected, WebhookRequest};
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet::Alphabet};
use bytes::Bytes;
use model::PhoneNumber;
use model::message::DeliveryState;
use serde_json::Value;
use sha2::{Digest, Sha256};

use DeliveryState::{Accepted, Delivered, Failed, Sent, Undelivered};

/// Files of one inbound message that are read at most.
const MOST_MEDIA: usize = 32;

/// The engine's codes: the state in which each leaves a message, and words for staff where that is a failure.
const CODES: &[(&str, DeliveryState, &str)] = &[
    ("101", Accepted, ""),
    ("102", Accepted, ""),
    ("151", Accepted, ""),
    ("200", Sent, ""),
    ("210", Sent, ""),
    ("211", Sent, ""),
    ("212", Sent, ""),
    ("213", Sent, ""),
    ("220", Delivered, ""),
    ("221", Delivered, ""),
    ("301", Failed, "The carrier account has reached its limit. Raise it in the carrier's console."),
    (
        "302",
        Failed,
        "This number is blocked at the carrier, probably because the person has asked to stop. It gets nothing until the block is lifted in the carrier's console.",
    ),
    (
        "303",
        Failed,
        "The carrier has blocked the line's number as a sender. Check it in the carrier's console.",
    ),
    ("304", Failed, "The carrier dropped the message and does not say why. Ask its support."),
    (
        "305",
        Failed,
        "The carrier took it for a repetition: the same text went to this number within 24 hours. Change the text if it is meant to go out again.",
    ),
    ("320", Undelivered, "The message was not sent in time. Send it again if it still matters."),
    ("330", Undelivered, "The carrier had a fault and could not pass the message on. Send it again."),
    ("331", Failed, "The carrier discarded the message. Ask its support."),
    ("332", Failed, "The carrier has no route to this number. Check the patient's number."),
    (
        "333",
        Failed,
        "The line's number cannot send to this number, for example because it is in another country.",
    ),
    ("400", Undelivered, "The message cannot be delivered to this number. Check the patient's number."),
    ("401", Undelivered, "The phone could not be reached in time: switched off or without coverage."),
    ("402", Undelivered, "The mobile network refused the message. Reword it, or ask the carrier's support."),
    ("403", Undelivered, "The mobile network passed the message over. Ask the carrier's support."),
    ("405", Failed, "The message was cancelled at the carrier."),
    (
        "410",
        Failed,
        "The mobile network does not accept the line's number as a sender. Check it in the carrier's console.",
    ),
    ("411", Undelivered, "This is not a valid number. Check the patient's number."),
    (
        "412",
        Undelivered,
        "The mobile network has blocked this number for messages, probably because the person has asked to stop.",
    ),
    ("413", Undelivered, "This number cannot receive text messages. Is it a mobile number?"),
    (
        "414",
        Undelivered,
        "The phone could not be reached: switched off or without coverage. Try again later.",
    ),
];

/// The engine's word for a message's state in ours, also where a template puts the code in its place; `None` for one
/// that it has added since.
pub(crate) fn state(word: &str) -> Option<DeliveryState> {
    Some(match word.to_ascii_lowercase().as_str() {
        "queued" | "processing" | "processed" | "scheduled" | "held" | "enroute" | "undefined" => Accepted,
        "submitted" => Sent,
        "delivered" => Delivered,
        "read" => DeliveryState::Read,
        "expired" | "failed" => Undelivered,
        "rejected" | "cancelled" => Failed,
        code => find(code)?.1,
    })
}

/// Words for staff for a failure: what happened and what to do.
pub(crate) fn failure(code: Option<&str>) -> String {
    match (code.and_then(find), code) {
        (Some((_, _, words)), _) if !words.is_empty() => (*words).to_owned(),
        (_, Some(code)) => format!(
            "The carrier could not deliver the message and gives the code {code}. Ask its support what that means."
        ),
        (_, None) => "The carrier could not deliver the message and does not say why.".to_owned(),
    }
}

/// Whose doing a failure with this code is. Only those count that say for certain that the engine let nothing go on to
/// the person: it has no credit, or does not let the line's number send there.
pub(crate) fn blame(code: &str) -> Blame {
    match code {
        "301" => Blame::Account,
        "303" | "333" | "410" => Blame::Carrier,
        _ => Blame::Message,
    }
}

/// Whether a code says that the person does not want messages from this account.
pub(crate) fn opted_out(code: &str) -> bool {
    matches!(code, "302" | "412")
}

fn find(code: &str) -> Option<&'static (&'static str, DeliveryState, &'static str)> {
    CODES.iter().find(|(known, _, _)| *known == code)
}

/// A webhook as a template filled it in: plain fields, and files within it.
pub(crate) struct Told {
    fields: Fields,
    /// In the carrier's order. One that cannot be read must show as a failed picture, not vanish.
    pub(crate) media: Vec<InboundMedia>,
}

impl Told {
    /// Of JSON, a form or a query, whatever the request says of itself.
    ///
    /// # Errors
    /// [`Rejected::Malformed`] for something that begins like a JSON object and is none.
    pub(crate) fn of(request: &WebhookRequest) -> Result<Self, Rejected> {
        if !request.body.trim_ascii_start().starts_with(b"{") {
            let fields = Fields::of(request)?;
            let files = fields.filled("attachments").map(|text| Value::from(text.to_owned()));
            return Ok(Self { media: media(&fields, files), fields });
        }
        let Ok(Value::Object(mut object)) =
            serde_json::from_slice(&request.body).or_else(|_| serde_json::from_slice(&mended(&request.body)))
        else {
            return Err(Rejected::Malformed("not a JSON object"));
        };
        let files = object.remove("attachments");
        // What we gave along with a message comes back as an object within; it is a field like any other.
        if let Some(Value::Object(metadata)) = object.remove("metadata") {
            object.extend(metadata.into_iter().filter(|(name, _)| name == "reference"));
        }
        let fields = Fields::of_object(object);
        // A template may escape for an address what it writes into JSON. No number begins like this otherwise.
        let escaped = fields.iter().any(|(_, value)| value.starts_with("%2B") || value.starts_with("%2b"));
        let fields = if escaped { fields.changed(|value| unescaped(&value)) } else { fields };
        Ok(Self { media: media(&fields, files), fields })
    }

    /// The first of several names that is filled. A variable that the engine does not know for an event stays in
    /// its place by its own name, `$replyId`, and counts as absent.
    pub(crate) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.fields.filled(name).filter(|value| !value.starts_with('$')))
    }

    /// What the patient wrote, under the first of several names; `None` where the webhook has no place for it. A
    /// text may well begin with `$`, so that only the variable itself counts as absent.
    pub(crate) fn text(&self, names: &[&str]) -> Option<&str> {
        let text = names.iter().find_map(|name| self.fields.get(name))?;
        let variable = |name: &str| text.starts_with('$') && text.contains(name);
        if ["moContent", "replyContent"].iter().any(|name| variable(name)) { None } else { Some(text) }
    }
}

/// A number with its country code, with or without the `+`.
pub(crate) fn number(text: &str) -> Option<PhoneNumber> {
    let text = text.trim();
    if text.starts_with('+') {
        return PhoneNumber::from_e164(text).ok();
    }
    // Shorter ones are numbers as written at home, or short codes.
    if text.len() < 11 { None } else { PhoneNumber::from_e164(&format!("+{text}")).ok() }
}

/// Names a message to which the carrier gave no id by everything that is known of it: equal for a repetition.
pub(crate) fn fingerprint(parts: &[&str], media: &[InboundMedia]) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    };
    for part in parts {
        add(part.as_bytes());
    }
    for file in media {
        match &file.place {
            MediaPlace::Link(link) => add(link.as_str().as_bytes()),
            MediaPlace::Inline(bytes) => add(bytes),
        }
    }
    hex::encode(&hash.finalize()[..16])
}

/// Files as the documented templates write them, and a link for a template that knows no better.
fn media(fields: &Fields, attachments: Option<Value>) -> Vec<InboundMedia> {
    let attachments = match attachments {
        // In a form, or between quotation marks: the list as text.
        Some(Value::String(text)) => match serde_json::from_str(&text) {
            Ok(listed) => listed,
            Err(_) if text.trim().is_empty() || text.starts_with('$') => Value::Null,
            Err(_) => Value::String(text),
        },
        other => other.unwrap_or_default(),
    };
    let listed = match attachments {
        Value::Null => Vec::new(),
        Value::Array(files) => files,
        one => vec![one],
    };
    let linked = fields.filled("media_url").filter(|link| !link.starts_with('$')).map(|link| InboundMedia {
        place: MediaPlace::of_link(link),
        media_type: fields.filled("media_type").map(str::to_owned),
        file_name: None,
    });
    listed.iter().filter(|file| !file.is_null()).map(file).chain(linked).take(MOST_MEDIA).collect()
}

fn file(file: &Value) -> InboundMedia {
    let told = |names: &[&str]| {
        let text = names.iter().find_map(|name| file.get(name)?.as_str())?;
        Some(text).filter(|text| !text.is_empty() && !text.starts_with('$'))
    };
    let place = match (told(&["content", "base64"]), told(&["url", "media_url"])) {
        (None, Some(link)) => MediaPlace::of_link(link),
        (content, _) => MediaPlace::Inline(decoded(content.unwrap_or_default())),
    };
    let name = told(&["original_name", "originalName"]).and_then(|name| name.rsplit(['/', '\\']).next());
    InboundMedia {
        place,
        media_type: told(&["content_type", "contentType"]).map(str::to_owned),
        file_name: name.filter(|name| !name.is_empty()).map(str::to_owned),
    }
}

/// Base64 in either alphabet, with or without padding and line breaks; empty for anything else.
fn decoded(text: &str) -> Bytes {
    let text = text.split_once(";base64,").map_or(text, |(_, content)| content);
    let plain: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let decode = |alphabet: &Alphabet| GeneralPurpose::new(alphabet, lenient).decode(&plain).ok();
    decode(&STANDARD).or_else(|| decode(&URL_SAFE)).unwrap_or_default().into()
}

/// Escapes line breaks and other control characters within strings: a template that writes a text of several lines
/// without escaping it makes no JSON.
fn mended(body: &[u8]) -> Vec<u8> {
    let (mut out, mut in_string, mut after_backslash) = (Vec::with_capacity(body.len()), false, false);
    for &byte in body {
        if in_string && byte < b' ' {
            out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
            after_backslash = false;
            continue;
        }
        in_string ^= byte == b'"' && !after_backslash;
        after_backslash = in_string && byte == b'\\' && !after_backslash;
        out.push(byte);
    }
    out
}

/// What was escaped for an address. A value that still has a separator was not.
fn unescaped(value: &str) -> String {
    if value.contains(['&', '=']) {
        return value.to_owned();
    }
    let decoded = form_urlencoded::parse(value.as_bytes()).next();
    decoded.map_or_else(String::new, |(text, _)| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_however_it_is_written() {
        let bytes: Vec<u8> = (0..=255).collect();
        let written = GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new()).encode(&bytes);
        let broken = written.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned());
        let variants = [
            written.clone(),
            broken.collect::<Vec<_>>().join("\r\n"),
            written.trim_end_matches('=').to_owned(),
            written.replace('+', "-").replace('/', "_"),
            format!("data:image/png;base64,{written}"),
        ];
        for variant in variants {
            assert_eq!(decoded(&variant), bytes, "{variant}");
        }
        for wrong in ["", "$a.base64", "é", "A"] {
            assert!(decoded(wrong).is_empty(), "{wrong}");
        }
    }

    #[test]
    fn only_strings_are_mended() {
        let broken = b"{\n \"a\": \"one\ntwo \\\" three\\\\\",\t\"b\": \"\\n\x01\"\n}";
        let read: Value = serde_json::from_slice(&mended(broken)).expect("mended");
        assert_eq!(read["a"], "one\ntwo \" three\\");
        assert_eq!(read["b"], "\n\u{1}");
    }

    #[test]
    fn every_code_that_ends_badly_is_explained() {
        for (code, state, words) in CODES {
            assert_eq!(words.is_empty(), !matches!(state, Failed | Undelivered), "{code}");
        }
    }
}
