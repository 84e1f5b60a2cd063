//! One simulated phone's conversation with a line.

use crate::api::session::Session;
use crate::parts::phone::photo::{ChosenPhoto, ShownPhoto};
use crate::parts::transfer::{self, Transfer};
use crate::ui::{Banner, Glyph, Icon, Time, TimeStyle, Tone};
use gloo_timers::callback::Interval;
use leptos::ev::{KeyboardEvent, SubmitEvent};
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::message::Channel;
use model::staff::Permission;
use model::{Millis, PhoneNumber};
use picture::PictureKind;
use send_wrapper::SendWrapper;
use serde::Deserialize;
use web_sys::{File, FormData};

/// A phone asks this often what is new.
const ASK_MS: u32 = 1_000;

/// Photos in one reply, at most.
const MAX_PHOTOS: usize = 10;

/// What `GET /simulator/phones/{number}` answers.
#[derive(Debug, Clone, Deserialize)]
struct Shown {
    line: PhoneNumber,
    messages: Vec<PhoneMessage>,
}

/// A message as the simulated carrier shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct PhoneMessage {
    id: String,
    revision: u64,
    from_phone: bool,
    whatsapp: bool,
    text: String,
    photos: Vec<PhonePhoto>,
    at: Millis,
    state: PhoneState,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct PhonePhoto {
    id: String,
    media_type: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PhoneState {
    Sending,
    Delivered,
    Failed,
}

/// The phone.
#[component]
pub fn PhoneScreen(
    /// Whose.
    number: PhoneNumber,
    /// Which line it talks with; without it the organisation's first simulator.
    line: Option<PhoneNumber>,
    /// The other side, as it calls itself.
    organisation: String,
) -> impl IntoView {
    let may_reply = expect_context::<Session>().me.role.may(Permission::SendMessages);
    let path = format!("/simulator/phones/{}", escaped(&number));
    let messages = RwSignal::new(Vec::<PhoneMessage>::new());
    let at_line = RwSignal::new(line);
    let failure = RwSignal::new(None::<String>);
    let asked_once = RwSignal::new(false);
    let asking = StoredValue::new(false);
    let take = move |news: Vec<PhoneMessage>| {
        messages.try_update(|shown| merge(shown, news));
    };
    let (poll_path, reply_path) = (path.clone(), format!("{path}/replies"));
    let ask = move || {
        if asking.try_get_value() != Some(false) || document().hidden() {
            return;
        }
        asking.set_value(true);
        let since =
            messages.with_untracked(|shown| shown.iter().map(|message| message.revision).max()).unwrap_or(0);
        let line =
            at_line.get_untracked().map(|line| format!("&line={}", escaped(&line))).unwrap_or_default();
        let path = format!("{poll_path}?since={since}{line}");
        spawn_local(async move {
            match transfer::get::<Shown>(&path).await {
                Ok(Shown { line, messages: news }) => {
                    at_line.try_set(Some(line));
                    failure.try_set(None);
                    if !news.is_empty() {
                        take(news);
                    }
                }
                Err(what) => {
                    failure.try_set(Some(what.error.message));
                }
            }
            asked_once.try_set(true);
            asking.try_set_value(false);
        });
    };
    Effect::new(move |_| {
        ask();
        let every = SendWrapper::new(Interval::new(ASK_MS, ask.clone()));
        on_cleanup(move || drop(every));
    });
    let list = NodeRef::<html::Ol>::new();
    Effect::new(move |_| {
        messages.track();
        if let Some(list) = list.get() {
            request_animation_frame(move || list.set_scroll_top(list.scroll_height()));
        }
    });
    let nothing = move || asked_once.get() && failure.with(Option::is_none) && messages.with(Vec::is_empty);
    view! {
        <div class="phone">
            <header class="phone-head">
                <strong>{organisation}</strong>
                <span class="muted number">{move || at_line.get().map(|line| line.spaced())}</span>
            </header>
            {move || failure.get().map(|words| view! { <Banner tone=Tone::Bad>{words}</Banner> })}
            <ol node_ref=list class="phone-messages" aria-label="Messages on this phone" aria-live="polite" tabindex="0">
                <For each=move || messages.get() key=|message| (message.id.clone(), message.revision) let(message)>
                    <Bubble message=message />
                </For>
                <Show when=nothing>
                    <li class="phone-nothing muted">"No messages yet. Write one, or send one to this number from the inbox."</li>
                </Show>
            </ol>
            {if may_reply {
                view! { <Reply path=reply_path line=at_line on_sent=move |message| take(vec![message]) /> }.into_any()
            } else {
                view! { <p class="phone-nothing muted">"Your role does not send messages, so this phone does not either."</p> }.into_any()
            }}
            <footer class="phone-foot muted number">{number.spaced()}</footer>
        </div>
    }
}

/// New ones at the end, changed ones in their place.
fn merge(shown: &mut Vec<PhoneMessage>, news: Vec<PhoneMessage>) {
    for message in news {
        match shown.iter_mut().find(|known| known.id == message.id) {
            Some(known) if known.revision < message.revision => *known = message,
            Some(_) => {}
            None => shown.push(message),
        }
    }
}

#[component]
fn Bubble(message: PhoneMessage) -> impl IntoView {
    let state = match (message.from_phone, message.state) {
        (false, _) | (true, PhoneState::Delivered) => None,
        (true, PhoneState::Sending) => Some("Sending"),
        (true, PhoneState::Failed) => Some("Not delivered: the line did not take it"),
    };
    let side = if message.from_phone { "phone-bubble is-mine" } else { "phone-bubble" };
    view! {
        <li class=side>
            {message.photos.into_iter().map(|photo| view! { <ShownPhoto id=photo.id media_type=photo.media_type /> }).collect_view()}
            {(!message.text.is_empty()).then(|| view! { <p>{with_links(&message.text)}</p> })}
            <span class="phone-time muted">
                <Time at=message.at style=TimeStyle::Short /> {message.whatsapp.then_some(" · WhatsApp")} {state.map(|state| format!(" · {state}"))}
            </span>
        </li>
    }
}

/// A text in which addresses can be pressed, as on any phone.
fn with_links(text: &str) -> impl IntoView + use<> {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let (address, word) = (word.trim_end().to_owned(), word.to_owned());
            if address.starts_with("https://") || address.starts_with("http://") {
                view! { <a href=address target="_blank" rel="external noopener noreferrer">{word}</a> }
                    .into_any()
            } else {
                word.into_any()
            }
        })
        .collect_view()
}

#[component]
fn Reply(
    path: String,
    line: RwSignal<Option<PhoneNumber>>,
    #[prop(into)] on_sent: Callback<PhoneMessage>,
) -> impl IntoView {
    let text = RwSignal::new(String::new());
    let photos = RwSignal::new(Vec::<(usize, SendWrapper<File>)>::new());
    let next_key = StoredValue::new(0_usize);
    let failure = RwSignal::new(None::<String>);
    let by_whatsapp = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let empty = move || text.with(|text| text.trim().is_empty()) && photos.with(Vec::is_empty);
    let send = move || {
        if busy.get_untracked()
            || (text.with_untracked(|text| text.trim().is_empty()) && photos.with_untracked(Vec::is_empty))
        {
            return;
        }
        busy.set(true);
        failure.set(None);
        let path = path.clone();
        spawn_local(async move {
            let form = form(line.get_untracked().as_ref(), &text.get_untracked(), &photos.get_untracked());
            if by_whatsapp.get_untracked() {
                let _ = form.append_with_str("channel", Channel::Whatsapp.as_str());
            }
            match Transfer::new().post::<PhoneMessage>(&path, form).await {
                Ok(message) => {
                    text.try_set(String::new());
                    photos.try_set(Vec::new());
                    on_sent.try_run(message);
                }
                Err(what) => {
                    failure.try_set(Some(what.error.message));
                }
            }
            busy.try_set(false);
        });
    };
    let (on_enter, on_submit) = (send.clone(), send);
    view! {
        <form
            class="phone-reply"
            on:submit=move |event: SubmitEvent| {
                event.prevent_default();
                on_submit();
            }
        >
            <ul class="phone-chosen" aria-label="Photos to send">
                <For each=move || photos.get() key=|(key, _)| *key let((key, file))>
                    <ChosenPhoto
                        file=file
                        on_remove=move |()| photos.update(|photos| photos.retain(|(other, _)| *other != key))
                    />
                </For>
            </ul>
            {move || failure.get().map(|words| view! { <p class="field-below is-error" role="alert">{words}</p> })}
            <label class="phone-by">
                <span>"Answer by"</span>
                <select class="input" on:change:target=move |event| by_whatsapp.set(event.target().value() == Channel::Whatsapp.as_str())>
                    <option value="">"SMS/MMS"</option>
                    <option value=Channel::Whatsapp.as_str()>"WhatsApp"</option>
                </select>
            </label>
            <div class="phone-reply-row">
                <label class="icon-button" title="Attach photos">
                    <Icon glyph=Glyph::Photo />
                    <input
                        class="visually-hidden"
                        type="file"
                        multiple
                        accept=PictureKind::ACCEPT_ATTRIBUTE
                        aria-label="Attach photos"
                        on:change:target=move |event| {
                            let files = event.target().files();
                            let files = files.into_iter().flat_map(|files| (0..files.length()).filter_map(move |at| files.get(at)));
                            photos.update(|photos| {
                                for file in files {
                                    let key = next_key.get_value();
                                    next_key.set_value(key + 1);
                                    photos.push((key, SendWrapper::new(file)));
                                }
                                photos.truncate(MAX_PHOTOS);
                            });
                            event.target().set_value("");
                        }
                    />
                </label>
                <textarea
                    class="input"
                    rows="1"
                    aria-label="Message from this phone"
                    placeholder="Text message"
                    prop:value=text
                    on:input:target=move |event| text.set(event.target().value())
                    on:keydown=move |event: KeyboardEvent| {
                        if event.key() == "Enter" && !event.shift_key() && !event.is_composing() {
                            event.prevent_default();
                            on_enter();
                        }
                    }
                ></textarea>
                <button class="icon-button" type="submit" aria-label="Send from this phone" title="Send from this phone" disabled=move || busy.get() || empty()>
                    <Icon glyph=Glyph::Send />
                </button>
            </div>
        </form>
    }
}

fn form(line: Option<&PhoneNumber>, text: &str, photos: &[(usize, SendWrapper<File>)]) -> FormData {
    let form = FormData::new().unwrap_or_else(|error| wasm_bindgen::throw_val(error));
    // Appending fails for no text and no file; the server would miss the field and say so.
    if let Some(line) = line {
        let _ = form.append_with_str("line", line.as_e164());
    }
    let _ = form.append_with_str("text", text.trim());
    for (_, file) in photos {
        let _ = form.append_with_blob_and_filename("file", file, &file.name());
    }
    form
}

/// A number in an address, where a `+` would mean a space.
fn escaped(number: &PhoneNumber) -> String {
    format!("%2B{}", number.digits())
}

#[cfg(test)]
mod tests {
    use super::{PhoneMessage, PhoneState, merge};

    fn message(id: &str, revision: u64, state: PhoneState) -> PhoneMessage {
        PhoneMessage {
            id: id.to_owned(),
            revision,
            from_phone: true,
            whatsapp: false,
            text: String::new(),
            photos: Vec::new(),
            at: 0,
            state,
        }
    }

    #[test]
    fn a_message_heard_of_twice_stands_once_and_never_goes_back() {
        let mut shown = vec![message("a", 1, PhoneState::Sending)];
        merge(&mut shown, vec![message("a", 3, PhoneState::Delivered), message("b", 2, PhoneState::Sending)]);
        merge(&mut shown, vec![message("a", 1, PhoneState::Sending)]);
        assert_eq!(shown, [message("a", 3, PhoneState::Delivered), message("b", 2, PhoneState::Sending)]);
    }
}
