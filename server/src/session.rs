//! Who is asking: the extractor that every handler of the API begins with.

use crate::App;
use crate::failure::Problem;
use app::api::SESSION_COOKIE;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use backend::{Backend, Caller};
use model::FailureCode;
use serde::Serialize;

/// A caller whose bearer token or session cookie holds, and the product they ask.
pub(crate) struct Asker {
    pub(crate) app: App,
    pub(crate) caller: Caller,
}

impl Asker {
    pub(crate) fn backend(&self) -> &Backend {
        &self.app.backend
    }

    /// Answers 200 with JSON.
    pub(crate) fn reply<T: Serialize>(&self, value: T) -> Reply<T> {
        Reply { status: StatusCode::OK, mock: self.backend().settings.mock_mode, value }
    }

    /// Answers 201 with JSON.
    pub(crate) fn created<T: Serialize>(&self, value: T) -> Reply<T> {
        Reply { status: StatusCode::CREATED, ..self.reply(value) }
    }
}

impl FromRequestParts<App> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Credential::of(&parts.headers).caller(&app.backend).await? {
            Some(caller) => Ok(Self { app: app.clone(), caller }),
            None => Err(Problem::new(
                FailureCode::SignedOut,
                "Sign in, or send Authorization: Bearer with a token from Settings, API tokens.",
            )),
        }
    }
}

/// What a request brings to show who asks.
#[derive(Clone)]
pub(crate) enum Credential {
    Nothing,
    Bearer(String),
    Session(String),
}

impl Credential {
    /// A token counts before a cookie: who sends one means it.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if let Some(token) = bearer(headers) {
            return Self::Bearer(token.to_owned());
        }
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let session = cookies.flat_map(|cookies| cookies.split(';')).find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == SESSION_COOKIE && !value.is_empty()).then(|| value.to_owned())
        });
        session.map_or(Self::Nothing, Self::Session)
    }

    /// Asked again by streams that outlive a sign-out.
    pub(crate) async fn caller(&self, backend: &Backend) -> backend::Result<Option<Caller>> {
        match self {
            Self::Nothing => Ok(None),
            Self::Bearer(token) => backend::sign_in::caller_by_api_token(backend, token).await,
            Self::Session(token) => backend::sign_in::caller_by_session(backend, token).await,
        }
    }
}

/// The bearer token. Another scheme is for someone else, a proxy that asks for a password say.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A JSON answer; an object says `"mock": true` while every line is a simulator.
pub(crate) struct Reply<T> {
    status: StatusCode,
    mock: bool,
    value: T,
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let Self { status, mock, value } = self;
        if !mock {
            return (status, Json(value)).into_response();
        }
        match serde_json::to_value(value) {
            Ok(mut json) => {
                if let Some(object) = json.as_object_mut() {
                    object.insert("mock".to_owned(), true.into());
                }
                (status, Json(json)).into_response()
            }
            Err(_) => Problem::new(FailureCode::Internal, "The answer cannot be written.").into_response(),
        }
    }
}
