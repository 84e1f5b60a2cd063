//! How many webhooks a second become durable: signed Twilio MMS webhooks over HTTP, from another process.

pub mod clinic;
pub mod disk;
pub mod drive;
pub mod files;
pub mod sign;
