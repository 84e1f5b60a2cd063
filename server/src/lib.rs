//! The process around the product: HTTP in, HTTP out, and the command line.
//!
//! Nothing is decided here. A handler finds out who asks, makes one call to the backend and translates its
//! answer. [`routes`] has the whole URL map, [`config`] every setting, [`cli`] every command.

// The types of whole pages are deep: every element stands in the type of the one around it.
#![recursion_limit = "512"]

pub mod cli;
pub mod config;
pub mod setup;

mod app_state;
mod failure;
mod guards;
mod guides;
mod links;
mod listening;
mod live;
mod media;
mod metrics;
mod pages;
mod rest;
pub mod routes;
mod serve;
mod session;
mod simulator;
mod uploads;
mod webhooks;

pub use app_state::{App, AppParts};
pub use serve::{serve, serve_beside};
pub use webhooks::unkept as unkept_webhooks;
