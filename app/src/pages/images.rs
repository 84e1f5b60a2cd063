//! Everyone's filed photos.

use crate::parts::images::gallery::{Gallery, first_images};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Redirect;
use leptos_router::hooks::use_query_map;
use model::PatientId;

/// The gallery over all records. `?patient=…` leads to that record's own.
#[component]
pub fn ImagesPage() -> impl IntoView {
    let query = use_query_map();
    let patient = move || query.with(|query| query.get("patient"))?.parse::<PatientId>().ok();
    let first = first_images(|| None);
    view! {
        <Title text="Images" />
        {move || match patient() {
            Some(patient) => view! { <Redirect path=format!("/patients/{patient}") /> }.into_any(),
            None => {
                view! {
                    <div class="page">
                        <header class="page-head">
                            <h1>"Images"</h1>
                        </header>
                        <Gallery first=first />
                    </div>
                }
                    .into_any()
            }
        }}
    }
}
