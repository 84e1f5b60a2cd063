//! SMS Broadcast's sentences and words in ours. Only some of them are documented, so that others are passed on.

use crate::Blame;

/// Sentences by a part of them in lower case, whose doing it is, and words for staff: what happened and what to do.
const SENTENCES: &[(&str, Blame, &str)] = &[
    (
        "username or password",
        Blame::Account,
        "SMS Broadcast does not accept the line's credentials. Check user name and password in Settings > Lines.",
    ),
    (
        "sender",
        Blame::Carrier,
        "SMS Broadcast does not accept the line's number as a sender. Check it in SMS Broadcast's portal.",
    ),
    ("invalid number", Blame::Message, "This is not a valid telephone number. Check the patient's number."),
    ("credit", Blame::Account, "The SMS Broadcast account has no credits left. Buy some in its portal."),
    ("too long", Blame::Carrier, "The text is too long for SMS Broadcast. Shorten it."),
];

/// Whose doing it is that a request was refused, and words for staff. The reason is SMS Broadcast's own sentence.
pub(super) fn refusal(code: &str, reason: &str) -> (Blame, String) {
    if is_opted_out(reason) {
        let words = "SMS Broadcast has blocked this number, probably because the person has asked to stop.";
        return (Blame::Message, words.to_owned());
    }
    let sentence = reason.to_ascii_lowercase();
    match SENTENCES.iter().find(|(part, _, _)| sentence.contains(part)) {
        Some((_, blame, words)) => (*blame, (*words).to_owned()),
        None => {
            let words = format!("SMS Broadcast refused the message ({code}): {}", without_numbers(reason));
            (Blame::Message, words)
        }
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
