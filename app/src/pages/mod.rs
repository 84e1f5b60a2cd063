//! One file per screen, and the table of their addresses.

pub mod conversation;
pub mod desk;
pub mod images;
pub mod inbox;
pub mod lazy;
pub mod not_found;
pub mod patient;
pub mod patients;
pub mod phone;
pub mod reports;
pub mod settings;
pub mod sign_in;
pub mod welcome;

use crate::ui::time::RenderedAt;
use crate::ui::{NoticeList, Notices, Times};
use desk::Desk;
use inbox::{InboxPage, NothingOpen};
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::{Lazy, SsrMode, path};
use not_found::NotFound;
use settings::{FirstTab, SettingsPage};

/// All pages. Each is rendered whole before it is sent, so that a redirect or a status can still be decided.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_context(Notices::default());
    provide_context(Times::new(rendered_at()));
    view! {
        <Title formatter=|title: String| {
            if title.is_empty() { "Heliograph".to_owned() } else { format!("{title} · Heliograph") }
        } />
        <Router>
            <Routes fallback=NotFound>
                <Route path=path!("/sign-in") view={Lazy::<lazy::SignIn>::new()} ssr=SsrMode::Async />
                <Route path=path!("/welcome/:token") view={Lazy::<lazy::Welcome>::new()} ssr=SsrMode::Async />
                <ParentRoute path=path!("") view=Desk ssr=SsrMode::Async>
                    <ParentRoute path=path!("") view=InboxPage ssr=SsrMode::Async>
                        <Route path=path!("") view=NothingOpen ssr=SsrMode::Async />
                        <Route path=path!("/c/:conversation") view={Lazy::<lazy::Conversation>::new()} ssr=SsrMode::Async />
                    </ParentRoute>
                    <Route path=path!("/patients") view={Lazy::<lazy::Patients>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/patients/:patient") view={Lazy::<lazy::Patient>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/images") view={Lazy::<lazy::Images>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/reports") view={Lazy::<lazy::Reports>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/reports/compare") view={Lazy::<lazy::Compare>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/phone") view={Lazy::<lazy::Phone>::new()} ssr=SsrMode::Async />
                    <ParentRoute path=path!("/settings") view=SettingsPage ssr=SsrMode::Async>
                        <Route path=path!("") view=FirstTab ssr=SsrMode::Async />
                        <Route path=path!("/:tab") view={Lazy::<lazy::SettingsTab>::new()} ssr=SsrMode::Async />
                    </ParentRoute>
                </ParentRoute>
            </Routes>
            <NoticeList />
        </Router>
    }
}

/// On the server from the shell, in the browser from what the shell wrote into the document.
fn rendered_at() -> RenderedAt {
    #[cfg(feature = "ssr")]
    return use_context().unwrap_or_default();
    #[cfg(not(feature = "ssr"))]
    {
        let number = |name: &str| document().document_element()?.get_attribute(name)?.parse().ok();
        RenderedAt {
            now: number("data-now").unwrap_or_default(),
            offset_minutes: number("data-offset").unwrap_or_default(),
        }
    }
}
