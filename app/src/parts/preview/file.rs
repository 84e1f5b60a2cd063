//! A picture file on the screen: shown by the browser itself, or as HEIC by the worker of the previews.

#[cfg(feature = "hydrate")]
use crate::parts::preview;
use crate::parts::preview::PreviewState;
#[cfg(feature = "hydrate")]
use leptos::prelude::untrack;
use picture::PictureKind;
use web_sys::{Blob, Url};

/// About a frame: nobody sees that a card appears in the next one.
#[cfg(feature = "hydrate")]
const FRAME_MS: u32 = 16;

/// A fifth of a second.
#[cfg(feature = "hydrate")]
const FRAMES_TO_WAIT: u32 = 12;

/// What is shown of a file. Whoever begins it ends it, once the picture is no longer shown.
#[derive(Debug, Clone)]
pub enum FilePreview {
    /// The browser shows the file, under this address.
    Address(String),
    /// A picture is made of it.
    #[cfg(feature = "hydrate")]
    Made(preview::PreviewJob),
}

impl FilePreview {
    /// Begins to show a file in a square box with sides of `box_px` CSS pixels. `None` where the browser has no room.
    pub fn of(file: &Blob, kind: PictureKind, box_px: u32) -> Option<Self> {
        #[cfg(feature = "hydrate")]
        if kind == PictureKind::Heic {
            return Some(Self::Made(preview::preview(file.clone(), box_px)));
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = (kind, box_px);
        Url::create_object_url_with_blob(file).ok().map(Self::Address)
    }

    /// Lets a worker start, which needs this thread for a moment: drawing a card would hold it up.
    pub async fn go_first(&self) {
        #[cfg(feature = "hydrate")]
        if let Self::Made(_) = self {
            gloo_timers::future::TimeoutFuture::new(FRAME_MS).await;
        }
    }

    /// Waits for the picture, though not for long: until it is there, an upload would take the processor from it.
    pub async fn be_seen(&self) {
        #[cfg(feature = "hydrate")]
        if let Self::Made(_) = self {
            for _ in 0..FRAMES_TO_WAIT {
                if !matches!(untrack(|| self.state()), PreviewState::Waiting | PreviewState::Converting) {
                    return;
                }
                gloo_timers::future::TimeoutFuture::new(FRAME_MS).await;
            }
        }
    }

    /// What to show now; follows changes where signals are tracked.
    pub fn state(&self) -> PreviewState {
        match self {
            Self::Address(url) => PreviewState::at(url.clone()),
            #[cfg(feature = "hydrate")]
            Self::Made(job) => job.state(),
        }
    }

    /// Stops the work and gives the picture's memory back.
    pub fn end(&self) {
        match self {
            Self::Address(url) => {
                // An object URL that is not ours to revoke does not exist: revoking never fails.
                let _ = Url::revoke_object_url(url);
            }
            #[cfg(feature = "hydrate")]
            Self::Made(job) => job.cancel(),
        }
    }
}
