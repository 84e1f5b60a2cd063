//! What staff type into a record, for a new one and for one that is there.

use crate::api::patients;
use crate::browser;
use crate::parts::submission::Submission;
use crate::ui::{Banner, Button, ButtonKind, Glyph, IconButton, TextArea, TextField, Tone};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use model::patient::{NumberInput, PatientInput, PatientView};

/// A number that is being typed.
#[derive(Debug, Clone, Copy)]
struct NumberRow {
    key: usize,
    number: RwSignal<String>,
    label: RwSignal<String>,
}

impl NumberRow {
    fn new(key: usize, number: String, label: String) -> Self {
        Self { key, number: RwSignal::new(number), label: RwSignal::new(label) }
    }

    fn is_blank(self) -> bool {
        self.number.with_untracked(|text| text.trim().is_empty())
            && self.label.with_untracked(String::is_empty)
    }
}

/// The form. What is wrong stands below the input that it concerns.
#[component]
pub fn PatientForm(
    /// The record to change; without one a new one is made.
    #[prop(optional)]
    patient: Option<PatientView>,
    /// What stands in the first number of a new record.
    #[prop(optional)]
    number: String,
    /// The record as it was kept.
    #[prop(into)]
    on_saved: Callback<PatientView>,
) -> impl IntoView {
    let id = patient.as_ref().map(|patient| patient.id);
    let known = patient.as_ref();
    let name = RwSignal::new(known.map(|patient| patient.name.clone()).unwrap_or_default());
    let born = RwSignal::new(known.and_then(|patient| patient.born.clone()).unwrap_or_default());
    let reference = RwSignal::new(known.and_then(|patient| patient.reference.clone()).unwrap_or_default());
    let notes = RwSignal::new(known.map(|patient| patient.notes.clone()).unwrap_or_default());
    let rows: Vec<_> = known
        .into_iter()
        .flat_map(|patient| patient.numbers.iter().enumerate())
        .map(|(key, number)| NumberRow::new(key, number.number.spaced(), number.label.clone()))
        .collect();
    let next_key = StoredValue::new(rows.len());
    let rows = RwSignal::new(rows);
    let add = move |number: String| {
        let key = next_key.get_value();
        next_key.set_value(key + 1);
        rows.update(|rows| rows.push(NumberRow::new(key, number, String::new())));
        key
    };
    if rows.with_untracked(Vec::is_empty) {
        add(number);
    }

    let form = Submission::default();
    // Which row each number that was sent came from: blank rows are not sent.
    let sent_rows = RwSignal::new(Vec::<usize>::new());
    let error_of_row = move |key: usize| {
        form.error_where(move |named| {
            let at = sent_rows.with(|sent| sent.iter().position(|row| *row == key));
            at.is_some_and(|at| named == format!("numbers.{at}"))
        })
    };
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        let filled: Vec<_> = rows.get_untracked().into_iter().filter(|row| !row.is_blank()).collect();
        let input = PatientInput {
            name: name.get_untracked(),
            born: filled_in(born),
            reference: filled_in(reference),
            notes: notes.get_untracked(),
            numbers: filled
                .iter()
                .map(|row| NumberInput {
                    number: row.number.get_untracked(),
                    label: row.label.get_untracked(),
                })
                .collect(),
        };
        let request = async move {
            sent_rows.set(filled.iter().map(|row| row.key).collect());
            match id {
                Some(id) => patients::update(id, input).await,
                None => patients::create(input).await,
            }
        };
        form.send(request, move |patient| on_saved.run(patient));
    };
    let beside = form.error_where(|named| !has_input(named));
    view! {
        <form class="stack" on:submit=on_submit novalidate>
            {move || beside.get().map(|words| view! { <Banner tone=Tone::Bad>{words}</Banner> })}
            <TextField label="Name" name="name" value=name error=form.error_of("name") required=true autofocus=true />
            <div class="field-pair">
                <TextField label="Date of birth" name="born" kind="date" value=born error=form.error_of("born") />
                <TextField label="Reference" name="reference" value=reference error=form.error_of("reference") />
            </div>
            <fieldset class="numbers">
                <legend>"Numbers"</legend>
                <p class="muted">"The first one is the one to write to. National numbers, or with + and the country code."</p>
                <For each=move || rows.get() key=|row| row.key let(row)>
                    <NumberFields
                        row=row
                        error=error_of_row(row.key)
                        on_remove=move |()| rows.update(|rows| rows.retain(|other| other.key != row.key))
                    />
                </For>
                <Button
                    kind=ButtonKind::Quiet
                    glyph=Glyph::Add
                    on_press=move |_| {
                        let key = add(String::new());
                        request_animation_frame(move || {
                            browser::focus(&format!("#number-{key}"));
                        });
                    }
                >
                    "Add a number"
                </Button>
            </fieldset>
            <TextArea label="Notes" name="notes" value=notes error=form.error_of("notes") />
            <div class="actions">
                <Button kind=ButtonKind::Primary submit=true disabled=form.busy()>
                    {if id.is_some() { "Save record" } else { "Make record" }}
                </Button>
            </div>
        </form>
    }
}

#[component]
fn NumberFields(
    row: NumberRow,
    error: Signal<Option<String>>,
    #[prop(into)] on_remove: Callback<()>,
) -> impl IntoView {
    let id = format!("number-{}", row.key);
    let below = format!("{id}-below");
    view! {
        <div class="number-row field">
            <input
                id=id
                class="number"
                type="tel"
                autocomplete="off"
                placeholder="Number"
                aria-label="Number"
                aria-invalid=move || error.get().is_some().then_some("true")
                aria-describedby=below.clone()
                prop:value=row.number
                on:input:target=move |event| row.number.set(event.target().value())
            />
            <input
                type="text"
                autocomplete="off"
                placeholder="Mobile, daughter, …"
                aria-label="Whose or which it is"
                maxlength="50"
                prop:value=row.label
                on:input:target=move |event| row.label.set(event.target().value())
            />
            <IconButton glyph=Glyph::Close label="Remove this number" on_press=move |_| on_remove.run(()) />
            <p id=below class="field-below is-error" aria-live="polite">{move || error.get().unwrap_or_default()}</p>
        </div>
    }
}

fn has_input(field: &str) -> bool {
    matches!(field, "name" | "born" | "reference" | "notes") || field.starts_with("numbers.")
}

fn filled_in(value: RwSignal<String>) -> Option<String> {
    Some(value.get_untracked()).filter(|text| !text.trim().is_empty())
}
