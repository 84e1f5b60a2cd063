//! What the organisation calls its people.

use crate::api::session::Session;
use leptos::prelude::*;

/// The organisation's word for one of its people, in the forms that sentences need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonWord {
    /// `patient`
    pub one: String,
    /// `patients`
    pub many: String,
    /// `Patients`
    pub title: String,
}

impl PersonWord {
    /// The word of the organisation that is signed in to.
    pub fn of_page() -> Self {
        Self::new(&expect_context::<Session>().me.organisation.person_word)
    }

    fn new(word: &str) -> Self {
        let many = match word.strip_suffix('y') {
            Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
            _ if word.ends_with(['s', 'x']) || word.ends_with("ch") || word.ends_with("sh") => {
                format!("{word}es")
            }
            _ if word == "person" => "people".to_owned(),
            _ => format!("{word}s"),
        };
        let mut letters = many.chars();
        let title = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        Self { one: word.to_owned(), many, title }
    }
}

#[cfg(test)]
mod tests {
    use super::PersonWord;

    #[test]
    fn speaks_of_several() {
        let many = |word| PersonWord::new(word).title;
        assert_eq!(many("patient"), "Patients");
        assert_eq!(many("family"), "Families");
        assert_eq!(many("person"), "People");
        assert_eq!(many("parish"), "Parishes");
    }
}
