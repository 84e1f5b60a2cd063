//! A number that asked to be left alone.

use crate::api::inbox;
use crate::api::session::Session;
use crate::parts::thread::state::Thread;
use crate::ui::{Banner, Button, ButtonKind, Dialog, Notices, TextField, Tone};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::staff::Permission;

/// Says so above the composer; staff may record that the patient wishes to be written to again, and why.
#[component]
pub fn OptedOut() -> impl IntoView {
    let thread = Thread::of_page();
    let notices = Notices::of_page();
    let may_record = expect_context::<Session>().me.role.may(Permission::EditPatients);
    let asking = RwSignal::new(false);
    let reason = RwSignal::new(String::new());
    let record = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let reason = reason.get_untracked();
        spawn_local(async move {
            match inbox::record_consent(thread.id, reason).await {
                Ok(()) => {
                    asking.set(false);
                    thread.refresh_view();
                }
                Err(failure) => notices.failed(&failure),
            }
        });
    };
    view! {
        <Show when=move || thread.view.read().row.opted_out>
            <Banner tone=Tone::Warn>
                "This number asked not to be written to (STOP). "
                {may_record.then(|| view! { <Button kind=ButtonKind::Quiet on_press=move |_| asking.set(true)>"Record new consent"</Button> })}
            </Banner>
        </Show>
        <Dialog open=asking title="Record consent">
            <form class="stack" on:submit=record>
                <TextField
                    label="How did the patient agree?"
                    name="consent-reason"
                    value=reason
                    hint="Kept with your name, for example: asked for it at the front desk."
                    required=true
                    autofocus=true
                />
                <Button kind=ButtonKind::Primary submit=true>"Record consent"</Button>
            </form>
        </Dialog>
    }
}
