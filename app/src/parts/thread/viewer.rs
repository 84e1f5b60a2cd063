//! One picture, large: who, when, the caption, the original, and filing it.

use crate::api::messages;
use crate::parts::thread::filing::Filing;
use crate::parts::thread::sent_pictures::SentPictures;
use crate::parts::thread::state::Thread;
use crate::ui::{Button, Dialog, Glyph, Icon, IconButton, Time, TimeStyle};
use leptos::ev::{self};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::media::AttachmentView;
use model::message::{Direction, MessageView};
use model::{AttachmentId, MessageId};

/// The viewer of this page; a context.
#[derive(Debug, Clone, Copy)]
pub struct Viewer {
    open: RwSignal<bool>,
    at: RwSignal<Option<(MessageId, AttachmentId)>>,
    /// Whom the picture is filed for and under what; the choice outlives what is drawn anew when the thread changes.
    pub(super) patient: RwSignal<String>,
    pub(super) category: RwSignal<String>,
}

impl Default for Viewer {
    fn default() -> Self {
        Self {
            open: RwSignal::new(false),
            at: RwSignal::new(None),
            patient: RwSignal::default(),
            category: RwSignal::default(),
        }
    }
}

impl Viewer {
    /// The viewer of this page.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// Opens a picture of the thread.
    pub fn show(self, message: MessageId, attachment: AttachmentId) {
        self.turn_to(message, attachment);
        self.open.set(true);
    }

    fn turn_to(self, message: MessageId, attachment: AttachmentId) {
        self.patient.set(String::new());
        self.category.set(String::new());
        self.at.set(Some((message, attachment)));
    }
}

/// Every picture of the loaded thread that can be shown, in its order.
fn pictures(thread: Thread, sent: SentPictures) -> Vec<(MessageView, AttachmentView)> {
    let items = thread.items.read();
    items
        .iter()
        .map(|item| item.message.get())
        .flat_map(|message| {
            message.attachments.clone().into_iter().map(move |picture| (message.clone(), picture))
        })
        .filter_map(|(message, picture)| {
            let tile_url = picture.tile_url.clone().or_else(|| sent.address(picture.id));
            tile_url.is_some().then_some((message, AttachmentView { tile_url, ..picture }))
        })
        .collect()
}

/// The dialog.
#[component]
pub fn ViewerDialog() -> impl IntoView {
    let viewer = Viewer::of_page();
    let thread = Thread::of_page();
    let sent = SentPictures::of_page();
    let zoomed = RwSignal::new(false);
    let shown = Memo::new(move |_| {
        let at = viewer.at.get()?;
        if !viewer.open.get() {
            return None;
        }
        let all = pictures(thread, sent);
        let place = all.iter().position(|(_, picture)| picture.id == at.1)?;
        let (message, picture) = all[place].clone();
        let near = |place: Option<usize>| {
            place.and_then(|place| all.get(place)).map(|(message, picture)| (message.id, picture.id))
        };
        Some((message, picture, near(place.checked_sub(1)), near(Some(place + 1))))
    });
    // Links are short-lived: read the message again for fresh ones.
    Effect::new(move |_| {
        if let (true, Some((message, _))) = (viewer.open.get(), viewer.at.get()) {
            spawn_local(async move {
                if let Ok(message) = messages::get(message).await {
                    thread.put(message);
                }
            });
        }
    });
    let go = move |to: Option<(MessageId, AttachmentId)>| {
        if let Some((message, picture)) = to {
            zoomed.set(false);
            viewer.turn_to(message, picture);
        }
    };
    Effect::new(move |_| {
        let handle = window_event_listener(ev::keydown, move |event| {
            let Some((_, _, previous, next)) = shown.get_untracked().filter(|_| !crate::browser::is_typing())
            else {
                return;
            };
            match event.key().as_str() {
                "ArrowLeft" => go(previous),
                "ArrowRight" => go(next),
                "+" | "-" => zoomed.update(|zoomed| *zoomed = !*zoomed),
                _ => return,
            }
            event.prevent_default();
        });
        on_cleanup(move || handle.remove());
    });
    let title = Signal::derive(move || {
        shown.read().as_ref().map_or_else(String::new, |(message, ..)| match message.direction {
            Direction::Inbound => format!("From {}", thread.view.read().row.title()),
            Direction::Outbound => format!("To {}", thread.view.read().row.title()),
        })
    });
    view! {
        <Dialog open=viewer.open title=title large=true>
            {move || {
                shown
                    .get()
                    .map(|(message, picture, previous, next)| {
                        let large = picture.screen_url.clone().or_else(|| picture.tile_url.clone());
                        view! {
                            <div class="viewer">
                                <div class="viewer-stage" class:is-zoomed=zoomed>
                                    <IconButton
                                        class="viewer-previous"
                                        glyph=Glyph::Previous
                                        label="Previous picture (←)"
                                        disabled=previous.is_none()
                                        on_press=move |_| go(previous)
                                    />
                                    <div class="viewer-scroll" tabindex="0" role="group" aria-label="Picture">
                                        <img src=large alt=picture.file_name.clone() on:dblclick=move |_| zoomed.update(|zoomed| *zoomed = !*zoomed) />
                                    </div>
                                    <IconButton
                                        class="viewer-next"
                                        glyph=Glyph::Next
                                        label="Next picture (→)"
                                        disabled=next.is_none()
                                        on_press=move |_| go(next)
                                    />
                                </div>
                                <aside class="viewer-side stack">
                                    <div>
                                        <p class="muted"><Time at=message.at style=TimeStyle::Exact /></p>
                                        {message.author.clone().map(|author| view! { <p class="muted">{format!("Sent by {author}")}</p> })}
                                        <p class="viewer-caption">{message.text.clone()}</p>
                                    </div>
                                    <div class="actions">
                                        <Button glyph=Glyph::ZoomIn on_press=move |_| zoomed.update(|zoomed| *zoomed = !*zoomed)>
                                            {move || if zoomed.get() { "Fit to window" } else { "Zoom" }}
                                        </Button>
                                        {picture
                                            .original_url
                                            .clone()
                                            .map(|url| view! {
                                                <a class="button" href=url rel="external" download=picture.file_name.clone()>
                                                    <Icon glyph=Glyph::Download />
                                                    "Download original"
                                                </a>
                                            })}
                                    </div>
                                    <Filing message=message.id picture=picture />
                                </aside>
                            </div>
                        }
                    })
            }}
        </Dialog>
    }
}
