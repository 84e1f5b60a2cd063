//! The list of conversations, and beginning a new one.

pub mod list;
pub mod new_conversation;
pub mod state;
