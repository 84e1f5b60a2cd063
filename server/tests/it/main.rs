//! The process as the world meets it: real HTTP on loopback, a real database, the simulated carrier.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod api_page;
mod doors;
mod journey;
mod keys;
mod links;
mod repeating;
mod roles;
mod running;
mod twilio;
