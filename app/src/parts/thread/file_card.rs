//! A file of a message that is no picture.

use crate::ui::{Glyph, Icon};
use leptos::prelude::*;
use model::media::{AttachmentState, AttachmentView, MediaKind, human_bytes};

/// What stands for a kind of file where there is no picture of it.
pub(crate) fn glyph(kind: MediaKind) -> Glyph {
    match kind {
        MediaKind::Image => Glyph::Photo,
        MediaKind::Video => Glyph::Video,
        MediaKind::Audio => Glyph::Sound,
        MediaKind::Document => Glyph::Document,
    }
}

/// Whether an attachment is shown as a card: everything is there, and a browser can open it.
pub(crate) fn is_file(attachment: &AttachmentView) -> bool {
    let opens = match MediaKind::of(&attachment.media_type) {
        MediaKind::Image => false,
        MediaKind::Video | MediaKind::Audio => true,
        MediaKind::Document => attachment.media_type == "application/pdf",
    };
    opens && attachment.state == AttachmentState::Ready && attachment.tile_url.is_none()
}

/// Icon, name, size, and saving it.
#[component]
pub fn FileCard(
    /// The file.
    attachment: AttachmentView,
) -> impl IntoView {
    let kind = MediaKind::of(&attachment.media_type);
    let name = attachment.file_name;
    let saved_as = name.clone();
    view! {
        <div class="file-card">
            <Icon glyph=glyph(kind) />
            <span class="file-card-name" title=name.clone()>{name.clone()}</span>
            <span class="muted number">{human_bytes(attachment.byte_size)}</span>
            {attachment
                .original_url
                .map(|url| view! { <a href=url rel="external" download=saved_as>"Download"</a> })}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::AttachmentId;

    fn attachment(media_type: &str, state: AttachmentState) -> AttachmentView {
        AttachmentView {
            id: AttachmentId(Default::default()),
            state,
            failure: None,
            file_name: "letter".to_owned(),
            media_type: media_type.to_owned(),
            byte_size: 1,
            width: None,
            height: None,
            tile_url: None,
            screen_url: None,
            original_url: None,
            carrier: None,
            filed: Vec::new(),
        }
    }

    #[test]
    fn a_card_stands_for_what_is_there_and_opens() {
        use AttachmentState::{Arriving, Ready, Unreadable};
        for media_type in ["application/pdf", "video/mp4", "audio/amr"] {
            assert!(is_file(&attachment(media_type, Ready)), "{media_type}");
        }
        for (media_type, state) in [
            ("image/jpeg", Ready),
            ("application/zip", Ready),
            ("text/html", Ready),
            ("video/mp4", Arriving),
            ("application/pdf", Unreadable),
        ] {
            assert!(!is_file(&attachment(media_type, state)), "{media_type}");
        }
    }
}
