//! Writing: text, pictures, files, and what sending them takes.

pub mod chosen;
pub mod chosen_card;
pub mod drafts;
pub mod link_choice;
pub mod number_picker;
pub mod route_line;
pub mod template_choice;
pub mod upload;
pub mod whatsapp_window;

use crate::api::session::Session;
use crate::browser;
use crate::parts::composer::chosen::{Chosen, files};
use crate::parts::composer::chosen_card::ChosenCard;
use crate::parts::composer::drafts::Draft;
use crate::parts::composer::link_choice::{LinkChoice, as_it_leaves, why_not_without};
use crate::parts::composer::number_picker::NumberPicker;
use crate::parts::composer::route_line::{Offers, OtherNumber, RouteWords, Way};
use crate::parts::composer::template_choice::TemplateComposer;
use crate::parts::composer::upload::Progress;
use crate::parts::composer::whatsapp_window::{Whatsapp, WhatsappBar};
use crate::parts::shortcuts::{Shortcut, on_shortcut};
use crate::parts::thread::state::Thread;
use crate::ui::{Button, ButtonKind, Glyph, IconButton, Notices, Tone};
use leptos::ev::{ClipboardEvent, KeyboardEvent};
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::link::{LinkOptions, LinkView};
use model::media::{AttachmentState, AttachmentView};
use model::message::{Channel, DeliveryState, Direction, MAX_ATTACHMENTS, MAX_TEXT_CHARS, MessageView};
use model::segments;
use model::staff::Permission;
use picture::ACCEPTED_FILES;

/// Below the thread.
#[component]
pub fn Composer(
    /// What is being written here.
    draft: Draft,
) -> impl IntoView {
    let whatsapp = Whatsapp::new(Thread::of_page(), &draft);
    let moving = RwSignal::new(false);
    let draft = StoredValue::new(draft);
    // Whatever is shown in the place of the text: pictures can be dropped, and all of it can move to another number.
    Effect::new(move |_| {
        draft.with_value(Draft::restore);
        draft.with_value(Draft::keep);
    });
    view! {
        <div class="composer">
            <NumberPicker draft=draft moving=moving />
            <WhatsappBar whatsapp=whatsapp />
            // What is written outlives the change: it is the draft's, not the screen's.
            <Show
                when=move || whatsapp.needs_template()
                fallback=move || view! { <Writing draft=draft.get_value() whatsapp=whatsapp moving=moving /> }
            >
                <TemplateComposer whatsapp=whatsapp draft=draft moving=moving />
            </Show>
        </div>
    }
}

/// Text and pictures, as long as anything can be sent.
#[component]
fn Writing(
    draft: Draft,
    whatsapp: Whatsapp,
    /// The other conversation is not open yet: nothing may be sent to a number that is not the one on the screen.
    moving: RwSignal<bool>,
) -> impl IntoView {
    let thread = Thread::of_page();
    let session = expect_context::<Session>();
    let notices = Notices::of_page();
    let may_send = session.me.role.may(Permission::SendMessages);
    let text = RwSignal::from(draft.text.clone());
    let chosen = RwSignal::from(draft.chosen.clone());
    let link = RwSignal::from(draft.link.clone());
    let has_pictures = move || !chosen.read().is_empty();
    let linked = Memo::new(move |_| link.get().filter(|_| has_pictures()));
    let organisation = StoredValue::new(session.me.organisation.name.clone());
    // With its link, where it goes with one.
    let leaving = Memo::new(move |_| match linked.get() {
        None => text.get(),
        Some(_) => organisation.with_value(|organisation| {
            as_it_leaves(
                &text.read(),
                &thread.view.read().can_send.link_base,
                organisation,
                &chosen.read().iter().map(Chosen::kind).collect::<Vec<_>>(),
            )
        }),
    });
    let way = Way::new(thread, chosen, leaving, linked, RwSignal::from(draft.line.clone()), whatsapp);
    let draft = StoredValue::new(draft);
    let area = NodeRef::<html::Textarea>::new();
    let input = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        text.track();
        if let Some(area) = area.get() {
            grow(&area);
        }
    });
    on_shortcut(move |shortcut| match shortcut {
        Shortcut::Reply => {
            browser::focus("#composer-text");
        }
        Shortcut::Attach => {
            if let Some(input) = input.get_untracked() {
                input.click();
            }
        }
        _ => {}
    });
    let blocked = Memo::new(move |_| {
        why_not(may_send, moving.get(), way, &leaving.read(), &chosen.read(), linked.read().is_some())
    });
    let send = move || {
        if blocked.get_untracked().is_some() {
            return;
        }
        let (words, pictures) = (text.get_untracked(), chosen.get_untracked());
        let message = as_queued(&thread, &session.me.name, &words, &pictures, linked.get_untracked());
        let channel = if untrack(|| whatsapp.is_on()) { Channel::Whatsapp } else { message.channel };
        thread.send(MessageView { line_id: way.asked(), channel, ..message }, pictures);
        way.forget();
        whatsapp.forget();
        text.set(String::new());
        chosen.set(Vec::new());
        link.set(None);
        browser::focus("#composer-text");
    };
    let on_key = {
        let send = send.clone();
        move |event: KeyboardEvent| {
            if event.key() == "Enter" && !event.shift_key() && !event.is_composing() {
                event.prevent_default();
                send();
            } else if event.key() == "Escape" {
                crate::parts::thread::focus_thread();
            }
        }
    };
    let on_paste = move |event: ClipboardEvent| {
        let pasted = event.clipboard_data().map(|data| files(data.files())).unwrap_or_default();
        if !pasted.is_empty() {
            event.prevent_default();
            attach(draft.get_value(), pasted, notices);
        }
    };
    view! {
        <form
            class="composer-form"
            aria-label="Write a message"
            on:submit=move |event| {
                event.prevent_default();
                send();
            }
        >
            <textarea
                node_ref=area
                id="composer-text"
                class="input"
                rows="1"
                aria-label="Message"
                placeholder=move || if has_pictures() { "Add a caption (optional)" } else { "Write a message" }
                disabled=!may_send
                prop:value=text
                on:input:target=move |event| text.set(event.target().value())
                on:keydown=on_key
                on:paste=on_paste
            ></textarea>
            <Show when=has_pictures>
                <ul class="cards" aria-label="Files to send">
                    <For each=move || chosen.get() key=|chosen| chosen.key.clone() let(card)>
                        <ChosenCard chosen=card.clone() share=way.share_of(card.key.clone()) on_remove={
                            let key = card.key.clone();
                            move |()| draft.with_value(|draft| draft.remove(&key))
                        } />
                    </For>
                </ul>
                <LinkChoice link=link chosen=chosen />
            </Show>
            <OtherNumber way=way />
            <div class="composer-foot">
                <IconButton
                    glyph=Glyph::Paperclip
                    label="Attach files (a)"
                    disabled=!may_send
                    on_press=move |_| {
                        if let Some(input) = input.get_untracked() {
                            input.click();
                        }
                    }
                />
                <input
                    node_ref=input
                    id="composer-file"
                    class="visually-hidden"
                    type="file"
                    multiple
                    tabindex="-1"
                    aria-label="Files to attach"
                    accept=ACCEPTED_FILES
                    on:change:target=move |event| {
                        attach(draft.get_value(), files(event.target().files()), notices);
                        // So that the same file can be chosen again after it was removed.
                        event.target().set_value("");
                    }
                />
                <Offers way=way />
                {move || {
                    let why = blocked.get().filter(|why| !why.is_empty());
                    why.is_none().then(|| view! { <RouteWords way=way /> })
                }}
                <span class="composer-why" role="status">{move || blocked.get().filter(|why| !why.is_empty())}</span>
                <Counter text=leaving whole=Signal::derive(move || whatsapp.is_on() || has_pictures() && linked.read().is_none()) />
                {move || {
                    let (kind, glyph, words) = if linked.read().is_some() {
                        let by_whatsapp = whatsapp.is_on();
                        let kind = if by_whatsapp { ButtonKind::Whatsapp } else { ButtonKind::Primary };
                        (kind, Glyph::Link, "Send link")
                    } else if whatsapp.is_on() {
                        (ButtonKind::Whatsapp, Glyph::Whatsapp, "Send WhatsApp")
                    } else if has_pictures() {
                        (ButtonKind::Mms, Glyph::Photo, "Send MMS")
                    } else {
                        (ButtonKind::Primary, Glyph::Message, "Send SMS")
                    };
                    view! { <Button kind=kind glyph=glyph submit=true disabled=Signal::derive(move || blocked.get().is_some())>{words}</Button> }
                }}
            </div>
        </form>
    }
}

/// Takes files in and says which ones were refused.
pub(crate) fn attach(draft: Draft, files: Vec<web_sys::File>, notices: Notices) {
    spawn_local(async move {
        for refused in draft.add(files).await {
            notices.tell(Tone::Bad, refused);
        }
        browser::focus("#composer-text");
    });
}

/// Why it cannot be sent now; empty where there is nothing to explain. `None` when it can.
fn why_not(
    may_send: bool,
    moving: bool,
    way: Way,
    text: &str,
    chosen: &[Chosen],
    linked: bool,
) -> Option<String> {
    if !may_send {
        return Some("Your role can read, not send.".to_owned());
    }
    if moving {
        return Some("Changing the number…".to_owned());
    }
    if let Some(reason) = way.blocked() {
        return Some(reason);
    }
    if let (false, Some(reason)) = (linked, why_not_without(chosen)) {
        return Some(reason);
    }
    if chosen.len() > MAX_ATTACHMENTS {
        return Some(format!("A message carries at most {MAX_ATTACHMENTS} pictures. Remove some."));
    }
    let characters = text.chars().count();
    if characters > MAX_TEXT_CHARS {
        return Some(format!("{} characters too many.", characters - MAX_TEXT_CHARS));
    }
    for picture in chosen {
        match picture.upload.get() {
            Progress::Failed(_) => {
                return Some("A picture could not be uploaded. Remove it to send.".to_owned());
            }
            Progress::Sending(_) | Progress::Processing => return Some("Uploading…".to_owned()),
            Progress::Done(_) => {}
        }
        let unreadable = picture
            .attachment
            .read()
            .as_ref()
            .is_some_and(|attachment| attachment.state == AttachmentState::Unreadable);
        if unreadable {
            return Some(format!("{} cannot be read by the server. Remove it to send.", picture.name()));
        }
    }
    (text.trim().is_empty() && chosen.is_empty()).then(String::new)
}

/// The message as it stands in the thread before the server has answered.
pub(crate) fn as_queued(
    thread: &Thread,
    author: &str,
    text: &str,
    chosen: &[Chosen],
    link: Option<LinkOptions>,
) -> MessageView {
    let client_id = browser::random_id();
    let id = client_id.parse().unwrap_or(model::MessageId(thread.id.0));
    let now = browser::now();
    MessageView {
        id,
        conversation_id: thread.id,
        direction: Direction::Outbound,
        channel: if chosen.is_empty() || link.is_some() { Channel::Sms } else { Channel::Mms },
        text: text.trim().to_owned(),
        at: now,
        state: DeliveryState::Queued,
        state_at: now,
        failure: None,
        author: Some(author.to_owned()),
        attachments: chosen.iter().filter_map(as_attachment).collect(),
        parts: 0,
        price: None,
        price_estimated: false,
        client_id: Some(client_id),
        link: link.map(|options| LinkView::planned(id, options, now)),
        template: None,
        mock: false,
        line_id: None,
        carrier: None,
        detour: None,
        found_later: false,
        requests: Vec::new(),
    }
}

fn as_attachment(chosen: &Chosen) -> Option<AttachmentView> {
    let Progress::Done(id) = chosen.upload.get_untracked() else { return None };
    let linked = untrack(|| chosen.linked());
    Some(match chosen.attachment.get_untracked() {
        Some(attachment) => attachment,
        None => AttachmentView {
            id,
            state: if linked.is_some() { AttachmentState::Ready } else { AttachmentState::Processing },
            failure: None,
            file_name: untrack(|| chosen.name()),
            media_type: linked.map_or_else(String::new, |kind| kind.media_type().to_owned()),
            byte_size: untrack(|| chosen.size()),
            width: None,
            height: None,
            tile_url: None,
            screen_url: None,
            original_url: None,
            carrier: None,
            filed: Vec::new(),
        },
    })
}

#[component]
fn Counter(
    /// As it leaves.
    text: Memo<String>,
    /// It is not cut into the parts of an SMS.
    whole: Signal<bool>,
) -> impl IntoView {
    view! {
        <span class="counter number muted">
            {move || {
                let text = text.read();
                let characters = text.chars().count();
                if whole.get() {
                    (characters > 0).then(|| format!("{characters} / {MAX_TEXT_CHARS}"))
                } else {
                    let count = segments::count(text.trim());
                    (count.units > 0).then(|| {
                        let parts = if count.parts == 1 { "part" } else { "parts" };
                        format!("{} / {} · {} {parts}", count.units, count.room, count.parts)
                    })
                }
            }}
        </span>
    }
}

/// As high as its text, within the limits of the style sheet.
fn grow(area: &web_sys::HtmlTextAreaElement) {
    let area = area.clone();
    request_animation_frame(move || {
        let style = web_sys::HtmlElement::style(&area);
        let _ = style.set_property("height", "auto");
        let _ = style.set_property("height", &format!("{}px", area.scroll_height() + 2));
    });
}
