//! Twilio: its published signatures, alterations that must not pass, what it tells, read, and WhatsApp.

mod signature;
mod webhooks;
mod whatsapp;
