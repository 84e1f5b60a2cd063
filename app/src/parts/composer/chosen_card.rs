//! A chosen picture or file, as it stands below the text before it is sent.

use crate::parts::composer::chosen::{CARD_PX, Chosen};
use crate::parts::composer::upload::Progress;
use crate::parts::preview::PreviewState;
use crate::parts::preview::picture::PreviewPicture;
use crate::parts::thread::file_card::glyph;
use crate::ui::{Glyph, Icon, IconButton};
use leptos::prelude::*;
use model::media::{AttachmentState, MediaKind, human_bytes};
use picture::LinkedKind;

/// Preview, name, size, progress, what the patient will get, and removing it.
#[component]
pub fn ChosenCard(
    /// The picture.
    chosen: Chosen,
    /// Bytes that the carrier leaves for it at most, once it is known who that is.
    share: Signal<Option<u64>>,
    /// Takes it out.
    #[prop(into)]
    on_remove: Callback<()>,
) -> impl IntoView {
    let (pictured, told, sized) = (chosen.clone(), chosen.clone(), chosen.clone());
    let upload = RwSignal::from(chosen.upload.clone());
    let name = Signal::derive(move || chosen.name());
    let seen = Memo::new({
        let pictured = pictured.clone();
        move |_| pictured.preview().seen()
    });
    view! {
        <li class="chosen">
            <div class="chosen-picture">
                {move || face(pictured.linked(), seen.get(), name)}
                {move || match upload.get() {
                    Progress::Sending(part) => view! { <Ring part=part /> }.into_any(),
                    Progress::Processing => view! { <p class="chosen-state" role="status">"Processing…"</p> }.into_any(),
                    Progress::Done(_) | Progress::Failed(_) => ().into_any(),
                }}
                <IconButton class="chosen-remove" glyph=Glyph::Close label=Signal::derive(move || format!("Remove {}", name.get())) on_press=move |_| on_remove.run(()) />
            </div>
            <p class="chosen-name" title=name>{name}</p>
            <p class="muted number">{move || human_bytes(sized.size())}</p>
            {move || outcome(&told, share)}
        </li>
    }
}

/// The picture, or what stands in its place.
fn face(linked: Option<LinkedKind>, seen: PreviewState, name: Signal<String>) -> AnyView {
    if let Some(kind) = linked {
        let glyph = glyph(MediaKind::of(kind.media_type()));
        return view! { <p class="chosen-words"><Icon glyph=glyph />{kind.name()}</p> }.into_any();
    }
    match seen {
        PreviewState::Waiting => ().into_any(),
        PreviewState::Converting => view! {
            <p class="chosen-words" role="status"><span class="spinner"></span>"Converting HEIC image…"</p>
        }
        .into_any(),
        PreviewState::Ready(picture) => {
            view! { <PreviewPicture picture=picture name=name side=CARD_PX /> }.into_any()
        }
        PreviewState::Unavailable(_) => view! {
            <p class="chosen-words"><Icon glyph=Glyph::Camera />"Preview unavailable, upload will still work"</p>
        }
        .into_any(),
    }
}

/// What became of it, or what the patient will get.
fn outcome(chosen: &Chosen, share: Signal<Option<u64>>) -> AnyView {
    match chosen.upload.get() {
        Progress::Failed(reason) => return view! { <p class="is-bad" role="alert">{reason}</p> }.into_any(),
        Progress::Sending(_) | Progress::Processing => return ().into_any(),
        Progress::Done(_) => {}
    }
    let Some(attachment) = chosen.attachment.get() else { return ().into_any() };
    if let Some(carrier) = attachment.carrier {
        let words = match share.get() {
            Some(most) if most < carrier.byte_size => format!("made smaller: at most {}", human_bytes(most)),
            _ => format!("{} x {} · {}", carrier.width, carrier.height, human_bytes(carrier.byte_size)),
        };
        return view! { <p class="number" title="What the patient will get"><Icon glyph=Glyph::Phone />{words}</p> }.into_any();
    }
    match attachment.state {
        AttachmentState::Unreadable => {
            let reason =
                attachment.failure.unwrap_or_else(|| "The server cannot read this picture.".to_owned());
            view! { <p class="is-bad" role="alert">{reason}</p> }.into_any()
        }
        AttachmentState::Processing => view! { <p class="muted" role="status">"Processing…"</p> }.into_any(),
        _ => ().into_any(),
    }
}

#[component]
fn Ring(
    /// 0 to 1.
    part: f64,
) -> impl IntoView {
    let percent = (part * 100.0).round();
    view! {
        <svg class="ring" viewBox="0 0 36 36" role="progressbar" aria-label="Uploading" aria-valuemin="0" aria-valuemax="100" aria-valuenow=percent.to_string()>
            <circle cx="18" cy="18" r="15" pathLength="100"></circle>
            <circle class="ring-done" cx="18" cy="18" r="15" pathLength="100" stroke-dasharray=format!("{percent} 100")></circle>
        </svg>
    }
}
