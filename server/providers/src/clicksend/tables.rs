//! ClickSend's words and codes in ours.

use crate::meaning::Meaning::{self, Account, NotHere, OptedOut, Refused, TooLarge, Unknown};
use model::message::DeliveryState;

const CREDENTIALS: &str =
    "ClickSend does not accept the line's credentials. Check user name and API key in Settings > Lines.";
const BROKEN: &str = "ClickSend had a fault of its own.";
const OPTED_OUT: &str = "This person is on ClickSend's opt-out list and gets no messages from this account.";

/// ClickSend's words, for a whole request and for a message alike, with their meaning, and words for staff: what
/// happened and what to do.
const WORDS: &[(&str, Meaning, &str)] = &[
    ("MISSING_CREDENTIALS", Account, CREDENTIALS),
    ("INVALID_CREDENTIALS", Account, CREDENTIALS),
    ("UNAUTHORIZED", Account, CREDENTIALS),
    (
        "ACCOUNT_NOT_ACTIVATED",
        Account,
        "The ClickSend account is not activated. Do so in ClickSend's dashboard.",
    ),
    (
        "REGISTRATION_NEEDED",
        NotHere,
        "ClickSend wants the account or the line's number registered first. Do so in ClickSend's dashboard.",
    ),
    (
        "INSUFFICIENT_CREDIT",
        Account,
        "The ClickSend account has no credit left. Top it up in ClickSend's dashboard.",
    ),
    ("INVALID_RECIPIENT", Refused, "This is not a valid telephone number. Check the patient's number."),
    (
        "INVALID_SENDER_ID",
        NotHere,
        "ClickSend does not accept the line's number as a sender. Check the line in Settings > Lines.",
    ),
    (
        "COUNTRY_NOT_ENABLED",
        NotHere,
        "The ClickSend account may not send to this country. Switch it on in ClickSend's dashboard under global sending.",
    ),
    (
        // The message before this one went through.
        "THROTTLED",
        Refused,
        "ClickSend has sent the same text to this number a moment ago, and did not send it again.",
    ),
    ("EMPTY_MESSAGE", Refused, "The message has neither text nor a picture."),
    ("MISSING_REQUIRED_FIELDS", NotHere, "ClickSend misses something in the message. Ask its support."),
    (
        "SUBJECT_REQUIRED",
        NotHere,
        "ClickSend wants a subject for pictures. Fill it in under Settings > Lines.",
    ),
    (
        "INVALID_MEDIA_FILE",
        TooLarge,
        "ClickSend cannot use the picture: too large, or broken. Send a smaller one.",
    ),
    ("TOO_MANY_RECIPIENTS", NotHere, "ClickSend does not take so many messages at once. Send it again."),
    ("INTERNAL_ERROR", Unknown, BROKEN),
    ("SOMETHING_IS_WRONG", Unknown, BROKEN),
];

/// What a word means; `None` for one that ClickSend has added since. How it names an opt-out is not documented, so
/// anything that speaks of one counts.
pub(super) fn meaning(word: &str) -> Option<Meaning> {
    if speaks_of_opt_out(word) {
        return Some(OptedOut);
    }
    find(word).map(|(_, meaning, _)| *meaning)
}

/// Words for staff for a word of ClickSend's.
pub(super) fn words(word: &str) -> String {
    match find(word) {
        Some((_, _, words)) => (*words).to_owned(),
        None if speaks_of_opt_out(word) => OPTED_OUT.to_owned(),
        None => format!("ClickSend refused the message ({word}). Look it up in ClickSend's dashboard."),
    }
}

/// What a receipt's code says; `None` for an unknown one.
pub(super) fn state(code: &str, text: &str) -> Option<DeliveryState> {
    Some(match code {
        // The second: the network failed for now, and ClickSend goes on trying.
        "200" | "300" => DeliveryState::Sent,
        "201" => DeliveryState::Delivered,
        "301" if text.to_ascii_lowercase().contains("cancel") => DeliveryState::Failed,
        "301" => DeliveryState::Undelivered,
        _ => return None,
    })
}

/// What a history's word says, in place of a code; `None` for an unknown one. That `Completed` means delivered is
/// nowhere said.
pub(super) fn listed_state(word: &str) -> Option<DeliveryState> {
    Some(match word {
        "Queued" | "Scheduled" | "WaitApproval" => DeliveryState::Accepted,
        "Sent" | "Completed" => DeliveryState::Sent,
        "Failed" => DeliveryState::Undelivered,
        "Cancelled" | "CancelledAfterReview" => DeliveryState::Failed,
        _ => return None,
    })
}

fn find(word: &str) -> Option<&'static (&'static str, Meaning, &'static str)> {
    WORDS.iter().find(|(known, _, _)| *known == word)
}

fn speaks_of_opt_out(word: &str) -> bool {
    let letters: String = word.chars().filter(char::is_ascii_alphabetic).collect();
    ["OPTOUT", "OPTEDOUT", "UNSUBSCRIBED"].iter().any(|part| letters.to_ascii_uppercase().contains(part))
}
