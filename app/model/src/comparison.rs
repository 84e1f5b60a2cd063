//! What the same messages would cost at each carrier.

use crate::line::{Currency, Price, ProviderKind, Tariff};
use crate::message::Channel;
use serde::{Deserialize, Serialize};

/// How much is sent and received, as carriers count it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volumes {
    /// Parts of SMS that are sent.
    pub sms: u32,
    /// MMS that are sent.
    pub mms: u32,
    /// Parts of SMS that come in.
    pub sms_in: u32,
    /// MMS that come in.
    pub mms_in: u32,
}

/// What a carrier asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The carrier.
    pub provider: ProviderKind,
    /// The lines that are with it, by name; none where the organisation has no account there.
    pub lines: Vec<String>,
    /// Its prices, where they are known.
    pub tariff: Option<Tariff>,
    /// The prices are those of the organisation's own contract.
    pub by_contract: bool,
    /// It can send MMS with numbers like the organisation's.
    pub sends_mms: bool,
    /// It sends MMS, but not with numbers of that country.
    pub mms_elsewhere: bool,
}

/// What a page needs to compare carriers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Those of the last 30 days.
    pub volumes: Volumes,
    /// Parts of the SMS that carries a private link, with the organisation's name and the server's address.
    pub link_parts: u32,
    /// Every carrier; one with several contracts as often.
    pub offers: Vec<Offer>,
}

/// What the volumes would cost in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// So much; and whether nobody asks less in this currency.
    Known {
        /// Of everything that is sent, and of what comes in where that has a price.
        price: Price,
        /// Nothing else in the whole comparison costs less in the same currency; never said of a simulator.
        cheapest: bool,
    },
    /// A price that is needed is not known.
    NoPrice,
    /// The carrier cannot do this.
    Impossible,
}

/// An offer with what the volumes would cost there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The offer.
    pub offer: Offer,
    /// With MMS sent as such.
    pub as_mms: Cost,
    /// With each MMS as an SMS that carries a private link in the place of its pictures.
    pub as_links: Cost,
    /// Messages come in whose price is not known, so they are not in the sums.
    pub without_inbound: bool,
}

/// Holds the offers against each other: the cheapest first within each currency, those without a price last. A link
/// takes so many parts of an SMS.
#[must_use]
pub fn compare(volumes: Volumes, link_parts: u32, offers: &[Offer]) -> Vec<Compared> {
    let mut all: Vec<Compared> = offers.iter().map(|offer| price(volumes, link_parts, offer)).collect();
    mark_cheapest(&mut all);
    all.sort_by_key(|compared| {
        let least = compared.prices().min_by_key(|price| price.micros);
        let known = least.map(|price| (price.currency.as_str(), price.micros));
        (known.is_none(), known, compared.offer.provider.label())
    });
    all
}

impl Compared {
    fn prices(&self) -> impl Iterator<Item = Price> {
        [self.as_mms, self.as_links].into_iter().filter_map(|cost| match cost {
            Cost::Known { price, .. } => Some(price),
            Cost::NoPrice | Cost::Impossible => None,
        })
    }
}

fn price(volumes: Volumes, link_parts: u32, offer: &Offer) -> Compared {
    let tariff = offer.tariff.as_ref();
    let in_links = volumes.mms.saturating_mul(link_parts);
    let linked = Volumes { sms: volumes.sms.saturating_add(in_links), mms: 0, ..volumes };
    let cost = |volumes| match tariff.and_then(|tariff| total(volumes, tariff)) {
        Some(price) => Cost::Known { price, cheapest: false },
        None => Cost::NoPrice,
    };
    let lacks = |count: u32, each: Option<i64>| count > 0 && each.is_none();
    Compared {
        as_mms: if volumes.mms > 0 && !offer.sends_mms { Cost::Impossible } else { cost(volumes) },
        as_links: cost(linked),
        without_inbound: tariff.is_some_and(|tariff| {
            lacks(volumes.sms_in, tariff.sms_in) || lacks(volumes.mms_in, tariff.mms_in)
        }),
        offer: offer.clone(),
    }
}

/// `None` where the price of something that is sent is not known. Many carriers say nothing of what comes in, so that
/// is left out then.
fn total(volumes: Volumes, tariff: &Tariff) -> Option<Price> {
    let mut micros = 0_i64;
    for (channel, count) in [(Channel::Sms, volumes.sms), (Channel::Mms, volumes.mms)] {
        if count > 0 {
            micros = micros.checked_add(tariff.sent(channel, count)?.micros)?;
        }
    }
    for (channel, count) in [(Channel::Sms, volumes.sms_in), (Channel::Mms, volumes.mms_in)] {
        let price = tariff.received(channel, count);
        micros = micros.checked_add(price.map_or(0, |price| price.micros))?;
    }
    Some(Price { micros, currency: tariff.currency })
}

/// Prices that are made up are held against no carrier's.
fn is_real(compared: &Compared) -> bool {
    compared.offer.provider != ProviderKind::Simulator
}

/// Only where there is a choice: not of one price, and not of prices that are all the same. A simulator never is.
fn mark_cheapest(all: &mut [Compared]) {
    for currency in Currency::ALL {
        let amounts = || {
            let prices = all.iter().filter(|one| is_real(one)).flat_map(Compared::prices);
            prices.filter(move |price| price.currency == currency).map(|price| price.micros)
        };
        let (Some(least), Some(most)) = (amounts().min(), amounts().max()) else { continue };
        if least == most {
            continue;
        }
        for compared in all.iter_mut().filter(|one| is_real(one)) {
            for cost in [&mut compared.as_mms, &mut compared.as_links] {
                if let Cost::Known { price, cheapest } = cost {
                    *cheapest |= price.currency == currency && price.micros == least;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTH: Volumes = Volumes { sms: 1_000, mms: 500, sms_in: 400, mms_in: 0 };

    fn offer(provider: ProviderKind, currency: Currency, prices: [Option<i64>; 3]) -> Offer {
        let [sms, mms, sms_in] = prices;
        let tariff = Tariff { currency, sms, mms, whatsapp: None, sms_in, mms_in: None };
        Offer {
            provider,
            lines: Vec::new(),
            tariff: Some(tariff),
            by_contract: false,
            sends_mms: true,
            mms_elsewhere: false,
        }
    }

    fn known(cost: Cost) -> (i64, bool) {
        match cost {
            Cost::Known { price, cheapest } => (price.micros, cheapest),
            other => panic!("not known: {other:?}"),
        }
    }

    #[test]
    fn a_picture_as_a_link_costs_the_parts_of_its_text() {
        let all = compare(
            MONTH,
            1,
            &[offer(ProviderKind::ClickSend, Currency::Aud, [Some(70_000), Some(300_000), Some(0)])],
        );
        assert_eq!(known(all[0].as_mms), (70_000_000 + 150_000_000, false));
        assert_eq!(known(all[0].as_links), (105_000_000, true));
        assert!(!all[0].without_inbound);
        let wordy = compare(
            MONTH,
            2,
            &[offer(ProviderKind::ClickSend, Currency::Aud, [Some(70_000), Some(300_000), Some(0)])],
        );
        assert_eq!(known(wordy[0].as_links), (140_000_000, true));
    }

    #[test]
    fn the_cheapest_comes_first_and_currencies_stay_apart() {
        let offers = [
            offer(ProviderKind::Twilio, Currency::Usd, [Some(8_300), Some(22_000), Some(8_300)]),
            offer(ProviderKind::MessageMedia, Currency::Aud, [Some(60_000), Some(250_000), Some(0)]),
            offer(ProviderKind::ClickSend, Currency::Aud, [Some(50_000), Some(400_000), Some(0)]),
        ];
        let all = compare(MONTH, 1, &offers);
        let order: Vec<_> = all.iter().map(|compared| compared.offer.provider).collect();
        assert_eq!(order, [ProviderKind::ClickSend, ProviderKind::MessageMedia, ProviderKind::Twilio]);
        let marks: Vec<_> = all.iter().map(|one| (known(one.as_mms).1, known(one.as_links).1)).collect();
        assert_eq!(marks, [(false, true), (false, false), (false, true)], "one in each currency");
    }

    #[test]
    fn what_is_not_known_is_not_taken_for_nothing() {
        let without_mms = offer(ProviderKind::Telnyx, Currency::Usd, [Some(4_000), None, None]);
        let nothing = Offer { tariff: None, ..offer(ProviderKind::Twilio, Currency::Usd, [None; 3]) };
        let sms_only = Offer {
            sends_mms: false,
            ..offer(ProviderKind::SmsBroadcast, Currency::Aud, [Some(60_000), None, Some(0)])
        };
        let all = compare(MONTH, 1, &[nothing, without_mms, sms_only]);
        assert_eq!((all[0].offer.provider, all[0].as_mms), (ProviderKind::SmsBroadcast, Cost::Impossible));
        assert_eq!(known(all[0].as_links).0, 90_000_000);
        assert_eq!((all[1].as_mms, known(all[1].as_links).0), (Cost::NoPrice, 6_000_000));
        assert!(all[1].without_inbound && !all[0].without_inbound);
        assert_eq!((all[2].as_mms, all[2].as_links), (Cost::NoPrice, Cost::NoPrice));
        let texts = Volumes { mms: 0, ..MONTH };
        let all = compare(texts, 1, &[offer(ProviderKind::Telnyx, Currency::Usd, [Some(4_000), None, None])]);
        assert_eq!(known(all[0].as_mms), (4_000_000, false), "what is not sent needs no price");
    }

    #[test]
    fn nothing_is_cheapest_without_a_choice() {
        let offers = [
            offer(ProviderKind::Twilio, Currency::Aud, [Some(50_000), Some(250_000), None]),
            offer(ProviderKind::ClickSend, Currency::Aud, [Some(70_000), Some(250_000), None]),
        ];
        let all = compare(Volumes::default(), 1, &offers);
        assert!(all.iter().all(|one| known(one.as_mms) == (0, false) && known(one.as_links) == (0, false)));
    }

    #[test]
    fn a_simulator_is_never_the_cheapest() {
        let offers = [
            offer(ProviderKind::Simulator, Currency::Aud, [Some(1), Some(1), Some(0)]),
            offer(ProviderKind::ClickSend, Currency::Aud, [Some(70_000), Some(300_000), Some(0)]),
        ];
        let all = compare(MONTH, 1, &offers);
        assert_eq!(all[0].offer.provider, ProviderKind::Simulator);
        let marks: Vec<_> = all.iter().map(|one| (known(one.as_mms).1, known(one.as_links).1)).collect();
        assert_eq!(marks, [(false, false), (false, true)]);
        let alone = compare(MONTH, 1, &offers[..1]);
        assert!(!known(alone[0].as_mms).1 && !known(alone[0].as_links).1);
    }

    #[test]
    fn volumes_beyond_all_reason_have_no_price() {
        let volumes = Volumes { sms: u32::MAX, mms: u32::MAX, sms_in: 0, mms_in: 0 };
        let all = compare(
            volumes,
            1,
            &[offer(ProviderKind::Twilio, Currency::Aud, [Some(i64::MAX), Some(1), None])],
        );
        assert_eq!((all[0].as_mms, all[0].as_links), (Cost::NoPrice, Cost::NoPrice));
    }
}
