//! Who is asking.

use super::ApiFailure;
use backend::{Backend, Caller};
use leptos::prelude::use_context;
use model::{Failure, FailureCode};

/// The cookie that carries a session's secret.
pub const SESSION_COOKIE: &str = "heliograph_session";

/// The product and the person who is signed in; the first line of nearly every server function.
pub(crate) async fn signed_in() -> Result<(Backend, Caller), ApiFailure> {
    let backend = backend()?;
    let caller = match session_token() {
        Some(token) => backend::sign_in::caller_by_session(&backend, &token).await?,
        None => None,
    };
    caller.map(|caller| (backend, caller)).ok_or_else(|| {
        Failure::new(FailureCode::SignedOut, "You are signed out. Sign in and try again.").into()
    })
}

/// The product, for the few calls that need nobody to be signed in.
pub(crate) fn backend() -> Result<Backend, ApiFailure> {
    use_context::<Backend>().ok_or_else(|| {
        Failure::new(FailureCode::Internal, "The server is not wired completely; tell your administrator.")
            .into()
    })
}

/// The session's secret, as the browser sent it.
pub(crate) fn session_token() -> Option<String> {
    cookie(SESSION_COOKIE)
}

/// A cookie of the request that is being answered.
pub(crate) fn cookie(name: &str) -> Option<String> {
    cookie_of(&use_context::<http::request::Parts>()?.headers, name)
}

/// A cookie among a request's headers.
pub(crate) fn cookie_of(headers: &http::HeaderMap, name: &str) -> Option<String> {
    let headers = headers.get_all(http::header::COOKIE).iter();
    headers.filter_map(|header| header.to_str().ok()).flat_map(|header| header.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name && !value.is_empty()).then(|| value.to_owned())
    })
}
