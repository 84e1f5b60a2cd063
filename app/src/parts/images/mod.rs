//! The pictures of a patient's record.

pub mod filed;
pub mod gallery;
pub mod upload;
pub mod viewer;

use model::media::Category;

/// Words and names of the categories, for a choice.
pub fn category_options() -> Vec<(String, String)> {
    Category::ALL.iter().map(|category| (category.as_str().to_owned(), category.label().to_owned())).collect()
}
