//! How the work stands, and the way back for what stands aside.

use crate::failure::{Id, Problem};
use crate::session::{Asker, Reply};
use axum::http::StatusCode;
use backend::operation;
use model::operation::{Operation, Replayed};
use model::{JobId, JournalEntryId};

/// What asks for somebody to look, webhooks that could not be read, jobs that were set aside, and how much is in
/// quarantine. No texts and no numbers. For admins, as all of this.
#[utoipa::path(
    get, path = "/api/operation", tag = "operation",
    responses((status = 200, body = Operation), (status = 401, body = Problem), (status = 403, body = Problem)),
)]
pub(crate) async fn view(asker: Asker) -> Result<Reply<Operation>, Problem> {
    Ok(asker.reply(operation::view(asker.backend(), &asker.caller).await?))
}

/// Puts everything that stands aside back to work.
#[utoipa::path(
    post, path = "/api/operation/replay", tag = "operation",
    responses((status = 200, body = Replayed), (status = 401, body = Problem), (status = 403, body = Problem)),
)]
pub(crate) async fn replay_all(asker: Asker) -> Result<Reply<Replayed>, Problem> {
    Ok(asker.reply(operation::replay_all(asker.backend(), &asker.caller).await?))
}

/// Reads a webhook that could not be read once more.
#[utoipa::path(
    post, path = "/api/operation/webhooks/{id}/replay", tag = "operation", params(("id" = JournalEntryId, Path)),
    responses(
        (status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub(crate) async fn replay_webhook(asker: Asker, Id(id): Id<JournalEntryId>) -> Result<StatusCode, Problem> {
    operation::replay_webhook(asker.backend(), &asker.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has a webhook that could not be read stand aside no longer. It stays in the journal.
#[utoipa::path(
    post, path = "/api/operation/webhooks/{id}/dismiss", tag = "operation", params(("id" = JournalEntryId, Path)),
    responses(
        (status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub(crate) async fn dismiss_webhook(asker: Asker, Id(id): Id<JournalEntryId>) -> Result<StatusCode, Problem> {
    operation::dismiss_webhook(asker.backend(), &asker.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Runs a job that was set aside once more. A message that failed is not sent again by it.
#[utoipa::path(
    post, path = "/api/operation/jobs/{id}/replay", tag = "operation", params(("id" = JobId, Path)),
    responses(
        (status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem),
    ),
)]
pub(crate) async fn replay_job(asker: Asker, Id(id): Id<JobId>) -> Result<StatusCode, Problem> {
    operation::replay_job(asker.backend(), &asker.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets a job that was set aside. What it was for has been told of its end.
#[utoipa::path(
    post, path = "/api/operation/jobs/{id}/dismiss", tag = "operation", params(("id" = JobId, Path)),
    responses(
        (status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem),
    ),
)]
pub(crate) async fn dismiss_job(asker: Asker, Id(id): Id<JobId>) -> Result<StatusCode, Problem> {
    operation::dismiss_job(asker.backend(), &asker.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
