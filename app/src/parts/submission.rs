//! A form on its way to the server: one answer at a time, and what the server found wrong.

use crate::api::{Answer, ApiFailure};
use crate::browser;
use crate::parts::live::Live;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// What a form waits for, and what was wrong with what it sent last; at first nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Submission {
    busy: RwSignal<bool>,
    failure: RwSignal<Option<ApiFailure>>,
}

impl Submission {
    /// Whether an answer is awaited: the button is disabled then.
    pub const fn busy(self) -> RwSignal<bool> {
        self.busy
    }

    /// Sends, unless an answer is awaited already. A refusal stands at the input that it concerns,
    /// which takes the focus.
    pub fn send<T: 'static>(
        self,
        request: impl Future<Output = Answer<T>> + 'static,
        on_done: impl FnOnce(T) + 'static,
    ) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.failure.set(None);
        spawn_local(async move {
            let answer = request.await;
            // The form may be gone by now.
            self.busy.try_set(false);
            match answer {
                Ok(answer) => on_done(answer),
                Err(failure) => self.refused(failure),
            }
        });
    }

    fn refused(self, failure: ApiFailure) {
        if !Live::signed_out(&failure) {
            self.failure.try_set(Some(failure));
            request_animation_frame(|| {
                browser::focus("form [aria-invalid=true]");
            });
        }
    }

    /// The words for one input.
    pub fn error_of(self, field: &'static str) -> Signal<Option<String>> {
        self.error_where(move |named| named == field)
    }

    /// The words of a failure that concerns none of the form's inputs.
    pub fn error_beside(self, fields: &'static [&'static str]) -> Signal<Option<String>> {
        self.error_where(move |named| !fields.contains(&named))
    }

    /// The words of a failure whose field is the one that is looked for; no field is an empty name.
    pub fn error_where(
        self,
        concerns: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Signal<Option<String>> {
        Signal::derive(move || {
            self.failure.with(|failure| {
                let error = &failure.as_ref()?.error;
                concerns(error.field.as_deref().unwrap_or_default()).then(|| error.message.clone())
            })
        })
    }
}
