//! Amounts of money in words.

use crate::line::{Currency, Price};

/// Millionths in a cent, which every currency here has.
const CENT: u64 = 10_000;

impl Currency {
    /// The sign to write before an amount; never the same for two currencies.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Aud => "A$",
            Self::Gbp => "£",
            Self::Eur => "€",
            Self::Nzd => "NZ$",
            Self::Cad => "CA$",
            Self::Usd => "US$",
        }
    }
}

impl Price {
    /// As exactly as it is known, for people: `A$0.0792`, `A$1,234.50`.
    #[must_use]
    pub fn exact(self) -> String {
        self.shown(self.micros.unsigned_abs())
    }

    /// To the cent, for people; below one unit as exactly as it is known, since that is where carriers' prices are.
    #[must_use]
    pub fn rounded(self) -> String {
        let micros = self.micros.unsigned_abs();
        if micros < 100 * CENT { self.exact() } else { self.shown((micros + CENT / 2) / CENT * CENT) }
    }

    /// The bare amount, for programs: `1234.50`.
    #[must_use]
    pub fn decimal(self) -> String {
        let micros = self.micros.unsigned_abs();
        format!("{}{}.{}", self.minus(), micros / 1_000_000, fraction(micros))
    }

    fn shown(self, micros: u64) -> String {
        let whole = thousands(micros / 1_000_000);
        format!("{}{}{whole}.{}", self.minus(), self.currency.sign(), fraction(micros))
    }

    fn minus(self) -> &'static str {
        if self.micros < 0 { "-" } else { "" }
    }
}

/// Two digits at least, six at most.
fn fraction(micros: u64) -> String {
    let digits = format!("{:06}", micros % 1_000_000);
    let (cents, rest) = digits.split_at(2);
    format!("{cents}{}", rest.trim_end_matches('0'))
}

/// A number with its thousands apart: `1,234`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::thousands;
    use crate::line::{Currency, Price};

    #[test]
    fn amounts_are_written_as_exactly_as_they_matter() {
        let price = |micros| Price { micros, currency: Currency::Aud };
        for (micros, exact, rounded, decimal) in [
            (0, "A$0.00", "A$0.00", "0.00"),
            (300_000, "A$0.30", "A$0.30", "0.30"),
            (79_200, "A$0.0792", "A$0.0792", "0.0792"),
            (1, "A$0.000001", "A$0.000001", "0.000001"),
            (1_005_000, "A$1.005", "A$1.01", "1.005"),
            (1_004_999, "A$1.004999", "A$1.00", "1.004999"),
            (1_234_567_890_000, "A$1,234,567.89", "A$1,234,567.89", "1234567.89"),
            (-50_000, "-A$0.05", "-A$0.05", "-0.05"),
        ] {
            let price = price(micros);
            assert_eq!((&*price.exact(), &*price.rounded(), &*price.decimal()), (exact, rounded, decimal));
        }
    }

    #[test]
    fn no_two_currencies_look_alike() {
        let mut signs = Currency::ALL.map(Currency::sign).to_vec();
        signs.sort_unstable();
        signs.dedup();
        assert_eq!(signs.len(), Currency::ALL.len());
    }

    #[test]
    fn thousands_stand_apart() {
        let written = [0, 999, 1_000, 12_345, 1_234_567].map(thousands);
        assert_eq!(written, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }
}
