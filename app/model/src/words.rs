//! The words under which closed lists are stored and cross the wire.

/// Gives an enum its list of variants and the word of each; the words must be those of its serialised form.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every variant, in the order of their declaration.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The word in the store and on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// The variant of a word, the reverse of [`as_str`](Self::as_str).
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    use crate::{
        line::{Currency, ProviderKind, Verification},
        link::LinkState,
        media::*,
        message::*,
        operation::AlertKind,
        report::GroupBy,
        staff::Role,
        whatsapp::TemplateState,
    };

    #[test]
    fn words_are_those_of_the_wire() {
        macro_rules! agree {
            ($($name:ident),+) => {$(
                for variant in $name::ALL {
                    let on_the_wire = serde_json::to_value(variant).expect("a unit variant serialises");
                    assert_eq!(on_the_wire, variant.as_str(), "{variant:?}");
                    assert_eq!($name::from_word(variant.as_str()), Some(variant));
                }
            )+};
        }
        agree!(
            Direction,
            Channel,
            DeliveryState,
            RenditionRole,
            MediaKind,
            AttachmentState,
            Category,
            Role,
            ProviderKind,
            Currency,
            GroupBy,
            Verification,
            LinkState,
            TemplateState,
            AlertKind
        );
    }
}
