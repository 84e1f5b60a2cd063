//! MessageMedia's refusals in our words. What becomes of a message that it took has its words in
//! [`crate::engage`].

use crate::Blame;

/// The fields that a refusal may point to, whose doing it is, and words for staff: what happened and what to do. The
/// longer of two names that share an ending stands first.
const FIELDS: &[(&str, Blame, &str)] = &[
    (
        "/destination_number",
        Blame::Message,
        "This is not a valid telephone number. Check the patient's number.",
    ),
    (
        "/source_number",
        Blame::Carrier,
        "MessageMedia does not accept the line's number as a sender. Register it under Numbers in MessageMedia's console.",
    ),
    (
        "/content",
        Blame::Carrier,
        "MessageMedia does not accept the text: it has at most 5000 characters. Shorten it.",
    ),
    (
        "/media",
        Blame::Carrier,
        "MessageMedia could not use the picture. It takes JPEG, PNG and GIF; check that APP_URL can be reached from the internet.",
    ),
    (
        "/callback_url",
        Blame::Carrier,
        "MessageMedia cannot use this server's public address for delivery reports. Check APP_URL.",
    ),
];

/// Whose doing a refusal is, and words for staff.
pub(super) fn refusal(status: u16, details: &[String]) -> (Blame, String) {
    let known = |detail: &String| {
        // What follows the pointer may repeat the patient's number.
        let pointer = detail.split(':').next().unwrap_or_default();
        FIELDS.iter().find(|(field, _, _)| pointer.contains(field)).map(|(_, blame, words)| (*blame, *words))
    };
    if let Some((blame, words)) = details.iter().find_map(known) {
        return (blame, words.to_owned());
    }
    match status {
        401 | 403 => (
            Blame::Account,
            "MessageMedia does not accept the line's credentials. Check API key and secret in Settings > Lines."
                .to_owned(),
        ),
        404 => (
            Blame::Account,
            "MessageMedia does not know this API address or sub-account. Check the line in Settings > Lines."
                .to_owned(),
        ),
        status => (
            Blame::Message,
            format!(
                "MessageMedia refused the message with status {status}. Ask its support if it happens again."
            ),
        ),
    }
}

/// Whether a refusal is about the size of a picture. No limit and no words for it are documented.
pub(super) fn is_too_large(message: &str, details: &[String]) -> bool {
    let about_size = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.contains("media") && (text.contains("large") || text.contains("size"))
    };
    about_size(message) || details.iter().any(|detail| about_size(detail))
}
