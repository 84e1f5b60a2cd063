//! Patients' records.

use crate::failure::{Asked, Body, Id, Problem};
use crate::rest::images::{ImageFields, ImageForm};
use crate::session::{Asker, Reply};
use crate::uploads::Form;
use axum::http::StatusCode;
use backend::patients;
use model::patient::{NumberInput, PatientImageView, PatientInput, PatientRow, PatientView};
use model::{Page, PatientId};
use serde::{Deserialize, Deserializer};

/// Which patients to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Part of a name, the organisation's reference, a whole number in any format, or its last 4 to 9 digits.
    search: Option<String>,
    /// `next` of the previous page.
    cursor: Option<String>,
}

/// Patients by name; of those that are looked for, first whoever's name begins so.
#[utoipa::path(
    get, path = "/api/patients", tag = "patients", params(ListQuery),
    responses((status = 200, body = Page<PatientRow>), (status = 401, body = Problem)),
)]
pub(crate) async fn list(
    asker: Asker,
    Asked(query): Asked<ListQuery>,
) -> Result<Reply<Page<PatientRow>>, Problem> {
    let (search, cursor) = (query.search.as_deref(), query.cursor.as_deref());
    Ok(asker.reply(patients::list(asker.backend(), &asker.caller, search, cursor).await?))
}

/// Makes a record. Conversations with its numbers are linked to it.
#[utoipa::path(
    post, path = "/api/patients", tag = "patients", request_body = PatientInput,
    responses(
        (status = 201, body = PatientView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn create(
    asker: Asker,
    Body(input): Body<PatientInput>,
) -> Result<Reply<PatientView>, Problem> {
    Ok(asker.created(patients::create(asker.backend(), &asker.caller, &input).await?))
}

/// One record.
#[utoipa::path(
    get, path = "/api/patients/{id}", tag = "patients", params(("id" = PatientId, Path)),
    responses((status = 200, body = PatientView), (status = 401, body = Problem), (status = 404, body = Problem)),
)]
pub(crate) async fn get(asker: Asker, Id(id): Id<PatientId>) -> Result<Reply<PatientView>, Problem> {
    Ok(asker.reply(patients::get(asker.backend(), &asker.caller, id).await?))
}

/// What to change in a record; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct PatientChange {
    /// Full name.
    #[serde(default)]
    name: Option<String>,
    /// Date of birth, `YYYY-MM-DD`; `null` takes it out.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    born: Option<Option<String>>,
    /// The organisation's own number for this person; `null` takes it out.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    reference: Option<Option<String>>,
    /// Free text.
    #[serde(default)]
    notes: Option<String>,
    /// All numbers, in the order to offer them.
    #[serde(default)]
    numbers: Option<Vec<NumberInput>>,
}

/// Tells `null` from left out.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Changes a record.
#[utoipa::path(
    patch, path = "/api/patients/{id}", tag = "patients", request_body = PatientChange,
    params(("id" = PatientId, Path)),
    responses(
        (status = 200, body = PatientView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem),
    ),
)]
pub(crate) async fn update(
    asker: Asker,
    Id(id): Id<PatientId>,
    Body(change): Body<PatientChange>,
) -> Result<Reply<PatientView>, Problem> {
    let PatientChange { name, born, reference, notes, numbers } = change;
    let change = model::patient::PatientChange { name, born, reference, notes, numbers };
    Ok(asker.reply(patients::change(asker.backend(), &asker.caller, id, change).await?))
}

/// Hides a record. Its messages and images stay stored.
#[utoipa::path(
    delete, path = "/api/patients/{id}", tag = "patients", params(("id" = PatientId, Path)),
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)),
)]
pub(crate) async fn delete(asker: Asker, Id(id): Id<PatientId>) -> Result<StatusCode, Problem> {
    patients::delete(asker.backend(), &asker.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Uploads a photo to a record directly.
#[utoipa::path(
    post, path = "/api/patients/{id}/images", tag = "images",
    request_body(content = ImageForm, content_type = "multipart/form-data"),
    params(("id" = PatientId, Path)),
    responses(
        (status = 201, body = PatientImageView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn upload_image(
    asker: Asker,
    Id(id): Id<PatientId>,
    form: Form,
) -> Result<Reply<PatientImageView>, Problem> {
    ImageFields::of(id).take_in(asker, form).await
}
