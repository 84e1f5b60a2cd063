//! What can be changed about a line's carrier: its credentials, how its webhooks are checked, how fast messages leave,
//! and what it costs.

use super::account_fields::AccountFields;
use crate::api::settings;
use crate::parts::pager::Pager;
use crate::parts::submission::Submission;
use crate::ui::{Banner, Button, ButtonKind, SelectField, TextField, Tone};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use model::line::{AccountView, Currency, LineView, Price, Tariff, Verification};

/// What is asked for of a tariff, by its name there.
const AMOUNTS: [(&str, &str); 5] = [
    ("sms", "SMS part sent"),
    ("mms", "MMS sent"),
    ("whatsapp", "WhatsApp message sent"),
    ("sms_in", "SMS part received"),
    ("mms_in", "MMS received"),
];

/// The form.
#[component]
pub fn ChangeCarrier(
    /// As it is now.
    account: AccountView,
    /// The lines.
    pager: Pager<LineView>,
    /// Closes the dialog around it.
    open: RwSignal<bool>,
) -> impl IntoView {
    let id = account.route.account_id;
    let fields = AccountFields::new(account.route.provider);
    let verification = RwSignal::new(account.verification.as_str().to_owned());
    let addresses = RwSignal::new(account.addresses.clone());
    let pace = PaceField::new(&account);
    let prices = PriceFields::new(&account);
    let form = Submission::default();
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        let texts = match pace.typed() {
            Ok(texts) => texts,
            Err(words) => return pace.wrong.set(Some(words)),
        };
        pace.wrong.set(None);
        let tariff = match prices.typed() {
            Ok(tariff) => tariff,
            Err(field) => return prices.wrong.set(Some(field)),
        };
        prices.wrong.set(None);
        let verification = Verification::from_word(&verification.get_untracked());
        let filled = fields.filled();
        let credentials = filled.as_object().is_some_and(|filled| !filled.is_empty()).then_some(filled);
        let request = settings::change_carrier(
            id,
            credentials,
            verification.unwrap_or(Verification::Enforce),
            addresses.get_untracked(),
            texts,
            tariff,
        );
        form.send(request, move |_| {
            pager.refresh();
            open.try_set(false);
        });
    };
    let beside = form.error_where(move |field| {
        field != "addresses"
            && !pace.has(field)
            && !fields.has(field)
            && !AMOUNTS.iter().any(|(name, _)| *name == field)
    });
    view! {
        <form class="stack" on:submit=on_submit novalidate autocomplete="off">
            {move || beside.get().map(|words| view! { <Banner tone=Tone::Bad>{words}</Banner> })}
            {(!fields.is_empty())
                .then(|| {
                    view! {
                        <p class="muted">"Credentials that you leave empty stay as they are. With new ones, webhooks in quarantine are checked again."</p>
                        {fields.view(form, false)}
                    }
                })}
            <SelectField
                label="Webhooks that do not prove where they come from"
                name="verification"
                value=verification
                options=verification_options()
            />
            {account
                .by_secret
                .then(|| {
                    view! {
                        <TextField
                            label="Only from these network addresses"
                            name="addresses"
                            value=addresses
                            hint="Empty for any. This carrier signs nothing, so its own addresses are a second proof beside the secret: 203.0.113.7 or 203.0.113.0/24, with spaces between them. Behind a reverse proxy, the server needs HELIOGRAPH_CLIENT_ADDRESS_HEADER first: otherwise every webhook seems to come from the proxy."
                            error=form.error_of("addresses")
                        />
                    }
                })}
            {pace.view(form)}
            {prices.view(form)}
            <div class="actions">
                <Button kind=ButtonKind::Primary submit=true disabled=form.busy()>"Save"</Button>
            </div>
        </form>
    }
}

fn verification_options() -> Vec<(String, String)> {
    let says = |kind| match kind {
        Verification::Enforce => "Keep them in quarantine (recommended)",
        Verification::Observe => "Read them, and count them",
        Verification::Off => "Read them without checking",
    };
    let safest_first = Verification::ALL.into_iter().rev();
    safest_first.map(|kind| (kind.as_str().to_owned(), says(kind).to_owned())).collect()
}

/// How fast messages leave, as it is typed.
#[derive(Clone, Copy)]
struct PaceField {
    typed: RwSignal<String>,
    /// What is wrong with it, before the server is asked.
    wrong: RwSignal<Option<&'static str>>,
    /// Texts a second as the carrier usually takes them. A simulator takes them as they come, and is not asked about.
    usual: Option<f64>,
}

impl PaceField {
    fn new(account: &AccountView) -> Self {
        let known = account.pace().map(|texts| texts.to_string()).unwrap_or_default();
        Self { typed: RwSignal::new(known), wrong: RwSignal::new(None), usual: account.usual_pace() }
    }

    /// Whether the server's name for a field is that of this one, and it is shown.
    fn has(self, name: &str) -> bool {
        name == "pace" && self.usual.is_some()
    }

    /// Texts a second; `None` for the carrier's usual pace.
    ///
    /// # Errors
    /// What to write instead of something that is no number.
    fn typed(self) -> Result<Option<f64>, &'static str> {
        let typed = self.typed.get_untracked().trim().replace(',', ".");
        if typed.is_empty() {
            return Ok(None);
        }
        // Rust reads `inf` and `NaN` as numbers as well, and JSON has no word for them.
        let texts = typed.parse::<f64>().ok().filter(|texts| texts.is_finite());
        texts.map(Some).ok_or("Write a number, for example 2 or 0.5.")
    }

    fn view(self, form: Submission) -> AnyView {
        let Some(usual) = self.usual else { return ().into_any() };
        let refused = form.error_of("pace");
        let error = Signal::derive(move || self.wrong.get().map(ToOwned::to_owned).or_else(|| refused.get()));
        view! {
            <TextField
                label="Texts a second"
                name="pace"
                value=self.typed
                placeholder=usual.to_string()
                hint="How fast messages of every kind leave; each part of a long SMS counts. Empty for the carrier's usual pace. Beyond what it allows this number, the carrier refuses messages or keeps them in a queue of its own."
                error=error
            />
        }
        .into_any()
    }
}

/// What messages cost, as it is typed.
#[derive(Clone, Copy)]
struct PriceFields {
    currency: RwSignal<String>,
    amounts: StoredValue<Vec<(&'static str, &'static str, RwSignal<String>)>>,
    /// The amount that cannot be read.
    wrong: RwSignal<Option<&'static str>>,
    /// What stands there as long as nothing is typed.
    published: bool,
}

impl PriceFields {
    fn new(account: &AccountView) -> Self {
        let known = account.route.tariff.filter(|_| account.own_tariff);
        let currency = known.or(account.route.tariff).map_or(Currency::Aud, |tariff| tariff.currency);
        let amount = |name| {
            let Tariff { sms, mms, whatsapp, sms_in, mms_in, .. } = known?;
            let micros = match name {
                "sms" => sms,
                "mms" => mms,
                "whatsapp" => whatsapp,
                "sms_in" => sms_in,
                _ => mms_in,
            };
            Some(decimal(micros?))
        };
        let amounts =
            AMOUNTS.map(|(name, label)| (name, label, RwSignal::new(amount(name).unwrap_or_default())));
        Self {
            currency: RwSignal::new(currency.as_str().to_owned()),
            amounts: StoredValue::new(amounts.to_vec()),
            wrong: RwSignal::new(None),
            published: account.route.tariff.is_some() && !account.own_tariff,
        }
    }

    /// The tariff that was typed; `None` without any amount.
    ///
    /// # Errors
    /// The name of an amount that is none.
    fn typed(self) -> Result<Option<Tariff>, &'static str> {
        let currency = Currency::from_word(&self.currency.get_untracked()).unwrap_or(Currency::Aud);
        let mut tariff =
            Tariff { currency, sms: None, mms: None, whatsapp: None, sms_in: None, mms_in: None };
        let mut any = false;
        for (name, _, typed) in self.amounts.get_value() {
            let typed = typed.get_untracked().trim().replace(',', ".");
            if typed.is_empty() {
                continue;
            }
            let micros = Price::parse(&typed, currency.as_str()).ok_or(name)?.micros;
            any = true;
            let place = match name {
                "sms" => &mut tariff.sms,
                "mms" => &mut tariff.mms,
                "whatsapp" => &mut tariff.whatsapp,
                "sms_in" => &mut tariff.sms_in,
                _ => &mut tariff.mms_in,
            };
            *place = Some(micros);
        }
        Ok(any.then_some(tariff))
    }

    fn view(self, form: Submission) -> AnyView {
        let currencies: Vec<_> = Currency::ALL
            .map(|currency| (currency.as_str().to_owned(), currency.as_str().to_owned()))
            .to_vec();
        let field = move |(name, label, value): (&'static str, &'static str, RwSignal<String>)| {
            let refused = form.error_of(name);
            let error = Signal::derive(move || {
                let unreadable = self.wrong.get() == Some(name);
                unreadable.then(|| "Write an amount, for example 0.079.".to_owned()).or_else(|| refused.get())
            });
            view! { <TextField label=label name=name value=value error=error /> }
        };
        let hint = if self.published {
            "What your contract says, without tax. Left empty, the carrier's published prices count."
        } else {
            "What your contract says, without tax. With prices, messages leave the cheapest way, and the composer says what they cost."
        };
        view! {
            <fieldset class="prices">
                <legend>"Prices"</legend>
                <p class="muted">{hint}</p>
                <div class="prices-grid">
                    <SelectField label="Currency" name="currency" value=self.currency options=currencies />
                    {self.amounts.get_value().into_iter().map(field).collect_view()}
                </div>
            </fieldset>
        }
        .into_any()
    }
}

/// Millionths as a decimal number, without zeros at its end.
fn decimal(micros: i64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn amounts_stand_in_their_inputs_as_they_were_typed() {
        for (micros, text) in
            [(79_000, "0.079"), (300_000, "0.3"), (12_000_000, "12"), (0, "0"), (1, "0.000001")]
        {
            assert_eq!(decimal(micros), text);
        }
    }
}
