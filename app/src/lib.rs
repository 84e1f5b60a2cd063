//! app
pub mod parts { pub mod preview; }
