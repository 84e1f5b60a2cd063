//! The whole URL map.

use crate::{App, failure, guards, guides, links, media, metrics, pages, rest, simulator, webhooks};
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use axum::{Json, Router};
use model::FailureCode;
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;

pub use rest::openapi;

/// Everything that this process answers.
pub fn router(app: App) -> Router {
    let careful = from_fn_with_state(app.clone(), guards::careful);
    let client_address = from_fn_with_state(app.clone(), guards::client_address);
    let same_origin = from_fn_with_state(app.clone(), guards::same_origin);
    // What browsers ask with a person's session.
    let people = Router::new()
        // /api/sms/… /api/conversations/… /api/messages/… /api/patients/… /api/images/… /api/reports/…
        // /api/live /api/whatsapp-templates /api/openapi.json /api/docs
        .merge(rest::routes())
        // /simulator/phones/… (the simulated phone) /simulator/messages, /simulator/media/… (its carrier)
        .merge(simulator::routes())
        // / and every page, /api/ui/… (server functions), /pkg/… (their files)
        .merge(pages::routes(&app))
        .method_not_allowed_fallback(failure::no_such_method)
        .fallback(pages::fallback)
        .layer(same_origin);
    Router::new()
        // /webhooks/{provider}/{line_key}/inbound and …/status
        .merge(webhooks::routes())
        // /guides/{carrier}, /guides/keeping-your-number
        .merge(guides::routes())
        // /i/{token}: what a patient sees behind a private link
        .merge(links::routes())
        .route("/media/{*path}", get(media::media))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics::metrics))
        .method_not_allowed_fallback(failure::no_such_method)
        .merge(people)
        .layer(client_address)
        .layer(CatchPanicLayer::custom(failure::after_panic))
        .layer(careful)
        .layer(from_fn(guards::note))
        .with_state(app)
}

/// The process lives.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The process can do its work: the database and the blob store answer.
async fn readyz(
    State(app): State<App>,
) -> Result<Json<serde_json::Value>, (StatusCode, Json<serde_json::Value>)> {
    let database = backend::organisations::any(&app.backend).await.is_ok();
    let blobs = app.backend.blobs.ready().await.is_ok();
    let word = |ready| if ready { "ready" } else { "unavailable" };
    let parts = json!({ "database": word(database), "blobs": word(blobs) });
    if database && blobs {
        return Ok(Json(parts));
    }
    let message = "The server cannot reach all of its storage.";
    let error = json!({ "code": FailureCode::Unavailable, "message": message, "field": null });
    Err((StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": error, "parts": parts }))))
}
