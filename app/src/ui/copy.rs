//! Something to take elsewhere.

use super::{Button, Glyph, Notices, Tone};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlInputElement;

/// A text that cannot be changed, and a button that puts it on the clipboard.
#[component]
pub fn CopyField(
    /// What it is.
    #[prop(into)]
    label: String,
    /// Its id; unique on the page.
    #[prop(into)]
    id: String,
    /// The text.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    let notices = Notices::of_page();
    let told = label.clone();
    let copied = text.clone();
    let of_input = id.clone();
    let copy = move |_| {
        let (told, copied, id) = (told.clone(), copied.clone(), of_input.clone());
        spawn_local(async move {
            if to_clipboard(&copied).await {
                notices.tell(Tone::Good, format!("{told} copied."));
            } else {
                select(&id);
                notices.tell(
                    Tone::Warn,
                    "This browser does not let pages copy. It is marked: press Ctrl and C.",
                );
            }
        });
    };
    view! {
        <div class="field copy">
            <label for=id.clone()>{label}</label>
            <div class="copy-row">
                <input id=id readonly value=text on:focus:target=|event| event.target().select() />
                <Button glyph=Glyph::Copy on_press=copy>"Copy"</Button>
            </div>
        </div>
    }
}

/// Outside a secure context (plain http in the local network) browsers have no clipboard.
async fn to_clipboard(text: &str) -> bool {
    let clipboard = js_sys::Reflect::get(&window().navigator(), &"clipboard".into());
    let Ok(clipboard) = clipboard.map(JsCast::unchecked_into::<web_sys::Clipboard>) else { return false };
    !clipboard.is_undefined() && JsFuture::from(clipboard.write_text(text)).await.is_ok()
}

fn select(id: &str) {
    if let Some(input) =
        document().get_element_by_id(id).and_then(|input| input.dyn_into::<HtmlInputElement>().ok())
    {
        let _ = input.focus();
        input.select();
    }
}
