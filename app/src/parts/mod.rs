//! One file per live piece of a screen.

pub mod alerts;
pub mod filed_picture;
pub mod gallery;
pub mod image_upload;
pub mod image_viewer;
pub mod live;
pub mod rail;
pub mod shortcuts;
pub mod sign_out;

pub mod inbox_list;
pub mod inbox_state;
pub mod new_conversation;

pub mod bubble;
pub mod file_card;
pub mod link_line;
pub mod picture_fate;
mod scroll;
pub mod sent_pictures;
pub mod thread;
pub mod thread_item;
mod thread_slice;
pub mod thread_state;

pub mod chosen;
pub mod chosen_card;
pub mod composer;
pub mod drafts;
pub mod file_preview;
pub mod link_choice;
pub mod number_picker;
pub mod preview;
pub mod preview_picture;
pub mod route_line;
pub mod template_choice;
pub mod upload;
pub mod whatsapp_window;

pub mod filing;
pub mod link_patient;
pub mod opted_out;
pub mod outbox;
pub mod patient_panel;
pub mod patient_search;
pub mod viewer;

pub mod bad_day;
pub mod pager;
pub mod patient_form;
pub mod person;
pub mod phone_photo;
pub mod phone_screen;
pub mod query_search;
pub mod submission;
pub mod transfer;
