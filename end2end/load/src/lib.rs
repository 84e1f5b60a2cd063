//! Heliograph under load and under fire: what the benchmarks of the server and the crash test have in common.
//!
//! Each program in `bin/` is started by `cargo xtask` and asks a Heliograph in processes of its own.

pub mod inbox;
pub mod torture;
pub mod webhooks;
