//! What asks an admin to look: a sentence above the inbox, and a mark at Settings.

use crate::api::operation;
use crate::api::session::Session;
use crate::parts::live::{Live, News};
use crate::ui::{Banner, Tone};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_location;
use model::live::Change;
use model::operation::Alert;
use model::staff::Permission;

/// Milliseconds after which a page that was opened is taken to be at rest.
const AT_REST: u32 = 3_000;

/// Milliseconds from one look to the next. Most alerts tell of hours.
const EVERY: u32 = 3 * 60 * 1000;

/// The page's alerts; a context, there once per page. None for those who can do nothing about them.
#[derive(Debug, Clone, Copy)]
pub struct Alerts(RwSignal<Vec<Alert>>);

impl Alerts {
    /// Asks for them in the browser: once the page is at rest, every few minutes, and when something in Settings changes.
    pub fn start(session: &Session, live: Live) -> Self {
        let alerts = Self(RwSignal::new(Vec::new()));
        if session.me.role.may(Permission::ManageOperation) {
            Effect::new(move |_| {
                live.listen(move |news| {
                    if matches!(news, News::Reload | News::Change(Change::SettingsChanged)) {
                        spawn_local(async move {
                            alerts.read().await;
                        });
                    }
                });
                spawn_local(async move {
                    TimeoutFuture::new(AT_REST).await;
                    while alerts.read().await {
                        TimeoutFuture::new(EVERY).await;
                    }
                });
            });
        }
        alerts
    }

    /// Asks once; `false` when the page is gone. What cannot be asked is asked the next time.
    async fn read(self) -> bool {
        match operation::alerts().await {
            Ok(found) if self.0.try_get_untracked().is_some_and(|shown| shown != found) => {
                self.0.try_set(found).is_none()
            }
            _ => self.0.try_get_untracked().is_some(),
        }
    }

    /// Whether anything asks for somebody to look.
    pub fn any(self) -> bool {
        self.0.with(|alerts| !alerts.is_empty())
    }
}

/// The gravest alert above the inbox, and the way to all of them.
#[component]
pub fn AlertLine() -> impl IntoView {
    let Alerts(alerts) = expect_context();
    let path = use_location().pathname;
    let at_inbox = Memo::new(move |_| {
        let path = path.read();
        *path == "/" || path.starts_with("/c/")
    });
    let words = Memo::new(move |_| {
        let alerts = alerts.read();
        let first = alerts.first().filter(|_| at_inbox.get())?;
        Some(match alerts.len() {
            1 => format!("{}.", first.text),
            count => format!("{}, and {} more.", first.text, count - 1),
        })
    });
    move || {
        words.get().map(|words| {
            view! {
                <Banner tone=Tone::Warn>
                    "Operation: " {words} " " <a href="/settings/operation">"Look"</a>
                </Banner>
            }
        })
    }
}
