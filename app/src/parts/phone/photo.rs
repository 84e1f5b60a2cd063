//! Photos on a simulated phone: those of its messages, and those chosen for the next one.

use crate::parts::preview::PreviewState;
use crate::parts::preview::file::FilePreview;
use crate::parts::preview::picture::PreviewPicture;
use crate::ui::{Glyph, Icon, IconButton};
use leptos::prelude::*;
use leptos::task::spawn_local;
use picture::PictureKind;
use send_wrapper::SendWrapper;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File, Response};

/// Sides of a photo in a message, in CSS pixels.
const SHOWN_PX: u32 = 180;

/// Sides of a photo that is chosen, in CSS pixels.
const CHOSEN_PX: u32 = 64;

/// A photo in a message. Of one that the browser cannot show, a picture is made as in the composer of the thread.
#[component]
pub fn ShownPhoto(
    /// Its id at the simulated carrier.
    id: String,
    /// As its sender says.
    media_type: Option<String>,
) -> impl IntoView {
    let src = format!("/simulator/media/{id}");
    let kind = media_type.as_deref().and_then(PictureKind::from_media_type);
    let words = words(kind, media_type);
    let (href, label) = (src.clone(), format!("Open the photo: {words}"));
    let (is_broken, made) = (RwSignal::new(false), RwSignal::new(None::<FilePreview>));
    Effect::new({
        let src = src.clone();
        move |_| {
            if is_broken.get() && kind == Some(PictureKind::Heic) {
                spawn_local(make(src.clone(), made));
            }
        }
    });
    let seen = Memo::new(move |_| made.get().map(|made| made.state().seen()));
    on_cleanup(move || {
        if let Some(Some(made)) = made.try_get_untracked() {
            made.end();
        }
    });
    view! {
        <a class="phone-photo" href=href target="_blank" rel="external noopener" aria-label=label>
            {move || match (is_broken.get(), seen.get()) {
                (false, _) => {
                    view! { <img src=src.clone() alt="" width=SHOWN_PX height=SHOWN_PX on:error=move |_| is_broken.set(true) /> }.into_any()
                }
                (true, Some(PreviewState::Ready(picture))) => {
                    view! { <PreviewPicture picture=picture name=words.clone() side=SHOWN_PX /> }.into_any()
                }
                (true, _) => view! {
                    <span class="no-picture">
                        <Icon glyph=Glyph::Camera />
                        <span class="muted">{words.clone()}</span>
                    </span>
                }
                .into_any(),
            }}
        </a>
    }
}

/// Begins to make a picture of a HEIC that lies at the simulated carrier.
async fn make(src: String, made: RwSignal<Option<FilePreview>>) {
    let Some(file) = fetched(&src).await else { return };
    let preview = FilePreview::of(&file, PictureKind::Heic, SHOWN_PX);
    // The phone may have been put away meanwhile.
    if let Some(Some(late)) = made.try_set(preview) {
        late.end();
    }
}

async fn fetched(src: &str) -> Option<Blob> {
    let answer = JsFuture::from(window().fetch_with_str(src)).await.ok()?;
    let answer = answer.dyn_into::<Response>().ok().filter(Response::ok)?;
    JsFuture::from(answer.blob().ok()?).await.ok()?.dyn_into().ok()
}

/// A photo that the next message takes along.
#[component]
pub fn ChosenPhoto(
    /// The file.
    file: SendWrapper<File>,
    /// Takes it out.
    #[prop(into)]
    on_remove: Callback<()>,
) -> impl IntoView {
    let name = file.name();
    let kind = kind_of(&file);
    let words = words(kind, None);
    let preview = kind.and_then(|kind| FilePreview::of(&file, kind, CHOSEN_PX));
    let (called, seen) = (name.clone(), {
        let preview = preview.clone();
        Memo::new(move |_| preview.as_ref().map(|preview| preview.state().seen()))
    });
    on_cleanup({
        let preview = preview.clone();
        move || {
            if let Some(preview) = &preview {
                preview.end();
            }
        }
    });
    view! {
        <li>
            <span class="phone-chosen-picture">
                {move || match seen.get() {
                    Some(PreviewState::Ready(picture)) => {
                        view! { <PreviewPicture picture=picture name=called.clone() side=CHOSEN_PX /> }.into_any()
                    }
                    Some(PreviewState::Waiting) => ().into_any(),
                    Some(PreviewState::Converting) => view! { <span class="spinner"></span> }.into_any(),
                    Some(PreviewState::Unavailable(_)) | None => view! { <Icon glyph=Glyph::Camera /> }.into_any(),
                }}
            </span>
            <span class="phone-chosen-name">{name.clone()} <span class="muted">{words}</span></span>
            <IconButton glyph=Glyph::Close label=format!("Leave out {name}") on_press=move |_| on_remove.run(()) />
        </li>
    }
}

/// By what the browser says, else by its name: many systems know no media type for HEIC.
fn kind_of(file: &File) -> Option<PictureKind> {
    let extension = file.name().rsplit('.').next().unwrap_or_default().to_owned();
    PictureKind::from_media_type(&file.type_())
        .or_else(|| PictureKind::from_media_type(&format!("image/{extension}")))
}

/// What a photo is, in words.
fn words(kind: Option<PictureKind>, media_type: Option<String>) -> String {
    match kind {
        Some(PictureKind::Heic) => "iPhone photo (HEIC)".to_owned(),
        Some(kind) => format!("Photo ({})", kind.name()),
        None => media_type.unwrap_or_else(|| "File of unknown kind".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::words;
    use picture::PictureKind;

    #[test]
    fn says_what_a_photo_is() {
        assert_eq!(words(Some(PictureKind::Heic), None), "iPhone photo (HEIC)");
        assert_eq!(words(Some(PictureKind::Jpeg), Some("image/jpeg".to_owned())), "Photo (JPEG)");
        assert_eq!(words(None, Some("video/mp4".to_owned())), "video/mp4");
        assert_eq!(words(None, None), "File of unknown kind");
    }
}
