//! Twilio's words and codes in ours. Twilio may change codes and texts, so nothing but these tables knows them.

use crate::meaning::Meaning::{self, Account, Later, NotHere, OptedOut, Refused, TooLarge};
use model::message::DeliveryState;
use std::time::Duration;

const A_MINUTE: Duration = Duration::from_secs(60);

/// Twilio's codes with their meaning, and words for staff: what happened and what to do.
const CODES: &[(u32, Meaning, &str)] = &[
    (
        20003,
        Account,
        "Twilio does not accept the line's credentials. Check account SID and auth token in Settings > Lines.",
    ),
    (20404, Account, "Twilio does not know this account. Check the account SID in Settings > Lines."),
    (20429, Later(Duration::from_secs(5)), "Twilio asks to send more slowly."),
    (21211, Refused, "This is not a valid telephone number. Check the patient's number."),
    (
        21212,
        NotHere,
        "Twilio does not accept the line's number as a sender. Check the line in Settings > Lines.",
    ),
    (
        21408,
        NotHere,
        "The Twilio account may not send to this country. Switch it on in Twilio's console under geographic permissions.",
    ),
    (21604, Refused, "The message has no recipient. Check the patient's number."),
    (
        21606,
        NotHere,
        "The line's number does not belong to the Twilio account, or cannot send this kind of message. Check it in Twilio's console.",
    ),
    (
        21608,
        NotHere,
        "A Twilio trial account may only send to numbers verified there. Upgrade the account or verify the number.",
    ),
    (21609, NotHere, "Twilio cannot use this server's public address for delivery reports. Check APP_URL."),
    (
        21610,
        OptedOut,
        "This person has replied STOP and gets no messages from this number until they reply START.",
    ),
    (21611, Later(A_MINUTE), "Too many messages are waiting at Twilio for this number."),
    (21612, NotHere, "Twilio has no route from the line's number to this number."),
    (21614, Refused, "This number cannot receive text messages. Is it a mobile number?"),
    (21617, NotHere, "The text is longer than 1600 characters. Shorten it."),
    (21619, Refused, "The message has neither text nor a picture."),
    (
        21620,
        NotHere,
        "Twilio could not use the picture's link. Check that APP_URL can be reached from the internet.",
    ),
    (21635, Refused, "This number is a landline and cannot receive text messages."),
    (21658, NotHere, "The text is too long for Twilio. Shorten it."),
    (30003, Refused, "The phone could not be reached: switched off or without coverage. Try again later."),
    (30005, Refused, "This number does not exist or is no longer in use. Check the patient's number."),
    (
        30006,
        Refused,
        "This number is a landline, or its network cannot be reached. Check the patient's number.",
    ),
    (
        30007,
        Refused,
        "The mobile network filtered the message as unwanted. Reword it, or ask Twilio's support.",
    ),
    (30008, Refused, "The mobile network could not deliver it and does not say why. Try again later."),
    (
        30034,
        NotHere,
        "The line's number is not registered for messages to the United States (10DLC). Register it in Twilio's console.",
    ),
    (30036, Refused, "The message could not be delivered in time. Send it again if it still matters."),
    (
        30450,
        NotHere,
        "Twilio blocked the message as likely fraud (SMS pumping). Check the account in Twilio's console.",
    ),
    (
        30610,
        Refused,
        "Twilio blocked the message for lack of consent. Check the account in Twilio's console.",
    ),
    (
        30640,
        NotHere,
        "Twilio blocked the message for compliance reasons. Check the account in Twilio's console.",
    ),
    (11751, TooLarge, "The picture is too large for the mobile network. Send a smaller one."),
    (63003, Refused, "This number is not on WhatsApp."),
    (63014, OptedOut, "This person has blocked the line on WhatsApp."),
    (
        63016,
        Refused,
        "More than 24 hours have passed since the patient's last WhatsApp message. Only an approved template may be sent now.",
    ),
    (63018, Later(A_MINUTE), "WhatsApp asks to send more slowly."),
    (
        63020,
        Refused,
        "WhatsApp refuses this account or this recipient. Check the sender in Twilio's console.",
    ),
    (63024, Refused, "WhatsApp refuses this recipient."),
    (63034, TooLarge, "The picture is too large for WhatsApp. Send a smaller one."),
];

/// What a code means. One that Twilio has added since counts as a refusal.
pub(super) fn meaning(code: u32) -> Meaning {
    find(code).map_or(Refused, |(_, meaning, _)| *meaning)
}

/// Words for staff for a code.
pub(super) fn words(code: u32) -> String {
    match find(code) {
        Some((_, _, words)) => (*words).to_owned(),
        None => format!(
            "Twilio refused the message with error {code}. See https://www.twilio.com/docs/errors/{code}."
        ),
    }
}

/// Twilio's word for a message's state in ours; `None` for words of inbound messages and unknown ones.
pub(super) fn state(word: &str) -> Option<DeliveryState> {
    Some(match word {
        "accepted" | "scheduled" | "queued" | "sending" => DeliveryState::Accepted,
        "sent" | "partially_delivered" => DeliveryState::Sent,
        "delivered" => DeliveryState::Delivered,
        "read" => DeliveryState::Read,
        "undelivered" => DeliveryState::Undelivered,
        "failed" | "canceled" => DeliveryState::Failed,
        _ => return None,
    })
}

fn find(code: u32) -> Option<&'static (u32, Meaning, &'static str)> {
    CODES.iter().find(|(known, _, _)| *known == code)
}
