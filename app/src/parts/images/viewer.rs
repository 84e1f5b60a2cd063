//! A filed photo, large, with what is known of it and what can be done with it.

use crate::api::images;
use crate::api::session::Session;
use crate::browser;
use crate::parts::images::category_options;
use crate::parts::images::filed::{FiledPicture, Source};
use crate::parts::live::Live;
use crate::parts::pager::Pager;
use crate::ui::{
    Button, ButtonKind, Dialog, Glyph, Icon, IconButton, Notices, SelectField, TextField, Time, TimeStyle,
    Tone, open_while,
};
use leptos::ev::{self, SubmitEvent};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::PatientImageId;
use model::media::{Category, RenditionRole, human_bytes};
use model::patient::PatientImageView;
use model::staff::Permission;

/// The window over the page; arrow keys lead through the list.
#[component]
pub fn ImageViewer(
    /// What can be leafed through.
    pager: Pager<PatientImageView>,
    /// Which one is open.
    opened: RwSignal<Option<PatientImageId>>,
) -> impl IntoView {
    let open = open_while(opened);
    let zoomed = RwSignal::new(false);
    let zoom = move || zoomed.update(|zoomed| *zoomed = !*zoomed);
    let items = pager.items();
    let image = pager.item(move |image| Some(image.id) == opened.get());
    // Someone else removed it.
    Effect::new(move |_| {
        if image.with(Option::is_none) && opened.with_untracked(Option::is_some) {
            opened.set(None);
        }
    });
    let place = Memo::new(move |_| {
        items.with(|items| (items.iter().position(|image| Some(image.id) == opened.get()), items.len()))
    });
    let go = move |by: isize| {
        let (Some(at), count) = place.get_untracked() else { return };
        let to = at.saturating_add_signed(by);
        zoomed.set(false);
        if let Some(next) = items.with_untracked(|items| items.get(to).map(|image| image.id)) {
            opened.set(Some(next));
        }
        // So that leafing does not end where the page does.
        if to + 1 >= count {
            pager.more();
        }
    };
    Effect::new(move |_| {
        if !open.get() {
            return;
        }
        let handle = window_event_listener(ev::keydown, move |event| {
            match event.key().as_str() {
                _ if browser::is_typing() => return,
                "ArrowLeft" => go(-1),
                "ArrowRight" => go(1),
                "+" | "-" => zoom(),
                _ => return,
            }
            event.prevent_default();
        });
        on_cleanup(move || handle.remove());
    });
    let title =
        move || image.with(|image| image.as_ref().map(|image| image.file_name.clone()).unwrap_or_default());
    // Drawn anew for another photo, not for a change of the same one: typing must not be lost.
    let shown = Memo::new(move |_| image.with(|image| image.as_ref().map(|image| image.id)));
    view! {
        <Dialog open=open title=Signal::derive(title) large=true>
            <div class="viewer">
                <div class="viewer-stage" class:is-zoomed=zoomed>
                    <IconButton
                        glyph=Glyph::Previous
                        label="Previous image (←)"
                        disabled=Signal::derive(move || place.get().0.is_none_or(|at| at == 0))
                        on_press=move |_| go(-1)
                    />
                    <div class="viewer-scroll" tabindex="0" role="group" aria-label="Picture" on:dblclick=move |_| zoom()>
                        {move || {
                            shown.track();
                            image.get_untracked().map(|image| view! { <FiledPicture image=image rendition=RenditionRole::Screen /> })
                        }}
                    </div>
                    <IconButton
                        glyph=Glyph::Next
                        label="Next image (→)"
                        disabled=Signal::derive(move || place.get().0.is_none_or(|at| at + 1 >= place.get().1))
                        on_press=move |_| go(1)
                    />
                </div>
                {move || {
                    shown.track();
                    image.get_untracked().map(|image| view! { <Facts image=image pager=pager zoomed=zoomed /> })
                }}
            </div>
        </Dialog>
    }
}

#[component]
fn Facts(image: PatientImageView, pager: Pager<PatientImageView>, zoomed: RwSignal<bool>) -> impl IntoView {
    let role = expect_context::<Session>().me.role;
    let size = match (image.width, image.height) {
        (Some(width), Some(height)) => format!("{width} x {height} · {}", human_bytes(image.byte_size)),
        _ => human_bytes(image.byte_size),
    };
    let filed_by = image.filed_by.clone().map(|name| format!(" by {name}"));
    let (category, caption) = (image.category.label(), image.caption.clone());
    view! {
        <div class="viewer-side stack">
            <p>
                <a href=format!("/patients/{}", image.patient.id)>{image.patient.name.clone()}</a>
            </p>
            <p class="image-source">
                <Source source=image.source.clone() />
            </p>
            <p class="muted">"Filed " <Time at=image.filed_at style=TimeStyle::Exact /> {filed_by}</p>
            <p class="muted number">{size}</p>
            {if role.may(Permission::FileImages) {
                view! { <Change image=image.clone() pager=pager /> }.into_any()
            } else {
                view! { <p>{category}</p> <p>{caption}</p> }.into_any()
            }}
            <div class="actions">
                <Button glyph=Glyph::ZoomIn on_press=move |_| zoomed.update(|zoomed| *zoomed = !*zoomed)>
                    {move || if zoomed.get() { "Fit to window" } else { "Zoom" }}
                </Button>
                <a class="button" href=image.original_url.clone() download=image.file_name.clone() rel="external">
                    <Icon glyph=Glyph::Download />
                    <span>"Download original"</span>
                </a>
                {role.may(Permission::DeleteImages).then(|| view! { <Remove id=image.id pager=pager /> })}
            </div>
        </div>
    }
}

#[component]
fn Change(image: PatientImageView, pager: Pager<PatientImageView>) -> impl IntoView {
    let id = image.id;
    let category = RwSignal::new(image.category.as_str().to_owned());
    let caption = RwSignal::new(image.caption.clone());
    let kept = RwSignal::new((category.get_untracked(), caption.get_untracked()));
    let changed = Memo::new(move |_| kept.get() != (category.get(), caption.get()));
    let error = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let notices = Notices::of_page();
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(chosen) = Category::from_word(&category.get_untracked()) else { return };
        if busy.get_untracked() || !changed.get_untracked() {
            return;
        }
        busy.set(true);
        error.set(None);
        let words = caption.get_untracked();
        spawn_local(async move {
            match images::update(id, chosen, words).await {
                Ok(image) => {
                    kept.try_set((image.category.as_str().to_owned(), image.caption.clone()));
                    pager.replace(|other| other.id == id, image);
                }
                Err(failure) if Live::signed_out(&failure) => {}
                Err(failure) if failure.error.field.is_some() => {
                    error.try_set(Some(failure.error.message));
                }
                Err(failure) => notices.failed(&failure),
            }
            busy.try_set(false);
        });
    };
    view! {
        <form class="stack" on:submit=on_submit>
            <SelectField label="Category" name="image-category" value=category options=category_options() />
            <TextField label="Caption" name="image-caption" value=caption error=error />
            <div class="actions">
                <Button kind=ButtonKind::Primary submit=true disabled=Signal::derive(move || busy.get() || !changed.get())>
                    {move || if changed.get() { "Save changes" } else { "Saved" }}
                </Button>
            </div>
        </form>
    }
}

#[component]
fn Remove(id: PatientImageId, pager: Pager<PatientImageView>) -> impl IntoView {
    let asking = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let notices = Notices::of_page();
    let remove = move |_| {
        busy.set(true);
        spawn_local(async move {
            match images::delete(id).await {
                Ok(()) => {
                    notices.tell(Tone::Good, "Image removed from the record.");
                    pager.refresh();
                }
                Err(failure) if Live::signed_out(&failure) => {}
                Err(failure) => notices.failed(&failure),
            }
            busy.try_set(false);
            asking.try_set(false);
        });
    };
    view! {
        <Show
            when=move || asking.get()
            fallback=move || {
                view! { <Button kind=ButtonKind::Danger glyph=Glyph::Trash on_press=move |_| asking.set(true)>"Remove"</Button> }
            }
        >
            <div class="confirm stack" role="group" aria-label="Remove this image?">
                <p role="alert">
                    "Remove this image from the record? It disappears for everyone. A photo that came with a message stays in its conversation."
                </p>
                <div class="actions">
                    <Button kind=ButtonKind::Danger glyph=Glyph::Trash disabled=busy on_press=remove>"Remove image"</Button>
                    <Button on_press=move |_| asking.set(false)>"Keep it"</Button>
                </div>
            </div>
        </Show>
    }
}
