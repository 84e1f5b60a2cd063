//! The ways between the screens, at the left, on small screens at the bottom.

use crate::api::session::Session;
use crate::browser;
use crate::parts::alerts::Alerts;
use crate::parts::sign_out::SignOut;
use crate::ui::{Glyph, Icon, Menu, MenuItem, initials};
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use model::staff::Permission;

/// Places of the rail: address, name, icon, and what one must be allowed to do to find anything there.
const PLACES: [(&str, &str, Glyph, Option<Permission>); 5] = [
    ("/", "Inbox", Glyph::Inbox, None),
    ("/patients", "Patients", Glyph::Users, None),
    ("/images", "Images", Glyph::Photo, None),
    ("/reports", "Reports", Glyph::Report, Some(Permission::ReadReports)),
    (SETTINGS, "Settings", Glyph::Settings, None),
];

/// Where admins find what asks for somebody to look; marked while something does.
const SETTINGS: &str = "/settings";

/// The simulated phone, where a line ends in one.
const PHONE: (&str, &str, Glyph) = ("/phone", "Phone", Glyph::Phone);

/// The rail.
#[component]
pub fn Rail() -> impl IntoView {
    let session = expect_context::<Session>();
    let alerts = expect_context::<Alerts>();
    let sign_out = SignOut::of_page();
    let path = use_location().pathname;
    let here = move |place: &str| {
        let path = path.get();
        if place == "/" { path == "/" || path.starts_with("/c/") } else { path.starts_with(place) }
    };
    let role = session.me.role;
    let me = format!("{} · {}", session.me.name, session.me.organisation.name);
    view! {
        <nav class="rail" aria-label="Main">
            <ul>
                {PLACES
                    .into_iter()
                    .filter(|(_, _, _, permission)| permission.is_none_or(|permission| role.may(permission)))
                    .map(|(href, name, glyph, _)| (href, name, glyph))
                    .chain(session.has_phone.then_some(PHONE))
                    .map(|(href, name, glyph)| {
                        view! {
                            <li>
                                <a href=href title=name aria-current=move || here(href).then_some("page")>
                                    <Icon glyph=glyph />
                                    <span>{name}</span>
                                    {move || (href == SETTINGS && alerts.any()).then(|| view! { <i class="rail-mark" aria-hidden="true"></i> })}
                                </a>
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
            <div class="rail-me">
                <span class="avatar" title=me.clone() aria-hidden="true">{initials(&session.me.name)}</span>
                <Menu label=me glyph=Glyph::More>
                    <MenuItem glyph=Glyph::Keyboard on_press=|()| crate::parts::shortcuts::Shortcuts::of_page().help.set(true)>
                        "Keyboard"
                    </MenuItem>
                    <MenuItem glyph=Glyph::Eye on_press=|()| next_theme()>"Light or dark"</MenuItem>
                    <MenuItem glyph=Glyph::SignOut on_press=move |()| sign_out.begin()>"Sign out"</MenuItem>
                </Menu>
            </div>
        </nav>
    }
}

/// From what is seen now to the other one; the choice is kept in a cookie, so that the server renders it.
fn next_theme() {
    let Some(root) = document().document_element() else { return };
    let prefers_dark = window()
        .match_media("(prefers-color-scheme: dark)")
        .ok()
        .flatten()
        .is_some_and(|query| query.matches());
    let dark = root.get_attribute("data-theme").map_or(prefers_dark, |theme| theme == "dark");
    let next = if dark { "light" } else { "dark" };
    let _ = root.set_attribute("data-theme", next);
    browser::set_cookie("heliograph_theme", next);
}
