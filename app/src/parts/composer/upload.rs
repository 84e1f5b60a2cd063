//! Uploading one file with progress, and stopping it.

use leptos::prelude::*;
use model::media::UploadedMedia;
use model::{AttachmentId, Failure};
use send_wrapper::SendWrapper;
use serde::Deserialize;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{File, FormData, ProgressEvent, XmlHttpRequest};

/// How far an upload has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The part that is sent, 0 to 1.
    Sending(f64),
    /// All is sent; the server is looking at it.
    Processing,
    /// It is stored.
    Done(AttachmentId),
    /// It is not, and why.
    Failed(String),
}

/// One upload, that can be stopped.
#[derive(Debug, Clone, Copy, Default)]
pub struct Upload {
    request: StoredValue<Option<SendWrapper<XmlHttpRequest>>>,
    is_stopped: StoredValue<bool>,
}

#[derive(Deserialize)]
struct Refused {
    error: Failure,
}

impl Upload {
    /// Begins to send a file, unless it was stopped before. `fetch` tells nothing of progress, hence the older interface.
    pub fn begin(self, file: &File, tell: impl Fn(Progress) + 'static) {
        if self.is_stopped.try_get_value() != Some(false) {
            return;
        }
        let Ok(request) = XmlHttpRequest::new() else { return };
        let tell = std::rc::Rc::new(tell);
        let on_progress = {
            let tell = tell.clone();
            Closure::<dyn Fn(ProgressEvent)>::new(move |event: ProgressEvent| {
                if event.length_computable() && event.loaded() < event.total() {
                    tell(Progress::Sending(event.loaded() / event.total()));
                } else {
                    tell(Progress::Processing);
                }
            })
        };
        let on_end = {
            let request = request.clone();
            Closure::once_into_js(move |_: ProgressEvent| {
                let text = request.response_text().ok().flatten().unwrap_or_default();
                tell(outcome(request.status().unwrap_or(0), &text));
            })
        };
        let sent = FormData::new().and_then(|form| {
            form.append_with_blob_and_filename("file", file, &file.name())?;
            request.open("POST", "/api/sms/upload-media/")?;
            if let Ok(upload) = request.upload() {
                upload.set_onprogress(Some(on_progress.as_ref().unchecked_ref()));
            }
            request.set_onload(Some(on_end.unchecked_ref()));
            request.set_onerror(Some(on_end.unchecked_ref()));
            request.send_with_opt_form_data(Some(&form))
        });
        on_progress.forget();
        if sent.is_ok() {
            self.request.set_value(Some(SendWrapper::new(request)));
        }
    }

    /// Stops it, if it is under way, and keeps it from beginning, if it is not.
    pub fn abort(self) {
        self.is_stopped.try_update_value(|stopped| *stopped = true);
        if let Some(Some(request)) = self.request.try_update_value(Option::take) {
            // Nothing happens to a request that has ended.
            let _ = request.abort();
        }
    }
}

fn outcome(status: u16, text: &str) -> Progress {
    match status {
        200..300 => match serde_json::from_str::<UploadedMedia>(text) {
            Ok(media) => Progress::Done(media.media_id),
            Err(_) => Progress::Failed(
                "The server's answer could not be read. Remove the picture and choose it again.".to_owned(),
            ),
        },
        0 => Progress::Failed("The connection was lost. Remove the picture and choose it again.".to_owned()),
        _ => Progress::Failed(serde_json::from_str::<Refused>(text).map_or_else(
            |_| "The server did not take this picture. Remove it and try again.".to_owned(),
            |refused| refused.error.message,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, outcome};

    #[test]
    fn says_why_the_server_refused() {
        let text = r#"{"error": {"code": "too_large", "message": "Too large.", "field": null}}"#;
        assert_eq!(outcome(413, text), Progress::Failed("Too large.".to_owned()));
    }

    #[test]
    fn survives_an_answer_from_something_else() {
        assert!(matches!(outcome(502, "<html>"), Progress::Failed(_)));
        assert!(matches!(outcome(200, "<html>"), Progress::Failed(_)));
        assert!(matches!(outcome(0, ""), Progress::Failed(_)));
    }
}
