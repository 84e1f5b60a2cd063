//! The live pieces of the screens, by what they are about. One file per piece.

pub mod composer;
pub mod images;
pub mod inbox;
pub mod patients;
pub mod phone;
pub mod preview;
pub mod thread;

pub mod alerts;
pub mod live;
pub mod pager;
pub mod query_search;
pub mod rail;
pub mod shortcuts;
pub mod sign_out;
pub mod submission;
pub mod transfer;
