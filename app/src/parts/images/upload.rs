//! Pictures on their way from this computer into a record.

use crate::parts::images::category_options;
use crate::parts::live::Live;
use crate::parts::transfer::Transfer;
use crate::ui::{Banner, Button, ButtonKind, Glyph, Icon, IconButton, Notices, SelectField, TextField, Tone};
use leptos::ev::{DragEvent, SubmitEvent};
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::PatientId;
use model::media::{Category, human_bytes};
use model::patient::PatientImageView;
use picture::PictureKind;
use send_wrapper::SendWrapper;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File, FileList, FormData};

/// First bytes that tell what a file is.
const HEAD_BYTES: f64 = 64.0;

/// A picture that was chosen.
#[derive(Debug, Clone)]
struct Chosen {
    key: usize,
    file: SendWrapper<File>,
    failure: RwSignal<Option<String>>,
    transfer: Transfer,
}

/// Choosing, category, caption, progress. The pictures go up one after the other; one that fails stays, with its reason.
#[component]
pub fn ImageUpload(
    /// Whose record.
    patient: PatientId,
    /// The dialog around this; closed when everything is kept.
    open: RwSignal<bool>,
) -> impl IntoView {
    let chosen = RwSignal::new(Vec::<Chosen>::new());
    let refused = RwSignal::new(None::<String>);
    let (category, category_error) = (RwSignal::new(String::new()), RwSignal::new(None::<String>));
    let caption = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let notices = Notices::of_page();
    on_cleanup(move || {
        let left = chosen.try_get_untracked().unwrap_or_default();
        left.iter().for_each(|chosen| chosen.transfer.cancel());
    });
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(under) = Category::from_word(&category.get_untracked()) else {
            category_error.set(Some("Select a category.".to_owned()));
            return;
        };
        category_error.set(None);
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let remark = caption.get_untracked();
        spawn_local(async move {
            let mut kept = 0;
            for one in chosen.get_untracked() {
                // What was left out meanwhile is not sent, and nothing more once the dialog is gone.
                match chosen.try_with_untracked(|all| all.iter().any(|other| other.key == one.key)) {
                    Some(true) => {}
                    Some(false) => continue,
                    None => break,
                }
                one.failure.try_set(None);
                match send(patient, under, &remark, &one).await {
                    Ok(_) => {
                        kept += 1;
                        chosen.try_update(|all| all.retain(|other| other.key != one.key));
                    }
                    Err(failure) if Live::signed_out(&failure) => return,
                    Err(failure) => {
                        one.failure.try_set(Some(failure.error.message));
                    }
                }
            }
            busy.try_set(false);
            match kept {
                0 => {}
                1 => notices.tell(Tone::Good, "Image saved to the record."),
                kept => notices.tell(Tone::Good, format!("{kept} images saved to the record.")),
            }
            if chosen.try_with_untracked(Vec::is_empty) == Some(true) {
                open.try_set(false);
            }
        });
    };
    view! {
        <form class="stack" on:submit=on_submit>
            <Choose chosen=chosen refused=refused busy=busy />
            {move || refused.get().map(|words| view! { <Banner tone=Tone::Bad>{words}</Banner> })}
            <ul class="upload-list" aria-label="Chosen">
                <For each=move || chosen.get() key=|one| one.key let(one)>
                    <Row chosen=one all=chosen />
                </For>
            </ul>
            <SelectField
                label="Category"
                name="upload-category"
                value=category
                options=category_options()
                placeholder="Select a category"
                error=category_error
            />
            <TextField label="Caption (optional)" name="upload-caption" value=caption />
            <div class="actions">
                <Button
                    kind=ButtonKind::Primary
                    submit=true
                    disabled=Signal::derive(move || busy.get() || chosen.with(Vec::is_empty))
                >
                    "Save to Images"
                </Button>
            </div>
        </form>
    }
}

#[component]
fn Choose(
    chosen: RwSignal<Vec<Chosen>>,
    refused: RwSignal<Option<String>>,
    busy: RwSignal<bool>,
) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    let over = RwSignal::new(false);
    let next_key = StoredValue::new(0_usize);
    let take = move |files: Option<FileList>| {
        refused.set(None);
        let files =
            files.into_iter().flat_map(|files| (0..files.length()).filter_map(move |at| files.get(at)));
        for file in files.map(SendWrapper::new) {
            let key = next_key.get_value();
            next_key.set_value(key + 1);
            // Told apart by the bytes, since names lie.
            spawn_local(async move {
                if kind_of(&file).await.is_some() {
                    let (failure, transfer) = (RwSignal::new(None), Transfer::new());
                    chosen.try_update(|all| all.push(Chosen { key, file, failure, transfer }));
                } else {
                    let accepted = PictureKind::ACCEPTED_WORDS;
                    refused.try_set(Some(format!(
                        "“{}” is no picture that can be filed. Accepted are {accepted}.",
                        file.name()
                    )));
                }
            });
        }
    };
    let on_drag = move |event: DragEvent| {
        event.prevent_default();
        over.set(true);
    };
    let on_drop = move |event: DragEvent| {
        event.prevent_default();
        over.set(false);
        take(event.data_transfer().and_then(|dropped| dropped.files()));
    };
    view! {
        <label class="upload-box" class:is-over=over on:dragover=on_drag on:dragleave=move |_| over.set(false) on:drop=on_drop>
            <Icon glyph=Glyph::Upload />
            <span>"Choose pictures, or drop them here"</span>
            <input
                node_ref=input
                class="visually-hidden"
                type="file"
                multiple
                accept=PictureKind::ACCEPT_ATTRIBUTE
                disabled=busy
                on:change:target=move |event| {
                    take(event.target().files());
                    // So that the same file can be chosen again.
                    event.target().set_value("");
                }
            />
        </label>
    }
}

#[component]
fn Row(chosen: Chosen, all: RwSignal<Vec<Chosen>>) -> impl IntoView {
    let Chosen { key, file, failure, transfer } = chosen;
    let (name, size) = (file.name(), human_bytes(file.size() as u64));
    let named = name.clone();
    let sent = transfer.sent();
    view! {
        <li class="upload-row">
            <Icon glyph=Glyph::Photo />
            <span class="upload-name">{name} " " <span class="muted number">{size}</span></span>
            <IconButton
                glyph=Glyph::Close
                label=format!("Leave out {named}")
                on_press=move |_| {
                    transfer.cancel();
                    all.update(|all| all.retain(|other| other.key != key));
                }
            />
            {move || sent.get().map(|sent| view! {
                <span class="upload-progress">
                    <progress max="1" value=sent.to_string() aria-label=format!("Uploading {named}")></progress>
                    <span class="muted">{if sent < 1.0 { "Uploading…" } else { "Processing…" }}</span>
                </span>
            })}
            {move || failure.get().map(|words| view! { <p class="field-below is-error" role="alert">{words}</p> })}
        </li>
    }
}

async fn send(
    patient: PatientId,
    category: Category,
    caption: &str,
    chosen: &Chosen,
) -> crate::api::Answer<PatientImageView> {
    // A browser that has the function has no reason to fail in it; the server would miss the field and say so.
    let form = FormData::new().unwrap_or_else(|error| wasm_bindgen::throw_val(error));
    let _ = form.append_with_str("category", category.as_str());
    let _ = form.append_with_str("caption", caption);
    let _ = form.append_with_blob_and_filename("file", &chosen.file, &chosen.file.name());
    chosen.transfer.post(&format!("/api/patients/{patient}/images"), form).await
}

/// What a file is by its first bytes.
async fn kind_of(file: &File) -> Option<PictureKind> {
    let head: Blob = file.slice_with_f64_and_f64(0.0, HEAD_BYTES).ok()?;
    let bytes = JsFuture::from(head.array_buffer()).await.ok()?;
    picture::sniff(&js_sys::Uint8Array::new(&bytes).to_vec())
}
