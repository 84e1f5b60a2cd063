//! Which of a line's carriers a message takes, and what that comes to.
//!
//! One function for both sides: the server decides with it, and the composer explains with it while pictures come and
//! go. All carriers of a line show the patient the same number, so whichever is taken, the thread stays one.

use crate::LineAccountId;
use crate::line::{Currency, Price, ProviderKind, Tariff};
use crate::media::{CARRIER_MAX_BYTES, human_bytes};
use crate::message::Channel;
use crate::segments::{self, Encoding, Segments};
use crate::whatsapp::MEDIA_PER_MESSAGE;
use serde::{Deserialize, Serialize};

/// Bytes of a picture below which one sees that it was made small.
const GOOD_BYTES: u64 = 80 * 1024;

/// A carrier of a line, as far as choosing it is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RouteOption {
    /// The line's account there.
    pub account_id: LineAccountId,
    /// The carrier.
    pub provider: ProviderKind,
    /// How messages can leave through it with the line's number.
    pub channels: Vec<Channel>,
    /// It sends pictures, but not with numbers of the line's country.
    pub pictures_elsewhere: bool,
    /// Pictures in one request.
    pub media_per_request: u32,
    /// Bytes of all pictures of one request together.
    pub media_bytes: u64,
    /// Characters of text, at most.
    pub text_chars: u32,
    /// Parts of an SMS, at most, where the carrier counts them.
    pub sms_parts: Option<u32>,
    /// What text goes with pictures, where that is another limit.
    #[serde(default)]
    pub mms_text: Option<MmsText>,
    /// What it costs, where that is known.
    pub tariff: Option<Tariff>,
    /// It failed a moment ago: the others go first.
    pub cooling: bool,
    /// It goes first, whatever the others cost.
    pub pinned: bool,
}

/// Text that goes with pictures, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MmsText {
    /// Septets, of a text in the plain alphabet of SMS.
    pub plain: u32,
    /// UTF-16 code units, of any other.
    pub other: u32,
}

impl MmsText {
    /// Whether a text of this length is within it.
    #[must_use]
    pub fn holds(&self, text: &Segments) -> bool {
        let most = if text.encoding == Encoding::Gsm7 { self.plain } else { self.other };
        text.units <= most as usize
    }
}

/// What is to be sent, as far as a route is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// As what.
    pub channel: Channel,
    /// Characters of text.
    pub chars: u32,
    /// Parts of the text as an SMS.
    pub text_parts: u32,
    /// What the text takes otherwise.
    pub segments: Segments,
    /// One entry for each picture: the bytes of its carrier copy, once that is made.
    pub pictures: Vec<Option<u64>>,
}

impl Load {
    /// A text with pictures as people send it: an SMS, or an MMS as soon as there is a picture.
    #[must_use]
    pub fn of(text: &str, pictures: Vec<Option<u64>>) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let segments = segments::count(text);
        Self {
            channel: if pictures.is_empty() { Channel::Sms } else { Channel::Mms },
            chars: count(text.chars().count()),
            text_parts: count(segments.parts),
            segments,
            pictures,
        }
    }

    /// The same by WhatsApp.
    #[must_use]
    pub fn by_whatsapp(self) -> Self {
        Self { channel: Channel::Whatsapp, ..self }
    }
}

/// A carrier that can send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Through which account.
    pub account_id: LineAccountId,
    /// Whose.
    pub provider: ProviderKind,
    /// Messages that arrive at the patient's phone: a carrier that takes one picture gets one request each.
    pub requests: u32,
    /// What each picture may have at most, in bytes, in the order of the pictures.
    pub shares: Vec<u64>,
    /// What it costs, where that is known.
    pub price: Option<Price>,
    /// The pictures become so small that one sees it.
    pub poor: bool,
    /// All this for staff, in one sentence without its full stop.
    pub sentence: String,
}

/// The carriers of a line for a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plans {
    /// Those that can send it, the one to take first.
    pub usable: Vec<Plan>,
    /// Why each of the others cannot, in a sentence for staff.
    pub out: Vec<(LineAccountId, String)>,
}

impl Plans {
    /// Why nothing can carry it.
    #[must_use]
    pub fn why_not(&self) -> String {
        match self.out.is_empty() {
            true => "This line has no carrier. An admin can add one in Settings, Lines.".to_owned(),
            false => self.out.iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>().join(" "),
        }
    }
}

/// Puts a line's carriers in the order in which they are asked: the pinned one, then those that did not fail a moment
/// ago, then the cheapest, then those whose price nobody knows, then the one that the line has had for longest, which
/// is the order of `options`. A simulator beside real carriers is never asked: it reaches nobody's phone.
#[must_use]
pub fn plan(options: &[RouteOption], load: &Load) -> Plans {
    let mut plans = Plans::default();
    let mut order = Vec::new();
    let real = options.iter().any(|option| option.provider != ProviderKind::Simulator);
    for option in options {
        let reaches_nobody = real && option.provider == ProviderKind::Simulator;
        let why_not = match reaches_nobody {
            true => Some("The simulator reaches nobody's phone.".to_owned()),
            false => obstacle(option, load),
        };
        match why_not {
            Some(why) => plans.out.push((option.account_id, why)),
            None => order.push((option, usable(option, load))),
        }
    }
    // The sort is stable: what is equal stays in the order of age.
    order.sort_by_key(|(option, plan)| {
        (!option.pinned, option.cooling, plan.price.is_none(), plan.price.map(in_one_currency))
    });
    plans.usable = order.into_iter().map(|(_, plan)| plan).collect();
    plans
}

/// Shares a message's bytes out among its pictures: what a small one leaves, the others may use. `sizes` are those of
/// the copies that exist; the answer never lets one grow beyond the usual size of a carrier copy.
#[must_use]
pub fn shares(budget: u64, sizes: &[Option<u64>]) -> Vec<u64> {
    let wanted = |at: usize| sizes[at].unwrap_or(CARRIER_MAX_BYTES).min(CARRIER_MAX_BYTES);
    let mut smallest_first: Vec<usize> = (0..sizes.len()).collect();
    smallest_first.sort_by_key(|&at| wanted(at));
    let (mut left, mut shares) = (budget, vec![0; sizes.len()]);
    for (done, at) in smallest_first.into_iter().enumerate() {
        let fair = left / (sizes.len() - done) as u64;
        shares[at] = fair.min(CARRIER_MAX_BYTES);
        left -= wanted(at).min(fair);
    }
    shares
}

/// Which of a message's pictures travel with one of its requests: shared out evenly, in their order.
#[must_use]
pub fn pictures_of_request(request: usize, requests: usize, pictures: usize) -> std::ops::Range<usize> {
    let each = pictures.div_ceil(requests.max(1));
    (request * each).min(pictures)..((request + 1) * each).min(pictures)
}

/// Why the carrier cannot send it.
fn obstacle(option: &RouteOption, load: &Load) -> Option<String> {
    let carrier = option.provider.label();
    if !option.channels.contains(&load.channel) {
        return Some(match load.channel {
            Channel::Mms if option.pictures_elsewhere => {
                format!("{carrier} cannot send pictures with numbers of this country.")
            }
            Channel::Mms => format!("{carrier} cannot send pictures, only text."),
            Channel::Sms | Channel::Whatsapp => format!("{carrier} cannot send {}.", load.channel.label()),
        });
    }
    if load.channel == Channel::Whatsapp && !load.pictures.is_empty() && option.media_per_request == 0 {
        return Some(format!("{carrier} cannot send pictures by WhatsApp."));
    }
    let too_long = match (load.channel, option.mms_text) {
        (Channel::Mms, Some(most)) => !most.holds(&load.segments),
        (Channel::Sms, _) if option.sms_parts.is_some_and(|most| load.text_parts > most) => true,
        _ => load.chars > option.text_chars,
    };
    too_long.then(|| format!("The text is too long for {carrier}. Shorten it."))
}

fn usable(option: &RouteOption, load: &Load) -> Plan {
    let pictures = load.pictures.len();
    let each = match load.channel {
        Channel::Whatsapp => option.media_per_request.min(MEDIA_PER_MESSAGE),
        Channel::Sms | Channel::Mms => option.media_per_request,
    };
    let requests = pictures.div_ceil(each.max(1) as usize).max(1);
    let mut all_shares = Vec::with_capacity(pictures);
    for request in 0..requests {
        let own = &load.pictures[pictures_of_request(request, requests, pictures)];
        all_shares.extend(shares(option.media_bytes, own));
    }
    let requests = u32::try_from(requests).unwrap_or(u32::MAX);
    let count = if load.channel == Channel::Sms { load.text_parts.max(1) } else { requests };
    let price = option.tariff.and_then(|tariff| tariff.sent(load.channel, count));
    let shrinks =
        load.pictures.iter().zip(&all_shares).any(|(size, share)| size.is_none_or(|size| size > *share));
    let poor = shrinks && all_shares.iter().any(|share| *share < GOOD_BYTES);
    let mut plan = Plan {
        account_id: option.account_id,
        provider: option.provider,
        requests,
        shares: all_shares,
        price,
        poor,
        sentence: String::new(),
    };
    plan.sentence = sentence(option, load, &plan);
    plan
}

/// For example `MMS through Sinch MessageMedia, 248 KB of 293 KB, about A$0.30`.
fn sentence(option: &RouteOption, load: &Load, plan: &Plan) -> String {
    let (channel, carrier) = (load.channel.label(), option.provider.label());
    let mut words = match plan.requests {
        1 => format!("{channel} through {carrier}"),
        several if load.channel == Channel::Whatsapp => {
            format!("{several} {channel} messages through {carrier}")
        }
        several => format!("{several} {channel} through {carrier}"),
    };
    match load.pictures.len() {
        0 if load.channel == Channel::Sms && load.text_parts > 1 => {
            words += &format!(", {} parts", load.text_parts);
        }
        0 => {}
        _ => {
            let sizes: Option<Vec<u64>> = load
                .pictures
                .iter()
                .zip(&plan.shares)
                .map(|(size, share)| Some((*size)?.min(*share)))
                .collect();
            // Of a picture that is still being prepared nobody knows more than the limit.
            let all = sizes.map(|sizes| human_bytes(sizes.iter().sum()));
            let most = human_bytes(option.media_bytes);
            words += &match (all, plan.requests) {
                (Some(all), 1) => format!(", {all} of {most}"),
                (None, 1) => format!(", up to {most}"),
                (Some(all), _) => format!(", {all} in all, up to {most} each"),
                (None, _) => format!(", up to {most} each"),
            };
        }
    }
    if let Some(price) = plan.price {
        words += &format!(", about {}", price.exact());
    }
    words
}

/// An amount that can be held against others. The rates are rough and old: they put offers in an order, and are never
/// shown or added up.
fn in_one_currency(price: Price) -> i64 {
    let percent_of_a_us_dollar = match price.currency {
        Currency::Usd => 100,
        Currency::Aud => 65,
        Currency::Nzd => 58,
        Currency::Cad => 72,
        Currency::Gbp => 133,
        Currency::Eur => 115,
    };
    price.micros.saturating_mul(percent_of_a_us_dollar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::ProviderKind::{ClickSend, MessageMedia, SmsBroadcast, Telnyx, Twilio};
    use uuid::Uuid;

    fn tariff(currency: Currency, sms: i64, mms: Option<i64>) -> Tariff {
        Tariff { currency, sms: Some(sms), mms, whatsapp: None, sms_in: None, mms_in: None }
    }

    fn option(provider: ProviderKind) -> RouteOption {
        let (media_per_request, media_bytes, sms_parts, tariff) = match provider {
            Twilio => (10, 5_000_000, None, Some(tariff(Currency::Usd, 51_500, Some(350_000)))),
            Telnyx => (10, 1_000_000, Some(10), None),
            MessageMedia => (1, 300_000, None, Some(tariff(Currency::Aud, 79_000, Some(300_000)))),
            ClickSend => (1, 250_000, Some(8), Some(tariff(Currency::Aud, 72_000, Some(450_000)))),
            _ => (0, 0, Some(5), Some(tariff(Currency::Aud, 60_000, None))),
        };
        let mut channels = vec![Channel::Sms];
        channels.extend((media_per_request > 0).then_some(Channel::Mms));
        RouteOption {
            account_id: LineAccountId(Uuid::from_u128(provider as u128)),
            provider,
            channels,
            pictures_elsewhere: false,
            media_per_request,
            media_bytes,
            text_chars: 1600,
            sms_parts,
            mms_text: (provider == ClickSend).then_some(MmsText { plain: 1500, other: 500 }),
            tariff,
            cooling: false,
            pinned: false,
        }
    }

    fn order(options: &[RouteOption], load: &Load) -> Vec<ProviderKind> {
        plan(options, load).usable.into_iter().map(|plan| plan.provider).collect()
    }

    #[test]
    fn the_order_is_pin_then_health_then_price_then_age() {
        let text = Load::of("Hello", vec![]);
        let photo = Load::of("Hello", vec![Some(200_000)]);
        let all = [Twilio, Telnyx, MessageMedia, SmsBroadcast, ClickSend].map(option);
        let with = |kind, pinned, cooling| {
            all.clone().map(|option| {
                let this = option.provider == kind;
                RouteOption { pinned: this && pinned, cooling: this && cooling, ..option }
            })
        };
        let alone = [RouteOption { cooling: true, ..option(Twilio) }];
        let unpriced = [Telnyx, ClickSend].map(|kind| RouteOption { tariff: None, ..option(kind) });
        let table: [(&str, &[RouteOption], &Load, &[ProviderKind]); 9] = [
            (
                // US$0.0515 is more than A$0.079.
                "cheapest first, an unknown price last",
                &all,
                &text,
                &[SmsBroadcast, ClickSend, MessageMedia, Twilio, Telnyx],
            ),
            ("who cannot carry it is out", &all, &photo, &[MessageMedia, ClickSend, Twilio, Telnyx]),
            (
                "the pin goes before the price",
                &with(Telnyx, true, false),
                &text,
                &[Telnyx, SmsBroadcast, ClickSend, MessageMedia, Twilio],
            ),
            (
                "a pin that cannot carry it holds nothing up",
                &with(SmsBroadcast, true, false),
                &photo,
                &[MessageMedia, ClickSend, Twilio, Telnyx],
            ),
            (
                "who failed waits behind all others",
                &with(SmsBroadcast, false, true),
                &text,
                &[ClickSend, MessageMedia, Twilio, Telnyx, SmsBroadcast],
            ),
            (
                "a pin holds also then",
                &with(Twilio, true, true),
                &text,
                &[Twilio, SmsBroadcast, ClickSend, MessageMedia, Telnyx],
            ),
            ("alone, who failed is asked all the same", &alone, &text, &[Twilio]),
            ("without prices the eldest goes first", &unpriced, &text, &[Telnyx, ClickSend]),
            ("nothing to choose from", &[], &text, &[]),
        ];
        for (label, options, load, expected) in table {
            assert_eq!(order(options, load), expected, "{label}");
        }
    }

    #[test]
    fn the_simulator_stands_in_for_no_real_carrier() {
        let simulator = RouteOption { pinned: true, ..option(ProviderKind::Simulator) };
        let beside = [simulator.clone(), RouteOption { cooling: true, ..option(Telnyx) }];
        let text = Load::of("Hello", vec![]);
        assert_eq!(order(&beside, &text), [Telnyx]);
        let long = Load { text_parts: 99, ..text.clone() };
        assert!(order(&beside, &long).is_empty(), "not even where nobody else can carry it");
        assert_eq!(order(&[simulator], &text), [ProviderKind::Simulator]);
    }

    #[test]
    fn every_carrier_that_is_out_says_why() {
        let long = "x".repeat(800);
        let elsewhere =
            RouteOption { channels: vec![Channel::Sms], pictures_elsewhere: true, ..option(Telnyx) };
        let short = RouteOption { text_chars: 700, ..option(Twilio) };
        let table = [
            (
                option(SmsBroadcast),
                Load::of("", vec![None]),
                "SMS Broadcast cannot send pictures, only text.",
            ),
            (
                elsewhere,
                Load::of("", vec![None]),
                "Telnyx cannot send pictures with numbers of this country.",
            ),
            (
                option(SmsBroadcast),
                Load::of(&long, vec![]),
                "The text is too long for SMS Broadcast. Shorten it.",
            ),
            (short, Load::of(&long, vec![None]), "The text is too long for Twilio. Shorten it."),
        ];
        for (option, load, expected) in table {
            let plans = plan(&[option], &load);
            assert_eq!((plans.usable.len(), plans.why_not().as_str()), (0, expected));
        }
        assert!(plan(&[], &Load::of("Hello", vec![])).why_not().contains("no carrier"));
        // An MMS carries a text of any number of SMS parts.
        let with_picture =
            |text: String| plan(&[option(ClickSend)], &Load::of(&text, vec![None])).usable.len();
        assert_eq!((with_picture("x".repeat(1500)), with_picture("x".repeat(1501))), (1, 0));
        // What would be cut there goes to a carrier that takes it.
        assert_eq!((with_picture("漢".repeat(500)), with_picture("漢".repeat(501))), (1, 0));
        let long = Load::of(&"漢".repeat(501), vec![None]);
        assert_eq!(order(&[ClickSend, Twilio].map(option), &long), [Twilio]);
    }

    #[test]
    fn the_choice_is_explained_in_one_sentence() {
        let sentence = |kind, text: &str, pictures: Vec<Option<u64>>| {
            plan(&[option(kind)], &Load::of(text, pictures)).usable.remove(0).sentence
        };
        let table = [
            (
                sentence(MessageMedia, "Hi", vec![Some(253_900)]),
                "MMS through Sinch MessageMedia, 248 KB of 293 KB, about A$0.30",
            ),
            (
                sentence(MessageMedia, "", vec![None]),
                "MMS through Sinch MessageMedia, up to 293 KB, about A$0.30",
            ),
            (
                sentence(ClickSend, "", vec![Some(600_000), Some(100_000)]),
                "2 MMS through ClickSend, 342 KB in all, up to 245 KB each, about A$0.90",
            ),
            (sentence(Telnyx, "", vec![Some(100_000); 3]), "MMS through Telnyx, 293 KB of 977 KB"),
            (sentence(Twilio, "Hello", vec![]), "SMS through Twilio, about US$0.0515"),
            (
                sentence(SmsBroadcast, &"x".repeat(161), vec![]),
                "SMS through SMS Broadcast, 2 parts, about A$0.12",
            ),
        ];
        for (got, expected) in table {
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn whatsapp_is_planned_like_the_others_with_one_picture_a_message() {
        let tariff = Tariff { whatsapp: Some(100_000), ..tariff(Currency::Usd, 51_500, None) };
        let channels = vec![Channel::Sms, Channel::Mms, Channel::Whatsapp];
        let twilio = RouteOption { channels, tariff: Some(tariff), ..option(Twilio) };
        let planned = |pictures: Vec<Option<u64>>| {
            plan(&[twilio.clone(), option(ClickSend)], &Load::of("Hello", pictures).by_whatsapp())
        };
        let text = planned(vec![]);
        assert_eq!(text.usable[0].sentence, "WhatsApp through Twilio, about US$0.10");
        assert_eq!(text.out[0].1, "ClickSend cannot send WhatsApp.");
        let pictures = planned(vec![Some(100_000), Some(200_000)]).usable.remove(0);
        assert_eq!((pictures.requests, pictures.price.map(|price| price.micros)), (2, Some(200_000)));
        assert!(
            pictures.sentence.starts_with("2 WhatsApp messages through Twilio, "),
            "{}",
            pictures.sentence
        );
        let textual = RouteOption { media_per_request: 0, ..twilio.clone() };
        let load = Load::of("", vec![None]).by_whatsapp();
        assert_eq!(plan(&[textual], &load).why_not(), "Twilio cannot send pictures by WhatsApp.");
    }

    #[test]
    fn pictures_share_the_bytes_of_their_message() {
        assert_eq!(shares(1_000_000, &[]), Vec::<u64>::new());
        assert_eq!(shares(300_000, &[None]), [300_000]);
        assert_eq!(shares(5_000_000, &[Some(200_000)]), [CARRIER_MAX_BYTES], "never larger than usual");
        assert_eq!(shares(1_000_000, &[None; 10]), [100_000; 10]);
        // What the small ones leave, the large one may use.
        let uneven = shares(1_000_000, &[Some(600_000), Some(50_000), Some(50_000)]);
        assert!(uneven[0] >= 600_000, "{uneven:?}");
        let tight = shares(600_000, &[Some(600_000), Some(50_000), Some(600_000)]);
        assert_eq!(tight, [275_000, 200_000, 275_000]);
    }

    #[test]
    fn a_message_is_split_where_a_carrier_takes_few_pictures() {
        let requests = |kind, pictures: usize| {
            plan(&[option(kind)], &Load::of("", vec![Some(150_000); pictures])).usable.remove(0)
        };
        assert_eq!(requests(Twilio, 10).requests, 1);
        let telnyx = requests(Telnyx, 10);
        assert_eq!((telnyx.requests, telnyx.shares.len(), telnyx.poor), (1, 10, false));
        let clicksend = requests(ClickSend, 3);
        assert_eq!((clicksend.requests, clicksend.price.map(|price| price.micros)), (3, Some(1_350_000)));
        let squeezed = RouteOption { media_bytes: 300_000, ..option(Telnyx) };
        assert!(plan(&[squeezed], &Load::of("", vec![None; 10])).usable[0].poor);
        for pictures in 0..=10_usize {
            for each in 1..=10 {
                let requests = pictures.div_ceil(each).max(1);
                let all: Vec<_> = (0..requests).map(|n| pictures_of_request(n, requests, pictures)).collect();
                assert!(all.iter().all(|range| range.len() <= each));
                assert_eq!(all.into_iter().flatten().collect::<Vec<_>>(), (0..pictures).collect::<Vec<_>>());
            }
        }
    }
}
