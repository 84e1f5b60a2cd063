//! The private link of a message: whether the patient opened it, and what can be done about it.

use crate::api::links;
use crate::api::session::Session;
use crate::browser;
use crate::parts::thread::item::Local;
use crate::parts::thread::state::Thread;
use crate::ui::{Button, ButtonKind, Dialog, Glyph, Icon, Menu, MenuItem, Notices, TimeStyle, Times};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::Millis;
use model::link::{LinkState, LinkView};
use model::message::{Channel, MessageView};
use model::staff::Permission;

/// What staff do about a link.
#[derive(Clone, Copy)]
enum Act {
    Extend,
    /// The way that the message went, or another one.
    Resend(Option<Channel>),
    Revoke,
}

/// Below the text of a message that carries a link.
#[component]
pub fn LinkLine(
    /// The message.
    message: RwSignal<MessageView>,
    /// Its link.
    link: LinkView,
    /// Nothing can be done about the link of a message that the server does not have.
    local: RwSignal<Option<Local>>,
    /// Under which id it is sent again, until the server has said that it was: after an answer that got lost, another
    /// press is the same message. It outlives what is drawn anew with the link.
    again_id: StoredValue<Option<String>>,
    /// Whether to revoke it is being asked. It outlives what is drawn anew with the link, which the patient may open
    /// meanwhile.
    revoking: RwSignal<bool>,
) -> impl IntoView {
    let thread = Thread::of_page();
    let notices = Notices::of_page();
    let times = Times::of_page();
    let may_act = expect_context::<Session>().me.role.may(Permission::SendMessages);
    let id = message.read_untracked().id;
    let by_whatsapp = message.read_untracked().channel == Channel::Whatsapp;
    let again = link.message_id != id;
    let shown = link.clone();
    let state = Memo::new(move |_| link.state_at(times.now()));
    let act = Callback::new(move |act: Act| {
        spawn_local(async move {
            let answer = match act {
                Act::Extend => links::extend(id).await,
                Act::Resend(channel) => {
                    let client_id = again_id.get_value().unwrap_or_else(browser::random_id);
                    again_id.set_value(Some(client_id.clone()));
                    let answer = links::resend(id, client_id, channel).await;
                    if answer.is_ok() {
                        again_id.try_set_value(None);
                    }
                    answer
                }
                Act::Revoke => links::revoke(id).await,
            };
            match answer {
                Ok(message) => thread.put(message),
                Err(failure) => notices.failed(&failure),
            }
        });
    });
    let is_over = move || matches!(state.get(), LinkState::Revoked | LinkState::UsedUp);
    let has_menu = move || may_act && local.read().is_none() && !is_over();
    view! {
        <div class="link-line">
            <Icon glyph=Glyph::Link />
            <p>{move || words(&shown, state.get(), again, |at, style| times.words(at, style))}</p>
            <Show when=has_menu>
                <Menu label="Private link">
                    <MenuItem glyph=Glyph::Clock on_press=move |()| act.run(Act::Extend)>
                        {move || if state.get() == LinkState::Locked { "Unlock for 24 hours" } else { "Extend by 24 hours" }}
                    </MenuItem>
                    {move || (state.get() == LinkState::Open).then(|| view! {
                        <MenuItem glyph=Glyph::Send on_press=move |()| act.run(Act::Resend(None))>"Send again"</MenuItem>
                    })}
                    {move || (by_whatsapp && state.get() == LinkState::Open).then(|| view! {
                        <MenuItem glyph=Glyph::Send on_press=move |()| act.run(Act::Resend(Some(Channel::Sms)))>"Send again by SMS"</MenuItem>
                    })}
                    <MenuItem glyph=Glyph::Ban on_press=move |()| revoking.set(true)>"Revoke"</MenuItem>
                </Menu>
            </Show>
        </div>
        {may_act.then(|| view! {
            <Dialog open=revoking title="Revoke this link?">
                <p>
                    "The patient can no longer open it: whoever follows the link reads that it was withdrawn. A page that is open already may show it for about an hour more, and what they have saved stays with them. This cannot be undone; what it showed can be sent anew."
                </p>
                <div class="actions">
                    <Button
                        kind=ButtonKind::Danger
                        glyph=Glyph::Ban
                        on_press=move |_| {
                            revoking.set(false);
                            act.run(Act::Revoke);
                        }
                    >
                        "Revoke link"
                    </Button>
                    <Button on_press=move |_| revoking.set(false)>"Keep it"</Button>
                </div>
            </Dialog>
        })}
    }
}

/// `Private link · opened 2 times, last 14:05 · until tomorrow 14:00`.
fn words(
    link: &LinkView,
    state: LinkState,
    again: bool,
    say: impl Fn(Millis, TimeStyle) -> String,
) -> String {
    let what = if again { "Private link, sent again" } else { "Private link" };
    let opened = match (link.openings, link.last_opened_at) {
        (0, _) | (_, None) => match state {
            LinkState::Open => "not opened yet".to_owned(),
            _ => "never opened".to_owned(),
        },
        (1, Some(last)) => format!("opened {}", say(last, TimeStyle::Short)),
        (times, Some(last)) => format!("opened {times} times, last {}", say(last, TimeStyle::Short)),
    };
    let now = match state {
        LinkState::Open => format!("until {}", say(link.expires_at, TimeStyle::Ahead)),
        LinkState::Expired => "expired".to_owned(),
        LinkState::Revoked => "revoked".to_owned(),
        LinkState::UsedUp => "closed after one opening".to_owned(),
        LinkState::Locked => "locked after five wrong dates of birth".to_owned(),
    };
    format!("{what} · {opened} · {now}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::MessageId;
    use model::link::LinkOptions;

    #[test]
    fn says_what_became_of_it() {
        let say = |at: Millis, _| format!("at {at}");
        let link = LinkView::planned(MessageId(Default::default()), LinkOptions::default(), 0);
        let until = link.expires_at;
        assert_eq!(
            words(&link, LinkState::Open, false, say),
            format!("Private link · not opened yet · until at {until}")
        );
        assert_eq!(
            words(&link, LinkState::Expired, true, say),
            "Private link, sent again · never opened · expired"
        );
        let opened = LinkView { openings: 2, last_opened_at: Some(5), ..link };
        assert_eq!(
            words(&opened, LinkState::Revoked, false, say),
            "Private link · opened 2 times, last at 5 · revoked"
        );
        let once = LinkView { openings: 1, ..opened };
        assert_eq!(
            words(&once, LinkState::UsedUp, false, say),
            "Private link · opened at 5 · closed after one opening"
        );
    }
}
