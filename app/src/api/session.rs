//! Signing in and out, and who one is.

use super::{Answer, ApiFailure};
#[cfg(feature = "ssr")]
use super::{SESSION_COOKIE, backend, session_token, signed_in};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::staff::{Me, Organisation};
use model::{Failure, FailureCode, Millis, OrgId};
use serde::{Deserialize, Serialize};

/// What every page needs to know before it is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who is signed in.
    pub me: Me,
    /// Number of the newest change that this page can contain; the live stream goes on from here.
    pub live_seq: i64,
    /// Everything goes to simulators; said on every page.
    pub mock_mode: bool,
    /// There is a simulated phone to look at.
    pub has_phone: bool,
    /// The server's time.
    pub now: Millis,
}

/// Who is signed in, read before a page is rendered: pages are drawn from it at once and need not wait.
///
/// The server puts it into the request as an extension; the shell writes it into the document, where the browser
/// finds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageSession(pub Answer<Session>);

#[cfg(feature = "ssr")]
impl PageSession {
    /// Reads the session of a request for a page.
    pub async fn of(backend: &backend::Backend, headers: &http::HeaderMap) -> Self {
        let token = super::cookie_of(headers, SESSION_COOKIE);
        Self(read(backend, token).await)
    }
}

impl PageSession {
    /// The session of the page that is rendered, or of the document that is shown.
    pub fn of_page() -> Self {
        #[cfg(feature = "ssr")]
        let found =
            use_context::<http::request::Parts>().and_then(|parts| parts.extensions.get::<Self>().cloned());
        #[cfg(not(feature = "ssr"))]
        let found = document()
            .get_element_by_id("session")
            .and_then(|element| element.text_content())
            .and_then(|json| serde_json::from_str(&json).ok());
        found.unwrap_or_else(|| Self(Err(ApiFailure { error: signed_out() })))
    }
}

fn signed_out() -> Failure {
    Failure::new(FailureCode::SignedOut, "You are signed out. Sign in and try again.")
}

#[cfg(feature = "ssr")]
async fn read(backend: &backend::Backend, token: Option<String>) -> Answer<Session> {
    let caller = match token {
        Some(token) => backend::sign_in::caller_by_session(backend, &token).await?,
        None => None,
    };
    let caller = caller.ok_or_else(signed_out)?;
    let live_seq = backend::live::newest(backend, &caller).await?;
    let me = backend::sign_in::me(backend, &caller).await?;
    let has_phone = backend::lines::has_simulator(backend, &caller).await?;
    let mock_mode = backend.settings.mock_mode;
    Ok(Session { me, live_seq, mock_mode, has_phone, now: backend.clock.now() })
}

/// Where one signs in and then goes on at `here`, a path with its query.
pub(crate) fn sign_in_path(here: &str) -> String {
    if here == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={}", escape(here)) }
}

fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

/// Who is signed in.
#[server(prefix = "/api/ui", endpoint = "session/get", input = Json)]
pub async fn read_session() -> Answer<Session> {
    read(&backend()?, session_token()).await
}

/// Signs in; the session travels as a cookie.
#[server(prefix = "/api/ui", endpoint = "session/sign-in", input = Json)]
pub async fn sign_in(email: String, password: String) -> Answer<()> {
    let backend = backend()?;
    let session = backend::sign_in::sign_in(&backend, &email, &password, &network_address()).await?;
    set_cookie(&backend, Some(&session));
    Ok(())
}

/// Ends the session.
#[server(prefix = "/api/ui", endpoint = "session/sign-out", input = Json)]
pub async fn sign_out() -> Answer<()> {
    let backend = backend()?;
    if let Some(token) = session_token() {
        backend::sign_in::sign_out(&backend, &token).await?;
    }
    set_cookie(&backend, None);
    Ok(())
}

/// The other organisations that the person may work in, by name.
#[server(prefix = "/api/ui", endpoint = "session/elsewhere", input = Json)]
pub async fn elsewhere() -> Answer<Vec<Organisation>> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::sign_in::elsewhere(&backend, &caller).await?)
}

/// Moves the session to another organisation; the cookie stays.
#[server(prefix = "/api/ui", endpoint = "session/switch", input = Json)]
pub async fn switch(to: OrgId) -> Answer<()> {
    let backend = backend()?;
    let token = session_token().ok_or_else(signed_out)?;
    Ok(backend::sign_in::switch(&backend, &token, to).await?)
}

/// Whom a one-time link greets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Their name.
    pub name: String,
    /// What they will sign in with.
    pub email: String,
    /// Where they will work.
    pub organisation: String,
}

/// Reads a one-time link without using it up.
#[server(prefix = "/api/ui", endpoint = "session/welcome", input = Json)]
pub async fn read_welcome(token: String) -> Answer<Welcome> {
    let backend = backend()?;
    let welcome = backend::sign_in::read_one_time_link(&backend, &token).await?;
    Ok(Welcome { name: welcome.name, email: welcome.email, organisation: welcome.organisation })
}

/// Uses a one-time link: sets the password and signs in.
#[server(prefix = "/api/ui", endpoint = "session/choose-password", input = Json)]
pub async fn choose_password(token: String, password: String) -> Answer<()> {
    let backend = backend()?;
    let session = backend::sign_in::use_one_time_link(&backend, &token, &password).await?;
    set_cookie(&backend, Some(&session));
    Ok(())
}

/// Gives the person who is signed in another password; their sessions end, and this one goes on as a new one.
#[server(prefix = "/api/ui", endpoint = "session/change-password", input = Json)]
pub async fn change_password(current_password: String, password: String) -> Answer<()> {
    let backend = backend()?;
    let token = session_token().ok_or_else(signed_out)?;
    let from = network_address();
    let session =
        backend::sign_in::change_password(&backend, &token, &current_password, &password, &from).await?;
    set_cookie(&backend, Some(&session));
    Ok(())
}

/// Where a request came from, for limiting attempts. The server puts it into the request as an extension.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone)]
pub struct NetworkAddress(pub String);

#[cfg(feature = "ssr")]
fn network_address() -> String {
    use_context::<http::request::Parts>()
        .and_then(|parts| parts.extensions.get::<NetworkAddress>().cloned())
        .map_or_else(String::new, |address| address.0)
}

#[cfg(feature = "ssr")]
fn set_cookie(backend: &backend::Backend, session: Option<&backend::sign_in::NewSession>) {
    let secure = if backend.settings.app_url.scheme() == "https" { "; Secure" } else { "" };
    let (value, seconds) = match session {
        Some(session) => (session.token.as_str(), (session.expires_at - backend.clock.now()).max(0) / 1000),
        None => ("", 0),
    };
    let cookie =
        format!("{SESSION_COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    if let (Some(response), Ok(cookie)) =
        (use_context::<leptos_axum::ResponseOptions>(), http::HeaderValue::from_str(&cookie))
    {
        response.insert_header(http::header::SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::sign_in_path;

    #[test]
    fn signing_in_goes_on_where_one_was() {
        assert_eq!(sign_in_path("/"), "/sign-in");
        assert_eq!(sign_in_path("/c/1?m=2&é"), "/sign-in?next=/c/1%3Fm%3D2%26%C3%A9");
    }
}
