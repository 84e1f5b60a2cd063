//! Buttons. What one does stands on it.

use super::{Glyph, Icon};
use leptos::ev::MouseEvent;
use leptos::prelude::*;

/// How much a button matters, and of which channel it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ButtonKind {
    /// One of several things that can be done.
    #[default]
    Plain,
    /// The thing to do here.
    Primary,
    /// Without a border, among text.
    Quiet,
    /// It takes something away.
    Danger,
    /// Sends pictures.
    Mms,
    /// Sends by WhatsApp.
    Whatsapp,
    /// It is done, and cannot be done twice.
    Done,
}

impl ButtonKind {
    fn class(self) -> &'static str {
        match self {
            Self::Plain => "button",
            Self::Primary => "button button-primary",
            Self::Quiet => "button button-quiet",
            Self::Danger => "button button-danger",
            Self::Mms => "button button-mms",
            Self::Whatsapp => "button button-whatsapp",
            Self::Done => "button button-done",
        }
    }
}

/// A button with words on it.
#[component]
pub fn Button(
    /// Its weight.
    #[prop(optional, into)]
    kind: Signal<ButtonKind>,
    /// In front of the words.
    #[prop(optional, into)]
    glyph: MaybeProp<Glyph>,
    /// Cannot be pressed now; say beside it why.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// Sends the form around it.
    #[prop(optional)]
    submit: bool,
    /// What it does.
    #[prop(optional, into)]
    on_press: Option<Callback<MouseEvent>>,
    /// The words.
    children: Children,
) -> impl IntoView {
    view! {
        <button
            type=if submit { "submit" } else { "button" }
            class=move || kind.get().class()
            disabled=disabled
            on:click=move |event| {
                if let Some(on_press) = on_press {
                    on_press.run(event);
                }
            }
        >
            {move || glyph.get().map(|glyph| view! { <Icon glyph=glyph /> })}
            <span>{children()}</span>
        </button>
    }
}

/// A button with an icon alone; its words are read aloud and shown on hover.
#[component]
pub fn IconButton(
    /// The icon.
    glyph: Glyph,
    /// The words.
    #[prop(into)]
    label: Signal<String>,
    /// Cannot be pressed now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// For scripts and styles.
    #[prop(optional)]
    class: &'static str,
    /// What it does.
    #[prop(into)]
    on_press: Callback<MouseEvent>,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class=format!("icon-button {class}")
            aria-label=label
            title=label
            disabled=disabled
            on:click=move |event| on_press.run(event)
        >
            <Icon glyph=glyph />
        </button>
    }
}
