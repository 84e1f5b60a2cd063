//! A large organisation, and how long it takes to look at it.

pub mod fill;
pub mod measure;

mod database;
mod words;
