//! The document around the pages.

use crate::api::session::PageSession;
use crate::api::{backend, cookie};
use crate::pages::App;
use crate::ui::time::{RenderedAt, ZONE_COOKIE};
use leptos::WasmSplitManifest;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::MetaTags;
use std::collections::HashMap;

/// The cookie in which a person's choice of light or dark is kept.
pub(crate) const THEME_COOKIE: &str = "heliograph_theme";

/// Where the browser finds the built files, by paths that carry a hash of their content.
#[derive(Debug, Clone)]
pub struct Assets {
    /// The style sheet.
    pub css: String,
    /// The page's script, which knows its wasm.
    pub frontend_js: String,
    /// The page's wasm, named here so that it loads beside the script.
    pub frontend_wasm: String,
    /// The script that loads the wasm of screens that are no part of a first visit.
    pub parts_js: String,
    /// The wasm files of such screens by the name that leptos gives them: file names without `.wasm`.
    pub parts: HashMap<String, Vec<String>>,
    /// The script of the preview worker.
    pub preview_worker_js: String,
    /// The wasm of the preview worker.
    pub preview_worker_wasm: String,
}

/// Further origins that pictures come from, such as the S3 endpoint's: space-separated, a context.
#[derive(Debug, Clone, Default)]
pub struct MediaOrigins(pub String);

/// The document. Give it the contexts [`backend::Backend`] and, with S3, [`MediaOrigins`], and the request the
/// extension [`PageSession`].
///
/// It also sets the `Content-Security-Policy` header of the answer, since the policy names the nonce of the inline
/// scripts.
pub fn shell(assets: &Assets) -> impl IntoView + use<> {
    set_content_security_policy();
    let rendered = RenderedAt {
        now: backend().map_or(0, |backend| backend.clock.now()),
        offset_minutes: cookie(ZONE_COOKIE).and_then(|minutes| minutes.parse().ok()).unwrap_or(0),
    };
    provide_context(rendered);
    // Leptos names in the document what the screens of this page will ask for.
    provide_context(WasmSplitManifest(ArcStoredValue::new((
        "/pkg".to_owned(),
        assets.parts.clone(),
        assets.parts_js.rsplit('/').next().unwrap_or_default().to_owned(),
    ))));
    let theme = cookie(THEME_COOKIE).filter(|theme| matches!(theme.as_str(), "light" | "dark"));
    let workers = serde_json::json!({
        "preview_worker_js": assets.preview_worker_js,
        "preview_worker_wasm": assets.preview_worker_wasm,
    });
    // A name may contain what ends a script element.
    let session = serde_json::to_string(&PageSession::of_page()).unwrap_or_default().replace('<', "\\u003c");
    let start = format!(
        "import start, {{ hydrate }} from {js:?};\nawait start({{ module_or_path: {wasm:?} }});\nhydrate();",
        js = assets.frontend_js,
        wasm = assets.frontend_wasm,
    );
    view! {
        <!DOCTYPE html>
        <html
            lang="en-GB"
            data-theme=theme
            data-now=rendered.now.to_string()
            data-offset=rendered.offset_minutes.to_string()
        >
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover" />
                <meta name="theme-color" content="#f6f7f9" media="(prefers-color-scheme: light)" />
                <meta name="theme-color" content="#111316" media="(prefers-color-scheme: dark)" />
                <meta name="color-scheme" content="light dark" />
                <meta name="referrer" content="same-origin" />
                <meta name="robots" content="noindex" />
                <link rel="stylesheet" href=assets.css.clone() />
                <link rel="modulepreload" href=assets.frontend_js.clone() />
                <link rel="modulepreload" href=assets.parts_js.clone() />
                <link rel="preload" href=assets.frontend_wasm.clone() r#as="fetch" r#type="application/wasm" crossorigin="" />
                <link rel="icon" href="/icons/heliograph.svg" r#type="image/svg+xml" />
                <link rel="apple-touch-icon" href="/icons/heliograph-180.png" />
                <link rel="manifest" href="/manifest.webmanifest" />
                <script type="application/json" id="assets" inner_html=workers.to_string()></script>
                <script type="application/json" id="session" inner_html=session></script>
                <script type="module" nonce=use_nonce() inner_html=start></script>
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

fn set_content_security_policy() {
    let Some(response) = use_context::<leptos_axum::ResponseOptions>() else { return };
    let nonce = use_nonce().map(|nonce| format!("'nonce-{nonce}'")).unwrap_or_default();
    let MediaOrigins(media) = use_context().unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self' {nonce} 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' blob: data: {media}; connect-src 'self' {media}; worker-src 'self'; font-src 'self'; \
         manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    if let Ok(policy) = http::HeaderValue::from_str(&policy) {
        response.insert_header(http::header::CONTENT_SECURITY_POLICY, policy);
    }
}
