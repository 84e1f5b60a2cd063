//! Server functions: the doors through which the page asks the backend, one file per area.
//!
//! Each one first asks who is there and then makes one backend call. They live under `/api/ui/…`, speak JSON
//! both ways and answer errors in the one shape.

pub mod images;
pub mod inbox;
pub mod links;
pub mod messages;
pub mod operation;
pub mod patients;
pub mod reports;
pub mod session;
pub mod settings;
pub mod whatsapp;

mod failure;
pub use failure::ApiFailure;
#[cfg(feature = "ssr")]
pub use failure::status;

#[cfg(feature = "ssr")]
mod caller;
#[cfg(feature = "ssr")]
pub use caller::SESSION_COOKIE;
#[cfg(feature = "ssr")]
pub(crate) use caller::{backend, cookie, cookie_of, session_token, signed_in};

/// What a server function answers.
pub type Answer<T> = Result<T, ApiFailure>;
