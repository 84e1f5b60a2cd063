//! Private links: the pictures and other files of a message stay here, and its text leads to them.

use crate::media::MediaKind;
use crate::{MessageId, Millis};
use serde::{Deserialize, Serialize};

/// Hours that a link may hold: thirty days.
pub const MAX_HOURS: u32 = 30 * 24;

/// Hours that a link holds unless its sender says otherwise, and that extending it adds.
pub const USUAL_HOURS: u32 = 24;

/// Wrong dates of birth after which a link is locked.
pub const BIRTH_DATE_TRIES: u32 = 5;

/// Characters of the secret at the end of a link: base62, 101 bits.
pub const TOKEN_CHARS: usize = 17;

/// How a message's pictures are to be looked at behind a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LinkOptions {
    /// How long the link holds, 1 to 720 hours.
    #[serde(default = "usual_hours")]
    pub hours: u32,
    /// It opens once, and not as often as one likes.
    #[serde(default)]
    pub one_opening: bool,
    /// Whoever opens it is asked for the patient's date of birth, and has five tries.
    #[serde(default)]
    pub ask_birth_date: bool,
}

fn usual_hours() -> u32 {
    USUAL_HOURS
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self { hours: USUAL_HOURS, one_opening: false, ask_birth_date: false }
    }
}

/// Whether a link can be opened, and otherwise why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// It can be opened.
    Open,
    /// Its time is over; it can be extended.
    Expired,
    /// Staff closed it for good.
    Revoked,
    /// It was for one opening, and that was made.
    UsedUp,
    /// Too many wrong dates of birth; extending it unlocks it.
    Locked,
}

crate::words::words!(LinkState { Open = "open", Expired = "expired", Revoked = "revoked", UsedUp = "used_up", Locked = "locked" });

/// A link as staff and API callers see it. Its address is for the patient alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LinkView {
    /// The message whose pictures it shows; another one than the present where the link was sent again.
    pub message_id: MessageId,
    /// Whether it can be opened.
    pub state: LinkState,
    /// Until when.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub expires_at: Millis,
    /// How often it was opened.
    pub openings: u32,
    /// The first time.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub first_opened_at: Option<Millis>,
    /// The last time.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub last_opened_at: Option<Millis>,
    /// It opens once.
    pub one_opening: bool,
    /// It asks for the date of birth.
    pub ask_birth_date: bool,
}

impl LinkView {
    /// The link of a message that the server does not know yet.
    pub fn planned(message_id: MessageId, options: LinkOptions, at: Millis) -> Self {
        Self {
            message_id,
            state: LinkState::Open,
            expires_at: at + hours(options.hours),
            openings: 0,
            first_opened_at: None,
            last_opened_at: None,
            one_opening: options.one_opening,
            ask_birth_date: options.ask_birth_date,
        }
    }

    /// What was asked for when it was made at `at`: the reverse of [`planned`](Self::planned).
    pub fn options(&self, at: Millis) -> LinkOptions {
        LinkOptions {
            hours: u32::try_from((self.expires_at - at) / hours(1)).unwrap_or(USUAL_HOURS),
            one_opening: self.one_opening,
            ask_birth_date: self.ask_birth_date,
        }
    }

    /// Its state by now; whoever read it may have read it before its time was over.
    pub fn state_at(&self, now: Millis) -> LinkState {
        if self.state == LinkState::Open && self.expires_at <= now { LinkState::Expired } else { self.state }
    }
}

/// Hours in milliseconds.
pub fn hours(count: u32) -> Millis {
    Millis::from(count) * 60 * 60 * 1000
}

/// The text of a message as it leaves with its link, which gets a line of its own, so that no punctuation sticks to it.
pub fn with_link(text: &str, link: &str) -> String {
    format!("{}\n{link}", text.trim_end())
}

/// What goes with a link whose sender wrote nothing: a bare address looks like fraud.
pub fn invitation(organisation: &str, files: &[MediaKind]) -> String {
    let them = if files.len() == 1 { "it" } else { "them" };
    format!("{organisation} sent you {}. View {them} here:", MediaKind::counted(files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_planned_is_asked_for_again_in_the_same_words() {
        let options = LinkOptions { hours: 72, one_opening: true, ask_birth_date: false };
        let planned = LinkView::planned(MessageId(Default::default()), options, 1_000);
        assert_eq!(planned.options(1_000), options);
        assert_eq!(planned.state_at(hours(72)), LinkState::Open);
        assert_eq!(planned.state_at(1_000 + hours(72)), LinkState::Expired);
        let revoked = LinkView { state: LinkState::Revoked, ..planned };
        assert_eq!(revoked.state_at(Millis::MAX), LinkState::Revoked);
    }

    #[test]
    fn the_link_stands_on_its_last_line() {
        assert_eq!(with_link("Your scan. ", "https://a.example/i/x"), "Your scan.\nhttps://a.example/i/x");
        use MediaKind::{Document, Image, Video};
        let words: [(&[MediaKind], &str); 4] = [
            (&[Image], "Harbour Clinic sent you a photo. View it here:"),
            (&[Image; 3], "Harbour Clinic sent you 3 photos. View them here:"),
            (&[Document], "Harbour Clinic sent you a document. View it here:"),
            (&[Image, Video], "Harbour Clinic sent you 2 files. View them here:"),
        ];
        for (files, expected) in words {
            assert_eq!(invitation("Harbour Clinic", files), expected);
        }
    }
}
