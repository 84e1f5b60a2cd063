//! Writing: text, pictures, and what sending them takes.

use crate::api::inbox;
use crate::api::session::Session;
use crate::browser;
use crate::parts::chosen::{Chosen, Draft, files};
use crate::parts::chosen_card::ChosenCard;
use crate::parts::inbox_list::navigator;
use crate::parts::link_choice::{LinkChoice, as_it_leaves};
use crate::parts::patient_panel::People;
use crate::parts::route_line::{Offers, OtherNumber, RouteWords, Way};
use crate::parts::shortcuts::{Shortcut, on_shortcut};
use crate::parts::thread_state::Thread;
use crate::parts::upload::Progress;
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
use picture::PictureKind;

/// Below the thread.
#[component]
pub fn Composer(
    /// What is being written here.
    draft: Draft,
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
                chosen.read().len(),
            )
        }),
    });
    let way = Way::new(thread, chosen, leaving, linked, RwSignal::from(draft.line.clone()));
    let draft = StoredValue::new(draft);
    let area = NodeRef::<html::Textarea>::new();
    let input = NodeRef::<html::Input>::new();
    let moving = RwSignal::new(false);
    Effect::new(move |_| {
        draft.with_value(Draft::restore);
        draft.with_value(Draft::keep);
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
    let blocked = Memo::new(move |_| why_not(may_send, moving.get(), way, &leaving.read(), &chosen.read()));
    let send = move || {
        if blocked.get_untracked().is_some() {
            return;
        }
        let (words, pictures) = (text.get_untracked(), chosen.get_untracked());
        let message = as_queued(&thread, &session.me.name, &words, &pictures, linked.get_untracked());
        thread.send(MessageView { line_id: way.asked(), ..message }, pictures);
        way.forget();
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
            class="composer"
            aria-label="Write a message"
            on:submit=move |event| {
                event.prevent_default();
                send();
            }
        >
            <NumberPicker draft=draft moving=moving />
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
                <ul class="cards" aria-label="Pictures to send">
                    <For each=move || chosen.get() key=|chosen| chosen.key.clone() let(card)>
                        <ChosenCard chosen=card.clone() share=way.share_of(card.key.clone()) on_remove={
                            let key = card.key.clone();
                            move |()| draft.with_value(|draft| draft.remove(&key))
                        } />
                    </For>
                </ul>
                <LinkChoice link=link />
            </Show>
            <OtherNumber way=way />
            <div class="composer-foot">
                <IconButton
                    glyph=Glyph::Paperclip
                    label="Attach pictures (a)"
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
                    aria-label="Pictures to attach"
                    accept=PictureKind::ACCEPT_ATTRIBUTE
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
                <Counter text=leaving travels=Signal::derive(move || has_pictures() && linked.read().is_none()) />
                {move || {
                    let (kind, glyph, words) = if linked.read().is_some() {
                        (ButtonKind::Primary, Glyph::Link, "Send link")
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
fn why_not(may_send: bool, moving: bool, way: Way, text: &str, chosen: &[Chosen]) -> Option<String> {
    if !may_send {
        return Some("Your role can read, not send.".to_owned());
    }
    if moving {
        return Some("Changing the number…".to_owned());
    }
    if let Some(reason) = way.blocked() {
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
fn as_queued(
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
        mock: false,
        line_id: None,
        carrier: None,
        detour: None,
        requests: Vec::new(),
    }
}

fn as_attachment(chosen: &Chosen) -> Option<AttachmentView> {
    let Progress::Done(id) = chosen.upload.get_untracked() else { return None };
    let known = chosen.attachment.get_untracked();
    let tile_url = chosen.address();
    Some(match known {
        Some(attachment) => AttachmentView { tile_url, ..attachment },
        None => AttachmentView {
            id,
            state: AttachmentState::Processing,
            failure: None,
            file_name: untrack(|| chosen.name()),
            media_type: String::new(),
            byte_size: untrack(|| chosen.size()),
            width: None,
            height: None,
            tile_url,
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
    /// With pictures.
    travels: Signal<bool>,
) -> impl IntoView {
    view! {
        <span class="counter number muted">
            {move || {
                let text = text.read();
                let characters = text.chars().count();
                if travels.get() {
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

/// To which of the patient's numbers; each has a conversation of its own, and the draft moves along.
#[component]
fn NumberPicker(
    draft: StoredValue<Draft>,
    /// The other conversation is not open yet: nothing may be sent to a number that is not the one on the screen.
    moving: RwSignal<bool>,
) -> impl IntoView {
    let thread = Thread::of_page();
    let people = People::of_page();
    let drafts = expect_context::<crate::parts::chosen::Drafts>();
    let notices = Notices::of_page();
    let numbers = Memo::new(move |_| {
        let mut numbers: Vec<(String, String)> = Vec::new();
        for number in people.all.read().iter().flat_map(|patient| patient.numbers.clone()) {
            let words = if number.label.is_empty() {
                number.number.spaced()
            } else {
                format!("{} · {}", number.number.spaced(), number.label)
            };
            let e164 = number.number.as_e164().to_owned();
            if !numbers.iter().any(|(known, _)| *known == e164) {
                numbers.push((e164, words));
            }
        }
        numbers
    });
    let present = move || thread.view.read().row.number.as_str().to_owned();
    let go = navigator();
    let choose = Callback::new(move |select: web_sys::HtmlSelectElement| {
        let (go, number) = (go.clone(), select.value());
        moving.set(true);
        spawn_local(async move {
            let answer = inbox::open(number).await;
            // Whoever has left this conversation meanwhile stays where they are, and so does the draft.
            if moving.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(id) if id != thread.id => {
                    draft.with_value(|draft| draft.move_to(&drafts.of(id)));
                    go(id);
                }
                Ok(_) => {}
                Err(failure) => {
                    select.set_value(&untrack(present));
                    notices.failed(&failure);
                }
            }
        });
    });
    view! {
        <Show when=move || { numbers.read().len() > 1 }>
            <label class="number-picker">
                <span>"To"</span>
                <select class="input number" disabled=moving on:change:target=move |event| choose.run(event.target())>
                    {move || {
                        numbers
                            .get()
                            .into_iter()
                            .map(|(number, words)| {
                                let selected = number == present();
                                view! { <option value=number selected=selected>{words}</option> }
                            })
                            .collect_view()
                    }}
                </select>
            </label>
        </Show>
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
