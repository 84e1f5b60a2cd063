//! The pictures of a patient's record.

pub mod filed;
pub mod gallery;
pub mod upload;
pub mod viewer;
