//! The REST API: one file per area. A handler finds out who asks, makes one call to the backend and answers.

mod conversations;
mod docs;
mod images;
mod links;
mod messages;
mod operation;
mod patients;
mod reports;
mod sms;
mod whatsapp;

use crate::{App, live};
use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Bytes of a JSON body, at most.
const JSON_BYTES: usize = 256 * 1024;

/// Every call, and its description.
pub(crate) fn routes() -> Router<App> {
    let (calls, description) = calls().split_for_parts();
    let description = docs::finish(description);
    calls
        .route("/api/openapi.json", get(async move || Json(description.clone()).into_response()))
        .route("/api/docs", get(docs::page))
        .route("/api/docs.js", get(docs::script))
        .route("/api/docs.css", get(docs::style))
}

/// The description alone, for tests.
pub fn openapi() -> OpenApi {
    docs::finish(calls().into_openapi())
}

fn calls() -> OpenApiRouter<App> {
    let uploads = OpenApiRouter::new()
        .routes(routes!(sms::upload_media))
        .routes(routes!(conversations::reply_with_media))
        .routes(routes!(patients::upload_image))
        .layer(DefaultBodyLimit::disable());
    OpenApiRouter::with_openapi(docs::head())
        .routes(routes!(sms::send))
        .routes(routes!(sms::messages))
        .routes(routes!(sms::is_saved))
        .routes(routes!(sms::save_to_images))
        .routes(routes!(conversations::list))
        .routes(routes!(conversations::get))
        .routes(routes!(conversations::reply))
        .routes(routes!(conversations::read))
        .routes(routes!(messages::search))
        .routes(routes!(links::revoke))
        .routes(routes!(links::extend))
        .routes(routes!(links::resend))
        .routes(routes!(patients::list, patients::create))
        .routes(routes!(patients::get, patients::update, patients::delete))
        .routes(routes!(images::get, images::update, images::delete))
        .routes(routes!(reports::messages))
        .routes(routes!(reports::messages_csv))
        .routes(routes!(whatsapp::templates))
        .routes(routes!(operation::view))
        .routes(routes!(operation::replay_all))
        .routes(routes!(operation::replay_webhook))
        .routes(routes!(operation::dismiss_webhook))
        .routes(routes!(operation::replay_job))
        .routes(routes!(operation::dismiss_job))
        .routes(routes!(live::live))
        .layer(DefaultBodyLimit::max(JSON_BYTES))
        .merge(uploads)
        .merge(
            OpenApiRouter::new()
                .routes(routes!(images::list, images::create))
                .layer(DefaultBodyLimit::disable()),
        )
}
