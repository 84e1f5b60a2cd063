//! In the place of the text, where WhatsApp takes an approved template alone: choosing one, filling it in, and seeing
//! exactly what the patient gets.

use crate::api::session::Session;
use crate::api::{Answer, whatsapp as api};
use crate::browser;
use crate::parts::composer::as_queued;
use crate::parts::composer::drafts::Draft;
use crate::parts::composer::whatsapp_window::Whatsapp;
use crate::parts::live::{Live, News};
use crate::parts::shortcuts::{Shortcut, on_shortcut};
use crate::parts::thread::state::Thread;
use crate::ui::{Banner, Button, ButtonKind, Glyph, Icon, SelectField, Tone};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::live::Change;
use model::message::{Channel, MessageView};
use model::routing::{Load, plan};
use model::whatsapp::{
    FillError, TemplateChoice, TemplateState, TemplateView, blank_label, fill, name_in_words, placeholders,
    preview,
};
use std::collections::BTreeMap;

/// The chooser's id on the page.
const CHOOSER: &str = "template";

type Variables = RwSignal<BTreeMap<String, String>>;

/// Below the thread.
#[component]
pub fn TemplateComposer(
    /// How it goes.
    whatsapp: Whatsapp,
    /// What is written for another way, or for later.
    draft: StoredValue<Draft>,
    /// The other conversation is not open yet.
    moving: RwSignal<bool>,
) -> impl IntoView {
    let thread = Thread::of_page();
    let author = expect_context::<Session>().me.name;
    let found = RwSignal::new(None::<Answer<Vec<TemplateView>>>);
    let chosen = RwSignal::new(String::new());
    let variables = Variables::default();
    let line = Memo::new(move |_| thread.view.read().can_send.line.as_ref().map(|line| line.id));
    let ask = move || {
        let Some(asked) = line.get_untracked() else { return };
        spawn_local(async move {
            let answer = api::templates(asked).await;
            // By now it may be another line's turn. What is known already is not drawn anew while somebody chooses.
            if line.try_get_untracked() == Some(Some(asked))
                && found.with_untracked(|known| known.as_ref() != Some(&answer))
            {
                found.set(Some(answer));
            }
        });
    };
    let begin = move || {
        found.set(None);
        ask();
    };
    Effect::new(move |_| {
        line.track();
        begin();
    });
    // Another colleague may have had the templates read anew.
    let live = Live::of_page();
    Effect::new(move |_| {
        live.listen(move |news| {
            if matches!(news, News::Reload | News::Change(Change::SettingsChanged)) {
                ask();
            }
        });
    });
    on_shortcut(|shortcut| {
        if shortcut == Shortcut::Reply {
            browser::focus(&format!("#{CHOOSER}"));
        }
    });
    let template = Memo::new(move |_| {
        let (found, chosen) = (found.read(), chosen.read());
        let all = found.as_ref()?.as_ref().ok()?;
        all.iter().find(|template| is_approved(template) && template.id.to_string() == *chosen).cloned()
    });
    // Another template has other blanks.
    Effect::new(move |_| {
        chosen.track();
        variables.set(BTreeMap::new());
    });
    let text = Memo::new(move |_| {
        template
            .read()
            .as_ref()
            .map(|template| fill(&template.body, &variables.read()).map_err(|missing| words_for(&missing)))
    });
    let can_be_sent = move || matches!(*text.read(), Some(Ok(_))) && !moving.get();
    let words = move || match text.get()? {
        Ok(text) => sentence(thread, &text),
        Err(missing) => Some(missing),
    };
    let send = move || {
        if !untrack(can_be_sent) {
            return;
        }
        let (Some(template), Some(Ok(text))) = (template.get_untracked(), text.get_untracked()) else {
            return;
        };
        let choice = TemplateChoice { id: template.id, variables: variables.get_untracked() };
        let message = as_queued(&thread, &author, &text, &[], None);
        let message = MessageView { channel: Channel::Whatsapp, template: Some(choice), ..message };
        thread.send(message, Vec::new());
        chosen.set(String::new());
        whatsapp.forget();
        focus_text_soon();
    };
    let is_kept = move || {
        draft.with_value(|draft| !draft.text.read().trim().is_empty() || !draft.chosen.read().is_empty())
    };
    view! {
        <form
            class="composer-form"
            aria-label="Send a template"
            on:submit=move |event| {
                event.prevent_default();
                send();
            }
        >
            <p class="template-why tone-warn" role="status">
                <Icon glyph=Glyph::Warning />
                <span>
                    {move || whatsapp.why_closed()} " Or send as SMS."
                    {move || is_kept().then_some(" What you wrote is kept.")}
                </span>
            </p>
            {move || match found.get() {
                None => view! { <p class="muted" role="status">"Reading the templates…"</p> }.into_any(),
                Some(Err(failure)) => {
                    view! {
                        <Banner tone=Tone::Bad>{failure.error.message}</Banner>
                        <Button glyph=Glyph::Refresh on_press=move |_| begin()>"Try again"</Button>
                    }
                        .into_any()
                }
                Some(Ok(all)) => view! { <Chooser all=all chosen=chosen /> }.into_any(),
            }}
            {move || template.get().map(|template| view! { <Blanks template=template variables=variables /> })}
            <div class="composer-foot">
                <Button glyph=Glyph::Message on_press=move |_| {
                    whatsapp.choose(false);
                    focus_text_soon();
                }>"Send as SMS instead"</Button>
                <span class="route-words" role="status">{words}</span>
                <Button
                    kind=ButtonKind::Whatsapp
                    glyph=Glyph::Whatsapp
                    submit=true
                    disabled=Signal::derive(move || !can_be_sent())
                >
                    "Send WhatsApp"
                </Button>
            </div>
        </form>
    }
}

/// Where one writes in place of a template, if that is next: the box comes with the next frame.
fn focus_text_soon() {
    request_animation_frame(|| {
        browser::focus("#composer-text");
    });
}

fn is_approved(template: &TemplateView) -> bool {
    template.state == TemplateState::Approved
}

/// What keeps it from being sent; staff know the blanks by what stands above them.
fn words_for(missing: &FillError) -> String {
    match missing {
        FillError::Missing(name) => format!("Fill in {}.", blank_label(name)),
        FillError::NotOneLine(name) => {
            format!("{} must be one line, without tabs or long gaps.", blank_label(name))
        }
    }
}

/// What sending it takes.
fn sentence(thread: Thread, text: &str) -> Option<String> {
    let view = thread.view.read();
    let line = view.can_send.line.as_ref()?;
    let plans = plan(&line.routes, &Load::of(text, Vec::new()).by_whatsapp());
    plans.usable.into_iter().next().map(|plan| plan.sentence)
}

/// Those that may be sent, or what to do where there are none.
#[component]
fn Chooser(all: Vec<TemplateView>, chosen: RwSignal<String>) -> impl IntoView {
    let options: Vec<(String, String)> = all
        .into_iter()
        .filter(is_approved)
        .map(|template| {
            (template.id.to_string(), format!("{} ({})", name_in_words(&template.name), template.language))
        })
        .collect();
    if options.is_empty() {
        return view! {
            <p>
                "WhatsApp has approved no template for this line yet. Templates are written in the carrier's console; once one is approved, an admin refreshes them in Settings, Lines. "
                <a href="/guides/twilio" target="_blank" rel="external">"How to get a template approved"</a>
            </p>
        }
        .into_any();
    }
    view! { <SelectField label="Template" name=CHOOSER value=chosen options=options placeholder="Choose a template" /> }
        .into_any()
}

/// What is filled in, and what comes of it.
#[component]
fn Blanks(template: TemplateView, variables: Variables) -> impl IntoView {
    let TemplateView { body, examples, .. } = template;
    let names = placeholders(&body);
    view! {
        <div class="template-blanks">
            {names
                .into_iter()
                .map(|name| {
                    let id = format!("{CHOOSER}-{name}");
                    let below = format!("{id}-below");
                    let example = examples.get(&name).map(|example| format!("For example {example}"));
                    let described_by = example.is_some().then(|| below.clone());
                    let label = blank_label(&name);
                    let known = name.clone();
                    view! {
                        <div class="field">
                            <label for=id.clone()>{label}</label>
                            <input
                                id=id
                                type="text"
                                autocomplete="off"
                                aria-describedby=described_by
                                prop:value=move || variables.read().get(&known).cloned().unwrap_or_default()
                                on:input:target=move |event| {
                                    let value = event.target().value();
                                    variables.update(|all| {
                                        all.insert(name.clone(), value);
                                    });
                                }
                            />
                            {example.map(|example| view! { <p id=below class="field-below">{example}</p> })}
                        </div>
                    }
                })
                .collect_view()}
        </div>
        <figure class="template-preview">
            <figcaption>"What the patient gets"</figcaption>
            <p>{move || preview(&body, &variables.read())}</p>
        </figure>
    }
}
