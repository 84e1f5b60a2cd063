//! Twilio: its published signatures, alterations that must not pass, and what it tells, read.

mod signature;
mod webhooks;
