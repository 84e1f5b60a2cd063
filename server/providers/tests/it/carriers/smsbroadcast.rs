//! SMS Broadcast's rows.

use super::{Case, Outcome, refused, retry};
use crate::support::*;
use model::message::DeliveryState;
use providers::{Receipt, SendError};
use wiremock::ResponseTemplate;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("taken", "OK: 61491570156:2942263\r\n", receipt("2942263")),
        case("taken, without a space", "\r\nOK:61491570156:2942263", receipt("2942263")),
        case("a refusal beside it", "BAD:0400abc111:Invalid Number\nOK: 61491570156: 7 \n", receipt("7")),
        case(
            "a recipient that is none",
            "BAD:61491570156:Invalid Number",
            refused("BAD", "This is not a valid telephone number. Check the patient's number.", false),
        ),
        case(
            "bad credentials",
            "ERROR: Username or password is incorrect",
            refused(
                "ERROR",
                "SMS Broadcast does not accept the line's credentials. Check user name and password in Settings > Lines.",
                false,
            ),
        ),
        case(
            "a sender that is none",
            "ERROR: The sender cannot be longer than 11 characters.",
            refused(
                "ERROR",
                "SMS Broadcast does not accept the line's number as a sender. Check it in SMS Broadcast's portal.",
                false,
            ),
        ),
        case(
            "opted out",
            "BAD:61491570156:Recipient has opted out",
            refused(
                "BAD",
                "SMS Broadcast has blocked this number, probably because the person has asked to stop.",
                true,
            ),
        ),
        case(
            "a sentence of tomorrow",
            "ERROR: Wait: 61491570156 is busy",
            refused("ERROR", "SMS Broadcast refused the message (ERROR): Wait: is busy", false),
        ),
        case("taken without an id", "OK: 61491570156", Err(SendError::Unknown)),
        case("taken with an empty id", "OK: 61491570156:", Err(SendError::Unknown)),
        case("a page that reports a fault", "<html>OK</html>", Err(SendError::Unknown)),
        case("nothing at all", "", Err(SendError::Unknown)),
        Case {
            answer: ResponseTemplate::new(500).set_body_string("ERROR: Internal"),
            ..case("broken at SMS Broadcast", "", Err(SendError::Unknown))
        },
        Case {
            answer: ResponseTemplate::new(408).set_body_string("ERROR: Time-out"),
            ..case("time-out on the way", "", Err(SendError::Unknown))
        },
        Case {
            answer: ResponseTemplate::new(403).set_body_string("<html>"),
            ..case("refused by something between", "", Err(SendError::Unknown))
        },
        Case {
            answer: ResponseTemplate::new(429).insert_header("retry-after", "7"),
            ..case("too many requests", "", retry(Some(7)))
        },
    ]
}

fn case(label: &'static str, answer: &str, outcome: Outcome) -> Case {
    let body = format!(
        "username={API_KEY}&password={API_SECRET}&to=61491570156&from=61491570006&message=private+words\
         &ref=delivery1&maxsplit=5"
    );
    Case {
        label,
        carrier: smsbroadcast(),
        credentials: smsbroadcast_credentials(),
        text: "private words",
        media: &[],
        answer: ResponseTemplate::new(200).set_body_string(answer),
        request: ("/api-adv.php".to_owned(), "application/x-www-form-urlencoded", None, body),
        outcome,
    }
}

fn receipt(id: &str) -> Outcome {
    let (carrier_id, carrier_state) = (id.to_owned(), Some("OK".to_owned()));
    Ok(Receipt { carrier_id, state: DeliveryState::Accepted, carrier_state, parts: None, price: None })
}
