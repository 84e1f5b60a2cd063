//! What staff see and may ask for.
//!
//! Compiled twice: with `ssr` into the server, which renders every page once, and with `hydrate` into the
//! browser's wasm, which brings that page to life and from then on renders alone.
//!
//! - [`pages`]: one file per screen; [`App`] is their table
//! - [`parts`]: one file per live piece of a screen
//! - [`ui`]: small blocks that know nothing of the product
//! - [`api`]: server functions, one file per area

// The types of whole pages are deep: every element stands in the type of the one around it.
#![recursion_limit = "512"]
#![expect(
    clippy::needless_pass_by_value,
    reason = "a component is given its props, whether it keeps them or not"
)]

pub mod api;
pub mod pages;
pub mod parts;
pub mod ui;

mod browser;
#[cfg(feature = "ssr")]
mod shell;

pub use pages::App;
#[cfg(feature = "ssr")]
pub use shell::{Assets, MediaOrigins, shell};
