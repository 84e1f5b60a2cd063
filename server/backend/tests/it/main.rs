//! Stories across the backend's areas, on each engine.
#![expect(clippy::unwrap_used, reason = "a story may panic")]

mod accounts;
mod blobs;
mod carriers;
mod cost;
mod demo;
mod detours;
mod fetching;
mod fitting;
mod images;
mod inbox;
mod jobs;
mod keys;
mod leaving;
mod lines;
mod linked_files;
mod links;
mod media;
mod messaging;
mod mms;
mod passwords;
mod patients;
mod people;
mod photos;
mod reported;
mod reports;
mod search;
mod senders;
mod sending;
mod templates;
mod threads;
mod twilio;
mod whatsapp;
