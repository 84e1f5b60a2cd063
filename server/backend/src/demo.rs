//! A demo organisation: a clinic with a simulator line and a few fictitious patients.

use crate::{Backend, Result};

/// Makes the demo organisation unless an organisation exists, and answers a one-time sign-in link for its admin.
/// Every later call answers a fresh link as long as the admin has not set a password.
pub async fn seed(backend: &Backend) -> Result<Option<String>> {
    unimplemented!()
}
