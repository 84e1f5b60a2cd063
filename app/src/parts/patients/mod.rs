//! Who a number belongs to.

pub mod form;
pub mod link;
pub mod panel;
pub mod person;
pub mod search;
