//! MessageMedia's refusals in our words. What becomes of a message that it took has its words in
//! [`crate::engage`].

/// The fields that a refusal may point to, and words for staff: what happened and what to do. The longer of two names
/// that share an ending stands first.
const FIELDS: &[(&str, &str)] = &[
    ("/destination_number", "This is not a valid telephone number. Check the patient's number."),
    (
        "/source_number",
        "MessageMedia does not accept the line's number as a sender. Register it under Numbers in MessageMedia's console.",
    ),
    ("/content", "MessageMedia does not accept the text: it has at most 5000 characters. Shorten it."),
    (
        "/media",
        "MessageMedia could not use the picture. It takes JPEG, PNG and GIF; check that APP_URL can be reached from the internet.",
    ),
    (
        "/callback_url",
        "MessageMedia cannot use this server's public address for delivery reports. Check APP_URL.",
    ),
];

/// Words for staff for a request that was refused as a whole.
pub(super) fn refusal(status: u16, details: &[String]) -> String {
    let known = |detail: &String| {
        // What follows the pointer may repeat the patient's number.
        let pointer = detail.split(':').next().unwrap_or_default();
        FIELDS.iter().find(|(field, _)| pointer.contains(field)).map(|(_, words)| *words)
    };
    match (status, details.iter().find_map(known)) {
        (_, Some(words)) => words.to_owned(),
        (401 | 403, None) => {
            "MessageMedia does not accept the line's credentials. Check API key and secret in \
                              Settings > Lines."
                .to_owned()
        }
        (404, None) => {
            "MessageMedia does not know this API address or sub-account. Check the line in Settings > \
                        Lines."
                .to_owned()
        }
        (status, None) => {
            format!(
                "MessageMedia refused the message with status {status}. Ask its support if it happens again."
            )
        }
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
