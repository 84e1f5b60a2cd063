//! Whether what is chosen travels, or stays here behind a private link.

use crate::parts::composer::chosen::Chosen;
use crate::parts::patients::panel::People;
use crate::parts::thread::state::Thread;
use crate::ui::{Button, Glyph, Icon};
use leptos::prelude::*;
use model::link::{LinkOptions, TOKEN_CHARS, USUAL_HOURS, invitation, with_link};
use model::media::MediaKind;
use picture::LinkedKind;

/// How long a link may hold, in hours, and the words for it.
const TERMS: [(u32, &str); 3] = [(USUAL_HOURS, "24 hours"), (3 * 24, "3 days"), (7 * 24, "7 days")];

/// The switch, and once it is on how the link is to be; where the line cannot send pictures, the way out.
#[component]
pub fn LinkChoice(
    /// As it is chosen.
    link: RwSignal<Option<LinkOptions>>,
    /// What goes with the message.
    chosen: RwSignal<Vec<Chosen>>,
) -> impl IntoView {
    let thread = Thread::of_page();
    let people = People::of_page();
    let is_on = Memo::new(move |_| link.read().is_some());
    let reason = Memo::new(move |_| why_linked(&chosen.read()));
    let renamed = Memo::new(move |_| named_anew(&chosen.read()));
    let is_offered = Memo::new(move |_| !is_on.get() && !thread.view.read().can_send.pictures);
    let choose = move |on: bool| link.set(on.then(LinkOptions::default));
    let knows_birth_date = Memo::new(move |_| people.all.read().iter().any(|patient| patient.born.is_some()));
    let asks = move || link.read().is_some_and(|link| link.ask_birth_date);
    view! {
        <div class="link-choice" role="group" aria-label="How the pictures go">
            <Show
                when=move || !is_offered.get()
                fallback=move || view! {
                    <p>"The pictures can stay here, and the patient views them behind a private link."</p>
                    <Button glyph=Glyph::Link on_press=move |_| choose(true)>"Use a private link"</Button>
                }
            >
                <Check label="Send as private link" glyph=Glyph::Link on=is_on on_change=choose />
            </Show>
            <Show when=move || is_on.get()>
                {move || reason.get().map(|reason| view! { <p class="link-reason">{reason}</p> })}
                {move || renamed.get().map(|words| view! { <p class="link-reason">{words}</p> })}
                <label>
                    <span>"Valid for"</span>
                    <select class="input" on:change:target=move |event| {
                        if let Ok(hours) = event.target().value().parse() {
                            set(link, |link| link.hours = hours);
                        }
                    }>
                        {TERMS
                            .into_iter()
                            .map(|(hours, words)| {
                                let selected = move || link.read().is_some_and(|link| link.hours == hours);
                                view! { <option value=hours.to_string() selected=selected>{words}</option> }
                            })
                            .collect_view()}
                    </select>
                </label>
                <Check
                    label="Opens once"
                    on=Signal::derive(move || link.read().is_some_and(|link| link.one_opening))
                    on_change=move |on| set(link, |link| link.one_opening = on)
                />
                <Show when=move || knows_birth_date.get() || asks()>
                    <Check
                        label="Ask for the date of birth"
                        on=Signal::derive(asks)
                        on_change=move |on| set(link, |link| link.ask_birth_date = on)
                    />
                </Show>
            </Show>
        </div>
    }
}

fn set(link: RwSignal<Option<LinkOptions>>, change: impl FnOnce(&mut LinkOptions)) {
    link.update(|link| {
        if let Some(link) = link {
            change(link);
        }
    });
}

/// Something that is or is not so.
#[component]
fn Check(
    /// What.
    label: &'static str,
    /// In front of the words.
    #[prop(optional)]
    glyph: Option<Glyph>,
    /// It is.
    #[prop(into)]
    on: Signal<bool>,
    /// It is to be otherwise.
    #[prop(into)]
    on_change: Callback<bool>,
) -> impl IntoView {
    view! {
        <label class="check">
            <input type="checkbox" prop:checked=on on:change:target=move |event| on_change.run(event.target().checked()) />
            {glyph.map(|glyph| view! { <Icon glyph=glyph /> })}
            <span>{label}</span>
        </label>
    }
}

/// Why the switch is on, where what is chosen leaves no choice.
fn why_linked(chosen: &[Chosen]) -> Option<String> {
    let kind = chosen.iter().find_map(Chosen::linked)?;
    let all = if chosen.len() == 1 { "It" } else { "Everything" };
    Some(format!("{} cannot go by MMS here. {all} will be sent as a private link.", kind.noun()))
}

/// What a document is called on its way, since its own name may name a person.
fn named_anew(chosen: &[Chosen]) -> Option<&'static str> {
    let has_document = chosen.iter().any(|chosen| chosen.linked() == Some(LinkedKind::Pdf));
    has_document.then_some(match chosen {
        [_] => "The patient sees it as document.pdf, so that its name says nothing on the way.",
        _ => "The patient sees a PDF as document.pdf, so that its name says nothing on the way.",
    })
}

/// Why it cannot be switched off, in words that stand beside the button.
pub(crate) fn why_not_without(chosen: &[Chosen]) -> Option<String> {
    let kind = chosen.iter().find_map(Chosen::linked)?;
    Some(format!("{} only goes as a private link. Switch it on, or remove the file.", kind.noun()))
}

/// The text as it will leave with its link, for counting: only the secret at the end is another one.
pub(crate) fn as_it_leaves(text: &str, base: &str, organisation: &str, files: &[MediaKind]) -> String {
    let secret = "0".repeat(TOKEN_CHARS);
    let text = text.trim();
    let link = format!("{base}{secret}");
    if text.is_empty() { with_link(&invitation(organisation, files), &link) } else { with_link(text, &link) }
}
