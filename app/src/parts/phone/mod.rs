//! The patient's phone, of the simulator.

pub mod bad_day;
pub mod photo;
pub mod screen;
