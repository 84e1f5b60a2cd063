//! Screens whose code is no part of a first visit: each is a file of its own, which the browser loads when the screen
//! is opened, or before, when it has nothing else to do.
//!
//! The inbox's list is not among them: it is what one sees after signing in. A conversation is, since neither signing in
//! nor the list has to wait for what writing and pictures take; it comes first of all that is loaded at rest.

use super::conversation::ConversationPage;
use super::images::ImagesPage;
use super::patient::PatientPage;
use super::patients::PatientsPage;
use super::phone::PhonePage;
use super::reports::ReportsPage;
use super::reports::compare::ComparePage;
use super::settings::TabPage;
use super::sign_in::SignInPage;
use super::welcome::WelcomePage;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos_router::{LazyRoute, lazy_route};

/// Milliseconds after which a page that was opened is taken to be at rest.
const AT_REST: u32 = 3_000;

macro_rules! screens {
    ($($name:ident: $page:ident,)*) => {
        $(
            #[doc = concat!("[`", stringify!($page), "`], loaded when it is needed.")]
            #[derive(Debug)]
            pub struct $name;

            #[lazy_route]
            impl LazyRoute for $name {
                fn data() -> Self {
                    Self
                }

                fn view(_screen: Self) -> AnyView {
                    $page().into_any()
                }
            }
        )*
    };
}

screens! {
    Conversation: ConversationPage,
    SignIn: SignInPage,
    Welcome: WelcomePage,
    Patients: PatientsPage,
    Patient: PatientPage,
    Images: ImagesPage,
    Phone: PhonePage,
    Reports: ReportsPage,
    Compare: ComparePage,
    SettingsTab: TabPage,
}

/// Loads the screens around the inbox, one after the other, so that opening one needs no network any more.
pub(super) async fn load_all() {
    TimeoutFuture::new(AT_REST).await;
    Conversation::preload().await;
    Patients::preload().await;
    Patient::preload().await;
    Images::preload().await;
    Phone::preload().await;
    Reports::preload().await;
    Compare::preload().await;
    SettingsTab::preload().await;
}
