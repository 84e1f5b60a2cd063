//! The preview of a photo that the browser cannot show by itself: HEIC.
//!
//! `preview` hands the file to a Web Worker with a wasm of its own (`frontend/preview-worker`). The
//! worker starts on first use, does one job at a time, is ended when its job is cancelled, takes too
//! long or goes wrong, and is gone after ten idle seconds. While it starts, the page already fetches
//! and compiles its wasm, which outlives the worker, and reads the file. Nothing that a file contains
//! can freeze the page. Where the browser decodes HEIC itself no worker is loaded. Kinds that every
//! browser shows (JPEG, PNG, GIF, WebP) need none of this: an object URL of the file is their preview.
//!
//! The page names the worker's files in an element that the server renders:
//! `<script type="application/json" id="assets">{"preview_worker_js":"…","preview_worker_wasm":"…"}</script>`.

pub mod file;
pub mod picture;

use std::sync::Arc;

/// What to show for one photo, from chosen to settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreviewState {
    /// Nothing yet, and too early for a spinner.
    Waiting,
    /// 100 ms have passed: "Converting HEIC image…".
    Converting,
    /// A picture; a better one may follow and take its place.
    Ready(Picture),
    /// No preview, for the reason given in a sentence. The upload goes on.
    Unavailable(String),
}

/// A picture, upright and in sRGB: as pixels, as an address, or as both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What our worker decoded. A canvas shows it in the next frame, where an `<img>` would load and decode again.
    pub pixels: Option<Pixels>,
    /// What an `<img>` can show: an object URL, valid until the job is cancelled. Follows the pixels a moment later, as
    /// a JPEG under 200 KB; where the browser itself decodes, it is all there is.
    pub url: Option<String>,
}

/// Decoded pixels.
#[derive(Clone, PartialEq, Eq)]
pub struct Pixels {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Four bytes each: red, green, blue, 255; row by row.
    pub rgba: Arc<[u8]>,
}

impl std::fmt::Debug for Pixels {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Pixels({} x {})", self.width, self.height)
    }
}

impl PreviewState {
    /// A picture that an `<img>` shows.
    pub fn at(url: String) -> Self {
        Self::Ready(Picture { pixels: None, url: Some(url) })
    }

    /// The address, once there is one.
    pub fn url(self) -> Option<String> {
        match self {
            Self::Ready(picture) => picture.url,
            _ => None,
        }
    }

    /// What of it is to be seen. The address of a picture that is painted already changes nothing.
    pub fn seen(self) -> Self {
        match self {
            Self::Ready(Picture { pixels: Some(pixels), .. }) => {
                Self::Ready(Picture { pixels: Some(pixels), url: None })
            }
            other => other,
        }
    }
}

#[cfg(feature = "hydrate")]
pub use browser::{PreviewJob, ask_browser, preview};

#[cfg(feature = "hydrate")]
mod browser {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;

    use gloo_timers::callback::Timeout;
    use js_sys::{Function, Promise, Reflect, Uint8ClampedArray, WebAssembly};
    use leptos::prelude::{ArcRwSignal, Get, GetUntracked, Set};
    use serde::Deserialize;
    use wasm_bindgen::prelude::*;
    use wasm_bindgen_futures::JsFuture;
    use web_sys::{Blob, ErrorEvent, ImageBitmap, MessageEvent, Url, Worker};

    use super::{Picture, Pixels, PreviewState};

    const SPINNER_AFTER_MS: u32 = 100;
    const MOST_BYTES: f64 = 60_000_000.0;
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
            if let Some(url) = self.state.get_untracked().url() {
                // An object URL that is not ours to revoke does not exist: revoking never fails.
                let _ = Url::revoke_object_url(&url);
            }
            self.state.set(next);
        }

        /// Gives what is shown an address; what was shown before has been painted from its pixels.
        fn address(&self, blob: &Blob) {
            let pixels = match self.state.get_untracked() {
                PreviewState::Ready(picture) => picture.pixels,
                _ => None,
            };
            match Url::create_object_url_with_blob(blob) {
                Ok(url) => self.show(PreviewState::Ready(Picture { pixels, url: Some(url) })),
                Err(_) => self.give_up("The browser has no room for a preview."),
            }
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
        /// The worker's wasm, fetched and compiled; a promise of it while that goes on.
        module: Option<Promise>,
        idle: Option<Timeout>,
        /// The browser does not know HEIC, or refused one that our worker could read: no use in asking it again.
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

        fn module(&mut self) -> Result<Promise, &'static str> {
            if self.module.is_none() {
                let window = web_sys::window().ok_or(NO_WORKER)?;
                let response = window.fetch_with_str(&Assets::of_page()?.preview_worker_wasm);
                self.module = Some(WebAssembly::compile_streaming(&response));
            }
            self.module.clone().ok_or(NO_WORKER)
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
                    job.address(&file);
                    finish(&job, None);
                }
            }),
            None => {}
        }
    }

    /// Learns whether the browser says that it cannot decode HEIC, so that the first photo need not be tried on it.
    /// Where it says that it can, or nothing, the photo decides. Costs no network; call it before there is a photo.
    pub fn ask_browser() {
        // Not in web-sys without its unstable interfaces.
        let says = Reflect::get(&js_sys::global(), &"ImageDecoder".into())
            .and_then(|decoder| Ok((Reflect::get(&decoder, &"isTypeSupported".into())?, decoder)))
            .and_then(|(method, decoder)| {
                method.dyn_into::<Function>()?.call1(&decoder, &"image/heic".into())
            })
            .and_then(|answer| answer.dyn_into::<Promise>());
        if let Ok(says) = says {
            wasm_bindgen_futures::spawn_local(async move {
                if JsFuture::from(says).await.is_ok_and(|can| can.is_falsy()) {
                    with_bridge(|bridge| bridge.browser_cannot = true);
                }
            });
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

    /// Begins three things at once, since each takes its time: the worker, its wasm, and reading the file.
    fn ask_worker(job: &PreviewJob) {
        let begun = with_bridge(|bridge| {
            let Some(running) = bridge.running.as_ref().filter(|running| running.queued.job.id == job.id)
            else {
                return Ok(None);
            };
            let Queued { file, cover, .. } = &running.queued;
            if file.size() > MOST_BYTES {
                return Err("This photo is too large to be shown here.");
            }
            let (bytes, cover) = (file.array_buffer(), *cover);
            bridge.worker()?;
            Ok(Some((bridge.module()?, bytes, cover)))
        });
        match begun {
            Ok(Some((module, bytes, cover))) => {
                let job = job.clone();
                wasm_bindgen_futures::spawn_local(async move {
                    if let Err(reason) = hand_over(&job, module, bytes, cover).await {
                        finish(&job, Some(reason));
                    }
                });
            }
            Ok(None) => {}
            Err(reason) => finish(job, Some(reason)),
        }
    }

    async fn hand_over(
        job: &PreviewJob,
        module: Promise,
        bytes: Promise,
        cover: u32,
    ) -> Result<(), &'static str> {
        let module = JsFuture::from(module).await.map_err(|_| {
            with_bridge(|bridge| bridge.module = None);
            NO_WORKER
        })?;
        let bytes = JsFuture::from(bytes).await.map_err(|_| "The browser cannot read this file.")?;
        with_bridge(|bridge| {
            if !bridge.is_running(job.id) {
                return Ok(());
            }
            let message = js_sys::Object::new();
            for (name, value) in [
                ("id", &JsValue::from(job.id)),
                ("module", &module),
                ("bytes", &bytes),
                ("cover", &JsValue::from(cover)),
            ] {
                Reflect::set(&message, &name.into(), value).map_err(|_| NO_WORKER)?;
            }
            bridge
                .worker()?
                .post_message_with_transfer(&message, &js_sys::Array::of1(&bytes))
                .map_err(|_| NO_WORKER)
        })
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
            let worker = Worker::new(&Assets::of_page()?.preview_worker_js).map_err(|_| NO_WORKER)?;
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
        let field = |name: &str| Reflect::get(data, &name.into()).unwrap_or(JsValue::UNDEFINED);
        let number = |name: &str| field(name).as_f64().unwrap_or(0.0) as u32;
        let Some(job) = running_job().filter(|job| job.id == number("id")) else { return };
        match field("kind").as_string().as_deref() {
            Some("pixels") => {
                with_bridge(|bridge| bridge.browser_cannot = true);
                let rgba = field("rgba").unchecked_into::<Uint8ClampedArray>().to_vec();
                let pixels = Pixels { width: number("width"), height: number("height"), rgba: rgba.into() };
                job.show(PreviewState::Ready(Picture { pixels: Some(pixels), url: None }));
            }
            Some("jpeg") => {
                job.address(field("blob").unchecked_ref());
                finish(&job, None);
            }
            _ => finish(&job, Some(&field("message").as_string().unwrap_or_default())),
        }
    }

    #[derive(Deserialize)]
    struct Assets {
        preview_worker_js: String,
        preview_worker_wasm: String,
    }

    impl Assets {
        fn of_page() -> Result<Self, &'static str> {
            web_sys::window()
                .and_then(|window| window.document()?.get_element_by_id("assets")?.text_content())
                .and_then(|text| serde_json::from_str(&text).ok())
                .ok_or(NO_WORKER)
        }
    }
}
