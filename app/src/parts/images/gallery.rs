//! Filed photos by the day they were filed: those of one record, or of all.

use crate::api::{Answer, images};
use crate::parts::images::filed::{FiledPicture, Source};
use crate::parts::images::viewer::ImageViewer;
use crate::parts::live::{Live, News};
use crate::parts::pager::{Pager, ShowMore};
use crate::ui::{Banner, Empty, Glyph, Skeleton, SkeletonShape, Time, TimeStyle, Times, Tone};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::live::Change;
use model::media::{Category, RenditionRole};
use model::patient::PatientImageView;
use model::{Page, PatientId, PatientImageId};

/// The first photos of a gallery, under the category of the address.
pub type FirstImages = Resource<Answer<Page<PatientImageView>>>;

/// Asks for the first photos of one patient or of all. A page whose gallery stands inside of something that is
/// waited for asks here, outside of it: data asked for in there would be asked for twice, and lost, on the server.
pub fn first_images(patient: impl Fn() -> Option<PatientId> + Send + Sync + 'static) -> FirstImages {
    let category = category_of_page();
    Resource::new(
        move || (patient(), category.get()),
        |(patient, category)| images::list(patient, category, None),
    )
}

fn category_of_page() -> Memo<Option<Category>> {
    let query = use_query_map();
    Memo::new(move |_| query.with(|query| query.get("category")).and_then(|word| Category::from_word(&word)))
}

/// Category filter, tiles and, for one that is pressed, the viewer. The filter stands in the address as `?category=…`.
#[component]
pub fn Gallery(
    /// Whose photos; without it everyone's, each with its name.
    #[prop(optional, into)]
    patient: Option<PatientId>,
    /// The first of them.
    first: FirstImages,
) -> impl IntoView {
    let category = category_of_page();
    view! {
        <Filter category=category />
        <Transition fallback=|| view! { <Skeleton shape=SkeletonShape::Tiles /> }>
            {move || Suspend::new(async move {
                match first.await {
                    Ok(first) => {
                        view! { <Days first=first patient=patient category=category.get_untracked() /> }.into_any()
                    }
                    Err(failure) => view! { <Banner tone=Tone::Bad>{failure.error.message}</Banner> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Filter(category: Memo<Option<Category>>) -> impl IntoView {
    let choices = [None].into_iter().chain(Category::ALL.map(Some));
    view! {
        <nav class="chips" aria-label="Category">
            {choices
                .map(|choice| {
                    let href = choice.map_or_else(|| "?".to_owned(), |choice| format!("?category={}", choice.as_str()));
                    view! {
                        <a class="chip" href=href data-noscroll aria-current=move || (category.get() == choice).then_some("true")>
                            {choice.map_or("All", Category::label)}
                        </a>
                    }
                })
                .collect_view()}
        </nav>
    }
}

#[component]
fn Days(
    first: Page<PatientImageView>,
    patient: Option<PatientId>,
    category: Option<Category>,
) -> impl IntoView {
    let pager = Pager::new(first, move |cursor| images::list(patient, category, cursor));
    let live = Live::of_page();
    Effect::new(move |_| {
        live.listen(move |news| {
            let touches = match news {
                News::Reload => true,
                News::Change(Change::PatientChanged { patient_id }) => {
                    patient.is_none_or(|patient| patient == patient_id)
                }
                News::Change(_) => false,
            };
            if touches {
                pager.refresh();
            }
        });
    });
    let times = Times::of_page();
    let items = pager.items();
    let days = Memo::new(move |_| {
        let mut days: Vec<(i64, Vec<PatientImageView>)> = Vec::new();
        for image in items.get() {
            let day = times.day(image.filed_at);
            match days.last_mut() {
                Some((last, images)) if *last == day => images.push(image),
                _ => days.push((day, vec![image])),
            }
        }
        days
    });
    let day_images = move |day: i64| {
        days.with(|days| {
            days.iter().find(|(other, _)| *other == day).map(|(_, images)| images.clone()).unwrap_or_default()
        })
    };
    let each_day = move || {
        days.with(|days| days.iter().map(|(day, images)| (*day, images[0].filed_at)).collect::<Vec<_>>())
    };
    let opened = RwSignal::new(None::<PatientImageId>);
    let none = pager.is_empty();
    view! {
        <For each=each_day key=|(day, _)| *day let((day, at))>
            <section class="gallery-day" aria-label=move || times.words(at, TimeStyle::Day)>
                {if patient.is_some() {
                    view! { <h3 class="gallery-head"><Time at=at style=TimeStyle::Day /></h3> }.into_any()
                } else {
                    view! { <h2 class="gallery-head"><Time at=at style=TimeStyle::Day /></h2> }.into_any()
                }}
                <ul class="gallery-tiles">
                    <For each=move || day_images(day) key=tile_key let(image)>
                        <Tile image=image named=patient.is_none() opened=opened />
                    </For>
                </ul>
            </section>
        </For>
        <ShowMore pager=pager />
        {move || none.get().then(|| view! { <Nothing category=category one_record=patient.is_some() /> })}
        <ImageViewer pager=pager opened=opened />
    }
}

/// All that a tile shows but its links, which change whenever they are read.
fn tile_key(image: &PatientImageView) -> (PatientImageId, Category, String, String, bool) {
    (image.id, image.category, image.caption.clone(), image.patient.name.clone(), image.tile_url.is_some())
}

#[component]
fn Tile(image: PatientImageView, named: bool, opened: RwSignal<Option<PatientImageId>>) -> impl IntoView {
    let id = image.id;
    let (name, href) = (image.patient.name.clone(), format!("/patients/{}", image.patient.id));
    let category = image.category.label();
    let (source, caption) = (image.source.clone(), image.caption.clone());
    view! {
        <li class="tile">
            <button type="button" class="tile-picture" on:click=move |_| opened.set(Some(id))>
                <FiledPicture image=image rendition=RenditionRole::Tile />
            </button>
            {named.then(|| view! { <a class="tile-name" href=href>{name}</a> })}
            <span class="tile-category">{category}</span>
            {(!caption.is_empty()).then(|| view! { <span class="tile-caption">{caption}</span> })}
            <Source source=source />
        </li>
    }
}

#[component]
fn Nothing(category: Option<Category>, one_record: bool) -> impl IntoView {
    let text =
        "Open a photo in a conversation and choose Save to Images, or add pictures to a record directly.";
    match category {
        Some(category) => view! {
            <Empty glyph=Glyph::Photo title=format!("Nothing under {}", category.label()) text=text>
                <a class="button" href="?" data-noscroll>"Show all categories"</a>
            </Empty>
        }
        .into_any(),
        None => {
            let title = if one_record { "No images in this record yet" } else { "No images filed yet" };
            view! { <Empty glyph=Glyph::Photo title=title text=text /> }.into_any()
        }
    }
}
