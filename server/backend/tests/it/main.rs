//! Stories across the backend's areas, on each engine.
#![expect(clippy::unwrap_used, reason = "a story may panic")]

mod blobs;
mod carriers;
mod cost;
mod fetching;
mod images;
mod inbox;
mod jobs;
mod keys;
mod leaving;
mod lines;
mod links;
mod media;
mod messaging;
mod mms;
mod patients;
mod people;
mod photos;
mod reported;
mod reports;
mod senders;
mod sending;
mod threads;
mod twilio;
mod whatsapp;
