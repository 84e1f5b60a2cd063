//! What the browser offers, in the few forms that the interface needs. Only event handlers and effects call
//! these, and both run in the browser alone.

use leptos::prelude::{document, window};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement};

/// Milliseconds since the Unix epoch, by the browser's clock.
pub(crate) fn now() -> model::Millis {
    js_sys::Date::now() as model::Millis
}

/// Minutes that local time is ahead of UTC at an instant.
pub(crate) fn offset_minutes(at: model::Millis) -> i64 {
    -(js_sys::Date::new(&JsValue::from_f64(at as f64)).get_timezone_offset() as i64)
}

/// The name of the browser's time zone: `Australia/Sydney`. One that hides it has none.
pub(crate) fn zone_name() -> Option<String> {
    let options = js_sys::Intl::DateTimeFormat::default().resolved_options();
    js_sys::Reflect::get(&options, &"timeZone".into()).ok()?.as_string()
}

/// A random UUID. Outside a secure context (plain http in the local network) browsers make none, so it is made
/// from random numbers there.
pub(crate) fn random_id() -> String {
    let crypto = js_sys::Reflect::get(&window(), &"crypto".into()).unwrap_or(JsValue::UNDEFINED);
    let made = js_sys::Reflect::get(&crypto, &"randomUUID".into())
        .ok()
        .and_then(|make| make.dyn_into::<js_sys::Function>().ok())
        .and_then(|make| make.call0(&crypto).ok())
        .and_then(|id| id.as_string());
    made.unwrap_or_else(|| {
        let block = || format!("{:08x}", (js_sys::Math::random() * 4_294_967_296.0) as u32);
        let (a, b, c, d) = (block(), block(), block(), block());
        format!("{a}-{}-4{}-a{}-{}{d}", &b[..4], &b[5..], &c[..3], &c[4..])
    })
}

/// Keeps a text beyond the page, by name; an empty one is forgotten. Answers whether the browser did: it may be told to
/// keep nothing, or be full.
pub(crate) fn keep(name: &str, text: &str) -> bool {
    let Ok(Some(storage)) = window().local_storage() else { return false };
    if text.is_empty() { storage.remove_item(name) } else { storage.set_item(name, text) }.is_ok()
}

/// What was kept under a name.
pub(crate) fn kept(name: &str) -> Option<String> {
    window().local_storage().ok().flatten()?.get_item(name).ok().flatten()
}

/// Everything that was kept under names that begin with `prefix`.
pub(crate) fn kept_below(prefix: &str) -> Vec<String> {
    names_below(prefix).iter().filter_map(|name| kept(name)).collect()
}

/// Forgets everything that was kept under names that begin with `prefix`.
pub(crate) fn forget_below(prefix: &str) {
    for name in names_below(prefix) {
        keep(&name, "");
    }
}

/// The names that begin with `prefix` under which anything was kept.
pub(crate) fn names_below(prefix: &str) -> Vec<String> {
    let Ok(Some(storage)) = window().local_storage() else { return Vec::new() };
    let names = (0..storage.length().unwrap_or(0)).filter_map(|at| storage.key(at).ok().flatten());
    names.filter(|name| name.starts_with(prefix)).collect()
}

/// Path and query of the page that is open.
pub(crate) fn here() -> String {
    let location = window().location();
    // Neither fails for a page that is on the screen.
    location.pathname().unwrap_or_default() + &location.search().unwrap_or_default()
}

/// Sets a cookie that holds for a year, for what the server should know before it renders.
pub(crate) fn set_cookie(name: &str, value: &str) {
    let cookie = format!("{name}={value}; Path=/; SameSite=Lax; Max-Age=31536000");
    let _ = js_sys::Reflect::set(&document(), &"cookie".into(), &cookie.into());
}

/// The first element that a CSS selector finds.
pub(crate) fn find(selector: &str) -> Option<HtmlElement> {
    document().query_selector(selector).ok().flatten()?.dyn_into().ok()
}

/// Moves the focus to the first element that a CSS selector finds.
pub(crate) fn focus(selector: &str) -> bool {
    find(selector).is_some_and(|element| element.focus().is_ok())
}

/// Every element below `root` that a CSS selector finds.
pub(crate) fn find_all(root: &Element, selector: &str) -> Vec<HtmlElement> {
    let Ok(list) = root.query_selector_all(selector) else { return Vec::new() };
    (0..list.length()).filter_map(|at| list.item(at)?.dyn_into().ok()).collect()
}

/// The element that has the focus.
pub(crate) fn focused() -> Option<HtmlElement> {
    document().active_element()?.dyn_into().ok()
}

/// The focus is where letters are typed.
pub(crate) fn is_typing() -> bool {
    focused().is_some_and(|element| {
        matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")
            || element.is_content_editable()
    })
}

/// A modal dialog is open, so the page's own keys are silent.
pub(crate) fn in_dialog() -> bool {
    document().query_selector("dialog[open]").ok().flatten().is_some()
}

/// Goes to another page of ours with a full load, so that nothing of the present one stays in memory.
pub(crate) fn load(path: &str) {
    // The browser refuses only what is no address at all.
    let _ = window().location().set_href(path);
}

/// What stands in the input with this id, also when the browser filled it in by itself.
pub(crate) fn field_value(id: &str) -> Option<String> {
    let element = document().get_element_by_id(id)?;
    element.dyn_into::<web_sys::HtmlInputElement>().ok().map(|input| input.value())
}

/// The window is visible and has the focus.
pub(crate) fn is_looked_at() -> bool {
    document().has_focus().unwrap_or(false)
}
