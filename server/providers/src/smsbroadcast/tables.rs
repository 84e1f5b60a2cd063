//! SMS Broadcast's sentences and words in ours. Only some of them are documented, so that others are passed on.

/// Sentences by a part of them in lower case, and words for staff: what happened and what to do.
const SENTENCES: &[(&str, &str)] = &[
    (
        "username or password",
        "SMS Broadcast does not accept the line's credentials. Check user name and password in Settings > Lines.",
    ),
    (
        "sender",
        "SMS Broadcast does not accept the line's number as a sender. Check it in SMS Broadcast's portal.",
    ),
    ("invalid number", "This is not a valid telephone number. Check the patient's number."),
    ("credit", "The SMS Broadcast account has no credits left. Buy some in its portal."),
    ("too long", "The text is too long for SMS Broadcast. Shorten it."),
];

/// Words for staff for a refused request, whose reason is SMS Broadcast's own sentence.
pub(super) fn refusal(code: &str, reason: &str) -> String {
    if is_opted_out(reason) {
        return "SMS Broadcast has blocked this number, probably because the person has asked to stop."
            .to_owned();
    }
    let sentence = reason.to_ascii_lowercase();
    match SENTENCES.iter().find(|(part, _)| sentence.contains(part)) {
        Some((_, words)) => (*words).to_owned(),
        None => format!("SMS Broadcast refused the message ({code}): {}", without_numbers(reason)),
    }
}

/// Whether a reason says that the person does not want messages. Its words are not documented.
pub(super) fn is_opted_out(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    ["opted out", "opted-out", "opt out", "opt-out", "unsubscribed", "blacklist"]
        .iter()
        .any(|words| reason.contains(words))
}

/// Words for staff for a receipt of the older push, which knows no codes.
pub(super) fn failure(word: &str) -> String {
    if word.eq_ignore_ascii_case("expired") {
        return "The phone could not be reached in time: switched off or without coverage. Send it again if it still \
                matters."
            .to_owned();
    }
    "SMS Broadcast could not deliver it and does not say why. Check the patient's number.".to_owned()
}

/// The first words of a sentence that we do not know, without what may be somebody's number.
fn without_numbers(sentence: &str) -> String {
    let digits = |word: &&str| word.bytes().filter(u8::is_ascii_digit).count() < 6;
    sentence.split_whitespace().filter(digits).take(25).collect::<Vec<_>>().join(" ")
}
