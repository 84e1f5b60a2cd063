//! The preview of a photo that the browser cannot show by itself: HEIC.
//!
//! `preview` hands the file to a Web Worker with a wasm of its own (`frontend/preview-worker`). The
//! worker starts on first use, does one job at a time, is ended when its job is cancelled, takes too
//! long or goes wrong, and is gone after ten idle seconds. Nothing that a file contains can freeze
//! the page. Where the browser decodes HEIC itself no worker is loaded. Kinds that every browser
//! shows (JPEG, PNG, GIF, WebP) need none of this: an object URL of the file is their preview.
//!
//! The page names the worker's files in an element that the server renders:
//! `<script type="application/json" id="assets">{"preview_worker_js":"…","preview_worker_wasm":"…"}</script>`.

/// What to show for one photo, from chosen to settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreviewState {
    /// Nothing yet, and too early for a spinner.
    Waiting,
    /// 100 ms have passed: "Converting HEIC image…".
    Converting,
    /// A picture; a better one may follow and replaces it.
    Ready(Picture),
    /// No preview, for the reason given in a sentence. The upload goes on.
    Unavailable(String),
}

/// A picture that an `<img>` can show: upright and in sRGB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// An object URL, valid until the next state or until the job is cancelled.
    pub url: String,
    /// Width in pixels; 0 where the browser itself decodes and alone knows.
    pub width: u32,
    /// Height in pixels; 0 where the browser itself decodes and alone knows.
    pub height: u32,
    /// True for the picture that stays: a JPEG under 200 KB, or the file itself where the browser decodes HEIC.
    pub settled: bool,
}

#[cfg(feature = "hydrate")]
pub use browser::{PreviewJob, preview};

#[cfg(feature = "hydrate")]
mod browser {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;

    use gloo_timers::callback::Timeout;
    use leptos::prelude::{ArcRwSignal, Get, GetUntracked, Set};
    use serde::Deserialize;
    use wasm_bindgen::prelude::*;
    use wasm_bindgen_futures::JsFuture;
    use web_sys::{Blob, ErrorEvent, ImageBitmap, MessageEvent, Url, Worker};

    use super::{Picture, PreviewState};

    const SPINNER_AFTER_MS: u32 = 100;
    const JOB_LIMIT_MS: u32 = 15_000;
    const IDLE_LIMIT_MS: u32 = 10_000;

    /// One photo's way to its preview. Clones name the same job; [`PreviewJob::cancel`] ends it for all.
    #[derive(Debug, Clone)]
    pub struct PreviewJob {
        id: u32,
        state: ArcRwSignal<PreviewState>,
    }

    /// Begins to make a preview that fills a square box with sides of `box_px` CSS pixels.
    ///
    /// Whoever begins a job cancels it when the picture is no longer shown; its URLs live until then.
    pub fn preview(file: Blob, box_px: u32) -> PreviewJob {
        let id = NEXT_ID.with(|next| next.replace(next.get() + 1));
        let state = ArcRwSignal::new(PreviewState::Waiting);
        let job = PreviewJob { id, state: state.clone() };
        let spinner = Timeout::new(SPINNER_AFTER_MS, move || {
            if state.get_untracked() == PreviewState::Waiting {
                state.set(PreviewState::Converting);
            }
        });
        let scale = web_sys::window().map_or(1.0, |window| window.device_pixel_ratio());
        let cover = (f64::from(box_px) * scale).ceil() as u32;
        let queued = Queued { job: job.clone(), file, cover, _spinner: spinner };
        with_bridge(|bridge| bridge.queue.push_back(queued));
        start_next();
        job
    }

    impl PreviewJob {
        /// What to show now; follows changes where signals are tracked.
        pub fn state(&self) -> PreviewState {
            self.state.get()
        }

        /// Stops the work and gives the picture's memory back. The worker is ended if it is at this job.
        pub fn cancel(&self) {
            let running = with_bridge(|bridge| {
                bridge.queue.retain(|queued| queued.job.id != self.id);
                let running = bridge.is_running(self.id);
                if running {
                    bridge.end_worker();
                    bridge.running = None;
                }
                running
            });
            self.show(PreviewState::Waiting);
            if running {
                start_next();
            }
        }

        fn show(&self, next: PreviewState) {
            if let PreviewState::Ready(picture) = self.state.get_untracked() {
                // An object URL that is not ours to revoke does not exist: revoking never fails.
                let _ = Url::revoke_object_url(&picture.url);
            }
            self.state.set(next);
        }

        fn show_blob(&self, blob: &Blob, (width, height): (u32, u32), settled: bool) {
            self.show(match Url::create_object_url_with_blob(blob) {
                Ok(url) => PreviewState::Ready(Picture { url, width, height, settled }),
                Err(_) => PreviewState::Unavailable("The browser has no room for a preview.".to_owned()),
            });
        }

        /// A picture that is already shown is better than the reason why there is no better one.
        fn give_up(&self, reason: &str) {
            if !matches!(self.state.get_untracked(), PreviewState::Ready(_)) {
                self.show(PreviewState::Unavailable(reason.to_owned()));
            }
        }
    }

    #[derive(Default)]
    struct Bridge {
        queue: VecDeque<Queued>,
        running: Option<Running>,
        worker: Option<Started>,
        idle: Option<Timeout>,
        /// The browser refused a HEIC that our worker could read: no use in asking it again.
        browser_cannot: bool,
    }

    struct Queued {
        job: PreviewJob,
        file: Blob,
        cover: u32,
        _spinner: Timeout,
    }

    struct Running {
        queued: Queued,
        _limit: Timeout,
    }

    struct Started {
        worker: Worker,
        _on_message: Closure<dyn FnMut(MessageEvent)>,
        _on_error: Closure<dyn FnMut(ErrorEvent)>,
    }

    thread_local! {
        static BRIDGE: RefCell<Bridge> = RefCell::default();
        static NEXT_ID: Cell<u32> = const { Cell::new(1) };
    }

    /// Signals are set outside of this: whoever listens may begin or cancel a job.
    fn with_bridge<T>(work: impl FnOnce(&mut Bridge) -> T) -> T {
        BRIDGE.with_borrow_mut(work)
    }

    impl Bridge {
        fn is_running(&self, id: u32) -> bool {
            self.running.as_ref().is_some_and(|running| running.queued.job.id == id)
        }

        fn end_worker(&mut self) {
            if let Some(started) = self.worker.take() {
                started.worker.terminate();
            }
        }

        fn worker(&mut self) -> Result<&Worker, &'static str> {
            if self.worker.is_none() {
                self.worker = Some(Started::new()?);
            }
            self.worker.as_ref().map(|started| &started.worker).ok_or(NO_WORKER)
        }
    }

    const NO_WORKER: &str = "The preview could not be loaded; check the connection.";

    fn start_next() {
        let next = with_bridge(|bridge| {
            if bridge.running.is_some() {
                return None;
            }
            let Some(queued) = bridge.queue.pop_front() else {
                bridge.idle = bridge
                    .worker
                    .is_some()
                    .then(|| Timeout::new(IDLE_LIMIT_MS, || with_bridge(Bridge::end_worker)));
                return None;
            };
            bridge.idle = None;
            let (job, file) = (queued.job.clone(), queued.file.clone());
            let limit = Timeout::new(JOB_LIMIT_MS, {
                let job = job.clone();
                move || finish(&job, Some("This photo takes too long to show."))
            });
            bridge.running = Some(Running { queued, _limit: limit });
            Some((job, file, bridge.browser_cannot))
        });
        match next {
            Some((job, _, true)) => ask_worker(&job),
            Some((job, file, false)) => wasm_bindgen_futures::spawn_local(async move {
                if !browser_decodes(&file).await {
                    ask_worker(&job);
                } else if with_bridge(|bridge| bridge.is_running(job.id)) {
                    job.show_blob(&file, (0, 0), true);
                    finish(&job, None);
                }
            }),
            None => {}
        }
    }

    async fn browser_decodes(file: &Blob) -> bool {
        let Some(decoding) =
            web_sys::window().and_then(|window| window.create_image_bitmap_with_blob(file).ok())
        else {
            return false;
        };
        match JsFuture::from(decoding).await {
            Ok(bitmap) => {
                bitmap.unchecked_into::<ImageBitmap>().close();
                true
            }
            Err(_) => false,
        }
    }

    fn ask_worker(job: &PreviewJob) {
        let asked = with_bridge(|bridge| {
            let Some(running) = bridge.running.as_ref().filter(|running| running.queued.job.id == job.id)
            else {
                return Ok(());
            };
            let message = js_sys::Object::new();
            for (name, value) in [
                ("id", JsValue::from(job.id)),
                ("file", JsValue::from(&running.queued.file)),
                ("cover", JsValue::from(running.queued.cover)),
            ] {
                js_sys::Reflect::set(&message, &name.into(), &value).map_err(|_| NO_WORKER)?;
            }
            bridge.worker()?.post_message(&message).map_err(|_| NO_WORKER)
        });
        if let Err(reason) = asked {
            finish(job, Some(reason));
        }
    }

    /// Ends a job; with a reason also the worker, whose memory may be in any state.
    fn finish(job: &PreviewJob, failed: Option<&str>) {
        let ours = with_bridge(|bridge| {
            let ours = bridge.is_running(job.id);
            if ours {
                if failed.is_some() {
                    bridge.end_worker();
                }
                bridge.running = None;
            }
            ours
        });
        if ours {
            if let Some(reason) = failed {
                job.give_up(reason);
            }
            start_next();
        }
    }

    fn running_job() -> Option<PreviewJob> {
        with_bridge(|bridge| bridge.running.as_ref().map(|running| running.queued.job.clone()))
    }

    impl Started {
        fn new() -> Result<Self, &'static str> {
            let assets = Assets::of_page().ok_or(NO_WORKER)?;
            let wasm = js_sys::encode_uri_component(&assets.preview_worker_wasm);
            let worker =
                Worker::new(&format!("{}?wasm={wasm}", assets.preview_worker_js)).map_err(|_| NO_WORKER)?;
            let on_message =
                Closure::<dyn FnMut(MessageEvent)>::new(|event: MessageEvent| receive(&event.data()));
            let on_error = Closure::<dyn FnMut(ErrorEvent)>::new(|_| {
                if let Some(job) = running_job() {
                    finish(&job, Some(NO_WORKER));
                }
            });
            worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
            worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
            Ok(Self { worker, _on_message: on_message, _on_error: on_error })
        }
    }

    fn receive(data: &JsValue) {
        let field = |name: &str| js_sys::Reflect::get(data, &name.into()).unwrap_or(JsValue::UNDEFINED);
        let number = |name: &str| field(name).as_f64().unwrap_or(0.0) as u32;
        let Some(job) = running_job().filter(|job| job.id == number("id")) else { return };
        if field("kind").as_string().as_deref() != Some("preview") {
            let reason = field("message").as_string().unwrap_or_default();
            return finish(&job, Some(&reason));
        }
        let last = field("last").is_truthy();
        with_bridge(|bridge| bridge.browser_cannot = true);
        job.show_blob(field("blob").unchecked_ref(), (number("width"), number("height")), last);
        if last {
            finish(&job, None);
        }
    }

    #[derive(Deserialize)]
    struct Assets {
        preview_worker_js: String,
        preview_worker_wasm: String,
    }

    impl Assets {
        fn of_page() -> Option<Self> {
            let element = web_sys::window()?.document()?.get_element_by_id("assets")?;
            serde_json::from_str(&element.text_content()?).ok()
        }
    }
}
