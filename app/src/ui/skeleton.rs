//! What stands where something is about to come; it shows only after 150 ms (`style/skeleton.css`).

use leptos::prelude::*;

/// The shape of what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkeletonShape {
    /// Rows with an avatar and two lines.
    Rows,
    /// Bubbles on both sides.
    Bubbles,
    /// Square tiles.
    Tiles,
    /// Lines of text.
    Lines,
}

/// Grey shapes.
#[component]
pub fn Skeleton(
    /// Of what.
    shape: SkeletonShape,
) -> impl IntoView {
    let class = match shape {
        SkeletonShape::Rows => "skeleton skeleton-rows",
        SkeletonShape::Bubbles => "skeleton skeleton-bubbles",
        SkeletonShape::Tiles => "skeleton skeleton-tiles",
        SkeletonShape::Lines => "skeleton skeleton-lines",
    };
    view! {
        <div class=class role="status">
            <span class="visually-hidden">"Loading"</span>
            {(0..6).map(|_| view! { <span class="skeleton-piece" aria-hidden="true"></span> }).collect_view()}
        </div>
    }
}
