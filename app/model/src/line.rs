//! Lines: the numbers that patients write to, and the carriers behind them.

use crate::message::Channel;
use crate::routing::RouteOption;
use crate::{LineId, Millis, PhoneNumber};
use serde::{Deserialize, Serialize};

/// A carrier that the product can speak with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// A patient's phone in the browser; for trying out, demos and tests.
    Simulator,
    /// Twilio Programmable Messaging.
    Twilio,
    /// Telnyx Messaging.
    Telnyx,
    /// Sinch MessageMedia, also sold as Sinch Engage.
    MessageMedia,
    /// SMS Broadcast, in Australia; SMS only.
    SmsBroadcast,
    /// ClickSend.
    ClickSend,
}

crate::words::words!(ProviderKind {
    Simulator = "simulator",
    Twilio = "twilio",
    Telnyx = "telnyx",
    MessageMedia = "messagemedia",
    SmsBroadcast = "smsbroadcast",
    ClickSend = "clicksend",
});

impl ProviderKind {
    /// The name to show.
    pub fn label(self) -> &'static str {
        match self {
            Self::Simulator => "Simulator",
            Self::Twilio => "Twilio",
            Self::Telnyx => "Telnyx",
            Self::MessageMedia => "Sinch MessageMedia",
            Self::SmsBroadcast => "SMS Broadcast",
            Self::ClickSend => "ClickSend",
        }
    }
}

/// What to do with a webhook that does not prove that the carrier sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// Read it without checking: for entries that were checked when they were journalled, or released by hand.
    Off,
    /// Read it, and say that it did not verify.
    Observe,
    /// Reject it.
    Enforce,
}

crate::words::words!(Verification { Off = "off", Observe = "observe", Enforce = "enforce" });

/// A line in Settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LineView {
    /// The line.
    pub id: LineId,
    /// What staff call it.
    pub name: String,
    /// What patients write to.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub number: PhoneNumber,
    /// New conversations go out here.
    pub is_default: bool,
    /// The carriers behind it, the oldest first; messages come in through any of them.
    pub accounts: Vec<AccountView>,
}

/// A line's account at a carrier, in Settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountView {
    /// The carrier that it is at, also while the server only pretends to send.
    pub carrier: ProviderKind,
    /// It was taken away from the line. It is listed only while webhooks of its are in quarantine.
    pub removed: bool,
    /// What it can do and costs, and whether it is preferred or spared at the moment.
    pub route: RouteOption,
    /// Whether it brings pictures from patients.
    pub pictures_in: bool,
    /// Whether the prices are the organisation's own; otherwise they are those that the carrier publishes.
    pub own_tariff: bool,
    /// Milliseconds between two texts, where the organisation says how fast they leave; see [`Self::pace`].
    pub pause_ms: Option<u32>,
    /// Milliseconds between two texts as the carrier is known to want it; absent where that does not matter.
    pub usual_pause_ms: Option<u32>,
    /// It failed, and the others go first until then.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub cooling_until: Option<Millis>,
    /// What is done with webhooks that do not prove where they come from.
    pub verification: Verification,
    /// Whether the carrier signs nothing, or not always, so that its webhook addresses carry a secret.
    pub by_secret: bool,
    /// While the secret in the webhook addresses is being exchanged, the one before it is taken until then.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub old_secret_until: Option<Millis>,
    /// The only network addresses that its webhooks may come from, separated by spaces; empty for any.
    pub addresses: String,
    /// To paste into the carrier's console, whole: what stands after a `#` has the carrier call again after a failure.
    pub inbound_url: String,
    /// To paste into the carrier's console, where it asks for one.
    pub status_url: String,
    /// Webhooks in quarantine because their signature did not hold.
    pub quarantined: u32,
}

impl AccountView {
    /// Texts a second, where the organisation says how fast they leave; otherwise it is the carrier's usual pace. Each
    /// part of an SMS counts as a text, and so does a message of another kind.
    #[must_use]
    pub fn pace(&self) -> Option<f64> {
        self.pause_ms.and_then(pace_of_pause)
    }

    /// SMS parts a second that the carrier is known to take from one number, to the number's own country.
    #[must_use]
    pub fn usual_pace(&self) -> Option<f64> {
        self.usual_pause_ms.and_then(pace_of_pause)
    }
}

/// Milliseconds between two texts where so many leave in a second; `None` outside of 0.1 to 100.
#[must_use]
pub fn pause_of_pace(per_second: f64) -> Option<u32> {
    (0.1..=100.0).contains(&per_second).then(|| (1000.0 / per_second).round() as u32)
}

/// Texts a second with so many milliseconds between two, in as few digits as mean the same pause; `None` without a
/// pause.
fn pace_of_pause(pause_ms: u32) -> Option<f64> {
    if pause_ms == 0 {
        return None;
    }
    let pause = f64::from(pause_ms);
    let exact = 1000.0 / pause;
    // Three a second are kept as 333 ms, and are still shown as three.
    let mut rounded = (0..=6).map(|digits| {
        let scale = 10.0_f64.powi(digits);
        (exact * scale).round() / scale
    });
    Some(rounded.find(|pace| (1000.0 / *pace).round() == pause).unwrap_or(exact))
}

/// What something costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Price {
    /// Millionths of the currency's unit: carriers charge fractions of a cent.
    pub micros: i64,
    /// By ISO 4217.
    pub currency: Currency,
}

/// What a carrier charges an organisation, without tax. An amount that nobody told is absent, not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tariff {
    /// Of every amount below, each in millionths of its unit.
    pub currency: Currency,
    /// One part of an SMS that is sent.
    pub sms: Option<i64>,
    /// One MMS that is sent.
    pub mms: Option<i64>,
    /// One WhatsApp message that is sent.
    pub whatsapp: Option<i64>,
    /// One part of an SMS that comes in.
    pub sms_in: Option<i64>,
    /// One MMS that comes in.
    pub mms_in: Option<i64>,
}

impl Tariff {
    /// What a message costs that is sent as so many parts of an SMS, or as so many MMS or WhatsApp messages.
    #[must_use]
    pub fn sent(&self, channel: Channel, count: u32) -> Option<Price> {
        let each = match channel {
            Channel::Sms => self.sms,
            Channel::Mms => self.mms,
            Channel::Whatsapp => self.whatsapp,
        };
        self.times(each, count)
    }

    /// What a message costs that came in. WhatsApp charges nothing for those.
    #[must_use]
    pub fn received(&self, channel: Channel, count: u32) -> Option<Price> {
        match channel {
            Channel::Sms => self.times(self.sms_in, count),
            Channel::Mms => self.times(self.mms_in, count),
            Channel::Whatsapp => self.times(Some(0), count),
        }
    }

    fn times(&self, each: Option<i64>, count: u32) -> Option<Price> {
        Some(Price { micros: each?.checked_mul(count.into())?, currency: self.currency })
    }
}

/// A currency in which carriers charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Currency {
    /// Australian dollar.
    Aud,
    /// Pound sterling.
    Gbp,
    /// Euro.
    Eur,
    /// New Zealand dollar.
    Nzd,
    /// Canadian dollar.
    Cad,
    /// United States dollar.
    Usd,
}

crate::words::words!(Currency {
    Aud = "AUD",
    Gbp = "GBP",
    Eur = "EUR",
    Nzd = "NZD",
    Cad = "CAD",
    Usd = "USD",
});

impl Price {
    /// Reads an amount as carriers write it, for example `0.0792`; digits beyond millionths are dropped. `None` for
    /// anything else and for a negative amount.
    #[must_use]
    pub fn parse(amount: &str, currency: &str) -> Option<Self> {
        let currency = Currency::from_word(currency)?;
        let (whole, fraction) = amount.trim().split_once('.').unwrap_or((amount.trim(), ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
            return None;
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let fraction: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
        Some(Self { micros: whole.checked_mul(1_000_000)?.checked_add(fraction)?, currency })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_to_the_millionth() {
        let micros = |amount| Price::parse(amount, "AUD").map(|price| price.micros);
        assert_eq!(micros("0.0792"), Some(79_200));
        assert_eq!(micros("12"), Some(12_000_000));
        assert_eq!(micros(".5"), Some(500_000));
        assert_eq!(micros("0.00000049"), Some(0));
        for wrong in ["", ".", "-1", "1e3", "1.2.3", "1,5", "99999999999999"] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
        assert_eq!(Price::parse("1", "XXX"), None);
    }

    #[test]
    fn a_pace_is_shown_as_it_was_typed_though_whole_milliseconds_are_kept() {
        for typed in [0.1, 0.15, 0.5, 1.0, 2.0, 2.5, 3.0, 7.0, 20.0, 50.0, 100.0] {
            assert_eq!(pause_of_pace(typed).and_then(pace_of_pause), Some(typed));
        }
        for pause in 10..=10_000 {
            assert_eq!(pace_of_pause(pause).and_then(pause_of_pace), Some(pause));
        }
        for wrong in [0.0, 0.09, 100.1, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(pause_of_pace(wrong), None, "{wrong}");
        }
        assert_eq!(pace_of_pause(0), None);
    }
}
