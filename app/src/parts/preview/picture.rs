//! A preview as it is seen: painted from its pixels where there are any, else loaded from its address.

use crate::parts::preview::{Picture, Pixels};
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::{Clamped, JsCast, JsValue};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

/// Fills a square box; the style sheet crops what does not fit.
#[component]
pub fn PreviewPicture(
    /// What to show.
    picture: Picture,
    /// What it is called, for those who do not see it.
    #[prop(into)]
    name: Signal<String>,
    /// The box's sides in CSS pixels.
    side: u32,
) -> AnyView {
    let Some(pixels) = picture.pixels else {
        return view! { <img src=picture.url alt=name width=side height=side /> }.into_any();
    };
    let canvas = NodeRef::<html::Canvas>::new();
    let (width, height) = (pixels.width, pixels.height);
    Effect::new(move |_| {
        if let Some(canvas) = canvas.get() {
            // A canvas without a context, where a browser has run out of them, stays empty.
            let _ = paint(&canvas, &pixels);
        }
    });
    view! { <canvas node_ref=canvas width=width height=height role="img" aria-label=name></canvas> }
        .into_any()
}

fn paint(canvas: &HtmlCanvasElement, pixels: &Pixels) -> Result<(), JsValue> {
    let image =
        ImageData::new_with_u8_clamped_array_and_sh(Clamped(&pixels.rgba), pixels.width, pixels.height)?;
    let Some(context) = canvas.get_context("2d")? else { return Ok(()) };
    context.unchecked_into::<CanvasRenderingContext2d>().put_image_data(&image, 0.0, 0.0)
}
