//! Photos in patients' records.

use crate::failure::{Asked, Body, Id, Problem};
use crate::session::{Asker, Reply};
use crate::uploads::Form;
use axum::http::StatusCode;
use backend::images::{self, Filter};
use model::media::Category;
use model::patient::PatientImageView;
use model::{Page, PatientId, PatientImageId};
use serde::Deserialize;

/// Which images to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Of one patient.
    #[param(value_type = Option<String>)]
    patient_id: Option<PatientId>,
    /// Under one category.
    #[param(inline)]
    category: Option<Category>,
    /// `next` of the previous page.
    cursor: Option<String>,
}

/// Images, newest first, 60 a page.
#[utoipa::path(
    get, path = "/api/images", tag = "images", params(ListQuery),
    responses((status = 200, body = Page<PatientImageView>), (status = 401, body = Problem)),
)]
pub(crate) async fn list(
    asker: Asker,
    Asked(ListQuery { patient_id, category, cursor }): Asked<ListQuery>,
) -> Result<Reply<Page<PatientImageView>>, Problem> {
    let filter = Filter { patient: patient_id, category };
    Ok(asker.reply(images::list(asker.backend(), &asker.caller, filter, cursor.as_deref()).await?))
}

/// A photo and where it belongs; the file comes last.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form; the bytes are streamed")]
pub(crate) struct ImageForm {
    /// Whose record; only where the address does not say so.
    patient_id: Option<PatientId>,
    /// Under what.
    category: Category,
    /// A remark; may be left out.
    caption: Option<String>,
    /// The picture: JPEG, PNG, GIF, WebP, HEIC or HEIF, by its bytes.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// What a form said before its file.
#[derive(Default)]
pub(crate) struct ImageFields {
    patient_id: Option<PatientId>,
    category: Option<Category>,
    caption: String,
}

impl ImageFields {
    /// Of a patient whom the address names.
    pub(crate) fn of(patient: PatientId) -> Self {
        Self { patient_id: Some(patient), ..Self::default() }
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), Problem> {
        match name {
            "patient_id" if self.patient_id.is_none() => {
                let id =
                    value.parse().map_err(|_| Problem::field("patient_id", "This is not a patient's id."))?;
                self.patient_id = Some(id);
            }
            "category" => self.category = Some(category(&value)?),
            "caption" => self.caption = value,
            _ => {}
        }
        Ok(())
    }

    pub(crate) async fn take_in(
        mut self,
        asker: Asker,
        form: Form,
    ) -> Result<Reply<PatientImageView>, Problem> {
        let (backend, caller) = (asker.backend(), &asker.caller);
        let store = async |fields: Vec<(String, String)>, file| {
            for (name, value) in fields {
                self.set(&name, value)?;
            }
            let patient = self.patient_id.ok_or_else(|| {
                Problem::field("patient_id", "Say whose record it is, in a field before the file.")
            })?;
            let category = self.category.ok_or_else(|| {
                Problem::field("category", "Select a category, in a field before the file.")
            })?;
            Ok(images::upload(backend, caller, patient, category, &self.caption, file).await?)
        };
        let image = form.only_file(store).await?;
        Ok(asker.created(image))
    }
}

fn category(word: &str) -> Result<Category, Problem> {
    Category::from_word(word).ok_or_else(|| {
        let words: Vec<_> = Category::ALL.iter().map(|category| category.as_str()).collect();
        Problem::field("category", format!("A category is one of {}.", words.join(", ")))
    })
}

/// Uploads a photo to a record directly.
#[utoipa::path(
    post, path = "/api/images", tag = "images",
    request_body(content = ImageForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, body = PatientImageView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub(crate) async fn create(asker: Asker, form: Form) -> Result<Reply<PatientImageView>, Problem> {
    ImageFields::default().take_in(asker, form).await
}

/// One image.
#[utoipa::path(
    get, path = "/api/images/{id}", tag = "images", params(("id" = PatientImageId, Path)),
    responses((status = 200, body = PatientImageView), (status = 401, body = Problem), (status = 404, body = Problem)),
)]
pub(crate) async fn get(
    asker: Asker,
    Id(id): Id<PatientImageId>,
) -> Result<Reply<PatientImageView>, Problem> {
    Ok(asker.reply(images::get(asker.backend(), &asker.caller, id).await?))
}

/// What to change; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct ImageChange {
    /// Under what.
    #[serde(default)]
    category: Option<Category>,
    /// A remark; may be empty.
    #[serde(default)]
    caption: Option<String>,
}

/// Changes category or caption.
#[utoipa::path(
    patch, path = "/api/images/{id}", tag = "images", request_body = ImageChange,
    params(("id" = PatientImageId, Path)),
    responses(
        (status = 200, body = PatientImageView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem),
    ),
)]
pub(crate) async fn update(
    asker: Asker,
    Id(id): Id<PatientImageId>,
    Body(change): Body<ImageChange>,
) -> Result<Reply<PatientImageView>, Problem> {
    let (category, caption) = (change.category, change.caption.as_deref());
    Ok(asker.reply(images::update(asker.backend(), &asker.caller, id, category, caption).await?))
}

/// Takes an image out of the record.
#[utoipa::path(
    delete, path = "/api/images/{id}", tag = "images", params(("id" = PatientImageId, Path)),
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)),
)]
pub(crate) async fn delete(asker: Asker, Id(id): Id<PatientImageId>) -> Result<StatusCode, Problem> {
    images::delete(asker.backend(), &asker.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
