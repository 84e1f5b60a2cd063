//! Pictures that were chosen and are not sent yet: checked, shown, uploaded.

use crate::api::messages;
use crate::browser;
use crate::parts::live::{Live, News};
#[cfg(feature = "hydrate")]
use crate::parts::preview;
use crate::parts::preview::{Picture, PreviewState};
use crate::parts::upload::{Progress, Upload};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::live::Change;
use model::media::{AttachmentState, AttachmentView};
use model::message::MAX_ATTACHMENTS;
use model::{AttachmentId, ConversationId, StaffId};
use picture::{HEAD_BYTES, PictureKind};
use wasm_bindgen_futures::JsFuture;
use web_sys::File;

/// Sides of the preview on its card, in CSS pixels.
pub const CARD_PX: u32 = 150;

/// A picture on its way into a message.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// Of this page.
    pub key: String,
    /// As the file is called.
    pub name: String,
    /// In bytes.
    pub size: u64,
    preview: Shown,
    /// How far its upload has come.
    pub upload: ArcRwSignal<Progress>,
    /// What the server knows of it: also what the patient will get.
    pub attachment: ArcRwSignal<Option<AttachmentView>>,
    task: Upload,
}

#[derive(Debug, Clone)]
enum Shown {
    /// The browser shows this by itself: the file, or a tile of the server.
    Address(String),
    #[cfg(feature = "hydrate")]
    Made(preview::PreviewJob),
}

impl Chosen {
    /// Checks a file by its first bytes, and begins to show and to upload it.
    ///
    /// # Errors
    /// What it is and what is accepted, with the file's name, for people.
    pub async fn take(file: File) -> Result<Self, String> {
        let name = file.name();
        let head = file.slice_with_f64_and_f64(0.0, HEAD_BYTES as f64).map_err(|_| unreadable(&name))?;
        let bytes = JsFuture::from(head.array_buffer()).await.map_err(|_| unreadable(&name))?;
        let head = js_sys::Uint8Array::new(&bytes).to_vec();
        let checked = picture::check(&head).map_err(|refusal| format!("{name}: {refusal}"))?;
        let preview = Shown::of(&file, checked.kind).ok_or_else(|| unreadable(&name))?;
        let chosen = Self {
            key: browser::random_id(),
            name,
            size: file.size() as u64,
            preview,
            upload: ArcRwSignal::new(Progress::Sending(0.0)),
            attachment: ArcRwSignal::new(None),
            task: Upload::default(),
        };
        chosen.begin(&file);
        Ok(chosen)
    }

    /// A picture that was uploaded before this page was loaded.
    pub fn again(attachment: AttachmentView) -> Self {
        Self {
            key: browser::random_id(),
            name: attachment.file_name.clone(),
            size: attachment.byte_size,
            preview: Shown::Address(attachment.tile_url.clone().unwrap_or_default()),
            upload: ArcRwSignal::new(Progress::Done(attachment.id)),
            attachment: ArcRwSignal::new(Some(attachment)),
            task: Upload::default(),
        }
    }

    fn begin(&self, file: &File) {
        let (upload, chosen) = (self.upload.clone(), self.clone());
        self.task.begin(file, move |progress| {
            if let Progress::Done(id) = progress {
                chosen.look(id);
            }
            upload.set(progress);
        });
    }

    /// Reads what the server has made of it by now.
    fn look(&self, id: AttachmentId) {
        let attachment = self.attachment.clone();
        spawn_local(async move {
            if let Ok(view) = messages::attachment(id).await {
                attachment.set(Some(view));
            }
        });
    }

    /// What to show; follows changes where signals are tracked.
    pub fn preview(&self) -> PreviewState {
        match &self.preview {
            Shown::Address(url) if url.is_empty() => PreviewState::Unavailable(String::new()),
            Shown::Address(url) => {
                PreviewState::Ready(Picture { url: url.clone(), width: 0, height: 0, settled: true })
            }
            #[cfg(feature = "hydrate")]
            Shown::Made(job) => job.state(),
        }
    }

    /// An address under which the browser can show it now, for the message as it is sent.
    pub fn address(&self) -> Option<String> {
        let tile = self.attachment.get_untracked().and_then(|attachment| attachment.tile_url);
        tile.or_else(|| match untrack(|| self.preview()) {
            PreviewState::Ready(picture) => Some(picture.url),
            _ => None,
        })
    }

    /// Its id, once it is uploaded.
    pub fn id(&self) -> Option<AttachmentId> {
        match self.upload.get() {
            Progress::Done(id) => Some(id),
            _ => None,
        }
    }

    /// Ends whatever is under way; `discard` also drops it on the server.
    pub fn drop_it(&self, discard: bool) {
        self.task.abort();
        match &self.preview {
            Shown::Address(url) if url.starts_with("blob:") => {
                let _ = web_sys::Url::revoke_object_url(url);
            }
            Shown::Address(_) => {}
            #[cfg(feature = "hydrate")]
            Shown::Made(job) => job.cancel(),
        }
        if let (true, Progress::Done(id)) = (discard, self.upload.get_untracked()) {
            spawn_local(async move {
                // The server drops what is never sent by itself, later.
                let _ = messages::discard_upload(id).await;
            });
        }
    }

    /// The server is making its copies.
    pub fn is_processing(&self) -> bool {
        self.attachment
            .read()
            .as_ref()
            .is_none_or(|attachment| attachment.state == AttachmentState::Processing)
    }
}

impl Shown {
    fn of(file: &File, kind: PictureKind) -> Option<Self> {
        #[cfg(feature = "hydrate")]
        if kind == PictureKind::Heic {
            return Some(Self::Made(preview::preview(file.clone(), CARD_PX)));
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = kind;
        web_sys::Url::create_object_url_with_blob(file).ok().map(Self::Address)
    }
}

fn unreadable(name: &str) -> String {
    format!("{name}: the browser cannot read this file. Choose it again.")
}

/// What is being written in one conversation; it outlives leaving the thread.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The text.
    pub text: ArcRwSignal<String>,
    /// The pictures, in order.
    pub chosen: ArcRwSignal<Vec<Chosen>>,
    /// Where the text is kept beyond the page.
    name: String,
}

/// Everything that is being written; a context of the page.
#[derive(Debug, Clone, Copy)]
pub struct Drafts {
    me: StaffId,
    all: StoredValue<Vec<(ConversationId, Draft)>>,
}

impl Drafts {
    /// Those of one member of staff: a browser may be shared.
    pub fn new(me: StaffId) -> Self {
        Self { me, all: StoredValue::new(Vec::new()) }
    }

    /// Forgets what was kept of them beyond the page.
    pub fn forget(me: StaffId) {
        browser::forget_below(&drafts_of(me));
    }

    /// The draft in a conversation. In the browser it begins with the text that was kept.
    pub fn of(self, id: ConversationId) -> Draft {
        let known = self
            .all
            .with_value(|all| all.iter().find(|(other, _)| *other == id).map(|(_, draft)| draft.clone()));
        known.unwrap_or_else(|| {
            let draft = Draft {
                text: ArcRwSignal::default(),
                chosen: ArcRwSignal::default(),
                name: format!("{}{id}", drafts_of(self.me)),
            };
            self.all.update_value(|all| all.push((id, draft.clone())));
            draft
        })
    }

    /// Looks again at uploads that the server has worked on; call it once.
    pub fn follow(self, live: Live) {
        Effect::new(move |_| {
            live.listen(move |news| {
                let changed = match news {
                    News::Change(Change::UploadChanged { attachment_id }) => Some(attachment_id),
                    News::Reload => None,
                    News::Change(_) => return,
                };
                let drafts: Vec<Draft> =
                    self.all.with_value(|all| all.iter().map(|(_, draft)| draft.clone()).collect());
                for chosen in drafts.iter().flat_map(|draft| draft.chosen.get_untracked()) {
                    if let Progress::Done(id) = chosen.upload.get_untracked()
                        && changed.is_none_or(|changed| changed == id)
                    {
                        chosen.look(id);
                    }
                }
            });
        });
    }
}

/// What the names begin with under which drafts are kept.
fn drafts_of(me: StaffId) -> String {
    format!("heliograph.draft.{me}.")
}

impl Draft {
    /// Brings back the text and the pictures that were kept from an earlier visit.
    pub fn restore(&self) {
        if self.text.read_untracked().is_empty()
            && let Some(kept) = browser::kept(&self.name)
        {
            self.text.set(kept);
        }
        let ids = browser::kept(&format!("{}.pictures", self.name)).unwrap_or_default();
        if self.chosen.read_untracked().is_empty() {
            for id in ids.split(',').filter_map(|id| id.parse::<AttachmentId>().ok()) {
                let chosen = self.chosen.clone();
                spawn_local(async move {
                    if let Ok(view) = messages::attachment(id).await {
                        chosen.update(|all| all.push(Chosen::again(view)));
                    }
                });
            }
        }
    }

    /// Keeps text and uploaded pictures beyond the page; follows changes where signals are tracked.
    pub fn keep(&self) {
        browser::keep(&self.name, &self.text.read());
        let ids: Vec<String> =
            self.chosen.read().iter().filter_map(Chosen::id).map(|id| id.to_string()).collect();
        browser::keep(&format!("{}.pictures", self.name), &ids.join(","));
    }

    /// Takes files in, up to the number that a message may carry. Answers what was refused, in words.
    pub async fn add(&self, files: Vec<File>) -> Vec<String> {
        let mut refused = Vec::new();
        for file in files {
            if self.chosen.read_untracked().len() >= MAX_ATTACHMENTS {
                refused
                    .push(format!("{}: a message carries at most {MAX_ATTACHMENTS} pictures.", file.name()));
                continue;
            }
            match Chosen::take(file).await {
                Ok(chosen) => self.chosen.update(|all| all.push(chosen)),
                Err(reason) => refused.push(reason),
            }
        }
        refused
    }

    /// Takes a picture out again.
    pub fn remove(&self, key: &str) {
        let gone = self
            .chosen
            .try_update(|all| all.iter().position(|chosen| chosen.key == key).map(|at| all.remove(at)));
        if let Some(Some(gone)) = gone {
            gone.drop_it(true);
        }
    }
}

/// The files of a drop, a paste or an input.
pub(crate) fn files(list: Option<web_sys::FileList>) -> Vec<File> {
    let Some(list) = list else { return Vec::new() };
    (0..list.length()).filter_map(|at| list.item(at)).collect()
}
