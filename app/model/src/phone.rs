//! Telephone numbers, parsed once at the edge and carried as proof from there on.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A telephone number in E.164: `+`, then 7 to 15 digits, the first of them not 0.
///
/// `Debug` prints no digits, so that a number cannot slip into a log through a derived `Debug`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// Why a text is not a telephone number we can send to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Not a number of the given country, nor one with its country code.
    #[error("This is not a complete telephone number. Write it as at home, or with + and the country code.")]
    NotANumber,
    /// A real number that cannot receive text messages.
    #[error("This number is a landline or a service number and cannot receive text messages.")]
    NotMobile,
}

impl PhoneNumber {
    /// Takes a number that is already in E.164, as carriers and our own store write it.
    ///
    /// # Errors
    /// [`PhoneError::NotANumber`] for anything else; nothing is guessed or stripped.
    pub fn from_e164(text: &str) -> Result<Self, PhoneError> {
        let digits = text.strip_prefix('+').ok_or(PhoneError::NotANumber)?;
        let well_formed = (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if well_formed { Ok(Self(text.to_owned())) } else { Err(PhoneError::NotANumber) }
    }

    /// The number in E.164, for example `+61491570006`.
    pub fn as_e164(&self) -> &str {
        &self.0
    }

    /// The digits without the `+`.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// The number in groups, as people read it: `+61 491 570 006`, `+1 415 555 0100`.
    pub fn spaced(&self) -> String {
        let digits = self.digits();
        let (code, rest) = match digits {
            d if d.starts_with('1') && d.len() == 11 => d.split_at(1),
            d if d.len() > 9 => d.split_at(2),
            d => d.split_at(d.len() % 3),
        };
        let mut out = format!("+{code}");
        let mut left = rest;
        while !left.is_empty() {
            // The last group may have four digits, never one.
            let take = if left.len() <= 4 { left.len() } else { 3 };
            let (group, tail) = left.split_at(take);
            out.push(' ');
            out.push_str(group);
            left = tail;
        }
        out
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = PhoneError;
    fn try_from(text: String) -> Result<Self, PhoneError> {
        Self::from_e164(&text)
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

/// The other side of a conversation, as carriers write it: a telephone number, or one of the few senders that have none.
///
/// Short codes (`12345`) and names (`MyBank`) write to lines too. What they send is shown like any other message, under
/// the sender as it was written. They are read and never answered: a name has no way back, and carriers take messages
/// to short codes from hardly anyone (Twilio from nobody), so that a short code is refused at once and not later.
///
/// On the wire it is a string; one that is E.164 is a number. `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Address {
    /// A telephone number.
    Number(PhoneNumber),
    /// A short code or a name, as the carrier wrote it.
    Sender(String),
}

impl Address {
    /// As carriers and our own store write it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(number) => number.as_e164(),
            Self::Sender(sender) => sender,
        }
    }

    /// The number that can be written to, if there is one.
    pub fn number(&self) -> Option<&PhoneNumber> {
        match self {
            Self::Number(number) => Some(number),
            Self::Sender(_) => None,
        }
    }

    /// For people: a number in groups, another sender as it was written.
    pub fn spaced(&self) -> String {
        match self {
            Self::Number(number) => number.spaced(),
            Self::Sender(sender) => sender.clone(),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        PhoneNumber::from_e164(&text).map_or(Self::Sender(text), Self::Number)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        match address {
            Address::Number(number) => number.into(),
            Address::Sender(sender) => sender,
        }
    }
}

/// A country in which national numbers are read, by its ISO 3166-1 alpha-2 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

impl Country {
    /// Australia, the country of a new organisation unless it says otherwise.
    pub const AU: Self = Self(*b"AU");

    /// Takes two ASCII letters in either case; whether such a country exists is not asked here, but by `has_numbers`.
    pub fn from_code(code: &str) -> Option<Self> {
        match code.trim().as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }

    /// Two capital letters.
    pub fn code(&self) -> String {
        self.0.iter().map(|&b| char::from(b)).collect()
    }
}

impl TryFrom<String> for Country {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        Self::from_code(&code).ok_or_else(|| "A country is two letters, for example AU.".to_owned())
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.code()
    }
}

#[cfg(feature = "parse")]
mod parse {
    use super::{Country, PhoneError, PhoneNumber};
    use phonenumber::{Type, country};

    impl PhoneNumber {
        /// Reads a number as people write it: national in `home`, or with `+`, `00` or the country's own
        /// international prefix; spaces, dots, dashes and brackets do not matter.
        ///
        /// # Errors
        /// [`PhoneError::NotANumber`] when it is no valid number, [`PhoneError::NotMobile`] when it is known
        /// to be a landline or a service number.
        pub fn parse(text: &str, home: Country) -> Result<Self, PhoneError> {
            let compact: String = text
                .trim()
                .trim_start_matches("whatsapp:")
                .chars()
                .filter(|c| {
                    !c.is_whitespace() && !matches!(c, '-' | '.' | '(' | ')' | '/' | '\u{2010}'..='\u{2015}')
                })
                .collect();
            let plausible =
                compact.chars().enumerate().all(|(i, c)| c.is_ascii_digit() || (i == 0 && c == '+'));
            if !plausible {
                return Err(PhoneError::NotANumber);
            }
            let home_id: Option<country::Id> = home.code().parse().ok();
            candidates(&compact, home)
                .iter()
                .filter_map(|candidate| phonenumber::parse(home_id, candidate).ok())
                .find(phonenumber::is_valid)
                .ok_or(PhoneError::NotANumber)
                .and_then(|number| {
                    let kind = number.number_type(&phonenumber::metadata::DATABASE);
                    match kind {
                        Type::FixedLine
                        | Type::TollFree
                        | Type::PremiumRate
                        | Type::SharedCost
                        | Type::Uan
                        | Type::Emergency
                        | Type::Voicemail
                        | Type::ShortCode
                        | Type::StandardRate => Err(PhoneError::NotMobile),
                        _ => Self::from_e164(&number.format().mode(phonenumber::Mode::E164).to_string()),
                    }
                })
        }

        /// The country that the number belongs to; `None` for one of no country or of several.
        #[must_use]
        pub fn country(&self) -> Option<Country> {
            let number = phonenumber::parse(None, self.as_e164()).ok()?;
            Country::from_code(number.country().id()?.as_ref())
        }
    }

    impl Country {
        /// Whether it has telephone numbers of its own, and how they are written is known.
        #[must_use]
        pub fn has_numbers(&self) -> bool {
            let code = self.code();
            code.parse::<country::Id>().is_ok()
                && phonenumber::metadata::DATABASE.by_id(code.as_str()).is_some()
        }
    }

    /// The readings of a compacted text, most literal first. The last two are how people write a number
    /// from a letterhead: the country code without its plus, and a trunk zero left behind the code.
    fn candidates(compact: &str, home: Country) -> Vec<String> {
        let mut all = vec![compact.to_owned()];
        if let Some(rest) = compact.strip_prefix("00") {
            all.push(format!("+{rest}"));
        }
        if let Some(rest) = compact.strip_prefix("0011").filter(|_| home == Country::AU) {
            all.insert(0, format!("+{rest}"));
        }
        if !compact.starts_with('+') {
            all.push(format!("+{compact}"));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn groups_digits_for_reading() {
        let spaced = |e164| PhoneNumber::from_e164(e164).unwrap().spaced();
        assert_eq!(spaced("+61491570006"), "+61 491 570 006");
        assert_eq!(spaced("+14155550100"), "+1 415 555 0100");
    }

    #[test]
    fn debug_hides_the_digits() {
        let number = PhoneNumber::from_e164("+61491570006").unwrap();
        assert!(!format!("{number:?}").contains("570"));
    }

    #[test]
    fn refuses_what_is_not_e164() {
        for text in ["", "+", "61491570006", "+0491570006", "+61 491 570 006", "+6149157000612345678", "+61a"]
        {
            assert_eq!(PhoneNumber::from_e164(text), Err(PhoneError::NotANumber), "{text}");
        }
    }

    #[test]
    fn a_sender_without_a_number_stays_as_it_was_written() {
        for text in ["12345", "MyBank", "Müller & Co", "+12"] {
            let address = Address::from(text.to_owned());
            assert_eq!((address.number(), address.as_str(), address.spaced().as_str()), (None, text, text));
        }
        let number = Address::from("+61491570006".to_owned());
        assert_eq!(number.number().map(PhoneNumber::as_e164), Some("+61491570006"));
        assert_eq!(number.spaced(), "+61 491 570 006");
    }

    #[cfg(feature = "parse")]
    #[test]
    fn reads_numbers_as_australians_write_them() {
        for text in [
            "0491 570 006",
            "(04) 9157-0006",
            "491570006",
            "61491570006",
            "+61 491 570 006",
            "+61 (0)491 570 006",
            "0061491570006",
            "001161491570006",
            "whatsapp:+61491570006",
            "+6104 91570006",
            "0491\u{a0}570\u{a0}006",
        ] {
            let read = PhoneNumber::parse(text, Country::AU).map(String::from);
            assert_eq!(read.as_deref(), Ok("+61491570006"), "{text}");
        }
        assert_eq!(
            PhoneNumber::parse("+1 415 555 2671", Country::AU).map(String::from).as_deref(),
            Ok("+14155552671")
        );
    }

    #[cfg(feature = "parse")]
    #[test]
    fn knows_which_countries_have_numbers() {
        let has_numbers = |code| Country::from_code(code).unwrap().has_numbers();
        for code in ["AU", "nz", "US", "GB", "DE"] {
            assert!(has_numbers(code), "{code}");
        }
        for code in ["ZZ", "XX", "AA", "UK"] {
            assert!(!has_numbers(code), "{code}");
        }
    }

    #[cfg(feature = "parse")]
    #[test]
    fn refuses_landlines_services_and_fragments() {
        assert_eq!(PhoneNumber::parse("0291234567", Country::AU), Err(PhoneError::NotMobile));
        for text in [
            "131313",
            "1300 555 010",
            "1800 555 010",
            "049157000",
            "04915700061",
            "Clinic",
            "0491 570 00x",
            "",
        ] {
            assert!(PhoneNumber::parse(text, Country::AU).is_err(), "{text}");
        }
    }
}
