//! Everything the product does, minus HTTP.
//!
//! Each area is a module of plain functions that take the [`Backend`], who is asking (a [`Caller`]) and what
//! for; the first thing each does is to ask whether the caller may. Nothing here names a status code or a
//! header. Work that outlives a request is a job, recorded in the same transaction as its reason, and no job
//! holds a transaction while it talks to the network.

pub mod alerts;
pub mod audit;
pub mod backup;
pub mod caller;
pub mod canary;
pub mod clock;
pub mod consent;
pub mod conversations;
pub mod demo;
pub mod doctor;
pub mod error;
pub mod images;
pub mod inbox;
pub mod jobs;
pub mod keys;
pub mod limits;
pub mod lines;
pub mod live;
pub mod media;
pub mod messages;
pub mod numbers;
pub mod operation;
pub mod organisations;
pub mod patients;
pub mod readiness;
pub mod reconcile;
pub mod reports;
pub mod schedule;
pub mod share_links;
pub mod sign_in;
pub mod staff;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tokens;
pub mod transfer;
pub mod whatsapp;

pub use caller::Caller;
pub use clock::Clock;
pub use error::{Error, Result};
pub use keys::Keys;
pub use media::blobs::Blobs;
pub use providers;
pub use store::Store;

use picture_worker::PictureWorker;
use std::sync::Arc;
use url::Url;

/// The product. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub struct Backend(Arc<Open>);

/// An open product: what it was made of, and what it keeps in memory.
struct Open {
    parts: Parts,
    journal: inbox::Journal,
    counted: limits::Counted,
    last_found: readiness::LastFound,
}

/// What a backend is made of.
pub struct Parts {
    /// The database, migrated.
    pub store: Store,
    /// Where originals and renditions lie.
    pub blobs: Blobs,
    /// The outbound HTTP client.
    pub http: providers::Http,
    /// Decodes pictures, in processes of its own.
    pub pictures: Arc<PictureWorker>,
    /// What time it is.
    pub clock: Clock,
    /// What is sealed, and under what numbers are found.
    pub keys: Keys,
    /// What the operator decided.
    pub settings: Settings,
    /// Tells open screens and idle workers that something happened.
    pub live: live::Hub,
}

/// What the operator decided.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The public base of links and webhooks, without a trailing slash.
    pub app_url: Url,
    /// Bytes of one uploaded or fetched file, at most.
    pub max_media_bytes: u64,
    /// `false` refuses sending with a clear reason and goes on receiving.
    pub messaging_enabled: bool,
    /// Every line is a simulator.
    pub mock_mode: bool,
    /// How often everyone may ask.
    pub limits: limits::PerMinute,
}

impl Backend {
    /// Puts the parts together. Jobs run once [`jobs::work`] is started.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Open {
            parts,
            journal: inbox::Journal::default(),
            counted: limits::Counted::default(),
            last_found: readiness::LastFound::default(),
        }))
    }

    /// Where webhooks wait for the next commit.
    pub(crate) fn journal(&self) -> &inbox::Journal {
        &self.0.journal
    }

    /// What this process has counted for [`limits`].
    pub(crate) fn counted(&self) -> &limits::Counted {
        &self.0.counted
    }

    /// What was found last of what can be written.
    pub(crate) fn last_found(&self) -> &readiness::LastFound {
        &self.0.last_found
    }
}

impl std::ops::Deref for Backend {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}
