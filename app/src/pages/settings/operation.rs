//! How the work stands: what asks for somebody to look, what failed, and the way back.

use super::{OnlyWith, follow_settings};
use crate::api::{Answer, operation};
use crate::parts::live::Live;
use crate::ui::{
    Banner, Button, ButtonKind, Empty, Glyph, Icon, Notices, Skeleton, SkeletonShape, Time, Tone,
};
use gloo_timers::callback::Interval;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use model::Millis;
use model::operation::{Alert, JobAside, Operation, Quarantined, Replayed, WebhookAside};
use model::staff::Permission;
use send_wrapper::SendWrapper;

/// Milliseconds after which the page is read again while it is open: nothing tells of work that fails.
const AGAIN: u32 = 15_000;

/// Alerts, what stands aside, and what is in quarantine.
#[component]
pub fn OperationPage() -> impl IntoView {
    view! {
        <Title text="Operation" />
        <OnlyWith permission=Permission::ManageOperation what="what becomes of work that failed">
            <Loaded />
        </OnlyWith>
    }
}

#[component]
fn Loaded() -> impl IntoView {
    let first = Resource::new(|| (), |()| operation::stands());
    view! {
        <Suspense fallback=|| view! { <Skeleton shape=SkeletonShape::Rows /> }>
            {move || Suspend::new(async move {
                match first.await {
                    Ok(first) => view! { <Whole first=first /> }.into_any(),
                    Err(failure) => view! { <Banner tone=Tone::Bad>{failure.error.message}</Banner> }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// What the page shows now, and how it is read again.
#[derive(Clone, Copy)]
struct Standing {
    now: RwSignal<Operation>,
    busy: RwSignal<bool>,
    notices: Notices,
}

impl Standing {
    /// Quiet when the server cannot be reached: the page says so already.
    fn read(self) {
        spawn_local(async move {
            match operation::stands().await {
                Ok(found) if self.now.try_get_untracked().is_some_and(|shown| shown != found) => {
                    self.now.try_set(found);
                }
                Ok(_) => {}
                Err(failure) => {
                    Live::signed_out(&failure);
                }
            }
        });
    }

    /// Does something, says what came of it, and reads the page again.
    fn run<T: 'static>(
        self,
        call: impl Future<Output = Answer<T>> + 'static,
        words: impl FnOnce(T) -> String + 'static,
    ) {
        self.busy.set(true);
        spawn_local(async move {
            let answer = call.await;
            self.busy.try_set(false);
            match answer {
                Ok(done) => self.notices.tell(Tone::Good, words(done)),
                Err(failure) if Live::signed_out(&failure) => return,
                Err(failure) => self.notices.failed(&failure),
            }
            self.read();
        });
    }
}

#[component]
fn Whole(first: Operation) -> impl IntoView {
    let now = RwSignal::new(first);
    let standing = Standing { now, busy: RwSignal::new(false), notices: Notices::of_page() };
    follow_settings(move || standing.read());
    Effect::new(move |_| {
        let again = SendWrapper::new(Interval::new(AGAIN, move || standing.read()));
        on_cleanup(move || drop(again));
    });
    let aside = Memo::new(move |_| now.with(|now| now.webhooks_total + now.jobs_total));
    let nothing = Memo::new(move |_| {
        now.with(|now| now.alerts.is_empty() && now.quarantined.is_empty()) && aside.get() == 0
    });
    let replay_all = move |_| {
        standing.run(operation::replay_all(), |replayed: Replayed| match replayed.left {
            0 => format!("{} at work again.", replayed.replayed),
            left => format!("{} at work again; {left} cannot be opened and stay.", replayed.replayed),
        });
    };
    view! {
        <div class="settings-head">
            <p class="muted">"What failed and what asks for somebody to look. Nothing that came is thrown away."</p>
            <Show when=move || aside.get() != 0>
                <Button glyph=Glyph::Refresh disabled=standing.busy on_press=replay_all>"Replay all"</Button>
            </Show>
        </div>
        <Show when=move || nothing.get()>
            <Empty glyph=Glyph::Check title="All is well" text="Webhooks that cannot be read and work that fails for good appear here." />
        </Show>
        <Part title="Needs somebody to look" shown=Signal::derive(move || !now.read().alerts.is_empty())>
            <For each=move || now.read().alerts.clone() key=|alert| (alert.kind, alert.text.clone()) let(alert)>
                <AlertRow alert=alert />
            </For>
        </Part>
        <Part title="Webhooks that could not be read" shown=Signal::derive(move || !now.read().webhooks.is_empty())>
            <For each=move || now.read().webhooks.clone() key=|webhook| (webhook.id, webhook.reason.clone()) let(webhook)>
                <WebhookRow webhook=webhook standing=standing />
            </For>
        </Part>
        <Part title="Jobs that were set aside" shown=Signal::derive(move || !now.read().jobs.is_empty())>
            <For each=move || now.read().jobs.clone() key=|job| (job.id, job.reason.clone()) let(job)>
                <JobRow job=job standing=standing />
            </For>
        </Part>
        <Show when=move || !now.read().jobs.is_empty()>
            <p class="muted settings-note">
                "A message that failed is not sent again by Replay, so that nobody is texted twice. Send it again from its conversation."
            </p>
        </Show>
        <Part title="In quarantine" shown=Signal::derive(move || !now.read().quarantined.is_empty())>
            <For each=move || now.read().quarantined.clone() key=|account| (account.account_id, account.count) let(account)>
                <QuarantineRow account=account />
            </For>
        </Part>
    }
}

/// A list under its name, while there is something in it.
#[component]
fn Part(
    /// What is listed.
    title: &'static str,
    /// Whether anything is.
    #[prop(into)]
    shown: Signal<bool>,
    /// The rows.
    children: Children,
) -> impl IntoView {
    view! {
        <section class="operation-part" hidden=move || !shown.get()>
            <h2>{title}</h2>
            <ul class="settings-list card" aria-label=title>
                {children()}
            </ul>
        </section>
    }
}

#[component]
fn AlertRow(alert: Alert) -> impl IntoView {
    let here = alert.place == "/settings/operation";
    view! {
        <li class="settings-row operation-alert">
            <Icon glyph=Glyph::Warning />
            <span class="settings-name">
                <strong>{alert.text}</strong>
                <span class="muted">{alert.advice}</span>
            </span>
            <span class="settings-state muted">"Since " <Time at=alert.since /></span>
            {(!here).then(|| view! { <a class="button" href=alert.place>"Go there"</a> })}
        </li>
    }
}

#[component]
fn WebhookRow(webhook: WebhookAside, standing: Standing) -> impl IntoView {
    let id = webhook.id;
    let title = format!("{}, {}", webhook.carrier.label(), webhook.line);
    let replay = move || standing.run(operation::replay_webhook(id), |()| "It is read again now.".to_owned());
    let dismiss = move || {
        standing.run(operation::dismiss_webhook(id), |()| "Dismissed. It stays in the journal.".to_owned());
    };
    let since = ("Came ", webhook.received_at);
    view! { <AsideRow title reason=webhook.reason since busy=standing.busy replay dismiss /> }
}

#[component]
fn JobRow(job: JobAside, standing: Standing) -> impl IntoView {
    let id = job.id;
    let replay = move || standing.run(operation::replay_job(id), |()| "It runs again now.".to_owned());
    let dismiss = move || standing.run(operation::dismiss_job(id), |()| "Dismissed.".to_owned());
    let since = ("Made ", job.created_at);
    view! { <AsideRow title=job.what reason=job.reason since busy=standing.busy replay dismiss /> }
}

/// What stands aside, and the two ways on.
#[component]
fn AsideRow(
    title: String,
    reason: String,
    /// What happened to it first, and when.
    since: (&'static str, Millis),
    #[prop(into)] busy: Signal<bool>,
    replay: impl Fn() + Send + Sync + 'static,
    dismiss: impl Fn() + Send + Sync + 'static,
) -> impl IntoView {
    view! {
        <li class="settings-row">
            <span class="settings-name">
                <strong>{title.clone()}</strong>
                <span class="muted">{reason}</span>
            </span>
            <span class="settings-state muted">{since.0} <Time at=since.1 /></span>
            <span class="actions" role="group" aria-label=title>
                <Button disabled=busy on_press=move |_| replay()>"Replay"</Button>
                <Button kind=ButtonKind::Quiet disabled=busy on_press=move |_| dismiss()>"Dismiss"</Button>
            </span>
        </li>
    }
}

#[component]
fn QuarantineRow(account: Quarantined) -> impl IntoView {
    let words = match account.count {
        1 => "1 webhook did not prove where it comes from".to_owned(),
        count => format!("{count} webhooks did not prove where they come from"),
    };
    view! {
        <li class="settings-row">
            <span class="settings-name">
                <strong>{format!("{}, {}", account.carrier.label(), account.line)}</strong>
                <span class="muted">{words}</span>
            </span>
            <a class="button" href="/settings/lines">"Open Lines"</a>
        </li>
    }
}
