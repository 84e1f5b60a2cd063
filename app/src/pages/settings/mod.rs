//! Settings: one file per tab.

mod account_fields;
pub mod carrier_form;
pub mod carriers;
pub mod lines;
pub mod operation;
pub mod organisation;
pub mod profile;
pub mod staff;
pub mod tokens;

use super::not_found::NothingHere;
use crate::api::Answer;
use crate::api::session::Session;
use crate::parts::live::{Live, News};
use crate::parts::pager::Pager;
use crate::ui::{Banner, Empty, Glyph, Skeleton, SkeletonShape, Tone};
use leptos::prelude::*;
use leptos_router::components::{Outlet, Redirect};
use leptos_router::hooks::{use_location, use_params_map};
use lines::LinesPage;
use model::live::Change;
use model::staff::{Permission, Role};
use operation::OperationPage;
use organisation::OrganisationPage;
use profile::ProfilePage;
use staff::StaffPage;
use tokens::TokensPage;

/// Tabs: address, name, and what one must be allowed to do to see more than words there.
const TABS: [(&str, &str, Option<Permission>); 6] = [
    ("/settings/organisation", "Organisation", None),
    ("/settings/staff", "Staff", Some(Permission::ManageStaff)),
    ("/settings/lines", "Lines", Some(Permission::ManageLines)),
    ("/settings/tokens", "API tokens", Some(Permission::ManageTokens)),
    ("/settings/operation", "Operation", Some(Permission::ManageOperation)),
    ("/settings/profile", "Profile", None),
];

/// The tabs and the page of the one that is open.
#[component]
pub fn SettingsPage() -> impl IntoView {
    let role = expect_context::<Session>().me.role;
    let path = use_location().pathname;
    let tabs = TABS
        .into_iter()
        .filter(|(_, _, permission)| permission.is_none_or(|permission| role.may(permission)));
    let hidden = role < Role::Admin;
    view! {
        <div class="page">
            <div class="page-wide">
                <header class="page-head">
                    <h1>"Settings"</h1>
                </header>
                <nav class="tabs" aria-label="Settings">
                    {tabs
                        .map(|(href, name, _)| {
                            view! {
                                <a href=href aria-current=move || (path.get().trim_end_matches('/') == href).then_some("page")>
                                    {name}
                                </a>
                            }
                        })
                        .collect_view()}
                </nav>
                <Outlet />
                {hidden
                    .then(|| {
                        view! {
                            <p class="muted settings-note">
                                {format!("You are signed in as {}. Staff, lines and API tokens are kept by the admins.", role.label())}
                            </p>
                        }
                    })}
            </div>
        </div>
    }
}

/// `/settings` itself leads to what most people may change.
#[component]
pub fn FirstTab() -> impl IntoView {
    let role = expect_context::<Session>().me.role;
    let to =
        if role.may(Permission::ManageOrganisation) { "/settings/organisation" } else { "/settings/profile" };
    view! { <Redirect path=to /> }
}

/// The page of the tab that the address names.
#[component]
pub fn TabPage() -> impl IntoView {
    let params = use_params_map();
    let tab = Memo::new(move |_| params.with(|params| params.get("tab")).unwrap_or_default());
    move || match tab.get().as_str() {
        "organisation" => OrganisationPage().into_any(),
        "staff" => StaffPage().into_any(),
        "lines" => LinesPage().into_any(),
        "tokens" => TokensPage().into_any(),
        "operation" => OperationPage().into_any(),
        "profile" => ProfilePage().into_any(),
        _ => view! { <NothingHere /> }.into_any(),
    }
}

/// The content of a tab, or for those who may not see it, words that say whom to ask.
#[component]
fn OnlyWith(
    /// What one must be allowed to do.
    permission: Permission,
    /// What is behind this: "who works here".
    what: &'static str,
    /// The content.
    children: ChildrenFn,
) -> impl IntoView {
    if expect_context::<Session>().me.role.may(permission) {
        children().into_any()
    } else {
        let text = format!("Admins decide {what}. Ask one of them, or have your role changed.");
        view! { <Empty glyph=Glyph::Ban title="For admins only" text=text /> }.into_any()
    }
}

/// A list of this organisation's, read for the page, kept true while it is open.
#[component]
fn Listed<T, F, V>(
    /// Reads it.
    read: fn() -> F,
    /// Draws it.
    show: fn(Pager<T>) -> V,
) -> impl IntoView
where
    T: Clone + PartialEq + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static,
    F: Future<Output = Answer<Vec<T>>> + Send + 'static,
    V: IntoView + 'static,
{
    let first = Resource::new(|| (), move |()| read());
    view! {
        <Suspense fallback=|| view! { <Skeleton shape=SkeletonShape::Rows /> }>
            {move || Suspend::new(async move {
                match first.await {
                    Ok(first) => {
                        let pager = Pager::whole(first, read);
                        follow_settings(move || pager.refresh());
                        show(pager).into_any()
                    }
                    Err(failure) => view! { <Banner tone=Tone::Bad>{failure.error.message}</Banner> }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// Calls `read_again` whenever something in Settings changes.
fn follow_settings(read_again: impl Fn() + Clone + 'static) {
    let live = Live::of_page();
    Effect::new(move |_| {
        let read_again = read_again.clone();
        live.listen(move |news| {
            if matches!(news, News::Reload | News::Change(Change::SettingsChanged)) {
                read_again();
            }
        });
    });
}

/// Roles and what each is trusted with, for a choice.
fn role_options() -> Vec<(String, String)> {
    let says = |role| match role {
        Role::Viewer => "reads, changes nothing",
        Role::Staff => "talks with people and keeps records",
        Role::Admin => "also keeps settings",
    };
    Role::ALL
        .iter()
        .map(|role| (role.as_str().to_owned(), format!("{}: {}", role.label(), says(*role))))
        .collect()
}
