//! Which of a message's pictures did not arrive, where its carrier takes them one by one.

use crate::ui::{Glyph, Icon};
use leptos::prelude::*;
use model::AttachmentId;
use model::message::{DeliveryState, MessageView};

/// On a picture that failed, or of which nobody is sure; nothing on any other.
#[component]
pub fn FateMark(
    /// The message.
    message: RwSignal<MessageView>,
    /// The picture.
    id: AttachmentId,
) -> impl IntoView {
    let fate = Memo::new(move |_| message.read().request_with(id).map(|request| request.state));
    move || {
        let (glyph, words) = match fate.get()? {
            DeliveryState::Failed | DeliveryState::Undelivered => (Glyph::Error, "Failed"),
            DeliveryState::Uncertain => (Glyph::Question, "Not sure"),
            _ => return None,
        };
        Some(view! {
            <span class="picture-fate">
                <Icon glyph=glyph />
                <span>{words}</span>
            </span>
        })
    }
}

/// Below the pictures: which of them failed, also of those that the bubble does not show.
#[component]
pub fn FateWords(
    /// The message.
    message: RwSignal<MessageView>,
) -> impl IntoView {
    let said = Memo::new(move |_| {
        let message = message.read();
        let failed = |id| message.request_with(id).is_some_and(|request| request.state.may_retry());
        let pictures = message.attachments.iter().enumerate();
        let numbers: Vec<usize> =
            pictures.filter(|(_, picture)| failed(picture.id)).map(|(at, _)| at + 1).collect();
        words(&numbers, message.attachments.len())
    });
    move || said.get().map(|words| view! { <p class="picture-fates">{words}</p> })
}

/// For example `Pictures 2 and 7 of 10 failed. Retry sends these alone.`
fn words(failed: &[usize], all: usize) -> Option<String> {
    let (last, before) = failed.split_last()?;
    if before.is_empty() {
        return Some(format!("Picture {last} of {all} failed. Retry sends this one alone."));
    }
    let before: Vec<String> = before.iter().map(usize::to_string).collect();
    Some(format!("Pictures {} and {last} of {all} failed. Retry sends these alone.", before.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn the_pictures_that_failed_are_named_by_their_places() {
        assert_eq!(words(&[], 3), None);
        assert_eq!(words(&[2], 3).as_deref(), Some("Picture 2 of 3 failed. Retry sends this one alone."));
        assert_eq!(
            words(&[1, 4, 7], 10).as_deref(),
            Some("Pictures 1, 4 and 7 of 10 failed. Retry sends these alone.")
        );
    }
}
