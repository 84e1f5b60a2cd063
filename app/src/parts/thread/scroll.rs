//! Scrolling a thread so that nothing moves that one reads.

use crate::browser;
use leptos::prelude::*;

/// Keeps what one reads where it is while messages are added or dropped around it.
pub(crate) struct Hold {
    anchor: Option<(web_sys::HtmlElement, f64)>,
}

impl Hold {
    /// Call it before the change.
    pub(crate) fn begin() -> Self {
        let Some(scroller) = browser::find(".thread-scroll") else { return Self { anchor: None } };
        let top = scroller.get_bounding_client_rect().top();
        let visible = browser::find_all(&scroller, ".bubble-row")
            .into_iter()
            .map(|row| (row.get_bounding_client_rect().top(), row))
            .find(|(at, _)| *at >= top);
        Self { anchor: visible.map(|(at, row)| (row, at)) }
    }

    /// Call it after the change; it acts once that is drawn and before it is painted.
    pub(crate) fn end(self) {
        request_animation_frame(move || {
            if let (Some((row, before)), Some(scroller)) = (self.anchor, browser::find(".thread-scroll")) {
                let moved = row.get_bounding_client_rect().top() - before;
                scroller.set_scroll_top(scroller.scroll_top() + moved.round() as i32);
            }
        });
    }
}

/// The scroller is laid out from its end (`style/thread.css`), so its end is 0.
pub(crate) fn scroll_to_end() {
    request_animation_frame(|| {
        if let Some(scroller) = browser::find(".thread-scroll") {
            scroller.set_scroll_top(0);
        }
    });
}
