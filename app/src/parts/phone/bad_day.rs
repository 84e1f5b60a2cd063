//! What goes wrong on purpose between a line and its simulated carrier.

use crate::parts::transfer;
use crate::ui::{Banner, Tone};
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::PhoneNumber;
use model::simulator::{Fault, Faults, LONGEST_DELAY_MS, SimulatedLine};

/// A switch for a bad day, and each fault by itself.
#[component]
pub fn BadDay(
    /// Of which line; without it, of the organisation's first simulator.
    #[prop(into)]
    line: Signal<Option<PhoneNumber>>,
) -> impl IntoView {
    let shown = RwSignal::new(None::<SimulatedLine>);
    let failure = RwSignal::new(None::<String>);
    let load = move |wanted: Option<PhoneNumber>| async move {
        match transfer::get::<Vec<SimulatedLine>>("/simulator/lines").await {
            Ok(lines) => {
                let mut lines = lines.into_iter();
                let found = lines.find(|known| wanted.as_ref().is_none_or(|line| known.line == *line));
                shown.try_set(found);
            }
            Err(what) => {
                failure.try_set(Some(what.error.message));
            }
        }
    };
    Effect::new(move |_| spawn_local(load(line.get())));
    let change = Callback::new(move |faults: Faults| {
        let Some(line) = shown.with_untracked(|shown| shown.as_ref().map(|shown| shown.line.clone())) else {
            return;
        };
        spawn_local(async move {
            let path = format!("/simulator/lines/%2B{}/faults", line.digits());
            match transfer::put::<Faults>(&path, &faults).await {
                Ok(faults) => {
                    failure.try_set(None);
                    shown.try_set(Some(SimulatedLine { line, faults }));
                }
                Err(what) => {
                    failure.try_set(Some(what.error.message));
                    // What was entered is not what is: the inputs are made anew.
                    shown.try_set(None);
                    load(Some(line)).await;
                }
            }
        });
    });
    let faults =
        Memo::new(move |_| shown.with(|shown| shown.as_ref().map(|shown| shown.faults)).unwrap_or_default());
    let carrier = move || {
        let line = shown.with(|shown| shown.as_ref().map(|shown| shown.line.spaced())).unwrap_or_default();
        if faults.get().any() {
            format!("The carrier of {line} is slow and busy, forgets to answer and repeats itself.")
        } else {
            format!(
                "Switched on, the carrier of {line} would be slow and busy, forget to answer and repeat itself."
            )
        }
    };
    view! {
        {move || failure.get().map(|words| view! { <Banner tone=Tone::Bad>{words}</Banner> })}
        <Show when=move || shown.with(Option::is_some)>
            <section class="bad-day" aria-label="Bad day">
                <label class="bad-day-switch">
                    <strong>"Bad day"</strong>
                    <input
                        class="switch"
                        type="checkbox"
                        role="switch"
                        aria-describedby="bad-day-means"
                        prop:checked=move || faults.get().any()
                        on:change:target=move |event| {
                            change.run(if event.target().checked() { Faults::BAD_DAY } else { Faults::default() });
                        }
                    />
                </label>
                <p id="bad-day-means" class="muted">{carrier}</p>
                <details>
                    <summary>"What goes wrong"</summary>
                    <Single faults=faults on_change=change />
                </details>
            </section>
        </Show>
    }
}

/// Every fault with how often it happens.
#[component]
fn Single(faults: Memo<Faults>, on_change: Callback<Faults>) -> impl IntoView {
    let shares = Fault::ALL.into_iter().map(move |fault| {
        let value = Signal::derive(move || u32::from(faults.get().share(fault)));
        let change = move |share: u32| {
            let share = u8::try_from(share).unwrap_or(u8::MAX);
            on_change.run(faults.get_untracked().with(fault, share));
        };
        view! { <Amount label=words(fault) unit="%" most=100 value=value on_change=change /> }
    });
    let delay = Signal::derive(move || faults.get().delay_ms);
    let seed = Signal::derive(move || faults.get().seed);
    view! {
        <ul class="faults">
            {shares.collect_view()}
            <Amount
                label="Webhooks take"
                unit="ms"
                most=LONGEST_DELAY_MS
                value=delay
                on_change=move |delay_ms| on_change.run(Faults { delay_ms, ..faults.get_untracked() })
            />
            <Amount
                label="Seed: the same number gives the same mishaps"
                unit=""
                most=u32::MAX
                value=seed
                on_change=move |seed| on_change.run(Faults { seed, ..faults.get_untracked() })
            />
        </ul>
    }
}

/// What happens, of a hundred times.
fn words(fault: Fault) -> &'static str {
    match fault {
        Fault::Duplicate => "Webhooks come twice",
        Fault::Reordered => "“Delivered” is told before “sent”",
        Fault::Missing => "Reports never come",
        Fault::Lost => "Messages from the phone never come",
        Fault::Early => "Reports come before the answer",
        Fault::Busy => "Sending is refused as too much (429)",
        Fault::Broken => "Sending fails at the carrier (500)",
        Fault::LostAnswer => "A message is taken, and the answer gets lost",
        Fault::LateMedia => "Photos are not there at first (404)",
        Fault::HugeMedia => "Photos are too large to keep",
        Fault::Forged => "Webhooks are signed wrongly",
    }
}

/// A number from zero, with its unit.
#[component]
fn Amount(
    /// Of what.
    label: &'static str,
    /// Behind the number.
    unit: &'static str,
    /// The largest.
    most: u32,
    /// The number now.
    value: Signal<u32>,
    /// Gets the one that was entered.
    #[prop(into)]
    on_change: Callback<u32>,
) -> impl IntoView {
    view! {
        <li>
            <label class="fault">
                <span>{label}</span>
                <input
                    class="input number"
                    type="number"
                    min="0"
                    max=most
                    prop:value=move || value.get().to_string()
                    on:change:target=move |event| {
                        let entered = event.target().value().parse::<u32>();
                        let number = entered.map_or_else(|_| value.get_untracked(), |number| number.min(most));
                        event.target().set_value(&number.to_string());
                        on_change.run(number);
                    }
                />
                <span class="muted">{unit}</span>
            </label>
        </li>
    }
}
