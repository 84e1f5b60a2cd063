//! WhatsApp on the simulated network: three templates that somebody approved, and the window that a real one keeps.

use super::wire::Submission;
use crate::CarrierTemplate;
use model::Millis;
use model::whatsapp::{TemplateState, WINDOW_MS, Window, fill};
use std::collections::BTreeMap;

/// The code with which Twilio refuses what comes outside the window.
pub(super) const OUTSIDE: (&str, &str) = (
    "63016",
    "More than 24 hours have passed since the patient's last WhatsApp message. Only an approved template may be sent now.",
);

const TEMPLATES: [(&str, &str, &str, &[&str]); 4] = [
    (
        "HX00000000000000000000000000000001",
        "appointment_reminder",
        "Hello {{1}}, this is a reminder of your appointment on {{2}} at {{3}}. Reply here if you cannot come.",
        &["Amelia", "Monday 9 March", "3 pm"],
    ),
    (
        "HX00000000000000000000000000000002",
        "results_ready",
        "Hello {{1}}, your results are ready. Reply to this message or call us to talk about them.",
        &["Amelia"],
    ),
    (
        "HX00000000000000000000000000000003",
        "please_reply",
        "We would like to go on with our conversation. Reply to this message when it suits you.",
        &[],
    ),
    (PENDING, "special_offer", "Hello {{1}}, this month everything costs half.", &["Amelia"]),
];

/// One that nobody has approved yet.
const PENDING: &str = "HX00000000000000000000000000000004";

/// The templates that the simulated WhatsApp knows.
pub(super) fn templates() -> Vec<CarrierTemplate> {
    TEMPLATES
        .into_iter()
        .map(|(id, name, body, examples)| CarrierTemplate {
            id: id.to_owned(),
            name: name.to_owned(),
            language: "en".to_owned(),
            body: body.to_owned(),
            examples: (1..)
                .zip(examples)
                .map(|(n, example)| (n.to_string(), (*example).to_owned()))
                .collect(),
            state: if id == PENDING { TemplateState::Pending } else { TemplateState::Approved },
        })
        .collect()
}

/// What a phone shows of a submitted template; `None` for one that is not approved or not filled in.
pub(super) fn words(id: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let (_, _, body, _) = TEMPLATES.into_iter().find(|(known, ..)| *known == id && id != PENDING)?;
    fill(body, variables).ok()
}

/// Whether a message may reach its phone by WhatsApp. `began`: since when the network remembers anything; what was
/// written to a line before that is forgotten, and is taken to be in time as long as it may have been.
pub(super) fn is_outside(
    submission: &Submission,
    heard_at: Option<Millis>,
    began: Millis,
    now: Millis,
) -> bool {
    let free = submission.whatsapp && submission.template.is_none();
    let may_have_forgotten = heard_at.is_none() && now < began.saturating_add(WINDOW_MS);
    free && !may_have_forgotten && Window::at(heard_at, now).why_closed().is_some()
}
