//! A filed photo as a picture on the page, and where it came from. Its links are signed and short-lived: one that has expired is renewed.

use crate::api::images;
use crate::ui::{Glyph, Icon, Time, TimeStyle};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::media::RenditionRole;
use model::patient::{ImageSource, PatientImageView};

/// The picture, or what stands for it while its copy is made.
#[component]
pub fn FiledPicture(
    /// The photo.
    image: PatientImageView,
    /// Which of its renditions.
    rendition: RenditionRole,
) -> impl IntoView {
    let id = image.id;
    let alt = describe(&image);
    let src = RwSignal::new(url(&image, rendition));
    let renewed = StoredValue::new(false);
    let renew = move |_| {
        if renewed.get_value() {
            src.set(None);
            return;
        }
        renewed.set_value(true);
        spawn_local(async move {
            let fresh = images::get(id).await.ok().and_then(|image| url(&image, rendition));
            src.try_set(fresh);
        });
    };
    view! {
        {move || match src.get() {
            Some(src) => {
                view! {
                    <img
                        src=src
                        alt=alt.clone()
                        loading=(rendition == RenditionRole::Tile).then_some("lazy")
                        decoding="async"
                        on:error=renew
                    />
                }
                    .into_any()
            }
            None => {
                view! {
                    <span class="no-picture" role="img" aria-label=alt.clone()>
                        <Icon glyph=Glyph::Camera />
                    </span>
                }
                    .into_any()
            }
        }}
    }
}

/// Where a photo came from, and the way back there.
#[component]
pub fn Source(
    /// Of the photo.
    source: ImageSource,
) -> impl IntoView {
    match source {
        ImageSource::Message { message_id, conversation_id, at, .. } => view! {
            <span class="tile-source muted">
                "From SMS: " <Time at=at style=TimeStyle::Exact />
            </span>
            <a class="tile-link" href=format!("/c/{conversation_id}?m={message_id}")>"View in SMS"</a>
        }
        .into_any(),
        ImageSource::Upload => view! { <span class="tile-source muted">"Added here"</span> }.into_any(),
    }
}

fn url(image: &PatientImageView, rendition: RenditionRole) -> Option<String> {
    match rendition {
        RenditionRole::Tile => image.tile_url.clone(),
        RenditionRole::Screen => image.screen_url.clone(),
        RenditionRole::Carrier => None,
    }
}

/// In words, for those who do not see it: its caption, else its kind.
pub fn describe(image: &PatientImageView) -> String {
    let what = if image.caption.is_empty() { image.category.label() } else { &image.caption };
    format!("{what}, {}", image.patient.name)
}
