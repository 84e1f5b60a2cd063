//! Passwords, sessions and one-time links.

use crate::{Backend, Caller, Result};
use model::staff::Me;
use model::{Millis, OrgId, StaffId};

/// A session's secret, for the cookie. The store keeps its hash.
pub struct NewSession {
    /// The cookie's value.
    pub token: String,
    /// When it ends.
    pub expires_at: Millis,
}

/// Signs in with e-mail and password. `from` is the caller's network address, for limiting attempts.
///
/// # Errors
/// `Invalid` without telling whether the address is known; `TooManyRequests` after ten failures in fifteen
/// minutes for an address or thirty from a network address.
pub async fn sign_in(backend: &Backend, email: &str, password: &str, from: &str) -> Result<NewSession> {
    unimplemented!()
}

/// Ends a session; a token nobody knows ends nothing.
pub async fn sign_out(backend: &Backend, token: &str) -> Result<()> {
    unimplemented!()
}

/// Who a session's secret belongs to, if it holds.
pub async fn caller_by_session(backend: &Backend, token: &str) -> Result<Option<Caller>> {
    unimplemented!()
}

/// Who a bearer token belongs to, if it holds.
pub async fn caller_by_api_token(backend: &Backend, token: &str) -> Result<Option<Caller>> {
    unimplemented!()
}

/// What the page shows about the person who is signed in. `SignedOut` for an API token.
pub async fn me(backend: &Backend, caller: &Caller) -> Result<Me> {
    unimplemented!()
}

/// Makes a one-time link for a member of staff and answers its full URL (`{APP_URL}/welcome/{token}`). Holds for
/// seven days.
pub async fn make_one_time_link(backend: &Backend, org: OrgId, staff: StaffId) -> Result<String> {
    unimplemented!()
}

/// Whom a one-time link invites.
pub struct Welcome {
    /// Their name.
    pub name: String,
    /// What they will sign in with.
    pub email: String,
    /// Where they will work.
    pub organisation: String,
}

/// Reads a one-time link without using it up. `NotFound` when it was used or has expired.
pub async fn read_one_time_link(backend: &Backend, token: &str) -> Result<Welcome> {
    unimplemented!()
}

/// Uses a one-time link: sets the password, ends every other session of the person, and signs in.
pub async fn use_one_time_link(backend: &Backend, token: &str, password: &str) -> Result<NewSession> {
    unimplemented!()
}
