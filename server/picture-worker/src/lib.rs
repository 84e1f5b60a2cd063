//! Makes the copies of a picture that staff, patients and carriers get, without ever decoding an
//! untrusted picture in the server's own process.
//!
//! The server hands the opened original to its [`PictureWorker`], which starts the server's own program
//! again with the hidden subcommand [`SUBCOMMAND`]. That child ([`child_main`]) limits itself before it
//! reads the first byte (memory, processor time, no files, no network, no programs), decodes the
//! original once, writes the wanted [`Rendition`]s to its standard output, and ends. Whatever a hostile
//! file makes of a decoder, it ends there. One child is kept started for the next picture.
//!
//! What every rendition is: upright, sRGB, transparency on white, without any metadata (so without
//! a GPS position), a baseline JPEG, never larger than the original.

mod child;
mod colour;
mod decode;
mod handover;
mod parent;
mod render;
mod sandbox;
mod wire;

pub use child::child_main;
pub use parent::{Developed, PictureError, PictureWorker, Rendition};
pub use wire::{Role, SUBCOMMAND, Shape, Wanted, WantedRendition};
