//! Telnyx's words and codes in ours. The codes follow its error reference; its webhook guide gives some of them
//! other meanings.

use crate::meaning::Meaning::{self, Account, Later, NotHere, OptedOut, Refused, TooLarge};
use model::message::DeliveryState;
use std::time::Duration;

const A_MINUTE: Duration = Duration::from_secs(60);

/// Telnyx's codes with their meaning, and words for staff: what happened and what to do.
const CODES: &[(u32, Meaning, &str)] = &[
    (
        10005,
        NotHere,
        "Telnyx does not know what the line asks for. Check the messaging profile in Settings > Lines.",
    ),
    (10009, Account, "Telnyx does not accept the line's API key. Check it in Settings > Lines."),
    (10010, Account, "The line's API key may not send messages. Check its rights in Telnyx's portal."),
    (10011, Later(Duration::from_secs(5)), "Telnyx asks to send more slowly."),
    (40001, Refused, "This number cannot receive text messages. Is it a mobile number?"),
    (40002, Refused, "The mobile network took the message for spam. Wait a while and reword it."),
    (40003, Refused, "The mobile network blocks the message as spam. Reword it, or ask Telnyx's support."),
    (40004, Refused, "The recipient's network rejected the message. Try again later."),
    (40005, Refused, "The message could not be delivered in time. Send it again if it still matters."),
    (40006, Later(A_MINUTE), "The recipient's network could not be reached. Try again later."),
    (
        40008,
        Later(A_MINUTE),
        "The mobile network could not deliver it and does not say why. Try again later.",
    ),
    (40009, Refused, "The message contains something that cannot be sent. Reword it."),
    (
        40010,
        NotHere,
        "The line's number is not registered for messages to the United States (10DLC). Register it in Telnyx's portal.",
    ),
    (40011, Later(A_MINUTE), "The mobile network asks to send more slowly. Try again later."),
    (40012, Refused, "This is not a valid telephone number. Check the patient's number."),
    (
        40013,
        NotHere,
        "Telnyx does not accept the line's number as a sender. Check the line in Settings > Lines.",
    ),
    (40014, Refused, "The message waited too long at Telnyx. Send it again if it still matters."),
    (40015, Refused, "Telnyx's filter took the message for spam. Reword it, or ask Telnyx's support."),
    (40016, Later(A_MINUTE), "The line has reached its limit at T-Mobile. Try again later, or tomorrow."),
    (40017, Refused, "AT&T took the message for spam. Reword it."),
    (40018, Later(A_MINUTE), "The line has reached its limit at AT&T. Try again later."),
    (40019, NotHere, "AT&T rejected the line's registration (10DLC). Check it in Telnyx's portal."),
    (
        40020,
        Refused,
        "Telnyx blocks messages to this number for a day because they look like fraud. Ask Telnyx's support.",
    ),
    (40100, NotHere, "The line's number is not switched on for messages. Do so in Telnyx's portal."),
    (
        40300,
        OptedOut,
        "This person has replied STOP and gets no messages from this number until they reply START.",
    ),
    (40301, NotHere, "Telnyx cannot carry this kind of message between the line's number and this number."),
    (40302, NotHere, "The text is longer than the 10 parts that Telnyx sends. Shorten it."),
    (40304, NotHere, "Telnyx does not take this combination of text and pictures. Send them separately."),
    (
        40305,
        NotHere,
        "The line's number does not belong to the messaging profile. Check both in Telnyx's portal.",
    ),
    (40306, NotHere, "Telnyx does not accept the line's name as a sender. Use a telephone number."),
    (40307, NotHere, "Telnyx does not accept the line's name as a sender. Use a telephone number."),
    (
        40308,
        NotHere,
        "The line's number cannot send pictures; only numbers of the United States and Canada can. Send the text alone.",
    ),
    (
        40309,
        NotHere,
        "The messaging profile may not send to this country. Allow it in Telnyx's portal under allowed destinations.",
    ),
    (40310, Refused, "This is not a valid telephone number. Check the patient's number."),
    (
        40311,
        Account,
        "Telnyx does not accept the messaging profile's secret. Check the profile in its portal.",
    ),
    (40312, Account, "The messaging profile is switched off. Switch it on in Telnyx's portal."),
    (40313, Account, "Telnyx misses the messaging profile's secret. Check the profile in its portal."),
    (40314, Account, "Telnyx has switched messages off for this account. Ask Telnyx's support."),
    (
        40315,
        NotHere,
        "Telnyx holds the line's number back because many of its messages failed. Ask its support.",
    ),
    (40316, Refused, "The message has neither text nor a picture."),
    (40317, TooLarge, "The pictures are too large or too many for Telnyx. Send smaller ones."),
    (40318, Later(A_MINUTE), "Too many messages are waiting at Telnyx for this number."),
    (40319, NotHere, "Telnyx cannot carry this kind of message between the line's number and this number."),
    (
        40320,
        NotHere,
        "Telnyx cannot use the line's number at the moment. Try again later, or ask its support.",
    ),
    (
        40321,
        NotHere,
        "The messaging profile has no number that could send this. Check it in Telnyx's portal.",
    ),
    (40322, Refused, "Telnyx blocks the content of this message. Reword it."),
    (40325, NotHere, "Telnyx does not accept the line's name as a sender. Use a telephone number."),
    (40328, NotHere, "The text is longer than the 10 parts that Telnyx sends. Shorten it."),
    (40329, NotHere, "The line's toll-free number is not verified. Verify it in Telnyx's portal."),
    (40330, NotHere, "The line's toll-free number is not ready for messages. Check it in Telnyx's portal."),
    (
        40331,
        NotHere,
        "The messaging profile may not send to this country. Allow it in Telnyx's portal under allowed destinations.",
    ),
    (
        40333,
        Account,
        "The messaging profile has spent its daily limit. Raise it in Telnyx's portal, or wait.",
    ),
];

/// What a code means. One that Telnyx has added since counts as a refusal.
pub(super) fn meaning(code: &str) -> Meaning {
    find(code).map_or(Refused, |(_, meaning, _)| *meaning)
}

/// Words for staff for a code.
pub(super) fn words(code: &str) -> String {
    match find(code) {
        Some((_, _, words)) => (*words).to_owned(),
        None => format!(
            "Telnyx refused the message with error {code}. See https://developers.telnyx.com/docs/overview/errors/{code}."
        ),
    }
}

/// Telnyx's word for a message's state in ours; `None` for words of inbound messages and unknown ones.
pub(super) fn state(word: &str) -> Option<DeliveryState> {
    Some(match word {
        "queued" | "sending" => DeliveryState::Accepted,
        // The second: no receipt came, and none will.
        "sent" | "delivery_unconfirmed" => DeliveryState::Sent,
        "delivered" => DeliveryState::Delivered,
        "delivery_failed" => DeliveryState::Undelivered,
        "sending_failed" | "expired" | "cancelled" => DeliveryState::Failed,
        _ => return None,
    })
}

fn find(code: &str) -> Option<&'static (u32, Meaning, &'static str)> {
    let code: u32 = code.parse().ok()?;
    CODES.iter().find(|(known, _, _)| *known == code)
}
