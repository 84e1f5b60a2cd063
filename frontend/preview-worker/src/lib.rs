//! Shows an iPhone photo in a browser that cannot: HEIC bytes in, upright sRGB pixels out.
//!
//! Built as a wasm of its own that `worker.js` fetches when the first HEIC is chosen, so whoever
//! sends JPEGs never downloads it. The exports are plain (see [`abi`]): allocate, decode, free.
//! Everything else is safe Rust and runs natively in the tests.

pub mod abi;
mod colour;
mod container;
mod decode;
mod reduced;
mod shrink;

pub use decode::{Limits, Pixels, Refusal, thumbnail, whole};
