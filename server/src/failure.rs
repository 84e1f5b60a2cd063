//! The one error shape over HTTP, and the extractors that answer in it.

use app::api::status;
use axum::body::Bytes;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, RequestExt};
use model::{Failure, FailureCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// `{"error": {"code", "message", "field"}}` with the status of its code.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Problem {
    /// What went wrong.
    pub error: Failure,
    /// Where HTTP itself knows better than the code.
    #[serde(skip)]
    status: Option<u16>,
}

impl Problem {
    pub(crate) fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Failure::new(code, message).into()
    }

    pub(crate) fn field(field: &str, message: impl Into<String>) -> Self {
        Failure::field(field, message).into()
    }

    /// No such address, or no such thing behind it.
    pub(crate) fn not_found() -> Self {
        Self::new(FailureCode::NotFound, "There is nothing at this address.")
    }

    /// The same, where the wrong input has another name in this request: pairs of the name before and the name here.
    pub(crate) fn renamed(mut self, names: &[(&str, &str)]) -> Self {
        let field = self.error.field.as_deref();
        if let Some((_, here)) = names.iter().find(|(before, _)| field == Some(*before)) {
            self.error.field = Some((*here).to_owned());
        }
        self
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status.as_u16());
        self
    }
}

impl From<Failure> for Problem {
    fn from(error: Failure) -> Self {
        Self { error, status: None }
    }
}

impl From<backend::Error> for Problem {
    fn from(error: backend::Error) -> Self {
        Failure::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status.unwrap_or_else(|| status(self.error.code));
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let seconds = self.error.retry_after;
        let mut response = (status, Json(self)).into_response();
        ask_again_after(response.headers_mut(), seconds);
        response
    }
}

/// Says when to ask again, where that is known.
pub(crate) fn ask_again_after(headers: &mut HeaderMap, seconds: Option<u64>) {
    if let Some(seconds) = seconds {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// Every address that is not in the map.
pub(crate) async fn no_such_address(uri: Uri) -> Problem {
    let hint = if uri.path().starts_with("/api/") { " The calls are listed at /api/docs." } else { "" };
    Problem::new(FailureCode::NotFound, format!("There is nothing at this address.{hint}"))
}

/// An address that is in the map, with another method.
pub(crate) async fn no_such_method(method: Method) -> Problem {
    Problem::new(FailureCode::Invalid, format!("{method} is not offered at this address; see /api/docs."))
        .with_status(StatusCode::METHOD_NOT_ALLOWED)
}

/// What a caught panic answers; the panic itself is in the log.
pub(crate) fn after_panic(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request panicked");
    Problem::new(FailureCode::Internal, "Something went wrong on the server. Try again.").into_response()
}

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        match request.extract::<Json<T>, _>().await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(unread_json(&rejection)),
        }
    }
}

fn unread_json(rejection: &JsonRejection) -> Problem {
    match rejection {
        JsonRejection::JsonDataError(error) => {
            Problem::new(FailureCode::Invalid, format!("The JSON does not fit this call: {}.", cause(error)))
        }
        JsonRejection::JsonSyntaxError(error) => {
            Problem::new(FailureCode::Invalid, format!("The body is not JSON: {}.", cause(error)))
                .with_status(StatusCode::BAD_REQUEST)
        }
        JsonRejection::MissingJsonContentType(_) => {
            Problem::new(FailureCode::UnsupportedMedia, "Send JSON with Content-Type: application/json.")
        }
        other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(FailureCode::TooLarge, "The body is too large for this call.")
        }
        _ => Problem::new(FailureCode::Invalid, "The body broke off.").with_status(StatusCode::BAD_REQUEST),
    }
}

/// Serde's own words: they name fields, types and places.
fn cause(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    // An enum's complaint quotes what was sent, which may be anything.
    deepest.to_string().chars().take(200).collect()
}

/// A body as it came.
pub(crate) struct Raw(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Bytes::from_request(request, state).await.map(Self).map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::new(FailureCode::TooLarge, "The body is too large for this call.")
            }
            _ => {
                Problem::new(FailureCode::Invalid, "The body broke off.").with_status(StatusCode::BAD_REQUEST)
            }
        })
    }
}

/// The query of the address.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Query::from_request_parts(parts, state).await.map(|Query(value)| Self(value)).map_err(
            |error: QueryRejection| {
                Problem::new(
                    FailureCode::Invalid,
                    format!("The query does not fit this call: {}.", cause(&error)),
                )
            },
        )
    }
}

/// The id in the address. One that is no id names nothing, like one of another organisation.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Path::from_request_parts(parts, state)
            .await
            .map(|Path(id)| Self(id))
            .map_err(|_| Problem::not_found())
    }
}
