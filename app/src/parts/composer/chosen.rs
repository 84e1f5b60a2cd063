//! Pictures and files that were chosen and are not sent yet: checked, shown, uploaded.

use crate::api::messages;
use crate::browser;
use crate::parts::composer::upload::{Progress, Upload};
use crate::parts::preview::PreviewState;
use crate::parts::preview::file::FilePreview;
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::media::{AttachmentState, AttachmentView, MediaKind};
use model::{AttachmentId, Millis};
use picture::{FileKind, HEAD_BYTES, LinkedKind};
use wasm_bindgen_futures::JsFuture;
use web_sys::File;

/// Sides of the preview on its card, in CSS pixels.
pub const CARD_PX: u32 = 150;

/// A picture or a file on its way into a message.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// Of this page.
    pub key: String,
    name: String,
    size: u64,
    /// When the file was last changed, by the clock of its machine; unknown of one from an earlier visit.
    changed_at: Option<Millis>,
    preview: Shown,
    /// How far its upload has come.
    pub upload: ArcRwSignal<Progress>,
    /// What the server knows of it: also what the patient will get.
    pub attachment: ArcRwSignal<Option<AttachmentView>>,
    task: Upload,
}

#[derive(Debug, Clone)]
enum Shown {
    /// The picture, as it was chosen.
    Picture(FilePreview),
    /// Uploaded on an earlier visit: the server's tile, once it is known.
    Kept,
    /// Nothing: it is no picture.
    Linked(LinkedKind),
}

impl Chosen {
    /// Checks a file by its first bytes, and begins to show and to upload it; `on_stored` hears when the server has it.
    ///
    /// # Errors
    /// What it is and what is accepted, with the file's name, for people.
    pub async fn take(file: File, on_stored: impl Fn(&Self, AttachmentId) + 'static) -> Result<Self, String> {
        let name = file.name();
        let head = file.slice_with_f64_and_f64(0.0, HEAD_BYTES as f64).map_err(|_| unreadable(&name))?;
        let bytes = JsFuture::from(head.array_buffer()).await.map_err(|_| unreadable(&name))?;
        let head = js_sys::Uint8Array::new(&bytes).to_vec();
        let preview = match picture::check_file(&head).map_err(|refusal| format!("{name}: {refusal}"))? {
            FileKind::Picture(checked) => {
                let preview =
                    FilePreview::of(&file, checked.kind, CARD_PX).ok_or_else(|| unreadable(&name))?;
                preview.go_first().await;
                Shown::Picture(preview)
            }
            FileKind::Linked(kind) => Shown::Linked(kind),
        };
        let chosen = Self {
            key: browser::random_id(),
            name,
            size: file.size() as u64,
            changed_at: Some(file.last_modified() as Millis),
            preview,
            upload: ArcRwSignal::new(Progress::Sending(0.0)),
            attachment: ArcRwSignal::new(None),
            task: Upload::default(),
        };
        let uploaded = chosen.clone();
        spawn_local(async move {
            if let Shown::Picture(preview) = &uploaded.preview {
                preview.be_seen().await;
            }
            uploaded.begin(&file, on_stored);
        });
        Ok(chosen)
    }

    /// A picture that was uploaded before this page was loaded. What else there is to know of it, the server tells.
    pub(crate) fn again(id: AttachmentId) -> Self {
        Self {
            key: browser::random_id(),
            name: "Picture".to_owned(),
            size: 0,
            changed_at: None,
            preview: Shown::Kept,
            upload: ArcRwSignal::new(Progress::Done(id)),
            attachment: ArcRwSignal::new(None),
            task: Upload::default(),
        }
    }

    fn begin(&self, file: &File, on_stored: impl Fn(&Self, AttachmentId) + 'static) {
        let (upload, chosen) = (self.upload.clone(), self.clone());
        self.task.begin(file, move |progress| {
            let stored = if let Progress::Done(id) = progress { Some(id) } else { None };
            upload.set(progress);
            if let Some(id) = stored {
                on_stored(&chosen, id);
            }
        });
    }

    /// It was made of this file, as far as one can tell without reading it.
    pub(crate) fn is_of(&self, file: &File) -> bool {
        self.name == file.name()
            && self.size == file.size() as u64
            && self.changed_at == Some(file.last_modified() as Millis)
    }

    /// As the file is called.
    pub fn name(&self) -> String {
        self.fact(|attachment| attachment.file_name.clone()).unwrap_or_else(|| self.name.clone())
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.fact(|attachment| attachment.byte_size).unwrap_or(self.size)
    }

    /// Of a picture from an earlier visit the server alone knows.
    fn fact<T>(&self, of: impl Fn(&AttachmentView) -> T) -> Option<T> {
        matches!(self.preview, Shown::Kept).then(|| self.attachment.read().as_ref().map(of)).flatten()
    }

    /// What it is, where it is no picture: then it only goes as a private link.
    pub fn linked(&self) -> Option<LinkedKind> {
        match self.preview {
            Shown::Picture(_) => None,
            Shown::Kept => LinkedKind::from_media_type(&self.attachment.read().as_ref()?.media_type),
            Shown::Linked(kind) => Some(kind),
        }
    }

    /// What it is to whoever looks at it.
    pub fn kind(&self) -> MediaKind {
        self.linked().map_or(MediaKind::Image, |kind| MediaKind::of(kind.media_type()))
    }

    /// What to show; follows changes where signals are tracked.
    pub fn preview(&self) -> PreviewState {
        match &self.preview {
            Shown::Picture(preview) => preview.state(),
            Shown::Kept => match self.attachment.get() {
                None => PreviewState::Waiting,
                Some(AttachmentView { tile_url: Some(url), .. }) => PreviewState::at(url),
                Some(_) => PreviewState::Unavailable(String::new()),
            },
            Shown::Linked(_) => PreviewState::Unavailable(String::new()),
        }
    }

    /// An address under which the browser can show it now; follows changes where signals are tracked.
    pub fn address(&self) -> Option<String> {
        self.preview().url()
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
        if let Shown::Picture(preview) = &self.preview {
            preview.end();
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

fn unreadable(name: &str) -> String {
    format!("{name}: the browser cannot read this file. Choose it again.")
}

/// The files of a drop, a paste or an input.
pub(crate) fn files(list: Option<web_sys::FileList>) -> Vec<File> {
    let Some(list) = list else { return Vec::new() };
    (0..list.length()).filter_map(|at| list.item(at)).collect()
}
