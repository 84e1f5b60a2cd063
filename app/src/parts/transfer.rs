//! Requests that are no server functions: files on their way up, with progress, and the simulated phone.

use crate::api::{Answer, ApiFailure};
use js_sys::Promise;
use leptos::prelude::*;
use model::{Failure, FailureCode};
use send_wrapper::SendWrapper;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::JsFuture;
use web_sys::{FormData, ProgressEvent, XmlHttpRequest};

/// One request that can be watched and given up. Copies name the same one.
#[derive(Debug, Clone, Copy)]
pub struct Transfer {
    sent: RwSignal<Option<f64>>,
    request: StoredValue<Option<SendWrapper<XmlHttpRequest>>>,
}

/// What goes with a request.
enum Load<'a> {
    Nothing,
    Form(&'a FormData),
    Json(&'a str),
}

impl Transfer {
    /// Nothing is on its way yet.
    pub fn new() -> Self {
        Self { sent: RwSignal::new(None), request: StoredValue::new(None) }
    }

    /// How much of the form is with the server, 0 to 1; `None` while nothing is on its way.
    pub fn sent(self) -> Signal<Option<f64>> {
        self.sent.into()
    }

    /// Posts a form and reads the answer's JSON.
    ///
    /// # Errors
    /// What the server answered, or [`FailureCode::Unavailable`] when it was not reached.
    pub async fn post<T: DeserializeOwned>(self, path: &str, form: FormData) -> Answer<T> {
        self.sent.set(Some(0.0));
        let answer = self.exchange("POST", path, Load::Form(&form)).await;
        self.sent.try_set(None);
        answer.and_then(|text| read(&text))
    }

    /// Gives up; whoever waits hears [`FailureCode::Unavailable`].
    pub fn cancel(self) {
        if let Some(request) = self.request.try_get_value().flatten() {
            // Fails only for a request that was never opened.
            let _ = request.abort();
        }
    }

    async fn exchange(self, method: &str, path: &str, load: Load<'_>) -> Answer<String> {
        let request = XmlHttpRequest::new().map_err(|_| unreachable_server())?;
        request.open(method, path).map_err(|_| unreachable_server())?;
        let on_progress = Closure::<dyn Fn(ProgressEvent)>::new(move |event: ProgressEvent| {
            if event.length_computable() && event.total() > 0.0 {
                self.sent.try_set(Some(event.loaded() / event.total()));
            }
        });
        if let (Load::Form(_), Ok(upload)) = (&load, request.upload()) {
            upload.set_onprogress(Some(on_progress.as_ref().unchecked_ref()));
        }
        let ended = Promise::new(&mut |resolve, _| request.set_onloadend(Some(&resolve)));
        let sent = match load {
            Load::Nothing => request.send(),
            Load::Form(form) => request.send_with_opt_form_data(Some(form)),
            Load::Json(text) => request
                .set_request_header("content-type", "application/json")
                .and_then(|()| request.send_with_opt_str(Some(text))),
        };
        sent.map_err(|_| unreachable_server())?;
        self.request.try_set_value(Some(SendWrapper::new(request.clone())));
        // The promise is never rejected.
        let _ = JsFuture::from(ended).await;
        self.request.try_set_value(None);
        let text = request.response_text().ok().flatten().unwrap_or_default();
        match request.status() {
            Ok(200..=299) => Ok(text),
            Ok(status) if status > 0 => Err(read::<ApiFailure>(&text).unwrap_or_else(|unread| unread)),
            _ => Err(unreachable_server()),
        }
    }
}

impl Default for Transfer {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads JSON from an address of ours.
///
/// # Errors
/// As [`Transfer::post`].
pub async fn get<T: DeserializeOwned>(path: &str) -> Answer<T> {
    read(&Transfer::new().exchange("GET", path, Load::Nothing).await?)
}

/// Puts JSON to an address of ours and reads the answer's.
///
/// # Errors
/// As [`Transfer::post`].
pub async fn put<T: DeserializeOwned>(path: &str, value: &impl Serialize) -> Answer<T> {
    let text = serde_json::to_string(value).map_err(|_| {
        Failure::new(FailureCode::Internal, "What you entered could not be written down. Reload the page.")
    })?;
    read(&Transfer::new().exchange("PUT", path, Load::Json(&text)).await?)
}

fn read<T: DeserializeOwned>(text: &str) -> Answer<T> {
    serde_json::from_str(text).map_err(|_| {
        let words = "The server's answer could not be read. Reload the page and try again.";
        Failure::new(FailureCode::Internal, words).into()
    })
}

fn unreachable_server() -> ApiFailure {
    let words = "The server cannot be reached. Check the connection and try again.";
    Failure::new(FailureCode::Unavailable, words).into()
}
