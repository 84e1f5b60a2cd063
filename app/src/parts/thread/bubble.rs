//! One message of a thread.

use crate::api::messages;
use crate::browser;
use crate::parts::thread::file_card::{FileCard, is_file};
use crate::parts::thread::item::{Item, Local};
use crate::parts::thread::link_line::LinkLine;
use crate::parts::thread::picture_fate::{FateMark, FateWords};
use crate::parts::thread::sent_pictures::SentPictures;
use crate::parts::thread::state::Thread;
use crate::parts::thread::viewer::Viewer;
use crate::ui::{Button, ButtonKind, Glyph, Icon, Notices, Thumbnail, Time, TimeStyle};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::media::{AttachmentState, AttachmentView};
use model::message::{Channel, DeliveryState, Direction, MessageView};
use model::{AttachmentId, Millis};

/// Pictures shown in a bubble; the last one counts the others.
const SHOWN: usize = 4;

/// Links are short-lived, so a picture that does not load has its message read again, but not sooner than this: a
/// picture that cannot be loaded at all must not be asked for without end.
const RENEW_AFTER_MS: Millis = 60_000;

/// What "Found later" means.
const FOUND_LATER: &str =
    "The carrier’s notification of this message never came. Heliograph asked the carrier and found it.";

/// The separators before a message, and the message.
#[component]
pub fn Bubble(
    /// The message.
    item: Item,
    /// A link led here.
    marked: Signal<bool>,
) -> impl IntoView {
    let first = item.message.get_untracked();
    let (at, direction, id) = (first.at, first.direction, item.key.clone());
    let key = item.key.clone();
    let message = RwSignal::from(item.message.clone());
    let place = RwSignal::from(item.place.clone());
    let local = RwSignal::from(item.local.clone());
    let sent = SentPictures::of_page();
    // Until the server has made its own tile, the picture as it was chosen here.
    let attachments = Memo::new(move |_| {
        let as_shown = |attachment: &AttachmentView| {
            let tile_url = attachment.tile_url.clone().or_else(|| sent.address(attachment.id));
            AttachmentView { tile_url, ..attachment.clone() }
        };
        message.read().attachments.iter().map(as_shown).collect::<Vec<_>>()
    });
    let renewed = StoredValue::new(0);
    let again_id = StoredValue::new(None::<String>);
    let revoking = RwSignal::new(false);
    let text = Memo::new(move |_| message.read().text.clone());
    let link = Memo::new(move |_| message.read().link.clone());
    let is_linked = Memo::new(move |_| link.read().is_some());
    let side = if direction == Direction::Inbound { "is-inbound" } else { "is-outbound" };
    // What WhatsApp was not allowed to take may go by SMS.
    let channel = Memo::new(move |_| message.read().channel);
    let author = first.author.clone().filter(|_| direction == Direction::Outbound);
    let who = move || match &author {
        Some(author) => format!("{} · {author}", channel.get().label()),
        None => channel.get().label().to_owned(),
    };
    let needs_words = move || {
        local.read().is_some()
            || message.read().found_later
            || message.read().detour.is_some()
            || matches!(
                message.read().state,
                DeliveryState::Failed | DeliveryState::Undelivered | DeliveryState::Uncertain
            )
    };
    view! {
        {move || place.read().starts_day.then(|| view! { <h2 class="day"><span><Time at=at style=TimeStyle::Day /></span></h2> })}
        {move || place.read().first_unread.then(|| view! { <p class="new-line"><span>"New messages"</span></p> })}
        <article
            id=format!("m-{id}")
            class=format!("bubble-row {side}")
            class:is-sms=move || channel.get() == Channel::Sms
            class:is-mms=move || channel.get() == Channel::Mms
            class:is-whatsapp=move || channel.get() == Channel::Whatsapp
            class:starts-run=move || place.read().starts_run
            class:is-marked=marked
            aria-label=if direction == Direction::Inbound { "From the patient" } else { "From us" }
        >
            {move || place.read().starts_run.then(|| view! { <p class="bubble-channel">{who()}</p> })}
            {move || {
                let (files, pictures): (Vec<_>, Vec<_>) = attachments.get().into_iter().partition(is_file);
                view! {
                    {(!pictures.is_empty()).then(|| view! { <Pictures attachments=pictures message=message renewed=renewed /> })}
                    {files.into_iter().map(|file| view! { <FileCard attachment=file /> }).collect_view()}
                }
            }}
            {move || {
                let text = text.get();
                (!text.is_empty()).then(|| view! { <p class="bubble">{text}{is_linked.get().then(|| view! { <LinkChip /> })}</p> })
            }}
            {move || {
                link.get().map(|link| {
                    view! { <LinkLine message=message link=link local=local again_id=again_id revoking=revoking /> }
                })
            }}
            {move || {
                (place.read().ends_run || needs_words()).then(|| view! { <Foot key=key.clone() message=message local=local at=at /> })
            }}
        </article>
    }
}

/// Where the patient gets the link. Its address is for the patient alone.
#[component]
fn LinkChip() -> impl IntoView {
    view! {
        " "
        <span class="link-chip">
            <Icon glyph=Glyph::Link />
            "private link"
        </span>
    }
}

/// Time, and for ours how far it has come.
#[component]
fn Foot(
    key: String,
    message: RwSignal<MessageView>,
    local: RwSignal<Option<Local>>,
    at: Millis,
) -> impl IntoView {
    let outbound = message.read_untracked().direction == Direction::Outbound;
    view! {
        <div class="bubble-foot">
            <Time at=at style=TimeStyle::Clock />
            {move || message.read().found_later.then(|| view! { <span class="found-later" title=FOUND_LATER>"Found later"</span> })}
            {outbound
                .then(|| {
                    let key = key.clone();
                    move || match local.get() {
                        None => view! { <Delivery message=message.get() /> }.into_any(),
                        Some(local) => view! { <Unsent key=key.clone() message=message local=local /> }.into_any(),
                    }
                })}
        </div>
    }
}

#[component]
fn Delivery(message: MessageView) -> impl IntoView {
    let thread = Thread::of_page();
    let notices = Notices::of_page();
    let id = message.id;
    let busy = RwSignal::new(false);
    let act = move |act: Act| {
        busy.set(true);
        spawn_local(async move {
            let answer = match act {
                Act::Arrived => messages::resolve(id, true).await,
                Act::Retry => messages::retry(id).await,
                // Only what failed for certain is tried again, so that has to be said first. Of two presses the second
                // finds nothing uncertain any more and ends there: one new attempt is made.
                Act::SendAgain => match messages::resolve(id, false).await {
                    Ok(_) => messages::retry(id).await,
                    refused => refused,
                },
            };
            busy.try_set(false);
            match answer {
                Ok(message) => thread.put(message),
                Err(failure) => notices.failed(&failure),
            }
        });
    };
    let button = move |words: &'static str, does: Act| {
        view! { <Button kind=ButtonKind::Quiet disabled=busy on_press=move |_| act(does)>{words}</Button> }
    };
    let (glyph, words, tone) = state_words(message.state);
    let price = message.price.map(|price| {
        if message.price_estimated { format!("About {}", price.exact()) } else { price.exact() }
    });
    let carrier = message.carrier.filter(|_| !message.mock);
    let through = carrier.map(|carrier| format!("Through {}", carrier.label()));
    let told = through.into_iter().chain(price).collect::<Vec<_>>().join(" · ");
    let told = (!told.is_empty()).then_some(told);
    // Where there is one carrier only, nobody needs to read of it again and again.
    let several = move || thread.view.read().can_send.line.as_ref().is_some_and(|line| line.routes.len() > 1);
    let reason = message.failure.clone().map(|reason| format!(": {reason}")).unwrap_or_default();
    view! {
        <span class=format!("state {tone}") title=told>
            <Icon glyph=glyph />
            <span>{words}{message.state.may_retry().then_some(reason)}</span>
        </span>
        {message.mock.then_some(" · simulated")}
        {carrier.map(|carrier| move || several().then(|| view! { <span class="bubble-carrier">{carrier.label()}</span> }))}
        {message.state.may_retry().then(|| button("Retry", Act::Retry))}
        {(message.state == DeliveryState::Uncertain)
            .then(|| (button("It arrived", Act::Arrived), button("Send again", Act::SendAgain)))}
        {message.detour.map(|detour| view! { <p class="bubble-detour">{detour}</p> })}
    }
}

/// What staff do about a message that failed, or that we are not sure about.
#[derive(Clone, Copy)]
enum Act {
    Retry,
    Arrived,
    SendAgain,
}

/// A delivery state in words, with its icon and its colour.
pub(crate) fn state_words(state: DeliveryState) -> (Glyph, &'static str, &'static str) {
    match state {
        DeliveryState::Queued => (Glyph::Clock, "Queued", ""),
        DeliveryState::Sending => (Glyph::Send, "Sending", ""),
        DeliveryState::Accepted => (Glyph::Send, "Sending", ""),
        DeliveryState::Sent => (Glyph::Check, "Sent", ""),
        DeliveryState::Delivered => (Glyph::Checks, "Delivered", ""),
        DeliveryState::Read => (Glyph::Eye, "Read", ""),
        DeliveryState::Failed | DeliveryState::Undelivered => (Glyph::Error, "Failed", "is-bad"),
        DeliveryState::Uncertain => (Glyph::Question, "Not sure it arrived", "is-warn"),
    }
}

#[component]
fn Unsent(key: String, message: RwSignal<MessageView>, local: Local) -> impl IntoView {
    let thread = Thread::of_page();
    let key = StoredValue::new(key);
    let item = move || {
        thread.items.read_untracked().iter().find(|item| key.with_value(|key| *key == item.key)).cloned()
    };
    let again = move |_| {
        if let Some(item) = item() {
            thread.deliver(item);
        }
    };
    let by = beside_whatsapp(&message.read_untracked());
    let instead = move |channel: Channel| {
        if let Some(item) = item() {
            item.message.update(|message| message.channel = channel);
            thread.deliver(item);
        }
    };
    match local {
        Local::Sending => view! { <span class="state"><Icon glyph=Glyph::Clock /><span>"Queued"</span></span> }.into_any(),
        Local::Waiting => {
            view! { <span class="state is-warn"><Icon glyph=Glyph::Offline /><span>"Waiting for connection"</span></span> }.into_any()
        }
        Local::Held => {
            view! { <span class="state is-warn"><Icon glyph=Glyph::Clock /><span>"Queued: too many at once"</span></span> }.into_any()
        }
        Local::Refused(reason) => view! {
            <span class="state is-bad"><Icon glyph=Glyph::Error /><span>{format!("Not sent: {reason}")}</span></span>
            <Button kind=ButtonKind::Quiet on_press=again>"Retry"</Button>
            {by.map(|by| view! { <Button kind=ButtonKind::Quiet on_press=move |_| instead(by)>{format!("Send as {}", by.label())}</Button> })}
            <Button kind=ButtonKind::Quiet on_press=move |_| key.with_value(|key| thread.forget(key))>"Remove"</Button>
        }
        .into_any(),
    }
}

/// How else a message can go that WhatsApp did not take: the 24 hours may have ended while there was no connection.
fn beside_whatsapp(message: &MessageView) -> Option<Channel> {
    let travels = !message.attachments.is_empty() && message.link.is_none();
    let other = if travels { Channel::Mms } else { Channel::Sms };
    (message.channel == Channel::Whatsapp && message.template.is_none()).then_some(other)
}

#[component]
fn Pictures(
    attachments: Vec<AttachmentView>,
    message: RwSignal<MessageView>,
    /// When their links were read anew; it outlives what is drawn anew with them.
    renewed: StoredValue<Millis>,
) -> impl IntoView {
    let viewer = Viewer::of_page();
    let thread = Thread::of_page();
    let renew = Callback::new(move |()| {
        let (id, now) = (message.read_untracked().id, browser::now());
        if now < renewed.get_value() + RENEW_AFTER_MS {
            return;
        }
        renewed.set_value(now);
        spawn_local(async move {
            if let Ok(message) = messages::get(id).await {
                thread.put(message);
            }
        });
    });
    let more = attachments.len().saturating_sub(SHOWN);
    let several = attachments.len() > 1;
    let ids: Vec<AttachmentId> = attachments.iter().map(|attachment| attachment.id).collect();
    view! {
        <div class="bubble-pictures" class:is-grid=several>
            {attachments
                .into_iter()
                .take(SHOWN)
                .enumerate()
                .map(|(at, attachment)| {
                    let (id, left_out) = (attachment.id, if at + 1 == SHOWN { more } else { 0 });
                    match (attachment.state, attachment.tile_url.clone()) {
                        (AttachmentState::Ready | AttachmentState::Processing, Some(tile)) => view! {
                            <Thumbnail
                                src=tile
                                alt=format!("Picture {}: {}", at + 1, attachment.file_name)
                                more=left_out
                                on_press=move |_| viewer.show(message.read_untracked().id, id)
                                on_broken=renew
                            />
                        }
                        .into_any(),
                        _ => view! { <NoPicture attachment=attachment id=id /> }.into_any(),
                    }
                })
                .zip(ids)
                .map(|(picture, id)| view! { <div class="bubble-picture">{picture}<FateMark message=message id=id /></div> })
                .collect_view()}
        </div>
        <FateWords message=message />
    }
}

/// A tile of the same size that says why there is no picture.
#[component]
fn NoPicture(attachment: AttachmentView, id: AttachmentId) -> impl IntoView {
    let thread = Thread::of_page();
    let notices = Notices::of_page();
    let (glyph, words) = match attachment.state {
        AttachmentState::Arriving => (Glyph::Photo, "Photo arriving"),
        AttachmentState::Processing => (Glyph::Photo, "Processing…"),
        AttachmentState::Ready => (Glyph::Paperclip, "Not a picture"),
        AttachmentState::Unfetchable => (Glyph::Warning, "Could not be fetched"),
        AttachmentState::Unreadable => (Glyph::Camera, "Cannot be shown"),
    };
    let explained = attachment.failure.is_some();
    let may_retry = matches!(attachment.state, AttachmentState::Unfetchable | AttachmentState::Unreadable);
    let retry = move |_| {
        spawn_local(async move {
            match messages::retry_attachment(id).await {
                Ok(attachment) => {
                    // One may have gone to another conversation meanwhile.
                    for item in thread.items.try_get_untracked().unwrap_or_default() {
                        if item
                            .message
                            .read_untracked()
                            .attachments
                            .iter()
                            .any(|known| known.id == attachment.id)
                        {
                            item.message.update(|message| {
                                for known in &mut message.attachments {
                                    if known.id == attachment.id {
                                        known.clone_from(&attachment);
                                    }
                                }
                            });
                        }
                    }
                }
                Err(failure) => notices.failed(&failure),
            }
        });
    };
    view! {
        <div class="no-picture" class:is-explained=explained>
            <Icon glyph=glyph />
            <span>{words}</span>
            {attachment.failure.map(|reason| view! { <span class="no-picture-why">{reason}</span> })}
            {may_retry.then(|| view! { <Button kind=ButtonKind::Quiet on_press=retry>"Retry"</Button> })}
            {attachment
                .original_url
                .filter(|_| matches!(attachment.state, AttachmentState::Unreadable | AttachmentState::Ready))
                .map(|url| view! { <a href=url rel="external">"Download"</a> })}
        </div>
    }
}
