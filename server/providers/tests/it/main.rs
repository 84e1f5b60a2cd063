//! Carriers and the HTTP client against real sockets on this machine; nothing here reaches further.
//!
//! - `carriers`: one table for all carriers: what is asked of them, what their answers mean, and that neither
//!   logs nor `Debug` tell secrets
//! - `twilio`: its published signatures, alterations that must not pass, what it tells, read, and WhatsApp
//! - `telnyx`: its signature, its webhooks, and what a look at an account finds
//! - `messagemedia`: its signature, its webhooks, and how an account is looked at
//! - `smsbroadcast`: its answers in lines, its webhooks, and how an account is looked at
//! - `clicksend`: pictures handed over first, webhooks that carry a secret, and what a look at an account finds
//! - `guard`: addresses, redirects, credentials and sizes
//! - `network`: the simulated carrier, both sides together
//! - `recent`: what the carriers list of late, and what is made of it
//! - `vectors`: requests that the carriers' own libraries signed or accepted, and every change of them
//! - `openapi`: what we send against the carriers' own descriptions of it

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod carriers;
mod clicksend;
mod guard;
mod messagemedia;
mod network;
mod openapi;
mod recent;
mod smsbroadcast;
mod support;
mod telnyx;
mod twilio;
mod vectors;
