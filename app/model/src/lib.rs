//! The typed vocabulary that the browser, the server and the backend share.
//!
//! Plain data and pure functions: nothing here performs I/O, awaits, reads a clock or makes an id.
//! Types that cross the wire are promises; `tests/wire.rs` holds a snapshot of each.
//!
//! Instants are [`Millis`]: whole milliseconds since the Unix epoch, in UTC.

pub mod comparison;
pub mod conversation;
pub mod failure;
pub mod ids;
pub mod line;
pub mod link;
pub mod live;
pub mod media;
pub mod message;
mod money;
pub mod operation;
pub mod patient;
pub mod phone;
pub mod report;
pub mod routing;
pub mod segments;
pub mod simulator;
pub mod staff;
pub mod whatsapp;
mod words;

pub use failure::{Failure, FailureCode};
pub use ids::*;
pub use phone::{Address, PhoneNumber};

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// One screenful of a longer list, and where it goes on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// In the order the call documents.
    pub items: Vec<T>,
    /// Give this back as `cursor` to get what follows; absent at the end. Opaque to callers.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The same page with every item changed by `f`.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}
