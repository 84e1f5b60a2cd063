//! The process as the world meets it: real HTTP on loopback, a real database, the simulated carrier.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod api_page;
mod bad_day;
mod carriers;
mod doors;
mod found_later;
mod full_disk;
mod journey;
mod keys;
mod limits;
mod lines;
mod links;
mod logs;
mod messages;
mod metrics;
mod moving;
mod operation;
mod processes;
mod repeating;
mod reports;
mod roles;
mod running;
mod setting_up;
mod story;
mod twilio;
mod whatsapp;
