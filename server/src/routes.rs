//! The whole URL map.

use crate::failure::Problem;
use crate::{App, failure, guards, guides, links, media, metrics, pages, rest, simulator, webhooks};
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use axum::{Json, Router};
use backend::readiness::{self, Readiness};
use model::FailureCode;
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;

pub use rest::openapi;

/// Everything that this process answers.
pub fn router(app: App) -> Router {
    with(app, Router::new())
}

/// The same, and something beside it that passes the same guards.
pub fn with(app: App, beside: Router<App>) -> Router {
    let careful = from_fn_with_state(app.clone(), guards::careful);
    let client_address = from_fn_with_state(app.clone(), guards::client_address);
    let same_origin = from_fn_with_state(app.clone(), guards::same_origin);
    // What browsers ask with a person's session.
    let people = Router::new()
        // /api/sms/… /api/conversations/… /api/messages/… /api/patients/… /api/images/… /api/reports/…
        // /api/live /api/whatsapp-templates /api/operation/… /api/openapi.json /api/docs
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
        .merge(beside)
        // /guides/{carrier}, /guides/keeping-your-number
        .merge(guides::routes())
        // /i/{token}: what a patient sees behind a private link
        .merge(links::routes())
        .route("/media/{*path}", get(media::media))
        .merge(operation())
        .method_not_allowed_fallback(failure::no_such_method)
        .merge(people)
        .layer(client_address)
        .layer(CatchPanicLayer::custom(failure::after_panic))
        .layer(careful)
        .layer(from_fn_with_state(app.clone(), guards::parting))
        .layer(from_fn(guards::note))
        .with_state(app)
}

/// Everything that a process answers which only works.
pub(crate) fn of_worker(app: App) -> Router {
    operation()
        .method_not_allowed_fallback(failure::no_such_method)
        .fallback(|| async { Problem::not_found() })
        .layer(CatchPanicLayer::custom(failure::after_panic))
        .layer(from_fn_with_state(app.clone(), guards::careful))
        .layer(from_fn_with_state(app.clone(), guards::parting))
        .layer(from_fn(guards::note))
        .with_state(app)
}

/// What an operator asks of any process.
fn operation() -> Router<App> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics::metrics))
}

/// The process lives.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The process can do its work: the database and the blob store keep what they are given, and it is not about to stop.
async fn readyz(
    State(app): State<App>,
) -> Result<Json<serde_json::Value>, (StatusCode, Json<serde_json::Value>)> {
    let Readiness { database, blobs } = readiness::find(&app.backend).await;
    let draining = app.draining.is_cancelled();
    let word = |ready| if ready { "ready" } else { "unavailable" };
    let process = if draining { "stopping" } else { "ready" };
    let parts = json!({ "database": word(database), "blobs": word(blobs), "process": process });
    if database && blobs && !draining {
        return Ok(Json(parts));
    }
    let message = match draining {
        true => "This process is about to stop.",
        false => "The server cannot write to all of its storage.",
    };
    let error = json!({ "code": FailureCode::Unavailable, "message": message, "field": null });
    Err((StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": error, "parts": parts }))))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::*;
    use crate::config::{Config, Settings};
    use axum::body::Body;
    use axum::http::{Request, header};
    use backend::testing::TestBackend;
    use tower::ServiceExt;

    #[tokio::test]
    async fn a_process_that_is_about_to_stop_says_so() {
        let t = TestBackend::new(None).await;
        let app = App::new(t.backend.clone(), &Config::from_settings(&Settings::default()).unwrap());
        let ask = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            of_worker(app.clone()).oneshot(request).await.unwrap()
        };
        let before = ask("/readyz").await;
        assert_eq!((before.status(), before.headers().get(header::CONNECTION)), (StatusCode::OK, None));
        app.draining.cancel();
        let after = ask("/readyz").await;
        assert_eq!(after.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(after.headers()[header::CONNECTION], "close");
        assert_eq!(
            ask("/healthz").await.status(),
            StatusCode::OK,
            "it lives, and answers who is still there"
        );
    }
}
